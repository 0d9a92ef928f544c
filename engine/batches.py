"""Batches: the training data of a block of steps drawn at once, each block a function of (seed, block) alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from engine.choice import Problem
from engine.embedding import Embedding
from engine.preconditioning import Preconditioning
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.experiment import Experiment

BLOCK_STEPS = 32
CACHED_ROWS = 1_024
BLOCK_POINTS = 65_536
"""A block holds at most 32 steps, and at most about this many points (but at least one step)."""


@dataclass(frozen=True)
class Block:
    """The regression problem of consecutive steps: rows k*batch ... (k+1)*batch belong to step first + k."""

    first: int
    steps: int
    inputs: Tensor
    target: Tensor
    weight: Tensor

    def step(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """(inputs, target, weight) of one step as views."""
        batch = len(self.target) // self.steps
        rows = slice((step - self.first) * batch, (step - self.first + 1) * batch)
        return self.inputs[rows], self.target[rows], self.weight[rows]


class Batches:
    """Draws z, eps and t, and turns them into what the network regresses."""

    def __init__(self, experiment: Experiment, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self.experiment = experiment
        self.device = device
        self.dtype = dtype
        self.frame = experiment.target.frame()
        mean, covariance = moments(experiment)
        path = experiment.gaussian_path()
        if path is None:
            raise Problem("no network can be trained on this path yet.")
        self.path = path
        self.preconditioning = Preconditioning(
            path, experiment.objective.prediction, float(np.trace(covariance)) / len(mean), experiment.network.residual
        )
        self.mean = torch.from_numpy(mean).to(device=device, dtype=dtype)
        self.embedding = Embedding(experiment.network, self.preconditioning, self.mean)
        self.steps = max(1, min(BLOCK_STEPS, BLOCK_POINTS // experiment.training.batch))

    def block(self, index: int) -> Block:
        """Block ``index``: steps index * self.steps onward."""
        experiment = self.experiment
        batch, steps = experiment.training.batch, self.steps
        rng = generator(experiment.training.seed, "training", index)
        z = self.frame.inward(experiment.target.sample(batch * steps, rng)).astype(np.float32)
        eps = rng.standard_normal(z.shape, dtype=np.float32)
        t = experiment.objective.times(experiment.interval(), batch, steps, rng, self.path)
        return self.problem(index * steps, z, eps, t.reshape(-1))

    def problem(self, first: int, z: Any, eps: Any, t: Any) -> Block:
        """The regression problem of given draws z, eps (n, d) and t (n,), numpy: inputs, what f regresses, and w(t) scale(t)^2."""
        z, eps, t = (torch.from_numpy(draws).to(device=self.device, dtype=self.dtype) for draws in (z, eps, t))
        times = t[:, None]
        path, pre = self.path, self.preconditioning
        x = path.point(times, eps, z)
        scale = pre.scale(times)
        weight = self.experiment.objective.weigh(path, times) * scale * scale
        inputs = torch.empty(len(t), self.experiment.network.inputs(x.shape[1]), device=self.device, dtype=self.dtype)
        rows = CACHED_ROWS if self.device.type == "cpu" else len(t)
        for part in range(0, len(t), rows):
            piece = slice(part, part + rows)
            inputs[piece] = self.embedding.both(x[piece], t[piece]).t()
        return Block(first, self.steps, inputs, pre.target(times, z, eps, self.mean), weight)


def moments(experiment: Experiment) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and covariance (d, d) of the data in standardised coordinates."""
    density, frame = experiment.target.density(), experiment.target.frame()
    mean = (density.mean() - frame.shift) / frame.scale
    return mean, density.covariance() / np.outer(frame.scale, frame.scale)
