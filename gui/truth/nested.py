"""NestedBars: three numbers of which each bounds the one before it, as bars one inside the other, with whiskers and words."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.charts.ticks import tick_words
from gui.theme import colour, notifier, tabular
from gui.truth.bars import _scaled, _ticks

LINE = 34.0
AXIS = 34.0
HEIGHT = 62.0
"""Of the outermost bar."""


@dataclass(frozen=True)
class Nest:
    """One bar, from the innermost on."""

    name: str
    number: str
    words: str
    role: str
    value: float
    error: float


class NestedBars(QWidget):
    """``show_bars`` draws them, the innermost first."""

    def __init__(self) -> None:
        super().__init__()
        self.bars: tuple[Nest, ...] = ()
        self.title = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Certificate")
        notifier().changed.connect(self.update)

    def show_bars(self, bars: tuple[Nest, ...], title: str) -> None:
        """Everything anew; ``title`` is of the axis."""
        self.bars, self.title = bars, title
        self.setAccessibleDescription("; ".join(f"{bar.name} {bar.number}: {bar.words}" for bar in bars))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(560, round(HEIGHT + AXIS + LINE * max(1, len(self.bars)) + 22))

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self.bars:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        small, most = _scaled(self.font(), 0.9), 1.08 * max(bar.value + max(bar.error, 0.0) for bar in self.bars) or 1.0
        box = QRectF(8, 6, self.width() - 30.0, HEIGHT)
        painter.setFont(small)
        for value in _ticks(most):
            x = box.left() + value / most * box.width()
            painter.setPen(QPen(colour("line"), 1.0))
            painter.drawLine(QPointF(x, box.top() - 4), QPointF(x, box.bottom() + 4))
            painter.setPen(colour("dim"))
            painter.drawText(QRectF(x - 40, box.bottom() + 4, 80, 14), Qt.AlignmentFlag.AlignCenter, tick_words(value) if value else "0")
        painter.drawText(QRectF(box.left(), box.bottom() + 18, box.width(), 15), Qt.AlignmentFlag.AlignCenter, self.title)
        for place in reversed(range(len(self.bars))):
            self._bar(painter, box, place, most)
        for place, bar in enumerate(self.bars):
            self._words(painter, bar, QRectF(8, box.bottom() + AXIS + 10 + place * LINE, self.width() - 16.0, LINE), small)
        painter.end()

    def _bar(self, painter: QPainter, box: QRectF, place: int, most: float) -> None:
        bar, count = self.bars[place], len(self.bars)
        height = box.height() * (place + 1) / count
        middle = box.center().y()
        width = max(0.0, bar.value) / most * box.width()
        shape = QRectF(box.left(), middle - 0.5 * height, width, height)
        painter.fillRect(shape, colour("card"))
        painter.fillRect(shape, colour(bar.role, 0.75 - 0.22 * place))
        if place == count - 1:
            painter.fillRect(shape, QBrush(colour(bar.role, 0.35), Qt.BrushStyle.BDiagPattern))
        painter.setPen(QPen(colour(bar.role), 1.2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(shape)
        # each whisker in a lane of its own, so that near values do not hide one another
        lane = middle + 0.5 * height - 0.5 * box.height() / count / 2
        low, high = (box.left() + max(0.0, bar.value + sign * bar.error) / most * box.width() for sign in (-1.0, 1.0))
        painter.setPen(QPen(colour("strong"), 1.5))
        painter.drawLine(QPointF(low, lane), QPointF(high, lane))
        for x in (low, high):
            painter.drawLine(QPointF(x, lane - 4), QPointF(x, lane + 4))

    def _words(self, painter: QPainter, bar: Nest, line: QRectF, small: QFont) -> None:
        swatch = QRectF(line.left(), line.top() + 4, 14, 11)
        painter.fillRect(swatch, colour(bar.role, 0.75 - 0.22 * self.bars.index(bar)))
        painter.setPen(QPen(colour(bar.role), 1.0))
        painter.drawRect(swatch)
        figures = tabular(self.font())
        figures.setBold(True)
        painter.setFont(figures)
        painter.setPen(colour("strong"))
        head = f"{bar.name} = {bar.number}"
        painter.drawText(QRectF(line.left() + 22, line.top(), line.width() - 22, 18), Qt.AlignmentFlag.AlignVCenter, head)
        painter.setFont(small)
        painter.setPen(colour("dim"))
        words = QFontMetricsF(small).elidedText(bar.words, Qt.TextElideMode.ElideRight, line.width() - 22)
        painter.drawText(QRectF(line.left() + 22, line.top() + 16, line.width() - 22, 16), Qt.AlignmentFlag.AlignVCenter, words)
