"""LiveLikelihood: -E log p of fresh data under each pane's field, on the worker in short slices, rarely while it trains."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from engine.distance_table import in_users_units
from engine.distances import Estimate, absent
from engine.worker import Job, Priority, Worker
from gui.runs import Fields, RunRequest

AT_REST, IN_TRAINING = 2_000, 500
"""Fresh draws of the data. The same ones every time, so that a curve over training is that of the network alone."""
EVERY_SECONDS = 10.0
SHARE = 0.05
"""While training, it takes at most this share of the worker's time."""
KEPT = 64


Likelihood = dict[str, Estimate]
"""``nll`` in standardised coordinates, ``nll_user`` in the user's units, and ``excess``, what they are above the truth's entropy."""


@dataclass(frozen=True)
class Flow:
    """Whose likelihood it is: what decides a field, whatever sampler a pane shows it with."""

    request: RunRequest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Flow) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[object, ...]:
        own = self.request
        return own.law, own.snapshot, own.device, own.guidance

    def newer_than(self, other: Flow) -> bool:
        """Whether only the training has gone on."""
        mine, its = self.request, other.request
        both = mine.snapshot is not None and its.snapshot is not None
        return both and (mine.law, mine.device, mine.guidance) == (its.law, its.device, its.guidance)


class LiveLikelihood(QObject):
    """``wish`` says which flows the panes show; ``read``, at frame rate, asks the worker for one at a time and takes what it has left."""

    arrived = Signal(object, object)
    """(Flow, Likelihood)."""

    def __init__(self, worker: Worker, fields: Fields, parent: QObject | None = None):
        super().__init__(parent)
        self._worker, self._fields = worker, fields
        self.training = False
        self._wanted: list[Flow] = []
        self._known: dict[Flow, tuple[int, Likelihood]] = {}
        self._under_way: Flow | None = None
        self._n = 0
        self._job: Job[Likelihood] | None = None
        self._next = 0.0

    def wish(self, flows: list[Flow]) -> None:
        """What the panes show now. What nobody wants any more is cancelled, unless it is the same network a little earlier."""
        self._wanted = list(dict.fromkeys(flows))
        own = self._under_way
        if own is not None and not any(flow == own or flow.newer_than(own) for flow in self._wanted):
            self._cancel()

    def latest(self, flow: Flow) -> Likelihood | None:
        """Of this flow, else of the same network as it was last asked; None: not yet."""
        if flow in self._known:
            return self._known[flow][1]
        return next((found for known, (_n, found) in reversed(self._known.items()) if flow.newer_than(known)), None)

    def forget(self) -> None:
        """Another network is trained: what was known of the one before is none of it."""
        self._known.clear()
        self._next = 0.0

    def read(self) -> None:
        """Results; and the next question, once it is due."""
        if self._job is not None and self._job.done:
            self._take(self._job)
        if self._job is None and (not self.training or time.perf_counter() >= self._next):
            n = IN_TRAINING if self.training else AT_REST
            due = next((flow for flow in self._wanted if self._known.get(flow, (0, None))[0] < n), None)
            if due is not None:
                self._ask(due, IN_TRAINING if due not in self._known and due.request.snapshot is not None else n)

    def _ask(self, flow: Flow, n: int) -> None:
        """A network is first asked as it is in training: so its last point belongs to the same curve."""
        fields, request = self._fields, flow.request
        self._under_way, self._n = flow, n
        self._job = self._worker.submit(lambda: likelihood(request, fields, n), name="likelihood", priority=Priority.BACKGROUND)

    def _take(self, job: Job[Likelihood]) -> None:
        flow, self._job, self._under_way = self._under_way, None, None
        self._next = time.perf_counter() + max(EVERY_SECONDS, job.seconds * (1 / SHARE - 1))
        if flow is None or job.future.cancelled():
            return
        found = job.future.result() if job.error is None else nothing(job.error, self._n)
        while len(self._known) >= KEPT:
            del self._known[next(iter(self._known))]
        self._known[flow] = (self._n if found["nll"].value is not None else AT_REST, found)
        self.arrived.emit(flow, found)

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self._job = self._under_way = None


def likelihood(request: RunRequest, fields: Fields, n: int) -> Generator[None, None, Likelihood]:
    """Slices of -E log p of n fresh draws and of what it is above the entropy; absent with the reason where the flow has no density."""
    from engine.choice import Problem
    from engine.evaluation import excess_of, nll_of
    from engine.likelihood import held_out

    yield None
    try:
        free = fields.of(request)
        for _share in fields.guided.prepare(free, request.law, request.guidance):
            yield None
        chosen = fields.guided.field(free, request.law, request.guidance, request.particles, request.seed)
        yield None
        slices = held_out(chosen, request.reference, n=n, start=request.law.start)
        while True:
            try:
                next(slices)
            except StopIteration as stop:
                held = stop.value
                break
            yield None
    except Problem as problem:
        return nothing(str(problem), n)
    log_det = request.reference.frame().log_det
    nll = nll_of(held, log_det)
    return {"nll": nll, "nll_user": in_users_units(nll, log_det), "excess": excess_of(held)}


def nothing(reason: str, n: int) -> Likelihood:
    """Why there is none."""
    return {name: absent(reason, n) for name in ("nll", "nll_user", "excess")}
