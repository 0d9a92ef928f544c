"""Truth: draws of the target, and what follows from them alone, kept for the next samples that are held against them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from engine.randomness import generator

if TYPE_CHECKING:
    from engine.targets.base import TargetBase

Floats = NDArray[np.float64]
Value = TypeVar("Value")


class Truth:
    """``repeats`` times two draws of n points of the target, standardised coordinates, named by the seed.

    Repeat k holds samples against ``one(k)``, and its floor holds ``other(k)`` against the same. Floors, means over pairs and cell masses
    do not change with the samples: ``once`` computes each a single time. For one thread.
    """

    def __init__(self, target: TargetBase, n: int, *, seed: int = 0, repeats: int = 4) -> None:
        self.target, self.n, self.seed, self.repeats = target, n, seed, repeats
        self._kept: dict[tuple[str, int], object] = {}

    def one(self, k: int) -> Floats:
        """What the samples of repeat k are held against, (n, d)."""
        return self.once("one", k, lambda: self._draw("one", k))

    def other(self, k: int) -> Floats:
        """What the floor of repeat k holds against ``one(k)``, (n, d)."""
        return self.once("other", k, lambda: self._draw("other", k))

    def once(self, name: str, k: int, make: Callable[[], Value]) -> Value:
        """What ``make`` gives, from the first time on."""
        key = (name, k)
        if key not in self._kept:
            self._kept[key] = make()
        return cast(Value, self._kept[key])

    def _draw(self, name: str, k: int) -> Floats:
        return self.target.frame().inward(self.target.sample(self.n, generator(self.seed, "evaluation", name, k)))
