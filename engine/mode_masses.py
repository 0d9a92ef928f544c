"""Mode masses: the share of the points in each mode of a target, beside the share that the truth has there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.densities.cells import Cells
from engine.distances.coverage import coverage, modes_of
from engine.islands import islands_of
from engine.means import Mean
from engine.targets.base import TargetBase

Floats = NDArray[np.float64]
RULE = "Share of the points within 3 standard deviations of a mode"
NEAREST = "Share of the points nearest to each separate blob of the painting"


@dataclass(frozen=True, eq=False)
class ModeMasses:
    """Shares by the name of each set of points."""

    names: tuple[str, ...]
    """Of the modes: those of labels, else "mode 1" and so on."""
    weights: Floats
    """What the truth puts in each, (k,), adding up to 1."""
    shares: dict[str, Floats]
    """(repeats, k) of each set; what is near no mode is in none."""
    rule: str = RULE
    """How points are counted."""

    def mean(self, name: str) -> Floats:
        """(k,)."""
        result: Floats = self.shares[name].mean(axis=0)
        return result

    def due(self, k: int) -> float:
        """What the truth has in mode k by the same rule: the mean of fresh draws, where there are any."""
        return float(self.mean("floor")[k]) if "floor" in self.shares and self.rule == RULE else float(self.weights[k])

    def shift(self, name: str, base: str) -> list[Mean]:
        """What ``name`` has more in each mode than ``base``, from the same noise: paired, so that the errors are small."""
        return [Mean(tuple(column)) for column in (self.shares[name] - self.shares[base]).T.tolist()]

    def error(self, name: str) -> Floats:
        """Standard errors of the means over the repeats, (k,)."""
        repeats = len(self.shares[name])
        result: Floats = self.shares[name].std(axis=0, ddof=1) / math.sqrt(repeats)
        return result


def mode_masses(target: TargetBase, batches: dict[str, Sequence[Floats]]) -> ModeMasses:
    """Masses of batches of points (n, d), standardised coordinates, two batches of each set at least.

    The modes are a few Gaussians or labels; of a painting without labels its separate blobs, by where they are in the user's units.
    Raises Problem where the target has none of these.
    """
    try:
        parts, weights = modes_of(target)
    except Problem:
        frame = target.frame()
        density = target.density().moved(frame.shift, frame.scale)
        if not isinstance(density, Cells):
            raise
        islands = islands_of(density)
        where = tuple(f"blob at ({x:.2g}, {y:.2g})".replace("-", "−") for x, y in frame.outward(islands.centres))
        counted = {name: np.array([islands.shares(batch) for batch in own]) for name, own in batches.items()}
        return ModeMasses(where, islands.weights, counted, NEAREST)
    labelled = target.label_names
    names = tuple(labelled) if len(labelled) == len(parts) else tuple(f"mode {k}" for k in range(1, len(parts) + 1))
    shares = {name: np.array([coverage(batch, parts, weights).shares for batch in own]) for name, own in batches.items()}
    return ModeMasses(names, weights, shares)
