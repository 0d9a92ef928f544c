"""LossChart: the loss on a log axis, each step faint and a smoothed line through them. pyqtgraph is imported after the window is there."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from gui.charts.series import LossSeries
from gui.theme import colour, notifier
from gui.widgets import card, column, heading, label, row

MOST_SHOWN = 3_000
EVERY_SECONDS = 0.2


class LossChart(QWidget):
    """``show_series`` may be called at frame rate; it draws when there is something new."""

    def __init__(self) -> None:
        super().__init__()
        self._frame = card()
        self._value = label("", "dim", figures=True, points=-1.0)
        self._empty = label("Press Train to see the loss here.", "dim")
        self._body = column(row(heading("Loss"), 1, self._value), self._empty, margins=(12, 9, 12, 8))
        self._body.setStretch(1, 1)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._frame.setLayout(self._body)
        self.setLayout(column(self._frame))
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
        stride = max(1, len(rows) // MOST_SHOWN)
        self._raw.setData(rows[::stride, 0], rows[::stride, 1])
        smooth = series.smoothed()
        self._smooth.setData(smooth[::stride, 0], smooth[::stride, 1])
        text = f"{smooth[-1, 1]:.4g} at step {last:,}".replace(",", "\u202f") if len(smooth) else ""
        self._value.setText(f"{text} · log · smoothed" if text else "")

    def _build(self) -> None:
        import pyqtgraph as pg

        self._empty.hide()
        self._plot = pg.PlotWidget(background=None)
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.setLogMode(x=False, y=True)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.setMinimumHeight(60)
        self._plot.setToolTip("E‖prediction − what it should be‖² on each batch; the line is the geometric mean around it")
        self._raw = self._plot.plot([], [])
        self._smooth = self._plot.plot([], [])
        self._body.insertWidget(1, self._plot, 1)
        self._paint()

    def _paint(self) -> None:
        if self._plot is None:
            return
        import pyqtgraph as pg

        faint = QColor(colour("alpha"))
        faint.setAlphaF(0.3)
        self._raw.setPen(pg.mkPen(faint, width=1))
        self._smooth.setPen(pg.mkPen(colour("alpha"), width=2))
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(pg.mkPen(colour("line")))
            axis.setTextPen(pg.mkPen(colour("dim")))
            font = self.font()
            font.setPointSizeF(max(6.5, font.pointSizeF() - 2.0))
            axis.setStyle(tickLength=-3, tickFont=font)
