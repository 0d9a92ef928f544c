"""DistanceWindow: every distance of every pane with its error and its floor, the chosen one along the training, to copy and to save."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QColor, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QDialog, QFileDialog, QHeaderView, QPushButton, QTableWidget, QTableWidgetItem

from engine.choice import Problem
from engine.distance_table import Row, text, write_csv
from engine.distances import Estimate
from gui.charts.over_training import DistanceCurves
from gui.distance_words import KIND, Kind, in_words, over_floor, plus_minus, tip_of
from gui.series_of_distances import DistanceSeries
from gui.theme import colour, notifier, tabular
from gui.widgets import card, column, label, row

if TYPE_CHECKING:
    from gui.lab import Lab

TIMES = Kind("w2", "× floor", "W₂ over its floor", "no unit", "W₂ over its floor: 1 is as good as fresh draws of the target itself")
NAMES = ("sliced_w2", "mmd", "energy", "kl", "tv", "js", "modes", "near", "nll", "nll_user", "excess", "straightness")
LINES: tuple[Kind, ...] = (KIND["w2"], TIMES, *(KIND[name] for name in NAMES))
ABOUT = "Mean of repeated draws ± standard error. The floor is what fresh draws of the target have among themselves."
LINE_HEIGHT, NUMBER_WIDTH = 23, 128
MOST_TALL = 800


class DistanceWindow(QDialog):
    """One at a time; ``open_for`` shows the one there is. It follows the lab while it is open."""

    _open: DistanceWindow | None = None

    @classmethod
    def open_for(cls, lab: Lab) -> DistanceWindow:
        """The window of this lab, in front."""
        if cls._open is None:
            cls._open = cls(lab)
        cls._open.show()
        cls._open.raise_()
        return cls._open

    def __init__(self, lab: Lab):
        super().__init__(lab.window)
        self._lab = lab
        self.setWindowTitle("All distances")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.table = QTableWidget(len(LINES), 0)
        self.note = label("", "dim")
        self.note.setWordWrap(True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.note.setMinimumHeight(3 * self.note.fontMetrics().height() + 2)
        self.curves = DistanceCurves()
        self.sentence = label("", "dim")
        self.exports = [
            _button("Copy table", "Every number with all its digits to the clipboard, for a spreadsheet (Ctrl+C)", self.copy_table),
            _button("Save table…", "One row a pane as CSV, columns named with their units (Ctrl+S)", self.save_table),
        ]
        self.save_curves_button = _button("Save curves…", "What was measured along the training as CSV, one row a step", self.save_curves)
        self._lay_out()
        self._rows: list[Row] = []
        lab.distances.changed.connect(self._follow)
        notifier().changed.connect(self._fill)
        self._follow()
        self.table.selectRow(0)
        room = self.screen().availableGeometry()
        self.resize(min(1080, room.width() - 60), min(MOST_TALL, room.height() - 60))

    def _lay_out(self) -> None:
        table = self.table
        table.setAccessibleName("Distances of each pane")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setFont(tabular(table.font()))
        table.verticalHeader().setDefaultSectionSize(LINE_HEIGHT)
        table.verticalHeader().hide()
        table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        table.horizontalHeader().setHighlightSections(False)
        table.horizontalHeader().setMinimumSectionSize(NUMBER_WIDTH)
        table.itemSelectionChanged.connect(self._choose)
        close = _button("Close", "Close this window (Esc)", self.close)
        frame = card()
        frame.setLayout(column(self.curves.value, self.curves, margins=(10, 7, 10, 6)))
        frame.layout().setStretch(1, 1)
        for button in (*self.exports, self.save_curves_button, close):
            button.setAutoDefault(False)
        foot = row(*self.exports, self.save_curves_button, self.sentence, 1, close)
        self.setLayout(column(label(ABOUT, "dim"), table, self.note, frame, foot, spacing=8, margins=(16, 12, 16, 12)))
        self.layout().setStretch(3, 1)
        for keys, act in ((QKeySequence.StandardKey.Copy, self.copy_table), (QKeySequence.StandardKey.Save, self.save_table)):
            QShortcut(QKeySequence(keys), self).activated.connect(act)

    # ---- what is shown -----------------------------------------------------------------------------------------------

    @property
    def kind(self) -> Kind:
        """The line that is chosen."""
        return LINES[max(0, self.table.currentRow())]

    def _follow(self) -> None:
        """There is something new."""
        self._rows = self._lab.distances.rows()
        self._fill()
        known = any(one.value is not None for found in self._rows for one in found.distances.values())
        for button in self.exports:
            button.setEnabled(known)
        self.save_curves_button.setEnabled(len(self._lab.distances.series) > 0)
        self.curves.show_series(self._lab.distances.series)
        self._explain()

    def _fill(self) -> None:
        shared = _share_floors(self._rows)
        heads, floor_columns = _heads(self._rows, shared)
        if self.table.columnCount() != len(heads):
            self.table.setColumnCount(len(heads))
            sizes = self.table.horizontalHeader()
            sizes.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
            sizes.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.table.setHorizontalHeaderLabels(heads)
        self.table.horizontalHeaderItem(0).setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for place, found in enumerate(self._rows):
            self.table.horizontalHeaderItem(1 + place * (1 if shared else 2)).setToolTip(f"{found.pane}: {found.settings}")
        for line, kind in enumerate(LINES):
            cells = [(f"{kind.long}  ({kind.unit})", f"{kind.tip}. {kind.best.capitalize()}."), *_line(kind, self._rows, shared)]
            for place, (words, tip) in enumerate(cells):
                self._put(line, place, words, tip, dim=place in floor_columns)
        frame = 2 * self.table.frameWidth()
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + LINE_HEIGHT * len(LINES) + frame + 2)

    def _put(self, line: int, place: int, words: str, tip: str, *, dim: bool) -> None:
        item = self.table.item(line, place)
        if item is None:
            item = QTableWidgetItem()
            side = Qt.AlignmentFlag.AlignRight if place else Qt.AlignmentFlag.AlignLeft
            item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(line, place, item)
        ink: QColor = colour("dim" if dim else "text")
        if (item.text(), item.toolTip(), item.foreground().color()) != (words, tip, ink):
            item.setText(words)
            item.setToolTip(tip)
            item.setForeground(ink)

    def _choose(self) -> None:
        kind = self.kind
        self.curves.show_kind(KIND[kind.name])
        self._explain()

    def _explain(self) -> None:
        """What the chosen line is, and what its numbers were taken at."""
        kind = self.kind
        known = [one for found in self._rows if (one := found.distances.get(kind.name)) is not None]
        lines = [f"{kind.tip}. {kind.best.capitalize()}."]
        measured = next((one for one in known if one.value is not None), None)
        if measured is not None and measured.n:
            repeats = f", {measured.repeats} repeats" if measured.repeats > 1 else ""
            points = f"{measured.n:,}".replace(",", "\u202f")
            lines.append(f"n = {points} points{repeats}. {measured.note[:1].upper()}{measured.note[1:]}.")
        lines += sorted({f"No {kind.long}: {one.reason}" for one in known if one.value is None})
        self.note.setText("\n".join(lines))

    # ---- exports -----------------------------------------------------------------------------------------------------

    def copy_table(self) -> None:
        """The table to the clipboard, tabs between columns."""
        QGuiApplication.clipboard().setText(text(self._rows))
        self.sentence.setText("The table is on the clipboard.")

    def save_table(self) -> None:
        """Asks for a file and writes the table as CSV."""
        self._save("Save table", "distances.csv", self._rows)

    def save_curves(self) -> None:
        """Asks for a file and writes what was measured along the training."""
        self._save("Save curves", "distances-over-training.csv", rows_of(self._lab.distances.series))

    def _save(self, title: str, name: str, rows: Sequence[Row]) -> None:
        preferences = self._lab.preferences
        found, _ = QFileDialog.getSaveFileName(self, title, str(Path(preferences.folder) / name), "Table (*.csv)")
        if found:
            path = Path(found)
            preferences.folder = str(path.parent)
            self._lab.files.spawn(self._write(rows, path if path.suffix else path.with_suffix(".csv")))

    async def _write(self, rows: Sequence[Row], path: Path) -> None:
        try:
            await asyncio.to_thread(write_csv, rows, path)
        except Problem as problem:
            self._say(str(problem))
            raise
        self._say(f"Written: {path.name}.")

    def _say(self, words: str) -> None:
        """At the foot, unless the window was closed meanwhile."""
        if DistanceWindow._open is self:
            self.sentence.setText(words)

    def reject(self) -> None:
        """Esc."""
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._lab.distances.changed.disconnect(self._follow)
        notifier().changed.disconnect(self._fill)
        DistanceWindow._open = None
        event.accept()


def rows_of(series: DistanceSeries) -> list[Row]:
    """One row for each step and curve."""
    found = []
    for step in sorted(set(series.rows[:, 0])):
        for curve in series.curves:
            known = series.estimates(int(step), curve)
            if known:
                found.append(Row(curve, "", int(step), known))
    return found


def _share_floors(rows: Sequence[Row]) -> bool:
    """Whether one column of floors serves all panes."""
    for kind in LINES:
        floors = {one.floor for found in rows if (one := found.distances.get(kind.name)) is not None and one.value is not None}
        if len(floors) > 1:
            return False
    return True


def _heads(rows: Sequence[Row], shared: bool) -> tuple[list[str], set[int]]:
    """What stands above the columns, and which of them are floors."""
    heads, floors = [""], set()
    for found in rows:
        step = "exact field" if found.step is None else f"step {found.step:,}".replace(",", "\u202f")
        heads.append(f"{found.pane}\n{step}")
        if not shared:
            floors.add(len(heads))
            heads.append("floor")
    if shared:
        floors.add(len(heads))
        heads.append("floor")
    return heads, floors


def _line(kind: Kind, rows: Sequence[Row], shared: bool) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []
    for found in rows:
        one = found.distances.get(kind.name)
        made.append(_value(kind, one))
        if not shared:
            made.append(_floor(kind, [one]))
    return [*made, _floor(kind, [found.distances.get(kind.name) for found in rows])] if shared else made


def _value(kind: Kind, one: Estimate | None) -> tuple[str, str]:
    if one is None:
        return "…", "Not known yet"
    if one.value is None:
        return "–", tip_of(kind, one)
    if kind is not TIMES:
        return in_words(kind, one.value, one.error), tip_of(kind, one)
    ratio = over_floor(one)
    return ("–", "The floor is 0") if ratio is None else (" ± ".join(part for part in plus_minus(*ratio) if part), TIMES.tip)


def _floor(kind: Kind, ones: Sequence[Estimate | None]) -> tuple[str, str]:
    one = next((one for one in ones if one is not None and one.floor is not None), None)
    if one is None or one.floor is None:
        return "", ""
    return ("1", TIMES.tip) if kind is TIMES else (in_words(kind, one.floor, one.floor_error), kind.floor_words.capitalize())


def _button(words: str, tip: str, act: Callable[[], object]) -> QPushButton:
    made = QPushButton(words)
    made.setToolTip(tip)
    made.clicked.connect(lambda: act())
    return made
