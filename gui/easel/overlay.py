"""What is drawn over the ink: the brush's ring, the axes of symmetry, a hint."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from gui.easel.brushes import Symmetry
from gui.theme import colour


def draw_ring(painter: QPainter, places: Sequence[QPointF], radius: float) -> None:
    """The brush's outline where it will touch, its copies fainter."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for k, place in enumerate(places):
        painter.setPen(QPen(colour("background", 0.55 if k == 0 else 0.12), 2.4))
        painter.drawEllipse(place, radius, radius)
        painter.setPen(QPen(colour("strong", 0.85 if k == 0 else 0.2), 1.1))
        painter.drawEllipse(place, radius, radius)
    if radius > 3 and places:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("strong", 0.6))
        painter.drawEllipse(places[0], 0.8, 0.8)


def draw_guides(painter: QPainter, box: QRectF, symmetry: Symmetry) -> None:
    """Quiet lines: the mirror's axis dashed, the sectors of an n-fold symmetry dotted."""
    middle, reach = box.center(), 0.5 * box.width()
    painter.save()
    painter.setClipRect(box, Qt.ClipOperation.IntersectClip)
    if symmetry.folds > 1:
        painter.setPen(QPen(colour("dim", 0.3), 1.0, Qt.PenStyle.DotLine))
        for k in range(symmetry.folds):
            angle = 2.0 * math.pi * k / symmetry.folds - math.pi / 2
            painter.drawLine(middle, middle + QPointF(math.cos(angle), math.sin(angle)) * (reach * math.sqrt(2)))
    if symmetry.mirror:
        painter.setPen(QPen(colour("dim", 0.5), 1.0, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(middle.x(), box.top()), QPointF(middle.x(), box.bottom()))
    painter.restore()


def draw_hint(painter: QPainter, box: QRectF, text: str) -> None:
    """A dim sentence in the middle of an empty canvas."""
    painter.setPen(colour("dim"))
    painter.drawText(box.adjusted(12, 12, -12, -12), int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), text)


def draw_note(painter: QPainter, box: QRectF, text: str) -> None:
    """A few words on a quiet plate at the foot."""
    metrics = painter.fontMetrics()
    words = metrics.elidedText(text, Qt.TextElideMode.ElideRight, round(box.width()) - 30)
    plate = QRectF(0, 0, metrics.horizontalAdvance(words) + 16, metrics.height() + 4)
    plate.moveCenter(QPointF(box.center().x(), box.bottom() - plate.height() / 2 - 7))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour("card", 0.85))
    painter.drawRoundedRect(plate, plate.height() / 2, plate.height() / 2)
    painter.setPen(colour("dim"))
    painter.drawText(plate, int(Qt.AlignmentFlag.AlignCenter), words)
