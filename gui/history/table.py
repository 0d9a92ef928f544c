"""RunTable: the list of runs, a line each: name, when, steps, time, final distance, loss, and what of its settings is not as now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QDateTime, QLocale, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from engine.choice import Problem
from engine.experiment import Experiment
from engine.past_run import PastRun
from gui.distance_words import KIND, in_words
from gui.document import grouped
from gui.history.sparkline import CURVE, Sparkline, curve_of
from gui.history.words import difference_words
from gui.series_of_distances import DistanceSeries
from gui.theme import tabular

COLUMNS = ("Name", "Ended", "Steps", "Time", "W₂ to its target", "Loss", "Unlike the present settings")
NAME, ENDED, STEPS, TIME, W2, LOSS, SETTINGS = range(len(COLUMNS))
TIPS = (
    "Tick runs (Space) to compare them or to put them in panes; F2 renames",
    "When the training stopped",
    "Training steps done",
    "Time spent in training",
    "Last exact W₂ of the first pane's particles to the run's own target, standardised units, ± its standard error",
    "Smoothed loss, log against log step",
    "What the run has that is not as the present experiment has it",
)
KEY = Qt.ItemDataRole.UserRole


class RunTable(QTableWidget):
    """``show_runs`` fills it anew and keeps ticks and the current line."""

    ticked = Signal()
    """Other lines are ticked."""

    def __init__(self, rename: Callable[[str, str], None], complain: Callable[[str], None]):
        super().__init__(0, len(COLUMNS))
        self._rename, self._complain = rename, complain
        self._filling = False
        self.setHorizontalHeaderLabels(COLUMNS)
        for column, tip in enumerate(TIPS):
            self.horizontalHeaderItem(column).setToolTip(tip)
            self.horizontalHeaderItem(column).setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(30)
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed | QAbstractItemView.EditTrigger.DoubleClicked)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setAccessibleName("Finished runs")
        self.setItemDelegateForColumn(LOSS, Sparkline(self))
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        for column, width in ((NAME, 300), (ENDED, 124), (STEPS, 66), (TIME, 54), (W2, 118), (LOSS, 100)):
            self.setColumnWidth(column, width)
        head.setSectionResizeMode(SETTINGS, QHeaderView.ResizeMode.Stretch)
        self.itemChanged.connect(self._changed)

    def show_runs(self, runs: Sequence[PastRun], present: Experiment, present_key: str) -> None:
        """The latest first; those that were ticked stay so."""
        ticked, current = set(self.ticked_keys), self.current_key
        self._filling = True
        self.setRowCount(len(runs))
        for row, run in enumerate(reversed(runs)):
            self._fill(row, run, present, present_key, run.key in ticked)
        self._filling = False
        rows = [row for row in range(self.rowCount()) if self._key(row) == current]
        if runs:
            self.setCurrentCell(rows[0] if rows else 0, NAME)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Names have more room where there is more."""
        super().resizeEvent(event)
        self.setColumnWidth(NAME, max(170, min(300, round(0.27 * self.width()))))

    @property
    def ticked_keys(self) -> list[str]:
        """Of the ticked runs, from above."""
        return [self._key(row) for row in range(self.rowCount()) if self.item(row, NAME).checkState() == Qt.CheckState.Checked]

    @property
    def current_key(self) -> str:
        """Of the line that has the cursor; empty where there is none."""
        return self._key(self.currentRow()) if 0 <= self.currentRow() < self.rowCount() else ""

    @property
    def chosen_keys(self) -> list[str]:
        """The ticked runs; the current one where none is."""
        return self.ticked_keys or [key for key in (self.current_key,) if key]

    def tick(self, key: str, on: bool = True) -> None:
        """As a click on the box would."""
        for row in range(self.rowCount()):
            if self._key(row) == key:
                self.item(row, NAME).setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def edit_name(self) -> None:
        """The name of the current line, in its place."""
        if self.current_key:
            self.setFocus()
            self.editItem(self.item(self.currentRow(), NAME))

    def _key(self, row: int) -> str:
        return str(self.item(row, NAME).data(KEY))

    def _fill(self, row: int, run: PastRun, present: Experiment, present_key: str, ticked: bool) -> None:
        when = QDateTime.fromMSecsSinceEpoch(round(1000 * run.when))
        words = difference_words(run, present)
        if run.key == present_key:
            words = f"present run · {words}" if words != "as now" else "present run"
        texts = (
            run.name,
            QLocale().toString(when, QLocale.FormatType.ShortFormat),
            grouped(run.step),
            f"{run.seconds:.0f} s",
            *w2_words(run)[:1],
            "",
            words,
        )
        tips = (run.name, "", "", f"on {run.device}", w2_words(run)[1], "", words)
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
            if column == NAME:
                item.setData(KEY, run.key)
                item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
                flags |= Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEditable
            elif column == LOSS:
                item.setData(CURVE, curve_of(run.losses))
                item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{len(run.losses)} losses")
            elif column in (STEPS, TIME, W2):
                item.setFont(tabular(self.font()))
            item.setFlags(flags)
            item.setToolTip(tips[column])
            self.setItem(row, column, item)

    def _changed(self, item: QTableWidgetItem) -> None:
        if self._filling or item.column() != NAME:
            return
        key = str(item.data(KEY))
        try:
            self._rename(key, item.text())
        except Problem as problem:
            self._complain(str(problem))
        self.ticked.emit()


def w2_words(run: PastRun) -> tuple[str, str]:
    """The last W₂ of the first curve, with its error; and every curve's, for the tooltip."""
    curves = DistanceSeries(run.distances.curves, run.distances.names, run.distances.rows).of("w2")
    if not curves:
        return "not measured", "The training ended before any pane was measured"
    lines = [
        f"{curve.label}: {in_words(KIND['w2'], curve.values[-1], curve.errors[-1])} at step {grouped(int(curve.steps[-1]))}"
        for curve in curves
    ]
    return in_words(KIND["w2"], curves[0].values[-1], curves[0].errors[-1]), "\n".join(lines)
