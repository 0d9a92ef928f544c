"""Panes of a film: the runs behind its pictures, and the arrays of each frame. Imports no Qt; torch comes when they are made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.choice import Problem
from engine.cli.common import Progress, say, undisturbed
from engine.session import Session
from gui.document import LabDocument
from gui.recorder.film_maps import FilmMaps
from gui.recorder.networks import present_snapshot, run_of
from shaders.scene import PaneData, Scene

if TYPE_CHECKING:
    from gui.recorder.render import FilmPlan
    from gui.runs import Fields, RunRequest
    from shaders.offscreen import Offscreen

FIELD_SPACING = 26.0
"""Logical pixels between the nodes of a field, as in the window."""


class Panes:
    """The runs of all panes, and their fields and maps where a layer shows them."""

    def __init__(self, loaded: Session, document: LabDocument, device: str, progress: Progress, step: int | None = None) -> None:
        """``step``: the network as it was at the checkpoint nearest to it."""
        with undisturbed():
            import torch

            from gui.pane_runs import network_of
            from gui.runs import Fields, RunRequest, law_of, target_data

        torch.set_num_threads(loaded.experiment.training.threads)
        experiment = loaded.experiment
        self._document = document
        self._fields: Fields = Fields()
        own = any(pane.model == "learned" and pane.run is None for pane in document.panes)
        snapshot = present_snapshot(loaded, device, step) if own else None
        shown = [network_of(pane, experiment, snapshot, run_of(loaded, device)) for pane in document.panes]
        self._requests: list[RunRequest] = [
            RunRequest(
                law=law_of(its),
                sampler=pane.sampler,
                snapshot=network,
                reason=reason,
                particles=document.particles,
                seed=document.seed,
                device=device,
                guidance=pane.guidance,
            )
            for pane, (its, network, reason) in zip(document.panes, shown, strict=True)
        ]
        self._maps = FilmMaps(self._requests, self._fields, progress)
        bases = {law: target_data(law.target, law.source) for law in dict.fromkeys(request.law for request in self._requests)}
        self.data = [self._simulated(request, bases[request.law], index, progress) for index, request in enumerate(self._requests)]

    def _simulated(self, request: RunRequest, base: PaneData, index: int, progress: Progress, done: int = 0, of: int = 1) -> PaneData:
        """The run of a pane; the ``done``-th of ``of`` such runs, for the progress."""
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
                progress.show(f"pane {index + 1} of {len(self._requests)}: {100 * (done + value) / of:.0f} %")
        raise Problem(f"render: pane {index + 1} came to no end")

    @property
    def everything(self) -> list[PaneData]:
        """All that the film shows, for framing it."""
        return self.data

    def words(self, scene: Scene) -> Scene:
        """The scene with what its captions say at its time."""
        return scene

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
