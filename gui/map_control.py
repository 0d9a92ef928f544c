"""MapControl: densities, errors and their contours at the time shown, for the panes that show them, with one scale where they share it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from engine.worker import Worker
from gui.map_kinds import KINDS
from gui.map_lanes import LONG, Lanes
from gui.maps import MapRequest, MapValues, NoMap
from gui.model import LabModel, LabState
from gui.simulation_control import SLOW_SECONDS, SimulationControl
from gui.stage.stage import Stage
from shaders.scene import Contours, HeatMap, MapData, MapKind

TIME_STEP, LONG_TIME_STEP = 1 / 128, 1 / 32
"""t is rounded to this while it plays, for what is fast and for what takes long: a map looks the same a moment later."""
REST = 0.2
"""Seconds without a change of t, or of what is in view, after which what takes long is asked for."""
CELL, MOST = 4.0, 256
"""Logical pixels of a cell, and the most cells along a side."""
CELLS: dict[MapKind, int] = {"velocity-error": 96, "score-error": 96, "angle": 96, "model": 128, "log-ratio": 128, "residual": 64}
"""Along the longer side, of what takes longer."""
CELLS_PLAYING = 64
"""Of the model's own density while it plays."""
CANCELLED = "cancelled; move t, or switch it off and on, to ask again."


@dataclass(eq=False)
class _Layer:
    """What one layer of a pane shows."""

    wanted: MapRequest | None = None
    values: MapValues | None = None
    shown: MapData | None = None


@dataclass
class _Rest:
    """Since when something has not changed."""

    value: object = None
    since: float = 0.0

    def told(self, value: object, now: float) -> bool:
        """Whether it has been like this for a while."""
        if value != self.value:
            self.value, self.since = value, now
        return now - self.since >= REST


