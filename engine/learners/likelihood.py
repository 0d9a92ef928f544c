"""Maximum likelihood of a continuous normalising flow: -log p_1(x1) through the ODE, discretised first and differentiated then.

    d/dt (x, l) = (u_t(x), div u_t(x)),    log p_1(x1) = log N(x_0; 0, I) - int_0^1 div u_t(x_t) dt

solved from t = 1 back to 0 in fixed steps, with the exact divergence. The gradient is that of the discrete solution, not of the ODE's.
Source: Chen 1806.07366; Grathwohl 1810.01367.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.batches import Batches
from engine.embedding import HIGHEST, LOWEST
from engine.learners.autograd import AutogradLearner, Layers
from engine.learners.tangents import network_with_tangents
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.flat_mlp import FlatMLP
    from engine.objectives.likelihood import Likelihood

Flow = Callable[[Tensor, float], tuple[Tensor, Tensor]]
"""(x (n, d), t) -> (u (n, d), rates (n, k)): what is integrated along the way, div u first."""


def _combined(x: Tensor, slopes: tuple[Tensor, ...], weights: tuple[float, ...]) -> Tensor:
    for slope, weight in zip(slopes, weights, strict=True):
        x = torch.add(x, slope, alpha=weight)
    return x


def step(flow: Flow, solver: str, x: Tensor, t: float, h: float) -> tuple[Tensor, Tensor]:
    """One step of size h (negative: back in time) by Euler, the midpoint rule or the classic RK4: x at t + h, and the rates' integrals."""
    u, rate = flow(x, t)
    if solver == "euler":
        return torch.add(x, u, alpha=h), h * rate
    u2, rate2 = flow(torch.add(x, u, alpha=0.5 * h), t + 0.5 * h)
    if solver == "midpoint":
        return torch.add(x, u2, alpha=h), h * rate2
    u3, rate3 = flow(torch.add(x, u2, alpha=0.5 * h), t + 0.5 * h)
    u4, rate4 = flow(torch.add(x, u3, alpha=h), t + h)
    weights = (h / 6.0, h / 3.0, h / 3.0, h / 6.0)
    return _combined(x, (u, u2, u3, u4), weights), _combined(weights[0] * rate, (rate2, rate3, rate4), weights[1:])


def pulled_back(flow: Flow, x: Tensor, solver: str, times: Sequence[float]) -> tuple[Tensor, Tensor]:
    """x_0 (n, d), and the integrals of the rates from 0 to 1 (n, k), of the flow that ends at x, solved back on ``times`` from 0 to 1."""
    integral = torch.zeros((), device=x.device, dtype=x.dtype)
    for t, end in pairwise(reversed(times)):
        x, part = step(flow, solver, x, t, end - t)
        integral = integral - part
    return x, integral


def log_prob(flow: Flow, x: Tensor, solver: str, times: Sequence[float]) -> Tensor:
    """log p_1(x), nats in standardised coordinates, (n,), of the flow of N(0, I)."""
    start, integral = pulled_back(flow, x, solver, times)
    return standard_normal(start) - integral[:, 0]


def standard_normal(x: Tensor) -> Tensor:
    """log N(x; 0, I), (n,)."""
    return -0.5 * (x.square().sum(dim=1) + x.shape[1] * math.log(2.0 * math.pi))


class _At(NamedTuple):
    """What the network's surroundings are at one time."""

    scale: float
    skip: float
    centre: Tensor
    """alpha m, (d,)."""
    offset: Tensor
    """shift m, (d,)."""
    unit: float
    """1 / S, or 1 where the point is fed as it is."""
    place: float
    fade: Tensor
    """(K,)."""
    time: Tensor
    """The time's features."""


