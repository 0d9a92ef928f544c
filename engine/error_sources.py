"""Error sources: how much of a pane's distance to the truth is the network's, and how much the solver's, by exact W2.

Two fields (the exact one, the learned one) times two solvers (a fine one, the pane's own), all from the same noise, along the same
Brownian path and against the same draws of the truth: the differences are paired, so that their errors are small. Repeat k holds every
set of particles against draw k of the truth; the floor holds another draw against that same one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from msgspec.structs import replace as changed
from numpy.typing import NDArray

from engine.aside import aside
from engine.choice import Problem
from engine.distances.truth import Truth
from engine.error_parts import NAMES, Rung, Sources, sources_refusal
from engine.means import Mean
from engine.mode_masses import mode_masses
from engine.randomness import generator
from engine.reference import rms
from engine.samplers.ode import RK4

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.fields.base import Field
    from engine.samplers import SamplerBase

Floats = NDArray[np.float64]
Value = TypeVar("Value")
PARTICLES, REPEATS = 1_000, 8
DRAWS = 3
"""Fresh draws that the floor of each repeat is averaged over."""
FIRST = 32
"""Steps of the first fine run of an ODE, fourth order."""
MOST_STEPS = 4_096
"""The fine solver is refined no further."""
QUIET = 0.25
"""It is fine enough once twice its steps change the mean W2 by less than this share of the mean's standard error."""
GUESSED = 200
"""Evaluations of a run that chooses its own steps, for the progress alone."""


def error_sources(
    model: Field,
    sampler: SamplerBase,
    experiment: Experiment,
    *,
    learned: bool = True,
    exact: Field | None = None,
    n: int = PARTICLES,
    repeats: int = REPEATS,
    seed: int = 0,
) -> Generator[Sources, None, Sources]:
    """Everything about the pane that shows ``model`` by ``sampler``; ``learned`` is False where the model is the exact field itself.

    ``exact`` is the exact field if it has been made. Leave the loop to cancel. Raises Problem where there is no exact field, and where
    ``sources_refusal`` has something against the sampler.
    """
    reason = sources_refusal(sampler)
    if reason:
        raise Problem(reason)
    if exact is None:
        from engine.fields.exact import exact_field_of

        exact = model if not learned else exact_field_of(experiment, device=model.device)
    work = _Work(Sources(n, repeats, learned, sampler), experiment, Truth(experiment.target, n, seed=seed, repeats=repeats))
    fields = {"ideal": exact} | ({"network": model} if learned else {})
    yield from work.floor()
    ends = yield from work.fine(fields)
    ends["solver"] = yield from work.add("solver", exact, sampler)
    if learned:
        ends["pane"] = yield from work.add("pane", model, sampler)
    yield from work.modes({name: points for name in NAMES if (points := ends.get(name)) is not None})
    yield from work.ladder(exact, ends)
    work.known = replace(work.known, fraction=1.0, doing="")
    yield work.known
    return work.known


Slices = Generator[Sources, None, None]


