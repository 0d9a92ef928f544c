"""Canvas: a square of ink on the screen, with the brush's ring, hints and axes of symmetry over it. It shows; the Easel paints."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.easel.brushes import Raster, Rect, Symmetry
from gui.easel.overlay import draw_guides, draw_hint, draw_note, draw_ring
from gui.easel.picture import Picture
from gui.theme import colour, notifier

SIDE = 256
COLOURS = 8
"""Layers of ink: one for each label."""
HINT = "Paint here, or drop a file"


class Canvas(QWidget):
    """SIDE × SIDE cells; only what changed is mapped to colours and drawn again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers: Raster = np.zeros((COLOURS, SIDE, SIDE), dtype=np.float32)
        self._picture = Picture(self._layers)
        self._picture.refresh()
        self.size_ = 0.14
        """Diameter of the brush; the canvas is 2 wide."""
        self.symmetry = Symmetry()
        self._pointer: QPointF | None = None
        self._locked = ""
        self._busy = False
        """A stroke is under way: no hint."""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        notifier().changed.connect(self._retint)

    @property
    def is_empty(self) -> bool:
        """Whether there is no ink at all."""
        return not self.used_colours()

    def used_colours(self) -> tuple[int, ...]:
        """The colours, from 0, of which there is ink."""
        return tuple(k for k in range(COLOURS) if bool(self._layers[k].any()))

    def canvas_rect(self) -> QRectF:
        """The square of the widget that is the canvas."""
        side = min(self.width(), self.height())
        return QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side)

    def cell_at(self, position: QPointF) -> tuple[float, float]:
        """A widget position in cells, y down."""
        box = self.canvas_rect()
        return (position.x() - box.left()) / box.width() * SIDE, (position.y() - box.top()) / box.height() * SIDE

    def position_of(self, x: float, y: float) -> QPointF:
        """A place in cells as a widget position."""
        box = self.canvas_rect()
        return QPointF(box.left() + x / SIDE * box.width(), box.top() + y / SIDE * box.height())

    def _area_of(self, rect: Rect) -> QRect:
        corner, other = self.position_of(rect.left, rect.top), self.position_of(rect.right, rect.bottom)
        return QRectF(corner, other).toAlignedRect().adjusted(-2, -2, 2, 2)

    @property
    def radius(self) -> float:
        """The brush's radius in cells."""
        return self.size_ / 4.0 * SIDE

    def sizeHint(self) -> QSize:
        return QSize(232, 232)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 120)

    def _redraw(self, rect: Rect | None = None) -> None:
        """Show the cells in ``rect`` again; without one all, on a scale that holds the largest value."""
        if rect is None:
            self._picture.used = self.used_colours()
            self._picture.peak = max(1.0, float(self._layers.max()))
            self._picture.refresh()
            self.update()
        elif not rect.empty:
            self._picture.refresh(rect)
            self.update(self._area_of(rect))

    def _point_at(self, position: QPointF | None) -> None:
        """Move the brush's ring."""
        for place in (self._pointer, position):
            if place is not None:
                self.update(self._ring_area(place))
        if self.symmetry != Symmetry():
            self.update()
        self._pointer = position

    def _ring_area(self, place: QPointF) -> QRect:
        reach = self.radius / SIDE * self.canvas_rect().width() + 4
        return QRectF(place.x() - reach, place.y() - reach, 2 * reach, 2 * reach).toAlignedRect()

    def _retint(self) -> None:
        self._picture.retint()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        box = self.canvas_rect()
        painter.setClipRegion(event.region())
        painter.drawImage(box, self._picture.image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.symmetry != Symmetry():
            draw_guides(painter, box, self.symmetry)
        if self._locked:
            draw_note(painter, box, self._locked)
        elif not self._busy and self.is_empty:
            draw_hint(painter, box, HINT)
        painter.setPen(colour("accent" if self.hasFocus() else "line"))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        if self._pointer is not None and not self._locked and (self.underMouse() or self.hasFocus()):
            x, y = self.cell_at(self._pointer)
            copies = self.symmetry.copies(x, y, float(SIDE))
            draw_ring(painter, [self.position_of(*place) for place in copies], self.radius / SIDE * box.width())
        painter.end()
