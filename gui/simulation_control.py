"""SimulationControl: keeps every pane's run in line with the model: asks the worker, drops what is stale, lets the result glide in."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from engine.mailbox import Mailbox
from engine.worker import Job, Priority, Worker
from gui.model import LabModel, LabState
from gui.pane_runs import FEW, RunOf, measured_words, network_of, slices
from gui.runs import Fields, Refused, Run, RunRequest, Snapshot, law_of, target_data
from gui.snapshots import KeptSnapshot, RunCache, words_of
from gui.stage.stage import Stage
from shaders.scene import PaneData

DEBOUNCE_MS = 60
RENEWAL_SECONDS = 1.5
RENEWAL_SHARE = 0.2
"""While training, renewing the panes takes at most this share of the worker's time …"""
LONGEST_REST = 60.0
"""… but no pane stays so many seconds behind without being renewed."""
SLOW_SECONDS = 0.3


@dataclass(eq=False)
class _Pane:
    """One pane's traffic with the worker."""

    box: Mailbox[Run | Refused] = field(default_factory=Mailbox)
    fraction: float = 0.0
    """Of the run under way; written by the worker."""
    asked: RunRequest | None = None
    """What is under way or shown."""
    shown: RunRequest | None = None
    evaluations: int | None = None
    """What the run that is shown has taken."""
    refused: str | None = None
    """Why there is nothing to show."""
    job: Job[None] | None = None
    cost: float = 0.0
    """Seconds of the worker that the run that is shown has taken; 0 where it was kept."""
    since: float = 0.0
    own_target: bool = False
    """Whether what is asked was made for another target than the experiment's."""


