"""Card: a titled frame that folds with a click on its header."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from gui.theme import colour
from gui.widgets import title_font


def note_font(base: QFont) -> QFont:
    """Slightly smaller than text: notes at the right of a header."""
    font = QFont(base)
    font.setPointSizeF(base.pointSizeF() * 0.88)
    return font


class CardHeader(QWidget):
    """Title at the left, a dim note at the right; click, Space or Enter folds the card."""

    clicked = Signal()

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("cardHeader")
        self._title, self._note, self._folded, self._hovered = title, "", False, False
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(max(18, QFontMetrics(self.font()).height() + 4))
        self.setAccessibleName(title)
        self.setToolTip("Click, or press Space, to fold this card away or open it again.")

    @property
    def note(self) -> str:
        return self._note

    def set_note(self, note: str) -> None:
        self._note = note
        self.setAccessibleDescription(note)
        self.update()

    def set_folded(self, folded: bool) -> None:
        self._folded = folded
        self.update()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Space:
            event.accept()  # Space folds here, whatever it does elsewhere
            return True
        if event.type() in (QEvent.Type.Enter, QEvent.Type.Leave):
            self._hovered = event.type() == QEvent.Type.Enter
            self.update()
        return super().event(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clicked.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lively = self._hovered or self.hasFocus()
        rect = self.rect().adjusted(0, 0, -1, 0)
        painter.setPen(colour("text" if lively else "dim"))
        painter.setFont(title_font(self.font()))
        painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._title)
        title_width = painter.fontMetrics().horizontalAdvance(self._title) + 6
        chevron = QRect(rect.left() + title_width, rect.top(), 12, rect.height())
        if lively or self._folded:
            self._draw_chevron(painter, chevron)
        painter.setFont(note_font(self.font()))
        painter.setPen(colour("dim"))
        room = QRect(chevron.right() + 6, rect.top(), rect.right() - chevron.right() - 6, rect.height())
        text = painter.fontMetrics().elidedText(self._note, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        if self.hasFocus():
            painter.fillRect(QRect(rect.left(), rect.bottom(), title_width - 6, 1), colour("accent"))
        painter.end()

    def _draw_chevron(self, painter: QPainter, box: QRect) -> None:
        pen = QPen(painter.pen().color(), 1.4)
        painter.setPen(pen)
        centre = box.center()
        if self._folded:
            painter.drawPolyline([centre + offset for offset in _points((-2, -3), (1, 0), (-2, 3))])
        else:
            painter.drawPolyline([centre + offset for offset in _points((-3, -1), (0, 2), (3, -1))])


def _points(*pairs: tuple[int, int]) -> list[QPoint]:
    return [QPoint(x, y) for x, y in pairs]


class Card(QFrame):
    """A frame with a header and a body; ``body`` is the layout to fill."""

    folded = Signal(bool)

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.header = CardHeader(title, self)
        self.content = QWidget(self)
        self.body = QVBoxLayout(self.content)
        self.body.setContentsMargins(0, 4, 0, 0)
        self.body.setSpacing(6)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(12, 7, 12, 10)
        outer.setSpacing(0)
        outer.addWidget(self.header)
        outer.addWidget(self.content)
        self.header.clicked.connect(self.toggle)

    def set_note(self, note: str) -> None:
        """The dim words at the right of the title."""
        self.header.set_note(note)

    @property
    def is_folded(self) -> bool:
        return self.content.isHidden()

    def set_folded(self, folded: bool) -> None:
        """Fold the body away or show it."""
        if folded != self.is_folded:
            self.content.setVisible(not folded)
            self.header.set_folded(folded)
            self.folded.emit(folded)

    def toggle(self) -> None:
        self.set_folded(not self.is_folded)
