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


def sinc(x: Scalar) -> Scalar:
    """sin(pi x) / (pi x), 1 at x = 0, elementwise."""
    return x.sinc() if _is_tensor(x) else np.sinc(x)


def divide(a: Scalar, b: Scalar) -> Scalar:
    """a / b, elementwise; infinite (or NaN for 0/0) without a warning where b = 0, for floats too."""
    if _is_tensor(a) or _is_tensor(b):
        return a / b
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(a, b)


def as_number(x: Scalar) -> Scalar:
    """x, an integer as a float."""
    return float(x) if isinstance(x, int) else x


def plain(x: Scalar) -> float:
    """x as a float, without its gradient."""
    return float(x.detach()) if _is_tensor(x) else float(x)


def ones_like(x: Scalar) -> Scalar:
    """One in the shape of x."""
    return x * 0 + 1.0


def log(x: Scalar) -> Scalar:
    """Natural logarithm, elementwise."""
    return x.log() if _is_tensor(x) else np.log(x)


def at_least(x: Scalar, least: float) -> Scalar:
    """max(x, least), elementwise."""
    return x.clamp(min=least) if _is_tensor(x) else np.maximum(x, least)


def at_most(x: Scalar, most: float) -> Scalar:
    """min(x, most), elementwise."""
    return x.clamp(max=most) if _is_tensor(x) else np.minimum(x, most)


def log1p(x: Scalar) -> Scalar:
    """ln(1 + x), elementwise; minus infinity without a warning at x = -1."""
    if _is_tensor(x):
        return x.log1p()
    with np.errstate(divide="ignore"):
        return np.log1p(x)


def power(x: Scalar, exponent: float) -> Scalar:
    """x^exponent for x >= 0, elementwise; infinite without a warning at x = 0 where the exponent is negative."""
    if _is_tensor(x):
        return x**exponent
    with np.errstate(divide="ignore"):
        return np.power(x, exponent)


def atan2(y: Scalar, x: Scalar) -> Scalar:
    """The angle of (x, y), elementwise."""
    return y.atan2(x) if _is_tensor(y) else np.arctan2(y, x)
