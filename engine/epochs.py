"""Epochs: a finite set of rows that is gone through again and again, each time in a new order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.randomness import generator

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.sources import SourceLaw


class Epochs:
    """An endless row of indices below ``count``: each epoch is a permutation that (seed, name, epoch) gives."""

    def __init__(self, count: int, seed: int, name: str) -> None:
        self.count = count
        self._seed = seed
        self._name = name
        self._kept: tuple[int, NDArray[np.intp]] | None = None

    def indices(self, first: int, n: int) -> NDArray[np.intp]:
        """The indices at places first ... first + n - 1, (n,), whatever was asked for before."""
        parts: list[NDArray[np.intp]] = []
        place, end = first, first + n
        while place < end:
            epoch, offset = divmod(place, self.count)
            part = self._order(epoch)[offset : offset + end - place]
            parts.append(part)
            place += len(part)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.intp)

    def _order(self, epoch: int) -> NDArray[np.intp]:
        kept = self._kept  # threads may share this: the worst is that two make the same permutation
        if kept is None or kept[0] != epoch:
            self._kept = kept = epoch, generator(self._seed, "epochs", self._name, epoch).permutation(self.count)
        return kept[1]


class FixedSet:
    """A finite training set (``training.points``): rows drawn once, then gone through in epochs."""

    def __init__(self, values: NDArray[np.float64], labels: NDArray[np.int64] | None, seed: int, name: str) -> None:
        self.values, self.labels = values, labels
        self._epochs = Epochs(len(values), seed, name)

    def rows(self, first: int, n: int) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
        """Rows (n, d) and labels (n,) at places first ... first + n - 1 of the endless shuffled row."""
        index = self._epochs.indices(first, n)
        return self.values[index], None if self.labels is None else self.labels[index]


def fixed_data(experiment: Experiment) -> FixedSet | None:
    """The points that training is confined to, standardised coordinates, float64; None if it draws afresh."""
    count, seed = experiment.training.points, experiment.training.seed
    if not count:
        return None
    target, rng = experiment.target, generator(seed, "points", "data")
    x, labels = target.sample_labelled(count, rng) if experiment.condition.conditional else (target.sample(count, rng), None)
    return FixedSet(target.frame().inward(x), labels, seed, "data")


def fixed_source(experiment: Experiment, law: SourceLaw) -> FixedSet | None:
    """The same for a source that is not the standard Gaussian, whose noise is always fresh."""
    count, seed = experiment.training.points, experiment.training.seed
    if not count or law.standard:
        return None
    return FixedSet(law.sample(count, generator(seed, "points", "source")), None, seed, "source")
