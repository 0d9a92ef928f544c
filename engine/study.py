"""Solver study: the error of chosen samplers against their function evaluations, on an experiment's own target with the exact field.

Two measures. The end-point error: root mean square distance between where a particle arrives and where it should, from the same start: for
an ODE sampler the end of the probability flow, for an SDE sampler the end of the SDE on the same Brownian path (strong error). And W2 to
fresh draws of the target, with the floor that draws of the truth have among themselves: below it nothing can be told apart.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import replace as changed
from numpy.typing import NDArray

from engine.choice import Problem
from engine.evaluations import with_evaluations
from engine.randomness import generator
from engine.reference import Reference, finest, flow_reference, rms
from engine.samplers.sde import SDESampler

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.fields.base import Field
    from engine.samplers import SamplerBase

Floats = NDArray[np.float64]
Measure = Literal["flow", "strong", "none"]
"""What an end point is held against: the probability flow, the SDE on the same Brownian path, or nothing."""

DRAWS = 3
"""Fresh draws of the target that each W2 is averaged over."""
REFERENCE_WORK = 3_000
"""Evaluations that the reference of the flow takes, about: for the progress alone."""
WORST = 1e3
"""A larger error is a run that has blown up: it is kept out of the slope."""
POINTS_OF_A_SLOPE = 3
TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
GUESSED = 200
"""Evaluations of a run that chooses its own steps, before it is known: for the progress alone."""
ABOVE_REFERENCE = 10.0
"""A point counts for the slope only if its error is so many times that of the reference."""


class StudySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a study runs, besides its samplers."""

    particles: Annotated[
        int, Meta(ge=50, le=2_000, description="Particles of each run, and draws of the target for W₂.", extra={"log": True})
    ] = 400
    fewest: Annotated[int, Meta(ge=1, le=10_000, description="Function evaluations of the first run.", extra={"log": True})] = 8
    most: Annotated[
        int, Meta(ge=1, le=10_000, description="Function evaluations of the last run; each has twice those before.", extra={"log": True})
    ] = 512
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Names the start, the Brownian path and the draws.")] = 0

    def budgets(self) -> list[int]:
        """fewest, 2 fewest, 4 fewest, … up to most. Raises Problem where there is none."""
        if self.fewest > self.most:
            raise Problem(f"the fewest evaluations, {self.fewest:,}, are more than the most, {self.most:,}.")
        return [self.fewest << k for k in range((self.most // self.fewest).bit_length())]


@dataclass(frozen=True)
class StudyPoint:
    """One run of one sampler."""

    curve: int
    """Which of the samplers that were asked for."""
    sampler: SamplerBase
    evaluations: float
    """Function evaluations per particle; their mean for a method that chooses its own steps."""
    error: float
    """RMS end-point error, standardised units; NaN where there is nothing to hold it against."""
    w2: float
    """W2 to the target, standardised units; NaN where the run has blown up."""
    seconds: float


@dataclass(frozen=True)
class Study:
    """What is known so far; a new one after every run."""

    samplers: tuple[SamplerBase, ...]
    points: tuple[StudyPoint, ...] = ()
    w2_floor: float = float("nan")
    """W2 between draws of the target, n each: standardised units."""
    reference_error: float = float("nan")
    """About how far off the reference of the flow is itself."""
    fraction: float = 0.0
    doing: str = ""

    def of(self, curve: int) -> list[StudyPoint]:
        """The runs of one sampler, in order of their evaluations."""
        return sorted((point for point in self.points if point.curve == curve), key=lambda point: point.evaluations)

    def slope(self, curve: int) -> float | None:
        """-d log(error) / d log(evaluations) by least squares over the last three runs that are above the reference's own error; the order
        of a sampler where its error has begun to follow it. None where there are too few."""
        floor = 0.0 if np.isnan(self.reference_error) or measure(self.samplers[curve]) != "flow" else ABOVE_REFERENCE * self.reference_error
        good = [point for point in self.of(curve) if np.isfinite(point.error) and max(floor, 1e-13) < point.error < WORST]
        last = good[-POINTS_OF_A_SLOPE:]
        if len(last) < POINTS_OF_A_SLOPE:
            return None
        logs = np.log([point.evaluations for point in last]), np.log([point.error for point in last])
        return -float(np.polyfit(*logs, 1)[0])


def measure(sampler: SamplerBase) -> Measure:
    """Which end point a sampler is held against."""
    if not sampler.noisy:
        return "flow"
    return "strong" if isinstance(sampler, SDESampler) else "none"


def study(experiment: Experiment, samplers: Sequence[SamplerBase], settings: StudySettings) -> Generator[Study, None, Study]:
    """Runs them all on the processor in double precision; yields what is known after every slice of work. Leave the loop to cancel.

    Raises Problem: no exact field for this experiment, no sampler, or one that this field refuses.
    """
    import torch

    from engine.fields.exact import exact_field_of
    from engine.simulation import refusal, start

    if not samplers:
        raise Problem("choose at least one sampler.")
    known = Study(tuple(samplers), doing="the exact field")
    yield known
    field = exact_field_of(experiment, dtype=torch.float64)
    for sampler in samplers:
        if reason := refusal(field, sampler):
            raise Problem(f"{sampler.label}: {reason}")
    plan = [(curve, run) for curve, sampler in enumerate(samplers) for run in ladder(sampler, settings.budgets())]
    work = _Work(plan)
    draws = yield from _draws(experiment, settings, known)
    known = replace(known, w2_floor=draws.floor)
    reference: Reference | None = None
    if any(measure(sampler) == "flow" for sampler in samplers):
        slices = flow_reference(field, start(field, settings.particles, settings.seed, experiment.start))
        reference = yield from _watched(slices, known, work, REFERENCE_WORK, "the reference")
        known = replace(known, reference_error=reference.error)
    for curve, sampler in enumerate(samplers):
        truth = reference.ends if reference is not None and measure(sampler) == "flow" else None
        runs = [run for index, run in plan if index == curve]
        if measure(sampler) == "strong":
            best = finest(sampler, max(run.steps for run in runs))
            truth = (yield from _run(field, best, experiment, settings, known, work))[0]
        for run in runs:
            began = time.perf_counter()
            ends, evaluations = yield from _run(field, run, experiment, settings, known, work)
            seconds = time.perf_counter() - began
            error = rms(ends - truth) if truth is not None else float("nan")
            w2 = draws.distance(ends)
            point = StudyPoint(curve, run, evaluations, error, w2, seconds)
            known = replace(known, points=(*known.points, point), fraction=work.share)
            yield known
    known = replace(known, fraction=1.0, doing="")
    yield known
    return known


def ladder(sampler: SamplerBase, budgets: Sequence[int]) -> list[SamplerBase]:
    """The sampler at each budget that it can spend, each number of steps once; a method with tolerances at ``TOLERANCES`` instead."""
    if hasattr(sampler, "rtol") and sampler.evaluations is None:
        return [changed(sampler, rtol=tolerance, atol=tolerance) for tolerance in TOLERANCES]
    found: dict[int, SamplerBase] = {}
    for budget in budgets:
        run = with_evaluations(sampler, budget)
        if run is not None:
            found.setdefault(run.steps, run)
    return list(found.values()) or [sampler]


class _Work:
    """How much of all evaluations is done."""

    def __init__(self, plan: Sequence[tuple[int, SamplerBase]]) -> None:
        self.done = 0.0
        self.all = float(sum(run.evaluations or GUESSED for _, run in plan))
        if any(measure(run) == "flow" for _, run in plan):
            self.all += REFERENCE_WORK
        for curve in {curve for curve, run in plan if measure(run) == "strong"}:
            self.all += max(finest(run, run.steps).evaluations or 0 for index, run in plan if index == curve)

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.all)


def _watched(
    slices: Generator[float, None, Reference], known: Study, work: _Work, amount: float, doing: str
) -> Generator[Study, None, Reference]:
    before = work.done
    while True:
        try:
            share = next(slices)
        except StopIteration as stop:
            result: Reference = stop.value
            work.done = before + amount
            return result
        work.done = before + amount * share
        yield replace(known, fraction=work.share, doing=doing)


def _run(
    field: Field, sampler: SamplerBase, experiment: Experiment, settings: StudySettings, known: Study, work: _Work
) -> Generator[Study, None, tuple[Floats, float]]:
    """(end points (n, d), evaluations) of one run."""
    from engine.simulation import simulate

    before, evaluations, amount = work.done, sampler.evaluations, sampler.evaluations or GUESSED
    doing = f"{sampler.label}, {sampler.steps:,} steps"
    x = None
    for step in simulate(field, sampler, n=settings.particles, seed=settings.seed, start=experiment.start):
        x = step.x
        work.done = before + amount * step.index / max(step.steps, 1)
        evaluations = getattr(step, "evaluations", None) or evaluations
        yield replace(known, fraction=work.share, doing=doing)
    assert x is not None
    return np.asarray(x.cpu().numpy(), dtype=np.float64), float(evaluations or np.nan)


@dataclass(frozen=True, eq=False)
class _Draws:
    """Draws of the target in standardised coordinates, and the W2 that they have among themselves."""

    points: list[Floats]
    floor: float

    def distance(self, ends: Floats) -> float:
        from engine.metrics import w2

        if not np.isfinite(ends).all() or np.abs(ends).max() > WORST:
            return float("nan")
        return float(np.mean([w2(ends, draw) for draw in self.points]))


def _draws(experiment: Experiment, settings: StudySettings, known: Study) -> Generator[Study, None, _Draws]:
    from engine.metrics import w2

    target = experiment.target
    frame = target.frame()

    def draw(name: str, k: int) -> Floats:
        return frame.inward(target.sample(settings.particles, generator(settings.seed, "study", name, k)))

    points = [draw("one", k) for k in range(DRAWS)]
    between = []
    for k, one in enumerate(points):
        yield replace(known, doing="the floor of W₂")
        between.append(w2(draw("other", k), one))
    return _Draws(points, float(np.mean(between)))
