"""log p of a field's flow at given points, by the instantaneous change of variables.

    d/dt (x, l) = (u_t(x), div u_t(x)),    log p_t(x) = log p_start(x_{t_min}) - int_{t_min}^t div u_s(x_s) ds

solved from (x, t) back to t_min. Everything is a generator of the share that is done; leave the loop to cancel.
Sources: Chen 1806.07366; Grathwohl 1810.01367; MATHS section 6.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from engine.choice import Problem
from engine.densities.cells import Cells
from engine.densities.mixture import GaussianMixture
from engine.fields.base import Field
from engine.paths import GaussianPath
from engine.randomness import generator

if TYPE_CHECKING:
    from torch import Tensor

    from engine.experiment import Start
    from engine.targets import TargetBase

Floats = NDArray[np.float64]
MOST_STEPS = 20_000


class DensitySolver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the flow and its density are solved back."""

    method: Annotated[Literal["heun", "rk4", "adaptive"], Meta(description="Fixed steps of order 2 or 4, or DOP853 to a tolerance.")] = (
        "heun"
    )
    steps: Annotated[int, Meta(ge=1, le=10_000, description="Fixed steps over the interval.", extra={"symbol": "N", "log": True})] = 50
    tolerance: Annotated[float, Meta(ge=1e-12, le=0.1, description="Relative tolerance of adaptive steps.", extra={"log": True})] = 1e-5
    divergence: Annotated[
        Literal["exact", "hutchinson"], Meta(description="Exact by d directions, or Hutchinson's estimate with one probe kept per solve.")
    ] = "exact"


@dataclass(frozen=True, eq=False)
class LogDensity:
    """log p_t at the points asked for."""

    values: Floats
    """(n,), nats, in standardised coordinates; less ``frame.log_det`` they are in the user's units."""
    t: float
    """The time it is the density of: the one asked for, moved into the field's interval."""
    starts: Floats
    """(n, d): where the flow through the points begins."""


def start_log_prob(field: Field, x: Tensor, mode: Start = "matched") -> Tensor:
    """log of the law from which ``engine.fields.start`` draws, at x (n, d), nats in standardised coordinates, (n,).

    On a Gaussian path N(alpha m, alpha^2 C + beta^2 I). Elsewhere the source's law, spread by b x1 and the latent noise; for a raster with
    that spread, of the order of t_min, taken as equal in every direction. Raises Problem for a start of bare points.
    """
    import torch

    path, t, d = field.path, field.interval[0], field.dimension
    if isinstance(path, GaussianPath):
        a, b, latent, density = 0.0, float(path.alpha(t)), float(path.beta(t)), None
    else:
        a, b, latent = (float(weight(t)) for weight in (path.source_weight, path.data_weight, path.latent))
        density = field.source.density
    b = 0.0 if mode == "standard" else b
    mean, spread = b * field.mean, b * b * field.covariance + latent * latent * np.eye(d)
    if isinstance(density, Cells):
        width = math.sqrt(float(np.trace(spread)) / d)
        if width > 0.0:
            from engine.fields.cells_posterior import CellsPosterior

            moved = x.double() - torch.from_numpy(mean).to(x.device)
            return CellsPosterior(density, x.device, torch.float64).log_prob(moved, a, width)
        values = density.log_prob(x.double().cpu().numpy() / a) - d * math.log(a)
        return torch.from_numpy(values).to(x.device)
    if density is None:
        law = GaussianMixture(mean[None], covariances=spread[None])
    else:
        assert isinstance(density, GaussianMixture)
        covariances = np.broadcast_to(a * a * density.covariances + spread, (density.count, d, d))
        law = GaussianMixture(a * density.means + mean, covariances=covariances, weights=density.weights)
    if min(float(np.linalg.eigvalsh(covariance)[0]) for covariance in law.covariances) <= 0.0:
        raise Problem("The source is a set of bare points, which has no density: give them a bandwidth above 0.")
    return torch.from_numpy(law.log_prob(x.double().cpu().numpy())).to(x.device)


def log_prob(
    field: Field,
    x: Floats,
    t: float = 1.0,
    solver: DensitySolver | None = None,
    *,
    start: Start = "matched",
    seed: int = 0,
    rows: int | None = None,
) -> Generator[float, None, LogDensity]:
    """log p_t of the flow of ``field`` at x (n, d), standardised coordinates; yields the share done, after every evaluation of the field.

    ``rows``: so many points are solved at a time, which makes the slices short; None: all together.

    Fixed steps are even in time, at least one, in proportion to the part of the interval that is solved. The adaptive solver steps all
    points together, its error measured by the root mean square over all. ``seed`` names Hutchinson's probe, signs of +-1. Raises Problem
    where the start has no density, or the adaptive solver does not arrive.
    """
    import torch

    solver = solver or DensitySolver()
    low, high = field.interval
    t = min(max(t, low), high)
    points = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float64)).to(field.device, field.dtype)
    probe = None
    if solver.divergence == "hutchinson":
        signs = generator(seed, "probe").integers(0, 2, tuple(points.shape)) * 2.0 - 1.0
        probe = torch.from_numpy(signs).to(points)
    solve = _adaptive if solver.method == "adaptive" else _fixed
    n, values, begins = len(points), [], []
    for first in range(0, max(n, 1), rows or max(n, 1)):
        part = slice(first, min(first + (rows or n), n))
        slices = solve(field, points[part], t, solver, None if probe is None else probe[part])
        while True:
            try:
                share = next(slices)
            except StopIteration as stop:
                begin, integral = stop.value
                break
            yield (part.start + share * (part.stop - part.start)) / n
        values.append((start_log_prob(field, begin, start) - integral.double()).cpu().numpy())
        begins.append(np.asarray(begin.double().cpu().numpy(), dtype=np.float64))
    return LogDensity(np.concatenate(values), t, np.concatenate(begins))


