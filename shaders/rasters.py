"""Rasters: the target's density as a quiet tint, the particles' histogram as a heat map. A texture of values, seen through a palette."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vispy import gloo

from shaders import blending, colours
from shaders.programs import Keep, Program
from shaders.scene import Histogram, PaneData, TargetLayer
from shaders.themes import Theme, rgb
from shaders.trajectory import positions_at
from shaders.view import View

Box = tuple[float, float, float, float]


class RasterVisual:
    """Draws values 0 … 255 on a rectangle of the world."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._program = Program("raster")
        self._program["a_corner"] = gloo.VertexBuffer(np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.float32))
        self._palettes: dict[tuple[str, bool], Any] = {}
        self._heat: Any = None

    def draw_target(self, view: View, style: TargetLayer, theme: Theme, data: PaneData) -> None:
        """The density behind everything."""
        if data.target is None or data.target_box is None or not data.target.size:
            return
        target = data.target
        texture = self._keep.get(
            target, ("target",), lambda: gloo.Texture2D(levels(target), interpolation="linear", wrapping="clamp_to_edge")
        )
        self._draw(view, texture, self._palette("target", theme), data.target_box, style.opacity)

    def draw_histogram(self, view: View, style: Histogram, theme: Theme, data: PaneData, t: float) -> None:
        """How many particles are in each cell now, over the visible region: the same cost for any number of cells."""
        counts, box = histogram(positions_at(data, t), view, style.bins)
        if not counts.any():
            return
        values = levels(counts)
        if self._heat is None:
            self._heat = gloo.Texture2D(values, interpolation="linear", wrapping="clamp_to_edge", resizable=True)
        else:
            self._heat.set_data(values)
        self._draw(view, self._heat, self._palette("heat", theme), box, style.opacity)

    def _draw(self, view: View, texture: Any, palette: Any, box: Box, opacity: float) -> None:
        p = self._program
        p["u_values"], p["u_palette"] = texture, palette
        p["u_box"], p["u_opacity"] = box, opacity
        p["u_world_to_clip"] = view.uniform
        blending.over()
        p.draw("triangle_strip")

    def _palette(self, name: str, theme: Theme) -> Any:
        key = (name, theme.dark)
        if key not in self._palettes:
            table = colours.heat_map(theme.dark) if name == "heat" else tint(theme)
            self._palettes[key] = gloo.Texture2D(
                np.round(table * 255).astype(np.uint8)[None], interpolation="nearest", wrapping="clamp_to_edge"
            )
        return self._palettes[key]


def tint(theme: Theme) -> colours.Table:
    """The stage's colour to the tint, (256, 4)."""
    ramp = np.linspace(0.0, 1.0, 256)
    return np.column_stack([np.tile(rgb(theme.tint), (256, 1)), 0.75 * ramp]).astype(np.float32)


def levels(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Any positive scale to 0 … 255: square root of the value over nearly the largest one. What is not finite is nothing."""
    clean = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0).clip(0.0)
    positive = clean[clean > 0]
    top = float(np.quantile(positive, 0.985)) if positive.size else 1.0
    return np.asarray(np.round(np.sqrt(np.minimum(clean / top, 1.0)) * 255), dtype=np.uint8)


def histogram(points: NDArray[np.float32], view: View, bins: int) -> tuple[NDArray[np.float32], Box]:
    """Counts of points (n, d) in square cells that stay in place when the view is moved, lightly smoothed, and their box."""
    x0, x1, y0, y1 = view.visible()
    cell = min(x1 - x0, y1 - y0) / bins
    left, bottom = int(np.floor(x0 / cell)), int(np.floor(y0 / cell))
    columns, rows = int(np.ceil(x1 / cell)) - left + 1, int(np.ceil(y1 / cell)) - bottom + 1
    box = (left * cell, (left + columns) * cell, bottom * cell, (bottom + rows) * cell)
    if not len(points):
        return np.zeros((rows, columns), dtype=np.float32), box
    fx = points[:, 0] * np.float32(1 / cell) - np.float32(left)
    fy = points[:, 1] * np.float32(1 / cell) - np.float32(bottom)
    inside = (fx >= 0) & (fx < columns) & (fy >= 0) & (fy < rows)
    index = fy[inside].astype(np.int32) * columns + fx[inside].astype(np.int32)
    counts = np.bincount(index, minlength=rows * columns).reshape(rows, columns).astype(np.float32)
    return smooth(counts), box


def smooth(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Binomial weights 1 2 1 along both axes; the sum stays but for the rim."""
    out = 0.5 * counts
    out[1:] += 0.25 * counts[:-1]
    out[:-1] += 0.25 * counts[1:]
    both = 0.5 * out
    both[:, 1:] += 0.25 * out[:, :-1]
    both[:, :-1] += 0.25 * out[:, 1:]
    return np.asarray(both, dtype=np.float32)