class SimulationControl(QObject):
    """Listens to the model and to snapshots of training; feeds the stage."""

    arrived = Signal(int, object)
    """(pane, Run): a pane has a new result."""
    target_shown = Signal(object)
    """PaneData of a new target."""
    emptied = Signal(int)
    """A pane cannot show what is asked of it: its number goes."""
    failed = Signal(str)

    def __init__(self, model: LabModel, stage: Stage, worker: Worker):
        super().__init__(stage)
        self._model, self._stage, self._worker = model, stage, worker
        self.fields = Fields()
        self.cache = RunCache()
        self.run_of: RunOf = lambda _key: None
        """The experiment and the network of a finished run, by its key; None where there is none."""
        self._target: PaneData | None = None
        self._panes: list[_Pane] = []
        self._snapshot: Snapshot | None = None
        self._device = "cpu"
        self._target_box: Mailbox[PaneData] = Mailbox()
        self._target_job: Job[PaneData] | None = None
        self._last_renewal = 0.0
        self._debounce = QTimer(self)
        self._debounce.setSingleShot(True)
        self._debounce.setInterval(DEBOUNCE_MS)
        self._debounce.timeout.connect(self._ask)
        model.changed.connect(self._follow)
        stage.ticked.connect(self._read)
        stage.cancel_asked.connect(self.cancel)

    def start(self) -> None:
        """First target, first runs."""
        self._ask_target()
        self._ask()

    @property
    def renewing(self) -> bool:
        """Whether any pane waits for a result."""
        return any(pane.job is not None and not pane.job.done for pane in self._panes)

    @property
    def wants_snapshot(self) -> bool:
        """Whether it is time for the panes to follow the training again."""
        rest = min(max(RENEWAL_SECONDS, sum(pane.cost for pane in self._panes) / RENEWAL_SHARE), LONGEST_REST)
        return not self.renewing and time.perf_counter() - self._last_renewal > rest

    def request_of(self, index: int) -> RunRequest:
        """What pane ``index`` should show now."""
        experiment, document = self._model.experiment, self._model.document
        settings = document.panes[index]
        experiment, snapshot, reason = network_of(settings, experiment, self._snapshot, self.run_of)
        return RunRequest(
            law=law_of(experiment),
            sampler=settings.sampler,
            snapshot=snapshot,
            reason=reason,
            particles=document.particles,
            seed=document.seed,
            device=self._device,
            guidance=settings.guidance,
        )

    def evaluations(self, index: int) -> int | None:
        """Function evaluations of a pane's sampler: those it knows beforehand, or those of the run that is shown."""
        known = self._model.document.panes[index].sampler.evaluations
        return known if known is not None or index >= len(self._panes) else self._panes[index].evaluations

    def refused(self, index: int) -> str | None:
        """Why pane ``index`` shows nothing; None if it does, or will."""
        return self._panes[index].refused if index < len(self._panes) else None

    def shown(self, index: int) -> RunRequest | None:
        """What pane ``index`` shows at this moment."""
        return self._panes[index].shown if index < len(self._panes) else None

    def set_snapshot(self, snapshot: Snapshot | None) -> None:
        """The network has moved on (None: there is none that fits)."""
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            self._last_renewal = time.perf_counter()
            self._ask()

    def ask_again(self) -> None:
        """The list of runs has changed: each pane is asked what it should show."""
        self._ask()

    def set_device(self, device: str) -> None:
        self._device = device
        self._ask()

    def cancel(self) -> None:
        """The user will not wait: what is under way is dropped, what is shown stays."""
        for pane in self._panes:
            pane.box.advance()
            pane.job, pane.asked = None, pane.shown
        for widget in self._stage.panes:
            widget.show_progress(None)

    def _follow(self, old: LabState, new: LabState) -> None:
        if (old.experiment.target, old.experiment.source) != (new.experiment.target, new.experiment.source):
            self._ask_target()
        if _what_decides_runs(old) != _what_decides_runs(new):
            self._debounce.start()

    def _ask_target(self) -> None:
        target, source = self._model.experiment.target, self._model.experiment.source
        generation = self._target_box.advance()

        def work() -> PaneData:
            found = target_data(target, source)
            self._target_box.put(found, generation)
            return found

        self._target_job = self._worker.call(work, name="target", priority=Priority.WATCHED)

    def _ask(self) -> None:
        wanted = len(self._model.document.panes)
        del self._panes[wanted:]
        while len(self._panes) < wanted:
            self._panes.append(_Pane())
        for index, pane in enumerate(self._panes):
            self._ask_pane(pane, self.request_of(index))
        self._stage.wake()

    def _ask_pane(self, pane: _Pane, request: RunRequest) -> None:
        experiment = self._model.experiment
        own = (request.law.target, request.law.source) != (experiment.target, experiment.source)
        if request == pane.asked and own == pane.own_target:
            return
        busy = pane.job is not None and not pane.job.done
        known = self.cache.get(request)
        if known is not None and own != (known.backdrop is not None):
            known = None
        if busy and known is None and request.same_but_newer(pane.asked):
            return  # let it finish: _read_pane then asks for what is wanted by that time
        pane.asked, pane.since, pane.own_target = request, time.perf_counter(), own
        generation = pane.box.advance()
        if known is not None:
            pane.job = None
            pane.box.put(known, generation)
            return
        empty = self._stage.showings[self._panes.index(pane)].latest.positions is None
        work = partial(slices, pane, request, self.fields, few_first=empty and request.particles > 2 * FEW, own_target=own)
        pane.job = self._worker.submit(work, name=f"run {request.sampler.name}", priority=Priority.WATCHED, mailbox=pane.box)

    def _read(self) -> None:
        found = self._target_box.take()
        if found is not None:
            self._show_target(found)
        self._tell_target_failure()
        for index, pane in enumerate(self._panes):
            if index < len(self._stage.panes):
                self._read_pane(index, pane)

    def _show_target(self, data: PaneData) -> None:
        self._target = data
        for index, showing in enumerate(self._stage.showings):
            if index >= len(self._panes) or not self._panes[index].own_target or showing.latest.dimension != data.dimension:
                showing.set_target(data)
        for index, pane in enumerate(self._stage.panes):
            pane.chips.show_layers(self._model.document.scene.panes[index].layers, data.dimension)
        self.target_shown.emit(data)
        self._stage.camera.frame()
        self._stage.wake()

    def _tell_target_failure(self) -> None:
        job = self._target_job
        if job is not None and job.done:
            self._target_job = None
            if job.error is not None:
                self.failed.emit(job.error)

    def _read_pane(self, index: int, pane: _Pane) -> None:
        over = pane.job is not None and pane.job.done  # asked before the box is read: what a job leaves comes before its end
        widget, value = self._stage.panes[index], pane.box.take()
        if isinstance(value, Refused):
            self._show_refusal(index, pane, value)
        elif value is not None:
            first = self._stage.showings[index].latest.positions is None
            pane.refused = None
            widget.show_refusal("")
            pane.cost = pane.job.seconds if pane.job is not None else 0.0
            pane.shown, pane.evaluations = value.request, value.evaluations
            self._show_backdrop(index, value)
            self._stage.showings[index].set_run(value.data)
            self.cache.put(value)
            widget.show_progress(None)
            widget.show_note(value.note)
            self._stage.wake()
            if first:
                self._stage.camera.frame()
            self._model.show_measured(index, measured_words(value), words_of(value.request.snapshot))
            if value.request == pane.asked:
                self.arrived.emit(index, value)
        elif pane.job is not None and time.perf_counter() - pane.since > SLOW_SECONDS:
            asked = pane.asked
            quiet = asked is not None and asked.same_but_newer(pane.shown) and not isinstance(asked.snapshot, KeptSnapshot)
            widget.show_progress(None if quiet else pane.fraction)
        if over and pane.job is not None:
            error, pane.job = pane.job.error, None
            widget.show_progress(None)
            if error is not None:
                widget.show_note(error)
                self.failed.emit(f"{widget.header.title.text()}: {error}")
            elif self.request_of(index).same_but_newer(pane.asked):
                self._ask_pane(pane, self.request_of(index))  # whoever scrubs, or a training that ended, has moved on meanwhile

    def _show_backdrop(self, index: int, value: Run) -> None:
        """The target behind a pane: the experiment's, or that of a finished run which learned another."""
        wanted, showing = value.backdrop or self._target, self._stage.showings[index]
        if wanted is not None and (showing.latest.target is not wanted.target or showing.latest.target_points is not wanted.target_points):
            showing.set_target(wanted)

    def _show_refusal(self, index: int, pane: _Pane, refused: Refused) -> None:
        """The reason takes the particles' place; it is no error, and nothing pops up."""
        pane.refused, pane.shown = refused.reason, None
        self._stage.showings[index].clear_run()
        widget = self._stage.panes[index]
        widget.show_progress(None)
        widget.show_note("")
        untrained = refused.request.snapshot is None and self._snapshot is None
        widget.show_refusal(f"{refused.reason}\nPress Train: the pane then shows the network." if untrained else refused.reason)
        self._model.show_measured(index, "")
        self._stage.wake()
        self.emptied.emit(index)


def _what_decides_runs(state: LabState) -> tuple[object, ...]:
    experiment, document = state.experiment, state.document
    return law_of(experiment), document.panes, document.particles, document.seed