class MapControl(QObject):
    """Looks at every tick which maps are wanted, and asks for those that are not there."""

    failed = Signal(str)

    def __init__(self, model: LabModel, stage: Stage, worker: Worker, simulation: SimulationControl):
        super().__init__(stage)
        self._model, self._stage, self._simulation = model, stage, simulation
        self._lanes = Lanes(worker, simulation.fields)
        self._layers: list[dict[str, _Layer]] = []
        self._views: list[_Rest] = []
        self._waits: list[bool] = []
        self._clock = _Rest()
        self._made: dict[tuple[object, ...], MapData] = {}
        self.training: Callable[[], bool] = lambda: False
        """Whether the network goes on: what is under way is then let finish though newer weights have come."""
        stage.ticked.connect(self._tick)
        stage.cancel_asked.connect(self._lanes.cancel)
        model.changed.connect(self._follow)

    def map_of(self, index: int, name: str = "map") -> MapData | None:
        """What a pane shows as its ``map`` or ``contours``."""
        return self._layers[index][name].shown if index < len(self._layers) else None

    @property
    def waiting(self) -> bool:
        """Whether something that is wanted is not there yet in whole."""
        wanted = [layer.wanted for layers in self._layers for layer in layers.values() if layer.wanted is not None]
        return any(not self._lanes.of(request).has(request) and not self._lanes.of(request).cancelled(request) for request in wanted)

    def _follow(self, old: LabState, new: LabState) -> None:
        """Whoever switches a map off and on, or chooses another, is ready to wait again."""
        before, after = ([(pane.layers.map, pane.layers.contours) for pane in state.document.scene.panes] for state in (old, new))
        if before != after:
            self._lanes.forgive()

    def _tick(self) -> None:
        self._match_panes()
        if self._lanes.read():
            self._stage.wake()
        now, clock = time.perf_counter(), self._stage.clock
        rested = self._clock.told(clock.t, now)
        views: list[bool] = []
        for index in range(len(self._layers)):
            still = self._views[index].told(self._stage.panes[index].canvas.view().visible(), now)
            for name, layer in self._layers[index].items():
                layer.wanted = self._wanted(index, name)
            views.append(still)
        wanted = [layer.wanted for layers in self._layers for layer in layers.values() if layer.wanted is not None]
        for index, layers in enumerate(self._layers):
            for layer in layers.values():
                if layer.wanted is not None:
                    self._ask(index, layer.wanted, wanted, still=views[index], rested=rested)
        self._show()
        self._lanes.end_of_tick()
        for error in self._lanes.errors():
            self.failed.emit(f"The map cannot be drawn: {error}")

    def _match_panes(self) -> None:
        count = len(self._stage.panes)
        for kept in (self._layers, self._views, self._waits):
            del kept[count:]
        while len(self._layers) < count:
            self._layers.append({"map": _Layer(), "contours": _Layer()})
            self._views.append(_Rest())
            self._waits.append(False)

    def _style(self, index: int, name: str) -> HeatMap | Contours:
        layers = self._model.document.scene.panes[index].layers
        return layers.map if name == "map" else layers.contours

    def _wanted(self, index: int, name: str) -> MapRequest | None:
        style, run = self._style(index, name), self._simulation.shown(index)
        if not style.visible or run is None or self._stage.dimension != 2 or run.target.dimension != 2:
            return None
        clock, canvas = self._stage.clock, self._stage.panes[index].canvas
        step = LONG_TIME_STEP if style.kind in LONG and style.kind != "grid" else TIME_STEP
        t = min(round(clock.t / step) * step, 1.0) if clock.playing else clock.t
        most = CELLS.get(style.kind, MOST)
        if clock.playing and style.kind in ("model", "log-ratio"):
            most = min(most, CELLS_PLAYING)
        return MapRequest.of(run, style.kind, t, canvas.view().visible(), cells_of(canvas.width(), canvas.height(), most))

    def _ask(self, index: int, request: MapRequest, wanted: list[MapRequest], *, still: bool, rested: bool) -> None:
        """What is fast at once; what takes long when clock and view are at rest or, while it plays, for the next time that is not there."""
        lane, playing = self._lanes.of(request), self._stage.clock.playing
        if lane.long and request.kind != "grid":
            if not still or not (rested or playing):
                return
            if playing:
                request = next((later for later in _cycle(request) if not lane.has(later)), request)
            elif lane.asked is not None and lane.asked.t != request.t:
                lane.drop()
        if lane.long and lane.outdated(wanted) and not self.training():
            lane.drop()
        data = self._stage.showings[index].latest if request.kind == "particles" else None
        self._lanes.ask(request, data)

    def _show(self) -> None:
        remarks: list[list[str]] = [[] for _ in self._layers]
        for index, layers in enumerate(self._layers):
            for layer in layers.values():
                layer.values = self._values(layer, remarks[index])
        tops: dict[tuple[MapKind, str], float] = {}
        for index, layers in enumerate(self._layers):
            for name, layer in layers.items():
                if layer.values is not None and self._style(index, name).shared:
                    key = layer.values.request.kind, layer.values.unit
                    tops[key] = max(tops.get(key, 0.0), layer.values.top)
        made: dict[tuple[object, ...], MapData] = {}
        for index, layers in enumerate(self._layers):
            for name, layer in layers.items():
                layer.shown = self._data(layer, self._style(index, name), tops, made)
            self._stage.showings[index].show(**{name: layer.shown for name, layer in layers.items()})
            self._stage.panes[index].show_remark("\n".join(dict.fromkeys(remarks[index])))
            self._show_progress(index)
        self._made = made

    def _values(self, layer: _Layer, remarks: list[str]) -> MapValues | None:
        """What there is to show; where there is nothing, the reason goes to ``remarks``."""
        request = layer.wanted
        if request is None:
            return None
        lane, words = self._lanes.of(request), KINDS[request.kind].words
        found = lane.best(request)
        if lane.cancelled(request) and not isinstance(found, MapValues):
            remarks.append(f"{words}: {CANCELLED}")
        if isinstance(found, NoMap):
            if found.request.run == request.run or not lane.asked:
                remarks.append(found.reason if words in found.reason else f"{words}: {found.reason}")
            return None
        # of another part of the plane, or a moment that is nearer, until this one's has come
        before = layer.values
        if before is None or (before.request.kind, before.request.run.law) != (request.kind, request.run.law):
            return found
        if found is not None and (lane.kind == "grid" or abs(found.request.t - request.t) <= abs(before.request.t - request.t)):
            return found
        return before if found is None or before.request.run == request.run else found

    def _data(
        self, layer: _Layer, style: HeatMap | Contours, tops: dict[tuple[MapKind, str], float], made: dict[tuple[object, ...], MapData]
    ) -> MapData | None:
        """The same object as before where nothing has changed, and for layers that show the same."""
        values, request = layer.values, layer.wanted
        if values is None or request is None:
            return None
        top = tops[values.request.kind, values.unit] if style.shared else values.top
        other_time = values.request.kind != "grid" and abs(values.request.t - request.t) > 1e-9
        name = f"{values.name}, t\u00a0=\u00a0{values.t:.2f}" if other_time and values.request.kind in LONG else values.name
        before, now = values.request.run.snapshot, request.run.snapshot
        if values.request.kind in LONG and before != now and before is not None:
            name = f"{name}, step\u00a0{before.step}"
        key = id(values.values), top, style.scale, name
        found = self._made.get(key)
        if found is None or found.values is not values.values:
            found = made.get(key) or values.data(top, style.scale == "log", name)
        made[key] = found
        return found

    def _show_progress(self, index: int) -> None:
        """Of what takes long, unless something plays or only newer weights are waited for."""
        shares = []
        for layer in self._layers[index].values():
            lane = None if layer.wanted is None else self._lanes.of(layer.wanted)
            waits = None if lane is None or not lane.long else lane.waits()
            if waits is None or layer.wanted is None or waits[1] < SLOW_SECONDS:
                continue
            quiet = layer.values is not None and (self._stage.clock.playing or layer.wanted.run.same_but_newer(layer.values.request.run))
            if not quiet or layer.wanted.kind == "grid":
                shares.append(waits[0])
        if shares or self._waits[index]:
            self._stage.panes[index].show_progress(min(shares) if shares else None)
        self._waits[index] = bool(shares)


def _cycle(request: MapRequest) -> Iterator[MapRequest]:
    """The request for its time and all that follow when it is played, around once."""
    count = round(1.0 / LONG_TIME_STEP) + 1
    first = round(request.t / LONG_TIME_STEP)
    return (replace(request, t=(first + k) % count * LONG_TIME_STEP) for k in range(count))


def cells_of(width: int, height: int, most: int) -> tuple[int, int]:
    """Cells along x and y of a picture of so many logical pixels, square, at most ``most`` along the longer side."""
    side = max(CELL, max(width, height) / most)
    return max(8, round(width / side)), max(8, round(height / side))
