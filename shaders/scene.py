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
DensityKind = Literal["particles", "model", "exact", "grid"]
"""Kernel estimate of the particles; the model's own density by the change of variables; the exact p_t; the Fokker-Planck grid's."""
MapKind = Literal["particles", "model", "exact", "grid", "velocity-error", "score-error", "angle", "log-ratio", "residual"]
"""A density, or how far the model is from the truth: |u_theta - u|, |s_theta - s|, the angle between u_theta and u, log p_theta - log p,
and the residual of the Fokker-Planck equation."""
ValueScale = Literal["linear", "log"]
FlowDirection = Literal["forward", "backward"]


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


class HeatMap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A density, or an error of the model, as a map of colours with a legend."""

    visible: bool = False
    kind: MapKind = "exact"
    scale: Annotated[
        ValueScale, Meta(description="log shows four decades of a density and three of an error; what has a sign is always linear.")
    ] = "linear"
    shared: Annotated[
        bool,
        Meta(
            description="One colour scale for all panes that show this map, or each its own.",
            extra={"title": "One colour scale for all panes"},
        ),
    ] = True
    opacity: Annotated[float, Meta(ge=0, le=1)] = 0.85


class Contours(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Lines of equal density."""

    visible: bool = False
    kind: DensityKind = "exact"
    scale: Annotated[ValueScale, Meta(description="Levels evenly apart in the density, or in its logarithm over four decades.")] = "linear"
    lines: Annotated[int, Meta(ge=1, le=24, description="How many levels.")] = 7
    shared: Annotated[
        bool,
        Meta(
            description="The same levels in all panes that show this density, or each its own.",
            extra={"title": "The same levels in all panes"},
        ),
    ] = True
    opacity: Annotated[float, Meta(ge=0, le=1)] = 0.9


class FlowMap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A grid of lines carried by the flow; colour is log det J: stretch and squeeze."""

    visible: bool = False
    direction: Annotated[FlowDirection, Meta(description="A grid in the source carried to t, or a grid in the data carried back to t.")] = (
        "forward"
    )
    lines: Annotated[int, Meta(ge=3, le=65, description="Lines along each axis.")] = 17
    opacity: Annotated[float, Meta(ge=0, le=1)] = 0.8


class Probe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes through the point under the pointer: its path, and the conditional paths to the data that contribute most there."""

    visible: bool = False


class Axes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ticks and names in the user's units; a box in 3-D."""

    visible: bool = True


class Layers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a pane shows, from back to front."""

    target: TargetLayer = TargetLayer()
    histogram: Histogram = Histogram()
    map: HeatMap = HeatMap()
    contours: Contours = Contours()
    flow_map: FlowMap = FlowMap()
    velocity: VectorField = VectorField()
    score: VectorField = VectorField()
    trails: Trails = Trails()
    particles: Particles = Particles()
    probe: Probe = Probe()
    axes: Axes = Axes()


class Pane(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One picture: words, a number and layers."""

    title: str = ""
    caption: str = ""
    measured: str = ""
    """What only the run itself could tell, for the caption: the evaluations of an adaptive method."""
    network: str = ""
    """Which network, where it is not the latest: ``"training step 480"``, a run's name."""
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
    step: Annotated[int | None, Meta(description="The training step, where the film goes along the training; None: along t.")] = None
    share: Annotated[float, Meta(ge=0, le=1, description="How far along the training, evenly in log(1 + step).")] = 0.0


@dataclass(frozen=True, eq=False)
class MapData:
    """Values on a grid, with what the legend says of them."""

    values: NDArray[np.float32]
    """(h, w), row 0 at the bottom; NaN where nothing is known."""
    box: tuple[float, float, float, float]
    """(x_low, x_high, y_low, y_high); values belong to the centres of equal cells."""
    low: float
    high: float
    """Ends of the colour scale, in the units of ``values``; on a log scale ``low`` is above 0."""
    name: str = ""
    """What it is, for the legend: ``"p_t, exact"``."""
    unit: str = ""
    """``"per unit²"``, ``"nats"``, ``"rad"``; empty for a bare number."""
    diverging: bool = False
    """Whether zero is the middle of the colours (then low = -high)."""


@dataclass(frozen=True, eq=False)
class FlowLines:
    """The flow map: lines that the flow has carried."""

    points: NDArray[np.float32]
    """(k, m, 2): k lines of m points."""
    stretch: NDArray[np.float32]
    """(k, m) log det J at them, nats: above 0 stretched, below 0 squeezed."""
    limit: float
    """The colours go from -limit to limit."""


@dataclass(frozen=True, eq=False)
class Probed:
    """What goes through one point."""

    point: tuple[float, float]
    backward: NDArray[np.float32]
    """(m, 2): where the ODE's particle that is here comes from, from the source to here."""
    forward: NDArray[np.float32]
    """(m, 2): where it goes, from here to the data."""
    conditional: NDArray[np.float32] | None = None
    """(c, m, 2): the conditional paths through the point, one for each of the data that contribute most."""
    weights: NDArray[np.float32] | None = None
    """(c,) their posterior weights, heaviest first."""
    arrow: tuple[float, float] | None = None
    """The velocity here: the weighted mean of the conditional ones."""


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
    start: NDArray[np.float32] | None = None
    """(n, d) where the particles start, for their colours; None: at the first of ``positions``."""
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
    map: MapData | None = None
    """At Scene.t."""
    contours: MapData | None = None
    flow_lines: FlowLines | None = None
    probed: Probed | None = None
    axis_names: tuple[str, ...] = ("x", "y")
    shift: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    """User's units = world * scale + shift, per axis (first d used)."""
    scale: NDArray[np.float64] = field(default_factory=lambda: np.ones(3))

    @property
    def empty(self) -> bool:
        """Whether neither a target nor particles have come."""
        return self.positions is None and self.target is None and self.target_points is None
