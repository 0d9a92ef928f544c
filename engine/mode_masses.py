"""Mode masses: the share of the points in each mode of a target, beside the share that the truth has there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.distances.coverage import coverage, modes_of
from engine.targets.base import TargetBase

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ModeMasses:
    """Shares by the name of each set of points: near a mode (within three standard deviations) and nearest to it."""

    names: tuple[str, ...]
    """Of the modes: those of labels, else "mode 1" and so on."""
    weights: Floats
    """What the truth puts in each, (k,), adding up to 1."""
    shares: dict[str, Floats]
    """(repeats, k) of each set; what is near no mode is in none."""

    def mean(self, name: str) -> Floats:
        """(k,)."""
        result: Floats = self.shares[name].mean(axis=0)
        return result

    def error(self, name: str) -> Floats:
        """Standard errors of the means over the repeats, (k,)."""
        repeats = len(self.shares[name])
        result: Floats = self.shares[name].std(axis=0, ddof=1) / math.sqrt(repeats)
        return result


def mode_masses(target: TargetBase, batches: dict[str, Sequence[Floats]]) -> ModeMasses:
    """Masses of batches of points (n, d), standardised coordinates, two batches of each set at least.

    Raises Problem where the target has neither a few Gaussians nor labels.
    """
    parts, weights = modes_of(target)
    labelled = target.label_names
    names = tuple(labelled) if len(labelled) == len(parts) else tuple(f"mode {k}" for k in range(1, len(parts) + 1))
    shares = {name: np.array([coverage(batch, parts, weights).shares for batch in own]) for name, own in batches.items()}
    return ModeMasses(names, weights, shares)
