"""Swatches: eight small discs, one for each label's colour; those with ink are full, the chosen one wears a ring.

A double click, the context menu or F2 gives a label a name.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolTip, QWidget

from engine.choice import Problem
from gui.easel.canvas import COLOURS
from gui.easel.easel import Easel
from gui.easel.names import NameLine
from gui.theme import colour, notifier, theme
from shaders.colours import labels

RADIUS = 5.0
HEIGHT = 20
FAINT = 0.4


class Swatches(QWidget):
    """Chooses the easel's colour by mouse, arrow keys, or 1 to 8 anywhere in the window, and names its label."""

    def __init__(self, easel: Easel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._easel = easel
        self.setObjectName("swatches")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Colour")
        self.setAccessibleDescription("Colours are labels. Keys 1 to 8 choose one; arrow keys go through them; F2 names one.")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        easel.colourChanged.connect(lambda _colour: self.update())
        easel.strokeFinished.connect(self.update)
        easel.changed.connect(self.update)
        notifier().changed.connect(self.update)
        self.line = NameLine(self)
        self.line.named.connect(self._named)
        self.line.closed.connect(self.setFocus)

    def sizeHint(self) -> QSize:
        return QSize(180, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(8 * 14, HEIGHT)

    def centre(self, k: int) -> QPointF:
        """The middle of a disc."""
        return QPointF((k + 0.5) * self.width() / COLOURS, self.height() / 2)

    def at(self, position: QPointF) -> int:
        """The disc nearest to a place."""
        return min(COLOURS - 1, max(0, int(position.x() * COLOURS / max(1, self.width()))))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self._easel.locked:
            self._easel.set_colour(self.at(event.position()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.ask_name(self.at(event.position()))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        k = self.at(QPointF(event.pos())) if by_mouse else self._easel.colour_
        menu = self.menu(k)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos() if by_mouse else self.mapToGlobal(self.centre(k).toPoint() + QPoint(0, HEIGHT // 2)))

    def menu(self, k: int) -> QMenu:
        """What there is to do with a colour."""
        menu = QMenu(self)
        ask = menu.addAction(f"Name label {k + 1}…")
        ask.setShortcut(Qt.Key.Key_F2)
        ask.setEnabled(not self._easel.locked)
        ask.triggered.connect(lambda: self.ask_name(k))
        plain = menu.addAction("Call it by its colour again")
        plain.setEnabled(bool(self._easel.naming.names[k]) and not self._easel.locked)
        plain.triggered.connect(lambda: self._named(k, ""))
        return menu

    def ask_name(self, k: int) -> None:
        """Type the name of a colour's label."""
        if not self._easel.locked:
            self._easel.set_colour(k)
            self.line.ask(k, self._easel.naming.names[k])

    def _named(self, k: int, name: str) -> None:
        try:
            self._easel.naming.call(k, name)
        except Problem as problem:
            self.line.setFocus()
            QToolTip.showText(self.mapToGlobal(QPoint(0, HEIGHT)), str(problem), self)
            return
        self.line.give_up()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.line.setGeometry(self.rect())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F2:
            self.ask_name(self._easel.colour_)
            return
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        if step:
            self._easel.set_colour(min(COLOURS - 1, max(0, self._easel.colour_ + step)))
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            k = self.at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self._easel.actions_by_name[f"colour-{k + 1}"].toolTip(), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        used = self._easel.used_colours()
        for k, tint in enumerate(labels(theme())):
            shade = QColor.fromRgbF(*(float(channel) for channel in tint))
            chosen = k == self._easel.colour_
            shade.setAlphaF((0.15 if self._easel.locked else FAINT) if not (chosen or k in used) or self._easel.locked else 1.0)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(shade)
            painter.drawEllipse(self.centre(k), RADIUS, RADIUS)
            if chosen and not self._easel.locked:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(colour("accent" if self.hasFocus() else "dim"), 1.4))
                painter.drawEllipse(self.centre(k), RADIUS + 2.8, RADIUS + 2.8)
        painter.end()
