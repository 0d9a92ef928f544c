"""Distances between two sets of points, the floor that two fresh draws of the truth have, energy and straightness of paths.

All in numpy, standardised coordinates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.simulation import Trajectory
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


def path_energy(trajectory: Trajectory) -> float:
    """Integral of E|v|^2 dt along an ODE's particles: sum over the stored steps of E|x_{k+1} - x_k|^2 / (t_{k+1} - t_k).

    With every step of Euler's method stored it is the Riemann sum of |v|^2; else it is that of straight pieces, below the integral by
    O(h^2). At least W2^2 of the first and the last positions (Benamou-Brenier). Of an SDE it grows without bound as the steps get short.
    """
    pieces = np.diff(trajectory.positions.astype(np.float64), axis=0)
    return float((np.square(pieces).sum(axis=2).mean(axis=1) / np.diff(trajectory.times)).sum())


def straightness(trajectory: Trajectory) -> float:
    """S = integral of E|(x_1 - x_0) - v(x_t, t)|^2 dt along an ODE's particles: 0 if every one moves straight at constant speed.

    Liu 2209.03003, (8). It is the path energy less E|x_1 - x_0|^2 (for a run over a time of one), so it has its errors.
    """
    x, times = trajectory.positions.astype(np.float64), trajectory.times
    span = times[-1] - times[0]
    whole = (x[-1] - x[0]) / span
    pieces, steps = np.diff(x, axis=0), np.diff(times)
    gap = pieces / steps[:, None, None] - whole
    return float((np.square(gap).sum(axis=2).mean(axis=1) * steps).sum())


def normalised_path_energy(energy: float, distance: float) -> float:
    """|energy - W2^2| / W2^2, how far a flow is from optimal transport; W2 is between source and data (Tong 2307.03672)."""
    return abs(energy - distance**2) / distance**2
