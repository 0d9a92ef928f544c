"""The mathematics and the work: no Qt, no OpenGL, no window. Importing this package, or any of its structs, does not import torch."""