class _Work:
    """The state of one measurement."""

    def __init__(self, known: Sources, experiment: Experiment, truth: Truth) -> None:
        self.known, self._experiment, self._truth = known, experiment, truth
        plain = known.sampler.evaluations or GUESSED
        fine = 4 * FIRST if not known.sampler.noisy else known.sampler.steps
        fields = 2 if known.learned else 1
        self._kept: dict[tuple[int, SamplerBase], tuple[Floats, Mean]] = {}
        self._all, self._done = float(fields * (3 * fine + plain) + 3 * plain + 1), 0.0

    def floor(self) -> Slices:
        """Fresh draws against those that all are held against."""
        found = []
        for j in range(DRAWS):
            found.append((yield from self._distance(partial(self._fresh, j), "floor")).values)
        self._add("floor", Mean(tuple(np.mean(found, axis=0).tolist())))
        yield self.known

    def _fresh(self, j: int, k: int) -> Floats:
        """Draw j for the floor of repeat k."""
        if j == 0:
            return self._truth.other(k)
        target = self._experiment.target
        return target.frame().inward(target.sample(self.known.n, generator(self._truth.seed, "error sources", "floor", j, k)))

    def fine(self, fields: dict[str, Field]) -> Generator[Sources, None, dict[str, Floats | None]]:
        """Both fields by a fine solver, its steps doubled until that makes no difference."""
        sampler = self.known.sampler
        fine = changed(sampler, steps=max(sampler.steps, 64)) if sampler.noisy else RK4(steps=FIRST, grid=sampler.grid)
        error = self.known.w2["floor"].error
        before: dict[str, Mean] = {}
        while True:
            found: dict[str, Mean] = {}
            ends: dict[str, Floats | None] = {}
            for name, one in tuple(fields.items()):
                try:
                    points, found[name] = yield from self._measured(one, fine, name)
                except Problem as problem:
                    if name == "ideal":
                        raise
                    self.known = replace(self.known, absent=self.known.absent | {name: str(problem)})
                    fields = {"ideal": fields["ideal"]}
                    continue
                ends[name] = points
            change = max((abs(found[name].mean - before[name].mean) for name in before), default=math.inf)
            if change < QUIET * error or 2 * fine.steps > MOST_STEPS:
                break
            before, fine = found, changed(fine, steps=2 * fine.steps)
        words = f"{fine.label}, {fine.steps:,} steps"
        self.known = replace(self.known, fine=words, fine_change=change)
        for name, mean in found.items():
            self._add(name, mean)
        yield self.known
        return ends

    def add(self, name: str, one: Field, sampler: SamplerBase) -> Generator[Sources, None, Floats | None]:
        """One field by the pane's own sampler; None, with the reason, where that cannot be."""
        try:
            ends, distance = yield from self._measured(one, sampler, name)
        except Problem as problem:
            self.known = replace(self.known, absent=self.known.absent | {name: str(problem)})
            return None
        self._add(name, distance)
        yield self.known
        return ends

    def modes(self, ends: dict[str, Floats]) -> Slices:
        """The mass in each mode, of the pane and of the others."""
        batches: dict[str, Sequence[Floats]] = {
            name: [self._batch(points, k) for k in range(self.known.repeats)] for name, points in ends.items()
        }
        batches["floor"] = [self._truth.other(k) for k in range(self.known.repeats)]
        try:
            found = yield from self._told(aside(lambda: mode_masses(self._experiment.target, batches)), "the modes")
            self.known = replace(self.known, modes=found)
        except Problem as problem:
            self.known = replace(self.known, modes_reason=str(problem))
        yield self.known

    def ladder(self, exact: Field, ends: dict[str, Floats | None]) -> Slices:
        """The pane's solver on the exact field at half, once and twice its steps."""
        sampler, ideal, known = self.known.sampler, ends["ideal"], self.known.w2["ideal"]
        if ends["solver"] is None or ideal is None:
            return
        if sampler.evaluations is None:
            self.known = replace(self.known, ladder_reason=f"{sampler.label} chooses its own steps: lower its tolerances instead.")
            return
        for steps in sorted({max(1, sampler.steps // 2), sampler.steps, min(10_000, 2 * sampler.steps)}):
            rung = changed(sampler, steps=steps)
            try:
                points, distance = yield from self._measured(exact, rung, f"the solver with {steps:,} steps")
            except Problem:  # so few steps that particles are lost
                continue
            off = math.nan if points is ideal else rms(points - ideal)
            self.known = replace(self.known, ladder=(*self.known.ladder, Rung(steps, rung.evaluations, distance.minus(known), off)))
            yield self.known

    def _measured(self, one: Field, sampler: SamplerBase, name: str) -> Generator[Sources, None, tuple[Floats, Mean]]:
        """Where a field's particles end by a sampler, and their distance to the truth; what has been measured is not again."""
        key = (id(one), sampler)
        if key not in self._kept:
            points = yield from self._run(one, sampler, name)
            self._kept[key] = points, (yield from self._distance(partial(self._batch, points), name))
        return self._kept[key]

    def _batch(self, points: Floats, k: int) -> Floats:
        return points[k * self.known.n : (k + 1) * self.known.n]

    def _run(self, one: Field, sampler: SamplerBase, name: str) -> Generator[Sources, None, Floats]:
        """Where the particles of all repeats end, (repeats n, d)."""
        from engine.simulation import simulate

        amount, ends = (sampler.evaluations or GUESSED) / self.known.repeats, []
        doing = f"{NAMES.get(name, name)}: {sampler.label}, {sampler.steps:,} steps"
        for k in range(self.known.repeats):
            before, x = self._done, None
            seed = int(generator(self._truth.seed, "error sources", k).integers(2**62))
            for step in simulate(one, sampler, n=self.known.n, seed=seed, start=self._experiment.start):
                x = step.x
                self._done = before + amount * step.index / max(step.steps, 1)
                yield self._now(doing)
            assert x is not None
            ends.append(np.asarray(x.cpu().numpy(), dtype=np.float64))
        return np.concatenate(ends)

    def _distance(self, batch: Callable[[int], Floats], name: str) -> Generator[Sources, None, Mean]:
        from engine.metrics import w2

        values = []
        for k in range(self.known.repeats):
            points, truth = batch(k), self._truth.one(k)
            values.append((yield from self._told(aside(partial(w2, points, truth), "exact W2"), f"{NAMES.get(name, name)}: exact W₂")))
        return Mean(tuple(values))

    def _told(self, slices: Generator[None, None, Value], doing: str) -> Generator[Sources, None, Value]:
        while True:
            try:
                next(slices)
            except StopIteration as stop:
                value: Value = stop.value
                return value
            yield self._now(doing)

    def _now(self, doing: str) -> Sources:
        """Where things stand; what takes longer than was thought never turns the progress back."""
        self.known = replace(self.known, fraction=min(0.99, max(self.known.fraction, self._done / self._all)), doing=doing)
        return self.known

    def _add(self, name: str, mean: Mean) -> None:
        self.known = replace(self.known, w2=self.known.w2 | {name: mean})
