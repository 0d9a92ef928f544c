"""The picture: arrays in, pixels out. No Qt, no torch."""
