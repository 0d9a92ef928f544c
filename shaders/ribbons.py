"""Ribbons: antialiased lines of any width, colour and fade, many at once. Trails, streamlines and 3-D axes are made of them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from vispy import gloo

from shaders import blending
from shaders.programs import Program
from shaders.themes import Theme
from shaders.view import View

Floats = NDArray[np.float32]
BLOCK = 256
LAYOUT = np.dtype([("a_position", np.float32, 3), ("a_tangent", np.float32, 3), ("a_width", np.float32), ("a_colour", np.float32, 4)])


class RibbonsVisual:
    """Draws lines (count, k, 3) as quads with soft edges."""

    def __init__(self) -> None:
        self._program = Program("ribbon")
        self._buffer: Any = None
        self._indices: dict[tuple[int, int], tuple[Any, Any]] = {}

    def draw(
        self, view: View, theme: Theme, points: Floats, widths: Floats, colours: Floats, mode: Literal["glow", "paint"] = "paint"
    ) -> None:
        """``points`` (count, k, 3) in the world; ``widths`` (logical pixels) and ``colours`` (rgba) broadcast to (count, k[, 4])."""
        count, k = points.shape[:2]
        if not count or k < 2:
            return
        room = BLOCK * (-(-count // BLOCK))  # a few sizes only, so that the indices are made once; the rest has no extent
        while room >= 2 * count and room > 8:
            room //= 2
        vertices = np.empty((room, k, 2), dtype=LAYOUT)
        vertices[count:] = np.zeros((), dtype=LAYOUT)
        vertices["a_position"][:count] = points[:, :, None]
        vertices["a_tangent"][:count] = tangents(points)[:, :, None]
        vertices["a_width"][:count] = np.broadcast_to(widths, (count, k))[:, :, None]
        vertices["a_colour"][:count] = np.broadcast_to(colours, (count, k, 4))[:, :, None]
        p = self._program
        flat = vertices.reshape(-1)
        if self._buffer is None:
            self._buffer = gloo.VertexBuffer(flat)
        else:
            self._buffer.set_data(flat)
        p.bind(self._buffer)
        indices, sides = self._strip(room, k)
        p["a_side"] = sides
        p["u_world_to_clip"], p["u_focus"] = view.uniform, view.focus
        p["u_pixels"] = (view.pane.width, view.pane.height)
        p["u_pixel_ratio"] = view.pixel_ratio
        if mode == "paint":
            blending.over()
        else:
            blending.glow(theme)
        p.draw("triangles", indices)

    def _strip(self, count: int, k: int) -> tuple[Any, Any]:
        found = self._indices.get((count, k))
        if found is None:
            if len(self._indices) > 64:
                self._indices.clear()
            sides = np.tile(np.array([-1.0, 1.0], dtype=np.float32), count * k)
            found = self._indices[count, k] = (gloo.IndexBuffer(strip(count, k)), gloo.VertexBuffer(sides))
        return found


def strip(count: int, k: int) -> NDArray[np.uint32]:
    """Vertex numbers of the triangles of ``count`` strips of k points, two vertices a point."""
    first = 2 * (np.arange(count)[:, None] * k + np.arange(k - 1)[None, :])
    return np.asarray(first[..., None] + np.array([0, 1, 2, 2, 1, 3]), dtype=np.uint32).ravel()


def tangents(points: Floats) -> Floats:
    """Differences along each line, central inside and one-sided at the ends, (count, k, 3)."""
    out = np.empty_like(points)
    out[:, 1:-1] = 0.5 * (points[:, 2:] - points[:, :-2])
    out[:, 0], out[:, -1] = points[:, 1] - points[:, 0], points[:, -1] - points[:, -2]
    return out
