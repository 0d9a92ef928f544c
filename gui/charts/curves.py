"""CurvesPlot: a distance against the training step: a line with its band for each pane, and the floor, named, behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen

from gui.charts.ticks import log_ticks, tick_words
from gui.series_of_distances import Curve
from gui.theme import colour, notifier, theme
from shaders.colours import regions

STYLES = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashDotLine,
    Qt.PenStyle.DashDotDotLine,
    Qt.PenStyle.DotLine,
)
SYMBOLS = ("o", "s", "t", "d", "star", "t1", "h", "p")
SWATCH = 26.0
MOST_MARKED = 40
"""A curve of more points than this is drawn without symbols but for its last one."""
NARROWEST = 0.05
"""Decades, or a share of the value, that the value's axis spans at least."""
SHORTEST = 0.3
"""Decades of steps that are shown at least."""
BAND = 2.0
"""Standard errors on each side: the band holds the mean 19 times out of 20."""


@dataclass(frozen=True)
class Axis:
    """The value's axis: its words, whether it is logarithmic, and what its floor is called."""

    words: str
    logarithmic: bool
    floor_words: str
    high_is_good: bool = False


class CurvesPlot(pg.PlotWidget):
    """``show_curves`` draws everything anew. Steps are on a logarithmic axis; everything is drawn in its own decades."""

    def __init__(self) -> None:
        self._left, self._foot = _ValueAxis(), _StepAxis()
        super().__init__(background=None, axisItems={"left": self._left, "bottom": self._foot})
        self._curves: list[Curve] = []
        self._axis = Axis("", True, "")
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        self.setMinimumHeight(60)
        self.setStyleSheet("background: transparent; border: none;")  # else it keeps the colour of the theme it was made in
        notifier().changed.connect(self._draw)

    def show_curves(self, curves: Sequence[Curve], axis: Axis) -> None:
        """Curves of one distance, at least a point each; none for an empty plot."""
        self._curves, self._axis = list(curves), axis
        self.setAccessibleName(f"{axis.words} over training")
        self._draw()

    @property
    def legend(self) -> list[str]:
        """Its lines."""
        return [curve.label for curve in self._curves]

    def _draw(self) -> None:
        self.clear()
        self._dress()
        self._left.logarithmic = self._axis.logarithmic
        if not self._curves:
            return
        shown = [(place, curve, *self._values(curve)) for place, curve in enumerate(self._curves)]
        self._frame(shown)
        for place, curve, middle, low, high in shown:
            self._curve(place, np.log10(np.maximum(curve.steps, 1.0)), middle, low, high)
        self.viewport().update()

    def _values(self, curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """The line and both edges of its band, in decades where the axis is logarithmic."""
        half = BAND * np.nan_to_num(curve.errors)
        return self._on_axis(curve.values), self._on_axis(curve.values - half, curve.values), self._on_axis(curve.values + half)

    def _on_axis(self, values: NDArray[np.float64], least: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """log10 where the axis is logarithmic; a band that would reach 0 ends at a tenth of its line."""
        if not self._axis.logarithmic:
            return values
        bottom = 1e-12 if least is None else np.maximum(0.1 * least, 1e-12)
        return np.log10(np.maximum(values, bottom))

    def _frame(self, shown: list[tuple[int, Curve, Any, Any, Any]]) -> None:
        steps = np.concatenate([curve.steps for _, curve, *_ in shown])
        left, right = math.log10(max(1.0, steps.min())), math.log10(max(1.0, steps.max()))
        if right - left < SHORTEST:
            left, right = max(0.0, left - 0.5 * SHORTEST), max(0.0, left - 0.5 * SHORTEST) + SHORTEST
        edges = [np.concatenate([low, high]) for *_, low, high in shown]
        floors = [self._on_axis(curve.floors[~np.isnan(curve.floors)]) for _, curve, *_ in shown]
        everything = np.concatenate([*edges, *floors])
        bottom, top = float(everything.min()), float(everything.max())
        least = NARROWEST * (1.0 if self._axis.logarithmic else max(abs(bottom), abs(top), 1e-9))
        if top - bottom < least:
            middle = 0.5 * (top + bottom)
            bottom, top = middle - 0.5 * least, middle + 0.5 * least
        self.setXRange(left, right, padding=0.03)
        self.setYRange(bottom, top, padding=0.08)
        self._floor([curve for _, curve, *_ in shown], left, right)

    def _floor(self, curves: list[Curve], left: float, right: float) -> None:
        """The latest floor of each curve: one dashed line where they agree."""
        found: list[tuple[float, float]] = []
        for curve in curves:
            if not np.isnan(curve.floors[-1]):
                pair = (float(curve.floors[-1]), float(np.nan_to_num(curve.floor_errors[-1])))
                found += [pair] if all(abs(pair[0] - one[0]) > 1e-9 for one in found) else []
        for value, error in found:
            band = np.array([value - BAND * error, value, value + BAND * error])
            low, middle, high = self._on_axis(band, np.full(3, value))
            self._fill(np.array([left - 1, right + 1]), np.full(2, low), np.full(2, high), colour("dim", 0.12))
            pen = pg.mkPen(colour("dim"), width=1, style=Qt.PenStyle.DashLine)
            self.addItem(pg.PlotCurveItem([left - 1, right + 1], [middle, middle], pen=pen))
            words = pg.TextItem(self._axis.floor_words, color=colour("dim"), anchor=(0.0, 0.0 if self._axis.high_is_good else 1.0))
            words.setFont(self._small())
            words.setPos(left, middle)
            self.addItem(words, ignoreBounds=True)

    def _curve(self, place: int, steps: Any, middle: Any, low: Any, high: Any) -> None:
        ink = ink_of(place)
        faint = QColor(ink)
        faint.setAlphaF(0.2)
        if len(steps) > 1:
            self._fill(steps, low, high, faint)
        self.addItem(pg.PlotCurveItem(steps, middle, pen=pg.mkPen(ink, width=2, style=STYLES[place % len(STYLES)])))
        marked = slice(None) if len(steps) <= MOST_MARKED else slice(-1, None)
        symbol = SYMBOLS[place % len(SYMBOLS)]
        self.addItem(pg.ScatterPlotItem(steps[marked], middle[marked], symbol=symbol, size=5, pen=pg.mkPen(ink), brush=pg.mkBrush(ink)))

    def _fill(self, x: Any, low: Any, high: Any, ink: QColor) -> None:
        none = pg.mkPen(None)
        self.addItem(pg.FillBetweenItem(pg.PlotCurveItem(x, low, pen=none), pg.PlotCurveItem(x, high, pen=none), brush=pg.mkBrush(ink)))

    def _dress(self) -> None:
        for axis in (self._left, self._foot):
            axis.setPen(pg.mkPen(colour("line")))
            axis.setTextPen(pg.mkPen(colour("dim")))
            axis.setStyle(tickLength=-3, tickFont=self._small())

    def _small(self) -> QFont:
        font = self.font()
        font.setPointSizeF(max(6.5, font.pointSizeF() - 2.0))
        return font

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        """The legend, where the curves seldom are: distances fall to the right."""
        super().drawForeground(painter, rect)
        if not self._curves:
            return
        painter.save()
        painter.setFont(self._small())
        metrics = painter.fontMetrics()
        line = metrics.height() + 1.0
        plot = self.getPlotItem().vb.sceneBoundingRect()
        width = min(plot.width() - 8, max(metrics.horizontalAdvance(name) for name in self.legend) + SWATCH + 20.0)
        box = QRectF(0, 0, width, line * len(self._curves) + 6.0)
        if self._axis.high_is_good:
            box.moveBottomRight(plot.bottomRight() + QPointF(-4, -4))
        else:
            box.moveTopRight(plot.topRight() + QPointF(-4, 4))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour("line"), 1.0))
        painter.setBrush(colour("card", 0.85))
        painter.drawRoundedRect(box, 4, 4)
        for place, name in enumerate(self.legend):
            spot = QRectF(box.left() + 6, box.top() + 3 + place * line, box.width() - 12, line)
            _swatch(painter, place, QPointF(spot.left(), spot.center().y()))
            painter.setPen(colour("text"))
            words = metrics.elidedText(name, Qt.TextElideMode.ElideRight, round(spot.width() - SWATCH - 6))
            painter.drawText(spot.adjusted(SWATCH + 6, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, words)
        painter.restore()


def ink_of(place: int) -> QColor:
    """The colour of the curve at this place."""
    table = regions(theme())
    red, green, blue = (round(255 * float(channel)) for channel in table[place % len(table)])
    return QColor(red, green, blue)


def _swatch(painter: QPainter, place: int, start: QPointF) -> None:
    ink = ink_of(place)
    painter.save()
    painter.setPen(QPen(ink, 1.8, STYLES[place % len(STYLES)]))
    painter.drawLine(start, start + QPointF(SWATCH, 0))
    painter.translate(start + QPointF(SWATCH / 2, 0))
    pg.graphicsItems.ScatterPlotItem.drawSymbol(painter, SYMBOLS[place % len(SYMBOLS)], 5, pg.mkPen(ink), pg.mkBrush(ink))
    painter.restore()


class _ValueAxis(pg.AxisItem):
    """Round values; the numbers given are decades where ``logarithmic``."""

    logarithmic = True

    def __init__(self) -> None:
        super().__init__("left")

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        if not self.logarithmic:
            levels: list[tuple[float, list[float]]] = super().tickValues(low, high, size)
            return levels[:1]
        return [(1.0, [math.log10(value) for value in log_ticks(10.0**low, 10.0**high)])]

    def tickStrings(self, values: list[float], _scale: float, spacing: float) -> list[str]:
        if not self.logarithmic:
            decimals = max(0, -math.floor(math.log10(spacing))) if spacing > 0 else 0
            return [f"{value:.{decimals}f}".replace("-", "−") for value in values]
        return [tick_words(10.0**value) for value in values]


class _StepAxis(pg.AxisItem):
    """Training steps in decades."""

    def __init__(self) -> None:
        super().__init__("bottom")

    def tickValues(self, low: float, high: float, _size: float) -> list[tuple[float, list[float]]]:
        whole = sorted({round(value) for value in log_ticks(10.0**low, 10.0**high)} - {0})
        return [(1.0, [math.log10(value) for value in whole if low <= math.log10(value) <= high])]

    def tickStrings(self, values: list[float], _scale: float, _spacing: float) -> list[str]:
        words = [f"{round(10.0**value):,}".replace(",", "\u202f") for value in values]
        middle = len(words) // 2  # those at the ends may find no room
        return [f"step {word}" if place == middle else word for place, word in enumerate(words)]
