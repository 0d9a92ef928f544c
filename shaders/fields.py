"""Vector fields as arrows or streamlines. Both stand on a grid that is fixed in the world, so that they do not swim when one pans."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vispy import gloo

from shaders import blending, colours
from shaders.programs import Program
from shaders.ribbons import RibbonsVisual
from shaders.scene import VectorField
from shaders.themes import Theme
from shaders.view import View

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]
SPACING = 30.0
"""Logical pixels between neighbouring arrows."""
LINE_STEPS = 14
LAYOUT = np.dtype(
    [
        ("a_anchor", np.float32, 2),
        ("a_direction", np.float32, 2),
        ("a_length", np.float32),
        ("a_corner", np.float32, 2),
        ("a_colour", np.float32, 4),
    ]
)
CORNERS = np.array([[-1, -1], [1, -1], [-1, 1], [-1, 1], [1, -1], [1, 1]], dtype=np.float32)


class ArrowsVisual:
    """Arrows: direction, and by length and colour the square root of the magnitude, so that weak places keep a direction."""

    def __init__(self) -> None:
        self._program = Program("arrows")
        self._buffer: Any = None

    def draw(self, view: View, style: VectorField, values: NDArray[np.float32], box: Box, table: colours.Table) -> None:
        """The longest arrow stands for ``reference(values)``."""
        places = nodes(view, box, SPACING)
        self._quads(view, places, sample(values, box, places) / reference(values), table, style.opacity)

    def draw_one(self, view: View, place: Floats, table: colours.Table) -> None:
        """The longest arrow, at a place (2,) of the world: the legend."""
        self._quads(view, place[None], np.array([[1.0, 0.0]]), table, 1.0)

    def _quads(self, view: View, places: Floats, vectors: Floats, table: colours.Table, opacity: float) -> None:
        magnitude = np.linalg.norm(vectors, axis=1)
        shown = magnitude > 1e-9
        places, vectors, magnitude = places[shown], vectors[shown], magnitude[shown]
        if not len(places):
            return
        relative = np.sqrt(np.minimum(magnitude, 1.0))
        lengths = 0.86 * SPACING * np.maximum(relative, 0.15)
        shades = np.column_stack([colours.look_up(table, relative), np.full(len(places), opacity)])
        self._send(view, places, vectors / magnitude[:, None], lengths, shades)

    def draw_from(self, view: View, place: Floats, direction: Floats, length: float, colour: tuple[float, float, float, float]) -> None:
        """One arrow that begins at a place (2,) of the world; ``direction`` (2,) is a unit vector, ``length`` in logical pixels."""
        middle = place + direction * (0.5 * length * view.pixel_ratio / view.scale)
        self._send(view, middle[None], direction[None], np.array([length]), np.array([colour]))

    def _send(self, view: View, places: Floats, directions: Floats, lengths: Floats, shades: NDArray[np.floating]) -> None:
        """Arrows about their middles, (n, 2) each, with lengths (n,) in logical pixels and colours (n, 4)."""
        quads = np.zeros((len(places), 6), dtype=LAYOUT)
        quads["a_anchor"] = places[:, None]
        quads["a_direction"] = directions[:, None]
        quads["a_length"] = view.pixel_ratio * lengths[:, None]
        quads["a_corner"] = CORNERS
        quads["a_colour"] = shades[:, None]
        flat = quads.ravel()
        if self._buffer is None:
            self._buffer = gloo.VertexBuffer(flat)
        else:
            self._buffer.set_data(flat)
        p = self._program
        p.bind(self._buffer)
        p["u_world_to_clip"], p["u_pixels"] = view.uniform, (view.pane.width, view.pane.height)
        p["u_head"], p["u_shaft"] = 5.2 * view.pixel_ratio, 0.75 * view.pixel_ratio
        blending.over()
        p.draw("triangles")


class StreamlinesVisual:
    """Streamlines: short pieces of integral curves, from a thin tail to a bright head; longer and clearer where the field is stronger."""

    def __init__(self, ribbons: RibbonsVisual) -> None:
        self._ribbons = ribbons

    def draw(self, view: View, style: VectorField, theme: Theme, values: NDArray[np.float32], box: Box, table: colours.Table) -> None:
        """The clearest colour stands for ``reference(values)``."""
        top = reference(values)
        seeds = nodes(view, box, 0.8 * SPACING, staggered=True)
        pixel = view.pixel_ratio / view.scale
        lines, magnitude = integrate(values, box, seeds, top, LINE_STEPS, 2.4 * SPACING * pixel / LINE_STEPS)
        moving = magnitude.max(1, initial=0.0) > 1e-9 * top
        lines, magnitude = lines[moving], magnitude[moving]
        along = np.linspace(0.0, 1.0, LINE_STEPS + 1)
        rgba = np.empty((*lines.shape[:2], 4), dtype=np.float32)
        rgba[..., :3] = colours.look_up(table, np.sqrt(magnitude / top).ravel()).reshape(*magnitude.shape, 3)
        rgba[..., 3] = style.opacity * along**0.7 * (0.35 + 0.65 * np.sqrt(np.minimum(magnitude / top, 1.0)))
        points = np.concatenate([lines, np.zeros((*lines.shape[:2], 1))], axis=-1).astype(np.float32)
        self._ribbons.draw(view, theme, points, (0.6 + 1.9 * along).astype(np.float32), rgba)


def reference(values: NDArray[np.float32]) -> float:
    """The 95th percentile of the magnitudes that are finite; 1 if there is none above zero."""
    magnitude = np.hypot(values[..., 0], values[..., 1])
    magnitude = magnitude[np.isfinite(magnitude)]
    top = float(np.quantile(magnitude, 0.95)) if magnitude.size else 0.0
    return top if top > 0 else 1.0


def nodes(view: View, box: Box, spacing: float, staggered: bool = False) -> Floats:
    """Points of a square (hexagonal) lattice of so many logical pixels, fixed in the world, that are visible and in the box, (n, 2)."""
    gap = spacing * view.pixel_ratio / view.scale
    x0, x1, y0, y1 = view.visible()
    x0, x1, y0, y1 = max(x0, box[0]), min(x1, box[1]), max(y0, box[2]), min(y1, box[3])
    height = gap * (np.sqrt(0.75) if staggered else 1.0)
    columns = np.arange(np.floor(x0 / gap), np.ceil(x1 / gap) + 1)
    rows = np.arange(np.floor(y0 / height), np.ceil(y1 / height) + 1)
    if len(columns) * len(rows) > 40_000 or not len(columns) or not len(rows):
        return np.zeros((0, 2))
    i, j = np.meshgrid(columns, rows)
    x = (i + 0.5 + (0.5 * (j % 2) if staggered else 0.0)) * gap
    points = np.column_stack([x.ravel(), ((j + 0.5) * height).ravel()])
    inside = (points[:, 0] >= x0) & (points[:, 0] <= x1) & (points[:, 1] >= y0) & (points[:, 1] <= y1)
    return points[inside]


def sample(values: NDArray[np.float32], box: Box, points: Floats) -> Floats:
    """Bilinear values of a field (gy, gx, 2) whose nodes are cell centres, (n, 2); 0 where a neighbour is not finite."""
    gy, gx = values.shape[:2]
    x = np.clip((points[:, 0] - box[0]) / (box[1] - box[0]) * gx - 0.5, 0, gx - 1)
    y = np.clip((points[:, 1] - box[2]) / (box[3] - box[2]) * gy - 0.5, 0, gy - 1)
    i, j = np.minimum(x.astype(int), max(gx - 2, 0)), np.minimum(y.astype(int), max(gy - 2, 0))
    fx, fy = (x - i)[:, None], (y - j)[:, None]
    i1, j1 = np.minimum(i + 1, gx - 1), np.minimum(j + 1, gy - 1)
    low = values[j, i] * (1 - fx) + values[j, i1] * fx
    high = values[j1, i] * (1 - fx) + values[j1, i1] * fx
    out: Floats = np.nan_to_num((low * (1 - fy) + high * fy).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    return out


def integrate(values: NDArray[np.float32], box: Box, seeds: Floats, top: float, steps: int, length: float) -> tuple[Floats, Floats]:
    """Curves along the field from each seed by the midpoint rule, (n, steps + 1, 2), and the magnitudes on them, (n, steps + 1).

    A step is at most ``length`` long, shorter where the field is weaker than ``top``.
    """

    def move(x: Floats) -> tuple[Floats, Floats]:
        v = sample(values, box, x)
        m = np.linalg.norm(v, axis=1)
        return v * (length * np.sqrt(np.clip(m / top, 0.1, 1.0)) / np.maximum(m, 1e-12))[:, None] * (m > 0)[:, None], m

    lines, magnitudes = np.empty((len(seeds), steps + 1, 2)), np.empty((len(seeds), steps + 1))
    x = seeds
    for k in range(steps + 1):
        dx, magnitudes[:, k] = move(x)
        lines[:, k] = x
        x = x + move(x + 0.5 * dx)[0]
    return lines, magnitudes
