"""CurvePlot: a few curves over t in [0, 1], painted small, with numbers on both axes: schedules, weights, densities of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.forms.number import shown
from gui.theme import colour, notifier, tabular

Values = NDArray[np.float64]

BEYOND = 3.0
"""Curves are cut at this many times the axis: further outside nothing is drawn anyway."""


@dataclass(frozen=True, eq=False)
class Line:
    """One curve: its values at the plot's times, a colour role, and a letter to name it."""

    values: Values
    role: str
    letter: str = ""
    dashed: bool = False
    at: float = 0.62
    """Where along t the letter stands."""


class CurvePlot(QWidget):
    """``set_curves(times, lines)`` draws them from 0 up to the largest finite value, or to ``ceiling``."""

    MARGINS = (26.0, 7.0, 14.0, 15.0)
    HEIGHT = 74

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._t: Values = np.zeros(0)
        self._lines: tuple[Line, ...] = ()
        self._ceiling = 1.0
        self._ends = ("noise", "data")
        self._time: float | None = None
        notifier().changed.connect(self.update)

    def set_curves(
        self, times: Values, lines: Sequence[Line], ceiling: float | None = None, ends: tuple[str, str] = ("noise", "data")
    ) -> None:
        """Draw these; what is infinite or NaN is left out."""
        self._t, self._lines, self._ends = times, tuple(lines), ends
        finite = [float(np.max(line.values[np.isfinite(line.values)], initial=0.0)) for line in lines]
        self._ceiling = ceiling or max(finite, default=0.0) or 1.0
        self.update()

    @property
    def ceiling(self) -> float:
        """The value at the top of the axis."""
        return self._ceiling

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is drawn."""
        return self._lines

    def set_time(self, t: float | None) -> None:
        """A quiet line at the time that the stage shows."""
        self._time = t
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, self.HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.HEIGHT)

    def box(self) -> QRectF:
        """Where the curves are, in pixels."""
        left, top, right, bottom = self.MARGINS
        return QRectF(self.rect()).adjusted(left, top, -right, -bottom)

    def place(self, t: float, value: float) -> QPointF:
        """The pixel of (t, value)."""
        box = self.box()
        cut = min(value, self._ceiling * BEYOND)
        return QPointF(box.left() + t * box.width(), box.bottom() - cut / self._ceiling * box.height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.draw_axes(painter)
        painter.setClipRect(self.box().adjusted(-3, -3, 3, 3))
        for line in self._lines:
            self.draw_line(painter, line)
        painter.setClipping(False)
        self.draw_letters(painter)
        painter.end()

    def draw_axes(self, painter: QPainter) -> None:
        """The foot with its words and numbers, the number at the top, and the line at the stage's time."""
        box = self.box()
        painter.setPen(QPen(colour("line"), 1.0))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        painter.drawLine(box.bottomLeft(), box.topLeft())
        font = tabular(self.font())
        font.setPointSizeF(font.pointSizeF() * 0.78)
        painter.setFont(font)
        painter.setPen(colour("dim"))
        foot = QRectF(box.left() - 4, box.bottom() + 1, box.width() + 1 + self.MARGINS[2], 14)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft | middle, f"0 {self._ends[0]}".strip())
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight | middle, f"{self._ends[1]} 1".strip())
        painter.drawText(foot, Qt.AlignmentFlag.AlignHCenter | middle, "t")
        side = QRectF(0, box.top() - 7, box.left() - 4, 14)
        painter.drawText(side, Qt.AlignmentFlag.AlignRight | middle, shown(float(f"{self._ceiling:.3g}")))
        side.moveTop(box.bottom() - 8)
        painter.drawText(side, Qt.AlignmentFlag.AlignRight | middle, "0")
        if self._time is not None:
            x = box.left() + self._time * box.width()
            painter.setPen(QPen(colour("dim", 0.6), 1.0))
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))

    def draw_line(self, painter: QPainter, line: Line) -> None:
        """One curve, in pieces where it is not finite."""
        pen = QPen(colour(line.role), 1.4 if line.dashed else 1.7, Qt.PenStyle.DashLine if line.dashed else Qt.PenStyle.SolidLine)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        if line.dashed:
            pen.setDashPattern([3.0, 2.6])
        painter.setPen(pen)
        points = QPolygonF()
        for t, value in zip(self._t, line.values, strict=True):
            if np.isfinite(value):
                points.append(self.place(float(t), float(value)))
            elif points.size():
                painter.drawPolyline(points)
                points = QPolygonF()
        painter.drawPolyline(points)

    def draw_letters(self, painter: QPainter) -> None:
        """Each curve's letter beside it, where it is inside."""
        font = QFont(self.font())
        font.setItalic(True)
        painter.setFont(font)
        box = self.box()
        for line in self._lines:
            if not line.letter:
                continue
            inside = np.flatnonzero(np.isfinite(line.values) & (line.values <= self._ceiling))
            if not inside.size:
                continue
            at = int(inside[np.argmin(np.abs(self._t[inside] - line.at))])
            spot = self.place(float(self._t[at]), float(line.values[at]))
            painter.setPen(colour(line.role))
            above = spot.y() - 4
            y = above if above > box.top() + 6 or at > 0.9 * len(self._t) else spot.y() + 13
            painter.drawText(QPointF(min(spot.x() + 4, self.width() - 11), min(max(y, box.top() + 4), box.bottom() - 2)), line.letter)
