"""DistanceTable: how far each pane's result is from the target, beside the floor that fresh draws of the target reach among themselves."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from gui.distances import Distance
from gui.widgets import card, column, heading, label, row

COLUMNS = (
    ("W₂", "Exact 2-Wasserstein distance between the pane's particles and fresh draws of the target, in standardised units"),
    ("sliced W₂", "The same along 128 directions, averaged: √ of the mean of the squared one-dimensional distances"),
    ("× floor", "W₂ over its floor: 1 is as good as fresh draws of the target itself"),
    (
        "straightness",
        "S = ∫ E‖(x₁ − x₀) − v‖² dt along an ODE's particles: 0 if every one moves straight at constant speed (Liu 2209.03003)",
    ),
)
WIDTH = 1 + len(COLUMNS)


class DistanceTable(QWidget):
    """One row a pane, and the floor."""

    def __init__(self) -> None:
        super().__init__()
        frame = card()
        self._note = label("", "dim", figures=True, points=-1.0)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(18)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(0, 1)
        self._cells: list[QLabel] = []
        frame.setLayout(column(row(heading("Distances"), 1, self._note), self._grid, 1, spacing=6, margins=(12, 9, 12, 8)))
        self.setLayout(column(frame))
        self.show_rows([], [])

    def show_rows(
        self, titles: list[str], found: list[Distance | None], straight: list[float | None] | None = None, empty: Collection[int] = ()
    ) -> None:
        """A title, a Distance (None: not known yet) and a straightness (None: an SDE has none) for each pane; ``empty`` ones get none."""
        table: list[list[str]] = [["", *(name for name, _ in COLUMNS)]]
        known = [distance for distance in found if distance is not None]
        for i, (title, distance, line) in enumerate(zip(titles, found, straight or [None] * len(titles), strict=True)):
            numbers = _numbers(distance) if distance is not None else ("–" if i in empty else "…",) * 3
            table.append([title, *numbers, _straight(line)])
        if known:
            table.append(["floor", f"{known[0].floor:.3f}", f"{known[0].sliced_floor:.3f}", "1", ""])
            self._note.setText(f"n = {known[0].n:,} · standardised units".replace(",", "\u202f"))
        self._fill(table)

    def _fill(self, table: list[list[str]]) -> None:
        flat = [text for line in table for text in line]
        if len(flat) != len(self._cells):
            for cell in self._cells:
                self._grid.removeWidget(cell)
                cell.deleteLater()
            self._cells = [self._cell(i // WIDTH, i % WIDTH, quiet=table[i // WIDTH][0] in ("", "floor")) for i in range(len(flat))]
        for cell, text in zip(self._cells, flat, strict=True):
            cell.setText(text)

    def _cell(self, line: int, place: int, *, quiet: bool) -> QLabel:
        made = label("", "dim" if quiet else "", figures=True, points=-0.5)
        if place:
            made.setAlignment(Qt.AlignmentFlag.AlignRight)
            made.setToolTip(COLUMNS[place - 1][1])
        self._grid.addWidget(made, line, place)
        return made


def _numbers(distance: Distance) -> tuple[str, str, str]:
    return f"{distance.w2:.3f}", f"{distance.sliced:.3f}", f"{distance.w2 / max(distance.floor, 1e-9):.2f}"


def _straight(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if value >= 0.01 else f"{value:.2g}"
