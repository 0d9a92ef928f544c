"""Curves through control points: piecewise cubics that go through every point and never overshoot, for floats, numpy and torch.

The slopes at the points are those of Fritsch and Butland's monotone interpolation (SIAM J. Sci. Stat. Comput. 5, 1984), which scipy
calls PCHIP: where the points rise, so does the curve; where they turn, it is flat. It therefore stays between its neighbouring
points, so that a curve through non-negative points is non-negative. At the two ends the slope is the three-point one, kept between
a quarter and three times the chord's: a curve that rises to its end does so with a positive slope.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from msgspec import Struct

from engine.choice import Problem
from engine.ops import Scalar

Point = tuple[float, float]
Points = tuple[Point, ...]
"""Control points (t, value): in files and on the command line a list of pairs, ``[[0, 0], [0.5, 0.2], [1, 1]]``."""

Trend = Literal["rising", "falling", "non-negative"]
"""Rising from 0 to 1, falling from 1 to 0, or free and at least 0."""

FEWEST, MOST = 2, 24
GAP = 0.005
"""Neighbouring points are at least this far apart in t."""

ENDS: dict[Trend, tuple[float, float] | None] = {"rising": (0.0, 1.0), "falling": (1.0, 0.0), "non-negative": None}


def problem(points: Points, trend: Trend, name: str, ceiling: float = 1.0) -> str | None:
    """What is wrong with the control points of the curve called ``name``, in one sentence; None if nothing is."""
    if not FEWEST <= len(points) <= MOST:
        return f"{name} needs from {FEWEST} to {MOST} points, and has {len(points)}."
    if not all(np.isfinite(number) for point in points for number in point):
        return f"{name} needs finite numbers."
    if points[0][0] != 0.0 or points[-1][0] != 1.0:
        return f"{name} must begin at t = 0 and end at t = 1."
    for (t, value), (later, next_value) in pairwise(points):
        if later < t + 0.999 * GAP:
            return f"{name} needs times that increase by at least {GAP:g}, and has {t:g} and then {later:g}."
        if trend != "non-negative" and (next_value - value) * (1 if trend == "rising" else -1) < 0.0:
            verb = "fall" if trend == "rising" else "rise"
            return f"{name} must not {verb}, and goes from {value:g} to {next_value:g} between t = {t:g} and {later:g}."
    ends = ENDS[trend]
    if ends is not None and (points[0][1], points[-1][1]) != ends:
        return f"{name} must go from {ends[0]:g} at t = 0 to {ends[1]:g} at t = 1."
    low, high = min(value for _, value in points), max(value for _, value in points)
    if low < 0.0 or high > ceiling:
        return f"{name} must stay between 0 and {ceiling:g}, and reaches {low if low < 0.0 else high:g}."
    return None


def checked(points: Points, trend: Trend, name: str, ceiling: float = 1.0) -> None:
    """Raises Problem where ``problem`` finds one."""
    reason = problem(points, trend, name, ceiling)
    if reason is not None:
        raise Problem(reason)


class Curve(Struct, frozen=True):
    """The curve through points; ``from_right`` writes each piece about its right end: nothing cancels where the curve falls to 0."""

    points: Points
    from_right: bool = False

    def __call__(self, t: Scalar) -> Scalar:
        """The value at t in [0, 1]."""
        h, (y, a, b, c) = self._piece(t)
        return y + h * (a + h * (b + h * c))

    def slope(self, t: Scalar) -> Scalar:
        """d/dt of the value."""
        h, (_, a, b, c) = self._piece(t)
        return a + h * (2.0 * b + h * (3.0 * c))

    def over_time_left(self, t: Scalar) -> Scalar:
        """value / (1 - t), for a curve ``from_right`` that ends at 0: finite at t = 1, where it is minus the slope."""
        h, (y, a, b, c) = self._piece(t)
        last = (t >= self.points[-2][0]) * 1.0
        s = 1.0 - t
        return -last * (a + h * (b + h * c)) + (1.0 - last) * (y + h * (a + h * (b + h * c))) / (s + last)

    def _piece(self, t: Scalar) -> tuple[Scalar, list[Scalar]]:
        """t less the knot of its piece, and the four coefficients of the piece, in the shape of t."""
        knots, table = pieces(self.points, self.from_right)
        if hasattr(t, "new_tensor"):
            inner = t.new_tensor(knots[1:-1])
            index = (t.detach()[..., None] >= inner).sum(-1)
            rows = t.new_tensor(table)[:, index]
        else:
            index = np.searchsorted(knots[1:-1], t, side="right")
            rows = np.asarray(table)[:, index]
        return t - rows[0], [rows[1], rows[2], rows[3], rows[4]]


@lru_cache(maxsize=256)
def pieces(points: Points, from_right: bool) -> tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]:
    """The knots, and the table (5, pieces): the knot each cubic is written about, and its coefficients of order 0 to 3."""
    x, y = np.array(points, dtype=np.float64).T
    h, chord, m = np.diff(x), np.diff(y) / np.diff(x), slopes(points)
    left, right = m[:-1], m[1:]
    c = (left + right - 2.0 * chord) / h**2
    if from_right:
        table = np.stack([x[1:], y[1:], right, (2.0 * right + left - 3.0 * chord) / h, c])
    else:
        table = np.stack([x[:-1], y[:-1], left, (3.0 * chord - 2.0 * left - right) / h, c])
    return tuple(x.tolist()), tuple(tuple(row) for row in table.tolist())


def slopes(points: Sequence[Point]) -> np.ndarray:
    """d/dt at each control point, (m,)."""
    x, y = np.array(points, dtype=np.float64).T
    h, chord = np.diff(x), np.diff(y) / np.diff(x)
    found = np.empty(len(x))
    found[0] = _end(h, chord)
    found[-1] = _end(h[::-1], chord[::-1])
    before, after = chord[:-1], chord[1:]
    first, second = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
    turns = before * after <= 0.0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found[1:-1] = np.where(turns, 0.0, (first + second) / (first / before + second / after))
    return found


def _end(h: np.ndarray, chord: np.ndarray) -> float:
    if len(chord) == 1:
        return float(chord[0])
    three_point = ((2.0 * h[0] + h[1]) * chord[0] - h[0] * chord[1]) / (h[0] + h[1])
    low, high = sorted((0.25 * chord[0], 3.0 * chord[0]))
    return float(min(max(three_point, low), high))
