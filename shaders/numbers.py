"""Round numbers for ticks, and how they are written."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def step(low: float, high: float, most: int) -> float:
    """The smallest of 1, 2, 5 · 10^k that cuts [low, high] into at most ``most`` parts."""
    span = abs(high - low)
    if not math.isfinite(span) or span <= 0 or most < 1:
        return 1.0
    raw = span / most
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1.0, 2.0, 5.0, 10.0) if m * power >= raw * (1 - 1e-9))


def ticks(low: float, high: float, most: int) -> NDArray[np.float64]:
    """Multiples of ``step`` in [low, high], increasing."""
    low, high = min(low, high), max(low, high)
    size = step(low, high, most)
    first, last = math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9)
    if last - first > 1000:
        return np.zeros(0)
    return np.arange(first, last + 1, dtype=np.float64) * size


def written(value: float, size: float) -> str:
    """A tick as text: as many decimals as the step ``size`` needs, a true minus sign, powers of ten when very large or small."""
    if abs(value) < 1e-9 * size:
        return "0"
    if max(abs(value), size) >= 1e6 or size < 1e-4:
        text = f"{value:.{max(0, math.floor(math.log10(abs(value))) - math.floor(math.log10(size) + 1e-9))}e}"
        mantissa, exponent = text.split("e")
        raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{mantissa}·10{raised}".replace("-", "−")
    decimals = max(0, -math.floor(math.log10(size) + 1e-9))
    return f"{value:.{decimals}f}".replace("-", "−")


def short(value: float) -> str:
    """Two significant digits, for a legend."""
    if value == 0 or not math.isfinite(value):
        return "0"
    digits = 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):.{max(0, digits)}f}".replace("-", "−") if -4 < digits < 8 else f"{value:.1e}".replace("-", "−")
