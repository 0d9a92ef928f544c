"""Runs: the work of a pane on the worker's thread: a sampler carries noise through a field. No Qt here; torch is imported when it runs."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.choice import Problem
from engine.experiment import Experiment, Training
from engine.guidance import Guidance, NoGuidance
from engine.labels import Unconditional
from engine.networks import MLP
from engine.objectives import FlowMatching
from engine.randomness import generator
from engine.samplers import Sampler
from engine.targets import Target
from gui.backdrop import outlined
from gui.guided import GuidedFields, reference
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


def law_of(experiment: Experiment) -> Experiment:
    """What decides p_t and the exact field: the experiment with what is only about learning at its defaults."""
    return replace(experiment, objective=FlowMatching(), network=MLP(), condition=Unconditional(), training=Training())


@dataclass(frozen=True)
class RunRequest:
    """Everything that decides what a pane shows; two equal requests give the same run."""

    law: Experiment
    """``law_of`` the experiment: target, source, coupling, path, start."""
    sampler: Sampler
    snapshot: Snapshot | None
    """None: the exact field."""
    particles: int
    seed: int
    device: str
    guidance: Guidance = field(default_factory=NoGuidance)
    reason: str = ""
    """Why this cannot be shown at all, where that is known beforehand."""

    @property
    def target(self) -> Target:
        return self.law.target

    @property
    def reference(self) -> Target:
        """What the particles' end is measured against: the data, or its part with the label that is asked for."""
        found: Target = reference(self.law.target, self.guidance)
        return found

    def same_but_newer(self, other: RunRequest | None) -> bool:
        """Whether only the training has gone on."""
        if other is None or self.snapshot is None or other.snapshot is None:
            return False
        mine = (self.law, self.sampler, self.particles, self.seed, self.device, self.guidance)
        return mine == (other.law, other.sampler, other.particles, other.seed, other.device, other.guidance)


@dataclass(frozen=True, eq=False)
class Run:
    """What came out: times, positions and regions of ``data``; a note when something should be said about it."""

    request: RunRequest
    data: PaneData
    note: str
    evaluations: int | None = None
    """Function evaluations of the field, of one particle."""
    remark: str = ""
    """What is worth knowing of the run, in a few words: how unevenly the work was shared, say."""
    seconds: float = 0.0
    backdrop: PaneData | None = None
    """The run's own target, where it is not that of the experiment."""


@dataclass(frozen=True)
class Refused:
    """Nothing comes out: this field, or this sampler on it, does not exist, for the reason given."""

    request: RunRequest
    reason: str


class Fields:
    """The exact fields and regions of the last few targets; lives on the worker's thread."""

    KEPT = 3

    def __init__(self) -> None:
        self._exact: dict[tuple[Experiment, str], Field] = {}
        self._regions: dict[Target, NDArray[np.float64]] = {}
        self.guided = GuidedFields()

    def of(self, request: RunRequest) -> Field:
        """The field that a request asks for. Raises Problem where there is none."""
        if request.snapshot is not None:
            found: Field = request.snapshot.field
            return found
        return self.exact(request.law, request.device)

    def exact(self, law: Experiment, device: str) -> Field:
        """The closed-form field, kept for the next time. Raises Problem where there is none."""
        from engine.devices import resolve
        from engine.fields.exact import exact_field_of

        key = (law, device)
        if key not in self._exact:
            _make_room(self._exact, self.KEPT)
            self._exact[key] = exact_field_of(law, device=resolve(device))
        return self._exact[key]

    def regions(self, target: Target) -> NDArray[np.float64]:
        """Eight centres of the target, standardised."""
        if target not in self._regions:
            _make_room(self._regions, self.KEPT)
            drawn = target.frame().inward(target.sample(REGION_SAMPLES, generator(0, "regions")))
            self._regions[target] = regions.centres(drawn)
        return self._regions[target]


def why_not(request: RunRequest, fields: Fields) -> str | None:
    """Why this cannot be run, in one sentence; None if it can. On the worker's thread."""
    from engine.fields.exact import exact_refusal

    if request.reason:
        return request.reason
    reason = exact_refusal(request.law) if request.snapshot is None else None
    if reason is None:
        reason = fields.guided.refusal(fields.of(request), request.law, request.guidance)
    return reason or request.sampler.refusal(fields.of(request))


