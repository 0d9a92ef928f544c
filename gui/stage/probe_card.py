"""ProbeCard: the small table beside the pointer, over a pane's picture; and PinMark, the ring around a point that is held."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from gui.probe_table import ProbeTable, Row
from gui.theme import colour, notifier, tabular

PAD, GAP, EDGE = 8, 12, 6
"""Pixels inside the card, between its columns, and to the rim of the picture."""
LEFT, FOOT = 58, 34
"""Where the axes' numbers stand."""
AWAY, BESIDE = 26, 12
"""Pixels that stay free around the point, and at its side where there is little room."""
SMALLEST = 0.8
"""How small words may become where there is little room."""
LOW = 200
"""In a picture lower than this the card may cover the axes' numbers."""
WIDEST = 330
MUCH = 0.12
"""Of a path: with more of it covered the card looks for another corner; with less it stays where it is."""


class ProbeCard(QWidget):
    """``show_table`` and ``place``: it takes the first corner of the picture in which it does not cover the point."""

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.table = ProbeTable()
        self._points = max(7.0, self.font().pointSizeF() - 1.0)
        self._narrow(1.0)
        self._corner = 0
        self._rows: tuple[Row, ...] = ()
        self._lines: tuple[str, ...] = ()
        notifier().changed.connect(self.update)
        self.hide()

    def show_table(self, found: ProbeTable) -> None:
        """Another table, or the same: then nothing is painted."""
        if found != self.table:
            self.table = found
            self.setAccessibleName("At the pointer")
            self.setAccessibleDescription(found.text)
            self.update()

    def place(self, point: QPointF, path: Sequence[QPointF] = ()) -> None:
        """Beside the point (logical pixels of the picture), as large as what is said of it and no larger than the picture; where there is
        a choice, where little of the ``path`` through the point is covered."""
        room = self.parentWidget().size()
        self._narrow(1.0)
        foot, left = (FOOT, LEFT) if room.height() > LOW else (EDGE, EDGE)
        self._fit(room.height() - foot - EDGE)
        size = self._wanted()
        right, low = max(EDGE, room.width() - size.width() - EDGE), max(EDGE, room.height() - size.height() - foot)
        left = min(left, right)
        corners = [QRect(QPoint(x, y), size) for x, y in ((left, EDGE), (right, EDGE), (left, low), (right, low))]
        free = [k for k in range(4) if not corners[k].adjusted(-AWAY, -AWAY, AWAY, AWAY).contains(point.toPoint())]
        covered = [sum(corner.contains(place.toPoint()) for place in path) for corner in corners]
        if not free:  # in a picture too small for any of this: on the wider side of the point, no wider than that
            side = max(point.x(), room.width() - point.x()) - BESIDE
            if size.width() > side:
                self._narrow(0.99)
                self._narrow(max(SMALLEST, 0.97 * side / self._wanted().width()))
                size = self._wanted()
            size.setWidth(max(1, min(size.width(), int(side))))
            x = point.x() + BESIDE if 2 * point.x() < room.width() else point.x() - BESIDE - size.width()
            self.setGeometry(QRect(QPoint(round(x), EDGE), size))
            return
        if self._corner not in free or covered[self._corner] > MUCH * len(path):
            self._corner = min(free, key=lambda k: (covered[k], k))
        if self.geometry() != corners[self._corner]:
            self.setGeometry(corners[self._corner])

    def _narrow(self, size: float) -> None:
        """Words so many times as large; where they are not whole, without the units."""
        self._size = size
        self._font = tabular(self.font())
        self._font.setPointSizeF(self._points * size)
        self._bold = QFont(self._font)
        self._bold.setWeight(QFont.Weight.DemiBold)

    def _fit(self, height: int) -> None:
        """Lines go first where there is no room, then rows from below."""
        line = self._line
        most = max(1, (height - 2 * PAD) // line)
        self._rows = self.table.rows[: max(0, most - 1 - bool(self.table.columns))] if self.table.rows else ()
        used = 1 + (1 + len(self._rows) if self._rows else 0)
        self._lines = self.table.lines[: max(0, most - used)]

    @property
    def _line(self) -> int:
        return QFontMetrics(self._font).height() + 1

    def _columns(self) -> list[int]:
        """Widths of names, columns and units."""
        plain = QFontMetrics(self._font)
        names = max((plain.horizontalAdvance(row.name) for row in self._rows), default=0)
        count = len(self.table.columns)
        cells = [
            max(plain.horizontalAdvance(self.table.columns[k]), *(plain.horizontalAdvance(row.cells[k]) for row in self._rows))
            for k in range(count if self._rows else 0)
        ]
        units = max((plain.horizontalAdvance(row.unit) for row in self._rows), default=0)
        return [names, *cells, units if self._size == 1.0 else 0]

    def _wanted(self) -> QSize:
        plain, strong = QFontMetrics(self._font), QFontMetrics(self._bold)
        columns = self._columns()
        rows = sum(columns) + GAP * (len(columns) - 1) if self._rows else 0
        lines = max((plain.horizontalAdvance(text) for text in self._lines), default=0)
        head = strong.horizontalAdvance(self.table.head)
        inside = max(rows, min(WIDEST, max(lines, head))) if self._size == 1.0 else max(rows, head)
        count = 1 + (1 + len(self._rows) if self._rows else 0) + len(self._lines)
        width = min(inside + 2 * PAD, max(80, self.parentWidget().width() - 2 * EDGE))
        return QSize(width, count * self._line + 2 * PAD - 4)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour("line"), 1.0))
        painter.setBrush(colour("card", 0.9))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 7.0, 7.0)
        line, inside = self._line, self.width() - 2 * PAD
        at = QRect(PAD, PAD - 2, inside, line)
        self._write(painter, at, self.table.head, "strong", bold=True)
        if self._rows:
            self._write_rows(painter, at)
            at.translate(0, line * (1 + len(self._rows)))
        for text in self._lines:
            at.translate(0, line)
            self._write(painter, at, text, "dim")
        painter.end()

    def _write_rows(self, painter: QPainter, head: QRect) -> None:
        names, *cells, units = self._columns()
        right = Qt.AlignmentFlag.AlignRight
        at = QRect(head)
        for row in (None, *self._rows):
            at.translate(0, self._line)
            x = PAD + names + GAP
            if row is not None:
                self._write(painter, QRect(PAD, at.y(), names, at.height()), row.name, "dim")
            for k, width in enumerate(cells):
                words = self.table.columns[k] if row is None else row.cells[k]
                self._write(painter, QRect(x, at.y(), width, at.height()), words, "dim" if row is None else "text", align=right)
                x += width + GAP
            if row is not None and units:
                self._write(painter, QRect(x, at.y(), units, at.height()), row.unit, "dim")

    def _write(
        self,
        painter: QPainter,
        at: QRect,
        words: str,
        role: str,
        *,
        bold: bool = False,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    ) -> None:
        font = self._bold if bold else self._font
        painter.setFont(font)
        painter.setPen(colour(role))
        shown = QFontMetrics(font).elidedText(words, Qt.TextElideMode.ElideRight, at.width() + 1)
        painter.drawText(at, int(align | Qt.AlignmentFlag.AlignVCenter), shown)


class PinMark(QWidget):
    """A ring around a point that is held."""

    SIZE = 19

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.resize(self.SIZE, self.SIZE)
        self.hide()

    def place(self, point: QPointF) -> None:
        """Its middle on the point."""
        self.move(round(point.x() - self.SIZE / 2), round(point.y() - self.SIZE / 2))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = QPointF(self.SIZE / 2, self.SIZE / 2)
        for width, role in ((4.0, "stage"), (1.6, "strong")):
            painter.setPen(QPen(colour(role), width))
            painter.drawEllipse(middle, 6.5, 6.5)
        painter.end()
