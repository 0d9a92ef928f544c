"""StepBar: the axis of training steps beside that of model time: a slider on a log scale with a tick at each checkpoint, and play."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.checkpoints import place
from gui.document import grouped
from gui.icons import wear
from gui.theme import colour, notifier
from gui.widgets import flat_button, label, row

KEYS = "Shift+Left and Shift+Right go to the checkpoint before and after, Shift+Home to the first, Shift+End to the latest."
TIP = f"Training step, on a log scale: each tick is a checkpoint of the averaged weights. {KEYS}"
UNTRAINED = "There are no checkpoints yet: press Train. They are kept evenly in log step."


class StepSlider(QWidget):
    """Steps from 0 to the latest at log(1 + step); the handle snaps to a checkpoint, or to the latest at the right end."""

    moved = Signal(float)
    """A step that the user points at; infinity for the latest."""
    stepped = Signal(int)
    """-1 or +1: the checkpoint before or after; -2 or +2: the first, the latest."""

    def __init__(self) -> None:
        super().__init__()
        self._steps: tuple[int, ...] = ()
        self._latest = 0
        self._chosen: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Training step")
        notifier().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(190, 38)

    def minimumSizeHint(self) -> QSize:
        return QSize(90, 38)

    def show_steps(self, steps: Sequence[int], latest: int, chosen: int | None) -> None:
        """Checkpoints, the latest step, and the step that is shown (None: the latest)."""
        now = (tuple(steps), latest, chosen)
        if now != (self._steps, self._latest, self._chosen):
            self._steps, self._latest, self._chosen = now
            self.update()

    def _groove(self) -> QRectF:
        return QRectF(9, 11, max(1.0, self.width() - 18.0), 3)

    def x_of(self, step: float) -> float:
        """Where a step lies, in pixels."""
        groove = self._groove()
        return groove.left() + groove.width() * min(1.0, place(step) / max(place(self._latest), 1e-9))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        groove = self._groove()
        on = self.isEnabled() and self._latest > 0
        painter.setBrush(colour("line"))
        painter.drawRoundedRect(groove, 1.5, 1.5)
        if on:
            x = groove.right() if self._chosen is None else self.x_of(self._chosen)
            painter.setBrush(colour("sigma"))
            painter.drawRoundedRect(QRectF(groove.left(), groove.top(), x - groove.left(), groove.height()), 1.5, 1.5)
            painter.setBrush(colour("dim"))
            for step in self._steps:
                painter.drawRect(QRectF(self.x_of(step) - 0.5, groove.bottom() + 2, 1, 4))
            if self.hasFocus():
                painter.setBrush(colour("accent", 0.45))
                painter.drawEllipse(QPointF(x, groove.center().y()), 9, 9)
            painter.setBrush(colour("strong"))
            painter.drawEllipse(QPointF(x, groove.center().y()), 6, 6)
        self._words(painter, groove, on)
        painter.end()

    def _words(self, painter: QPainter, groove: QRectF, on: bool) -> None:
        font = self.font()
        font.setPointSizeF(max(7.0, font.pointSizeF() - 1.5))
        painter.setFont(font)
        painter.setPen(colour("dim"))
        line = QRectF(groove.left() - 6, 22, groove.width() + 12, 15)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "untrained")
        if on:
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, "latest")

    def _ask(self, x: float) -> None:
        groove = self._groove()
        share = (x - groove.left()) / groove.width()
        beside = (place(self._latest) - place(self._steps[-1])) if self._steps else 0.0
        # the latest has the right end to itself, and half of the way to the checkpoint before it
        last = share * place(self._latest) > place(self._latest) - max(0.5 * beside, 0.01 * place(self._latest))
        self.moved.emit(math.inf if last else math.expm1(max(0.0, share) * place(self._latest)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._ask(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._ask(event.position().x())

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.angleDelta().y():
            self.stepped.emit(1 if event.angleDelta().y() > 0 else -1)

    def event(self, event: QEvent) -> bool:
        """Its own arrows and ends come before those of the stage around it."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in _KEYS and not event.modifiers():
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _KEYS:
            self.stepped.emit(_KEYS[event.key()])
        else:
            super().keyPressEvent(event)


_KEYS = {int(Qt.Key.Key_Left): -1, int(Qt.Key.Key_Right): 1, int(Qt.Key.Key_Home): -2, int(Qt.Key.Key_End): 2}


class StepBar(QWidget):
    """Play along training, the step in words, the slider."""

    play_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.play = flat_button("learn", "Play the training at this t, checkpoint by checkpoint (Shift+Space)", "Play training")
        self.words = label("", figures=True, live=True)
        self.slider = StepSlider()
        layout = row(self.play, self.words, self.slider)
        layout.setStretch(2, 1)
        self.setLayout(layout)
        self._playing = False
        self.play.clicked.connect(self.play_asked)
        self.show_steps((), 0, None)

    def show_steps(self, steps: Sequence[int], latest: int, chosen: int | None) -> None:
        """Checkpoints, the latest step, and the step that is shown (None: the latest)."""
        there = bool(steps)
        self.slider.show_steps(steps, latest, chosen)
        self.words.setText(words(latest, chosen) if there else "no checkpoints")
        widest = words(max(latest, 1000), max(latest, 1000))  # nothing moves while the numbers grow, but for one more digit
        self.words.setMinimumWidth(self.words.fontMetrics().horizontalAdvance("".join("0" if c.isdigit() else c for c in widest)) + 4)
        self.words.setProperty("role", "" if there else "dim")
        for part in (self.play, self.slider):
            part.setEnabled(there)
        self.slider.setToolTip(TIP if there else UNTRAINED)
        self.words.setToolTip(TIP if there else UNTRAINED)

    def show_playing(self, playing: bool) -> None:
        """Whether the axis plays."""
        if playing != self._playing:
            self._playing = playing
            wear(self.play, "pause" if playing else "learn", "strong")
            self.play.setAccessibleName("Pause training" if playing else "Play training")


def words(latest: int, chosen: int | None) -> str:
    """``"step 12 480 / latest"``, or ``"step 480 of 12 480"``."""
    if chosen is None:
        return f"step {grouped(latest)} / latest"
    return f"step {grouped(chosen)} of {grouped(latest)}"
