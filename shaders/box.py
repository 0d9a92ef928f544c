"""Axes in three dimensions: the three far walls of a box with a faint grid, and numbers along the edges nearest to the rim."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from shaders.ink import rgba
from shaders.numbers import step, ticks, written
from shaders.scene import PaneData
from shaders.text import Across, Label
from shaders.themes import Theme, rgb
from shaders.view import View, axes_of, bounds_of

Floats = NDArray[np.float64]
SIZE = 11.0
MOST = 5
PIECES = 8


def box_of(data: PaneData) -> tuple[Floats, Floats] | None:
    """Low and high corner of what is shown, (3,) each; None when there is nothing."""
    boxes = [(low, high) for low, high in bounds_of(data) if np.isfinite(low).all() and np.isfinite(high).all()]
    if not boxes:
        return None
    low, high = np.min([b[0] for b in boxes], axis=0), np.max([b[1] for b in boxes], axis=0)
    pad = 0.03 * np.maximum(high - low, 1e-3)
    return low - pad, high + pad


def tick_values(low: Floats, high: Floats, data: PaneData, axis: int) -> list[tuple[str, float]]:
    """Text in the user's units and world coordinate of the ticks along one axis."""
    shift, scale = float(data.shift[axis]), float(data.scale[axis])
    a, b = low[axis] * scale + shift, high[axis] * scale + shift
    return [(written(float(v), step(a, b, MOST)), (float(v) - shift) / scale) for v in ticks(a, b, MOST)]


def walls(view: View, low: Floats, high: Floats, data: PaneData, theme: Theme) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lines (count, PIECES + 1, 3) of the far walls and their rgba (count, 1, 4)."""
    far = far_sides(view, low, high)
    lines: list[tuple[Floats, Floats]] = []
    alphas: list[float] = []
    for axis in range(3):
        u, v = (k for k in range(3) if k != axis)
        for along, other in ((u, v), (v, u)):
            for value, strong in [(low[other], True), (high[other], True), *((w, False) for _, w in tick_values(low, high, data, other))]:
                start, end = np.empty(3), np.empty(3)
                start[axis] = end[axis] = far[axis]
                start[other] = end[other] = value
                start[along], end[along] = low[along], high[along]
                lines.append((start, end))
                alphas.append(0.75 if strong else 0.4)
    fraction = np.linspace(0.0, 1.0, PIECES + 1)[None, :, None]
    ends = np.array(lines)
    points = ends[:, None, 0] * (1 - fraction) + ends[:, None, 1] * fraction
    colours = np.empty((len(lines), 1, 4), dtype=np.float32)
    colours[..., :3] = 0.6 * rgb(theme.line) + 0.4 * rgb(theme.dim)
    colours[..., 3] = np.array(alphas)[:, None]
    return points.astype(np.float32), colours


def far_sides(view: View, low: Floats, high: Floats) -> Floats:
    """For each axis the coordinate of the wall that faces the eye from behind, (3,)."""
    _, _, to_eye = axes_of(view.camera)
    eye = np.asarray(view.camera.center) + view.focus * to_eye
    return np.where(eye > (low + high) / 2, low, high)


def labels(view: View, low: Floats, high: Floats, data: PaneData, theme: Theme) -> list[Label]:
    """Numbers and names along one edge of each axis."""
    far = far_sides(view, low, high)
    near = low + high - far
    middle = view.to_pixels(((low + high) / 2)[None])[0]
    names = (*data.axis_names, "", "", "")[:3]
    ratio = view.pixel_ratio
    down = view.camera.elevation < 0  # the floor is above then, and its numbers too
    out: list[Label] = []
    for axis in range(3):
        start, end = edge(view, axis, low, high, near)
        ticks_here = tick_values(low, high, data, axis)
        pixels = view.to_pixels(np.array([start, end]))
        along = pixels[1] - pixels[0]
        normal = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
        if normal @ (pixels.mean(0) - middle) < 0:
            normal = -normal
        for text, value in ticks_here:
            place = start.copy()
            place[axis] = value
            x, y = view.to_pixels(place[None])[0] + normal * 15 * ratio
            out.append(Label(text, float(x), float(y), rgba(theme.dim), SIZE * ratio, across="center", down="middle"))
        x, y = pixels.mean(0) + normal * 38 * ratio if axis < 2 else pixels[0 if down else 1] + (0.0, (14 if down else -14) * ratio)
        across: Across = "center" if axis == 2 or abs(normal[0]) < 0.55 else ("left" if normal[0] > 0 else "right")
        out.append(Label(names[axis], float(x), float(y), rgba(theme.text), SIZE * ratio, across=across, down="middle"))
    return out


def edge(view: View, axis: int, low: Floats, high: Floats, near: Floats) -> tuple[Floats, Floats]:
    """The edge that carries an axis's numbers: near at the floor for the level axes, the leftmost one for the vertical axis."""
    if axis < 2:
        start = np.empty(3)
        start[1 - axis], start[2] = near[1 - axis], (low[2] if view.camera.elevation >= 0 else high[2])
    else:
        corners = [np.array([x, y, low[2]]) for x, y in product((low[0], high[0]), (low[1], high[1]))]
        start = min(corners, key=lambda c: float(view.to_pixels(c[None])[0, 0]))
    end = start.copy()
    start[axis], end[axis] = low[axis], high[axis]
    return start, end
