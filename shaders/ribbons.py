"""Ribbons: antialiased lines of any width, colour and fade, many at once. Trails, streamlines and 3-D axes are made of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from vispy import gloo

from shaders import blending
from shaders.programs import program
from shaders.themes import Theme
from shaders.view import View

Floats = NDArray[np.float32]


class RibbonsVisual:
    """Draws lines (count, k, 3) as quads with soft edges."""

    def __init__(self) -> None:
        self._program = program("ribbon")
        self._buffers: dict[str, Any] = {}
        self._indices: dict[tuple[int, int], tuple[Any, Any]] = {}

    def draw(
        self, view: View, theme: Theme, points: Floats, widths: Floats, colours: Floats, mode: Literal["glow", "paint"] = "paint"
    ) -> None:
        """``points`` (count, k, 3) in the world; ``widths`` (logical pixels) and ``colours`` (rgba) broadcast to (count, k[, 4])."""
        count, k = points.shape[:2]
        if not count or k < 2:
            return
        p = self._program
        self._set("a_position", np.repeat(points.reshape(-1, 3), 2, axis=0))
        self._set("a_tangent", np.repeat(tangents(points).reshape(-1, 3), 2, axis=0))
        self._set("a_width", np.repeat(np.broadcast_to(widths, (count, k)).ravel(), 2))
        rgba = np.broadcast_to(colours, (count, k, 4))
        self._set("a_colour", np.repeat(rgba.reshape(-1, 4), 2, axis=0))
        indices, sides = self._strip(count, k)
        p["a_side"] = sides
        p["u_world_to_clip"], p["u_focus"] = view.uniform, view.focus
        p["u_pixels"] = (view.pane.width, view.pane.height)
        p["u_pixel_ratio"] = view.pixel_ratio
        if mode == "paint":
            blending.over()
        else:
            blending.glow(theme)
        p.draw("triangles", indices)

    def _set(self, name: str, values: NDArray[Any]) -> None:
        values = np.ascontiguousarray(values, dtype=np.float32)
        buffer = self._buffers.get(name)
        if buffer is None:
            buffer = self._buffers[name] = gloo.VertexBuffer(values)
        else:
            buffer.set_data(values)
        self._program[name] = buffer

    def _strip(self, count: int, k: int) -> tuple[Any, Any]:
        found = self._indices.get((count, k))
        if found is None:
            if len(self._indices) > 8:
                self._indices.clear()
            sides = np.tile(np.array([-1.0, 1.0], dtype=np.float32), count * k)
            found = self._indices[count, k] = (gloo.IndexBuffer(strip(count, k)), gloo.VertexBuffer(sides))
        return found


@lru_cache(maxsize=8)
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
