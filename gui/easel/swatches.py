"""Swatches: eight small discs, one for each label's colour; those with ink are full, the chosen one wears a ring."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from gui.easel.canvas import COLOURS
from gui.easel.easel import Easel
from gui.theme import colour, notifier, theme
from shaders.colours import labels

RADIUS = 5.0
HEIGHT = 20
FAINT = 0.4


class Swatches(QWidget):
    """Chooses the easel's colour by mouse, arrow keys, or 1 to 8 anywhere in the window."""

    def __init__(self, easel: Easel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._easel = easel
        self.setObjectName("swatches")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Colour")
        self.setAccessibleDescription("Colours are labels. Keys 1 to 8 choose one; arrow keys go through them.")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        easel.colourChanged.connect(lambda _colour: self.update())
        easel.strokeFinished.connect(self.update)
        easel.changed.connect(self.update)
        notifier().changed.connect(self.update)

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

    def keyPressEvent(self, event: QKeyEvent) -> None:
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
