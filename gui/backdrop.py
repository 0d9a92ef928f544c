"""Backdrop: the source's outline drawn into the picture of the target, on one grid, so that a pane shows both ends of the path. No Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
Raster = NDArray[np.float32]

SIDE = 384
"""Cells along the longer side of the common grid."""
LEVEL = 0.12
"""The outline encloses what is denser than this share of the source's largest density."""
STRENGTH = 0.75
"""Of the outline, as a share of the target's largest density."""


def outlined(target: Raster, target_box: Box, source: Raster, source_box: Box) -> tuple[Raster, Box]:
    """(raster, box): the target's density, row 0 at the bottom, with the edge of the source's where it is the stronger."""
    box = _around(target_box, source_box)
    width, height = box[1] - box[0], box[3] - box[2]
    cell = max(width, height) / SIDE
    shape = (max(2, round(height / cell)), max(2, round(width / cell)))
    filled = _sampled(target, target_box, box, shape)
    line = _edge(_sampled(source, source_box, box, shape))
    top = max(float(filled.max()), 1e-30)
    return np.maximum(filled, STRENGTH * top * line).astype(np.float32), box


def _around(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), max(one[3], other[3])


def _sampled(raster: Raster, own: Box, box: Box, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Bilinear values at the cells of ``box``, zero outside the raster's own box."""
    h, w = raster.shape
    y = (box[2] + (np.arange(shape[0]) + 0.5) / shape[0] * (box[3] - box[2]) - own[2]) / (own[3] - own[2]) * h - 0.5
    x = (box[0] + (np.arange(shape[1]) + 0.5) / shape[1] * (box[1] - box[0]) - own[0]) / (own[1] - own[0]) * w - 0.5
    padded = np.pad(raster.astype(np.float64), 1)
    y, x = np.clip(y + 1.0, 0.0, h + 0.999), np.clip(x + 1.0, 0.0, w + 0.999)
    i, j = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = (y - i)[:, None], (x - j)[None, :]
    top = padded[np.ix_(i, j)] * (1 - fx) + padded[np.ix_(i, j + 1)] * fx
    below = padded[np.ix_(i + 1, j)] * (1 - fx) + padded[np.ix_(i + 1, j + 1)] * fx
    return np.asarray(top * (1 - fy) + below * fy)


def _edge(density: NDArray[np.float64]) -> NDArray[np.float64]:
    """One where the density passes ``LEVEL`` of its largest value, falling to zero within two cells."""
    inside = (density > LEVEL * max(float(density.max()), 1e-30)).astype(np.float64)
    padded = np.pad(inside, 1)
    near = [np.roll(padded, shift, axis)[1:-1, 1:-1] for axis in (0, 1) for shift in (-1, 1)]
    edge = (np.max(near, axis=0) - np.min([inside, *near], axis=0)).clip(0.0, 1.0)
    soft = np.pad(edge, 1)
    around = np.mean([np.roll(soft, shift, axis)[1:-1, 1:-1] for axis in (0, 1) for shift in (-1, 1)], axis=0)
    return np.asarray(np.maximum(0.8 * edge, 0.6 * around))
