"""Values on a grid made ready for the card: places on a colour scale, holes filled beside a mask of them, more and smoother cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shaders.scene import MapData, ValueScale

Floats = NDArray[np.float32]
OUTSIDE = 1.0
"""How far beyond either end of the scale a place may be. A density of 0 has no logarithm: it is put there."""
WEIGHTS = tuple(np.float32(weight / 54.0) for weight in (-4.0, 42.0, 18.0, -2.0))
"""Catmull and Rom's, a third of the way from the second of four values to the third."""
OVERSHOOT = 0.25
"""How far beyond the range of the values around it the cubic may go, as a share of that range."""
FINE = 300
"""A grid with more cells than this along its longer side is fine enough."""


@dataclass(frozen=True)
class Scale:
    """From values to places: ``low`` is at 0 and ``high`` at 1, evenly in the value or in its logarithm."""

    low: float
    high: float
    logarithmic: bool = False

    def place(self, values: NDArray[np.floating]) -> Floats:
        """Places of values, not below -OUTSIDE nor above 1 + OUTSIDE; NaN stays."""
        low, high = self.low, self.high
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.logarithmic:
                values, low, high = np.log(values), float(np.log(low)), float(np.log(high))
            out = (values - low) / (high - low)
        return np.asarray(np.clip(out, -OUTSIDE, 1.0 + OUTSIDE), dtype=np.float32)

    def value(self, place: float) -> float:
        """The value at a place."""
        if self.logarithmic:
            return float(self.low * (self.high / self.low) ** place)
        return self.low + place * (self.high - self.low)


def scale_of(data: MapData, asked: ValueScale) -> Scale:
    """The scale of a map: a logarithmic one only where it is asked for and both ends are above zero."""
    low, high = float(data.low), float(data.high)
    if not (np.isfinite(low) and np.isfinite(high)):
        low, high = 0.0, 1.0
    logarithmic = asked == "log" and low > 0 and not data.diverging
    if not high > low:
        high = low * 1.001 if logarithmic else low + max(1e-3 * abs(low), 1e-12)
    return Scale(low, high, logarithmic)


def known(values: NDArray[np.floating]) -> NDArray[np.uint8] | None:
    """255 where there is a value and 0 where there is none, (h, w); None where there is one everywhere."""
    missing = np.isnan(values)
    return np.where(missing, 0, 255).astype(np.uint8) if missing.any() else None


def filled(places: Floats, rounds: int = 2) -> Floats:
    """Holes take the mean of their neighbours, so far in as interpolation reaches; deeper ones take 0."""
    there = (~np.isnan(places)).astype(np.float32)
    out = np.where(there > 0, places, np.float32(0.0))
    for _ in range(rounds):
        count = _around(there)
        new = (there == 0) & (count > 0)
        out = np.where(new, _around(out) / np.maximum(count, 1.0), out)
        there[new] = 1.0
    return out


def _around(values: Floats) -> Floats:
    """The sum of each cell and the eight around it; nothing beyond the edges."""
    padded = np.pad(values, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    out: Floats = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return out


def refined(places: Floats) -> Floats:
    """A coarse grid with three cells for each, by Catmull and Rom's cubic: the old centres keep their values, and contours their curves."""
    if max(places.shape) > FINE or min(places.shape) < 3:
        return places
    return _thirds(_thirds(places, 1), 0)


def _thirds(places: Floats, axis: int) -> Floats:
    """Thrice as many along an axis: each place, and what the cubic gives a third of a cell before and after it; the ends go on."""
    n = places.shape[axis]
    first, last = places.take([0, 0], axis), places.take([-1, -1], axis)
    padded = np.concatenate([first, places, last], axis)
    shifted = [padded[k : k + n] if axis == 0 else padded[:, k : k + n] for k in range(5)]
    out = np.empty((n, 3, places.shape[1]) if axis == 0 else (places.shape[0], n, 3), dtype=np.float32)
    before, here, after = (out[:, k] if axis == 0 else out[:, :, k] for k in range(3))
    here[:] = places
    total, part = np.empty_like(places), np.empty_like(places)
    for target, order in ((before, (3, 2, 1, 0)), (after, (1, 2, 3, 4))):
        total[:] = 0.0
        for k, weight in zip(order, WEIGHTS, strict=True):
            np.multiply(shifted[k], weight, out=part)
            np.add(total, part, out=total)
        target[:] = total
    return out.reshape((3 * n, -1) if axis == 0 else (-1, 3 * n))
