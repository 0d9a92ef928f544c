"""LearnedField: a trained network as a field, its native prediction at one time t for many points."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engine.batches import batches_of, moments
from engine.choice import Problem
from engine.chunks import by_chunks
from engine.embedding import Embedding, GeneralEmbedding
from engine.fields.tangents import network_along
from engine.flat_mlp import activate
from engine.label_embedding import LabelEmbedding
from engine.learners.tangents import along
from engine.paths import GaussianPath
from engine.preconditioning import Preconditioning
from engine.products import linear_swish
from engine.sources import source_law

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.training_state import TrainingState

Affine = tuple[float, float, Tensor] | tuple[Tensor, Tensor, Tensor]
CHUNK = 2_048
"""Rows evaluated together, so that a layer stays in the cache."""


class LearnedField:
    """The network of ``experiment`` with the given flat weights (kept, not copied), in standardised coordinates."""

    def __init__(self, experiment: Experiment, weights: Tensor) -> None:
        self.experiment = experiment
        self.path = experiment.field_path()
        self.prediction = experiment.objective.prediction
        self.interval = experiment.interval()
        self.source = source_law(experiment)
        self.dimension = experiment.target.dimension
        self.device, self.dtype = weights.device, weights.dtype
        self.mean: np.ndarray
        self.covariance: np.ndarray
        self.mean, self.covariance = moments(experiment)
        batches = batches_of(experiment, weights.device, weights.dtype)
        self._embedding = batches.fed
        self._mean = batches.mean
        self._preconditioning = batches.preconditioning
        network = experiment.build(weights.device, weights.dtype)
        network.adopt(weights)
        self._layers = network.layers
        self._plain_network = network.forward

    @torch.no_grad()
    def __call__(self, x: Tensor, t: float | Tensor) -> Tensor:
        """The objective's own prediction at x (n, d): (n, d), or (n, 2d) for velocity and noise; t is a number or (n,). No gradients."""
        if isinstance(t, Tensor) and t.ndim:
            return self.plain(x, t)
        time = torch.tensor([float(t)], device=self.device, dtype=self.dtype)
        first, bias = self._layers[0]
        features = self._embedding.time(time)
        split = first.shape[1] - len(features)
        # the time is the same for all rows: its part of the first layer is a part of the bias
        bias = torch.addmv(bias, first[:, split:], features[:, 0])
        first = first[:, :split].contiguous()
        affine = self._affine(float(t))
        out = x.new_empty(len(x), len(self._layers[-1][1]))

        def evaluate(rows: slice) -> None:
            part = x[rows]
            f = self._network(self._embedding.point(part, time).t(), first, bias)
            _join(affine, part, f, out[rows])

        if self.device.type == "cpu":
            by_chunks(evaluate, len(x), CHUNK)
        elif len(x):
            evaluate(slice(None))
        return out

    def plain(self, x: Tensor, t: float | Tensor) -> Tensor:
        """The same by the network's plain path in one piece: slower, and differentiable in x; t is a number, or (n,)."""
        if isinstance(t, Tensor) and t.ndim:
            time = t.to(self.device, self.dtype)
        else:
            time = torch.full((len(x),), float(t), device=self.device, dtype=self.dtype)
        scale, skip, offset = self._affine(float(t)) if not isinstance(t, Tensor) or not t.ndim else self._affines(t)
        f = self._plain_network(self._embedding.both(x, time).t())
        x = x if f.shape[1] == x.shape[1] else torch.cat([x, x], dim=1)
        result: Tensor = offset + skip * x + scale * f
        return result

    @torch.no_grad()
    def along(self, x: Tensor, t: float, directions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The native prediction (n, d or 2d), and its derivatives along ``directions`` (k, 1 or n, d), (k, n, d or 2d); None: the axes."""
        fed, d = self._embedding, x.shape[1]
        inner = fed.inner if isinstance(fed, LabelEmbedding) else fed
        if not isinstance(inner, Embedding | GeneralEmbedding):
            axes = torch.eye(d, device=x.device, dtype=x.dtype)[:, None, :] if directions is None else directions
            return along(lambda point: self.plain(point, t), x, axes)
        weight, bias = self._layers[0]
        features = fed.time(torch.tensor([t], device=self.device, dtype=self.dtype))
        bias = torch.addmv(bias, weight[:, weight.shape[1] - len(features) :], features[:, 0])
        f, slopes = network_along(inner, self._layers, self.experiment.network.activation, bias, x, t, directions)
        scale, skip, offset = self._affine(t)
        moved = torch.eye(d, device=x.device, dtype=x.dtype)[:, None, :] if directions is None else directions
        copies = f.shape[1] // d
        return offset + skip * x.repeat(1, copies) + scale * f, skip * moved.repeat(1, 1, copies) + scale * slopes

    def with_label(self, label: int | None) -> LearnedField:
        """The field of p(x|y) for a label from 0; None: that of p(x), as it is at first. Raises Problem if the network knows no labels."""
        if not isinstance(self._embedding, LabelEmbedding):
            raise Problem("The network was not told any labels.")
        bound = copy(self)
        bound._embedding = self._embedding.with_label(label)
        if label is not None:
            density, frame = self.experiment.target.of_class(label), self.experiment.target.frame()
            bound.mean, bound.covariance = frame.inward(density.mean()), density.covariance() / np.outer(frame.scale, frame.scale)
        return bound

    def gaussian_beside(self) -> GaussianPath | None:
        """The Gaussian path that the velocity of two heads belongs to besides, if there is one."""
        return self.experiment.gaussian_beside()

    def score_refusal(self) -> str | None:
        """Why this network tells no score, in one sentence; None if it does."""
        return self.experiment.score_refusal()

    def _affine(self, t: float) -> Affine:
        """(scale, skip, offset) of prediction = offset + skip x + scale f at one time: numbers, or (heads d,) each."""
        pre = self._preconditioning
        if isinstance(pre, Preconditioning):
            scale, skip = float(pre.scale(t)), float(pre.skip(t))
            return scale, skip, self._mean * (float(pre.shift(t)) - skip * float(pre.path.alpha(t)))
        scales, skips, offsets = pre.affine(torch.tensor([[t]], device=self.device, dtype=torch.float64))
        return scales[0].to(self.dtype), skips[0].to(self.dtype), offsets[0].to(self.dtype)

    def _affines(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same for times t (n,), (n, 1) or (n, heads d) each."""
        pre, times = self._preconditioning, t.to(self.device, torch.float64)[:, None]
        if isinstance(pre, Preconditioning):
            scale, skip = pre.scale(times), pre.skip(times)
            offset = (pre.shift(times) - skip * pre.path.alpha(times)) * self._mean
        else:
            scale, skip, offset = pre.affine(times)
        return scale.to(self.dtype), skip.to(self.dtype), offset.to(self.dtype)

    def _network(self, h: Tensor, first: Tensor, bias: Tensor) -> Tensor:
        name = self.experiment.network.activation
        for weight, shift in [(first, bias), *self._layers[1:-1]]:
            h = linear_swish(h, weight, shift) if name == "silu" else activate(name, torch.nn.functional.linear(h, weight, shift))
        return torch.nn.functional.linear(h, *self._layers[-1])


def _join(affine: Affine, x: Tensor, f: Tensor, out: Tensor) -> None:
    """out = offset + skip x + scale f."""
    scale, skip, offset = affine
    if isinstance(scale, Tensor) and isinstance(skip, Tensor):
        torch.addcmul(torch.addcmul(offset, skip, x.repeat(1, f.shape[1] // x.shape[1])), scale, f, out=out)
    elif not isinstance(scale, Tensor) and not isinstance(skip, Tensor):
        torch.add(torch.add(offset, x, alpha=skip), f, alpha=scale, out=out)


def load_field(experiment: Experiment, state: TrainingState, device: str = "cpu") -> LearnedField:
    """The field of the averaged weights of a training state."""
    return field_of(experiment, state.ema, device)


def field_of(experiment: Experiment, weights: np.ndarray, device: str = "cpu") -> LearnedField:
    """The field of flat weights (P,), for instance those of a checkpoint. Raises Problem if they are not this network's."""
    from engine.devices import resolve

    length = experiment.flat_length()
    if len(weights) != length:
        raise Problem(f"the weights kept are {len(weights)} numbers, and this network has {length}.")
    return experiment.objective.field(experiment, torch.from_numpy(weights.copy()).to(resolve(device)))