class NetworkFlow:
    """u, div u and ||grad u||^2 (Frobenius) of the network of ``batches`` with ``layers``, differentiable in the weights and in x."""

    def __init__(self, batches: Batches, layers: Layers, activation: str) -> None:
        self._batches, self._layers, self._activation = batches, layers, activation

    @cached_property
    def _frequencies(self) -> Tensor:
        network, mean = self._batches.embedding.network, self._batches.mean
        return torch.from_numpy(np.geomspace(LOWEST, HIGHEST, max(1, network.space_features))).to(mean)[: network.space_features]

    def _at(self, t: float) -> _At:
        pre, mean, embedding = self._batches.preconditioning, self._batches.mean, self._batches.embedding
        alpha, beta, spread = float(pre.path.alpha(t)), float(pre.path.beta(t)), float(pre.spread(t))
        return _At(
            float(pre.scale(t)),
            float(pre.skip(t)),
            alpha * mean,
            float(pre.shift(t)) * mean,
            1.0 / spread if embedding.network.residual else 1.0,
            alpha * math.sqrt(pre.variance) / (spread * spread),
            torch.exp(-0.5 * (self._frequencies * (beta / spread)) ** 2),
            embedding.time(torch.tensor([t], device=mean.device, dtype=mean.dtype))[:, 0],
        )

    def __call__(self, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """(u (n, d), (div u, ||grad u||^2) (n, 2)) at x (n, d) and one time."""
        at, (n, d) = self._at(t), x.shape
        weight, bias = self._layers[0]
        split = weight.shape[1] - len(at.time)
        around = x - at.centre
        near, bare = (around if self._batches.embedding.network.residual else x) * at.unit, weight[:, :d]
        z = torch.addmm(torch.addmv(bias, weight[:, split:], at.time), near, bare.t())
        dz = (bare.t() * at.unit)[:, None, :].expand(d, n, -1)
        count = len(at.fade)
        if count:
            angle = (around * at.place)[:, :, None] * self._frequencies
            sines, cosines = torch.sin(angle) * at.fade, torch.cos(angle) * at.fade
            z = torch.addmm(z, torch.cat([sines.view(n, -1), cosines.view(n, -1)], dim=1), weight[:, d:split].t())
            # each coordinate moves its own features alone
            turn = self._frequencies * at.place
            slopes = torch.cat([cosines * turn, -sines * turn], dim=2).transpose(0, 1)
            parts = weight[:, d:split].reshape(-1, 2, d, count).permute(2, 1, 3, 0).reshape(d, 2 * count, -1)
            dz = torch.baddbmm(dz, slopes, parts)
        f, df = network_with_tangents(self._layers, self._activation, z, dz)
        gradient = df * at.scale + (at.skip * torch.eye(d, device=x.device, dtype=x.dtype))[:, None, :]
        divergence = gradient.diagonal(dim1=0, dim2=2).sum(dim=1)
        rates = torch.stack([divergence, gradient.square().sum(dim=(0, 2))], dim=1)
        return at.offset + at.skip * around + at.scale * f, rates


class LikelihoodLearner(AutogradLearner):
    """The mean of -log p_1 over a batch, nats in the user's units; the penalty on roughness is in its gradient alone."""

    def __init__(self, experiment: Experiment, network: FlatMLP, device: torch.device, objective: Likelihood) -> None:
        super().__init__(network)
        self.experiment, self.objective = experiment, objective
        self._batches = Batches(experiment, device, network.dtype)
        self.flow = NetworkFlow(self._batches, self.layers, network.activation)
        self._block: tuple[int, Tensor] | None = None

    def value(self, step: int) -> Tensor:
        """The loss of one step."""
        index, offset = divmod(step, self._batches.steps)
        if self._block is None or self._block[0] != index:
            self._block = index, self._draw(index)
        batch = self.experiment.training.batch
        x = self._block[1][offset * batch : (offset + 1) * batch]
        start, integral = pulled_back(self.flow, x, self.objective.solver, self.grid(step))
        negative = self._batches.frame.log_det - (standard_normal(start) - integral[:, 0]).mean()
        penalty = self.objective.smoothness * integral[:, 1].mean()
        return negative + (penalty - penalty.detach())

    def grid(self, step: int) -> list[float]:
        """The solver's times in one step: even, the inner ones moved at random by up to a third of a step, so that the network cannot
        learn to exploit one grid's errors."""
        count = self.objective.steps
        moved = generator(self.experiment.training.seed, "grid", step).uniform(-1.0 / 3.0, 1.0 / 3.0, count + 1)
        moved[[0, -1]] = 0.0
        return [float(t) for t in (np.arange(count + 1) + moved) / count]

    def _draw(self, index: int) -> Tensor:
        experiment = self.experiment
        rng = generator(experiment.training.seed, "training", index)
        x, _ = self._batches.data(experiment.training.batch * self._batches.steps, rng, index)
        return torch.from_numpy(x).to(self._batches.mean)
