"""TrainingControl: start, pause, resume, stop, restart; and what a change of the experiment means for the training that runs."""

from __future__ import annotations

import time
from typing import Literal

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from engine.experiment import Experiment
from engine.mailbox import Mailbox
from engine.past_run import PastRun
from engine.session import Session
from engine.worker import Job, Priority, Worker
from gui.charts.series import LossSeries
from gui.model import LabModel, LabState
from gui.runs import Snapshot
from gui.training_job import Progress, TrainingJob, fits

Status = Literal["untrained", "training", "paused", "stopped"]
TELL_SECONDS = 0.15
"""Words about the progress are read at a few a second; each makes part of the window be painted anew."""


class TrainingControl(QObject):
    """At most one training at a time. ``status_changed`` when the buttons should change; ``progressed`` a few times a second."""

    status_changed = Signal(str)
    progressed = Signal(object)
    """Progress; None: there is no network any more."""
    snapshot_taken = Signal(object)
    """Snapshot, or None when the weights no longer fit what is asked for."""
    said = Signal(str)
    """One line: what a change did to the training."""
    failed = Signal(str)
    finished = Signal(object)
    """TrainingJob: this training has come to an end, with its losses still in ``losses``."""

    def __init__(self, model: LabModel, worker: Worker, parent: QObject | None = None):
        super().__init__(parent)
        self._model, self._worker = model, worker
        self.device = "auto"
        self.losses = LossSeries()
        self.progress: Progress | None = None
        self._told: Progress | None = None
        self._told_at = 0.0
        self._status: Status = "untrained"
        self._work: TrainingJob | None = None
        self._job: Job[None] | None = None
        self._box: Mailbox[Progress] = Mailbox()
        self._shown: Snapshot | None = None
        model.changed.connect(self._follow)

    @property
    def status(self) -> Status:
        return self._status

    @property
    def running(self) -> bool:
        return self._status == "training"

    @property
    def work(self) -> TrainingJob | None:
        """The network there is, if any."""
        return self._work

    @property
    def snapshot(self) -> Snapshot | None:
        """The weights that are shown, if any fit."""
        return self._shown

    def toggle(self) -> None:
        """The one big button: start, pause, go on."""
        if self._status == "training":
            self.pause()
        else:
            self.start()

    def start(self) -> None:
        """Trains from the weights there are if they fit, else from new ones; goes on if it was paused."""
        refusal = self._model.experiment.refusal()
        if refusal is not None:
            self.failed.emit(refusal)
        elif self._status == "paused" and self._job is not None and not self._job.done:
            self._job.resume()
            self._enter("training")
        elif self._status != "training":
            self._go_on() if self._work is not None and self._fits() else self._begin()

    def pause(self) -> None:
        if self._status == "training" and self._job is not None:
            self._job.pause()
            self._enter("paused")
            self._ask_last_snapshot()

    def stop(self) -> None:
        """Ends the run; its weights stay and Train goes on from them."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self._tell_finished()
            self._enter("stopped")
            self._ask_last_snapshot()

    def restart(self) -> None:
        """From new weights."""
        self._drop_job()
        self._tell_finished()
        self._begin()

    def put_away(self) -> None:
        """Ends what there is; nothing is trained then, and nothing asked about it."""
        self._drop_job()
        self._tell_finished()
        self.forget()

    def adopt(self, run: PastRun) -> None:
        """A finished run, whose experiment is the present one, is the present training; nothing runs."""
        self._take_over(TrainingJob(run.experiment, self.device, run.state, (), run.seconds, key=run.key), run.losses, run.device)

    def set_device(self, device: str) -> None:
        """Another device; a training goes on there from the weights it has."""
        self.device = device
        if self._status in ("training", "paused") and self._work is not None:
            self._go_on()
            self.said.emit(f"Training goes on from these weights on {device}.")

    def want_snapshot(self) -> None:
        """The panes are ready for newer weights."""
        if self._work is not None and self.running:
            self._work.snapshot_wanted.set()

    def read(self) -> None:
        """Takes what the worker has left: at each frame."""
        over = self._job is not None and self._job.done
        progress = self._box.take()
        work = self._work
        if work is not None:
            while work.losses:
                self.losses.extend(*work.losses.popleft())
        if progress is not None:
            self.progress = progress
        now = time.monotonic()
        if self.progress is not self._told and (over or not self.running or now - self._told_at > TELL_SECONDS):
            self._told, self._told_at = self.progress, now
            self.progressed.emit(self.progress)
        if progress is not None:
            self._show(progress.snapshot)
        if over and self._job is not None:
            self._ended(self._job)

    def open(self, session: Session) -> None:
        """Another session: its weights, losses and checkpoints; nothing runs."""
        self.forget()
        if session.state is not None:
            work = TrainingJob(session.experiment, self.device, session.state, session.checkpoints, session.seconds, key=session.run)
            self._take_over(work, session.losses, session.device)

    def _take_over(self, work: TrainingJob, losses: NDArray[np.float64], device: str) -> None:
        self.forget()
        self._work, self.losses = work, LossSeries(losses)
        self.progress = Progress(work.step, work.seconds, 0.0, device, None)
        self._enter("stopped")
        self._ask_last_snapshot()
        self.progressed.emit(self.progress)

    def forget(self) -> None:
        """As at the beginning: no network."""
        self._drop_job()
        self._work, self.progress = None, None
        self.losses = LossSeries()
        self._show(None)
        self._enter("untrained")

    def _begin(self) -> None:
        self.losses = LossSeries()
        self._shown = None
        self._run(TrainingJob(self._model.experiment, self.device))

    def _go_on(self) -> None:
        assert self._work is not None
        old, experiment, device = self._work, self._model.experiment, self.device
        self._drop_job()
        self._run(old if (old.experiment, old.device) == (experiment, device) else TrainingJob(experiment, device, before=old))

    def _run(self, work: TrainingJob) -> None:
        self._work = work
        self._box.advance()
        work.snapshot_wanted.set()
        self._job = self._worker.submit(work.slices, name="training", priority=Priority.BACKGROUND, mailbox=self._box)
        self._model.touch()
        self._enter("training")

    def _drop_job(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._box.advance()

    def _ask_last_snapshot(self) -> None:
        """The very weights at which it stopped, once the worker is free."""
        work = self._work
        if work is None:
            return
        generation, device = self._box.generation, "" if self.progress is None else self.progress.device

        def take() -> None:
            snapshot = work.snapshot()
            self._box.put(Progress(snapshot.step, work.seconds, 0.0, device, snapshot), generation)

        self._worker.call(take, name="snapshot", priority=Priority.WATCHED)

    def _tell_finished(self) -> None:
        """This training may be over: whoever keeps a list is told, once for the same weights."""
        work = self._work
        if work is None or work.step == 0 or (work.key, work.step) == self._told:
            return
        while work.losses:
            self.losses.extend(*work.losses.popleft())
        self._told = (work.key, work.step)
        self.finished.emit(work)

    _told: tuple[str, int] | None = None

    def _show(self, snapshot: Snapshot | None) -> None:
        if snapshot != self._shown:
            self._shown = snapshot
            self.snapshot_taken.emit(snapshot)

    def _ended(self, job: Job[None]) -> None:
        """The job stopped by itself: only a failure does that."""
        self._job = None
        if job.error is not None:
            self._tell_finished()
            trained = self._work is not None and self._work.step > 0
            self._enter("stopped" if trained else "untrained")
            if trained:
                self._ask_last_snapshot()
            self.failed.emit(f"Training stopped: {job.error}")

    def _enter(self, status: Status) -> None:
        if status != self._status:
            self._status = status
            self.status_changed.emit(status)

    def _fits(self) -> bool:
        return self._work is not None and fits(self._work.experiment, self._model.experiment)

    def _follow(self, old: LabState, new: LabState) -> None:
        before, after = old.experiment, new.experiment
        if before == after or self._work is None:
            return
        what = _what_changed(before, after)
        active = self._status in ("training", "paused")
        if not self._fits() or (self.running and before.training.seed != after.training.seed):
            self._misfit(what, after)
        elif active:
            paused = self._status == "paused"
            self._go_on()
            if paused:
                self.pause()
            if not what:
                return
            how = "Go on trains" if paused else "training goes on"
            self.said.emit(f"{what} changed: {how} from these weights.")
        elif not fits(self._work.experiment, before):
            self._enter("stopped")
            self._ask_last_snapshot()  # a change was undone: the weights fit again
            self.said.emit("The network that was trained fits again.")
        elif what and before.target != after.target:
            follow = after.refusal() or "Train goes on from its weights."
            self.said.emit(f"Target changed: the network still makes what it learned. {follow}")

    def _misfit(self, what: str, after: Experiment) -> None:
        """The weights mean nothing for what is asked now. Only a training that runs begins again by itself."""
        if self._status == "untrained":
            return  # that was said already
        refusal = after.refusal()
        if self._status == "training" and refusal is None:
            self._drop_job()
            self._tell_finished()
            self._enter("untrained")
            self._begin()
            self.said.emit(f"{what} changed: training restarted.")
            return
        ran = self._status == "training"
        self._drop_job()
        self._tell_finished()
        self._enter("untrained")
        self._show(None)
        if ran:
            self.failed.emit(f"{what} changed: training stopped. {refusal}")
        else:
            self.said.emit(f"{what} changed: the trained network no longer fits, so the panes show the exact field until you train again.")


def _what_changed(before: Experiment, after: Experiment) -> str:
    """The parts that differ, in words; empty where only labels are called otherwise."""
    before, after = (replace(one, target=one.target.unnamed()) for one in (before, after))
    changed = [name for name in Experiment.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    return " and ".join(name.capitalize() if place == 0 else name for place, name in enumerate(changed))
