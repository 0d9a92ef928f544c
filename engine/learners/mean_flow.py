"""MeanFlowLearner: regress the average velocity on its own identity (see engine.objectives.one_step).

How the network's inputs, and what is added to its output, change along (v, 1) in (x, r) is free of the weights, so it is computed for
a block of steps; a step is then one pass with that one direction for the target, and the handwritten regression.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engine.average_velocity import AverageVelocity
from engine.batches import Batches
from engine.learners.posterior import gaussian
from engine.learners.tangents import along, forward_with_tangents
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.flat_mlp import FlatMLP
    from engine.objectives.one_step import OneStep

SOFTENING = 1e-3


@dataclass(frozen=True)
class Jumps:
    """Rows of consecutive steps; dots are derivatives along (v, 1) in (x, r)."""

    inputs: Tensor
    inputs_dot: Tensor
    known: Tensor
    known_dot: Tensor
    scale: Tensor
    scale_dot: Tensor
    v: Tensor
    gap: Tensor
    """t - r, (n, 1)."""
    weight: Tensor

    def rows(self, part: slice) -> Jumps:
        """Those of one step, as views."""
        return Jumps(*(getattr(self, entry.name)[part] for entry in fields(self)))


class MeanFlowLearner:
    """Of one experiment."""

    def __init__(self, experiment: Experiment, network: FlatMLP, device: torch.device, objective: OneStep) -> None:
        self.experiment, self.network, self.objective = experiment, network, objective
        self.batches = Batches(experiment, device, network.dtype)
        self.average = AverageVelocity(self.batches.embedding, self.batches.mean)
        self._block: tuple[int, Jumps] | None = None

    def loss(self, step: int) -> Tensor:
        """The loss of one step; its gradient is in the network's ``gradient``."""
        index, offset = divmod(step, self.batches.steps)
        if self._block is None or self._block[0] != index:
            self._block = None
            self._block = index, self.block(index)
        batch = self.experiment.training.batch
        part = self._block[1].rows(slice(offset * batch, (offset + 1) * batch))
        target, weight = self.target(part)
        return self.network.loss_and_gradient(part.inputs, target, weight)

    def close(self) -> None:
        """Nothing works in the background."""

    @torch.no_grad()
    def target(self, part: Jumps) -> tuple[Tensor, Tensor]:
        """What f regresses (n, d), and its weight (n, 1)."""
        f, df = forward_with_tangents(self.network.layers, self.network.activation, part.inputs, part.inputs_dot[None])
        total = part.known_dot + part.scale_dot * f + part.scale * df[0]
        target = (part.v + part.gap * total - part.known) / part.scale
        weight = part.weight * part.scale * part.scale
        if self.objective.power > 0:
            error = (part.scale * (f - target)).square().sum(dim=1, keepdim=True)
            weight = weight / (error + SOFTENING) ** self.objective.power
        return target, weight

    def times(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """r and t of a block, (n,) each, r <= t."""
        objective, path = self.objective, gaussian(self.experiment)
        interval, batch = path.interval("velocity"), self.experiment.training.batch
        rng = generator(self.experiment.training.seed, "times", index)
        one = objective.times(interval, batch, self.batches.steps, rng, path).reshape(-1)
        # strata belong to rows: in another order the second time is independent of the first
        other = rng.permuted(objective.times(interval, batch, self.batches.steps, rng, path), axis=1).reshape(-1)
        kind = rng.random(len(one))
        jump, whole = kind < objective.jumps, kind < objective.jumps * objective.whole
        r = np.where(jump & ~whole, np.minimum(one, other), one)
        t = np.where(whole, np.float32(interval[1]), np.where(jump, np.maximum(one, other), r))
        return r, t

    def block(self, index: int) -> Jumps:
        """Block ``index``, a function of (seed, index) alone."""
        experiment = self.experiment
        rng = generator(experiment.training.seed, "training", index)
        n = experiment.training.batch * self.batches.steps
        z, _ = self.batches.data(n, rng, index)
        return self.problem(z, rng.standard_normal(z.shape), *self.times(index))

    def problem(self, z: np.ndarray, eps: np.ndarray, r: np.ndarray, t: np.ndarray) -> Jumps:
        """Of given draws z, eps (n, d) and r, t (n,)."""
        path, mean, average = gaussian(self.experiment), self.batches.mean, self.average
        z_, eps_, r_, t_ = (torch.from_numpy(values).to(mean.device, torch.float64) for values in (z, eps, r, t))
        x, v = path.point(r_[:, None], eps_, z_), path.conditional_velocity(r_[:, None], eps_, z_)
        d = x.shape[1]

        def everything(place: Tensor) -> Tensor:
            point, now = place[:, :d], place[:, d]
            return torch.cat([average.inputs(point, now, t_), *average.known(point, now, t_)], dim=1)

        value, dot = along(everything, torch.cat([x, r_[:, None]], dim=1), torch.cat([v, torch.ones_like(v[:, :1])], dim=1)[None])
        parts = [value.shape[1] - d - 1, d, 1]
        inputs, known, scale = torch.split(value.to(mean), parts, dim=1)
        inputs_dot, known_dot, scale_dot = torch.split(dot[0].to(mean), parts, dim=1)
        weight = self.objective.weigh(path, r_[:, None])
        rest = (part.to(mean) for part in (v, (t_ - r_)[:, None], weight))
        return Jumps(inputs.contiguous(), inputs_dot.contiguous(), known, known_dot, scale, scale_dot, *rest)
