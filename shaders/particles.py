"""Particles: one soft point sprite each, moved between stored frames by the vertex shader."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vispy import gloo
from vispy.gloo import gl

from shaders import blending, colours
from shaders.programs import Keep, Program, vec3
from shaders.scene import ColourBy, PaneData, Particles
from shaders.themes import Theme, rgb
from shaders.trajectory import moment
from shaders.view import View


class ParticlesVisual:
    """Draws ``PaneData.positions`` at one t. Nothing is uploaded while t stays between the same frames, nor when it comes back to them."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._program = Program("particles")
        self._program["u_largest"] = largest_point()

    def draw(self, view: View, style: Particles, theme: Theme, data: PaneData, t: float) -> None:
        if data.positions is None or data.times is None or not data.positions.size or not len(data.times):
            return
        here, after, between = moment(data.times, t)
        p = self._program
        p["a_here"], p["a_next"] = self._frame(data.positions, here), self._frame(data.positions, after)
        p["a_colour"], p["a_colour_next"] = self._colours(data, style, theme, here), self._colours(data, style, theme, after)
        p["u_world_to_clip"], p["u_focus"] = view.uniform, view.focus
        p["u_between"] = between
        p["u_size"] = style.size * view.pixel_ratio
        p["u_light"] = style.opacity * exposure(view, style.size, data.positions.shape[1])
        blending.glow(theme)
        p.draw("points")

    def _frame(self, positions: NDArray[np.float32], index: int) -> Any:
        def upload() -> Any:
            return gloo.VertexBuffer(vec3(positions[index]))

        return self._keep.get(positions, ("frame", index), upload, 12 * positions.shape[1])

    def _colours(self, data: PaneData, style: Particles, theme: Theme, index: int) -> Any:
        table = particle_colours(self._keep, data, style.colour, theme, index)

        def upload() -> Any:
            return gloo.VertexBuffer(np.ascontiguousarray(table, dtype=np.float32))

        return self._keep.get((data.positions, table), ("buffer",), upload, table.nbytes)

    def draw_cloud(self, view: View, theme: Theme, points: NDArray[np.float32], size: float, opacity: float) -> None:
        """Points (k, d) that stand still, in the theme's tint: the target in 3-D."""
        if not len(points):
            return
        place = self._keep.get(points, ("cloud",), lambda: gloo.VertexBuffer(vec3(points)), 12 * len(points))
        tints = np.tile(rgb(theme.tint), (len(points), 1))
        colour = self._keep.get(points, ("tint", theme.dark), lambda: gloo.VertexBuffer(tints), tints.nbytes)
        p = self._program
        p["a_here"], p["a_next"], p["a_colour"], p["a_colour_next"] = place, place, colour, colour
        p["u_world_to_clip"], p["u_focus"], p["u_between"] = view.uniform, view.focus, 0.0
        p["u_size"], p["u_light"] = size * view.pixel_ratio, opacity * exposure(view, size, len(points))
        blending.glow(theme)
        p.draw("points")


def largest_point() -> float:
    """The largest point that this context can draw, in pixels; at least 64 on what is in use."""
    canvas = gloo.get_current_canvas()
    if canvas is not None:
        canvas.context.flush_commands()
    return float(np.max(gl.glGetParameter(gl.GL_ALIASED_POINT_SIZE_RANGE)))


def particle_colours(keep: Keep, data: PaneData, by: ColourBy, theme: Theme, index: int) -> colours.Table:
    """Colour of each particle, (n, 3), by angle of start, speed at a stored frame, region of arrival, label, or one for all."""
    positions, region = data.positions, data.region
    assert positions is not None
    size = 12 * positions.shape[1]
    found: colours.Table
    if by == "speed":
        found = keep.get(positions, ("speed", index, theme.dark), lambda: speed_colours(data, index, theme), size)
    elif by == "region" and region is not None and len(region) == positions.shape[1]:
        found = keep.get((positions, region), ("region", theme.dark), lambda: colours.regions(theme)[region % 8], size)
    elif by == "label" and data.labels is not None and len(data.labels) == positions.shape[1]:
        labels = data.labels
        found = keep.get((positions, labels), ("label", theme.dark), lambda: colours.labels(theme)[labels % 8], size)
    elif by in ("plain", "label"):
        plain = rgb(theme.alpha)
        found = keep.get(positions, ("plain", theme.dark), lambda: np.tile(plain, (positions.shape[1], 1)), size)
    else:
        start = positions if data.start is None else data.start
        first = positions[0] if data.start is None else data.start
        found = keep.get(start, ("start", theme.dark), lambda: colours.angle_colours(first, theme.dark), size)
    return found


def exposure(view: View, size: float, count: int) -> float:
    """Less light (ink) each, when there are many: 1 for few, falling as one over the square root of how often they cover the plot.

    It depends on how many and how large they are, never on where they are, so that nothing flickers.
    """
    area = view.plot.width * view.plot.height / view.pixel_ratio**2
    cover = count * size * size / max(area, 1.0)
    return float(1.0 / np.sqrt(1.0 + 2.0 * cover))


def speed_colours(data: PaneData, index: int, theme: Theme) -> colours.Table:
    """Colours of |dx/dt| at a stored frame, (n, 3); the scale is the 98th percentile over the whole trajectory."""
    positions, times = data.positions, data.times
    assert positions is not None
    assert times is not None
    last = len(times) - 1
    if last < 1:
        return colours.look_up(colours.speed_map(theme.dark), np.zeros(positions.shape[1]))
    step = max(1, positions.shape[1] // 500)
    gaps = np.maximum(np.diff(times), 1e-9)
    sample = np.linalg.norm(np.diff(positions[:, ::step], axis=0), axis=2) / gaps[:, None]
    low, high = max(0, index - 1), min(last, index + 1)
    speed = np.linalg.norm(positions[high] - positions[low], axis=1) / max(times[high] - times[low], 1e-9)
    return colours.look_up(colours.speed_map(theme.dark), speed / max(float(np.nanquantile(sample, 0.98)), 1e-9))
