"""CameraControl: the pointer on any pane moves the one camera that all panes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, QTimer, Signal

from gui.model import LabModel
from gui.stage import navigation
from gui.stage.canvas import PaneCanvas
from gui.stage.glide import eased
from shaders.scene import Camera
from shaders.view import frame_camera

if TYPE_CHECKING:
    from gui.stage.stage import Stage


SECONDS = 0.15
"""How long the camera takes to where it is sent; under the pointer it follows at once."""
SETTLED_MS = 60
"""After the last change of the panes' size they are framed anew."""


class CameraControl(QObject):
    """Pan, zoom, orbit and frame; the read-out of the pointer."""

    hovered = Signal(int, float, float)
    """(pane, x, y) in the world; pane -1 when the pointer has left."""
    clicked = Signal(int, float, float)
    """(pane, x, y) in the world, of a plain click; in two dimensions."""
    menu_asked = Signal(int, float, float, QPoint)
    """The same of the right button, with the place on the screen."""

    def __init__(self, stage: Stage, model: LabModel):
        super().__init__(stage)
        self._stage, self._model = stage, model
        self.by_hand = False
        """Whether the user has chosen a view: then nothing frames by itself until asked."""
        self._way: tuple[Camera, Camera] | None = None
        self._fraction = 0.0
        self._dimension = 0
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(SETTLED_MS)
        self._later.timeout.connect(self.frame)

    @property
    def moving(self) -> bool:
        """Whether the camera is on its way."""
        return self._way is not None

    def advance(self, seconds: float) -> None:
        """Lets the camera go on to where it was sent."""
        if self._way is None:
            return
        self._fraction += seconds / SECONDS
        start, end = self._way
        if self._fraction >= 1.0:
            self._way = None
        self._model.show_camera(navigation.between(start, end, eased(self._fraction)))

    def rest(self) -> None:
        """Stays where it is: a hand has taken hold of it, or another view was opened."""
        self._way = None

    def follow(self, index: int, canvas: PaneCanvas) -> None:
        """Listens to the pointer on a pane."""
        canvas.dragged.connect(lambda dx, dy, turn: self._dragged(canvas, dx, dy, turn))
        canvas.zoom_asked.connect(lambda degrees, x, y: self._zoomed(canvas, degrees, x, y))
        canvas.frame_asked.connect(self.frame_again)
        canvas.hovered.connect(lambda x, y: self._hovered(index, canvas, x, y))
        canvas.left.connect(lambda: self.hovered.emit(-1, 0.0, 0.0))
        canvas.clicked.connect(lambda x, y: self._clicked(index, canvas, x, y))
        canvas.menu_asked.connect(lambda x, y: self._asked(index, canvas, x, y))

    def frame_soon(self) -> None:
        """The panes have another size: frames when they have settled."""
        if self._dimension:
            self._later.start()

    def frame_again(self) -> None:
        """Source and data in view, equal axes."""
        self.by_hand = False
        self.frame()

    def frame(self) -> None:
        """Frames, unless the user has chosen a view by hand."""
        panes = self._stage.panes
        if self.by_hand or not panes:
            return
        width, height = panes[0].canvas.width(), panes[0].canvas.height()
        data = [showing.latest for showing in self._stage.showings]
        self._send(frame_camera(data, width / max(height, 1.0), self._model.document.scene.camera))

    def zoom(self, factor: float) -> None:
        """About the centre (keys)."""
        self.by_hand = True
        self._send(navigation.zoomed(self._way[1] if self._way is not None else self._model.document.scene.camera, factor))

    def _send(self, goal: Camera) -> None:
        """On its way, calmly; at once while nothing ticks, or in a space of another dimension."""
        here, before, self._dimension = self._model.document.scene.camera, self._dimension, self._stage.dimension
        if not self._stage.ticking or before != self._dimension:
            self._way = None
            self._model.show_camera(goal)
        elif goal != (self._way[1] if self._way is not None else here):
            self._way, self._fraction = (here, goal), 0.0
            self._stage.wake()

    def _dragged(self, canvas: PaneCanvas, dx: float, dy: float, turn: bool) -> None:
        self.rest()
        camera, dimension = self._model.document.scene.camera, self._stage.dimension
        if dimension == 3 and turn:
            self._model.show_camera(navigation.orbited(camera, dx, dy))
            return
        self.by_hand = True
        view = canvas.view()
        self._model.show_camera(navigation.panned(camera, view.pixel_ratio / view.scale, dx, dy, dimension))

    def _zoomed(self, canvas: PaneCanvas, degrees: float, x: float, y: float) -> None:
        self.rest()
        self.by_hand = True
        anchor = None
        if self._stage.dimension == 2:
            world = canvas.world_at(x, y)
            anchor = (float(world[0]), float(world[1]))
        self._model.show_camera(navigation.zoomed(self._model.document.scene.camera, navigation.wheel_factor(degrees), anchor))

    def _hovered(self, index: int, canvas: PaneCanvas, x: float, y: float) -> None:
        if self._stage.dimension == 2:
            world = canvas.world_at(x, y)
            self.hovered.emit(index, float(world[0]), float(world[1]))

    def _clicked(self, index: int, canvas: PaneCanvas, x: float, y: float) -> None:
        if self._stage.dimension == 2:
            world = canvas.world_at(x, y)
            self.clicked.emit(index, float(world[0]), float(world[1]))

    def _asked(self, index: int, canvas: PaneCanvas, x: float, y: float) -> None:
        if self._stage.dimension == 2:
            world = canvas.world_at(x, y)
            self.menu_asked.emit(index, float(world[0]), float(world[1]), canvas.mapToGlobal(QPoint(round(x), round(y))))
