"""ScrubSlider: the line from noise to data along which one moves t."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QLinearGradient, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.theme import colour, notifier

STEP, FINE_STEP = 0.01, 0.001


class ScrubSlider(QWidget):
    """A slider over [0, 1] with a gradient behind it and the words noise (or source), ½, data below."""

    moved = Signal(float)
    """The user asks for this t."""
    grabbed = Signal()
    """The user has taken hold of it."""

    def __init__(self) -> None:
        super().__init__()
        self._t = 0.0
        self._start = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Model time t")
        self.set_start("noise")
        notifier().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(300, 38)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 38)

    def set_start(self, word: str) -> None:
        """What there is at t = 0."""
        if word != self._start:
            self._start = word
            keys = "Left and Right step by 0.01 (Shift: 0.001); Home and End go to the ends."
            self.setToolTip(f"Model time t: 0 is {word}, 1 is data. {keys}")
            self.update()

    @property
    def t(self) -> float:
        return self._t

    def set_t(self, t: float) -> None:
        """Shows t without a signal; repaints only where the handle was and is."""
        if t == self._t:
            return
        before, self._t = self._t, t
        low, high = sorted((self._x(before), self._x(t)))
        self.update(QRectF(low - 9, 2, high - low + 18, 22).toAlignedRect())

    def _groove(self) -> QRectF:
        return QRectF(9, 11, max(1.0, self.width() - 18.0), 3)

    def _x(self, t: float) -> float:
        groove = self._groove()
        return groove.left() + t * groove.width()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        groove, x = self._groove(), self._x(self._t)
        painter.setBrush(colour("line"))
        painter.drawRoundedRect(groove, 1.5, 1.5)
        run = QLinearGradient(groove.topLeft(), groove.topRight())
        run.setColorAt(0.0, colour("accent"))
        run.setColorAt(1.0, colour("beta"))
        painter.setBrush(run)
        painter.drawRoundedRect(QRectF(groove.left(), groove.top(), x - groove.left(), groove.height()), 1.5, 1.5)
        if self.hasFocus():
            painter.setBrush(colour("accent", 0.45))
            painter.drawEllipse(QPointF(x, groove.center().y()), 9, 9)
        painter.setBrush(colour("strong"))
        painter.drawEllipse(QPointF(x, groove.center().y()), 6, 6)
        self._words(painter, groove)
        painter.end()

    def _words(self, painter: QPainter, groove: QRectF) -> None:
        font = self.font()
        font.setPointSizeF(max(7.0, font.pointSizeF() - 1.5))
        painter.setFont(font)
        painter.setPen(colour("dim"))
        line = QRectF(groove.left() - 6, 22, groove.width() + 12, 15)
        for flag, word in (
            (Qt.AlignmentFlag.AlignLeft, self._start),
            (Qt.AlignmentFlag.AlignHCenter, "½"),
            (Qt.AlignmentFlag.AlignRight, "data"),
        ):
            painter.drawText(line, flag | Qt.AlignmentFlag.AlignVCenter, word)

    def _ask(self, x: float) -> None:
        groove = self._groove()
        self.moved.emit(min(1.0, max(0.0, (x - groove.left()) / groove.width())))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.grabbed.emit()
            self._ask(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._ask(event.position().x())

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.grabbed.emit()
        self.moved.emit(min(1.0, max(0.0, self._t + STEP * event.angleDelta().y() / 120)))

    def event(self, event: QEvent) -> bool:
        """Small steps with Shift come before the stage's keys for checkpoints."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            small = event.modifiers() == Qt.KeyboardModifier.ShiftModifier and event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right)
            if small:
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = FINE_STEP if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else STEP
        wanted = {
            Qt.Key.Key_Left: self._t - step,
            Qt.Key.Key_Right: self._t + step,
            Qt.Key.Key_Home: 0.0,
            Qt.Key.Key_End: 1.0,
        }.get(Qt.Key(event.key()))
        if wanted is None:
            super().keyPressEvent(event)
            return
        self.grabbed.emit()
        self.moved.emit(min(1.0, max(0.0, wanted)))
