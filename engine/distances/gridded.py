"""KL, total variation and Jensen-Shannon on a grid: a histogram of the samples against the exact masses that the truth has in its cells.

What is outside of the grid is one more cell. A histogram of n points is further from the truth than its law is: where every cell gets
many points, KL by (cells - 1) / 2n and TV by sum sqrt(q / 2 pi n). The floor, a histogram of n draws of the truth, measures that bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.densities.cells import Cells
from engine.densities.closed import ClosedDensity
from engine.densities.mixture import GaussianMixture

Floats = NDArray[np.float64]
CELLS = {1: 64, 2: 32, 3: 12}
"""Cells along each axis, by the dimension."""
IN_A_CELL = 5
"""Points for each cell on average: fewer, and the bias of the histogram hides what is to be seen."""
_NODES = 6
"""Gauss-Legendre nodes on a piece at most one standard deviation long: a relative error of some 1e-9."""
_MOST_NODES = 4_000_000


@dataclass(frozen=True, eq=False)
class Lattice:
    """A grid of equal cells on the box [low, high]; a cell holds its lower edges, the last of each axis its upper one too."""

    low: Floats
    high: Floats
    shape: tuple[int, ...]
    """Cells along each axis, x first."""

    def edges(self, axis: int) -> Floats:
        """(cells + 1,)."""
        return np.linspace(self.low[axis], self.high[axis], self.shape[axis] + 1)

    @property
    def words(self) -> str:
        """``32 × 32 cells``."""
        return f"{' × '.join(str(count) for count in self.shape)} cells"


def lattice_for(density: ClosedDensity, cells: int | None = None) -> Lattice:
    """The box that holds all but a negligible part of the density, CELLS along each axis unless told."""
    low, high = density.bounds()
    d = len(low)
    flat = high - low <= 0  # a single point
    return Lattice(np.where(flat, low - 0.5, low), np.where(flat, high + 0.5, high), (cells or CELLS[d],) * d)


def cells_for(n: int, dimension: int) -> int:
    """Cells along each axis for n points: five points a cell, from 5 to 64 cells."""
    return int(np.clip(round((n / IN_A_CELL) ** (1.0 / dimension)), 5, 64))


def counts(points: NDArray[np.floating], lattice: Lattice) -> Floats:
    """Shares of the points (n, d) in each cell, and last outside of all, (cells + 1,)."""
    inside, _ = np.histogramdd(np.asarray(points, dtype=np.float64), bins=[lattice.edges(axis) for axis in range(len(lattice.shape))])
    return np.append(inside.ravel(), len(points) - inside.sum()) / len(points)


def cell_masses(density: ClosedDensity, lattice: Lattice) -> Floats:
    """The density's mass in each cell, and last outside of all, (cells + 1,).

    Exact for rasters and axis-parallel Gaussians (bare points included); by Gauss-Legendre for full covariances. Raises Problem where
    those are too narrow for it.
    """
    if isinstance(density, Cells):
        inside = _of_raster(density, lattice)
    elif isinstance(density, GaussianMixture) and density.stds is not None:
        inside = _of_parallel(density, density.stds, lattice)
    elif isinstance(density, GaussianMixture):
        inside = _by_quadrature(density, lattice)
    else:
        raise Problem("the cell masses of this density are not known.")
    inside = np.maximum(inside.ravel(), 0.0)
    return np.append(inside, max(0.0, 1.0 - float(inside.sum())))


def _of_raster(density: Cells, lattice: Lattice) -> Floats:
    h, w = density.weights.shape
    shares = []
    for axis, count in enumerate((w, h)):
        own = np.linspace(density.low[axis], density.high[axis], count + 1)
        edges = lattice.edges(axis)
        overlap = np.minimum(edges[1:, None], own[None, 1:]) - np.maximum(edges[:-1, None], own[None, :-1])
        shares.append(np.maximum(overlap, 0.0) / density.cell[axis])
    result: Floats = shares[0] @ density.weights.T @ shares[1].T
    return result


def _of_parallel(density: GaussianMixture, stds: Floats, lattice: Lattice) -> Floats:
    from scipy.special import ndtr

    d, total = density.dimension, np.zeros(lattice.shape)
    rows = max(1, (1 << 22) // math.prod(lattice.shape))
    for start in range(0, density.count, rows):
        part = slice(start, start + rows)
        weights = density.weights[part]
        factors = []
        for axis in range(d):
            means = density.means[part, axis, None]
            std = np.broadcast_to(stds, (density.count, d))[part, axis, None]
            edges = lattice.edges(axis)[None, :]
            with np.errstate(divide="ignore", invalid="ignore"):
                below = np.where(std > 0, ndtr((edges - means) / std), means < edges)
            factors.append(np.diff(below, axis=1))
        factors[0] = factors[0] * weights[:, None]
        letters = "xyz"[:d]
        total += np.einsum(f"{','.join(f'k{letter}' for letter in letters)}->{letters}", *factors, optimize=True)
    return total


def _by_quadrature(density: GaussianMixture, lattice: Lattice) -> Floats:
    smallest = math.sqrt(float(np.linalg.eigvalsh(density.covariances).min()))
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    places, masses, pieces = [], [], []
    for axis, count in enumerate(lattice.shape):
        width = float(lattice.high[axis] - lattice.low[axis]) / count
        each = max(1, math.ceil(width / smallest))
        piece = width / each
        starts = lattice.low[axis] + piece * np.arange(count * each)
        places.append((starts[:, None] + piece * 0.5 * (nodes + 1.0)).ravel())
        masses.append(np.tile(weights * piece * 0.5, count * each))
        pieces.append(each * _NODES)
    if math.prod(len(place) for place in places) > _MOST_NODES:
        raise Problem("a Gaussian of the target is too narrow for its masses in the cells to be integrated.")
    points = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1).reshape(-1, len(places))
    weight = reduce(np.multiply.outer, masses)
    fine = np.exp(density.log_prob(points)).reshape(weight.shape) * weight
    split = [size for count, each in zip(lattice.shape, pieces, strict=True) for size in (count, each)]
    result: Floats = fine.reshape(split).sum(axis=tuple(range(1, 2 * len(pieces), 2)))
    return result


def kl(p: Floats, q: Floats) -> float:
    """KL(p || q) = sum p log(p / q), nats; infinite where p has mass and q none."""
    held = p > 0
    with np.errstate(divide="ignore"):
        return float(np.sum(p[held] * (np.log(p[held]) - np.log(q[held]))))


def tv(p: Floats, q: Floats) -> float:
    """Total variation, half of sum |p - q|: from 0 to 1."""
    return 0.5 * float(np.abs(p - q).sum())


def js(p: Floats, q: Floats) -> float:
    """Jensen-Shannon divergence, half of KL(p || m) + KL(q || m) with m between them: from 0 to ln 2, nats."""
    middle = 0.5 * (p + q)
    return 0.5 * (kl(p, middle) + kl(q, middle))
