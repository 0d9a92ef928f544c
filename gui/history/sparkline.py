"""Sparkline: a run's loss as a small curve in its row, log against log step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from gui.charts.series import LossSeries
from gui.theme import colour

CURVE = Qt.ItemDataRole.UserRole + 1
POINTS = 60


def curve_of(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, 2) points of the smoothed loss in the unit square, y upwards, evenly in log step; empty where there is nothing to draw."""
    rows = losses[np.isfinite(losses).all(axis=1) & (losses[:, 1] > 0)] if len(losses) else losses
    if len(rows) < 3:
        return np.zeros((0, 2))
    smooth = LossSeries(rows).smoothed(max(2, len(rows) // 20))
    x, y = np.log1p(smooth[:, 0]), np.log(smooth[:, 1])
    wanted = np.linspace(x[0], x[-1], POINTS)
    y = np.interp(wanted, x, y)
    span = y.max() - y.min()
    return np.column_stack([np.linspace(0.0, 1.0, POINTS), (y - y.min()) / span if span > 0 else np.full(POINTS, 0.5)])


class Sparkline(QStyledItemDelegate):
    """Draws the points that lie under ``CURVE``."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().paint(painter, option, index)
        points = index.data(CURVE)
        if points is None or len(points) < 2:
            return
        box = QRectF(option.rect).adjusted(8, 6, -8, -6)
        line = QPolygonF([QPointF(box.left() + x * box.width(), box.bottom() - y * box.height()) for x, y in points])
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour("alpha"), 1.5))
        painter.drawPolyline(line)
        painter.restore()
