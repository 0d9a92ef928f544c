"""Shapes: rounded rectangles with border and fill. Cards, rules, ticks and the time line are made of them; a list is one draw call."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from vispy import gloo

from shaders import blending
from shaders.layout import Rect
from shaders.programs import Program

Rgba = tuple[float, float, float, float]
CLEAR: Rgba = (0.0, 0.0, 0.0, 0.0)
MOST_LISTS = 16


@dataclass(frozen=True)
class Shape:
    """A rectangle in physical pixels (may be fractional), y down. ``fill_right`` makes a gradient. ``hollow``: only the rim is drawn."""

    x: float
    y: float
    width: float
    height: float
    fill: Rgba = CLEAR
    fill_right: Rgba | None = None
    radius: float = 0.0
    border: float = 0.0
    stroke: Rgba = CLEAR
    hollow: float = 0.0


class ShapesVisual:
    """Draws a list of shapes, in order. Lists that come again, as axes do at every frame, are on the card already."""

    def __init__(self) -> None:
        self._program = Program("shapes")
        self._buffers: dict[tuple[Shape, ...], Any] = {}

    def draw(self, pane: Rect, shapes: list[Shape]) -> None:
        """``pane`` is the rectangle that the viewport covers."""
        if not shapes:
            return
        key = tuple(shapes)
        if key not in self._buffers:
            while len(self._buffers) >= MOST_LISTS:
                del self._buffers[next(iter(self._buffers))]
            self._buffers[key] = gloo.VertexBuffer(np.concatenate([_triangles(shape) for shape in shapes]))
        self._program.bind(self._buffers[key])
        self._program["u_pane"] = (pane.x, pane.y, pane.width, pane.height)
        blending.over()
        self._program.draw("triangles")


LAYOUT = np.dtype(
    [
        ("a_pixel", np.float32, 2),
        ("a_center", np.float32, 2),
        ("a_half", np.float32, 2),
        ("a_corner_and_border", np.float32, 2),
        ("a_fill", np.float32, 4),
        ("a_stroke", np.float32, 4),
    ]
)


@lru_cache(maxsize=4096)
def _triangles(shape: Shape) -> np.ndarray[Any, Any]:
    """Two triangles a shape, one pixel larger for the soft edge; eight around a hole for a hollow one."""
    x0, y0, x1, y1 = shape.x - 1, shape.y - 1, shape.x + shape.width + 1, shape.y + shape.height + 1
    if shape.hollow:
        h = shape.hollow
        outer, inner = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)], [(x0 + h, y0 + h), (x1 - h, y0 + h), (x1 - h, y1 - h), (x0 + h, y1 - h)]
        places = []
        for i in range(4):
            a, b, c, d = outer[i], outer[(i + 1) % 4], inner[i], inner[(i + 1) % 4]
            places += [a, b, c, c, b, d]
    else:
        places = [(x0, y0), (x1, y0), (x0, y1), (x0, y1), (x1, y0), (x1, y1)]
    out = np.zeros(len(places), dtype=LAYOUT)
    out["a_pixel"] = places
    out["a_center"] = (shape.x + shape.width / 2, shape.y + shape.height / 2)
    out["a_half"] = (shape.width / 2, shape.height / 2)
    out["a_corner_and_border"] = (min(shape.radius, shape.width / 2, shape.height / 2), shape.border)
    out["a_fill"], out["a_stroke"] = shape.fill, shape.stroke
    if shape.fill_right is not None:
        out["a_fill"][out["a_pixel"][:, 0] > shape.x] = shape.fill_right
    return out
