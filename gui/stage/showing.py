"""Showing: what one pane shows at this moment: the target, the latest run, on its way there from the run before, and fields at t."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gui.stage import glide
from shaders.scene import FlowLines, MapData, PaneData, Probed

FieldArrays = tuple[NDArray[np.float32] | None, NDArray[np.float32] | None, tuple[float, float, float, float]]
"""velocity, score, and their box."""


class Showing:
    """Put things in; take ``at(t, trail)`` at each frame."""

    def __init__(self) -> None:
        self._latest = PaneData()
        self._before: PaneData | None = None
        self._fraction = 1.0
        self.pace: float | None = None
        """Seconds of an even glide, while something plays that renews the particles all the time; None: a short one that comes to rest."""

    @property
    def latest(self) -> PaneData:
        """What the pane shows once it has come to rest."""
        return self._latest

    @property
    def bare(self) -> PaneData:
        """The same without a run: what a new pane begins with."""
        return replace(
            self._latest,
            times=None,
            positions=None,
            start=None,
            region=None,
            labels=None,
            velocity=None,
            score=None,
            field_box=None,
            map=None,
            contours=None,
            flow_lines=None,
            probed=None,
        )

    @property
    def gliding(self) -> bool:
        return self._before is not None

    def set_target(self, base: PaneData) -> None:
        """The target behind, names and units of the axes; particles of another dimension go."""
        fits = base.dimension == self._latest.dimension
        self._latest = replace(
            base,
            times=self._latest.times if fits else None,
            positions=self._latest.positions if fits else None,
            start=self._latest.start if fits else None,
            region=self._latest.region if fits else None,
            labels=self._latest.labels if fits else None,
        )
        self._before = None

    def set_run(self, run: PaneData, *, smoothly: bool = True) -> None:
        """A new trajectory (times, positions, region of ``run``); with the same particles it glides there."""
        old = self._latest
        start = None if run.positions is None else run.positions[0]  # while it glides, only the times around t are there
        self._latest = replace(old, times=run.times, positions=run.positions, start=start, region=run.region, labels=run.labels)
        self._before = old if smoothly and glide.can_glide(old, self._latest) else None
        self._fraction = 0.0

    def set_fields(self, fields: FieldArrays | None) -> None:
        """Velocity and score on a grid at the time shown; None takes them away."""
        velocity, score, box = fields if fields is not None else (None, None, None)
        if velocity is not self._latest.velocity or score is not self._latest.score:
            self._latest = replace(self._latest, velocity=velocity, score=score, field_box=box)

    def show(self, **arrays: MapData | FlowLines | Probed | None) -> None:
        """Any of ``map``, ``contours``, ``flow_lines``, ``probed``; None takes it away."""
        if any(getattr(self._latest, name) is not value for name, value in arrays.items()):
            self._latest = replace(self._latest, **arrays)  # type: ignore[arg-type]  # named by the fields of PaneData

    def clear_run(self) -> None:
        """No particles until new ones come."""
        self._latest = self.bare
        self._before = None

    def advance(self, seconds: float) -> None:
        """Lets the glide go on."""
        if self._before is not None:
            self._fraction += seconds / (glide.SECONDS if self.pace is None else self.pace)
            if self._fraction >= 1.0:
                self._before = None

    def at(self, t: float, trail: float) -> PaneData:
        """The arrays to draw at model time t with trails of that length."""
        if self._before is None:
            return self._latest
        weight = glide.eased(self._fraction) if self.pace is None else min(1.0, self._fraction)
        return glide.blended(self._before, self._latest, weight, t, trail)
