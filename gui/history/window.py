"""RunsWindow: the list of finished runs: rename, compare, put in panes, restore, delete. All of it by keyboard too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QPushButton, QSplitter

from engine.past_run import PastRun
from gui.history.compare import Comparison
from gui.history.table import RunTable
from gui.widgets import column, label, row

if TYPE_CHECKING:
    from gui.lab import Lab
    from gui.model import LabState

EMPTY = "No run has ended yet. Train, then Stop (Ctrl+.) or Restart: the run is kept here, with its settings, curves and weights."
ABOUT = "Tick runs with Space to compare them or to put them in panes. Kept with the session: at most 64 runs and 256 MB."


class RunsWindow(QDialog):
    """One at a time; ``open_for`` shows the one there is. The lab stays usable beside it."""

    _open: RunsWindow | None = None

    @classmethod
    def open_for(cls, lab: Lab) -> RunsWindow:
        """The window of this lab, in front."""
        if cls._open is None:
            cls._open = cls(lab)
        cls._open.show()
        cls._open.raise_()
        cls._open.activateWindow()
        return cls._open

    def __init__(self, lab: Lab):
        super().__init__(lab.window)
        self._lab = lab
        self.setWindowTitle("Runs")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.table = RunTable(lab.history.rename, self._say)
        self.comparison = Comparison()
        self.sentence = label("", "dim")
        self.sentence.setWordWrap(True)
        self.rename = self._button("Re&name", "Another name for the current run (F2)", self.table.edit_name)
        self.panes = self._button(
            "&Put in panes", "The ticked runs, or the current one, each in a pane of its own (Ctrl+P)", self._put_in_panes
        )
        self.restore = self._button(
            "&Restore",
            "This run's settings and weights become the present ones; what is there now joins the list (Ctrl+Return)",
            self._restore,
        )
        self.delete = self._button("&Delete", "The ticked runs, or the current one, leave the list (Delete)", self._delete)
        self.undo = self._button("&Undo delete", "What was deleted last comes back (Ctrl+Z)", self._undelete)
        self.stop = self._button("Close", "Close this window (Esc)", self.close)
        for keys, act in (
            ("Del", self._delete),
            ("Ctrl+Z", self._undelete),
            ("Ctrl+P", self._put_in_panes),
            ("Ctrl+Return", self._restore),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(act)
        self._lay_out()
        self.table.ticked.connect(self._compare)
        self.table.currentCellChanged.connect(lambda *_: self._compare())
        lab.history.list.changed.connect(self.refresh)
        lab.model.changed.connect(self._follow)
        lab.training.status_changed.connect(self._status)
        self.refresh()
        room = self.screen().availableGeometry()
        self.resize(min(1120, room.width() - 40), min(680, room.height() - 60))
        self.table.setFocus()

    def refresh(self) -> None:
        """The list as it is now."""
        history = self._lab.history
        self.table.show_runs(history.list.runs, self._lab.model.experiment, history.present)
        self._compare()
        self._say("")

    @property
    def chosen(self) -> list[PastRun]:
        """The ticked runs, or the current one."""
        found = (self._lab.history.list.get(key) for key in self.table.chosen_keys)
        return [run for run in found if run is not None]

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.table)
        split.addWidget(self.comparison)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(10)
        split.setSizes([240, 320])
        buttons = row(self.rename, self.panes, self.restore, self.delete, self.undo, 1, self.stop)
        layout = column(split, self.sentence, buttons, spacing=9, margins=(16, 14, 16, 14))
        layout.setStretch(0, 1)
        self.setLayout(layout)

    def _button(self, words: str, tip: str, act: Callable[[], object]) -> QPushButton:
        made = QPushButton(words)
        made.setToolTip(tip)
        made.setAutoDefault(False)
        made.clicked.connect(lambda: act())
        return made

    def _compare(self) -> None:
        chosen = self.chosen
        self.comparison.show_runs(chosen)
        for button in (self.rename, self.panes, self.restore, self.delete):
            button.setEnabled(bool(chosen))
        self.undo.setEnabled(bool(self._lab.history.list.deleted))

    def _put_in_panes(self) -> None:
        keys = [run.key for run in self.chosen]
        if keys:
            self._say(self._lab.history.put_in_panes(keys))

    def _restore(self) -> None:
        key = self.table.current_key
        if key:
            self._lab.history.restore(key)

    def _delete(self) -> None:
        names = ", ".join(f"“{run.name}”" for run in self.chosen)
        self._lab.history.delete([run.key for run in self.chosen])
        if names:
            self._say(f"Deleted {names}. Undo delete brings back what was deleted last.")

    def _undelete(self) -> None:
        self._lab.history.undelete()

    def _say(self, text: str) -> None:
        self.sentence.setText(text or (ABOUT if self._lab.history.list.runs else EMPTY))

    def _follow(self, old: LabState, new: LabState) -> None:
        if old.experiment != new.experiment:
            self.refresh()

    def _status(self, _status: str) -> None:
        self.refresh()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._lab.history.list.changed.disconnect(self.refresh)
        self._lab.model.changed.disconnect(self._follow)
        self._lab.training.status_changed.disconnect(self._status)
        RunsWindow._open = None
        event.accept()
