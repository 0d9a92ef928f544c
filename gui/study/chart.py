"""StudyChart: error against evaluations on two log axes: points, lines, slopes in the legend, thin lines of known slope behind."""

from __future__ import annotations

import math
from typing import Any, Literal

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen

from engine.study import Study, StudyPoint, measure
from engine.study_table import labels
from gui.charts.ticks import log_ticks, tick_words
from gui.study.marks import SWATCH, draw_swatch, mark_of
from gui.theme import colour, notifier

Axis = Literal["error", "w2"]
TITLES: dict[Axis, str] = {
    "error": "end-point error, RMS (standardised units)",
    "w2": "W₂ to the target (standardised units)",
}
FOOT = "function evaluations per particle"
SLOPES = (1, 2, 4, 5)
BLOWN_UP = 1e2
"""A larger error is not drawn."""
PICTURE_SCALE = 2.0
"""Pixels of a saved picture for each point of the chart."""
SHORTEST = 0.3
"""Decades that the axes span at least."""
MARGIN = 0.08
"""Of the range, on each side."""


class StudyChart(pg.PlotWidget):
    """``show_study`` draws what is known; ``picture`` is the chart as an image of any size."""

    def __init__(self) -> None:
        super().__init__(background=None, axisItems={"left": _LogAxis("left"), "bottom": _LogAxis("bottom")})
        self._study: Study | None = None
        self._axis: Axis = "error"
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setLogMode(x=True, y=True)
        self.setMouseEnabled(x=False, y=False)
        self.setStyleSheet("background: transparent; border: none;")
        self.setAccessibleName("Solver study")
        self._entries: list[tuple[Any, str]] = []
        notifier().changed.connect(self._draw)
        self._draw()

    def show_study(self, study: Study | None, axis: Axis) -> None:
        """Everything anew; None for nothing."""
        self._study, self._axis = study, axis
        self._draw()

    def picture(self, width: int, height: int) -> QImage:
        """The chart on the theme's background, drawn anew at ``PICTURE_SCALE`` times its size in points."""
        image = QImage(width, height, QImage.Format.Format_RGB32)
        image.fill(colour("stage"))
        twin = StudyChart()
        twin.resize(round(width / PICTURE_SCALE), round(height / PICTURE_SCALE))
        twin.show_study(self._study, self._axis)
        twin.grab()  # lays itself out
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        twin.render(painter, QRectF(0, 0, width, height), twin.viewport().rect())
        painter.end()
        twin.close()
        twin.deleteLater()
        return image

    def _draw(self) -> None:
        self.clear()
        self._entries = []
        self._dress()
        study = self._study
        if study is None or not study.points:
            self.setXRange(math.log10(8), math.log10(512), padding=0)
            self.setYRange(-6, 0, padding=0)
            return
        shown = {curve: [p for p in study.of(curve) if self._good(p)] for curve in range(len(study.samplers))}
        everything = [point for points in shown.values() for point in points]
        if everything:
            self._frame(study, everything)
        for curve, points in shown.items():
            if points:
                self._curve(study, curve, points)

    def _good(self, point: StudyPoint) -> bool:
        value = self._value(point)
        return math.isfinite(value) and 1e-14 < value < BLOWN_UP

    def _value(self, point: StudyPoint) -> float:
        return point.error if self._axis == "error" else point.w2

    def _curve(self, study: Study, curve: int, points: list[StudyPoint]) -> None:
        sampler = study.samplers[curve]
        mark = mark_of(sampler)
        ink = QColor(*mark.colour)
        style = Qt.PenStyle.DashLine if mark.dashed else Qt.PenStyle.SolidLine
        name = labels(study)[curve]
        slope = study.slope(curve) if self._axis == "error" else None
        if slope is not None:
            kind = "strong slope" if measure(sampler) == "strong" else "slope"
            name = f"{name} · {kind} {slope:.2f}"
        self.plot(
            [point.evaluations for point in points],
            [self._value(point) for point in points],
            pen=pg.mkPen(ink, width=2, style=style),
            symbol=mark.symbol,
            symbolSize=8,
            symbolPen=pg.mkPen(ink, width=1),
            symbolBrush=ink,
        )
        self._entries.append((sampler, name))

    def _frame(self, study: Study, points: list[StudyPoint]) -> None:
        """The ranges, and behind the curves the known slopes or the floor."""
        xs, ys = [math.log10(p.evaluations) for p in points], [math.log10(self._value(p)) for p in points]
        floor = self._floor(study)
        low = min([*ys, math.log10(floor)]) if floor is not None else min(ys)
        left, right, bottom, top = min(xs), max(xs), low, max(ys)
        right, spare = max(right, left + SHORTEST), max(0.0, SHORTEST - (top - bottom))
        bottom, top = bottom - 0.5 * spare, top + 0.5 * spare
        width, height = right - left, top - bottom
        self.setXRange(left - MARGIN * width, right + MARGIN * width, padding=0)
        self.setYRange(bottom - MARGIN * height, top + MARGIN * height, padding=0)
        if self._axis == "error":
            for slope in SLOPES:
                self._known_slope(slope, left, right, top, bottom)
        if floor is not None:
            self._line(
                [left, right], [math.log10(floor)] * 2, "floor: draws of the target" if self._axis == "w2" else "reference's own error"
            )

    def _floor(self, study: Study) -> float | None:
        """W2 between draws of the truth; the error of the reference where it is near enough to be seen."""
        if self._axis == "w2":
            return study.w2_floor if math.isfinite(study.w2_floor) else None
        least = min((p.error for p in study.points if self._good(p)), default=math.inf)
        return study.reference_error if study.reference_error > 0 and least < 100 * study.reference_error else None

    def _known_slope(self, slope: int, left: float, right: float, top: float, bottom: float) -> None:
        """From the upper left corner downwards, as far as the frame goes."""
        end = min(right, left + (top - bottom) / slope)
        self._line([left, end], [top, top - slope * (end - left)], f"slope {slope}")

    def _line(self, x: list[float], y: list[float], words: str) -> None:
        """A thin line in decades, with a few words at its end."""
        self.addItem(
            pg.PlotDataItem([10**v for v in x], [10**v for v in y], pen=pg.mkPen(colour("dim", 0.55), width=1, style=Qt.PenStyle.DotLine))
        )
        text = pg.TextItem(words, color=colour("dim"), anchor=(1.0, 1.0))
        text.setFont(self._small())
        text.setPos(x[1], y[1])
        self.addItem(text, ignoreBounds=True)

    def _small(self) -> QFont:
        font = self.font()
        font.setPointSizeF(max(7.0, font.pointSizeF() - 1.5))
        return font

    def _dress(self) -> None:
        for side, words in (("left", TITLES[self._axis]), ("bottom", FOOT)):
            axis = self.getAxis(side)
            axis.setPen(pg.mkPen(colour("line")))
            axis.setTextPen(pg.mkPen(colour("dim")))
            axis.setStyle(tickLength=-4, tickFont=self._small())
            axis.setLabel(words, color=colour("dim").name())
            axis.setGrid(28)
            axis.enableAutoSIPrefix(False)

    @property
    def legend(self) -> list[str]:
        """Its lines."""
        return [name for _sampler, name in self._entries]

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:
        """The legend, where the curves are not: errors fall to the right, W2 falls to a floor."""
        super().drawForeground(painter, rect)
        if not self._entries:
            return
        painter.save()
        painter.setFont(self._small())
        metrics = painter.fontMetrics()
        line = metrics.height() + 5.0
        width = max(metrics.horizontalAdvance(name) for name in self.legend) + SWATCH.width() + 30.0
        box = QRectF(0, 0, width, line * len(self._entries) + 10.0)
        plot = self.getPlotItem().vb.sceneBoundingRect()
        if self._axis == "error":
            box.moveBottomLeft(plot.bottomLeft() + QPointF(12, -12))
        else:
            box.moveTopRight(plot.topRight() + QPointF(-12, 12))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour("line"), 1.0))
        painter.setBrush(colour("card", 0.85))
        painter.drawRoundedRect(box, 5, 5)
        for place, (sampler, name) in enumerate(self._entries):
            row = QRectF(box.left() + 10, box.top() + 5 + place * line, width - 20, line)
            draw_swatch(painter, sampler, QRectF(row.left(), row.top(), SWATCH.width(), row.height()))
            painter.setPen(colour("text"))
            painter.drawText(row.adjusted(SWATCH.width() + 10, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, name)
        painter.restore()


class _LogAxis(pg.AxisItem):
    """Round numbers on a logarithmic axis, as people write them."""

    def tickValues(self, low: float, high: float, _size: float) -> list[tuple[float, list[float]]]:
        if self.orientation == "bottom":
            powers = range(math.ceil(low / math.log10(2) - 1e-9), math.floor(high / math.log10(2) + 1e-9) + 1)
            stride = max(1, math.ceil(len(powers) / 12))
            return [(1.0, [k * math.log10(2) for k in powers if k % stride == 0])]
        return [(1.0, [math.log10(value) for value in log_ticks(10.0**low, 10.0**high)])]

    def tickStrings(self, values: list[float], _scale: float, _spacing: float) -> list[str]:
        if self.orientation == "bottom":
            return [f"{round(10.0**value):,}".replace(",", "\u202f") for value in values]
        return [tick_words(10.0**value) for value in values]

    def logTickStrings(self, values: Any, scale: float, spacing: float) -> list[str]:
        return self.tickStrings(values, scale, spacing)

    def logTickValues(self, low: float, high: float, size: float, _levels: Any) -> list[tuple[float, list[float]]]:
        return self.tickValues(low, high, size)
