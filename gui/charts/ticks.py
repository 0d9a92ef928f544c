"""Ticks of a logarithmic axis that is often shorter than a decade: round numbers, always a few of them."""

from __future__ import annotations

import math

FEWEST = 3
"""A range that holds fewer round numbers than this gets finer ones."""
MANTISSAS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
MOST = 6
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def log_ticks(low: float, high: float) -> list[float]:
    """Round values between ``low`` and ``high`` (both above 0): powers of ten with 1, 3 or 1, 2, 5; below a decade evenly spaced ones."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for mantissas in MANTISSAS:
        found = [m * 10.0**k for k in decades for m in mantissas if low <= m * 10.0**k <= high]
        if len(found) >= FEWEST:
            return found[:: max(1, math.ceil(len(found) / MOST))]
    return _even_ticks(low, high)


def _even_ticks(low: float, high: float) -> list[float]:
    """Multiples of the largest 1, 2 or 5 × 10ᵏ of which at least three lie in the range."""
    if not high > low:
        return [low]
    power = math.floor(math.log10(high - low)) + 1
    while True:
        for mantissa in (5.0, 2.0, 1.0):
            step = mantissa * 10.0**power
            first, last = math.ceil(low / step), math.floor(high / step)
            if last - first + 1 >= FEWEST:
                return [k * step for k in range(first, last + 1)]
        power -= 1


def tick_words(value: float) -> str:
    """``"0.02"``, ``"2.75"``, ``"10⁹"``, ``"3·10⁻⁵"``."""
    mantissa, _, exponent = f"{value:.3g}".partition("e")
    if not exponent:
        return mantissa
    power = "10" + str(int(exponent)).translate(RAISED)
    return power if mantissa == "1" else f"{mantissa}·{power}"
