"""FlowMapControl: the grid of lines that the flow carries, for the panes that show it. One map at a time is computed, for all t; panes
that differ in their samplers alone share it, and the last few are kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Signal

from engine.mailbox import Mailbox
from engine.worker import Job, Priority, Worker
from gui.flow_maps import FlowMapRequest, FlowMaps, flow_maps
from gui.model import LabModel
from gui.simulation_control import RENEWAL_SHARE, SLOW_SECONDS, SimulationControl
from gui.stage.stage import Stage
from shaders.scene import FlowLines

KEPT = 8


@dataclass(eq=False)
class _Shown:
    """What a pane has at this moment."""

    maps: FlowMaps | None = None
    t: float = -1.0
    lines: FlowLines | None = None
    waits: bool = False
    """Whether its progress is on the pane."""


class FlowMapControl(QObject):
    """Looks at every tick which maps are wanted; asks for one that is not there, and moves the lines with t."""

    failed = Signal(str)
    said = Signal(str)

    def __init__(self, model: LabModel, stage: Stage, worker: Worker, simulation: SimulationControl):
        super().__init__(stage)
        self._model, self._stage, self._worker, self._simulation = model, stage, worker, simulation
        self._kept: dict[FlowMapRequest, FlowMaps] = {}
        self._refused: set[FlowMapRequest] = set()
        """What was cancelled or came to nothing: not asked for again until nobody has wanted it for a while."""
        self._box: Mailbox[float | FlowMaps] = Mailbox()
        self._asked: FlowMapRequest | None = None
        self._job: Job[None] | None = None
        self._since, self._fraction, self._not_before = 0.0, 0.0, 0.0
        self._panes: list[_Shown] = []
        stage.ticked.connect(self._tick)
        stage.cancel_asked.connect(self.cancel)

    @property
    def computing(self) -> FlowMapRequest | None:
        """What is under way."""
        return self._asked

    def cancel(self) -> None:
        """The user will not wait: the map is not drawn until it is switched off and on, or something of it changes."""
        if self._asked is not None:
            self._refused.add(self._asked)
            self._drop()
            self.said.emit("Flow map cancelled: switch it off and on to ask again.")

    def _drop(self) -> None:
        self._box.advance()
        self._asked = self._job = None

    def _tick(self) -> None:
        count = len(self._stage.panes)
        del self._panes[count:]
        while len(self._panes) < count:
            self._panes.append(_Shown())
        self._read()
        wanted = [self._wanted(index) for index in range(count)]
        self._refused.intersection_update(request for request in wanted if request is not None)
        if self._asked is not None and not any(self._serves(request) for request in wanted):
            self._drop()
        if self._asked is None:
            self._ask_one(wanted)
        for index, (request, pane) in enumerate(zip(wanted, self._panes, strict=True)):
            self._show(index, request, pane)

    def _serves(self, request: FlowMapRequest | None) -> bool:
        """Whether what is under way is what this pane waits for, or was before the training went on."""
        return request is not None and (request == self._asked or request.same_but_newer(self._asked))

    def _wanted(self, index: int) -> FlowMapRequest | None:
        layer = self._model.document.scene.panes[index].layers.flow_map
        run = self._simulation.shown(index)
        if not layer.visible or run is None or self._stage.dimension != 2 or run.target.dimension != 2:
            return None
        return FlowMapRequest.of(run, layer.direction, layer.lines)

    def _ask_one(self, wanted: list[FlowMapRequest | None]) -> None:
        """The first that is not there; while a network is being trained, no more often than pays."""
        for index, request in enumerate(wanted):
            if request is None or request in self._kept or request in self._refused:
                continue
            before = self._panes[index].maps
            newer = before is not None and request.same_but_newer(before.request)
            if newer and time.perf_counter() < self._not_before:
                continue
            self._asked, self._since, self._fraction = request, time.perf_counter(), 0.0
            self._box.advance()
            work = partial(flow_maps, request, self._simulation.fields)
            self._job = self._worker.submit(work, name="flow map", priority=Priority.WATCHED, mailbox=self._box)
            return

    def _read(self) -> None:
        over, value = self._job is not None and self._job.done, self._box.take()
        if isinstance(value, FlowMaps):
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[value.request] = value
            self._stage.wake()
        elif value is not None:
            self._fraction = value
        if over and self._job is not None:
            error, seconds = self._job.error, self._job.seconds
            if error is not None and self._asked is not None:
                self._refused.add(self._asked)
                self.failed.emit(f"The flow map cannot be drawn: {error}")
            self._not_before = time.perf_counter() + seconds / RENEWAL_SHARE
            self._asked = self._job = None

    def _show(self, index: int, request: FlowMapRequest | None, pane: _Shown) -> None:
        found = self._kept.get(request) if request is not None else None
        if found is None and request is not None and pane.maps is not None and request.same_but_newer(pane.maps.request):
            found = pane.maps  # of the network a moment ago, until that of now is there
        waits = found is None and request is not None and request == self._asked
        slow = waits and time.perf_counter() - self._since > SLOW_SECONDS
        if slow or pane.waits:
            self._stage.panes[index].show_progress(self._fraction if slow else None)
            pane.waits = slow
        t = self._stage.clock.t
        if found is not pane.maps or (found is not None and t != pane.t):
            pane.maps, pane.t = found, t
            pane.lines = found.at(t) if found is not None else None
        self._stage.showings[index].show(flow_lines=pane.lines)
