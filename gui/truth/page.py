"""Page: one measurement of the window: its settings, its job on the worker with progress and Cancel, its chart, and its exports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog, QFrame, QLabel, QProgressBar, QPushButton, QScrollArea, QWidget

from engine.choice import Problem
from engine.mailbox import Mailbox
from engine.worker import Job, Priority
from gui.study.window import write_png
from gui.theme import colour
from gui.truth.basis import Basis, basis_of
from gui.truth.tables import Table, text, write_csv
from gui.widgets import card, column, label, row

if TYPE_CHECKING:
    from gui.lab import Lab

READ_MS = 100
LEFT_WIDTH = 262
PICTURE_SCALE = 2.0


@dataclass(frozen=True)
class Slice:
    """What a job has reached: a share of its work, what it is at, and what is known."""

    fraction: float
    doing: str = ""
    result: Any = None


class Page(QWidget):
    """Subclasses give ``slices``, ``show_result``, ``tables`` and the reasons; ``found`` is what was measured, on ``basis``."""

    NAME = ""
    """Of files."""
    EMPTY = ""
    changed = Signal()
    """Measuring has begun or ended."""

    def __init__(self, lab: Lab, left: QWidget, body: QWidget):
        super().__init__()
        self.lab, self.pane = lab, 0
        self.found: Any = None
        self.basis: Basis | None = None
        self.present: Basis | None = None
        """What would be measured now."""
        self._measuring: Basis | None = None
        self._box: Mailbox[Slice] = Mailbox()
        self._job: Job[Any] | None = None
        self.body = body
        self.reason = label("", "dim")
        self.reason.setWordWrap(True)
        self.reason.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.about, self.stale = label("", "dim", points=-0.5, elided=True), label("", "problem")
        self.sentence = label("", "strong", points=0.5)
        self.status = label("", "dim")
        for words in (self.stale, self.sentence, self.status):
            words.setWordWrap(True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.go, self.stop = QPushButton("Measure"), QPushButton("Cancel")
        self.go.setProperty("role", "primary")
        self.go.setToolTip("Measure this pane as it is now, in the background (Enter)")
        self.go.clicked.connect(self.run)
        self.stop.setToolTip("Stop measuring; what is known stays (Esc)")
        self.stop.clicked.connect(self.cancel)
        self.exports = [
            _button("Save picture…", "What is shown, as PNG, twice as large as on the screen", self.save_picture),
            _button("Save table…", "Every number as CSV, columns named with their units", self.save_table),
            _button("Copy table", "Every number to the clipboard, for a spreadsheet", self.copy_table),
        ]
        self._reader = QTimer(self)
        self._reader.setInterval(READ_MS)
        self._reader.timeout.connect(self._read)
        self._lay_out(left)

    def _lay_out(self, left: QWidget) -> None:
        scroll = QScrollArea()
        scroll.setFixedWidth(LEFT_WIDTH)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        left.setObjectName("panel")
        scroll.setWidget(left)
        self.frame = card()
        inside = column(self.about, self.reason, self.body, self.sentence, spacing=8, margins=(14, 10, 14, 12))
        inside.setStretch(1, 1)
        inside.setStretch(2, 1)
        self.frame.setLayout(inside)
        right = column(self.frame, self.stale, self.status, self.bar, row(*self.exports, 1, self.stop, self.go), spacing=7)
        right.setStretch(0, 1)
        self.setLayout(row(scroll, right, spacing=16))

    # ---- what a subclass gives ---------------------------------------------------------------------------------------

    def refusal(self, basis: Basis) -> str | None:
        """Why this cannot be measured, in one sentence; None if it can."""
        return basis.refusal()

    def slices(self, basis: Basis) -> Callable[[], Generator[Slice | None, None, None]]:
        """The job: what it needs of the window is read now, its work is done on the worker."""
        raise TypeError(f"{type(self).__name__} defines no slices")

    def show_result(self, result: Any) -> None:
        """Draws what is known, or nothing for None."""
        raise TypeError(f"{type(self).__name__} defines no show_result")

    def words(self, result: Any) -> str:
        """The sentence beneath the chart."""
        raise TypeError(f"{type(self).__name__} defines no words")

    def tables(self, result: Any) -> list[Table]:
        """What is exported."""
        raise TypeError(f"{type(self).__name__} defines no tables")

    def key(self, basis: Basis) -> object:
        """What of the basis decides the numbers."""
        return basis.law, basis.sampler, basis.snapshot, basis.guidance

    def basis_words(self, basis: Basis) -> str:
        """The same in words."""
        return basis.words

    def empty_words(self) -> str:
        """What stands where the chart will be."""
        return self.EMPTY

    def settings(self) -> object:
        """What else than the basis decides the numbers; compared with what they were measured with."""
        return None

    # ---- following the lab -------------------------------------------------------------------------------------------

    def follow(self, pane: int) -> None:
        """The lab, the pane or its network is another: what was measured stays, and says of what it is."""
        self.pane = pane
        self.present = basis_of(self.lab, pane)
        self.show_state()

    @property
    def running(self) -> bool:
        """Until its last result has been read."""
        return self._job is not None

    def run(self) -> None:
        """Measures the pane as it is now."""
        self.present = basis_of(self.lab, self.pane)
        if self.running or self.refusal(self.present) is not None:
            self.show_state()
            return
        self._measuring, self._with = self.present, self.settings()
        work = self.slices(self.present)
        self._box.advance()
        self._job = self.lab.worker.submit(work, name=self.NAME, priority=Priority.BACKGROUND, mailbox=self._box)
        self._reader.start()
        self.status.setText("Waiting for the worker…")
        self.show_state()
        self.changed.emit()

    _with: object = None
    _found_with: object = None

    def cancel(self) -> None:
        """What is known stays."""
        if self._job is None:
            return
        self.leave()
        self.status.setText("Cancelled; what was measured stays." if self.found is not None else "Cancelled.")
        self.show_state()
        self.changed.emit()

    def leave(self) -> None:
        """Nothing goes on."""
        if self._job is not None:
            self._job.cancel()
        self._job = None
        self._box.advance()
        self._reader.stop()

    def _read(self) -> None:
        over = self._job is not None and self._job.done
        known = self._box.take()
        if known is not None:
            self.bar.setValue(round(1000 * known.fraction))
            self.status.setText(f"{known.doing}…" if known.doing else "")
            if known.result is not None and known.result is not self.found:
                self.take(known.result)
        if over and self._job is not None:
            error, self._job = self._job.error, None
            self._reader.stop()
            self.status.setText(error or "")
            self.show_state()
            self.changed.emit()

    def take(self, result: Any) -> None:
        """A result of what is being measured."""
        self.found, self.basis, self._found_with = result, self._measuring, self._with
        self.show_state()

    def show_state(self) -> None:
        """Chart or reason, sentences and buttons."""
        basis = self.present
        reason = self.refusal(basis) if basis is not None else ""
        found = self.found is not None
        self.body.setVisible(found)
        self.reason.setVisible(not found)
        self.reason.setText(reason or ("The first numbers come in a moment." if self.running else self.empty_words()))
        self.about.setText("" if self.basis is None else f"Measured: {self.basis_words(self.basis)}")
        self.sentence.setText(self.words(self.found) if found else "")
        self.sentence.setVisible(found)
        if self.found is not self._drawn:
            self.redraw()
        self.stale.setText(self._stale_words(reason))
        self.stale.setVisible(bool(self.stale.text()))
        self.go.setText("Measure again" if found else "Measure")
        self.go.setEnabled(not self.running and reason is None)
        self.go.setDefault(self.go.isEnabled())
        self.stop.setEnabled(self.running)
        self.bar.setVisible(self.running)
        if not self.running:
            self.bar.setValue(0)
        for button in self.exports:
            button.setEnabled(found)

    _drawn: Any = None

    def redraw(self) -> None:
        """The chart anew: there is another result, or it is shown in another way."""
        self._drawn = self.found
        if self.found is not None:
            self.show_result(self.found)

    def _stale_words(self, reason: str | None) -> str:
        if self.found is None or self.present is None:
            return ""
        if reason is not None:
            return f"These numbers are of earlier settings. Now: {reason}"
        assert self.basis is not None
        if self.key(self.basis) != self.key(self.present):
            return f"These numbers are of earlier settings. Now: {self.basis_words(self.present)}."
        if self._found_with != self.settings() and not self.running:
            return "These numbers are of earlier settings at the left: measure again."
        return ""

    # ---- exports -----------------------------------------------------------------------------------------------------

    def picture(self) -> QImage:
        """What is shown, twice as large."""
        size = self.frame.size() * PICTURE_SCALE
        image = QImage(QSize(size.width(), size.height()), QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(PICTURE_SCALE)
        image.fill(colour("panel"))
        self.frame.render(image)
        image.setDevicePixelRatio(1.0)
        return image

    def save_picture(self) -> None:
        """Asks for a file and writes what is shown as PNG."""
        image = self.picture()
        found = self._ask_file("Save picture", f"{self.NAME.replace(' ', '-')}.png", "Picture (*.png)")
        if found is not None:
            self.lab.files.spawn(self._write(lambda: write_png(image, found), found))

    def save_table(self) -> None:
        """Asks for a file and writes the tables as CSV."""
        tables = self.tables(self.found)
        found = self._ask_file("Save table", f"{self.NAME.replace(' ', '-')}.csv", "Table (*.csv)")
        if found is not None:
            self.lab.files.spawn(self._write(lambda: write_csv(tables, found), found))

    def copy_table(self) -> None:
        """The tables to the clipboard, tabs between columns."""
        QGuiApplication.clipboard().setText(text(self.tables(self.found)))
        self.status.setText("The table is on the clipboard.")

    async def _write(self, write: Callable[[], object], path: Path) -> None:
        try:
            await asyncio.to_thread(write)
        except Problem as problem:
            self.status.setText(str(problem))
            raise
        self.status.setText(f"Written: {path.name}.")

    def _ask_file(self, title: str, name: str, kinds: str) -> Path | None:
        preferences = self.lab.preferences
        found, _ = QFileDialog.getSaveFileName(self, title, str(Path(preferences.folder) / name), kinds)
        if not found:
            return None
        path = Path(found)
        preferences.folder = str(path.parent)
        return path if path.suffix else path.with_suffix(Path(name).suffix)


def wrapped(words: str, role: str = "dim") -> QLabel:
    """A paragraph."""
    made = label(words, role)
    made.setWordWrap(True)
    return made


def _button(words: str, tip: str, act: Callable[[], object]) -> QPushButton:
    made = QPushButton(words)
    made.setToolTip(tip)
    made.setAutoDefault(False)
    made.clicked.connect(lambda: act())
    return made
