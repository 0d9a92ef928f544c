"""Estimate: a number that never stands bare."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct


class Estimate(Struct, frozen=True, kw_only=True):
    """A distance over repeated draws; ``value`` is None where it does not apply, and ``reason`` then says why."""

    value: float | None
    """Mean over the repeats."""
    floor: float | None = None
    """Mean of the same between two fresh draws of the truth, n points each."""
    spread: float | None = None
    """Standard deviation of one repeat; None for a single one. The mean over m repeats has 1/sqrt(m) of it."""
    floor_spread: float | None = None
    n: int = 0
    """Points on each side of one repeat."""
    repeats: int = 0
    note: str = ""
    """What was chosen and what it is biased by, in one line."""
    reason: str | None = None

    @property
    def error(self) -> float | None:
        """Standard error of ``value``, from the spread over the repeats; None for a single one."""
        return None if self.spread is None else self.spread / math.sqrt(max(1, self.repeats))

    @property
    def floor_error(self) -> float | None:
        """Standard error of ``floor``."""
        return None if self.floor_spread is None else self.floor_spread / math.sqrt(max(1, self.repeats))


def estimate(values: Sequence[float], floors: Sequence[float], n: int, note: str = "") -> Estimate:
    """From one value and one floor a repeat; absent where a value is not a finite number."""
    if not np.isfinite(values).all():
        return absent("the distance is not a finite number.", n)
    return Estimate(
        value=float(np.mean(values)),
        floor=float(np.mean(floors)) if len(floors) and np.isfinite(floors).all() else None,
        spread=_spread(values),
        floor_spread=_spread(floors),
        n=n,
        repeats=len(values),
        note=note,
    )


def absent(reason: str, n: int = 0) -> Estimate:
    """No number, and why."""
    return Estimate(value=None, n=n, reason=reason)


def _spread(values: Sequence[float]) -> float | None:
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    found = float(np.std(values, ddof=1))
    return found if math.isfinite(found) else None
