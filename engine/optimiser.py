"""AdamW and the averaged weights, on one flat tensor each.

    m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g^2
    w <- (1 - eta lambda) w - eta m^ / (sqrt(v^) + eps),   m^ = m / (1 - b1^k),   v^ = v / (1 - b2^k)

Source: Loshchilov & Hutter 1711.05101. The average follows Karras 2312.02696: its memory grows with the steps done until it reaches
the one asked for, so that early on the average is not the start.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.training_state import TrainingState

B1, B2, EPS = 0.9, 0.99, 1e-8
POWER = 8.0
"""Early on the average weighs step j of k by about (j / k)^POWER."""


class Adam:
    """Works in place on ``weights`` given ``gradient``; keeps m, v and the average."""

    def __init__(self, weights: Tensor, gradient: Tensor) -> None:
        self.weights, self.gradient = weights, gradient
        self.first, self.second = torch.zeros_like(weights), torch.zeros_like(weights)
        self.ema = weights.clone()
        self.steps_done = 0

    def step(self, rate: float, weight_decay: float, memory: float) -> None:
        """One update of the weights at learning rate ``rate`` and of their average."""
        self.steps_done += 1
        k = self.steps_done
        w, m, v, g = self.weights, self.first, self.second, self.gradient
        m.lerp_(g, 1.0 - B1)
        v.mul_(B2).addcmul_(g, g, value=1.0 - B2)
        if weight_decay:
            w.mul_(1.0 - rate * weight_decay)
        root = v.sqrt().add_(EPS * math.sqrt(1.0 - B2**k))
        w.addcdiv_(m, root, value=-rate * math.sqrt(1.0 - B2**k) / (1.0 - B1**k))
        self.ema.lerp_(w, 1.0 - min(memory, (1.0 - 1.0 / k) ** (POWER + 1.0)))

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(weights, ema, m, v)."""
        return self.weights, self.ema, self.first, self.second

    def state(self) -> TrainingState:
        """A copy, as numpy."""
        weights, ema, first, second = (tensor.detach().to("cpu", torch.float32).numpy().copy() for tensor in self.tensors())
        return TrainingState(step=self.steps_done, weights=weights, ema=ema, first=first, second=second)

    def load(self, state: TrainingState) -> None:
        """Go on from a state."""
        for own, kept in zip(self.tensors(), (state.weights, state.ema, state.first, state.second), strict=True):
            own.copy_(torch.from_numpy(kept))
        self.steps_done = state.step
