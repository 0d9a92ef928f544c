"""MeanFlowField: a network of the average velocity, for jumps; at equal times it is a velocity for any sampler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from engine.average_velocity import AverageVelocity, OneTime
from engine.embedding import Embedding
from engine.fields.learned import CHUNK, LearnedField

if TYPE_CHECKING:
    from engine.experiment import Experiment


class MeanFlowField(LearnedField):
    """The network of a one-step experiment with the given flat weights (kept, not copied)."""

    def __init__(self, experiment: Experiment, weights: Tensor) -> None:
        super().__init__(experiment, weights)
        embedding: Any = self._embedding
        assert isinstance(embedding, Embedding)
        self._average = AverageVelocity(embedding, self._mean)
        alike: Any = OneTime(embedding)
        self._embedding = alike

    @torch.no_grad()
    def average(self, x: Tensor, r: float, t: float) -> Tensor:
        """u(x, r, t), (n, d): the velocity averaged over [r, t] along the flow through x (n, d) at time r; x + (t - r) u is at time t."""
        parts = []
        for rows in torch.split(x, CHUNK if self.device.type == "cpu" else max(1, len(x))):
            starts, ends = torch.full_like(rows[:, 0], r), torch.full_like(rows[:, 0], t)
            known, scale = self._average.known(rows.double(), starts.double(), ends.double())
            f = self._plain_network(self._average.inputs(rows, starts, ends))
            parts.append(known.to(x.dtype) + scale.to(x.dtype) * f)
        return torch.cat(parts)
