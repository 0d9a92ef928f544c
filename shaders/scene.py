"""Scene: what is to be drawn, as frozen structs. The live window and the film draw the same Scene with the same code.

World coordinates are the engine's standardised ones, y up. The arrays that a pane shows travel beside, as PaneData.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

ColourBy = Literal["start", "speed", "region", "label", "plain"]
ThemeName = Literal["dark", "light"]
FieldStyle = Literal["arrows", "streamlines"]


class Camera(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one looks. In 2-D ``center`` and ``extent``; in 3-D also the orbit angles. Panes share one camera."""

    center: tuple[float, float, float] = (0.0, 0.0, 0.0)
    extent: Annotated[float, Meta(gt=0, description="Half the height of what is seen, in standardised units.")] = 3.0
    azimuth: Annotated[float, Meta(description="Degrees around the vertical axis (3-D).")] = 35.0
    elevation: Annotated[float, Meta(ge=-90, le=90, description="Degrees above the horizon (3-D).")] = 20.0


class Particles(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Points of light (ink, on light)."""

    visible: bool = True
    size: Annotated[float, Meta(ge=0.5, le=32, description="Diameter in logical pixels.", extra={"unit": "px"})] = 4.0
    opacity: Annotated[float, Meta(ge=0, le=1)] = 0.8
    colour: ColourBy = "start"


class Trails(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where each particle has just been, fading with age."""

    visible: bool = True
    length: Annotated[float, Meta(gt=0, le=1, description="Length in model time t.")] = 0.12
    count: Annotated[int, Meta(ge=0, le=100_000, description="At most this many particles carry a trail.")] = 2000
    opacity: Annotated[float, Meta(ge=0, le=1)] = 0.35


class TargetLayer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The target's density, quietly behind."""

    visible: bool = True
    opacity: Annotated[float, Meta(ge=0, le=1)] = 0.5


class Histogram(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The learned density as a heat map of the particles."""

    visible: bool = False
    bins: Annotated[int, Meta(ge=8, le=1024, description="Cells along the shorter side of the pane.")] = 96
    opacity: Annotated[float, Meta(ge=0, le=1)] = 0.9


class VectorField(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Velocity or score at time t, as arrows or streamlines."""

    visible: bool = False
    style: FieldStyle = "arrows"
    opacity: Annotated[float, Meta(ge=0, le=1)] = 0.8


class Axes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ticks and names in the user's units; a box in 3-D."""

    visible: bool = True


class Layers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a pane shows, from back to front."""

    target: TargetLayer = TargetLayer()
    histogram: Histogram = Histogram()
    velocity: VectorField = VectorField()
    score: VectorField = VectorField()
    trails: Trails = Trails()
    particles: Particles = Particles()
    axes: Axes = Axes()


class Pane(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One picture: words, a number and layers."""

    title: str = ""
    caption: str = ""
    measured: str = ""
    """What only the run itself could tell, for the caption: the evaluations of an adaptive method."""
    metric: str = ""
    """The live distance with its floor, in words: ``"W₂ 0.038 · floor 0.033"``."""
    layers: Layers = Layers()


class Scene(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything on the stage."""

    panes: tuple[Pane, ...] = (Pane(), Pane())
    camera: Camera = Camera()
    t: Annotated[float, Meta(ge=0, le=1)] = 0.0
    theme: ThemeName = "dark"
    title: str = ""
    captions: Annotated[bool, Meta(description="Draw titles, captions, metric and t into the picture (films, presentation).")] = False
    start: Annotated[str, Meta(description="What there is at t = 0, in a word.")] = "noise"


@dataclass(frozen=True, eq=False)
class PaneData:
    """The arrays behind a pane. ``d`` is 2 or 3, m stored times, n particles. None: nothing there yet.

    A change of object is how a painter knows to upload again; arrays are never changed in place.
    """

    dimension: int = 2
    times: NDArray[np.float64] | None = None
    """(m,) increasing, from t_min to t_max."""
    positions: NDArray[np.float32] | None = None
    """(m, n, d)."""
    region: NDArray[np.int32] | None = None
    """(n,) index of the region of arrival, 0 … 7."""
    labels: NDArray[np.int32] | None = None
    """(n,) which of the eight label colours each particle has, 0 … 7."""
    target: NDArray[np.float32] | None = None
    """(h, w) density, row 0 at the bottom, any positive scale."""
    target_box: tuple[float, float, float, float] | None = None
    """(x_low, x_high, y_low, y_high) of ``target``."""
    target_points: NDArray[np.float32] | None = None
    """(k, 3) points that stand for the target in 3-D."""
    velocity: NDArray[np.float32] | None = None
    """(gy, gx, 2) at Scene.t on ``field_box``, nodes at cell centres."""
    score: NDArray[np.float32] | None = None
    """(gy, gx, 2), likewise."""
    field_box: tuple[float, float, float, float] | None = None
    axis_names: tuple[str, ...] = ("x", "y")
    shift: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    """User's units = world * scale + shift, per axis (first d used)."""
    scale: NDArray[np.float64] = field(default_factory=lambda: np.ones(3))

    @property
    def empty(self) -> bool:
        """Whether neither a target nor particles have come."""
        return self.positions is None and self.target is None and self.target_points is None
