"""TransportBar: play, speed, t, the line from source to data, loop and direction, for all panes at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QActionGroup, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QMenu, QToolButton, QWidget

from gui.document import LoopMode
from gui.icons import wear
from gui.stage.clock import Clock
from gui.stage.scrub import ScrubSlider
from gui.stage.step_bar import StepBar
from gui.widgets import flat_button, label

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
WIDE = 860
"""Pixels from which the axis of training steps has a place beside that of t; below, it has a line of its own once there is one."""
LOOP_WORDS: dict[LoopMode, str] = {"once": "once", "loop": "loop", "ping-pong": "there and back"}


class TransportBar(QWidget):
    """Shows a Clock and says what the user asks of it."""

    play_asked = Signal()
    sought = Signal(float)
    turn_asked = Signal()
    speed_chosen = Signal(float)
    loop_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._playing: bool | None = None
        self.play = flat_button("play", "Play or pause (Space)", "Play")
        self.play.setIconSize(self.play.iconSize() * 1.25)
        self.reverse = flat_button("reverse", "Run the other way (R)", "Reverse")
        self.reverse.setCheckable(True)
        self.speed = self._menu_button("Speed: at 1× a run takes four seconds (, and .)")
        self.loop = self._menu_button("What happens at the end of a run (L)")
        wear(self.loop, "loop", "dim")
        self.loop.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.time = label("t = 0.00", figures=True, live=True)
        self.time.setMinimumWidth(self.time.fontMetrics().horizontalAdvance("t = 0.00") + 8)
        self.scrub = ScrubSlider()
        self.set_start("noise")
        self.steps = StepBar()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(0)
        for place, part in enumerate((self.play, self.speed, self.time, self.scrub, self.loop, self.reverse)):
            self._grid.addWidget(part, 0, place)
        self._grid.setColumnStretch(3, 1)
        self._wide: bool | None = None
        self._place_steps()
        self._fill_menus()
        self.play.clicked.connect(self.play_asked)
        self.reverse.clicked.connect(self.turn_asked)
        self.scrub.moved.connect(self.sought)

    def show_steps(self, steps: Sequence[int], latest: int, chosen: int | None, playing: bool) -> None:
        """Checkpoints of the training, the latest step, the step that is shown (None: the latest), and whether that axis plays."""
        self.steps.show_steps(steps, latest, chosen)
        self.steps.show_playing(playing)
        self._there = bool(steps)
        self._place_steps()

    _there = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_steps()

    def _place_steps(self) -> None:
        """At the right, or on a line of its own in a narrow window."""
        wide = self.width() >= WIDE
        if wide != self._wide:
            self._wide = wide
            self._grid.removeWidget(self.steps)
            self._grid.addWidget(self.steps, *((0, 6, 1, 1) if wide else (1, 0, 1, 6)))
            self._grid.setColumnStretch(6, 1 if wide else 0)
        self.steps.setVisible(wide or self._there)

    def set_start(self, word: str) -> None:
        """What there is at t = 0: noise, or the source."""
        self.scrub.set_start(word)
        self.time.setToolTip(f"Model time: t = 0 is {word}, t = 1 is data")

    def show_clock(self, clock: Clock) -> None:
        """Brings every control in line with the clock."""
        self.scrub.set_t(clock.t)
        self.time.setText(f"t = {clock.t:.2f}")
        if clock.playing != self._playing:
            self._playing = clock.playing
            wear(self.play, "pause" if clock.playing else "play", "strong")
            self.play.setAccessibleName("Pause" if clock.playing else "Play")
        self.reverse.setChecked(clock.direction < 0)
        self.speed.setText(f"{clock.speed:g}×")
        self.loop.setText(LOOP_WORDS[clock.loop])

    def _menu_button(self, tip: str) -> QToolButton:
        made = QToolButton()
        made.setProperty("role", "flat")
        made.setToolTip(tip)
        made.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        made.setMenu(QMenu(made))
        return made

    def _fill_menus(self) -> None:
        speeds, loops = QActionGroup(self), QActionGroup(self)
        for value in SPEEDS:
            action = self.speed.menu().addAction(f"{value:g}×")
            action.triggered.connect(lambda _checked=False, v=value: self.speed_chosen.emit(v))
            speeds.addAction(action)
        for mode in get_args(LoopMode):
            action = self.loop.menu().addAction(LOOP_WORDS[mode])
            action.triggered.connect(lambda _checked=False, m=mode: self.loop_chosen.emit(m))
            loops.addAction(action)
