"""Runs: the work of a pane on the worker's thread: a sampler carries noise through a field. No Qt here; torch is imported when it runs."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.experiment import Start
from engine.paths import GaussianPath
from engine.randomness import generator
from engine.samplers import Sampler
from engine.targets import Target
from gui.stage import regions
from shaders.scene import PaneData

if TYPE_CHECKING:
    from engine.fields.base import Field

MOST_STORED = 24_000_000
"""Coordinates of a run that are kept (about 100 MB); a run of more steps and particles is kept at fewer times."""
FAR = 1e5
REGION_SAMPLES = 2_000
PREVIEW_POINTS = 4_000


def prepare_torch(threads: int) -> None:
    """The worker's first job. Fewer threads than cores: those that spin while they wait would take the time of whoever draws."""
    import torch

    torch.set_num_threads(threads)


@dataclass(frozen=True)
class Snapshot:
    """The averaged network at one step of training: a field, and a number that tells it from any other."""

    number: int
    step: int
    field: Any = field(compare=False, repr=False)


@dataclass(frozen=True)
class RunRequest:
    """Everything that decides what a pane shows; two equal requests give the same run."""

    target: Target
    path: GaussianPath
    start: Start
    sampler: Sampler
    snapshot: Snapshot | None
    """None: the exact field."""
    particles: int
    seed: int
    device: str

    def same_but_newer(self, other: RunRequest | None) -> bool:
        """Whether only the training has gone on."""
        if other is None or self.snapshot is None or other.snapshot is None:
            return False
        mine = (self.target, self.path, self.start, self.sampler, self.particles, self.seed, self.device)
        return mine == (other.target, other.path, other.start, other.sampler, other.particles, other.seed, other.device)


@dataclass(frozen=True, eq=False)
class Run:
    """What came out: times, positions and regions of ``data``; a note when something should be said about it."""

    request: RunRequest
    data: PaneData
    note: str
    seconds: float = 0.0


class Fields:
    """The exact fields and regions of the last few targets; lives on the worker's thread."""

    KEPT = 3

    def __init__(self) -> None:
        self._exact: dict[tuple[Target, GaussianPath, str], Field] = {}
        self._regions: dict[Target, NDArray[np.float64]] = {}

    def of(self, request: RunRequest) -> Field:
        """The field that a request asks for."""
        if request.snapshot is not None:
            found: Field = request.snapshot.field
            return found
        return self.exact(request.target, request.path, request.device)

    def exact(self, target: Target, path: GaussianPath, device: str) -> Field:
        """The closed-form field, kept for the next time."""
        from engine.devices import resolve
        from engine.fields.exact import exact_field

        key = (target, path, device)
        if key not in self._exact:
            _make_room(self._exact, self.KEPT)
            self._exact[key] = exact_field(target, path, device=resolve(device))
        return self._exact[key]

    def regions(self, target: Target) -> NDArray[np.float64]:
        """Eight centres of the target, standardised."""
        if target not in self._regions:
            _make_room(self._regions, self.KEPT)
            drawn = target.frame().inward(target.sample(REGION_SAMPLES, generator(0, "regions")))
            self._regions[target] = regions.centres(drawn)
        return self._regions[target]


def run(request: RunRequest, fields: Fields) -> Generator[Run | float | None, None, None]:
    """Slices of one run: yields the fraction done, and the Run at the end."""
    from engine.simulation import simulate, stiffness_note

    chosen = fields.of(request)
    yield None
    sampler = request.sampler
    per_time = request.particles * request.target.dimension
    every = max(1, -(-(sampler.steps + 1) * per_time // MOST_STORED))
    times, positions, notes = [], [], [getattr(chosen, "note", ""), stiffness_note(chosen, sampler)]
    for step in simulate(chosen, sampler, n=request.particles, seed=request.seed, start=request.start):
        last = step.index == step.steps
        if step.index % every == 0 or last:
            times.append(step.t)
            positions.append(_drawable(step.x.detach().to("cpu").numpy()))
        if step.note:
            notes.append(step.note)
        yield step.index / max(step.steps, 1)
    stored = np.stack(positions)
    region = regions.assigned(stored[-1], fields.regions(request.target))
    note = " ".join(text for text in notes if text)
    yield Run(request, PaneData(dimension=request.target.dimension, times=np.array(times), positions=stored, region=region), note)


def _drawable(x: NDArray[np.floating]) -> NDArray[np.float32]:
    """float32 within what a graphics card can draw: what has run away stays far out instead of turning into NaN."""
    return np.clip(np.nan_to_num(x, nan=FAR, posinf=FAR, neginf=-FAR), -FAR, FAR).astype(np.float32)


def target_data(target: Target) -> PaneData:
    """The target as a picture (2-D) or as points (3-D) in standardised coordinates, with names and units of the axes."""
    from engine.targets.preview import preview, preview_points

    frame = target.frame()
    common: dict[str, Any] = {"dimension": target.dimension, "axis_names": target.axis_names, "shift": frame.shift, "scale": frame.scale}
    if target.dimension == 3:
        points = frame.inward(np.asarray(preview_points(target, PREVIEW_POINTS), dtype=np.float64))
        return PaneData(target_points=points.astype(np.float32), **common)
    raster, (x_low, x_high, y_low, y_high) = preview(target)
    low, high = frame.inward(np.array([[x_low, y_low], [x_high, y_high]]))
    box = (float(low[0]), float(high[0]), float(low[1]), float(high[1]))
    return PaneData(target=raster, target_box=box, **common)


@dataclass(frozen=True)
class GridRequest:
    """Velocity and score of a pane's field on a grid of ``nodes`` (x, y) over ``box`` at time t."""

    run: RunRequest
    t: float
    box: tuple[float, float, float, float]
    nodes: tuple[int, int]
    velocity: bool
    score: bool


@dataclass(frozen=True, eq=False)
class Grid:
    """Its answer: (gy, gx, 2) each, or None where it was not asked for."""

    request: GridRequest
    velocity: NDArray[np.float32] | None
    score: NDArray[np.float32] | None


def grid(request: GridRequest, fields: Fields) -> Generator[Grid | None, None, None]:
    """One slice for the field, one for each array."""
    import torch

    from engine.fields import base

    chosen = fields.of(request.run)
    yield None
    (x0, x1, y0, y1), (gx, gy) = request.box, request.nodes
    xs, ys = x0 + (np.arange(gx) + 0.5) * (x1 - x0) / gx, y0 + (np.arange(gy) + 0.5) * (y1 - y0) / gy
    nodes = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    x = torch.from_numpy(nodes).to(device=chosen.device, dtype=chosen.dtype)

    def on_grid(values: Any) -> NDArray[np.float32]:
        found = values.detach().to("cpu").numpy().astype(np.float32).reshape(gy, gx, 2)
        return np.nan_to_num(found, posinf=0.0, neginf=0.0)

    velocity = on_grid(base.velocity(chosen, x, request.t)) if request.velocity else None
    yield None
    score = on_grid(base.score(chosen, x, request.t)) if request.score else None
    yield Grid(request, velocity, score)


def _make_room(kept: dict[Any, Any], most: int) -> None:
    while len(kept) >= most:
        del kept[next(iter(kept))]
