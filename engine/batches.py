"""Batches: the training data of a block of steps drawn at once, each block a function of (seed, block) alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from engine.embedding import Embedding, GeneralEmbedding
from engine.epochs import FixedSet, fixed_data, fixed_source
from engine.label_embedding import LabelEmbedding, Labels
from engine.labels import LabelCondition
from engine.objectives.joint import JointObjective
from engine.pairing import Pairings, block_steps, paired
from engine.paths import GaussianPath
from engine.preconditioning import GeneralPreconditioning, Preconditioning
from engine.randomness import generator
from engine.sources import source_law

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


class BatchesBase:
    """What all batches share: blocks of as many steps as fit."""

    embedding: Embedding | GeneralEmbedding

    def __init__(self, experiment: Experiment, device: torch.device, dtype: torch.dtype) -> None:
        self.experiment = experiment
        self.device = device
        self.dtype = dtype
        self.frame = experiment.target.frame()
        self.steps = max(1, min(BLOCK_STEPS, BLOCK_POINTS // experiment.training.batch, block_steps(experiment)))

    def block(self, index: int) -> Block:
        """Block ``index``: steps index * self.steps onward."""
        raise TypeError(f"{type(self).__name__} draws no blocks")

    def close(self) -> None:
        """End what works in the background, if anything does."""

    def inputs(self, x: Tensor, t: Tensor) -> Tensor:
        """What the network is fed at x (n, d), t (n,), (n, inputs), by pieces that stay in the cache."""
        inputs = torch.empty(len(t), self.experiment.sizes()[0], device=self.device, dtype=self.dtype)
        rows = CACHED_ROWS if self.device.type == "cpu" else len(t)
        for part in range(0, len(t), rows):
            piece = slice(part, part + rows)
            inputs[piece] = self.fed.both(x[piece], t[piece]).t()
        return inputs

    @cached_property
    def fed(self) -> Embedding | GeneralEmbedding | LabelEmbedding:
        """What the network is fed: the embedding, and behind it "no label" where the network is told labels."""
        if not self.experiment.condition.conditional:
            return self.embedding
        return LabelEmbedding(self.embedding, self.experiment.target.classes)

    @cached_property
    def _fixed(self) -> FixedSet | None:
        return fixed_data(self.experiment)

    def data(self, n: int, rng: np.random.Generator, index: int) -> tuple[np.ndarray, Labels | None]:
        """The n points of block ``index``, (n, d) float32 in standardised coordinates, and their labels where the network is told them."""
        if self._fixed is not None:
            x, labels = self._fixed.rows(index * n, n)
            return x.astype(np.float32), labels
        target = self.experiment.target
        x, labels = target.sample_labelled(n, rng) if self.experiment.condition.conditional else (target.sample(n, rng), None)
        return self.frame.inward(x).astype(np.float32), labels

    def told(self, block: Block, index: int, labels: Labels | None) -> Block:
        """The block with the label of each row in its inputs, hidden now and then."""
        fed, condition = self.fed, self.experiment.condition
        if labels is not None and isinstance(fed, LabelEmbedding) and isinstance(condition, LabelCondition):
            fed.write(block.inputs, labels, condition.dropout, generator(self.experiment.training.seed, "labels", index))
        return block

    def tensor(self, draws: Any) -> Tensor:
        """A numpy array on the device."""
        return torch.from_numpy(draws).to(device=self.device, dtype=self.dtype)


class Batches(BatchesBase):
    """On a Gaussian path: draws z, eps and t, and turns them into what the network regresses."""

    def __init__(self, experiment: Experiment, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(experiment, device, dtype)
        mean, covariance = moments(experiment)
        path = experiment.gaussian_path()
        assert path is not None
        self.path = path
        self.preconditioning = Preconditioning(
            path, experiment.objective.prediction, float(np.trace(covariance)) / len(mean), experiment.network.residual
        )
        self.mean = torch.from_numpy(mean).to(device=device, dtype=dtype)
        self.embedding: Embedding = Embedding(experiment.network, self.preconditioning, self.mean)

    def block(self, index: int) -> Block:
        """Block ``index``: steps index * self.steps onward."""
        experiment = self.experiment
        batch, steps = experiment.training.batch, self.steps
        rng = generator(experiment.training.seed, "training", index)
        z, labels = self.data(batch * steps, rng, index)
        eps = rng.standard_normal(z.shape, dtype=np.float32)
        t = experiment.objective.times(experiment.interval(), batch, steps, rng, self.path)
        return self.told(self.problem(index * steps, z, eps, t.reshape(-1)), index, labels)

    def problem(self, first: int, z: Any, eps: Any, t: Any) -> Block:
        """The regression problem of given draws z, eps (n, d) and t (n,), numpy: inputs, what f regresses, and w(t) scale(t)^2."""
        z, eps, t = (self.tensor(draws) for draws in (z, eps, t))
        times = t[:, None]
        path, pre = self.path, self.preconditioning
        x = path.point(times, eps, z)
        scale = pre.scale(times)
        weight = self.experiment.objective.weigh(path, times) * scale * scale
        return Block(first, self.steps, self.inputs(x, t), pre.target(times, z, eps, self.mean), weight)


class GeneralBatches(BatchesBase):
    """Between any two laws: draws (x0, x1) by the coupling, eps and t, and turns them into what the network regresses."""

    def __init__(self, experiment: Experiment, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(experiment, device, dtype)
        self.path = experiment.field_path()
        self.source = source_law(experiment)
        (mean, covariance), d = moments(experiment), experiment.target.dimension
        self.preconditioning = GeneralPreconditioning(
            path=self.path,
            heads=experiment.objective.heads,
            source_mean=self.tensor(self.source.mean),
            source_variance=float(np.trace(self.source.covariance)) / d,
            mean=self.tensor(mean),
            variance=float(np.trace(covariance)) / d,
            residual=experiment.network.residual,
            second=experiment.objective.second if isinstance(experiment.objective, JointObjective) else "noise",
        )
        self.mean = self.preconditioning.mean
        self.embedding: GeneralEmbedding = GeneralEmbedding(experiment.network, self.preconditioning, not self.source.standard)

    @cached_property
    def _pairings(self) -> Pairings:
        return Pairings(self.experiment)

    @cached_property
    def _fixed_source(self) -> FixedSet | None:
        return fixed_source(self.experiment, self.source)

    def pairs(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, Labels | None]:
        """(x0, x1) of block ``index``, (steps * batch, d) each, standardised coordinates, and the labels of x1 where they are told."""
        if paired(self.experiment):
            return *self._pairings.block(index * self.steps, self.steps), None
        n = self.experiment.training.batch * self.steps
        x1, labels = self.data(n, rng, index)
        x0 = self.source.sample(n, rng) if self._fixed_source is None else self._fixed_source.rows(index * n, n)[0]
        return x0.astype(np.float32), x1, labels

    def close(self) -> None:
        if paired(self.experiment):
            self._pairings.close()

    def block(self, index: int) -> Block:
        """Block ``index``: steps index * self.steps onward."""
        experiment = self.experiment
        rng = generator(experiment.training.seed, "training", index)
        x0, x1, labels = self.pairs(index, rng)
        eps = rng.standard_normal(x0.shape, dtype=np.float32) if self.path.has_latent_noise else None
        t = experiment.objective.times(experiment.interval(), experiment.training.batch, self.steps, rng, self.path)
        return self.told(self.problem(index * self.steps, x0, x1, eps, t.reshape(-1)), index, labels)

    def problem(self, first: int, x0: Any, x1: Any, eps: Any, t: Any) -> Block:
        """The regression problem of given draws x0, x1, eps (n, d) and t (n,), numpy: inputs, what f regresses, and w(t) scale(t)^2."""
        x0, x1, t = self.tensor(x0), self.tensor(x1), self.tensor(t)
        eps = None if eps is None else self.tensor(eps)
        times, pre = t[:, None], self.preconditioning
        x = self.path.point(times, x0, x1, eps)
        scale, skip, offset = pre.affine(times)
        rest = pre.value(times, x0, x1, eps) - offset - skip * x.repeat(1, pre.heads)
        weight = self.experiment.objective.weigh(self.path, times) * scale * scale
        objective, d = self.experiment.objective, x.shape[1]
        if isinstance(objective, JointObjective):
            weight[:, d:] = objective.weigh_noise(self.path, times) * scale[:, d:] ** 2
        return Block(first, self.steps, self.inputs(x, t), rest / scale.clamp(min=TINY), weight)


TINY = 1e-20
"""A scale of zero (where the rate of x is known) makes a target of zero, not of 0/0."""


def batches_of(experiment: Experiment, device: torch.device, dtype: torch.dtype = torch.float32) -> Batches | GeneralBatches:
    """The batches that an experiment is trained on."""
    gaussian = isinstance(experiment.field_path(), GaussianPath)
    return Batches(experiment, device, dtype) if gaussian else GeneralBatches(experiment, device, dtype)


def moments(experiment: Experiment) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and covariance (d, d) of the data in standardised coordinates."""
    density, frame = experiment.target.density(), experiment.target.frame()
    mean = (density.mean() - frame.shift) / frame.scale
    return mean, density.covariance() / np.outer(frame.scale, frame.scale)
