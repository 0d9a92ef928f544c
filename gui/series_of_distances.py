"""DistanceSeries: what was measured of a network along its training: distances with floors and spreads against the step. No Qt here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.distances import Estimate

Floats = NDArray[np.float64]
COLUMNS = ("step", "curve", "name", "value", "floor", "spread", "floor_spread", "n", "repeats")
"""Of ``rows``: the second and third are places in ``curves`` and ``names``; not a number where there is none."""
MOST_ROWS = 20_000
"""About 2 MB; when there are more, every other point goes."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One distance of one pane along the training, (k,) each; ``error`` and ``floor_error`` are standard errors of the means."""

    label: str
    steps: Floats
    values: Floats
    errors: Floats
    floors: Floats
    floor_errors: Floats

    def times(self, factor: float) -> Curve:
        """In another unit."""
        numbers = (self.values, self.errors, self.floors, self.floor_errors)
        return Curve(self.label, self.steps, *(factor * number for number in numbers))


@dataclass(frozen=True, eq=False)
class DistanceSeries:
    """Points in the order of their steps; each change gives a new series. ``DistanceSeries()`` is the empty one."""

    curves: tuple[str, ...] = ()
    """What was measured: a pane's sampler in words, or the network itself."""
    names: tuple[str, ...] = ()
    """Which distances: names of ``engine.evaluation.NAMES``."""
    rows: Floats = field(default_factory=lambda: np.empty((0, len(COLUMNS))))
    """(k, 9), by ``COLUMNS``: plain numbers, as a file keeps them."""

    def __post_init__(self) -> None:
        """Raises Problem where the parts do not fit together, as those of a damaged file."""
        rows = self.rows
        good = rows.ndim == 2 and rows.shape[1] == len(COLUMNS)
        if good and len(rows):
            places = rows[:, 1:3]
            good = bool(np.isfinite(rows[:, :3]).all() and (places >= 0).all() and (places < (len(self.curves), len(self.names))).all())
        if not good:
            raise Problem("the distances over training cannot be read: their table is damaged.")

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def last_step(self) -> int:
        """0 where there is nothing yet."""
        return int(self.rows[-1, 0]) if len(self.rows) else 0

    def with_point(self, step: int, curve: str, found: Mapping[str, Estimate]) -> DistanceSeries:
        """With what was found at a step; the same that was known of this curve at this step is replaced, what has no value left out."""
        curves, names = _with(self.curves, [curve]), _with(self.names, found)
        new = [(step, curves.index(curve), names.index(name), *_numbers(one)) for name, one in found.items() if one.value is not None]
        if not new:
            return self
        added = np.array(new, dtype=np.float64)
        same = (self.rows[:, 0] == step) & (self.rows[:, 1] == added[0, 1]) & np.isin(self.rows[:, 2], added[:, 2])
        rows = np.concatenate([self.rows[~same], added])
        return DistanceSeries(curves, names, _thinned(rows[np.argsort(rows[:, 0], kind="stable")]))

    def naming(self, curves: Sequence[str]) -> DistanceSeries:
        """With these curves in this order, before any of them has a point: the order decides colours and legends."""
        return DistanceSeries(_with(self.curves, curves), self.names, self.rows)

    def until(self, step: int) -> DistanceSeries:
        """Without what came after a step: training went on from there."""
        return DistanceSeries(self.curves, self.names, self.rows[self.rows[:, 0] <= step])

    def has(self, step: int, curve: str, name: str) -> bool:
        """Whether this was measured."""
        if curve not in self.curves or name not in self.names:
            return False
        place = (self.curves.index(curve), self.names.index(name))
        return bool(((self.rows[:, 0] == step) & (self.rows[:, 1:3] == place).all(axis=1)).any())

    def of(self, name: str) -> list[Curve]:
        """The curves of a distance, in the order in which they first came."""
        if name not in self.names:
            return []
        rows = self.rows[self.rows[:, 2] == self.names.index(name)]
        found = []
        for place, label in enumerate(self.curves):
            own = rows[rows[:, 1] == place]
            if len(own):
                repeats = np.sqrt(np.maximum(own[:, 8], 1.0))
                found.append(Curve(label, own[:, 0], own[:, 3], own[:, 5] / repeats, own[:, 4], own[:, 6] / repeats))
        return found

    def estimates(self, step: int, curve: str) -> dict[str, Estimate]:
        """What is known of a curve at a step, by name; notes are not kept."""
        if curve not in self.curves:
            return {}
        rows = self.rows[(self.rows[:, 0] == step) & (self.rows[:, 1] == self.curves.index(curve))]
        return {self.names[int(row[2])]: _estimate(row) for row in rows}


def _with(known: Sequence[str], more: Mapping[str, Estimate] | Sequence[str]) -> tuple[str, ...]:
    return (*known, *(name for name in more if name not in known))


def _numbers(one: Estimate) -> list[float]:
    given = (one.value, one.floor, one.spread, one.floor_spread)
    return [*(np.nan if number is None else number for number in given), one.n, one.repeats]


def _estimate(row: Floats) -> Estimate:
    value, floor, spread, floor_spread = (None if np.isnan(number) else float(number) for number in row[3:7])
    return Estimate(value=value, floor=floor, spread=spread, floor_spread=floor_spread, n=int(row[7]), repeats=int(row[8]))


def _thinned(rows: Floats) -> Floats:
    """Too many: every other step of each curve goes, the first and the last stay."""
    if len(rows) <= MOST_ROWS:
        return rows
    keep = np.ones(len(rows), dtype=np.bool_)
    for key in np.unique(rows[:, 1:3], axis=0):
        own = np.flatnonzero((rows[:, 1:3] == key).all(axis=1))
        keep[own[1:-1:2]] = False
    return rows[keep]
