"""SourceBars: W2 of each combination of field and solver as a bar: what nobody can avoid, then what the network and the solver add."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.charts.ticks import tick_words
from gui.theme import colour, notifier, tabular

GAP = 14.0
AXIS_HEIGHT, HEAD_HEIGHT, LEGEND_HEIGHT = 36.0, 20.0, 20.0


@dataclass(frozen=True)
class BarRow:
    """One bar: ``base`` and then the ``parts``, each of a kind of ``KINDS`` and a length; the whisker stands at ``value``."""

    label: str
    about: str
    base: float
    parts: tuple[tuple[str, float], ...]
    value: float
    error: float
    number: str
    """The value in words, with its error."""
    excess: str = ""


KINDS = {"base": "what perfect ones reach", "network": "what the network adds", "solver": "what the solver adds"}
"""The legend."""


class SourceBars(QWidget):
    """``show_rows`` draws them; missing rows have a reason in place of a bar (``value`` NaN, ``number`` the reason)."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[BarRow, ...] = ()
        self.title = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(230)
        self.setAccessibleName("Where the error comes from")
        notifier().changed.connect(self.update)

    def show_rows(self, rows: tuple[BarRow, ...], title: str) -> None:
        """Everything anew; ``title`` is of the axis, with its unit."""
        self.rows, self.title = rows, title
        self.setAccessibleDescription("; ".join(f"{row.label}: {row.number}" for row in rows))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(640, 290)

    @property
    def most(self) -> float:
        """The end of the axis."""
        ends = [row.value + row.error for row in self.rows if math.isfinite(row.value)]
        ends += [row.value for row in self.rows if math.isfinite(row.value)]
        return 1.06 * max([end for end in ends if math.isfinite(end)], default=1.0) or 1.0

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self.rows:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        small = _scaled(self.font(), 0.88)
        figures = tabular(self.font())
        words = QFontMetricsF(self.font())
        left = max(max(words.horizontalAdvance(row.label), QFontMetricsF(small).horizontalAdvance(row.about)) for row in self.rows) + GAP
        left = min(left, 0.42 * self.width())
        shown = [row for row in self.rows if math.isfinite(row.value)]
        numbers = max([QFontMetricsF(figures).horizontalAdvance(row.number) for row in shown], default=0.0) + GAP
        excess = max([QFontMetricsF(figures).horizontalAdvance(row.excess) for row in self.rows] + [_advance(small, "over perfect")]) + GAP
        box = QRectF(
            left,
            HEAD_HEIGHT,
            max(60.0, self.width() - left - numbers - excess - GAP),
            self.height() - HEAD_HEIGHT - AXIS_HEIGHT - LEGEND_HEIGHT,
        )
        self._axis(painter, box, small)
        self._heads(painter, box, numbers, excess, small)
        height = box.height() / len(self.rows)
        for place, row in enumerate(self.rows):
            line = QRectF(box.left(), box.top() + place * height, box.width(), height)
            self._labels(painter, row, QRectF(0, line.top(), left - GAP, height), small)
            if math.isfinite(row.value):
                self._bar(painter, row, line)
                painter.setFont(figures)
                painter.setPen(colour("strong"))
                at = QRectF(box.right() + GAP, line.top(), numbers, height)
                painter.drawText(at, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, row.number)
                painter.drawText(at.translated(numbers, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, row.excess)
            else:
                painter.setFont(small)
                painter.setPen(colour("dim"))
                room = QRectF(line.left() + 6, line.top(), self.width() - line.left() - 12, height)
                painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextWordWrap), row.number)
        self._legend(painter, QRectF(box.left(), self.height() - LEGEND_HEIGHT, box.width() + numbers + excess, LEGEND_HEIGHT), small)
        painter.end()

    def _x(self, box: QRectF, value: float) -> float:
        return box.left() + max(0.0, value) / self.most * box.width()

    def _axis(self, painter: QPainter, box: QRectF, small: QFont) -> None:
        painter.setFont(small)
        for value in _ticks(self.most):
            x = self._x(box, value)
            painter.setPen(QPen(colour("line"), 1.0))
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
            painter.setPen(colour("dim"))
            painter.drawText(QRectF(x - 40, box.bottom() + 2, 80, 15), Qt.AlignmentFlag.AlignCenter, tick_words(value) if value else "0")
        painter.drawText(QRectF(box.left() - 100, box.bottom() + 17, box.width() + 200, 17), Qt.AlignmentFlag.AlignCenter, self.title)
        floor = self.rows[0]
        if math.isfinite(floor.value):
            low, high = (self._x(box, floor.value + sign * floor.error) for sign in (-1.0, 1.0))
            painter.fillRect(QRectF(low, box.top(), max(1.0, high - low), box.height()), colour("dim", 0.14))
            painter.setPen(QPen(colour("dim", 0.8), 1.0, Qt.PenStyle.DashLine))
            x = self._x(box, floor.value)
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))

    def _heads(self, painter: QPainter, box: QRectF, numbers: float, excess: float, small: QFont) -> None:
        painter.setFont(small)
        painter.setPen(colour("dim"))
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(box.right() + GAP, 0, numbers, HEAD_HEIGHT), middle, "W₂")
        painter.drawText(QRectF(box.right() + GAP + numbers, 0, excess, HEAD_HEIGHT), middle, "over perfect")

    def _labels(self, painter: QPainter, row: BarRow, place: QRectF, small: QFont) -> None:
        middle, metrics = place.center().y(), QFontMetricsF(self.font())
        painter.setFont(self.font())
        painter.setPen(colour("strong"))
        upper = QRectF(place.left(), middle - metrics.height(), place.width(), metrics.height())
        elided = metrics.elidedText(row.label, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(upper, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, elided)
        painter.setFont(small)
        painter.setPen(colour("dim"))
        about = QFontMetricsF(small).elidedText(row.about, Qt.TextElideMode.ElideRight, place.width())
        lower = QRectF(place.left(), middle, place.width(), metrics.height())
        painter.drawText(lower, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, about)

    def _bar(self, painter: QPainter, row: BarRow, line: QRectF) -> None:
        thick = min(22.0, 0.5 * line.height())
        top, at = line.center().y() - 0.5 * thick, 0.0
        for kind, length in (("base", min(row.base, row.value)), *row.parts):
            left, right = self._x(line, at), self._x(line, min(at + max(0.0, length), self.most))
            fill(painter, QRectF(left, top, right - left, thick), kind)
            at += max(0.0, length)
        if row.error > 0:
            middle = line.center().y()
            low, here, high = (self._x(line, row.value + k * row.error) for k in (-1.0, 0.0, 1.0))
            painter.setPen(QPen(colour("strong"), 1.4))
            painter.drawLine(QPointF(low, middle), QPointF(high, middle))
            for x, half in ((low, 4.0), (here, 0.5 * thick + 2.0), (high, 4.0)):
                painter.drawLine(QPointF(x, middle - half), QPointF(x, middle + half))

    def _legend(self, painter: QPainter, place: QRectF, small: QFont) -> None:
        painter.setFont(small)
        kinds = {kind for row in self.rows for kind, _ in row.parts} | {"base"}
        x = 6.0
        for kind, words in KINDS.items():
            if kind not in kinds:
                continue
            fill(painter, QRectF(x, place.center().y() - 5, 16, 10), kind)
            x = _word(painter, small, x + 22, place, words) + 16
        painter.setPen(QPen(colour("strong"), 1.4))
        middle = place.center().y()
        painter.drawLine(QPointF(x, middle), QPointF(x + 16, middle))
        for at in (x, x + 16):
            painter.drawLine(QPointF(at, middle - 4), QPointF(at, middle + 4))
        x = _word(painter, small, x + 22, place, "± standard error") + 16
        painter.setPen(QPen(colour("dim", 0.8), 1.0, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(x + 8, middle - 7), QPointF(x + 8, middle + 7))
        _word(painter, small, x + 16, place, "floor")


def fill(painter: QPainter, box: QRectF, kind: str) -> None:
    """A piece of bar: grey, the network's colour, or the solver's with lines across it."""
    if box.width() <= 0:
        return
    role, ink = {"base": ("dim", colour("dim", 0.45)), "network": ("alpha", colour("alpha"))}.get(kind, ("beta", colour("beta", 0.4)))
    painter.fillRect(box, ink)
    if kind == "solver":
        painter.fillRect(box, QBrush(QColor(colour(role)), Qt.BrushStyle.BDiagPattern))
    painter.setPen(QPen(colour(role), 1.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box)


def _word(painter: QPainter, font: QFont, x: float, place: QRectF, words: str) -> float:
    width = _advance(font, words)
    painter.setPen(colour("dim"))
    painter.drawText(QRectF(x, place.top(), width + 4, place.height()), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)
    return x + width


def _advance(font: QFont, words: str) -> float:
    return QFontMetricsF(font).horizontalAdvance(words)


def _scaled(font: QFont, by: float) -> QFont:
    made = QFont(font)
    made.setPointSizeF(max(6.5, font.pointSizeF() * by))
    return made


def _ticks(most: float) -> list[float]:
    """From 0, four to eight round numbers."""
    raw = most / 5.0
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= raw)
    return [round(k * step, 12) for k in range(math.floor(most / step) + 1)]
