"""Flat axes: rules at the left and bottom, ticks and names in the user's units, a faint grid. The words stand outside the data."""

from __future__ import annotations

from shaders.ink import rgba
from shaders.layout import Rect
from shaders.numbers import step, ticks, written
from shaders.scene import PaneData
from shaders.shapes import Shape
from shaders.text import Label
from shaders.themes import Theme
from shaders.view import View

SIZE = 11.0


def inner_area(view: View) -> Rect:
    """Where fields and densities are drawn: from the left rule to the right edge, and no higher than the rules."""
    pane, plot = view.pane, view.plot
    return Rect(plot.x, plot.y, pane.x + pane.width - plot.x, plot.height)


def data_area(view: View) -> Rect:
    """Where particles are drawn: likewise, but up to the top."""
    pane, plot = view.pane, view.plot
    return Rect(plot.x, pane.y, pane.x + pane.width - plot.x, plot.y + plot.height - pane.y)


def grid(view: View, data: PaneData, theme: Theme) -> list[Shape]:
    """Lines at the ticks, to go behind the data."""
    plot, colour, thin = view.plot, rgba(theme.line, 0.45), max(1.0, round(view.pixel_ratio))
    right = view.pane.x + view.pane.width - plot.x
    across = [Shape(round(x), plot.y, thin, plot.height, colour) for _, x in places(view, data, 0)]
    along = [Shape(plot.x, round(y), right, thin, colour) for _, y in places(view, data, 1)]
    return across + along


def rules(view: View, data: PaneData, theme: Theme) -> tuple[list[Shape], list[Label]]:
    """The two axes with ticks, numbers and names, to go over the data."""
    plot, ratio = view.plot, view.pixel_ratio
    bottom, thin = plot.y + plot.height, max(1.0, round(ratio))
    line, words = rgba(theme.line), rgba(theme.dim)
    size = SIZE * ratio
    shapes = [
        Shape(plot.x, bottom, view.pane.x + view.pane.width - plot.x, thin, line),
        Shape(plot.x, plot.y, thin, plot.height, line),
    ]
    names = (*data.axis_names, "", "")[:2]
    labels = [
        Label(names[0], plot.x + plot.width + 10 * ratio, bottom + 16 * ratio, rgba(theme.text), size, across="right"),
        Label(names[1], view.pane.x + 10 * ratio, plot.y + 4 * ratio, rgba(theme.text), size),
    ]
    left_of_name = plot.x + plot.width + 10 * ratio - (0.62 * size * len(names[0]) + 22 * ratio)
    for text, x in places(view, data, 0):
        shapes.append(Shape(round(x), bottom, thin, 4 * ratio, line))
        if x < left_of_name:
            labels.append(Label(text, x, bottom + 16 * ratio, words, size, across="center"))
    for text, y in places(view, data, 1):
        shapes.append(Shape(plot.x - 4 * ratio, round(y), 4 * ratio, thin, line))
        if y > plot.y + 20 * ratio or not names[1]:
            labels.append(Label(text, plot.x - 8 * ratio, y, words, size, across="right", down="middle"))
    return shapes, labels


def places(view: View, data: PaneData, axis: int) -> list[tuple[str, float]]:
    """Ticks of one axis: their text in the user's units, and the pixel."""
    plot = view.plot
    start, end = view.to_world(plot.x, plot.y + plot.height), view.to_world(plot.x + plot.width, plot.y)
    shift, scale = float(data.shift[axis]), float(data.scale[axis])
    low, high = float(start[axis]) * scale + shift, float(end[axis]) * scale + shift
    length = plot.width if axis == 0 else plot.height
    most = max(2, int(length / view.pixel_ratio / (76 if axis == 0 else 56)))
    while len(ticks(low, high, most)) < 3 and most < 8:
        most += 1
    size = step(low, high, most)
    out = []
    for value in ticks(low, high, most):
        fraction = (float(value) - low) / (high - low)
        pixel = plot.x + fraction * plot.width if axis == 0 else plot.y + (1 - fraction) * plot.height
        out.append((written(float(value), size), pixel))
    return out
