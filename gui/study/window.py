"""StudyWindow: which samplers, how far, and the chart; it runs on the worker in the background while the lab stays usable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QGuiApplication, QImage, QShowEvent
from PySide6.QtWidgets import QButtonGroup, QDialog, QFileDialog, QProgressBar, QPushButton, QWidget

from engine.choice import Problem
from engine.files import replacing
from engine.mailbox import Mailbox
from engine.study import Study, StudySettings, study
from engine.study_table import text, write_csv
from engine.worker import Job, Priority
from gui.forms.struct_form import StructForm
from gui.study.chart import Axis, StudyChart
from gui.study.sampler_list import SamplerList
from gui.widgets import card, column, heading, label, row

if TYPE_CHECKING:
    from gui.lab import Lab
    from gui.model import LabState

READ_MS = 100
PICTURE = QSize(1600, 1000)
LEFT_WIDTH = 268
FIRST = frozenset({"euler", "heun", "rk4", "euler-maruyama"})
"""Ticked at first."""
EMPTY = "Error against function evaluations, on your own target, with the exact field:\nchoose samplers at the left, then press Run study."
AXES: tuple[tuple[Axis, str, str], ...] = (
    (
        "error",
        "End-point error",
        "Distance (RMS) to where each particle should end: by the flow for an ODE, on the same Brownian path for an SDE",
    ),
    ("w2", "W₂ to the target", "Exact distance of all end points to fresh draws of the target; below the floor nothing can be told apart"),
)


class StudyWindow(QDialog):
    """One at a time; ``open_for`` shows the one there is."""

    _open: StudyWindow | None = None

    @classmethod
    def open_for(cls, lab: Lab) -> StudyWindow:
        """The window of this lab, in front."""
        if cls._open is None:
            cls._open = cls(lab)
        cls._open.show()
        cls._open.raise_()
        return cls._open

    def __init__(self, lab: Lab):
        super().__init__(lab.window)
        self._lab = lab
        self._axis: Axis = "error"
        self._box: Mailbox[Study] = Mailbox()
        self._job: Job[Study] | None = None
        self.found: Study | None = None
        self.setWindowTitle("Solver study")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.samplers = SamplerList()
        self.samplers.changed.connect(self._show_state)
        self.form = StructForm(StudySettings, show=("particles", "fewest", "most", "seed"), parent=self)
        self.form.changed.connect(self._show_state)
        self.chart = StudyChart()
        self.empty = label(EMPTY, "dim")
        self.empty.setParent(self.chart)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.about = label("", "dim", points=-0.5)
        self.sentence = label("", "dim")
        self.sentence.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.go, self.stop = QPushButton("Run study"), QPushButton("Close")
        self._lay_out()
        self._reader = QTimer(self)
        self._reader.setInterval(READ_MS)
        self._reader.timeout.connect(self._read)
        lab.model.changed.connect(self._follow)
        self._fill(FIRST)
        self._show_state()
        room = self.screen().availableGeometry()
        self.resize(min(1120, room.width() - 60), min(720, room.height() - 80))

    def _lay_out(self) -> None:
        self.go.setProperty("role", "primary")
        self.go.setDefault(True)
        self.go.setToolTip("Run the chosen samplers at 1, 2, 4, … times the fewest evaluations (Enter)")
        self.go.clicked.connect(self.run)
        self.stop.clicked.connect(self._cancel_or_close)
        chips = []
        group = QButtonGroup(self)
        for axis, words, tip in AXES:
            chip = QPushButton(words)
            chip.setProperty("role", "chip")
            chip.setCheckable(True)
            chip.setChecked(axis == self._axis)
            chip.setToolTip(tip)
            chip.clicked.connect(lambda _checked, axis=axis: self.show_axis(axis))
            group.addButton(chip)
            chips.append(chip)
        self.chips = {axis: chip for (axis, _words, _tip), chip in zip(AXES, chips, strict=True)}
        self.exports = [
            _button("Save picture…", f"The chart as PNG, {PICTURE.width()} × {PICTURE.height()} pixels", self.save_picture),
            _button("Save table…", "Every run as CSV, columns named with their units", self.save_table),
            _button("Copy table", "Every run to the clipboard, for a spreadsheet", self.copy_table),
        ]
        left = QWidget()
        left.setFixedWidth(LEFT_WIDTH)
        inner = column(heading("Samplers"), self.samplers, heading("Evaluations and particles"), self.form, spacing=8)
        inner.setStretch(1, 1)
        left.setLayout(inner)
        frame = card()
        frame.setLayout(column(self.chart, margins=(6, 8, 10, 4)))
        right = column(
            row(*chips, 1, self.about, spacing=5),
            frame,
            self.sentence,
            self.bar,
            row(*self.exports, 1, self.stop, self.go),
            spacing=9,
        )
        right.setStretch(1, 1)
        self.setLayout(row(left, right, spacing=18, margins=(16, 14, 16, 14)))

    # ---- running -----------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Until its last result has been read."""
        return self._job is not None

    def run(self) -> None:
        """Starts the study; what was shown goes."""
        samplers, settings, experiment = self.samplers.chosen, self.form.value, self._lab.model.experiment
        self.found = None
        self._say_about()
        self._box.advance()
        self._job = self._lab.worker.submit(
            lambda: study(experiment, samplers, settings), name="solver study", priority=Priority.BACKGROUND, mailbox=self._box
        )
        self._reader.start()
        self.chart.show_study(None, self._axis)
        self._show_state()

    def cancel(self) -> None:
        """What is known stays."""
        if self._job is not None:
            self._job.cancel()
        self._job = None
        self._box.advance()
        self._reader.stop()
        self._show_state()
        self.sentence.setText("Cancelled; what was measured stays." if self.found is not None and self.found.points else "Cancelled.")

    def _read(self) -> None:
        over = self._job is not None and self._job.done
        known = self._box.take()
        if known is not None:
            new = self.found is None or len(self.found.points) != len(known.points) or not known.doing
            self.found = known
            self.bar.setValue(round(1000 * known.fraction))
            self.sentence.setText(f"{known.doing}…" if known.doing else "")
            if new:
                self.chart.show_study(known, self._axis)
        if over and self._job is not None:
            error, self._job = self._job.error, None
            self._reader.stop()
            self._show_state()
            self.sentence.setText(error or self._result())
        elif known is not None:
            self._show_exports()

    def _result(self) -> str:
        assert self.found is not None
        seconds = sum(point.seconds for point in self.found.points)
        return f"{len(self.found.points)} runs of {self.form.value.particles:,} particles in {seconds:.3g} s.".replace(",", "\u202f")

    def show_axis(self, axis: Axis) -> None:
        """End-point error or W2."""
        self._axis = axis
        self.chips[axis].setChecked(True)
        self.chart.show_study(self.found, axis)

    # ---- showing -----------------------------------------------------------------------------------------------------

    def _fill(self, ticked: frozenset[str]) -> None:
        from engine.fields.exact import exact_refusal

        experiment, document = self._lab.model.experiment, self._lab.model.document
        self._no_field = exact_refusal(experiment)
        panes = [pane.sampler for pane in document.panes]

        def refusal(sampler: object) -> str | None:
            return self._no_field or _refusal(experiment, sampler)

        self.samplers.fill(panes, ticked, refusal)
        if self.found is None:
            self._say_about()

    _no_field: str | None = None

    def _say_about(self) -> None:
        """What is measured: a result keeps the name of what it was measured on."""
        experiment = self._lab.model.experiment
        self.about.setText(f"{experiment.target.label} · {experiment.path.label} · exact field")

    def _follow(self, old: LabState, new: LabState) -> None:
        """Another experiment or other panes: the boxes follow; what was measured stays, under the name of what it was measured on."""
        changed = (old.experiment, old.document.panes) != (new.experiment, new.document.panes)
        if changed and not self.running:
            self._fill(frozenset(sampler.name for sampler in self.samplers.chosen))
            self._show_state()

    def _show_state(self) -> None:
        """Buttons and the empty state."""
        running, points = self.running, self.found is not None and bool(self.found.points)
        problem = self._problem()
        self.go.setEnabled(not running and problem is None)
        self.stop.setText("Cancel" if running else "Close")
        self.bar.setVisible(running)
        self.samplers.setEnabled(not running)
        self.form.setEnabled(not running)
        self.empty.setVisible(not points)
        self.empty.setText(self._no_field or ("The first curve comes in a moment." if running else EMPTY))
        if not running:
            self.bar.setValue(0)
            self.sentence.setText(problem or "")
        self._show_exports()

    def _show_exports(self) -> None:
        points = self.found is not None and bool(self.found.points)
        for button in self.exports:
            button.setEnabled(points)
        self.empty.setVisible(not points)

    def _problem(self) -> str | None:
        """Why it cannot run."""
        if self._no_field:
            return None if self.running else self._no_field
        if not self.samplers.chosen:
            return "Tick at least one sampler."
        try:
            self.form.value.budgets()
        except Problem as problem:
            return str(problem).capitalize()
        return None

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]  # a QResizeEvent, which nothing here looks at
        self._place_empty()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(0, self, self._place_empty)

    def _place_empty(self) -> None:
        self.empty.resize(self.chart.size())

    # ---- exports -----------------------------------------------------------------------------------------------------

    def save_picture(self) -> None:
        """Asks for a file and writes the chart as PNG."""
        image = self.chart.picture(PICTURE.width(), PICTURE.height())
        found = self._ask_file("Save picture", "solver-study.png", "Picture (*.png)")
        if found is not None:
            self._lab.files.spawn(self._write(lambda: write_png(image, found), found))

    def save_table(self) -> None:
        """Asks for a file and writes the table as CSV."""
        known = self.found
        found = self._ask_file("Save table", "solver-study.csv", "Table (*.csv)")
        if found is not None and known is not None:
            self._lab.files.spawn(self._write(lambda: write_csv(known, found), found))

    def copy_table(self) -> None:
        """The table to the clipboard, tabs between columns."""
        if self.found is not None:
            QGuiApplication.clipboard().setText(text(self.found))
            self.sentence.setText("The table is on the clipboard.")

    async def _write(self, write: Callable[[], object], path: Path) -> None:
        try:
            await asyncio.to_thread(write)
        except Problem as problem:
            self.sentence.setText(str(problem))
            raise
        self.sentence.setText(f"Written: {path.name}.")

    def _ask_file(self, title: str, name: str, kinds: str) -> Path | None:
        preferences = self._lab.preferences
        found, _ = QFileDialog.getSaveFileName(self, title, str(Path(preferences.folder) / name), kinds)
        if not found:
            return None
        path = Path(found)
        preferences.folder = str(path.parent)
        return path if path.suffix else path.with_suffix(Path(name).suffix)

    # ---- leaving -----------------------------------------------------------------------------------------------------

    def _cancel_or_close(self) -> None:
        if self.running:
            self.cancel()
        else:
            self.close()

    def reject(self) -> None:
        """Esc: Cancel while it runs, else Close."""
        self._cancel_or_close()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._job is not None:
            self._job.cancel()
        self._lab.model.changed.disconnect(self._follow)
        StudyWindow._open = None
        event.accept()


def write_png(image: QImage, path: Path) -> None:
    """PNG, written whole or not at all. Raises Problem."""
    with replacing(path) as temporary:
        if not image.save(str(temporary), "PNG"):
            raise Problem(f"{path}: the picture could not be written.")


def _refusal(experiment: object, sampler: object) -> str | None:
    from gui.runs import exact_sampler_refusal

    return exact_sampler_refusal(experiment, sampler)


def _button(words: str, tip: str, act: Callable[[], object]) -> QPushButton:
    made = QPushButton(words)
    made.setToolTip(tip)
    made.clicked.connect(lambda: act())
    return made
