"""Marks: how each sampler is drawn: a colour, a symbol and a line, the same in every study. Colour is never the only sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from engine.introspection import alternatives
from engine.samplers import Sampler
from gui.theme import theme
from shaders.colours import regions

SWATCH = QSize(26, 14)
SYMBOLS = ("o", "s", "t", "d", "star", "t1", "h", "p", "t2", "+", "x", "t3")


@dataclass(frozen=True)
class Mark:
    """pyqtgraph's symbol and a colour as (r, g, b) of 0 to 255; dashed for an SDE."""

    symbol: str
    colour: tuple[int, int, int]
    dashed: bool


def mark_of(sampler: Any) -> Mark:
    """The mark of a sampler's kind in the theme in force."""
    kinds = list(alternatives(Sampler))
    place = kinds.index(type(sampler)) if type(sampler) in kinds else 0
    table = regions(theme())
    red, green, blue = (round(255 * float(channel)) for channel in table[place % len(table)])
    return Mark(SYMBOLS[place % len(SYMBOLS)], (red, green, blue), bool(sampler.noisy))


def draw_swatch(painter: QPainter, sampler: Any, box: QRectF) -> None:
    """A piece of line with the symbol on it, as wide as the box, in its middle."""
    import pyqtgraph as pg

    mark = mark_of(sampler)
    ink = QColor(*mark.colour)
    painter.save()
    painter.setPen(QPen(ink, 1.6, Qt.PenStyle.DashLine if mark.dashed else Qt.PenStyle.SolidLine))
    painter.drawLine(QPointF(box.left(), box.center().y()), QPointF(box.right(), box.center().y()))
    painter.translate(box.center())
    pg.graphicsItems.ScatterPlotItem.drawSymbol(painter, mark.symbol, 8, pg.mkPen(ink), pg.mkBrush(ink))
    painter.restore()
