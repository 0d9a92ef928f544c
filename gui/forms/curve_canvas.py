"""CurveCanvas: curves through control points that the mouse and the keyboard move, add and remove, in one small plot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from engine.curves import FEWEST, GAP, MOST, Curve, Points, Trend
from gui.curve_plot import CurvePlot, Line
from gui.theme import colour

REACH = 9.0
"""Pixels within which a point is grasped."""
TIMES = np.linspace(0.0, 1.0, 241)
NEAT = 3
"""Decimals of a control point: a thousandth is less than a pixel."""
STEP, LEAP = 0.01, 0.1
"""How far an arrow key moves a point, and with Shift."""

HELP = (
    "Drag a point to move it; double-click to add one; right-click or Delete removes it.\n"
    "Keyboard: Space goes to the next point, the arrows move it (Shift: further), Insert adds one after it."
)


def _neat(number: float, low: float, high: float) -> float:
    """Rounded, and between low and high."""
    return min(max(round(min(max(number, low), high), NEAT), low), high)


@dataclass
class Series:
    """One curve being edited."""

    name: str
    letter: str
    trend: Trend
    role: str
    points: Points

    def bounds(self, index: int) -> tuple[float, float, float, float]:
        """(earliest t, latest t, lowest, highest value) to which the point may go."""
        points, last = self.points, len(self.points) - 1
        t, value = points[index]
        inner = 0 < index < last
        early, late = (points[index - 1][0] + GAP, points[index + 1][0] - GAP) if inner else (t, t)
        if self.trend == "non-negative":
            return early, late, 0.0, 1.0
        if not inner:
            return early, late, value, value
        low, high = sorted((points[index - 1][1], points[index + 1][1]))
        return early, late, low, high

    def moved(self, index: int, t: float, value: float) -> Points:
        """The points with one of them as near (t, value) as it may go."""
        early, late, low, high = self.bounds(index)
        point = (_neat(t, early, late), _neat(value, low, high))
        return (*self.points[:index], point, *self.points[index + 1 :])

    def with_point(self, t: float, value: float) -> tuple[Points, int] | None:
        """The points with one more near (t, value), and its index; None where there is no room for it."""
        index = sum(time <= t for time, _ in self.points)
        if not 0 < index < len(self.points) or len(self.points) >= MOST:
            return None
        before, after = self.points[index - 1], self.points[index]
        if after[0] - before[0] < 2.0 * GAP:
            return None
        t = _neat(t, before[0] + GAP, after[0] - GAP)
        low, high = (0.0, 1.0) if self.trend == "non-negative" else sorted((before[1], after[1]))
        point = (t, _neat(value, low, high))
        return (*self.points[:index], point, *self.points[index:]), index

    def without(self, index: int) -> Points | None:
        """The points without one of them; None for an end, or when only two are left."""
        if not 0 < index < len(self.points) - 1 or len(self.points) <= FEWEST:
            return None
        return (*self.points[:index], *self.points[index + 1 :])


class CurveCanvas(CurvePlot):
    """``edited(name, points)`` fires for each change that the user makes; every curve stays within what its trend allows."""

    MARGINS = (26.0, 20.0, 16.0, 16.0)
    HEIGHT = 146

    edited = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setToolTip(HELP)
        self.series: dict[str, Series] = {}
        self.selected: tuple[str, int] | None = None
        self._dragged = False

    def add_series(self, series: Series) -> None:
        """One more curve to edit in this plot."""
        self.series[series.name] = series
        self._redraw()

    def set_points(self, name: str, points: Points) -> None:
        """Show these points without saying so."""
        self.series[name].points = points
        if self.selected and self.selected[0] == name and self.selected[1] >= len(points):
            self.selected = None
        self._redraw()

    def _redraw(self) -> None:
        places = {"rising": 0.9, "falling": 0.06, "non-negative": 0.5}
        lines = [Line(Curve(s.points, from_right=True)(TIMES), s.role, s.letter, at=places[s.trend]) for s in self.series.values()]
        self.set_curves(TIMES, lines, ceiling=1.0)
        self.setAccessibleDescription("; ".join(f"{s.letter}: {len(s.points)} points" for s in self.series.values()))

    def where(self, spot: QPointF) -> tuple[float, float]:
        """(t, value) of a pixel."""
        box = self.box()
        return (spot.x() - box.left()) / max(1.0, box.width()), (box.bottom() - spot.y()) / max(1.0, box.height())

    def point_at(self, spot: QPointF) -> tuple[str, int] | None:
        """The nearest point within reach of a pixel; one that can move before one that cannot."""
        found: list[tuple[bool, float, tuple[str, int]]] = []
        for name, series in self.series.items():
            for index, (t, value) in enumerate(series.points):
                away = spot - self.place(t, value)
                distance = float(np.hypot(away.x(), away.y()))
                if distance <= REACH:
                    early, late, low, high = series.bounds(index)
                    found.append((early == late and low == high, distance, (name, index)))
        return min(found)[2] if found else None

    def _put(self, name: str, points: Points) -> None:
        if points != self.series[name].points:
            self.series[name].points = points
            self._redraw()
            self.edited.emit(name, points)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.selected = self.point_at(event.position())
            self._dragged = self.selected is not None
            self.update()
        elif event.button() == Qt.MouseButton.RightButton:
            self.selected = self.point_at(event.position())
            self.remove_selected()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragged and self.selected is not None:
            name, index = self.selected
            self._put(name, self.series[name].moved(index, *self.where(event.position())))
            return
        self.setCursor(Qt.CursorShape.PointingHandCursor if self.point_at(event.position()) else Qt.CursorShape.CrossCursor)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        self._dragged = False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self.point_at(event.position()):
            return
        t, value = self.where(event.position())
        if 0.0 < t < 1.0 and self.series:
            nearest = min(self.series.values(), key=lambda series: abs(float(Curve(series.points)(t)) - value))
            self._add(nearest.name, t, value)
            self._dragged = self.selected is not None

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        event.accept()  # the right button removes a point

    def _add(self, name: str, t: float, value: float) -> None:
        found = self.series[name].with_point(t, value)
        if found is not None:
            self.selected = (name, found[1])
            self._put(name, found[0])

    def remove_selected(self) -> None:
        """Take the selected point out, where it is not an end."""
        if self.selected is not None:
            name, index = self.selected
            points = self.series[name].without(index)
            if points is not None:
                self.selected = (name, index - 1)
                self._put(name, points)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        arrows = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Down: (0, -1), Qt.Key.Key_Up: (0, 1)}
        if key == Qt.Key.Key_Space:
            self._select_next(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
        elif self.selected is None:
            super().keyPressEvent(event)
        elif key in arrows:
            name, index = self.selected
            step = LEAP if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else STEP
            t, value = self.series[name].points[index]
            right, up = arrows[Qt.Key(key)]
            self._put(name, self.series[name].moved(index, t + right * step, value + up * step))
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_selected()
        elif key == Qt.Key.Key_Insert:
            self._insert_after()
        else:
            super().keyPressEvent(event)

    def _select_next(self, step: int) -> None:
        every = [(name, index) for name, series in self.series.items() for index in range(len(series.points))]
        at = every.index(self.selected) if self.selected in every else (-1 if step > 0 else 0)
        self.selected = every[(at + step) % len(every)]
        self.update()

    def _insert_after(self) -> None:
        assert self.selected is not None
        name, index = self.selected
        points = self.series[name].points
        index = min(index, len(points) - 2)
        t = 0.5 * (points[index][0] + points[index + 1][0])
        self._add(name, t, float(Curve(points)(t)))

    def focusInEvent(self, event: QFocusEvent) -> None:
        if self.selected is None and event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self._select_next(1)
        self.update()

    def focusOutEvent(self, _event: QFocusEvent) -> None:
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for name, series in self.series.items():
            for index, (t, value) in enumerate(series.points):
                early, late, low, high = series.bounds(index)
                fixed, chosen = early == late and low == high, self.selected == (name, index)
                radius = 2.5 if fixed else 4.0
                spot = self.place(t, value)
                painter.setPen(QPen(colour("strong" if chosen else "field"), 1.6))
                painter.setBrush(colour(series.role))
                painter.drawEllipse(spot, radius + chosen, radius + chosen)
        if self.selected is not None:
            name, index = self.selected
            t, value = self.series[name].points[index]
            painter.setPen(colour(self.series[name].role))
            text = f"{self.series[name].letter} at t = {t:.3g} is {value:.3g}"
            painter.drawText(QRectF(self.rect()).adjusted(0, 2, 0, 0), Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, text)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour("accent"), 1.0))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3.0, 3.0)
        painter.end()
