"""Any target as ink on the easel's square: the preview of its density, or of its points seen from the side in three dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.targets import Points, TargetBase
from gui.easel.brushes import Rect, smoothed

Box = tuple[float, float, float, float]
POINTS_3D = 12_000
FAINTEST = 1e-3
"""Ink below this share of the most is none."""


@dataclass(frozen=True, eq=False)
class CanvasPicture:
    """Ink (side, side), float32, row 0 at the top, largest value 1, and the world rectangle that the square stands for."""

    ink: NDArray[np.float32]
    box: Box


@lru_cache(maxsize=8)
def canvas_picture(target: TargetBase, side: int = 256) -> CanvasPicture:
    """The picture of a target that is not a painting. Raises Problem for one that has no mass."""
    from engine.targets.preview import preview, preview_points  # scipy: not before the window is there

    if target.dimension == 3:
        return _from_the_side(target.frame().inward(preview_points(target, POINTS_3D)), side)
    bare = isinstance(target, Points) and target.bandwidth == 0
    density, box = preview(target, side // 3 if bare else side)
    wide = box if target.standardise == "per-axis" else _squared(box)
    ink = _resampled(np.asarray(density, dtype=np.float64), box, wide, side)
    # bare points are blots: where two overlap there is no more ink than full ink
    full = float(np.quantile(ink[ink > 0.2 * ink.max()], 0.6)) if bare else float(ink.max())
    ink = np.minimum(ink / max(full, 1e-300), 1.0)
    # the far tails would leave no cell empty
    return CanvasPicture(np.where(ink < FAINTEST, 0.0, ink).astype(np.float32)[::-1].copy(), wide)


def _squared(box: Box) -> Box:
    """The smallest square around a rectangle, with the same middle."""
    x0, x1, y0, y1 = box
    half = 0.5 * max(x1 - x0, y1 - y0)
    cx, cy = 0.5 * (x0 + x1), 0.5 * (y0 + y1)
    return (cx - half, cx + half, cy - half, cy + half)


def _resampled(density: NDArray[np.float64], box: Box, wide: Box, side: int) -> NDArray[np.float64]:
    """Bilinear values of cells given on ``box`` at the cells of a square on ``wide``; zero outside. Row 0 at the bottom."""
    h, w = density.shape
    x = (wide[0] + (np.arange(side) + 0.5) / side * (wide[1] - wide[0]) - box[0]) / (box[1] - box[0]) * w - 0.5
    y = (wide[2] + (np.arange(side) + 0.5) / side * (wide[3] - wide[2]) - box[2]) / (box[3] - box[2]) * h - 0.5
    padded = np.pad(density, 1)
    x, y = np.clip(x + 1, 0, w + 0.999), np.clip(y + 1, 0, h + 0.999)
    i, j = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = (y - i)[:, None], (x - j)[None, :]
    a, b = padded[np.ix_(i, j)], padded[np.ix_(i, j + 1)]
    c, d = padded[np.ix_(i + 1, j)], padded[np.ix_(i + 1, j + 1)]
    return np.asarray((a * (1 - fx) + b * fx) * (1 - fy) + (c * (1 - fx) + d * fx) * fy)


def _from_the_side(points: NDArray[np.float64], side: int) -> CanvasPicture:
    """Standardised points in space in a parallel projection, turned by 35° and tipped by 20° as the stage shows them at first."""
    centred = np.asarray(points, dtype=np.float64)
    azimuth, elevation = np.radians(35.0), np.radians(20.0)
    right = -centred[:, 0] * np.sin(azimuth) + centred[:, 1] * np.cos(azimuth)
    deep = centred[:, 0] * np.cos(azimuth) + centred[:, 1] * np.sin(azimuth)
    up = centred[:, 2] * np.cos(elevation) - deep * np.sin(elevation)
    half = 1.1 * float(max(np.abs(right).max(), np.abs(up).max()))
    counts, _, _ = np.histogram2d(up, right, bins=side, range=((-half, half), (-half, half)))
    soft = smoothed(counts.astype(np.float32), Rect(0, 0, side, side))
    ink = np.sqrt(np.minimum(soft / max(1e-12, float(np.quantile(soft[soft > 0], 0.98))), 1.0))
    return CanvasPicture(ink[::-1].astype(np.float32).copy(), (-half, half, -half, half))
