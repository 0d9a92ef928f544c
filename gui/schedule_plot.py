"""The schedule drawn small: alpha_t, beta_t and, for an SDE, sigma_t over t in [0, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.paths import GaussianPath
from gui.theme import colour, notifier

POINTS = 161
CEILING = 1.5
"""sigma_t is cut here times the largest of alpha and beta: g_t is infinite at an end of some schedules."""

Curve = NDArray[np.float64]


def curves(path: GaussianPath, sigma: Any = None) -> tuple[Curve, dict[str, Curve]]:
    """t and the values of each curve, within the path's open interval."""
    t = np.linspace(0.0, 1.0, POINTS)
    inner = np.clip(t, 1e-3, 1.0 - 1e-3)
    found = {"alpha": np.asarray(path.alpha(t), dtype=float), "beta": np.asarray(path.beta(t), dtype=float)}
    if sigma is not None:
        found["sigma"] = np.sqrt(np.asarray(sigma.sigma2(path, inner), dtype=float) * np.ones_like(t))
    return t, found


class SchedulePlot(QWidget):
    """Three curves with their letters; noise at the left, data at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Schedule")
        self._path: GaussianPath | None = None
        self._sigma: Any = None
        self._t: Curve = np.zeros(0)
        self._curves: dict[str, Curve] = {}
        self._time: float | None = None
        notifier().changed.connect(self.update)

    def set_path(self, path: GaussianPath, sigma: Any = None) -> None:
        """Draw this path, with the sigma of an SDE if there is one."""
        if path == self._path and sigma == self._sigma:
            return
        self._path, self._sigma = path, sigma
        self._t, self._curves = curves(path, sigma)
        self.setToolTip(
            "α_t is how much of the data is in x_t, β_t how much noise"
            + (", σ_t the noise that the SDE adds" if sigma is not None else "")
            + ".\nt = 0 is noise, t = 1 is data."
        )
        self.update()

    def set_time(self, t: float | None) -> None:
        """A quiet line at the time that the stage shows."""
        self._time = t
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, 74)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, 74)

    def _plot(self) -> QRectF:
        return QRectF(self.rect()).adjusted(14, 7, -14, -15)

    def _point(self, t: float, value: float, ceiling: float) -> QPointF:
        box = self._plot()
        return QPointF(box.left() + t * box.width(), box.bottom() - min(value, ceiling * 3.0) / ceiling * box.height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        if not self._curves:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = self._plot()
        highest = max(float(np.max(self._curves["alpha"])), float(np.max(self._curves["beta"])))
        ceiling = highest
        if "sigma" in self._curves:
            ceiling = max(highest, min(highest * CEILING, float(np.max(self._curves["sigma"]))))
        self._draw_frame(painter, box)
        painter.setClipRect(box.adjusted(-14, -3, 14, 3))
        styles = {"sigma": (Qt.PenStyle.DashLine, 1.4), "beta": (Qt.PenStyle.SolidLine, 1.7), "alpha": (Qt.PenStyle.SolidLine, 1.7)}
        for name, (style, width) in styles.items():
            if name in self._curves:
                pen = QPen(colour(name), width, style)
                pen.setCapStyle(Qt.PenCapStyle.RoundCap)
                if style == Qt.PenStyle.DashLine:
                    pen.setDashPattern([3.0, 2.6])
                painter.setPen(pen)
                values = self._curves[name]
                painter.drawPolyline(QPolygonF([self._point(t, v, ceiling) for t, v in zip(self._t, values, strict=True)]))
        painter.setClipping(False)
        self._draw_letters(painter, box, ceiling)

    def _draw_frame(self, painter: QPainter, box: QRectF) -> None:
        painter.setPen(QPen(colour("line"), 1.0))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 0.78)
        painter.setFont(font)
        painter.setPen(colour("dim"))
        foot = QRectF(box.left() - 14, box.bottom() + 1, box.width() + 28, 14)
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, "noise")
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, "data")
        painter.drawText(foot, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter, "t")
        if self._time is not None:
            x = box.left() + self._time * box.width()
            painter.setPen(QPen(colour("dim", 0.6), 1.0))
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))

    def _draw_letters(self, painter: QPainter, box: QRectF, ceiling: float) -> None:
        font = QFont(self.font())
        font.setItalic(True)
        painter.setFont(font)
        places = {"alpha": ("α", box.right() + 4, self._curves["alpha"][-1]), "beta": ("β", box.left() - 12, self._curves["beta"][0])}
        for name, (letter, x, value) in places.items():
            painter.setPen(colour(name))
            painter.drawText(QPointF(x, self._point(0, float(value), ceiling).y() + 5), letter)
        if "sigma" in self._curves:
            inside = np.flatnonzero(self._curves["sigma"] <= ceiling)
            at = max(int(0.62 * (POINTS - 1)), int(inside[0]) if inside.size else 0)
            point = self._point(float(self._t[at]), float(self._curves["sigma"][at]), ceiling)
            painter.setPen(colour("sigma"))
            painter.drawText(QPointF(point.x() + 5, max(box.top() + 8, point.y() - 3)), "σ")
