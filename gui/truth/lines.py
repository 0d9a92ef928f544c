"""LinePlot: a few curves with bands over one axis, linear or logarithmic, with words in a legend and a line at one place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QPen

from gui.charts.ticks import log_ticks, tick_words
from gui.theme import colour, notifier

Floats = NDArray[np.float64]
TINY = 1e-14


@dataclass(frozen=True, eq=False)
class Curve:
    """Places, values and a band about them; NaN where there is nothing yet."""

    words: str
    role: str
    x: Floats
    y: Floats
    low: Floats
    high: Floats
    dashed: bool = False


class LinePlot(pg.PlotWidget):
    """``show_curves`` draws everything anew. A click, or Left and Right, tell ``sought`` and ``stepped``."""

    sought = Signal(float)
    """The place along x that was clicked, in its own unit."""
    stepped = Signal(int)

    def __init__(self, name: str, *, log_x: bool = False, backwards: bool = False) -> None:
        super().__init__(background=None, axisItems={"left": _Axis("left"), "bottom": _Axis("bottom")})
        self._curves: tuple[Curve, ...] = ()
        self._log_x, self._log_y = log_x, True
        self._titles = ("", "")
        self._range: tuple[float, float] | None = None
        self.getPlotItem().vb.invertX(backwards)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        self.setStyleSheet("background: transparent; border: none;")
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.line = pg.InfiniteLine(angle=90, movable=False)
        self._place: float | None = None
        self.scene().sigMouseClicked.connect(self._clicked)
        notifier().changed.connect(self._draw)
        self._draw()

    def show_curves(
        self, curves: Sequence[Curve], titles: tuple[str, str], *, log: bool = True, across: tuple[float, float] | None = None
    ) -> None:
        """Curves; the words of both axes (foot, side); whether the side is logarithmic; the ends of the foot."""
        self._curves, self._titles, self._log_y, self._range = tuple(curves), titles, log, across
        self._draw()

    @property
    def curves(self) -> tuple[Curve, ...]:
        """What is drawn."""
        return self._curves

    @property
    def legend(self) -> list[str]:
        """Its lines."""
        return [curve.words for curve in self._curves]

    def mark(self, x: float | None) -> None:
        """The vertical line, in the unit of x."""
        if x == self._place:
            return
        self._place = x
        self.line.setVisible(x is not None)
        if x is not None:
            self.line.setPos(self._across(x))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(step)
            event.accept()

    def _across(self, x: float) -> float:
        return math.log10(max(x, TINY)) if self._log_x else x

    def _clicked(self, event: Any) -> None:
        box = self.getPlotItem().vb
        if event.button() == Qt.MouseButton.LeftButton and box.sceneBoundingRect().contains(event.scenePos()):
            x = box.mapSceneToView(event.scenePos()).x()
            self.sought.emit(10.0**x if self._log_x else x)

    def _draw(self) -> None:
        self.clear()
        self.setLogMode(x=self._log_x, y=self._log_y)
        self._dress()
        drawn = []
        for curve in self._curves:
            held = np.isfinite(curve.y) & ((curve.y > TINY) | (not self._log_y)) & ((curve.x > TINY) | (not self._log_x))
            if held.any():
                self._add(curve, held)
                drawn.append((curve, held))
        self._frame(drawn)
        self.addItem(self.line, ignoreBounds=True)
        self.line.setPen(pg.mkPen(colour("dim"), width=1, style=Qt.PenStyle.DashLine))
        self.line.setVisible(self._place is not None)
        self.viewport().update()

    def _add(self, curve: Curve, held: NDArray[np.bool_]) -> None:
        ink = colour(curve.role)
        style = Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine
        low = np.maximum(curve.low[held], TINY) if self._log_y else curve.low[held]
        if np.isfinite(low).all():
            edges = [pg.PlotDataItem(curve.x[held], values, pen=None) for values in (low, curve.high[held])]
            for edge in edges:
                edge.setLogMode(self._log_x, self._log_y)
                self.addItem(edge, ignoreBounds=True)
            self.addItem(pg.FillBetweenItem(*edges, brush=colour(curve.role, 0.2)), ignoreBounds=True)
        self.plot(curve.x[held], curve.y[held], pen=pg.mkPen(ink, width=2, style=style))

    def _frame(self, drawn: list[tuple[Curve, NDArray[np.bool_]]]) -> None:
        values = (
            np.concatenate([np.concatenate([curve.y[held], curve.high[held]]) for curve, held in drawn]) if drawn else np.array([0.1, 1.0])
        )
        values = values[np.isfinite(values)]
        if self._log_y:
            low, high = float(np.log10(values.min())), float(np.log10(values.max()))
            room = max(0.06 * (high - low), 0.15)
            self.setYRange(low - room, high + room, padding=0)
        else:
            self.setYRange(0.0, 1.08 * float(values.max()) or 1.0, padding=0)
        if self._range is not None:
            self.setXRange(*(self._across(end) for end in self._range), padding=0.01)

    def _dress(self) -> None:
        small = self._small()
        for side, words, log in (("left", self._titles[1], self._log_y), ("bottom", self._titles[0], self._log_x)):
            axis = self.getAxis(side)
            axis.logarithmic = log
            axis.setPen(pg.mkPen(colour("line")))
            axis.setTextPen(pg.mkPen(colour("dim")))
            axis.setStyle(tickLength=-4, tickFont=small)
            axis.setLabel(words, color=colour("dim").name())
            axis.setGrid(28)
            axis.enableAutoSIPrefix(False)

    def _small(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(max(7.0, font.pointSizeF() - 1.0))
        return font

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        """The legend, in the upper left corner."""
        super().drawForeground(painter, rect)
        if not self._curves:
            return
        painter.save()
        painter.setFont(self._small())
        metrics = painter.fontMetrics()
        line = metrics.height() + 5.0
        width = max(metrics.horizontalAdvance(curve.words) for curve in self._curves) + 56.0
        plot = self.getPlotItem().vb.sceneBoundingRect()
        box = QRectF(plot.topLeft() + QPointF(12, 10), plot.topLeft() + QPointF(12 + width, 20 + line * len(self._curves)))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour("line"), 1.0))
        painter.setBrush(colour("card", 0.88))
        painter.drawRoundedRect(box, 5, 5)
        for place, curve in enumerate(self._curves):
            row = QRectF(box.left() + 10, box.top() + 5 + place * line, width - 20, line)
            style = Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine
            painter.setPen(QPen(colour(curve.role), 2.0, style))
            painter.drawLine(QPointF(row.left(), row.center().y()), QPointF(row.left() + 24, row.center().y()))
            painter.setPen(colour("text"))
            painter.drawText(row.adjusted(34, 0, 20, 0), Qt.AlignmentFlag.AlignVCenter, curve.words)
        painter.restore()


class _Axis(pg.AxisItem):
    """Round numbers as people write them, on a linear or a logarithmic axis."""

    logarithmic = False

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        low, high = min(low, high), max(low, high)  # backwards where the axis runs so
        if self.logarithmic:
            return [(1.0, [math.log10(value) for value in log_ticks(10.0**low, 10.0**high)])]
        found: list[tuple[float, list[float]]] = super().tickValues(low, high, size)[:1]
        return found

    def tickStrings(self, values: list[float], _scale: float, _spacing: float) -> list[str]:
        return [tick_words(10.0**value) if self.logarithmic else tick_words(round(value, 12)) for value in values]

    def logTickStrings(self, values: Any, scale: float, spacing: float) -> list[str]:
        return self.tickStrings(values, scale, spacing)

    def logTickValues(self, low: float, high: float, size: float, _levels: Any) -> list[tuple[float, list[float]]]:
        return self.tickValues(low, high, size)
