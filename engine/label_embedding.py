"""LabelEmbedding: what the network is fed, and behind it the label: 1 in its place, 0 elsewhere; the last place is "no label"."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Labels = NDArray[np.int64]


class PointAndTime(Protocol):
    """An embedding of the point and of the time, a row for each feature."""

    def point(self, x: Tensor, t: Tensor) -> Tensor:
        """(features, n)."""
        ...

    def time(self, t: Tensor) -> Tensor:
        """(features, n)."""
        ...


@dataclass(frozen=True)
class LabelEmbedding:
    """``inner`` with one label for all points: None is "no label". The label counts as a feature of the time, being constant like it."""

    inner: PointAndTime
    classes: int
    given: int | None = None

    def with_label(self, label: int | None) -> LabelEmbedding:
        """The same for another label, from 0; None for none."""
        return replace(self, given=label)

    def point(self, x: Tensor, t: Tensor) -> Tensor:
        """The point's features, (features, n)."""
        return self.inner.point(x, t)

    def time(self, t: Tensor) -> Tensor:
        """The time's features and the label's, (features, n)."""
        one = torch.zeros(self.classes + 1, len(t), device=t.device, dtype=t.dtype)
        one[self.classes if self.given is None else self.given] = 1.0
        return torch.cat([self.inner.time(t), one])

    def both(self, x: Tensor, t: Tensor) -> Tensor:
        """All that the network is fed, (inputs, n)."""
        return torch.cat([self.point(x, t), self.time(t)])

    def write(self, inputs: Tensor, labels: Labels, dropout: float, rng: np.random.Generator) -> None:
        """Into the last columns of ``inputs`` (n, features): the label of each row (n,), hidden with probability ``dropout``."""
        told = np.where(rng.random(len(labels)) < dropout, self.classes, labels)
        columns = inputs[:, -(self.classes + 1) :]
        columns.zero_()
        columns[torch.arange(len(told), device=inputs.device), torch.from_numpy(told).to(inputs.device)] = 1.0
