"""Quick pictures of a target, by numpy alone: the density on a grid, and a few points of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.densities.cells import Cells
from engine.densities.closed import ClosedDensity
from engine.densities.mixture import GaussianMixture
from engine.targets.base import TargetBase

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]
_MOST = 20_000
"""Beyond this many components a histogram of the means stands for them."""
_REACH = 6.0
"""A Gaussian so many standard deviations away adds less than 10^-7 of its peak."""
_HUGE = 100_000
"""Beyond this many, that of every k-th."""


def preview(target: TargetBase, size: int = 128) -> tuple[NDArray[np.float32], Box]:
    """The density of the first two axes, largest value 1, and its box.

    Returns a raster (h, w) float32 with **row 0 at the bottom**, ``size`` pixels along the side that is longer in standardised
    coordinates, and (x low, x high, y low, y high) in the user's units. A pixel of a raster target is the mean over it; bare
    points are drawn as Gaussians of about a pixel.
    """
    frame = target.frame()
    density = _fewer(target.density()).moved(frame.shift, frame.scale)
    low, high = (density.low, density.high) if isinstance(density, Cells) else density.bounds()
    if not isinstance(density, Cells):
        margin = 0.02 * (high - low)
        low, high = low - margin, high + margin
    low, high = low[:2], high[:2]
    pixel = float((high - low).max()) / size
    w, h = (max(1, int(n)) for n in np.round((high - low) / pixel))
    x_edges, y_edges = np.linspace(low[0], high[0], w + 1), np.linspace(low[1], high[1], h + 1)
    picture = _cells(density, x_edges, y_edges) if isinstance(density, Cells) else _mixture(density, x_edges, y_edges)
    box_low, box_high = low * frame.scale[:2] + frame.shift[:2], high * frame.scale[:2] + frame.shift[:2]
    box = (float(box_low[0]), float(box_high[0]), float(box_low[1]), float(box_high[1]))
    return (picture / max(float(picture.max()), 1e-300)).astype(np.float32), box


def _fewer(density: ClosedDensity) -> ClosedDensity:
    """A huge point set by every k-th of its points: enough for a picture."""
    if not isinstance(density, GaussianMixture) or density.count <= _HUGE or density.stds is None or len(density.stds) > 1:
        return density
    step = -(-density.count // _HUGE)
    return GaussianMixture(density.means[::step], stds=density.stds, weights=density.weights[::step])


def preview_points(target: TargetBase, n: int = 2000) -> Floats:
    """n draws for a picture, always the same, (n, d) in the user's units."""
    return target.sample(n, np.random.Generator(np.random.Philox(key=n)))


def _cells(density: Cells, x_edges: Floats, y_edges: Floats) -> Floats:
    """Mean density over each pixel, exactly: two products with the overlaps of cells and pixels."""
    h, w = density.weights.shape
    along = _overlap(np.linspace(density.low[0], density.high[0], w + 1), x_edges)
    up = _overlap(np.linspace(density.low[1], density.high[1], h + 1), y_edges)
    picture: Floats = up @ density.weights @ along.T
    return picture


def _overlap(cells: Floats, pixels: Floats) -> Floats:
    """Share of each cell that lies in each pixel, (pixels, cells), from their edges."""
    shared = np.minimum(cells[1:], pixels[1:, None]) - np.maximum(cells[:-1], pixels[:-1, None])
    share: Floats = np.clip(shared, 0.0, None) / (cells[1:] - cells[:-1])
    return share


def _mixture(density: GaussianMixture, x_edges: Floats, y_edges: Floats) -> Floats:
    """The mixture at pixel centres, never sharper than a pixel."""
    x, y = 0.5 * (x_edges[1:] + x_edges[:-1]), 0.5 * (y_edges[1:] + y_edges[:-1])
    pixel = np.array([x_edges[1] - x_edges[0], y_edges[1] - y_edges[0]])
    if density.stds is None:
        return _tilted(density, x, y, pixel)
    means, weights, stds = density.means[:, :2], density.weights, np.maximum(density.stds[:, :2], 0.6 * pixel)
    if density.count > _MOST:
        counts = np.histogram2d(means[:, 1], means[:, 0], bins=(y_edges, x_edges), weights=weights)[0]
        filled = np.nonzero(counts)
        means, weights = np.stack([x[filled[1]], y[filled[0]]], axis=1), counts[filled]
        stds = stds if len(stds) == 1 else np.median(stds, axis=0, keepdims=True)
    # axis-parallel Gaussians are separable: one product
    along, up = (_bumps(grid, means[:, axis], stds[:, axis]) for axis, grid in enumerate((x, y)))
    picture: Floats = ((up * weights.astype(np.float32)) @ along.T).astype(np.float64)
    return picture


def _bumps(grid: Floats, means: Floats, stds: Floats) -> NDArray[np.float32]:
    away = ((grid[:, None] - means) / stds).astype(np.float32)
    bumps: NDArray[np.float32] = np.exp(-0.5 * away * away) / stds.astype(np.float32)
    return bumps


def _tilted(density: GaussianMixture, x: Floats, y: Floats, pixel: Floats) -> Floats:
    """Full covariances: each Gaussian on the pixels within ``_REACH`` of its standard deviations along both axes."""
    picture = np.zeros((len(y), len(x)))
    covariances = density.covariances[:, :2, :2] + np.diag((0.3 * pixel) ** 2)
    inverses, scales = np.linalg.inv(covariances), density.weights / np.sqrt(np.linalg.det(covariances))
    reach = _REACH * np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
    (left, bottom), (right, top) = (
        tuple(np.searchsorted(grid, density.means[:, axis] + sign * reach[:, axis]) for axis, grid in enumerate((x, y)))
        for sign in (-1.0, 1.0)
    )
    for k in np.nonzero((right > left) & (top > bottom))[0]:
        columns, rows = slice(left[k], right[k]), slice(bottom[k], top[k])
        (a, b), (_, c) = inverses[k]
        dx, dy = (x[columns] - density.means[k, 0])[None, :], (y[rows] - density.means[k, 1])[:, None]
        picture[rows, columns] += scales[k] * np.exp(-0.5 * (a * dx * dx + c * dy * dy) - b * dx * dy)
    return picture