def exact_sampler_refusal(experiment: Experiment, sampler: Sampler) -> str | None:
    """Why this sampler cannot be used on the exact field of an experiment that has one; None if it can. Without torch."""
    return sampler.refusal(_ExactSubject(experiment))  # type: ignore[arg-type]  # all that a sampler's needs look at


class _ExactSubject:
    """What a sampler asks of an exact field, before there is one: its path; that it has a score and log p."""

    objective = None

    def __init__(self, experiment: Experiment) -> None:
        self.path = experiment.gaussian_path() or experiment.general_path()
        self.log_prob = True

    def score_refusal(self) -> str | None:
        return None


def run(request: RunRequest, fields: Fields) -> Generator[Run | Refused | float | None, None, None]:
    """Slices of one run: yields the fraction done, and the Run (or why there is none) at the end."""
    from engine.simulation import simulate, stiffness_note

    reason = why_not(request, fields)
    if reason is not None:
        yield Refused(request, reason)
        return
    free = fields.of(request)
    yield None
    yield from fields.guided.prepare(free, request.law, request.guidance)
    chosen = fields.guided.field(free, request.law, request.guidance, request.particles, request.seed)
    yield None
    sampler = request.sampler
    per_time = request.particles * request.target.dimension
    every = max(1, -(-(sampler.steps + 1) * per_time // MOST_STORED))
    times, positions, notes = [], [], [getattr(chosen, "note", ""), stiffness_note(chosen, sampler)]
    step = None
    for step in simulate(chosen, sampler, n=request.particles, seed=request.seed, start=request.law.start):
        last = step.index == step.steps
        if step.index % every == 0 or last:
            times.append(step.t)
            positions.append(_drawable(step.x.detach().to("cpu").numpy()))
        if step.note:
            notes.append(step.note)
        yield step.index / max(step.steps, 1)
    if step is None:
        raise Problem("the sampler gave no particles.")
    stored = np.stack(positions)
    region = regions.assigned(stored[-1], fields.regions(request.target))
    labels = fields.guided.label_colours(request.law, chosen, stored[-1])
    note = " ".join(text for text in notes if text)
    data = PaneData(dimension=request.target.dimension, times=np.array(times), positions=stored, region=region, labels=labels)
    yield Run(request, data, note, step.evaluations, step.remark or "")


def _drawable(x: NDArray[np.floating]) -> NDArray[np.float32]:
    """float32 within what a graphics card can draw: what has run away stays far out instead of turning into NaN."""
    return np.clip(np.nan_to_num(x, nan=FAR, posinf=FAR, neginf=-FAR), -FAR, FAR).astype(np.float32)


def target_data(target: Target, source: Any = None) -> PaneData:
    """The target as a picture (2-D) or as points (3-D) in standardised coordinates, with names and units of the axes; in 2-D with the
    outline of a source that is not Gaussian."""
    from engine.targets.preview import preview, preview_points

    frame = target.frame()
    common: dict[str, Any] = {"dimension": target.dimension, "axis_names": target.axis_names, "shift": frame.shift, "scale": frame.scale}
    if target.dimension == 3:
        points = frame.inward(np.asarray(preview_points(target, PREVIEW_POINTS), dtype=np.float64))
        return PaneData(target_points=points.astype(np.float32), **common)

    def inside(shown: Target) -> tuple[NDArray[np.float32], tuple[float, float, float, float]]:
        raster, (x_low, x_high, y_low, y_high) = preview(shown)
        low, high = frame.inward(np.array([[x_low, y_low], [x_high, y_high]]))
        return raster, (float(low[0]), float(high[0]), float(low[1]), float(high[1]))

    raster, box = inside(target)
    if getattr(source, "dimension", 0) == 2:
        raster, box = outlined(raster, box, *inside(source))
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

    run = request.run
    guided = fields.guided.field(fields.of(run), run.law, run.guidance, run.particles, run.seed)
    chosen = getattr(guided, "anywhere", guided)
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
