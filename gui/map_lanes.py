"""Lanes: maps that differ in t and in the age of the network alone share one, with one question under way and the answers it has had.

No Qt here. Panes that ask the same are in the same lane, so nothing is computed twice.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Generator
from dataclasses import dataclass, field, replace

from engine.worker import Job, Priority, Worker
from gui.evolution import Evolution, evolve
from gui.map_work import draw
from gui.maps import MapRequest, MapValues, NoMap, Truths
from gui.runs import Fields
from gui.simulation_control import RENEWAL_SHARE
from shaders.scene import MapKind, PaneData

LONG: frozenset[MapKind] = frozenset({"model", "log-ratio", "residual", "grid"})
"""What takes seconds: asked for once the clock has come to rest, and with training's share of the worker left alone."""
KEPT = 130
"""Times of one lane whose maps are kept: a run played through once is there when it is played again."""
EVOLUTIONS = 8
"""Grids of one lane that are kept: a coarse and a fine one for each of four panes, about 4 MB each."""
DORMANT = 8
"""Lanes that nobody looks at now, and that are kept."""


@dataclass(eq=False)
class _Question:
    """What is under way."""

    request: MapRequest
    found: deque[MapValues | NoMap | Evolution] = field(default_factory=deque)
    """Filled by the worker's thread."""
    fraction: float = 0.0
    since: float = field(default_factory=time.perf_counter)
    job: Job[None] | None = None

    def slices(self, fields: Fields, truths: Truths, data: PaneData | None) -> Generator[None, None, None]:
        """The job."""
        work = evolve(self.request, fields, truths) if self.request.kind == "grid" else draw(self.request, fields, truths, data)
        for value in work:
            if isinstance(value, float):
                self.fraction = value
            elif value is not None:
                self.found.append(value)
            yield


class Lane:
    """``ask`` for a map, ``read`` at every tick, and take the ``best`` there is."""

    def __init__(self, kind: MapKind) -> None:
        self.kind = kind
        self.error: str | None = None
        """What a job has raised that is no Problem; said once."""
        self._question: _Question | None = None
        self._answers: OrderedDict[MapRequest, MapValues | NoMap] = OrderedDict()
        self._latest: MapValues | NoMap | None = None
        self._evolutions: list[Evolution] = []
        """Of kind "grid": the newest first."""
        self._cancelled: MapRequest | None = None
        self._not_before = 0.0

    @property
    def long(self) -> bool:
        return self.kind in LONG

    @property
    def asked(self) -> MapRequest | None:
        """What is under way."""
        return None if self._question is None else self._question.request

    def waits(self) -> tuple[float, float] | None:
        """The fraction done and the seconds so far of what is under way; None for nothing."""
        question = self._question
        return None if question is None else (question.fraction, time.perf_counter() - question.since)

    def cancelled(self, request: MapRequest) -> bool:
        """Whether the user did not want to wait for this."""
        return self._cancelled is not None and _key(request, self.kind) == _key(self._cancelled, self.kind)

    def ask(self, request: MapRequest, worker: Worker, fields: Fields, truths: Truths, data: PaneData | None) -> None:
        """Unless it is there, was cancelled, or something is under way."""
        if self._question is not None or self.cancelled(request) or self.has(request):
            return
        before = self._evolutions[0].request if self._evolutions else self._latest.request if self._latest is not None else None
        if before is not None and request.run.same_but_newer(before.run) and time.perf_counter() < self._not_before:
            return
        self._cancelled = None
        question = self._question = _Question(request)
        priority = Priority.BACKGROUND if self.long else Priority.WATCHED
        question.job = worker.submit(lambda: question.slices(fields, truths, data), name=f"map {self.kind}", priority=priority)

    def outdated(self, wanted: list[MapRequest]) -> bool:
        """Whether what is under way is of a network that none of these ask for."""
        asked = self.asked
        return asked is not None and all(request.run != asked.run for request in wanted)

    def drop(self, *, by_user: bool = False) -> None:
        """What is under way is not wanted any more."""
        question, self._question = self._question, None
        if question is not None:
            if question.job is not None:
                question.job.cancel()
            self._cancelled = question.request if by_user else None

    def forgive(self) -> None:
        """What was cancelled may be asked for again."""
        self._cancelled = None

    def has(self, request: MapRequest) -> bool:
        """Whether the whole answer is there."""
        if self.kind == "grid":
            refused = isinstance(self._latest, NoMap) and self._latest.request.run == request.run
            return refused or any(found.whole and found.request.run == request.run for found in self._evolutions)
        found = self._answers.get(request)
        return isinstance(found, NoMap) or (found is not None and found.whole)

    def read(self) -> bool:
        """Takes what the worker has left; True if something has come."""
        question = self._question
        if question is None:
            return False
        over, came = question.job is not None and question.job.done, bool(question.found)
        while question.found:
            self._keep(question.request, question.found.popleft())
        if over and question.job is not None:
            if question.job.error is not None:
                self.error = question.job.error
                self._cancelled = question.request
            self._not_before = time.perf_counter() + question.job.seconds / RENEWAL_SHARE if self.long else 0.0
            self._question = None
        return came

    def _keep(self, request: MapRequest, value: MapValues | NoMap | Evolution) -> None:
        if isinstance(value, Evolution):
            same = [found for found in self._evolutions if _grid_of(found) != _grid_of(value)]
            # a coarse grid is there for what the fine one has not reached; an older network's until the new one's has come
            self._evolutions = [value, *same][:EVOLUTIONS]
            return
        if isinstance(value, MapValues) and value.beside is not None:
            self._answers[value.beside.request] = value.beside
        self._answers[request] = value
        self._answers.move_to_end(request)
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)
        self._latest = value

    def best(self, request: MapRequest) -> MapValues | NoMap | None:
        """The answer itself, or what is nearest to it: of another time or of an earlier network; None where there is nothing."""
        if self.kind == "grid":
            for found in sorted(self._evolutions, key=lambda one: one.request.run != request.run):
                shown = found.at(request.t, request)
                if shown is not None:
                    return shown
            return self._latest
        found = self._answers.get(request)
        if found is not None:
            self._answers.move_to_end(request)
            return found
        alike = [answer for answer in self._answers.values() if answer.request.kind == request.kind] if self.long else []
        known = [answer for answer in alike if isinstance(answer, MapValues) and answer.request.run == request.run]
        if known:
            return min(known, key=lambda answer: abs(answer.request.t - request.t))
        return (alike[-1] if alike else None) if self.long else self._latest


