"""The flow map: where the probability flow carries points and grid lines, how it stretches space, and what the marginal velocity averages.

    x' = u_t(x),   J' = (du/dx) J,   J = 1 at the first time;   log |det J| = int div u dt

Sources: Chen tutorial, eq. 52; MATHS sections 2 and 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.densities.cells import Cells
from engine.densities.mixture import GaussianMixture
from engine.paths import GaussianPath, Path

if TYPE_CHECKING:
    from engine.densities.closed import ClosedDensity
    from engine.fields.base import Field

Floats = NDArray[np.float64]
STAGES = ((0.0, 1.0), (0.5, 2.0), (0.5, 2.0), (1.0, 1.0))
"""The classic RK4: how far along each stage is, and its weight."""
NOTHING = 1e-290
"""A posterior weight that has lost its digits to underflow."""


@dataclass(frozen=True, eq=False)
class FlowStep:
    """Where all points are at one time."""

    t: float
    x: Floats
    """(n, d), standardised coordinates."""
    jacobian: Floats
    """dx(t)/dx(first time), (n, d, d) [n, i, j]."""
    log_det: Floats
    """log |det J|, the integral of the divergence, (n,): above 0 where space is stretched."""
    share: float


def graded_times(begin: float, end: float, steps: int, near: float = 0.02) -> Floats:
    """``steps`` + 1 times from one to the other, half of them even in t and half in log(1 - t + near): closer together towards t = 1, where
    the velocities of a path that arrives at bare data change fastest. With 24 of them RK4 keeps log p of the built-in shapes to 1e-3
    nats up to t = 0.95, and to 0.1 at 0.999."""
    share = np.linspace(0.0, 1.0, steps + 1)
    ends = np.log(1.0 + near - np.array([begin, end]))
    times = 0.5 * (begin + (end - begin) * share) + 0.5 * (1.0 + near - np.exp(ends[0] + (ends[1] - ends[0]) * share))
    times[[0, -1]] = begin, end
    return np.asarray(times, dtype=np.float64)


def carried(field: Field, x: Floats, times: Floats) -> Iterator[tuple[float, Floats]]:
    """The points x (n, d) carried by the velocity alone through ``times`` (k,), by the classic RK4: (t, x) at each of them.

    A time outside the field's interval is moved into it. Leave the loop to cancel.
    """
    import torch

    from engine.fields.base import velocity
    from engine.fields.jacobian import anywhere

    free = anywhere(field)
    times = np.clip(times, *free.interval)
    point = torch.from_numpy(np.array(x, dtype=np.float64)).to(free.device, free.dtype)
    yield float(times[0]), np.array(x, dtype=np.float64)
    for begin, end in pairwise(times.tolist()):
        h = end - begin
        total, u = torch.zeros_like(point), torch.zeros_like(point)
        for share, weight in STAGES:
            u = velocity(free, point + share * h * u, begin + share * h)
            total.add_(u, alpha=weight * h / 6.0)
        point = point + total
        yield end, np.asarray(point.double().cpu().numpy(), dtype=np.float64)


def flow(field: Field, x: Floats, begin: float, end: float, steps: int = 50, times: Floats | None = None) -> Iterator[FlowStep]:
    """The points x (n, d) carried from one time to another, forward or backward, by the classic RK4: ``steps`` + 1 states.

    ``times`` (k,) instead says them one by one. All are moved into the field's interval. Leave the loop to cancel.
    """
    import torch

    from engine.fields.jacobian import drift_and_jacobian

    low, high = field.interval
    times = np.linspace(min(max(begin, low), high), min(max(end, low), high), steps + 1) if times is None else np.clip(times, low, high)
    steps = len(times) - 1
    point = torch.from_numpy(np.array(x, dtype=np.float64)).to(field.device, field.dtype)
    n, d = point.shape
    carried = torch.eye(d, device=point.device, dtype=point.dtype).expand(n, d, d)
    grown = point.new_zeros(n)

    def told(k: int) -> FlowStep:
        at, matrix, log_det = (np.asarray(part.double().cpu().numpy(), dtype=np.float64) for part in (point, carried, grown))
        return FlowStep(float(times[k]), at, matrix, log_det, k / max(steps, 1))

    yield told(0)
    for k in range(steps):
        t, h = float(times[k]), float(times[k + 1] - times[k])
        sums = [torch.zeros_like(part) for part in (point, carried, grown)]
        u, moved = torch.zeros_like(point), torch.zeros_like(carried)
        for share, weight in STAGES:
            u, matrix = drift_and_jacobian(field, point + share * h * u, t + share * h)
            moved = matrix @ (carried + share * h * moved)
            for total, part in zip(sums, (u, moved, matrix.diagonal(dim1=1, dim2=2).sum(dim=1)), strict=True):
                total.add_(part, alpha=weight * h / 6.0)
        point, carried, grown = point + sums[0], carried + sums[1], grown + sums[2]
        yield told(k + 1)


def grid_lines(low: Floats, high: Floats, lines: int, points: int) -> Floats:
    """Straight lines along every axis through a lattice of ``lines`` places per other axis, (d lines^(d-1), points, d)."""
    d, found = len(low), []
    for axis in range(d):
        places = [np.linspace(a, b, points if k == axis else lines) for k, (a, b) in enumerate(zip(low, high, strict=True))]
        mesh = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1)
        found.append(np.moveaxis(mesh, axis, -2).reshape(-1, points, d))
    return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Contributions:
    """The data behind the marginal velocity at one (x, t): u_t(x) = sum_k weights_k velocities_k, heaviest first."""

    index: NDArray[np.int64]
    """(m,) which component, or point, of the target; where they are joined which block (of a raster
    row by row from the lower left of its ink)."""
    weights: Floats
    """(m,) posterior weights p(k | x_t = x), above 0; over all components they sum to 1."""
    data: Floats
    """E[z | x, k], (m, d): the data point itself where components are points."""
    noise: Floats
    """E[eps | x, k], (m, d): x = alpha z + beta eps."""
    velocities: Floats
    """alpha_dot z + beta_dot eps, (m, d)."""
    path: GaussianPath
    count: int
    """How many components, points or inked blocks there are."""

    def paths(self, times: Floats) -> Floats:
        """The conditional paths alpha_s z + beta_s eps at times s (k,), (m, k, d); all of them pass through x at t."""
        alpha = np.array([float(self.path.alpha(float(s))) for s in times])[None, :, None]
        beta = np.array([float(self.path.beta(float(s))) for s in times])[None, :, None]
        return np.asarray(alpha * self.data[:, None] + beta * self.noise[:, None], dtype=np.float64)


def contributions(density: ClosedDensity, path: Path, x: Floats, t: float, most: int = 12, across: int = 0) -> Contributions:
    """The ``most`` heaviest components of a mixture or point set, or cells of a raster (standardised coordinates), at x (d,) and t.

    With ``across`` above 0, cells, or components where there are many, are joined to square blocks, at most so many along the longer side:
    a block's mean of conditional paths is a path through x again, so that the weighted mean is still the velocity. Raises Problem on a
    path that is not Gaussian, and where it has arrived at bare points or edges.
    """
    if not isinstance(path, GaussianPath):
        raise Problem("The paths to single data points are told on Gaussian paths only.")
    alpha, beta = float(path.alpha(t)), float(path.beta(t))
    if isinstance(density, Cells):
        weights, data, pull = _of_cells(density, x, alpha, beta, across)
    else:
        assert isinstance(density, GaussianMixture)
        weights, data, pull = _of_components(density, x, alpha, beta, across)
    index = np.argsort(-weights, kind="stable")[:most].astype(np.int64)
    index = index[weights[index] > NOTHING]
    data, pull = data[index], pull[index]
    velocities = float(path.alpha_dot(t)) * data + float(path.beta_beta_dot(t)) * pull
    return Contributions(index, weights[index], data, np.asarray(beta * pull, dtype=np.float64), velocities, path, len(weights))


Parts = tuple[Floats, Floats, Floats]
"""p(k | x_t = x) (k,), E[z | x, k] (k, d) and E[eps | x, k] / beta (k, d), of every part of the data."""


def _of_components(density: GaussianMixture, x: Floats, alpha: float, beta: float, across: int) -> Parts:
    d, spread = density.dimension, density.covariances
    total = alpha * alpha * spread + beta * beta * np.eye(d)
    if float(np.linalg.eigvalsh(total).min()) <= 0.0:
        raise Problem("At this time the path has arrived at the bare points: choose an earlier one.")
    away = x - alpha * density.means
    pull = (np.linalg.inv(total) @ away[:, :, None])[:, :, 0]
    with np.errstate(divide="ignore"):
        logit = np.log(density.weights) - 0.5 * (away * pull).sum(axis=1) - 0.5 * np.linalg.slogdet(total)[1]
    weights = np.exp(logit - logit.max())
    parts = weights / weights.sum(), density.means + alpha * (spread @ pull[:, :, None])[:, :, 0], pull
    return parts if across == 0 or density.count <= across * across else _joined(parts, density.means, across)


def _joined(parts: Parts, places: Floats, across: int) -> Parts:
    """Parts in the same block of a lattice as one, with the sum of their weights and their weighted means."""
    low = places.min(axis=0)
    size = float((places.max(axis=0) - low).max()) / across or 1.0
    cell = np.minimum(((places - low) / size).astype(np.int64), across - 1)
    _, block = np.unique(cell, axis=0, return_inverse=True)
    weights, *means = parts
    mass = np.asarray(np.bincount(block, weights), dtype=np.float64)
    with np.errstate(invalid="ignore"):  # a block whose weight has underflowed has no mean, and is no contribution
        joined = [np.stack([np.bincount(block, weights * column) / mass for column in mean.T], axis=1) for mean in means]
    return mass, joined[0], joined[1]


def _of_cells(density: Cells, x: Floats, alpha: float, beta: float, across: int) -> Parts:
    import torch

    from engine.fields.cells_posterior import CellsPosterior

    if beta <= 0.0:
        raise Problem("At this time the path has arrived at the painting itself: choose an earlier one.")
    cells = density.trimmed()
    posterior = CellsPosterior(cells, torch.device("cpu"), torch.float64)
    shares, datas, pulls = posterior.by_cell(torch.from_numpy(np.asarray(x, dtype=np.float64)), alpha, beta)
    weights = shares.numpy()
    h, w = weights.shape
    factor = -(-max(h, w) // across) if across else 1
    inked, mass = _blocks(cells.weights, factor) > 0.0, _blocks(weights, factor)
    means = []
    for parts in (datas, pulls):
        along, up = (part.numpy() for part in parts)
        sums = (_blocks(weights * along, factor), _blocks(weights * up[:, None], factor))
        with np.errstate(invalid="ignore"):  # a block whose weight has underflowed has no mean, and is no contribution
            means.append(np.stack([(total / mass)[inked] for total in sums], axis=1))
    return mass[inked], means[0], means[1]


def _blocks(values: Floats, factor: int) -> Floats:
    """Sums over blocks of ``factor`` x ``factor``, from the lower left."""
    if factor == 1:
        return values
    rows = np.add.reduceat(values, np.arange(0, values.shape[0], factor), axis=0)
    return np.asarray(np.add.reduceat(rows, np.arange(0, values.shape[1], factor), axis=1), dtype=np.float64)
