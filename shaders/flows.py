"""The flow map, whose lines are coloured by stretch and squeeze, and the paths through the point under the pointer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shaders import colours
from shaders.fields import ArrowsVisual
from shaders.ink import Rgba, rgba
from shaders.programs import Keep
from shaders.ribbons import RibbonsVisual
from shaders.scene import FlowLines, FlowMap, Probed
from shaders.shapes import Shape, ShapesVisual
from shaders.themes import Theme, rgb
from shaders.view import View

Floats = NDArray[np.float32]
LINE = 1.25
"""Thickness of a line of the flow map, logical pixels."""
RING = 5.5
"""Radius of the ring around the point, logical pixels."""
TIME_SHOWN = 0.3
"""The arrow of velocity reaches as far as a particle would in this time, within bounds."""


class FlowsVisual:
    """Draws both from ribbons, shapes and an arrow."""

    def __init__(self, ribbons: RibbonsVisual, shapes: ShapesVisual, arrows: ArrowsVisual, keep: Keep) -> None:
        self._ribbons, self._shapes, self._arrows, self._keep = ribbons, shapes, arrows, keep

    def draw_map(self, view: View, style: FlowMap, theme: Theme, data: FlowLines) -> None:
        """Lines that the flow has carried; where a point is not finite the line is broken."""

        def coloured() -> tuple[Floats, Floats]:
            points, there = whole(data.points)
            shades = np.empty((*there.shape, 4), dtype=np.float32)
            place = 0.5 + 0.5 * data.stretch.ravel() / max(data.limit, 1e-12)
            shades[..., :3] = colours.look_up(colours.stretch_map(theme.dark), place).reshape(*there.shape, 3)
            shades[..., 3] = there & np.isfinite(data.stretch)
            return points, shades

        points, shades = self._keep.get(data, ("flow", theme.dark), coloured, 28 * data.stretch.size)
        dimmed = shades * np.array([1.0, 1.0, 1.0, style.opacity], dtype=np.float32)
        self._ribbons.draw(view, theme, points, np.full(1, LINE, dtype=np.float32), dimmed)

    def draw_probe(self, view: View, theme: Theme, data: Probed) -> None:
        """Conditional paths, the path behind and ahead, the arrow, and a ring at the point."""
        marks: list[Shape] = []
        if data.conditional is not None and data.weights is not None and len(data.conditional):
            marks += self._conditional(view, theme, data.conditional, data.weights)
        source, target = rgba(theme.alpha), rgba(theme.beta)
        self._path(view, theme, data.backward, theme.alpha)
        self._path(view, theme, data.forward, theme.beta)
        ring = dot(view, np.asarray(data.point), RING, stroke=rgba(theme.strong), border=1.5, behind=rgba(theme.stage, 0.8))
        for ends, colour in ((data.backward[:1], source), (data.forward[-1:], target)):
            if len(ends) and np.isfinite(ends).all():
                hollow = colour is source
                marks += dot(view, ends[0], 4.0, CLEAR if hollow else colour, colour, 1.6 if hollow else 0.0, rgba(theme.stage, 0.8))
        self._shapes.draw(view.pane, marks + ring)
        if data.arrow is not None and np.isfinite(data.arrow).all() and any(data.arrow):
            speed = float(np.hypot(*data.arrow))
            direction = np.asarray(data.arrow, dtype=np.float64) / speed
            length = float(np.clip(TIME_SHOWN * speed * view.scale / view.pixel_ratio, 28.0, 90.0))
            start = np.asarray(data.point, dtype=np.float64) + direction * (RING + 1.0) * view.pixel_ratio / view.scale
            self._arrows.draw_from(view, start, direction, length, rgba(theme.strong))

    def _path(self, view: View, theme: Theme, path: Floats, colour: str) -> None:
        if len(path) < 2:
            return
        points, there = whole(path[None])
        for shade, extra, opacity in ((theme.stage, 2.4, 0.55), (colour, 0.0, 0.95)):  # a quiet edge, so that it stands out from a map
            rgba_ = np.empty((*there.shape, 4), dtype=np.float32)
            rgba_[..., :3], rgba_[..., 3] = rgb(shade), opacity * there
            self._ribbons.draw(view, theme, points, np.full(1, 1.8 + extra, dtype=np.float32), rgba_)

    def _conditional(self, view: View, theme: Theme, paths: Floats, weights: Floats) -> list[Shape]:
        """Thin lines, clearer the more they count; returns the dots at their ends in the data."""
        weights = np.nan_to_num(weights)
        share = (weights / max(float(weights.max()), 1e-12)).clip(0.0, 1.0)
        clear = (0.12 + 0.6 * share).astype(np.float32)
        points, there = whole(paths)
        shades = np.empty((*there.shape, 4), dtype=np.float32)
        shades[..., :3], shades[..., 3] = rgb(theme.text), clear[:, None] * there
        self._ribbons.draw(view, theme, points, np.full(1, 1.0, dtype=np.float32), shades)
        out = []
        for end, opacity in zip(paths[:, -1], clear, strict=True):
            if np.isfinite(end).all():
                out += dot(view, end, 2.2, rgba(theme.text, min(1.0, float(opacity) + 0.2)))
        return out


CLEAR: Rgba = (0.0, 0.0, 0.0, 0.0)


def dot(
    view: View,
    place: NDArray[np.floating],
    radius: float,
    fill: Rgba = CLEAR,
    stroke: Rgba = CLEAR,
    border: float = 0.0,
    behind: Rgba = CLEAR,
) -> list[Shape]:
    """A disc or a ring at a place of the world, with a disc behind it; sizes in logical pixels."""
    x, y = (float(c) for c in view.to_pixels(np.asarray(place, dtype=np.float64)[None])[0])
    ratio = view.pixel_ratio
    out = []
    for reach, inside, line, thick in ((radius + 1.2, behind, CLEAR, 0.0), (radius, fill, stroke, border)):
        if inside[3] or line[3]:
            r = reach * ratio
            out.append(Shape(x - r, y - r, 2 * r, 2 * r, inside, radius=r, border=thick * ratio, stroke=line))
    return out


def whole(lines: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Lines (k, m, 2) as (k, m, 3), and which points are seen, (k, m).

    What is not finite stays at the point before; it is not seen, nor is the first point after it, so that nothing crosses the gap.
    """
    there: NDArray[np.bool_] = np.asarray(np.isfinite(lines).all(axis=-1))
    out = np.zeros((*lines.shape[:2], 3), dtype=np.float32)
    if there.all():
        out[..., :2] = lines
        return out, there
    index = np.where(there, np.arange(lines.shape[1])[None], -1)
    last = np.maximum.accumulate(index, axis=1)
    first = np.where(there.any(1), there.argmax(1), 0)
    last = np.where(last < 0, first[:, None], last)
    out[..., :2] = np.nan_to_num(np.take_along_axis(lines, last[..., None], axis=1), nan=0.0, posinf=0.0, neginf=0.0)
    seen = there.copy()
    seen[:, 1:] &= there[:, :-1]
    return out, seen
