"""Fast exact draws of an index with given probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Categorical:
    """P(index = i) = weights[i] / sum; draws by a guide table, which is exact and constant time a draw.

    The unit interval is cut into ``m`` equal bins; for each the first index whose cumulated mass passes its lower edge is
    stored, and from there the right index is a short walk up (Chen & Asau 1974). A weight of zero is never drawn.
    """

    def __init__(self, weights: Floats) -> None:
        self.cumulative: Floats = np.cumsum(weights, dtype=np.float64)
        self.cumulative /= self.cumulative[-1]
        self.count = len(weights)
        self.uniform = bool(np.all(weights == weights[0]))
        bins = 1 << int(np.ceil(np.log2(2 * self.count)))
        self._bins = float(bins)
        first = np.searchsorted(self.cumulative, np.arange(bins) / bins, side="right")
        self._first: NDArray[np.int64] = np.minimum(first, self.count - 1).astype(np.int64)

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """n independent indices, (n,) int64."""
        if self.uniform:
            return rng.integers(self.count, size=n)
        u = rng.random(n)
        index = self._first[(u * self._bins).astype(np.int64)]
        # cumulative[-1] is exactly 1 and u < 1, so the walk ends
        behind = np.flatnonzero(self.cumulative[index] <= u)
        while behind.size:
            index[behind] += 1
            behind = behind[self.cumulative[index[behind]] <= u[behind]]
        return index
