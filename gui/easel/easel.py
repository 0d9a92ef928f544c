"""Easel: a canvas on which the mouse, a pen or a finger paints density."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPointingDevice,
    QTabletEvent,
    QTouchEvent,
    QUndoStack,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from gui.easel.actions import make_actions, word_colours
from gui.easel.brushes import TOOLS, Raster, Rect, Stroke, Symmetry, Tool
from gui.easel.canvas import COLOURS, SIDE, Canvas
from gui.easel.names import LabelNames
from gui.easel.tiles import RasterCommand, differing_tiles

FRAME_MS = 16
LIVE_SECONDS = 0.1
"""``changed`` fires at most this often while painting."""
SMALLEST, LARGEST = 0.015, 1.0


class Easel(Canvas):
    """256 × 256 cells of ink in up to eight colours on the square [-1, 1]². One step of undo a stroke, on the stack that is passed in.

    A colour is a label. Brush and Gaussian add ink of the chosen colour; eraser and blur work on all, or with Ctrl on the chosen one alone.

    ``strokeFinished`` fires when the painting is as the user wants it for now: after a stroke, a clear, an undo or a redo.
    """

    strokeStarted = Signal()
    strokeEnded = Signal()
    """Finished or taken back: nobody paints now."""
    strokeFinished = Signal()
    changed = Signal()
    fileDropped = Signal(str)
    toolChanged = Signal(str)
    sizeChanged = Signal(float)
    flowChanged = Signal(float)
    symmetryChanged = Signal(object)
    colourChanged = Signal(int)

    def __init__(self, undo: QUndoStack, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.undo_stack = undo
        self.tool: Tool = "brush"
        self.flow, self.chosen_folds, self.colour_ = 1.0, 6, 0
        self._stroke: Stroke | None = None
        self._queue: list[tuple[float, float, float]] = []
        self._anchor: tuple[float, float] | None = None
        self._straight_from: tuple[float, float] | None = None
        self._last_live = 0.0
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.setTimerType(Qt.TimerType.PreciseTimer)
        self._frame.timeout.connect(self._advance)
        self.actions_by_name = make_actions(self)
        self.naming = LabelNames(undo, self)
        self.naming.shown.connect(lambda: word_colours(self.actions_by_name, self.naming.names))
        self.setAttribute(Qt.WidgetAttribute.WA_AcceptTouchEvents)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Canvas")
        self.setAccessibleDescription("Paint the target. Arrow keys move the brush, Space touches the canvas.")
        self.setCursor(Qt.CursorShape.BlankCursor)

    # ---- what is painted ---------------------------------------------------------------------------------------------

    def raster(self) -> Raster:
        """A copy of all ink together, float32 (256, 256), row 0 at the top."""
        used = self.used_colours()
        return self._layers[used[0]].copy() if len(used) == 1 else np.asarray(self._layers.sum(axis=0), dtype=np.float32)

    def layers(self) -> Raster:
        """A copy of the ink of each colour, float32 (8, 256, 256), row 0 at the top."""
        return self._layers.copy()

    def set_raster(self, raster: Raster, undoable: bool = True, label: str = "painting") -> None:
        """Replace the ink by one colour's, the first; row 0 at the top, any scale (1 is full ink). Raises ValueError for another shape."""
        new = np.asarray(raster, dtype=np.float32)
        if new.shape != (SIDE, SIDE):
            raise ValueError(f"the easel is {SIDE} × {SIDE} cells, not {new.shape}")
        layers = np.zeros_like(self._layers)
        layers[0] = new
        self.set_layers(layers, undoable, label)

    def set_layers(self, layers: Raster, undoable: bool = True, label: str = "painting") -> None:
        """Replace the ink of all colours, (8, 256, 256). Raises ValueError for another shape."""
        new = np.asarray(layers, dtype=np.float32)
        if new.shape != self._layers.shape:
            raise ValueError(f"the easel has {COLOURS} colours on {SIDE} × {SIDE} cells, not {new.shape}")
        self._drop_stroke()
        if undoable:
            self._push(label, self._layers.copy(), new)
        self._layers[:] = new
        self._redraw()
        self.changed.emit()
        if undoable:
            self.strokeFinished.emit()

    def clear(self) -> None:
        """Take all ink away; undoable."""
        if not self._locked and not self.is_empty:
            self.set_layers(np.zeros_like(self._layers), label="clear canvas")

    def _push(self, label: str, before: Raster, after: Raster, raster: Raster | None = None) -> None:
        """Keep the step from ``before`` to ``after`` of ``raster``, a view of some layers; all of them if None."""
        tiles = differing_tiles(before, after)
        if tiles:
            self.undo_stack.push(RasterCommand(label, self._layers if raster is None else raster, tiles, self._restored))

    def _restored(self, rect: Rect) -> None:
        self._drop_stroke()
        same = self._picture.peak == 1.0 and self._picture.used == self.used_colours()
        self._redraw(rect if same else None)
        self.changed.emit()
        self.strokeFinished.emit()

    # ---- tools -------------------------------------------------------------------------------------------------------

    def set_tool(self, tool: Tool) -> None:
        """brush, eraser, gaussian or blur."""
        self.tool = tool
        self.actions_by_name[tool].setChecked(True)
        self.toolChanged.emit(tool)

    def set_size(self, size: float) -> None:
        """Diameter of the brush, in the canvas's units (it is 2 wide)."""
        size = round(min(LARGEST, max(SMALLEST, size)), 3)
        if size != self.size_:
            self.size_ = size
            self.sizeChanged.emit(size)
            self.update()

    def set_flow(self, flow: float) -> None:
        """How much ink one stroke lays, 0 to 1."""
        flow = min(1.0, max(0.01, flow))
        if flow != self.flow:
            self.flow = flow
            self.flowChanged.emit(flow)

    def set_symmetry(self, *, mirror: bool | None = None, folds: int | None = None) -> None:
        """Mirrored left to right, and repeated ``folds`` times around the middle."""
        self.symmetry = Symmetry(self.symmetry.mirror if mirror is None else mirror, self.symmetry.folds if folds is None else folds)
        self.actions_by_name["mirror"].setChecked(self.symmetry.mirror)
        self.actions_by_name["n-fold"].setChecked(self.symmetry.folds > 1)
        self.symmetryChanged.emit(self.symmetry)
        self.update()

    def set_colour(self, colour: int) -> None:
        """The colour, from 0 to 7, that is painted with."""
        if colour != self.colour_ and 0 <= colour < COLOURS:
            self.colour_ = colour
            self.actions_by_name[f"colour-{colour + 1}"].setChecked(True)
            self.colourChanged.emit(colour)
            self.update()

    def choose_folds(self, folds: int) -> None:
        """Repeat ``folds`` times, and remember the number for the button."""
        self.chosen_folds = folds
        self.set_symmetry(folds=folds)

    def set_locked(self, reason: str, help_text: str = "") -> None:
        """A few words why one cannot paint now, shown on the canvas; empty unlocks. ``help_text`` is the tooltip then."""
        self._locked = reason
        self._drop_stroke()
        self.setCursor(Qt.CursorShape.ForbiddenCursor if reason else Qt.CursorShape.BlankCursor)
        for name in (*TOOLS, *(f"colour-{k + 1}" for k in range(COLOURS)), "mirror", "n-fold", "clear"):
            self.actions_by_name[name].setEnabled(not reason)
        self.setToolTip(help_text)
        self.update()

    @property
    def locked(self) -> str:
        return self._locked

    # ---- painting ----------------------------------------------------------------------------------------------------

    def begin(self, position: QPointF, pressure: float = 1.0, erase: bool = False, straight: bool = False, alone: bool = False) -> None:
        """Start a stroke at a widget position; ``alone`` lets eraser and blur touch the chosen colour only."""
        if self._locked or self._stroke is not None:
            return
        x, y = self.cell_at(position)
        tool: Tool = "eraser" if erase else self.tool
        self._stroke = Stroke(self._touched_layers(tool, alone), tool, self.radius, self.flow, self.symmetry)
        used = self.used_colours()
        shown = tuple(sorted({*used, self.colour_})) if tool in ("brush", "gaussian") else used
        if shown != self._picture.used:
            before, self._picture.used = self._picture.many, shown
            if before != self._picture.many:
                self._picture.refresh()
                self.update()
        self._straight_from, self._busy = None, True
        self.strokeStarted.emit()
        if straight:
            self._straight_from = self._anchor or (x, y)
            self._queue.append((*self._straight_from, pressure))
        self._queue.append((x, y, pressure))
        self._advance()

    def _touched_layers(self, tool: Tool, alone: bool) -> Raster:
        """The layers that a stroke changes, as a view: the chosen colour's, or all up to the last that holds ink."""
        if alone or tool in ("brush", "gaussian"):
            return self._layers[self.colour_ : self.colour_ + 1]
        return self._layers[: max(self.used_colours(), default=0) + 1]

    def move_to(self, position: QPointF, pressure: float = 1.0, straight: bool = False) -> None:
        """Go on; what arrives within one frame is painted together."""
        self._point_at(position)
        if self._stroke is None:
            return
        x, y = self.cell_at(position)
        if straight and self._straight_from is None:
            self._straight_from = self._queue[-1][:2] if self._queue else self._last_touch
        elif not straight:
            self._straight_from = None
        if self._straight_from is not None:
            self._redraw(self._stroke.restart())
            self._queue = [(*self._straight_from, pressure), (x, y, pressure)]
        else:
            self._queue.append((x, y, pressure))
        if not self._frame.isActive():
            self._frame.start(FRAME_MS)

    def end(self) -> None:
        """Finish the stroke: one step of undo."""
        if self._stroke is None:
            return
        self._advance()
        self._frame.stop()
        stroke, self._stroke, self._busy = self._stroke, None, False
        self._anchor = self._last_touch
        self._straight_from = None
        self.strokeEnded.emit()
        self._push({"eraser": "erase", "blur": "blur"}.get(stroke.tool, "paint"), stroke.base, stroke.raster, stroke.raster)
        many, self._picture.used = self._picture.many, self.used_colours()
        if many != self._picture.many:
            self._redraw()
        self.changed.emit()
        self.strokeFinished.emit()

    _last_touch: tuple[float, float] = (SIDE / 2, SIDE / 2)

    def _advance(self) -> None:
        """Paint what is queued, and show what that changed."""
        if self._stroke is None:
            return
        queue, self._queue = self._queue, []
        dirty = Rect(0, 0, 0, 0)
        for x, y, pressure in queue:
            dirty = self._stroke.to(x, y, pressure).united(dirty)
            self._last_touch = (x, y)
        self._redraw(dirty)
        now = time.monotonic()
        if queue and now - self._last_live > LIVE_SECONDS:
            self._last_live = now
            self.changed.emit()

    def _drop_stroke(self) -> None:
        self._frame.stop()
        self._queue = []
        if self._stroke is not None:
            self._redraw(self._stroke.restart())
            self._stroke, self._busy = None, False
            self._redraw()
            self.strokeEnded.emit()

    # ---- events ------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            self._point_at(event.position())
            self.begin(event.position(), erase=event.button() == Qt.MouseButton.RightButton, straight=_shift(event), alone=_ctrl(event))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.move_to(event.position(), straight=_shift(event))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not event.buttons() & (Qt.MouseButton.LeftButton | Qt.MouseButton.RightButton):
            self.end()

    def tabletEvent(self, event: QTabletEvent) -> None:
        pressure = max(0.02, event.pressure())
        match event.type():
            case QEvent.Type.TabletPress:
                flipped = event.pointerType() == QPointingDevice.PointerType.Eraser
                self.begin(event.position(), pressure, erase=flipped, straight=_shift(event), alone=_ctrl(event))
            case QEvent.Type.TabletMove:
                self.move_to(event.position(), pressure, straight=_shift(event))
            case QEvent.Type.TabletRelease:
                self.end()
        event.accept()

    def event(self, event: QEvent) -> bool:
        match event.type():
            case QEvent.Type.ShortcutOverride if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Space:
                event.accept()  # Space touches the canvas here, whatever it does elsewhere
                return True
            case QEvent.Type.TouchBegin | QEvent.Type.TouchUpdate | QEvent.Type.TouchEnd | QEvent.Type.TouchCancel:
                assert isinstance(event, QTouchEvent)
                return self._touched(event)
            case QEvent.Type.Leave:
                self._point_at(None)
        return super().event(event)

    def _touched(self, event: QTouchEvent) -> bool:
        """One finger paints; further ones are left alone."""
        points = event.points()
        if event.type() == QEvent.Type.TouchBegin and points:
            self.begin(points[0].position())
        elif event.type() == QEvent.Type.TouchUpdate and points:
            self.move_to(points[0].position())
        elif event.type() == QEvent.Type.TouchCancel:
            self._drop_stroke()
        else:
            self.end()
        event.accept()
        return True

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_size(self.size_ * 1.1 ** (event.angleDelta().y() / 120.0))
            event.accept()
        else:
            event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}
        at = self._pointer or self.canvas_rect().center()
        if event.key() in steps:
            dx, dy = steps[Qt.Key(event.key())]
            stride = self.canvas_rect().width() / 32
            box = self.canvas_rect()
            place = QPointF(
                min(box.right(), max(box.left(), at.x() + dx * stride)), min(box.bottom(), max(box.top(), at.y() + dy * stride))
            )
            self.move_to(place)
        elif event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.begin(at, straight=_shift(event), alone=_ctrl(event))
        elif event.key() == Qt.Key.Key_Escape and self._stroke is not None:
            self._drop_stroke()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.end()
        else:
            super().keyReleaseEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for url in event.mimeData().urls():
            if url.isLocalFile():
                event.acceptProposedAction()
                self.fileDropped.emit(str(Path(url.toLocalFile())))
                return


def _shift(event: Any) -> bool:
    return bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)


def _ctrl(event: Any) -> bool:
    return bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
