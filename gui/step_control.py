"""StepControl: which step of the training the panes show: the latest, or a checkpoint while training goes on; and play along that axis."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from PySide6.QtCore import QObject, Signal

from engine.checkpoint import Checkpoint
from engine.checkpoints import nearest
from gui.runs import Snapshot
from gui.snapshots import KeptSnapshot, step_words
from gui.stage.clock import HOLD_SECONDS
from gui.training_control import TELL_SECONDS

if TYPE_CHECKING:
    from gui.lab import Lab

AXIS_SECONDS = 8.0
"""How long play takes from the first checkpoint to the latest at speed 1, if the runs are there in time."""
SHORTEST, LONGEST = 0.12, 0.6
"""Seconds from one checkpoint to the next at speed 1."""


class StepControl(QObject):
    """``choose`` and its kin are what the user asks; ``instead_of`` is what the panes get in place of a training's latest snapshot."""

    changed = Signal()

    def __init__(self, lab: Lab):
        super().__init__(lab)
        self._lab = lab
        self._kept: WeakKeyDictionary[Checkpoint, KeptSnapshot] = WeakKeyDictionary()
        self._chosen: Checkpoint | None = None
        self._work: str = ""
        """The key of the training whose checkpoint is chosen."""
        self.playing = False
        self._direction = 1
        self._since: float | None = None
        self._told: object = None
        self._told_latest, self._told_at = 0, 0.0
        bar = lab.window.transport.steps
        bar.slider.moved.connect(self.seek)
        bar.slider.stepped.connect(self._stepped)
        bar.play_asked.connect(self.toggle_play)
        lab.stage.ticked.connect(self._tick)

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Those of the network that the panes can show, the earliest first."""
        work = self._lab.training.work
        return work.checkpoints if work is not None and self._lab.training.snapshot is not None else ()

    @property
    def step(self) -> int | None:
        """The step that is shown; None: the latest."""
        return None if self._chosen is None else self._chosen.step

    @property
    def latest(self) -> int:
        """Steps done."""
        work = self._lab.training.work
        return 0 if work is None else work.step

    def instead_of(self, snapshot: Snapshot | None) -> Snapshot | None:
        """What the panes show: the training's snapshot, or the checkpoint that was chosen while it is of this training."""
        work = self._lab.training.work
        if snapshot is None or work is None or work.key != self._work:
            self._chosen, self._work = None, "" if work is None else work.key
            self._stop()
        return snapshot if self._chosen is None else self._snapshot_of(self._chosen)

    def seek(self, step: float) -> None:
        """The checkpoint nearest to a step in log step; infinity: the latest."""
        self._stop()
        there = self.checkpoints
        self._choose(there[nearest([one.step for one in there], step)] if there and step != math.inf else None)

    def back(self) -> None:
        """The checkpoint before what is shown."""
        self._stop()
        self._go(-1)

    def ahead(self) -> None:
        """The checkpoint after; after the last one, the latest."""
        self._stop()
        self._go(1)

    def first(self) -> None:
        """The earliest checkpoint: the untrained network."""
        self._stop()
        if self.checkpoints:
            self._choose(self.checkpoints[0])

    def to_latest(self) -> None:
        """Follows the training again."""
        self._stop()
        self._choose(None)

    def toggle_play(self) -> None:
        """Plays the training at the present t, from the beginning where it stands at the end; or stops."""
        if self.playing:
            self._stop()
        elif not self.checkpoints:
            self._lab.window.messages.note("There are no checkpoints yet: press Train.")
        elif all(pane.model == "exact" or pane.run is not None for pane in self._lab.model.document.panes):
            self._lab.window.messages.note("No pane shows the network that is trained: choose “learned network” in a pane's settings.")
        else:
            self._lab.stage.clock.pause()
            self._lab.stage.clock_changed.emit()
            self.playing, self._direction, self._since = True, 1, None
            if self._chosen is None:
                self._choose(self.checkpoints[0])
            self._pace()
            self.changed.emit()

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _stepped(self, by: int) -> None:
        {-2: self.first, -1: self.back, 1: self.ahead, 2: self.to_latest}[by]()

    def _go(self, by: int) -> bool:
        """One checkpoint further; False where there is none."""
        there = self.checkpoints
        if not there:
            return False
        now = len(there) if self._chosen is None else nearest([one.step for one in there], self._chosen.step)
        if self._chosen is None and by < 0 and there[-1].step == self.latest and len(there) > 1:
            now -= 1  # the last checkpoint is the latest itself
        wanted = now + by
        if wanted < 0 or (now == len(there) and by > 0):
            return False
        last = wanted == len(there) or (wanted == len(there) - 1 and there[-1].step == self.latest)
        self._choose(None if last else there[wanted])
        return True

    def _choose(self, checkpoint: Checkpoint | None) -> None:
        training = self._lab.training
        if checkpoint is self._chosen or training.work is None:
            return
        self._chosen, self._work = checkpoint, training.work.key
        if checkpoint is None and training.running:
            training.want_snapshot()
        self._lab.simulation.set_snapshot(self.instead_of(training.snapshot))
        self.changed.emit()
        self._lab.stage.wake()

    def _snapshot_of(self, checkpoint: Checkpoint) -> KeptSnapshot:
        work = self._lab.training.work
        assert work is not None
        found = self._kept.get(checkpoint)
        if found is None:
            device = self._lab.training.device
            found = KeptSnapshot(checkpoint.step, work.experiment, checkpoint.ema, device, step_words(checkpoint.step))
            self._kept[checkpoint] = found
        return found

    def _tick(self) -> None:
        if self.playing:
            self._advance()
        there, latest, now = self.checkpoints, self.latest, time.monotonic()
        rests = self._lab.training.running and now - self._told_at < TELL_SECONDS
        state = (len(there), there[0].step if there else 0, there[-1].step if there else 0, self.step, self.playing)
        if state != self._told or (latest != self._told_latest and not rests):
            self._told, self._told_latest, self._told_at = state, latest, now
            self._lab.window.transport.show_steps([one.step for one in there], latest, self.step, self.playing)

    def _advance(self) -> None:
        lab, now = self._lab, time.perf_counter()
        if lab.stage.clock.playing or not self.checkpoints:
            self._stop()
            return
        if lab.simulation.renewing:
            self._since = None
            return
        if self._since is None:
            self._since = now
        end = self._chosen is None if self._direction > 0 else self._chosen is self.checkpoints[0]
        if now - self._since < (HOLD_SECONDS if end else self._dwell()):
            lab.stage.wake()
            return
        self._since = now
        if not end:
            self._go(self._direction)
            self._pace()
        elif lab.stage.clock.loop == "once":
            self._stop()
        elif lab.stage.clock.loop == "loop":
            self._choose(self.checkpoints[0])
        else:
            self._direction = -self._direction

    def _dwell(self) -> float:
        return min(LONGEST, max(SHORTEST, AXIS_SECONDS / (len(self.checkpoints) + 1))) / self._lab.stage.clock.speed

    def _pace(self) -> None:
        """Evenly from one checkpoint to the next while it plays; a short calm glide else."""
        for showing in self._lab.stage.showings:
            showing.pace = self._dwell() if self.playing else None

    def _stop(self) -> None:
        if self.playing:
            self.playing = False
            self._pace()
            self.changed.emit()
