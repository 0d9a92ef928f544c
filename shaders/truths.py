"""What is shown of densities, errors and the flow in a flat pane: the layers map, contours, flow map and probe, with their legends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shaders import colours
from shaders.fields import ArrowsVisual
from shaders.flows import FlowsVisual
from shaders.grids import Scale, scale_of
from shaders.ink import Rgba, rgba_of
from shaders.legends import Entry, Legends, Mark, legends
from shaders.maps import MapsVisual, palette_of
from shaders.programs import Keep
from shaders.ribbons import RibbonsVisual
from shaders.scene import Layers, PaneData
from shaders.shapes import Shape, ShapesVisual
from shaders.text import Label
from shaders.themes import Theme
from shaders.view import View

MOST_LEGENDS = 16


class Truths:
    """Draws those layers of a pane, each where its order is."""

    def __init__(self, ribbons: RibbonsVisual, shapes: ShapesVisual, arrows: ArrowsVisual, keep: Keep) -> None:
        self._shapes = shapes
        self._maps = MapsVisual()
        self._flows = FlowsVisual(ribbons, shapes, arrows, keep)
        self._legends: dict[tuple[Any, ...], Legends] = {}

    @property
    def textures(self) -> int:
        """How many textures of maps are kept."""
        return self._maps.sheets.count

    def draw_maps(self, view: View, layers: Layers, theme: Theme, data: PaneData) -> None:
        """The map, the contours over it, and the flow map."""
        shown, lines = data.map, data.contours
        self._maps.draw(
            view,
            theme,
            (layers.map, shown) if layers.map.visible and shown is not None and shown.values.size else None,
            (layers.contours, lines) if layers.contours.visible and lines is not None and lines.values.size else None,
        )
        if layers.flow_map.visible and data.flow_lines is not None and data.flow_lines.points.size:
            self._flows.draw_map(view, layers.flow_map, theme, data.flow_lines)

    def draw_probe(self, view: View, layers: Layers, theme: Theme, data: PaneData) -> None:
        """The paths through the point under the pointer."""
        if layers.probe.visible and data.probed is not None:
            self._flows.draw_probe(view, theme, data.probed)

    def draw_legends(
        self, view: View, layers: Layers, theme: Theme, data: PaneData, others: list[Label]
    ) -> tuple[list[Shape], list[Label]]:
        """Bars at the right; returns what goes over them. ``others``: the words of other legends, at the bottom right."""
        said = entries(layers, data, theme)
        if not said:
            return [], []
        key = (said, view.plot, view.pixel_ratio, theme.dark, tuple(others))
        if key not in self._legends:
            while len(self._legends) >= MOST_LEGENDS:
                del self._legends[next(iter(self._legends))]
            self._legends[key] = legends(view, theme, said, others)
        found = self._legends[key]
        self._shapes.draw(view.pane, list(found.behind))
        for bar in found.bars:
            self._maps.draw_bar(view, bar.box, bar.palette, theme, bar.opacity)
        return list(found.over), list(found.labels)

    def sweep(self, alive: Iterable[Any]) -> None:
        """Forget what belongs to arrays that are not among these."""
        self._maps.sheets.sweep(alive)


def entries(layers: Layers, data: PaneData, theme: Theme) -> tuple[Entry, ...]:
    """What the bars say, the right one first. Contours on the same scale as the map are marks on its bar."""
    out: list[Entry] = []
    shown = data.map if layers.map.visible else None
    lines = data.contours if layers.contours.visible else None
    marks: tuple[Mark, ...] = ()
    if lines is not None:
        marks = level_marks(layers.contours.lines, theme)
    if shown is not None:
        style, scale = layers.map, scale_of(shown, layers.map.scale)
        same = lines is not None and lines.name == shown.name and scale == scale_of(lines, layers.contours.scale)
        out.append(Entry(scale, shown.name, shown.unit, palette_of(style, shown), style.opacity, marks if same else ()))
        if same:
            lines = None
    if lines is not None:
        out.append(Entry(scale_of(lines, layers.contours.scale), lines.name, lines.unit, marks=marks, numbered_marks=True))
    if layers.flow_map.visible and data.flow_lines is not None:
        limit = max(float(data.flow_lines.limit), 1e-6)
        out.append(Entry(Scale(-limit, limit), "log det J", "nats", "stretch", above="stretched", below="squeezed"))
    return tuple(out)


def level_marks(lines: int, theme: Theme) -> tuple[Mark, ...]:
    """The levels of so many contours, in the colours that these have."""
    table = colours.contour_map(theme.dark)
    low, high = rgba_of(table[0]), rgba_of(table[-1])

    def between(share: float) -> Rgba:
        r, g, b, a = (one + share * (other - one) for one, other in zip(low, high, strict=True))
        return r, g, b, a

    return tuple(Mark(k / (lines + 1), between(k / (lines + 1))) for k in range(1, lines + 1))
