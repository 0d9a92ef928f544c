"""TopBar: menus, the session's name, Record, how the training is doing, and the one big button."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QMenuBar, QPushButton

from gui.actions import Actions
from gui.document import counted
from gui.icons import wear
from gui.widgets import label, row, shrinkable

if TYPE_CHECKING:
    from gui.training_job import Progress

BUTTON_WORDS = {"untrained": "Train", "training": "Pause", "paused": "Go on", "stopped": "Train on"}


class TopBar(QFrame):
    """One line; it shows what it is told."""

    def __init__(self, actions: Actions):
        super().__init__()
        self.setObjectName("panel")
        self.name = label("Pushforward", "strong")
        self.title = label("", "dim", elided=True)
        self.menus = QMenuBar()
        self.record = QPushButton("Record…")
        wear(self.record, "record")
        self.record.setToolTip(actions["record"].toolTip())
        self.record.clicked.connect(actions["record"].trigger)
        self.status = label("", "dim", figures=True, points=-0.5, live=True)
        self.status.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.train = QPushButton("Train")
        self.train.setProperty("role", "primary")
        self.train.setToolTip(actions["train"].toolTip())
        self.train.setMinimumWidth(116)
        self.train.clicked.connect(actions["train"].trigger)
        self.reflow = QPushButton("Reflow")
        self.reflow.setToolTip(actions["reflow"].toolTip())
        self.reflow.clicked.connect(actions["reflow"].trigger)
        self.reflow.hide()
        for button in (self.record, self.reflow, self.train):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        title = shrinkable(self.title)
        layout = row(self.name, self.menus, title, self.status, self.record, self.reflow, self.train, margins=(14, 6, 12, 6), spacing=12)
        layout.setStretch(2, 1)
        if sys.platform == "darwin":
            self.menus.setNativeMenuBar(True)
        layout.setAlignment(self.menus, Qt.AlignmentFlag.AlignVCenter)
        self.setLayout(layout)
        self.show_status("untrained")

    def show_title(self, name: str, edited: bool) -> None:
        self.title.setText(f"{name} — edited" if edited else name)

    def show_status(self, status: str) -> None:
        """The button says what it will do."""
        self.train.setText(f"  {BUTTON_WORDS[status]}")
        wear(self.train, "pause" if status == "training" else "play", "on_accent")

    def show_progress(self, progress: Progress | None) -> None:
        """Steps, speed, time and device."""
        if progress is None:
            self.status.setText("")
            return
        parts = [counted(progress.step, "step")]
        if progress.rate > 0:
            parts.append(f"{progress.rate:,.0f}/s".replace(",", "\u202f"))
        parts += [clock_words(progress.seconds), progress.device]
        self.status.setText(" · ".join(part for part in parts if part))


def clock_words(seconds: float) -> str:
    """``"7 s"``, ``"3:07"``, ``"1:02:03"``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
