"""The few elementary functions that numpy, torch and plain floats share, so that a schedule is written once for all three.

torch is never imported here: a tensor brings its own methods.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Scalar = Any
"""A float, a numpy array or a torch tensor: whatever is passed in comes out in kind."""


def _is_tensor(x: Scalar) -> bool:
    return type(x).__module__.partition(".")[0] == "torch"


def exp(x: Scalar) -> Scalar:
    """e^x, elementwise."""
    return x.exp() if _is_tensor(x) else np.exp(x)


def expm1(x: Scalar) -> Scalar:
    """e^x - 1 without cancellation, elementwise."""
    return x.expm1() if _is_tensor(x) else np.expm1(x)


def sqrt(x: Scalar) -> Scalar:
    """Square root, elementwise."""
    return x.sqrt() if _is_tensor(x) else np.sqrt(x)


def sin(x: Scalar) -> Scalar:
    """Sine, elementwise."""
    return x.sin() if _is_tensor(x) else np.sin(x)


def cos(x: Scalar) -> Scalar:
    """Cosine, elementwise."""
    return x.cos() if _is_tensor(x) else np.cos(x)


def ones_like(x: Scalar) -> Scalar:
    """One in the shape of x."""
    return x * 0 + 1.0
