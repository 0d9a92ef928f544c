"""Maps, contours and flow maps of a film: the work of the window, done to its end at every frame. Imports no Qt; torch comes late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.choice import Problem
from engine.cli.common import Progress
from shaders.scene import Contours, HeatMap, Layers, MapData, PaneData, Scene
from shaders.view import View

if TYPE_CHECKING:
    from gui.flow_maps import FlowMaps
    from gui.maps import MapRequest, MapValues, Truths
    from gui.runs import Fields, RunRequest

KEPT = 8
"""Flow maps: more than panes, since a film along the training has others at every checkpoint."""
CELL, MOST = 4.0, 256
"""Logical pixels of a cell of a map, and the most cells along its longer side."""
LONG = 128
"""Of what takes a network or a flow at every cell."""


class FilmMaps:
    """Keeps the flow maps, which are of all times. ``requests`` may change from frame to frame."""

    def __init__(self, requests: Sequence[RunRequest], fields: Fields, progress: Progress) -> None:
        self._requests, self._fields, self._progress = requests, fields, progress
        self._truths: Truths | None = None
        self._flows: dict[object, FlowMaps] = {}

    def at(self, scene: Scene, views: Sequence[View], data: Sequence[PaneData], pixel_ratio: float, doing: str) -> list[PaneData]:
        """The panes with what their layers show at the scene's time. ``doing``: of which frame, for the progress. Raises Problem."""
        found: dict[MapRequest, MapValues] = {}
        asked: list[dict[str, MapRequest]] = []
        for index, pane in enumerate(scene.panes):
            asked.append({})
            if data[index].dimension == 2:
                for name, layer in _layers(pane.layers):
                    request = self._request(index, layer, scene.t, views[index], pixel_ratio)
                    asked[-1][name] = request
                    if request not in found:
                        found[request] = self._drawn(request, data[index], index, doing)
        out = []
        made: dict[tuple[object, ...], MapData] = {}
        for index, pane in enumerate(scene.panes):
            arrays: dict[str, object] = {}
            for name, layer in _layers(pane.layers):
                request = asked[index].get(name)
                if request is not None:
                    top = self._top(found, asked, scene, layer, request)
                    key = request, top, layer.scale
                    if key not in made:  # one object for both layers, which then are drawn at once
                        made[key] = found[request].data(top, layer.scale == "log")
                    arrays[name] = made[key]
            if pane.layers.flow_map.visible and data[index].dimension == 2:
                arrays["flow_lines"] = self._flow(index, pane.layers, doing).at(scene.t)
            out.append(replace(data[index], **arrays) if arrays else data[index])  # type: ignore[arg-type]  # named by PaneData's fields
        return out

    def _request(self, index: int, layer: HeatMap | Contours, t: float, view: View, pixel_ratio: float) -> MapRequest:
        from gui.maps import MapRequest

        longer = max(view.pane.width, view.pane.height)
        most = min(longer / (CELL * pixel_ratio), MOST if layer.kind in ("exact", "particles", "grid") else LONG)
        size = max(8, round(view.pane.width / longer * most)), max(8, round(view.pane.height / longer * most))
        return MapRequest.of(self._requests[index], layer.kind, t, view.visible(), size)

    def _drawn(self, request: MapRequest, data: PaneData, index: int, doing: str) -> MapValues:
        from gui.map_kinds import KINDS
        from gui.map_work import draw
        from gui.maps import MapValues, NoMap, Truths

        self._truths = self._truths or Truths()
        words = KINDS[request.kind].words
        for value in draw(request, self._fields, self._truths, data):
            if isinstance(value, NoMap):
                raise Problem(f"render: pane {index + 1}: {words}: {value.reason}")
            if isinstance(value, MapValues):
                if value.whole:
                    return value
            elif value is not None:
                self._progress.show(f"{doing}: {words} of pane {index + 1}, {100 * value:.0f} %")
        raise Problem(f"render: pane {index + 1}: {words} came to no end")

    def _flow(self, index: int, layers: Layers, doing: str) -> FlowMaps:
        from gui.flow_maps import FlowMapRequest, FlowMaps, flow_maps

        request = FlowMapRequest.of(self._requests[index], layers.flow_map.direction, layers.flow_map.lines)
        if request not in self._flows:
            while len(self._flows) >= KEPT:
                del self._flows[next(iter(self._flows))]
            try:
                for value in flow_maps(request, self._fields):
                    if isinstance(value, FlowMaps):
                        self._flows[request] = value
                    else:
                        self._progress.show(f"{doing}: flow map of pane {index + 1}, {100 * value:.0f} %")
            except Problem as problem:
                raise Problem(f"render: pane {index + 1}: flow map: {problem}") from problem
        return self._flows[request]

    @staticmethod
    def _top(
        found: dict[MapRequest, MapValues], asked: list[dict[str, MapRequest]], scene: Scene, layer: HeatMap | Contours, request: MapRequest
    ) -> float:
        """Where the layer's scale ends: with all panes that share it, or with itself."""
        if not layer.shared:
            return found[request].top
        tops = [
            found[other].top
            for pane, requests in zip(scene.panes, asked, strict=True)
            for name, one in _layers(pane.layers)
            if one.shared and (other := requests.get(name)) is not None and other.kind == request.kind
        ]
        return max(tops, default=found[request].top)


def _layers(layers: Layers) -> list[tuple[str, HeatMap | Contours]]:
    """The map and the contours where they are shown, by the names of PaneData's fields."""
    both: list[tuple[str, HeatMap | Contours]] = [("map", layers.map), ("contours", layers.contours)]
    return [(name, layer) for name, layer in both if layer.visible]
