"""Panes of a film: the runs behind its pictures, and the arrays of each frame. Imports no Qt; torch comes when they are made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.choice import Problem
from engine.cli.common import Progress, say, undisturbed
from engine.session import Session
from gui.document import LabDocument
from gui.recorder.film_maps import FilmMaps
from shaders.scene import PaneData, Scene

if TYPE_CHECKING:
    from gui.recorder.render import FilmPlan
    from gui.runs import Fields, RunRequest
    from shaders.offscreen import Offscreen

FIELD_SPACING = 26.0
"""Logical pixels between the nodes of a field, as in the window."""


class Panes:
    """The runs of all panes, and their fields and maps where a layer shows them."""

    def __init__(self, loaded: Session, document: LabDocument, device: str, progress: Progress) -> None:
        with undisturbed():
            import torch

            from gui.runs import Fields, RunRequest, law_of, target_data

        torch.set_num_threads(loaded.experiment.training.threads)
        experiment = loaded.experiment
        self._document = document
        self._fields: Fields = Fields()
        snapshot = _snapshot(loaded, device) if any(pane.model == "learned" for pane in document.panes) else None
        self._requests: list[RunRequest] = [
            RunRequest(
                law=law_of(experiment),
                sampler=pane.sampler,
                snapshot=snapshot if pane.model == "learned" else None,
                particles=document.particles,
                seed=document.seed,
                device=device,
                guidance=pane.guidance,
            )
            for pane in document.panes
        ]
        self._maps = FilmMaps(self._requests, self._fields, progress)
        base = target_data(experiment.target, experiment.source)
        self.data = [self._simulated(request, base, index, progress) for index, request in enumerate(self._requests)]

    def _simulated(self, request: RunRequest, base: PaneData, index: int, progress: Progress) -> PaneData:
        from gui.runs import Refused, Run
        from gui.runs import run as slices

        for value in slices(request, self._fields):
            if isinstance(value, Run):
                if value.note:
                    say(f"pane {index + 1}: {value.note}")
                found = value.data
                return replace(base, times=found.times, positions=found.positions, region=found.region, labels=found.labels)
            if isinstance(value, Refused):
                raise Problem(f"render: pane {index + 1}: {value.reason}")
            if value is not None:
                progress.show(f"pane {index + 1} of {len(self._requests)}: {100 * value:.0f} %")
        raise Problem(f"render: pane {index + 1} came to no end")

    def at(self, off: Offscreen, plan: FilmPlan, scene: Scene, doing: str = "frame") -> list[PaneData]:
        """The arrays of every pane at the scene's time. ``doing``: which frame it is for, as the progress says it."""
        data = [self._with_fields(index, off, plan, scene) for index in range(len(self.data))]
        views = off.painter.views(scene, data, plan.size, plan.pixel_ratio)
        return self._maps.at(scene, views, data, plan.pixel_ratio, doing)

    def _with_fields(self, index: int, off: Offscreen, plan: FilmPlan, scene: Scene) -> PaneData:
        layers, data = scene.panes[index].layers, self.data[index]
        if data.dimension != 2 or not (layers.velocity.visible or layers.score.visible):
            return data
        from gui.runs import Grid, GridRequest, grid

        view = off.painter.views(scene, self.data, plan.size, plan.pixel_ratio)[index]
        spacing = FIELD_SPACING * plan.pixel_ratio
        nodes = max(4, round(view.pane.width / spacing)), max(4, round(view.pane.height / spacing))
        run = self._requests[index]
        request = GridRequest(run, scene.t, view.visible(), nodes, layers.velocity.visible, layers.score.visible)
        found = next(value for value in grid(request, self._fields) if isinstance(value, Grid))
        return replace(data, velocity=found.velocity, score=found.score, field_box=request.box)


def _snapshot(loaded: Session, device: str) -> Any:
    from engine.field_of_session import field_of_session
    from gui.runs import Snapshot

    return Snapshot(0, loaded.step, field_of_session(loaded, "learned", device))
