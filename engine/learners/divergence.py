"""Implicit and sliced score matching: E lambda (||s||^2 + 2 div s), the divergence by derivatives along directions.

With s = c + k f, c = shift m + skip (x - alpha m) and k = scale of t alone, div s = d skip + k sum_i df_i/dx_i. How the network's inputs
change with x is free of the weights, so it is computed for a block of steps at once; the rest is one pass forward and one back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engine.batches import Batches
from engine.embedding import Embedding
from engine.learners.autograd import AutogradLearner
from engine.learners.posterior import gaussian
from engine.learners.tangents import along, forward_with_tangents
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.flat_mlp import FlatMLP
    from engine.objectives.score_matching import SlicedScore


@dataclass(frozen=True)
class ScoreBlock:
    """Consecutive steps, all rows one after another."""

    index: int
    inputs: Tensor
    """(n, inputs)."""
    tangents: Tensor
    """(k, n, inputs): how the inputs change along each direction."""
    directions: Tensor
    """(k, n, d), or (k, 1, d) where all rows share them."""
    known: Tensor
    """c, (n, d)."""
    skip: Tensor
    """(n, 1)."""
    scale: Tensor
    """k, (n, 1)."""
    weight: Tensor
    """lambda, (n, 1)."""
    constant: Tensor
    """||eps / beta||^2, (n, 1)."""

    def rows(self, part: slice) -> ScoreBlock:
        """The rows of one step, as views."""
        shared = self.directions.shape[1] == 1
        directions = self.directions if shared else self.directions[:, part]
        rest = (getattr(self, name)[part] for name in ("known", "skip", "scale", "weight", "constant"))
        return ScoreBlock(self.index, self.inputs[part], self.tangents[:, part], directions, *rest)


class DivergenceLearner(AutogradLearner):
    """Implicit score matching with the exact divergence, by the d directions of the axes."""

    def __init__(self, experiment: Experiment, network: FlatMLP, device: torch.device) -> None:
        super().__init__(network)
        self.experiment = experiment
        self.batches = Batches(experiment, device, network.dtype)
        self._block: ScoreBlock | None = None

    def value(self, step: int) -> Tensor:
        """The mean over the batch of lambda (||s||^2 + 2 div s + ||eps / beta||^2)."""
        index, offset = divmod(step, self.batches.steps)
        if self._block is None or self._block.index != index:
            self._block = None
            self._block = self.block(index)
        batch = self.experiment.training.batch
        part = self._block.rows(slice(offset * batch, (offset + 1) * batch))
        square, divergence = self.square_and_divergence(part)
        return (part.weight * (square + 2.0 * divergence + part.constant)).mean()

    def block(self, index: int) -> ScoreBlock:
        """Block ``index``, a function of (seed, index) alone."""
        experiment, steps = self.experiment, self.batches.steps
        batch = experiment.training.batch
        rng = generator(experiment.training.seed, "training", index)
        z, _ = self.batches.data(batch * steps, rng, index)
        eps = rng.standard_normal(z.shape, dtype=np.float32)
        path = gaussian(experiment)
        t = experiment.objective.times(path.interval("score"), batch, steps, rng, path).reshape(-1)
        return self.problem(index, z, eps, t)

    def problem(self, index: int, z: np.ndarray, eps: np.ndarray, t: np.ndarray) -> ScoreBlock:
        """The block of given draws z, eps (n, d) and t (n,)."""
        path, pre, mean = gaussian(self.experiment), self.batches.preconditioning, self.batches.mean
        z_, eps_, t_ = (torch.from_numpy(values).to(mean) for values in (z, eps, t))
        times = t_[:, None]
        x = path.point(times, eps_, z_)
        directions = self.directions(index, *x.shape).to(mean)
        inputs, tangents = inputs_and_tangents(self.batches.embedding, x, t_, directions)
        skip = pre.skip(times)
        noise = (eps_ / path.beta(times)).square().sum(dim=1, keepdim=True)
        return ScoreBlock(
            index,
            inputs,
            tangents,
            directions,
            pre.shift(times) * mean + skip * (x - path.alpha(times) * mean),
            skip,
            pre.scale(times),
            self.experiment.objective.weigh(path, times),
            noise,
        )

    def directions(self, index: int, n: int, d: int) -> Tensor:
        """The axes, (d, 1, d)."""
        return torch.eye(d)[:, None, :]

    def square_and_divergence(self, part: ScoreBlock) -> tuple[Tensor, Tensor]:
        """||s||^2 and div s, (n, 1) each."""
        f, df = forward_with_tangents(self.layers, self.network.activation, part.inputs, part.tangents)
        d = f.shape[1]
        trace = torch.stack([df[axis, :, axis] for axis in range(d)]).sum(0)[:, None]
        return (part.known + part.scale * f).square().sum(dim=1, keepdim=True), d * part.skip + part.scale * trace


class SlicedLearner(DivergenceLearner):
    """Sliced score matching: random directions v in place of the axes, and v . J v in place of the divergence."""

    def __init__(self, experiment: Experiment, network: FlatMLP, device: torch.device, objective: SlicedScore) -> None:
        super().__init__(experiment, network, device)
        self._objective = objective

    def directions(self, index: int, n: int, d: int) -> Tensor:
        """v, (probes, n, d)."""
        rng = generator(self.experiment.training.seed, "probes", index)
        shape = (self._objective.probes, n, d)
        if self._objective.probe == "gaussian":
            return torch.from_numpy(rng.standard_normal(shape))
        return torch.from_numpy(2.0 * rng.integers(0, 2, shape) - 1.0)

    def square_and_divergence(self, part: ScoreBlock) -> tuple[Tensor, Tensor]:
        """||s||^2 (or the mean of (v . s)^2) and the mean of v . J v, (n, 1) each."""
        f, df = forward_with_tangents(self.layers, self.network.activation, part.inputs, part.tangents)
        v, score = part.directions, part.known + part.scale * f
        sliced = (v * (part.skip * v + part.scale * df)).sum(dim=2, keepdim=True).mean(dim=0)
        if self._objective.variance_reduction:
            return score.square().sum(dim=1, keepdim=True), sliced
        return (v * score).sum(dim=2, keepdim=True).square().mean(dim=0), sliced


def inputs_and_tangents(embedding: Embedding, x: Tensor, t: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """What the network is fed at x (n, d), t (n,), and its derivative along directions (k, n or 1, d): (n, inputs), (k, n, inputs).

    In double precision throughout: the derivative of a fast sine is large.
    """
    times = t.double()
    inputs, tangents = along(lambda point: embedding.both(point, times).t(), x.double(), directions.double())
    return inputs.to(x.dtype), tangents.to(x.dtype)
