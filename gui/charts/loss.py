"""LossChart: the loss on a log axis, each step faint and a smoothed line through them. pyqtgraph is imported after the window is there."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from gui.charts.series import LossSeries
from gui.charts.ticks import log_ticks, tick_words
from gui.theme import colour, notifier
from gui.widgets import column, label

MOST_SHOWN = 500
"""Points of the smoothed line: some for each pixel."""
MOST_SINGLE = 400
"""Single losses drawn: more of them would hide the line through them."""
EVERY_SECONDS = 0.4
TINY = 1e-12
NARROWEST = 0.02
"""Decades that the axis spans at least."""


class LossChart(QWidget):
    """``show_series`` may be called at frame rate; it draws when there is something new."""

    def __init__(self) -> None:
        super().__init__()
        self.value = label("", "dim", figures=True, points=-1.0, live=True)
        self.value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        """The latest loss, for the head of the card."""
        self._empty = label("Press Train to see the loss here.", "dim")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._body = column(self._empty)
        self.setLayout(self._body)
        self._plot: Any = None
        self._raw: Any = None
        self._smooth: Any = None
        self._drawn = -1
        self._when = 0.0
        notifier().changed.connect(self._paint)

    def show_series(self, series: LossSeries) -> None:
        """Draws the losses if there are new ones."""
        last = int(series.rows[-1, 0]) if len(series) else 0
        if last == self._drawn or (last > self._drawn and time.monotonic() - self._when < EVERY_SECONDS):
            return
        self._drawn, self._when = last, time.monotonic()
        if self._plot is None:
            if not len(series):
                return
            self._build()
        rows = series.rows
        if not len(rows):  # a new training has no loss yet
            self._raw.setData([], [])
            self._smooth.setData([], [])
            self.value.setText("")
            return
        stride = max(1, len(rows) // MOST_SHOWN)
        single = rows[:: max(1, math.ceil(len(rows) / MOST_SINGLE))]
        self._raw.setData(single[:, 0], single[:, 1])
        smooth = series.smoothed()
        self._smooth.setData(smooth[::stride, 0], smooth[::stride, 1])
        self._fade(len(single))
        low, high = _range_of(rows[:, 1], smooth[:, 1])
        self._plot.setYRange(low, high, padding=0.06)
        text = f"{smooth[-1, 1]:.4g} at step {last:,}".replace(",", "\u202f") if len(smooth) else ""
        self.value.setText(f"{text} · log · smoothed" if text else "")

    def _build(self) -> None:
        import pyqtgraph as pg

        self._empty.hide()
        self._plot = pg.PlotWidget(background=None, axisItems=_axes())
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.setLogMode(x=False, y=True)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.setMinimumHeight(60)
        self._plot.setStyleSheet("background: transparent; border: none;")  # else it keeps the colour of the theme it was made in
        self._plot.setToolTip("E‖prediction − what it should be‖² on each batch; the line is the geometric mean around it")
        self._raw = self._plot.plot([], [])
        self._smooth = self._plot.plot([], [])
        self._body.insertWidget(0, self._plot, 1)
        self._paint()

    def _paint(self) -> None:
        if self._plot is None:
            return
        import pyqtgraph as pg

        self._faded = -1.0
        self._fade(len(self._raw.xData) if self._raw.xData is not None else 0)
        self._smooth.setPen(pg.mkPen(colour("alpha"), width=2))
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(pg.mkPen(colour("line")))
            axis.setTextPen(pg.mkPen(colour("dim")))
            font = self.font()
            font.setPointSizeF(max(6.5, font.pointSizeF() - 2.0))
            axis.setStyle(tickLength=-3, tickFont=font)

    _faded = -1.0

    def _fade(self, points: int) -> None:
        """The more single losses there are, the fainter each."""
        share = round(min(0.4, max(0.15, 0.4 * math.sqrt(200 / max(1, points)))), 2)
        if share != self._faded:
            import pyqtgraph as pg

            self._faded = share
            faint = QColor(colour("alpha"))
            faint.setAlphaF(share)
            self._raw.setPen(pg.mkPen(faint, width=1))


def _range_of(raw: NDArray[np.float64], smooth: NDArray[np.float64]) -> tuple[float, float]:
    """log10 of what the axis spans: the smoothed line and all but the most extreme single losses."""
    least, most = np.quantile(np.maximum(raw, TINY), (0.005, 0.995))
    low, high = math.log10(max(TINY, min(least, smooth.min()))), math.log10(max(TINY, most, smooth.max()))
    return (low, high) if high - low > NARROWEST else (low - NARROWEST / 2, high + NARROWEST / 2)


def _axes() -> dict[str, Any]:
    """Round losses at the left, steps at the foot."""
    import pyqtgraph as pg

    class LossAxis(pg.AxisItem):
        def tickValues(self, low: float, high: float, _size: float) -> list[tuple[float, list[float]]]:
            return [(1.0, [math.log10(value) for value in log_ticks(10.0**low, 10.0**high)])]

        def tickStrings(self, values: list[float], _scale: float, _spacing: float) -> list[str]:
            return [tick_words(10.0**value) for value in values]

    class StepAxis(pg.AxisItem):
        def tickStrings(self, values: list[float], _scale: float, _spacing: float) -> list[str]:
            return [f"{value:,.0f}".replace(",", "\u202f") if value else "step 0" for value in values]

    return {"left": LossAxis("left"), "bottom": StepAxis("bottom")}
