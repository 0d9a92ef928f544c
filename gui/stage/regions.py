"""Regions of arrival: the target cut into eight parts, so that a particle can be coloured by where it ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

REGIONS = 8


def centres(points: NDArray[np.floating], rounds: int = 20) -> NDArray[np.float64]:
    """Eight centres (8, d) of ``points`` (n, d) by k-means; started from the farthest points, so it is the same each time."""
    x = np.asarray(points, dtype=np.float64)
    chosen = [x[int(np.argmax(((x - x.mean(axis=0)) ** 2).sum(axis=1)))]]
    distance = ((x - chosen[0]) ** 2).sum(axis=1)
    for _ in range(REGIONS - 1):
        chosen.append(x[int(np.argmax(distance))])
        distance = np.minimum(distance, ((x - chosen[-1]) ** 2).sum(axis=1))
    found = np.array(chosen)
    for _ in range(rounds):
        nearest = assigned(x, found)
        moved = np.array([x[nearest == k].mean(axis=0) if np.any(nearest == k) else found[k] for k in range(REGIONS)])
        if np.allclose(moved, found):
            break
        found = moved
    order = np.argsort(np.arctan2(found[:, 1] - x[:, 1].mean(), found[:, 0] - x[:, 0].mean()))
    return found[order]


def assigned(points: NDArray[np.floating], found: NDArray[np.float64]) -> NDArray[np.int32]:
    """Index (n,) of the nearest centre of each point."""
    x = np.asarray(points, dtype=np.float64)
    cost = (found**2).sum(axis=1)[None, :] - 2.0 * x @ found.T
    return np.asarray(np.argmin(cost, axis=1), dtype=np.int32)
