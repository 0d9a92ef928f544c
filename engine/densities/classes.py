"""Classes: a density that is known as a mixture of labelled parts, p(x) = sum_k w_k p(x|k)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.densities.categorical import Categorical
from engine.densities.closed import ClosedDensity
from engine.densities.mixture import GaussianMixture

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
MOST_LABELS = 8
"""As many labels as there are colours that stay apart for every eye."""


@dataclass(frozen=True, eq=False)
class Classes:
    """K labelled parts, K at least 2 and at most 8; together they are the whole density."""

    names: tuple[str, ...]
    """What people call each label."""
    weights: Floats
    """(K,) mass of each part, above 0, summing to 1."""
    parts: tuple[ClosedDensity, ...]
    """p(x|k), in the coordinates of the whole."""
    colours: tuple[int, ...]
    """Which of the eight label colours each has, 0 … 7."""

    @cached_property
    def _label(self) -> Categorical:
        return Categorical(self.weights)

    def draw(self, n: int, rng: np.random.Generator) -> Labels:
        """n independent labels by the weights, (n,) int64 from 0 to K - 1."""
        return self._label.draw(n, rng)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Floats, Labels]:
        """n independent draws with their labels, (n, d) and (n,)."""
        labels = self.draw(n, rng)
        x = np.empty((n, self.parts[0].dimension))
        for k, part in enumerate(self.parts):
            rows = np.flatnonzero(labels == k)
            x[rows] = part.sample(len(rows), rng)
        return x, labels


def classes_of_mixture(mixture: GaussianMixture, labels: ArrayLike, names: Sequence[str], colours: Sequence[int] = ()) -> Classes | None:
    """The components of a mixture sorted by label (k,), 0 … K - 1; labels without mass are left out. None unless 2 to 8 are left."""
    own = np.asarray(labels, dtype=np.int64)
    masses = np.bincount(own, weights=mixture.weights, minlength=len(names))
    held = [int(k) for k in np.flatnonzero(masses > 0)]
    if not 2 <= len(held) <= MOST_LABELS:
        return None
    weights = masses[held] / masses[held].sum()
    parts = tuple(mixture.chosen(np.flatnonzero((own == k) & (mixture.weights > 0))) for k in held)
    tints = tuple(colours[k] for k in held) if colours else tuple(held)
    return Classes(tuple(names[k] for k in held), weights, parts, tints if max(tints) < MOST_LABELS else tuple(range(len(held))))