def _fixed(field: Field, x: Tensor, t: float, solver: DensitySolver, probe: Tensor | None) -> Generator[float, None, tuple[Tensor, Tensor]]:
    """x at t_min and the integral of the divergence, by Heun or the classic RK4."""
    from engine.fields.jacobian import drift_and_divergence

    low, high = field.interval
    count = max(1, math.ceil(solver.steps * (t - low) / (high - low) - 1e-9)) if t > low else 0
    times = np.linspace(t, low, count + 1)
    integral = x.new_zeros(len(x))
    for k in range(count):
        s, h = float(times[k]), float(times[k + 1] - times[k])
        u, rate = drift_and_divergence(field, x, s, None, probe)
        yield (k + (0.5 if solver.method == "heun" else 0.25)) / count
        if solver.method == "heun":
            other, later = drift_and_divergence(field, x.add(u, alpha=h), s + h, None, probe)
            x, change = x.add(u + other, alpha=0.5 * h), 0.5 * h * (rate + later)
        else:
            slopes, rates = [u], [rate]
            for share in (0.5, 0.5, 1.0):
                u, rate = drift_and_divergence(field, x.add(slopes[-1], alpha=share * h), s + share * h, None, probe)
                slopes.append(u)
                rates.append(rate)
                yield (k + 0.25 * len(slopes)) / count
            x = x.add(slopes[0] + 2.0 * (slopes[1] + slopes[2]) + slopes[3], alpha=h / 6.0)
            change = h / 6.0 * (rates[0] + 2.0 * (rates[1] + rates[2]) + rates[3])
        integral = integral - change
        yield (k + 1) / count
    return x, integral


def _adaptive(
    field: Field, x: Tensor, t: float, solver: DensitySolver, probe: Tensor | None
) -> Generator[float, None, tuple[Tensor, Tensor]]:
    import torch
    from scipy.integrate import DOP853

    from engine.fields.jacobian import drift_and_divergence

    (low, high), (n, d) = field.interval, x.shape
    if t <= low or not n:
        return x, x.new_zeros(n)

    def rate(s: float, flat: Floats) -> Floats:
        state = torch.from_numpy(flat.reshape(n, d + 1)[:, :d].copy()).to(x)
        u, divergence = drift_and_divergence(field, state, min(max(float(s), low), high), None, probe)
        return torch.cat([u, divergence[:, None]], dim=1).double().cpu().numpy().ravel()

    begin = np.concatenate([x.double().cpu().numpy(), np.zeros((n, 1))], axis=1)
    ode = DOP853(rate, t, begin.ravel(), low, rtol=solver.tolerance, atol=solver.tolerance)
    for _ in range(MOST_STEPS):
        message = ode.step()
        if ode.status == "failed":
            raise Problem(f"The density was not reached: {message}.")
        yield (t - ode.t) / (t - low)
        if ode.status != "running":
            break
    else:
        raise Problem(f"The density was not reached in {MOST_STEPS:,} steps: loosen the tolerance.")
    end = torch.from_numpy(ode.y.reshape(n, d + 1)).to(x.device)
    return end[:, :d].to(x), -end[:, d]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Mean of -log p over fresh draws of the data, nats in the user's units."""

    value: float
    standard_error: float
    floor: float | None
    """The entropy of the target by its own log p on the same draws; None where it has no density."""
    floor_error: float | None
    excess: float | None
    """value - floor, an estimate of KL(data || model); its own standard error, from the differences, is smaller than either."""
    excess_error: float | None
    reason: str | None
    """Why there is no floor, in one sentence."""
    n: int
    t: float
    """The time of the model's density, 1 or the end of its interval."""


def held_out(
    field: Field,
    target: TargetBase,
    *,
    n: int = 2_000,
    seed: int = 0,
    solver: DensitySolver | None = None,
    start: Start = "matched",
) -> Generator[float, None, HeldOut]:
    """The negative log-likelihood of n fresh draws of ``target`` under the flow of ``field``; yields the share done."""
    frame = target.frame()
    draws = target.sample(n, generator(seed, "held out"))
    found = yield from log_prob(field, frame.inward(draws), 1.0, solver, start=start, seed=seed)
    losses = frame.log_det - found.values
    value, error = _mean(losses)
    try:
        own = -target.log_prob(draws)
    except Problem as problem:
        return HeldOut(value, error, None, None, None, None, _sentence(problem), n, found.t)
    floor, excess = _mean(own), _mean(losses - own)
    return HeldOut(value, error, *floor, *excess, None, n, found.t)


def _mean(values: Floats) -> tuple[float, float]:
    """The mean and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def _sentence(problem: Problem) -> str:
    text = str(problem)
    return text[:1].upper() + text[1:].rstrip(".") + "."


def grid_points(low: Floats, high: Floats, counts: tuple[int, ...]) -> Floats:
    """The centres of the cells of a grid on the box [low, high], (prod counts, d); the last axis runs fastest."""
    axes = [a + (np.arange(count) + 0.5) * (b - a) / count for a, b, count in zip(low, high, counts, strict=True)]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
