"""PanesAlong: the panes of a film along the training: at one t, particles that glide from checkpoint to checkpoint. Imports no Qt."""

from __future__ import annotations

import bisect
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.checkpoint import Checkpoint
from engine.checkpoints import place, thinned
from engine.cli.common import Progress
from engine.session import Session
from gui.document import LabDocument, labelled
from gui.recorder.networks import along, kept, named
from gui.recorder.panes import Panes
from gui.snapshots import step_words
from gui.stage import glide
from shaders.scene import PaneData, Scene

if TYPE_CHECKING:
    from gui.recorder.render import FilmPlan
    from shaders.offscreen import Offscreen

MOST_BYTES = 1 << 30
"""Of the particles of all checkpoints together; where there are more, fewer checkpoints are shown, evenly in log step."""


class PanesAlong(Panes):
    """``at`` takes the share of the way from step 0 to the latest in log(1 + step) as ``Scene.share``.

    The same noise starts every checkpoint's run, so particle i is still i; between two checkpoints it moves on a straight line.
    Fields and maps are those of the nearest checkpoint.
    """

    def __init__(self, loaded: Session, document: LabDocument, device: str, progress: Progress, t: float) -> None:
        self._loaded, self._t = loaded, t
        self.steps: list[int] = []
        self._windows: list[list[PaneData]] = []
        super().__init__(loaded, document, device, progress)
        there = self._checkpoints(along(loaded))
        self.steps = [one.step for one in there]
        self._places = [place(step) for step in self.steps]
        snapshots = [kept(loaded, one, device) for one in there]
        self._of_step = [
            [replace(request, snapshot=snapshot) if self._learns(index) else request for index, request in enumerate(self._requests)]
            for snapshot in snapshots
        ]
        latest = self.data
        for index, data in enumerate(latest):
            if not self._learns(index):
                self._windows.append([data] * len(there))
                continue
            found = []
            for k, requests in enumerate(self._of_step[:-1]):
                one = self._simulated(requests[index], data, index, progress, done=k, of=len(there))
                found.append(self._window(replace(one, region=data.region, labels=data.labels), index))
            self._windows.append([*found, self._window(data, index)])
        self.data = [windows[-1] for windows in self._windows]

    def _learns(self, index: int) -> bool:
        """Whether the pane shows the network that was trained here: only that has checkpoints."""
        settings = self._document.panes[index]
        return settings.model == "learned" and settings.run is None

    def _checkpoints(self, there: list[Checkpoint]) -> list[Checkpoint]:
        """As many of them as fit the memory."""
        each = sum(
            window.nbytes
            for index, data in enumerate(self.data)
            if self._learns(index) and (window := self._window(data, index).positions) is not None
        )
        most = max(2, MOST_BYTES // max(1, each))
        return [there[k] for k in thinned([one.step for one in there], most)]

    def _window(self, data: PaneData, index: int) -> PaneData:
        """As much of a run as is seen at t: from a trail's length before."""
        if data.times is None or data.positions is None:
            return data
        trail = self._document.scene.panes[index].layers.trails.length
        low = max(0, int(np.searchsorted(data.times, self._t - trail, side="right")) - 1)
        high = min(len(data.times), int(np.searchsorted(data.times, self._t, side="left")) + 1)
        low = min(low, high - 1)
        start = data.positions[0].copy() if data.start is None else data.start
        return replace(data, times=data.times[low:high].copy(), positions=data.positions[low:high].copy(), start=start)

    @property
    def everything(self) -> list[PaneData]:
        """Every checkpoint's particles."""
        return [window for windows in self._windows for window in windows]

    def words(self, scene: Scene) -> Scene:
        """The scene that says the checkpoint in its captions and its foot."""
        step = self.steps[self._nearest(scene.share)]
        words = step_words(step) if self._t == 1.0 else f"{step_words(step)} at t = {self._t:.2f}"
        document = msgspec.structs.replace(self._document, scene=scene)
        captioned = labelled(named(document, self._loaded, words)).scene
        return msgspec.structs.replace(captioned, step=step)

    def at(self, off: Offscreen, plan: FilmPlan, scene: Scene, doing: str = "frame") -> list[PaneData]:
        """The arrays of every pane at ``scene.share``."""
        now = scene.share * self._places[-1]
        after = min(len(self._places) - 1, bisect.bisect_left(self._places, now))
        before = max(0, after - 1)
        span = self._places[after] - self._places[before]
        weight = 1.0 if span <= 0.0 else (now - self._places[before]) / span
        trails = [pane.layers.trails.length for pane in self._document.scene.panes]
        self.data = [
            windows[after]
            if windows[after] is windows[before] or weight >= 1.0
            else glide.blended(windows[before], windows[after], weight, self._t, trail)
            for windows, trail in zip(self._windows, trails, strict=True)
        ]
        self._requests[:] = self._of_step[self._nearest(scene.share)]
        return super().at(off, plan, scene, doing)

    def _nearest(self, share: float) -> int:
        return min(range(len(self._places)), key=lambda k: abs(self._places[k] - share * self._places[-1]))
