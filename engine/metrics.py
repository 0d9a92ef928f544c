"""Distances between two sets of points, and the floor that two fresh draws of the truth have. All in numpy, standardised coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.targets import Target

Floats = NDArray[np.float64]
Distance = Literal["exact", "sliced"]


def _points(x: NDArray[np.floating], name: str) -> Floats:
    points = np.ascontiguousarray(x, dtype=np.float64)
    if points.ndim != 2 or len(points) == 0:
        raise ValueError(f"{name} must be points (n, d); its shape is {points.shape}.")
    if not np.isfinite(points).all():
        raise Problem(f"{name}: a distance needs finite points, and {int((~np.isfinite(points)).any(axis=1).sum())} of them are not.")
    return points


def w2(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """The exact 2-Wasserstein distance of the empirical measures of x (n, d) and y (m, d): the root of POT's emd2.

    0.4 s at n = m = 2,000, memory 8 n m bytes and more. Raises Problem when points are not finite or the solver does not finish.
    """
    import ot
    from scipy.spatial.distance import cdist

    x, y = _points(x, "x"), _points(y, "y")
    cost, log = ot.emd2([], [], cdist(x, y, "sqeuclidean"), numItermax=10_000_000, log=True, center_dual=False)
    if log["warning"] is not None:
        raise Problem(f"The exact W₂ of {len(x):,} and {len(y):,} points was not reached: {log['warning']}")
    return math.sqrt(max(0.0, float(cost)))


def w2_line(x: NDArray[np.floating], y: NDArray[np.floating]) -> Floats:
    """W2^2 of each column of x (n, k) and y (m, k), by sorting: the integral of (F^{-1} - G^{-1})^2, (k,)."""
    a, b = np.sort(x, axis=0), np.sort(y, axis=0)
    n, m = len(a), len(b)
    if n == m:
        return np.asarray(np.mean((a - b) ** 2, axis=0), dtype=np.float64)
    # both quantile functions are constant between the union of the levels i/n and j/m; counted in units of 1/(n m)
    levels = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    weights = np.diff(levels, prepend=0) / (n * m)
    return np.asarray(weights @ (a[(levels - 1) // m] - b[(levels - 1) // n]) ** 2, dtype=np.float64)


def sliced_w2(x: NDArray[np.floating], y: NDArray[np.floating], projections: int = 128, seed: int = 0) -> float:
    """sqrt(mean over directions of W2^2 of the projections): x (n, d), y (m, d), directions uniform on the sphere from the seed.

    At most W2; for x = y + c it is |c| / sqrt(d) on average.
    """
    x, y = _points(x, "x"), _points(y, "y")
    directions = generator(seed, "sliced").standard_normal((x.shape[1], projections))
    directions /= np.linalg.norm(directions, axis=0)
    return math.sqrt(float(np.mean(w2_line(x @ directions, y @ directions))))


@dataclass(frozen=True)
class Floor:
    """The distance between two fresh draws of the truth: what no sampler can be told apart from."""

    mean: float
    spread: float
    """Standard deviation over the repeats; 0 for one."""
    n: int
    repeats: int


def floor(target: Target, n: int, repeats: int = 4, seed: int = 0, kind: Distance = "exact") -> Floor:
    """Mean and spread of the distance between two independent draws of n points, in standardised coordinates."""
    frame = target.frame()
    distance = w2 if kind == "exact" else sliced_w2
    values = [
        distance(*(frame.inward(target.sample(n, generator(seed, "floor", side, k))) for side in ("one", "other"))) for k in range(repeats)
    ]
    return Floor(float(np.mean(values)), float(np.std(values, ddof=1)) if repeats > 1 else 0.0, n, repeats)
