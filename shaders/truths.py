"""What is shown of densities, errors and the flow in a flat pane: the layers map, contours, flow map and probe, with their legends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shaders import colours
from shaders.grids import scale_of
from shaders.ink import rgba_of
from shaders.legends import Entry, Mark, legends
from shaders.maps import MapsVisual, palette_of
from shaders.scene import Layers, PaneData
from shaders.shapes import ShapesVisual
from shaders.text import Label
from shaders.themes import Theme
from shaders.view import View


class Truths:
    """Draws those layers of a pane, each where its order is."""

    def __init__(self, shapes: ShapesVisual) -> None:
        self._shapes = shapes
        self._maps = MapsVisual()

    @property
    def textures(self) -> int:
        """How many textures of maps are kept."""
        return self._maps.sheets.count

    def draw_maps(self, view: View, layers: Layers, theme: Theme, data: PaneData) -> None:
        """The map, and the contours over it."""
        shown, lines = data.map, data.contours
        self._maps.draw(
            view,
            theme,
            (layers.map, shown) if layers.map.visible and shown is not None and shown.values.size else None,
            (layers.contours, lines) if layers.contours.visible and lines is not None and lines.values.size else None,
        )

    def draw_legends(self, view: View, layers: Layers, theme: Theme, data: PaneData, rows_below: int) -> list[Label]:
        """Bars at the right; returns their words. ``rows_below``: rows of other legends at the bottom right."""
        found = legends(view, theme, entries(layers, data, theme), rows_below)
        self._shapes.draw(view.pane, list(found.behind))
        for bar in found.bars:
            self._maps.draw_bar(view, bar.box, bar.palette, theme, bar.opacity)
        self._shapes.draw(view.pane, list(found.over))
        return list(found.labels)

    def sweep(self, alive: Iterable[Any]) -> None:
        """Forget what belongs to arrays that are not among these."""
        self._maps.sheets.sweep(alive)


def entries(layers: Layers, data: PaneData, theme: Theme) -> list[Entry]:
    """What the bars say, the right one first. Contours on the same scale as the map are marks on its bar."""
    out: list[Entry] = []
    shown, lines = layers.map, layers.contours
    marks: tuple[Mark, ...] = ()
    if lines.visible and data.contours is not None:
        scale = scale_of(data.contours, lines.scale)
        table = colours.contour_map(theme.dark)
        marks = tuple(Mark(place, rgba_of(colours.look_up(table, table[:1, 0] * 0 + place)[0])) for place in scale.levels(lines.lines))
    if shown.visible and data.map is not None:
        scale = scale_of(data.map, shown.scale)
        same = data.contours is not None and marks and scale == scale_of(data.contours, lines.scale) and data.contours.name == data.map.name
        entry = Entry(scale, data.map.name, data.map.unit, palette_of(shown, data.map), shown.opacity, marks if same else ())
        out.append(entry)
        if same:
            marks = ()
    if marks and data.contours is not None:
        scale = scale_of(data.contours, lines.scale)
        out.append(Entry(scale, data.contours.name, data.contours.unit, marks=marks, numbered_marks=True))
    return out
