"""AutogradLearner: losses that the handwritten backward pass does not know, by torch's automatic differentiation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from engine.flat_mlp import FlatMLP

Layers = list[tuple[Tensor, Tensor]]


class AutogradLearner:
    """Subclasses give ``value(step)``, a loss made of ``self.layers``: leaves that share the network's memory."""

    def __init__(self, network: FlatMLP) -> None:
        self.network = network
        self.layers: Layers = [(w.detach().requires_grad_(), b.detach().requires_grad_()) for w, b in network.layers]
        self._leaves = [part for layer in self.layers for part in layer]
        self._gradients = [part for layer in network.views(network.gradient) for part in layer]

    def value(self, step: int) -> Tensor:
        """The loss of one step, shape (), with its graph."""
        raise TypeError(f"{type(self).__name__} defines no loss")

    def loss(self, step: int) -> Tensor:
        """The loss of one step; its gradient is in the network's ``gradient``."""
        with torch.enable_grad():
            value = self.value(step)
            found = torch.autograd.grad(value, self._leaves)
        for own, gradient in zip(self._gradients, found, strict=True):
            own.copy_(gradient)
        return value.detach()

    def close(self) -> None:
        """Nothing works in the background."""
