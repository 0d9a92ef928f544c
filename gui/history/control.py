"""HistoryControl: takes finished trainings into the list, and brings them back: into panes, or as the present one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from dataclasses import replace as with_changes
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QSignalBlocker

from engine.experiment import Experiment
from engine.past_run import Measured, PastRun, thinned_losses
from engine.session import Session
from engine.training_state import TrainingState
from engine.worker import Job, Priority
from gui.document import MOST_PANES, PaneSettings, counted
from gui.history.runs import RunList
from gui.history.words import auto_name
from gui.series_of_distances import DistanceSeries
from gui.snapshots import KeptSnapshot
from gui.training_job import TrainingJob

if TYPE_CHECKING:
    from gui.lab import Lab


@dataclass(frozen=True, eq=False)
class _Finished:
    """A training whose weights are asked of the worker; the rest is as it was when it ended."""

    work: TrainingJob
    job: Job[TrainingState | None]
    losses: NDArray[np.float64]
    distances: Measured
    device: str
    when: float


class HistoryControl(QObject):
    """One for a lab. ``list`` is what the window shows."""

    def __init__(self, lab: Lab):
        super().__init__(lab)
        self._lab = lab
        self.list = RunList(self)
        self._finished: list[_Finished] = []
        self._kept: WeakKeyDictionary[PastRun, KeptSnapshot] = WeakKeyDictionary()
        self._restoring: PastRun | None = None
        lab.simulation.run_of = self.network_of
        lab.training.finished.connect(self._take)
        lab.stage.ticked.connect(self.read)
        lab.distances.changed.connect(self._measured)
        self.list.crowded_out.connect(self._crowded_out)
        self.list.changed.connect(self._changed)

    # ---- what comes in -----------------------------------------------------------------------------------------------

    def _take(self, work: TrainingJob) -> None:
        """A training has ended: its weights are asked of the worker, where they are."""
        lab = self._lab
        device = (lab.training.progress.device if lab.training.progress is not None else "") or work.device
        self._finished.append(
            _Finished(
                work,
                lab.worker.call(work.state, name="finished run", priority=Priority.WATCHED),
                thinned_losses(lab.training.losses.rows),
                measured(lab.distances.series),
                device,
                time.time(),
            )
        )

    def read(self) -> None:
        """Weights that have come: their run is in the list."""
        for one in [one for one in self._finished if one.job.done]:
            self._finished.remove(one)
            state = one.job.future.result() if one.job.error is None and not one.job.future.cancelled() else None
            if state is not None and state.step > 0:
                self._put(one, state)
        if self._restoring is not None and not self._finished:
            run, self._restoring = self._restoring, None
            self._restore(run)

    def _put(self, one: _Finished, state: TrainingState) -> None:
        self.list.put(
            PastRun(
                key=one.work.key,
                name=auto_name(one.work.experiment, self.list.names),
                when=one.when,
                experiment=one.work.experiment,
                state=state,
                losses=one.losses[one.losses[:, 0] <= state.step],
                seconds=one.work.seconds,
                device=one.device,
                distances=one.distances,
            )
        )
        self._lab.model.touch()

    def _measured(self) -> None:
        """What is measured of the present run once it rests belongs to it."""
        run, found = self.list.get(self.present), self._lab.distances.series
        if run is None or self._lab.training.running or self._finished or found.last_step > run.step:
            return
        if len(found.rows) and not np.array_equal(found.rows, run.distances.rows, equal_nan=True):
            later = with_changes(run, distances=measured(found))
            if run in self._kept:
                self._kept[later] = self._kept[run]  # the same weights
            self.list.put(later)

    def open(self, session: Session, key: str) -> None:
        """The runs of a session that is opened; its trained network is one of them, with ``key``."""
        runs = session.runs
        if session.state is not None and all(run.key != key for run in runs):
            name = auto_name(session.experiment, [run.name for run in runs])
            runs += (
                PastRun(
                    key=key,
                    name=name,
                    when=time.time(),
                    experiment=session.experiment,
                    state=session.state,
                    losses=thinned_losses(session.losses),
                    seconds=session.seconds,
                    device=session.device,
                    distances=session.distances,
                ),
            )
        self._finished, self._restoring = [], None
        self.list.reset(runs)

    # ---- what goes out -----------------------------------------------------------------------------------------------

    @property
    def present(self) -> str:
        """The key of the present training; empty where there is none."""
        work = self._lab.training.work
        return "" if work is None else work.key

    def network_of(self, key: str) -> tuple[Experiment, KeptSnapshot] | None:
        """The experiment and the network of a run, for a pane."""
        run = self.list.get(key)
        if run is None:
            return None
        if run not in self._kept:
            self._kept[run] = KeptSnapshot(run.step, run.experiment, run.state.ema, self._lab.training.device, run.name)
        return run.experiment, self._kept[run]

    def put_in_panes(self, keys: list[str]) -> str:
        """Each run's network in a pane of its own: panes that show other runs first, then new ones. A sentence where there is no place."""
        document = self._lab.model.document
        panes, shown = list(document.panes), list(document.scene.panes)
        free = [i for i, pane in enumerate(panes) if pane.run is not None and pane.run not in keys]
        there = [pane.run for pane in panes if pane.model == "learned"]
        left: list[str] = []
        for key in keys:
            if key in there:
                continue
            settings = replace(panes[0], model="learned", run=key)
            if free:
                panes[free.pop(0)] = settings
            elif len(panes) < MOST_PANES:
                panes.append(settings)
                shown.append(replace(shown[0], metric="", measured="", network=""))
            else:
                left.append(key)
        self._lab.model.edit_document(
            "runs in panes", replace(document, panes=tuple(panes), scene=replace(document.scene, panes=tuple(shown)))
        )
        if not left:
            return ""
        names = ", ".join(f"“{run.name}”" for key in left if (run := self.list.get(key)) is not None)
        return f"There are {MOST_PANES} panes at most: no place for {names}. Remove a pane (Ctrl+W) first."

    def restore(self, key: str) -> None:
        """A run's experiment and weights become the present ones; the present training goes to the list first."""
        run = self.list.get(key)
        if run is not None:
            self._lab.training.put_away()
            self._restoring = run
            self.read()

    def _restore(self, run: PastRun) -> None:
        lab = self._lab
        lab.model.edit_experiment("restore a run", run.experiment)
        panes = tuple(pane if pane.run is None else _unless(pane, run.key) for pane in lab.model.document.panes)
        lab.model.show_document(panes=panes)
        lab.training.adopt(run)
        lab.distances.restore(series(run.distances))
        lab.model.touch()
        lab.window.messages.note(f"“{run.name}” is the present run again; Train goes on from its {counted(run.step, 'step')}.")

    def delete(self, keys: list[str]) -> None:
        """Takes runs out of the list, and out of the panes that show them."""
        gone = self.list.delete(keys)
        if not gone:
            return
        panes = self._lab.model.document.panes
        if any(pane.run in keys for pane in panes):
            self._lab.model.show_document(panes=tuple(_unless(pane, pane.run) if pane.run in keys else pane for pane in panes))
        self._lab.model.touch()

    def undelete(self) -> None:
        """What was deleted last is back."""
        self.list.undelete()
        self._lab.model.touch()

    def rename(self, key: str, name: str) -> None:
        """Raises Problem; panes that show the run say its new name."""
        before = self.list.get(key)
        if before is None or before.name == name:
            return
        snapshot = self._kept.get(before)
        with QSignalBlocker(self.list):
            self.list.rename(key, name)
        run = self.list.get(key)
        if run is not None and snapshot is not None:
            snapshot.words = run.name
            self._kept[run] = snapshot
        self.list.changed.emit()
        self._lab.model.touch()
        self._write_names()

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _write_names(self) -> None:
        document = self._lab.model.document
        for index, (settings, pane) in enumerate(zip(document.panes, document.scene.panes, strict=True)):
            run = self.list.get(settings.run) if settings.run is not None else None
            if run is not None:
                self._lab.model.show_measured(index, pane.measured, run.name)

    def _changed(self) -> None:
        if any(pane.run is not None for pane in self._lab.model.document.panes):
            self._lab.simulation.ask_again()

    def _crowded_out(self, names: list[str]) -> None:
        there = ", ".join(f"“{name}”" for name in names)
        self._lab.window.messages.note(f"The list of runs is full: the oldest went, {there}.")


def _unless(pane: PaneSettings, key: str | None) -> PaneSettings:
    """A pane that showed this run shows the present network."""
    return replace(pane, run=None) if pane.run == key else pane


def measured(found: DistanceSeries) -> Measured:
    """As a session keeps it."""
    return Measured(found.curves, found.names, found.rows)


def series(found: Measured) -> DistanceSeries:
    """As the chart draws it."""
    return DistanceSeries(found.curves, found.names, found.rows)
