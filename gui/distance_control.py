"""DistanceControl: asks for the distances of what the panes show, and hands what is found to their heads, the table and the curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engine.distance_table import Row
from engine.distances import Estimate
from gui.distance_words import KIND, plus_minus, tip_of
from gui.distances import Distances, Measurement, points_for
from gui.document import counted
from gui.live_likelihood import Flow, Likelihood, LiveLikelihood
from gui.runs import Run, RunRequest, Snapshot
from gui.series_of_distances import DistanceSeries

if TYPE_CHECKING:
    from gui.lab import Lab
    from gui.model import LabState

SNAPSHOTS_KNOWN = 64


class DistanceControl(QObject):
    """``rows`` is the table, ``series`` what was measured along the training; ``changed`` when either is another."""

    changed = Signal()

    def __init__(self, lab: Lab):
        super().__init__(lab)
        self._lab = lab
        self._thread = Distances()
        self.likelihood = LiveLikelihood(lab.worker, lab.simulation.fields, self)
        self.series = DistanceSeries()
        self._found: dict[int, Measurement] = {}
        self._latest: dict[int, Run] = {}
        self._empty: set[int] = set()
        self._losses: object = lab.training.losses
        self._own: dict[int, None] = {}
        """Numbers of the snapshots of the present training: what other networks in the panes reach is none of its curves."""
        self._stale = True
        lab.simulation.arrived.connect(self._arrived)
        lab.simulation.emptied.connect(self._emptied)
        lab.model.changed.connect(self._follow)
        lab.training.status_changed.connect(self._training_status)
        lab.training.snapshot_taken.connect(self._snapshot)
        lab.stage.ticked.connect(self._read)
        self.likelihood.arrived.connect(self._likely)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._thread.close()

    @property
    def empty_panes(self) -> list[int]:
        """Those that show a reason in place of particles; none where all do."""
        count = len(self._lab.stage.panes)
        found = [i for i in sorted(self._empty) if i < count]
        return found if len(found) < count else []

    def rows(self) -> list[Row]:
        """What is known of each pane."""
        return [self._row(i) for i in range(len(self._lab.model.document.panes))]

    def restore(self, series: DistanceSeries) -> None:
        """What a session or a run in the list has kept; a training goes on from there."""
        self._losses = self._lab.training.losses
        self.series = series
        self._stale = True

    # ---- asking ------------------------------------------------------------------------------------------------------

    def _arrived(self, pane: int, run: Run) -> None:
        self._latest[pane] = run
        self._empty.discard(pane)
        self._stale = True
        self._ask(pane, run)

    def _ask(self, pane: int, run: Run) -> None:
        """First from as many points as in training: soon there, and a network's last point belongs to its curve; at rest then from more."""
        self._thread.ask(pane, run, points_for(run.request.particles, True))
        self.likelihood.wish([Flow(shown.request) for shown in self._latest.values()])

    def _training_status(self, status: str) -> None:
        was, now = self._thread.training, status == "training"
        self._thread.training = self.likelihood.training = now
        if was and not now:  # at rest there is time for more particles: the same number in every pane
            for pane, found in self._found.items():
                self._refine(pane, found)

    def _snapshot(self, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            self._own[snapshot.number] = None
            while len(self._own) > SNAPSHOTS_KNOWN:
                del self._own[next(iter(self._own))]

    # ---- what comes --------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        if self._lab.training.losses is not self._losses:  # a new network: its curves begin anew
            self._losses = self._lab.training.losses
            self._own.clear()
            self.likelihood.forget()
            self.restore(DistanceSeries())
            if self._lab.training.snapshot is not None:
                self._snapshot(self._lab.training.snapshot)
        self.likelihood.read()
        for pane, found in self._thread.take():
            self._take(pane, found)
        if self._stale:
            self._stale = False
            self._lab.window.distances.show_rows(self.rows(), self._empty)
            self._lab.window.over_training.show_distances(self.series)
            self.changed.emit()

    def _take(self, pane: int, found: Measurement) -> None:
        request = found.run.request
        if found.whole:
            self._record(request, found.n, found.distances)
        if not self._is_current(pane, request):
            return
        before = self._found.get(pane)
        if before is None or found.whole or not before.whole or not _same_or_newer(request, before.run.request):
            self._found[pane] = found
            self._show_metric(pane)
            self._stale = True
        self._refine(pane, found)

    def _refine(self, pane: int, found: Measurement) -> None:
        """Again from more points, where there is time and nothing newer is on its way."""
        more = points_for(found.run.request.particles, False)
        if found.whole and not self._lab.training.running and found.n < more and self._latest.get(pane) is found.run:
            self._thread.ask(pane, found.run, more)

    def _record(self, request: RunRequest, n: int, found: dict[str, Estimate]) -> None:
        """A point of the pane's curve: only of this training, and of as many points as the others."""
        if request.snapshot is not None and n == points_for(request.particles, True):
            self._add(request.snapshot, label_of(request), found)

    def _likely(self, flow: Flow, found: Likelihood) -> None:
        request = flow.request
        if request.snapshot is not None and not self.series.has(request.snapshot.step, flow_label(request), "nll"):
            self._add(request.snapshot, flow_label(request), found)
        self._stale = True

    def _add(self, snapshot: Snapshot, label: str, found: dict[str, Estimate]) -> None:
        if snapshot.number in self._own:
            losses = self._lab.training.losses
            if len(losses) and self.series.last_step > losses.rows[-1, 0]:  # training went on from an earlier step
                self.series = self.series.until(int(losses.rows[-1, 0]))
            simulation, panes = self._lab.simulation, range(len(self._lab.model.document.panes))
            named = self.series if label in self.series.curves else self.series.naming([label_of(simulation.request_of(i)) for i in panes])
            self.series = named.with_point(snapshot.step, label, found)
            self._stale = True

    def _is_current(self, pane: int, request: RunRequest) -> bool:
        """Whether a run is what the pane shows and, but for the weights of a training that goes on, what it should show."""
        simulation = self._lab.simulation
        shown = simulation.shown(pane)
        if pane >= len(self._lab.model.document.panes) or shown is None or not _same_or_newer(shown, request):
            return False
        return _same_or_newer(simulation.request_of(pane), request)

    # ---- showing -----------------------------------------------------------------------------------------------------

    def _row(self, pane: int) -> Row:
        shown = self._lab.model.document.scene.panes[pane]
        found, run = self._found.get(pane), self._latest.get(pane)
        distances = dict(found.distances) if found is not None else {}
        request = found.run.request if found is not None else run.request if run is not None else None
        distances |= (None if run is None else self.likelihood.latest(Flow(run.request))) or {}
        snapshot = None if request is None else request.snapshot
        return Row(shown.title, shown.caption, None if snapshot is None else snapshot.step, distances)

    def _show_metric(self, pane: int) -> None:
        """W₂ in the pane's head: the very number of the table."""
        found = self._found.get(pane)
        if pane >= len(self._lab.stage.panes):
            return
        one, widget = None if found is None else found.distances.get("w2"), self._lab.stage.panes[pane]
        if one is None or one.value is None:
            widget.show_metric("", "", "", "" if one is None else tip_of(KIND["w2"], one))
            return
        floor = "" if one.floor is None else f"floor {plus_minus(one.floor, one.floor_error)[0]}"
        widget.show_metric("W₂ to the target", plus_minus(one.value, one.error)[0], floor, tip_of(KIND["w2"], one))

    def _follow(self, old: LabState, new: LabState) -> None:
        """What a number was measured on has changed: the number goes."""
        other_target = old.experiment.target != new.experiment.target
        if other_target or old.document.panes != new.document.panes:
            count = len(new.document.panes)
            for pane in {*self._found, *self._latest}:
                if other_target or old.document.panes[pane : pane + 1] != new.document.panes[pane : pane + 1]:
                    self._drop(pane, latest=pane >= count)
            self._stale = True

    def _emptied(self, pane: int) -> None:
        """A pane that shows nothing has no numbers."""
        self._drop(pane, latest=True)
        self._empty.add(pane)
        self._stale = True

    def _drop(self, pane: int, *, latest: bool) -> None:
        self._thread.drop(pane)
        self._found.pop(pane, None)
        if latest:
            self._latest.pop(pane, None)
            self.likelihood.wish([Flow(shown.request) for shown in self._latest.values()])
        self._show_metric(pane)


def label_of(request: RunRequest) -> str:
    """What a curve belongs to: ``"Heun, 50 steps"``; panes that agree in it show the same."""
    sampler = request.sampler
    parts = [sampler.label, counted(sampler.steps, "step"), sampler.words, request.guidance.words]
    return ", ".join(part for part in parts if part)


def flow_label(request: RunRequest) -> str:
    """Whose likelihood it is: no sampler changes it."""
    return ", ".join(part for part in ("the network's flow", request.guidance.words) if part)


def _same_or_newer(now: RunRequest, before: RunRequest) -> bool:
    return now == before or now.same_but_newer(before)
