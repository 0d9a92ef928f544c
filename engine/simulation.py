"""Simulation: particles from the source to the data by a sampler, as a generator of typed steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.brownian import BrownianPath
from engine.choice import Problem
from engine.experiment import Experiment
from engine.fields.start import start as start
from engine.paths import GaussianPath
from engine.samplers import Record, SamplerBase
from engine.samplers.sde import SDESampler, is_ancestral

if TYPE_CHECKING:
    from torch import Tensor

    from engine.experiment import Start
    from engine.fields.base import Field

FAR = 10.0
"""Standard deviations of the data beyond which a particle counts as lost: at most 1 % of any distribution lies there (Chebyshev)."""


@dataclass(frozen=True, eq=False)
class SimulationStep:
    """All particles at one time. Index 0 is the start, ``index == steps`` the end."""

    index: int
    steps: int
    t: float
    x: Tensor
    """(n, d), standardised coordinates, on the field's device; never changed afterwards."""
    note: str | None = None
    """At the last step: what went wrong on the way, in one sentence."""
    remark: str | None = None
    """At the last step: what the run tells of itself, such as the share of proposals accepted."""
    evaluations: int | None = None
    """At the last step: how often the field was evaluated for one particle, on average where they differ."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The stored times of one simulation."""

    times: NDArray[np.float64]
    """(m,), increasing."""
    positions: NDArray[np.float32]
    """(m, n, d), standardised coordinates."""
    note: str | None = None


_start = start


def grid(field: Field, sampler: SamplerBase) -> list[float]:
    """The sampler's steps + 1 times, from the field's t_min to its t_max. Raises Problem where its grid does not fit the path."""
    field = sampler.runs_on(field)
    return sampler.grid.times(*field.interval, sampler.steps, field.path)


def refusal(subject: Experiment | Field, sampler: SamplerBase) -> str | None:
    """Why this sampler cannot be used on this experiment's network or on this field, in one sentence; None if it can."""
    reason = subject.refusal() if isinstance(subject, Experiment) else None
    return reason or sampler.refusal(subject)


def simulate(field: Field, sampler: SamplerBase, *, n: int, seed: int, start: Start = "matched") -> Iterator[SimulationStep]:
    """The start, then one state a step, ``sampler.steps + 1`` in all. Leave the loop to cancel.

    Where the field's interval ends before t = 1, the last state is D at t_max, and its time is 1: what beta_tmax of noise is
    left goes. Raises Problem where ``refusal`` says so.
    """
    reason = refusal(field, sampler)
    if reason:
        raise Problem(reason)
    field = sampler.runs_on(field)
    return _steps(field, sampler, _start(field, n, seed, start), BrownianPath(seed, n, field.dimension) if sampler.stochastic else None)


def _steps(field: Field, sampler: SamplerBase, x: Tensor, brownian: BrownianPath | None) -> Iterator[SimulationStep]:
    import torch

    from engine.fields.base import denoiser

    times, steps = grid(field, sampler), sampler.steps
    record = Record(evaluations=sampler.evaluations)
    yield SimulationStep(0, steps, times[0], x)
    for index, state in enumerate(sampler.solve(field, x, times, brownian, record), start=1):
        if index < steps:
            yield SimulationStep(index, steps, times[index], state)
            continue
        denoised = times[-1] < 1.0
        if denoised:
            with torch.no_grad():
                state = denoiser(field, state, times[-1])
        evaluations = None if record.evaluations is None else record.evaluations + denoised
        note = record.note or _lost(field, state, _remedy(field, sampler))
        yield SimulationStep(index, steps, 1.0, state, note, record.remark, evaluations)


def _remedy(field: Field, sampler: SamplerBase) -> str:
    """What to change when particles are lost. A narrow source is stiff for an SDE from its first step, if sigma is not zero there."""
    if isinstance(sampler, SDESampler) and not isinstance(field.path, GaussianPath):
        return f"{sampler.remedy}, or a σ_t that is zero at the source, such as sin(πt)"
    return sampler.remedy


def _lost(field: Field, x: Tensor, remedy: str) -> str | None:
    scale = np.sqrt(np.maximum(np.diagonal(field.covariance), 1e-12))
    away = np.abs(x.detach().cpu().numpy().astype(np.float64) - field.mean) / scale
    share = float(np.mean(~np.all(away < FAR, axis=1)))  # NaN counts as lost
    if share <= 0.01:
        return None
    return f"{100 * share:.0f} % of the particles ended over {FAR:.0f} standard deviations from the data: {remedy}."


def trajectory(steps: Iterable[SimulationStep], keep: int = 10_001) -> Trajectory:
    """At most ``keep`` (at least 2) of the steps as float32, evenly spread over the steps, the first and the last among them.

    An iterable that ends early gives what it had.
    """
    times: list[float] = []
    positions: list[NDArray[np.float32]] = []
    wanted: set[int] = set()
    note = None
    for step in steps:
        if not wanted:
            wanted = {int(k) for k in np.linspace(0, step.steps, min(max(keep, 2), step.steps + 1)).round()}
        if step.index in wanted:
            times.append(step.t)
            positions.append(step.x.detach().cpu().numpy().astype(np.float32))
        note = step.note or note
    if not positions:
        raise ValueError("A trajectory needs at least one step.")
    return Trajectory(np.array(times), np.stack(positions), note)


def stiffness_note(field: Field, sampler: SamplerBase) -> str | None:
    """A warning where dt sigma^2 / (2 Var) >= 2 at some step, beyond which Euler-Maruyama on a Gaussian of variance Var is unstable.

    Var is the smallest variance of x_t over all directions, alpha^2 min eig C + beta^2, for the field's covariance C; between any two laws
    b^2 min eig C + a^2 min eig C0 + gamma^2, with C0 the source's (as if the two were drawn apart). Detail finer than that is stiffer
    still; the ancestral steps of the time reversal are never unstable and do not count.
    """
    if not isinstance(sampler, SDESampler) or sampler.refusal(field):
        return None
    field = sampler.runs_on(field)
    path, sigma, times = field.path, sampler.diffusion(), grid(field, sampler)
    smallest = max(0.0, float(np.linalg.eigvalsh(field.covariance)[0]))
    at_source = 1.0 if isinstance(path, GaussianPath) else max(0.0, float(np.linalg.eigvalsh(field.source.covariance)[0]))
    worst, where = 0.0, 0.0
    for t, end in pairwise(times):
        if isinstance(path, GaussianPath) and is_ancestral(path, sigma, t, end):
            continue
        a, b, latent = (float(weight(t)) for weight in (path.source_weight, path.data_weight, path.latent))
        variance = a * a * at_source + b * b * smallest + latent * latent
        ratio = (end - t) * float(sigma.sigma2(path, t)) / max(2.0 * variance, 1e-30)
        if ratio > worst:
            worst, where = ratio, t
    if worst < 2.0:
        return None
    return (
        f"dt·σ²/(2 Var) is {worst:.3g} at t = {where:.2f}, and Euler–Maruyama is stable only below 2: "
        f"take about {int(np.ceil(sampler.steps * worst / 2.0)):,} steps, or less noise."
    )