class Lanes:
    """All lanes; those that nobody has looked at for long are given up."""

    def __init__(self, worker: Worker, fields: Fields) -> None:
        self._worker, self._fields, self._truths = worker, fields, Truths()
        self._lanes: OrderedDict[MapRequest, Lane] = OrderedDict()
        self._looked_at: set[MapRequest] = set()

    def of(self, request: MapRequest) -> Lane:
        """The lane of a map; made where there is none."""
        key = lane_key(request)
        self._looked_at.add(key)
        if key not in self._lanes:
            self._lanes[key] = Lane(key.kind)
        self._lanes.move_to_end(key)
        return self._lanes[key]

    def ask(self, request: MapRequest, data: PaneData | None) -> None:
        """Of its lane."""
        self.of(request).ask(request, self._worker, self._fields, self._truths, data)

    def read(self) -> bool:
        """Takes what has come; True if anything has."""
        came = [lane.read() for lane in self._lanes.values()]
        return any(came)

    def errors(self) -> list[str]:
        """What went wrong since the last time."""
        found = [lane.error for lane in self._lanes.values() if lane.error is not None]
        for lane in self._lanes.values():
            lane.error = None
        return found

    def cancel(self) -> None:
        """The user will not wait for what takes long."""
        for lane in self._lanes.values():
            if lane.long:
                lane.drop(by_user=True)

    def forgive(self) -> None:
        """What was cancelled anywhere may be asked for again."""
        for lane in self._lanes.values():
            lane.forgive()

    def end_of_tick(self) -> None:
        """What nobody has looked at in this tick rests; the oldest of those go."""
        resting = [key for key in self._lanes if key not in self._looked_at]
        for key in resting:
            self._lanes[key].drop()
            self._lanes[key].forgive()
        for key in resting[: max(0, len(resting) - DORMANT)]:
            del self._lanes[key]
        self._looked_at.clear()


def lane_key(request: MapRequest) -> MapRequest:
    """The request without its time and the age of its network."""
    run = request.run if request.kind == "particles" else replace(request.run, snapshot=None, reason="n" if request.run.snapshot else "")
    bare = replace(request, run=run, t=0.0)
    if request.kind == "log-ratio":
        return replace(bare, kind="model")  # the same work gives both
    return replace(bare, box=(0.0, 1.0, 0.0, 1.0), size=(1, 1)) if request.kind == "grid" else bare


def _key(request: MapRequest, kind: MapKind) -> MapRequest:
    """What a cancelled question was about: newer weights alone do not ask again."""
    return lane_key(request) if kind == "grid" else replace(lane_key(request), t=request.t)


def _grid_of(evolution: Evolution) -> tuple[object, object]:
    return evolution.request.run, evolution.densities.shape
