"""PaneCanvas: one pane's picture in the window, drawn by the same Painter as the film, and the pointer on it."""

from __future__ import annotations

import logging
import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QNativeGestureEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.stage.darkroom import Darkroom
from shaders.layout import layout, plot_area
from shaders.scene import Pane, PaneData, Scene
from shaders.themes import THEMES
from shaders.view import View, view

log = logging.getLogger(__name__)

STILL = 3.0
"""Logical pixels that the pointer may move while a click is a click."""


class PaneCanvas(QWidget):
    """Asks the darkroom for a picture when what it shows has changed, and only then."""

    dragged = Signal(float, float, bool)
    """The pointer was dragged by (dx, dy) logical pixels; True for the plain left button (which turns in 3-D), False for panning."""
    zoom_asked = Signal(float, float, float)
    """(degrees of wheel, x, y) at the pointer."""
    frame_asked = Signal()
    hovered = Signal(float, float)
    left = Signal()
    clicked = Signal(float, float)
    """The left button, at (x, y) logical pixels, without a drag."""
    menu_asked = Signal(float, float)
    """Likewise the right one."""
    failed = Signal(str)
    drawn = Signal()
    """A new picture is in the window."""

    def __init__(self, darkroom: Darkroom, parent: QWidget | None = None):
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 100)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)  # nothing of the window behind it is painted
        self._darkroom = darkroom
        self._scene: Scene | None = None
        self._data = PaneData()
        self._picture: QImage | None = None
        self._stale = False
        self._broken = False
        self._held: QPointF | None = None
        self._pressed: QPointF | None = None
        self._turns = True

    def show_scene(self, scene: Scene, data: PaneData) -> None:
        """Shows a scene of one pane; draws again only if it differs from what is there."""
        if data is self._data and scene == self._scene:
            return
        self._scene, self._data = scene, data
        self._stale = True
        self.update()

    @property
    def physical_size(self) -> tuple[int, int]:
        """Width and height in pixels of the screen; one that is covered in part counts."""
        ratio = self.devicePixelRatioF()
        return max(1, math.ceil(self.width() * ratio)), max(1, math.ceil(self.height() * ratio))

    @property
    def dragging(self) -> bool:
        """Whether a hand has hold of the picture."""
        return self._held is not None and self._pressed is None

    def view(self) -> View:
        """How the world lies in the picture, physical pixels."""
        ratio = self.devicePixelRatioF()
        scene = self._scene if self._scene is not None else Scene(panes=(Pane(),))
        pane = layout(scene, self.physical_size, ratio)[0]
        plot = plot_area(pane, scene, 0, ratio, (0.0, 0.0), self._data.dimension == 2)
        return view(scene.camera, pane, plot, self._data.dimension, ratio)

    def world_at(self, x: float, y: float) -> NDArray[np.float64]:
        """The world under a logical pixel, (d,)."""
        seen = self.view()
        return seen.to_world(x * seen.pixel_ratio, y * seen.pixel_ratio)

    def leave(self) -> None:
        """It will show nothing any more; what only it has shown leaves the graphics card."""
        self._scene = self._picture = None
        self._darkroom.forget(self)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The picture, made anew if it is stale; words above it that have changed need none."""
        if self._scene is None:
            return
        new = self._stale or self._picture is None or (self._picture.width(), self._picture.height()) != self.physical_size
        if new:
            self._stale = False
            self._develop(self._scene)
        painter = QPainter(self)
        if self._picture is None:  # the window's first paint waits for no OpenGL
            painter.fillRect(self.rect(), QColor(THEMES[self._scene.theme].stage))
        else:
            painter.drawImage(0, 0, self._picture)
        painter.end()
        if new and not self._broken:
            self.drawn.emit()

    def _develop(self, scene: Scene) -> None:
        if self._broken or (self._picture is None and self._data.empty):
            return
        try:
            self._picture = self._darkroom.frame(scene, self._data, self.physical_size, self.devicePixelRatioF(), self)
        except (RuntimeError, ValueError, TypeError, MemoryError) as error:
            self._broken = True  # a pane that cannot be drawn fails at every frame, and once is enough
            log.exception("drawing failed")
            self.failed.emit(f"This pane cannot be drawn: {error}")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._held = self._pressed = event.position()
        plain = not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        self._turns = plain and event.button() == Qt.MouseButton.LeftButton
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self.setFocus(Qt.FocusReason.MouseFocusReason)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        if self._held is not None:
            if self._pressed is not None and (position - self._pressed).manhattanLength() > STILL:
                self._pressed = None
            step = position - self._held
            self._held = position
            self.dragged.emit(step.x(), step.y(), self._turns)
        self.hovered.emit(position.x(), position.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._held, self._pressed = self._pressed, None, None
        self.setCursor(Qt.CursorShape.CrossCursor)
        if pressed is not None and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(pressed.x(), pressed.y())
        elif pressed is not None and event.button() == Qt.MouseButton.RightButton:
            self.menu_asked.emit(pressed.x(), pressed.y())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.frame_asked.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        degrees = event.angleDelta().y() / 8.0 or event.pixelDelta().y() / 2.0
        self.zoom_asked.emit(degrees, event.position().x(), event.position().y())

    def leaveEvent(self, event: QEvent) -> None:
        self.left.emit()
        super().leaveEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self.zoom_asked.emit(150.0 * event.value(), event.position().x(), event.position().y())
            return True
        return super().event(event)
