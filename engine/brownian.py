"""BrownianPath: W as a function of (seed, particle, t), so that samplers with any steps share one path.

A virtual Brownian tree in Levy's construction, the hat functions of the dyadic cells of [0, 1]:

    W(t) = t Z_1 + sum_{l < 16} 2^{-l/2} min(u, 1 - u) Z_{l,k} + sqrt(h u (1 - u)) Z_leaf,    k = floor(2^l t), u = 2^l t - k,

each Z drawn by a counter-based generator keyed by (seed, l, k) when it is first needed. The last term belongs to the leaf of
width h = 2^-16 that holds t: it gives W(t) the right variance at any t and the right covariance with every t outside the leaf
(within one leaf the bridge is taken as one Gaussian times sqrt(u (1 - u)); the error in a covariance is below 2^-18).

The Z are normal by inversion at 65,536 equally likely points, scaled to variance one: kurtosis 3 - 0.001, |Z| < 4.4, several
times as fast as exact normals. An increment is a sum of many of them.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.randomness import generator

Floats = NDArray[np.float64]

DEPTH = 16


@cache
def _normal_table() -> Floats:
    """The 65,536 quantiles of N(0, 1) at (i + 1/2)/65,536, scaled to variance one."""
    from scipy.special import ndtri

    quantiles: Floats = ndtri((np.arange(65_536) + 0.5) / 65_536.0)
    table: Floats = 0.5 * (quantiles - quantiles[::-1])
    table /= math.sqrt(float(np.mean(table**2)))
    table.setflags(write=False)
    return table


class BrownianPath:
    """n independent standard Brownian motions in R^d on [0, 1], W(0) = 0. The first k particles do not depend on n."""

    def __init__(self, seed: int, n: int, d: int) -> None:
        self.seed, self.n, self.d = seed, n, d
        # one node of each level stays at hand: times asked for in order draw each node once
        self._node = [-1] * (DEPTH + 2)
        self._normals = [np.zeros((n, d)) for _ in range(DEPTH + 2)]
        self._scratch = np.empty((n, d))

    def at(self, t: float) -> Floats:
        """W(t), (n, d). It depends on (seed, particle, t) alone, not on what was asked before. Raises ValueError outside [0, 1]."""
        if not 0.0 <= t <= 1.0:
            raise ValueError(f"A Brownian path lives on [0, 1]; t = {t}.")
        total = np.multiply(self._normal(0, 0), t) if t > 0.0 else np.zeros((self.n, self.d))
        for level in range(DEPTH):
            node, u = self._cell(level, t)
            self._add(total, level + 1, node, 2.0 ** (-0.5 * level) * min(u, 1.0 - u))
        node, u = self._cell(DEPTH, t)
        self._add(total, DEPTH + 1, node, math.sqrt(2.0**-DEPTH * u * (1.0 - u)))
        return total

    @staticmethod
    def _cell(level: int, t: float) -> tuple[int, float]:
        position = t * 2.0**level  # exact in binary
        node = math.floor(position)
        return node, position - node

    def _add(self, total: Floats, row: int, node: int, weight: float) -> None:
        if weight > 0.0:
            np.multiply(self._normal(row, node), weight, out=self._scratch)
            total += self._scratch

    def _normal(self, row: int, node: int) -> Floats:
        """Z of a node, (n, d); row 0 is that of W(1), row l + 1 that of level l."""
        if self._node[row] != node:
            raw = generator(self.seed, "brownian", row, node).bytes(2 * self.n * self.d)
            index = np.frombuffer(raw, dtype="<u2").reshape(self.n, self.d)
            np.take(_normal_table(), index, out=self._normals[row], mode="clip")
            self._node[row] = node
        return self._normals[row]
