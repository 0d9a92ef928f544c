"""PaneCanvas: one pane of the stage on a vispy canvas, drawn by the same Painter as the film, and the pointer on it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QNativeGestureEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from vispy import app as vispy_app
from vispy import gloo

from shaders.layout import layout, plot_area
from shaders.scene import Pane, PaneData, Scene
from shaders.themes import THEMES, rgb
from shaders.view import View, view

if TYPE_CHECKING:
    from shaders.painter import Painter

log = logging.getLogger(__name__)


class PaneCanvas(QObject):
    """Draws when what it shows has changed, and only then. ``widget`` goes into a layout."""

    dragged = Signal(float, float, bool)
    """The pointer was dragged by (dx, dy) logical pixels; True for the plain left button (which turns in 3-D), False for panning."""
    zoom_asked = Signal(float, float, float)
    """(degrees of wheel, x, y) at the pointer."""
    frame_asked = Signal()
    hovered = Signal(float, float)
    left = Signal()
    failed = Signal(str)
    drawn = Signal()

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        # Qt puts the picture into the window; a swap by vispy would only wait for the drawing to end
        self._canvas = vispy_app.Canvas(keys=None, size=(400, 400), show=False, autoswap=False, dpi=96)
        self._canvas.events.draw.connect(self._draw)
        self._canvas.events.draw.ignore_callback_errors = False  # vispy would swallow what nobody expected
        self.widget: QWidget = self._canvas.native
        self.widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.widget.setMinimumSize(120, 100)
        self.widget.setMouseTracking(True)
        self.widget.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.widget.setCursor(Qt.CursorShape.CrossCursor)
        self.widget.installEventFilter(self)
        self._painter: Painter | None = None
        self._begun = self._broken = False
        self._scene: Scene | None = None
        self._data = PaneData()
        self._held: QPointF | None = None
        self._turns = True

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in logical pixels."""
        return float(self.widget.width()), float(self.widget.height())

    def show(self, scene: Scene, data: PaneData) -> None:
        """Shows a scene of one pane; draws again only if it differs from what is there."""
        if data is self._data and scene == self._scene:
            return
        self._scene, self._data = scene, data
        self.widget.update()

    def view(self) -> View:
        """How the world lies in the picture, physical pixels."""
        ratio = float(self._canvas.pixel_scale)
        scene = self._scene if self._scene is not None else Scene(panes=(Pane(),))
        width, height = self._canvas.physical_size
        pane = layout(scene, (width, height), ratio)[0]
        plot = plot_area(pane, scene, 0, ratio, (0.0, 0.0), self._data.dimension == 2)
        return view(scene.camera, pane, plot, self._data.dimension, ratio)

    def world_at(self, x: float, y: float) -> NDArray[np.float64]:
        """The world under a logical pixel, (d,)."""
        seen = self.view()
        return seen.to_world(x * seen.pixel_ratio, y * seen.pixel_ratio)

    def renderer(self) -> str:
        """What draws, as OpenGL names it; empty before the first frame."""
        if not self._begun:
            return ""
        self._canvas.set_current()
        return str(gloo.gl.glGetParameter(gloo.gl.GL_RENDERER))

    def grab(self, scene: Scene, data: list[PaneData], size: tuple[int, int], pixel_ratio: float) -> NDArray[np.uint8]:
        """Any scene at any size by this canvas's painter, (h, w, 4)."""
        from shaders.painter import grab

        self._canvas.set_current()
        return grab(self._own_painter(), scene, data, size, pixel_ratio)

    def close(self) -> None:
        """Frees what is on the graphics card."""
        self.widget.removeEventFilter(self)
        self._painter = self._scene = None  # what paints while it closes finds nothing to draw
        self._canvas.close()

    def _draw(self, _event: Any) -> None:
        if self._scene is None or self._broken:
            return
        self._broken = True  # until it is drawn: a pane that cannot be drawn fails at every frame, and once is enough
        try:
            if self._painter is None and self._data.empty:  # the window's first paint waits for no shader
                gloo.clear(color=(*rgb(THEMES[self._scene.theme].stage), 1.0))
            else:
                self._own_painter().draw(self._scene, [self._data], self._canvas.physical_size, self._canvas.pixel_scale)
            self._begun, self._broken = True, False
        except (RuntimeError, ValueError, TypeError, MemoryError) as error:
            log.exception("drawing failed")
            self.failed.emit(f"This pane cannot be drawn: {error}")
        else:
            self.drawn.emit()

    def _own_painter(self) -> Painter:
        """Made when there is something to draw, in this canvas's context."""
        if self._painter is None:
            from shaders.painter import Painter

            self._painter = Painter()
        return self._painter

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        match event.type():
            case QEvent.Type.MouseButtonPress if isinstance(event, QMouseEvent):
                self._held = event.position()
                plain = not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
                self._turns = plain and event.button() == Qt.MouseButton.LeftButton
                self.widget.setCursor(Qt.CursorShape.ClosedHandCursor)
                self.widget.setFocus(Qt.FocusReason.MouseFocusReason)
                return True
            case QEvent.Type.MouseMove if isinstance(event, QMouseEvent):
                self._moved(event.position())
                return True
            case QEvent.Type.MouseButtonRelease:
                self._held = None
                self.widget.setCursor(Qt.CursorShape.CrossCursor)
                return True
            case QEvent.Type.MouseButtonDblClick:
                self.frame_asked.emit()
                return True
            case QEvent.Type.Wheel if isinstance(event, QWheelEvent):
                degrees = event.angleDelta().y() / 8.0 or event.pixelDelta().y() / 2.0
                self.zoom_asked.emit(degrees, event.position().x(), event.position().y())
                return True
            case QEvent.Type.NativeGesture if isinstance(event, QNativeGestureEvent):
                return self._pinched(event)
            case QEvent.Type.Leave:
                self.left.emit()
        return False

    def _moved(self, position: QPointF) -> None:
        if self._held is not None:
            step = position - self._held
            self._held = position
            self.dragged.emit(step.x(), step.y(), self._turns)
        self.hovered.emit(position.x(), position.y())

    def _pinched(self, event: QNativeGestureEvent) -> bool:
        if event.gestureType() != Qt.NativeGestureType.ZoomNativeGesture:
            return False
        self.zoom_asked.emit(150.0 * event.value(), event.position().x(), event.position().y())
        return True
