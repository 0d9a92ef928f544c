"""AdamW and the averaged weights, on one flat tensor each.

    m <- b1 m + (1 - b1) g,   v <- b2 v + (1 - b2) g^2
    w <- (1 - eta lambda) w - eta m^ / (sqrt(v^) + eps),   m^ = m / (1 - b1^k),   v^ = v / (1 - b2^k)

Source: Loshchilov & Hutter 1711.05101. The average follows Karras 2312.02696: its memory grows with the steps done until it reaches
the one asked for, so that early on the average is not the start.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from engine.training_state import TrainingState

B1, EPS = 0.9, 1e-8
POWER = 8.0
"""Early on the average weighs step j of k by about (j / k)^POWER."""


class Adam:
    """Works in place on ``weights`` given ``gradient``; keeps m, v and the average."""

    def __init__(self, weights: Tensor, gradient: Tensor, beta2: float = 0.99) -> None:
        self.weights, self.gradient, self.beta2 = weights, gradient, beta2
        self.first, self.second = torch.zeros_like(weights), torch.zeros_like(weights)
        self.ema = weights.clone()
        self.steps_done = 0
        self._count = torch.zeros((), device=weights.device)

    def step(self, rate: float, weight_decay: float, memory: float) -> None:
        """One update of the weights at learning rate ``rate``, and of their average."""
        self.steps_done += 1
        if fused_available(self.weights.device):
            self._fused(rate, weight_decay)
        else:
            self._plain(rate, weight_decay)
        self.ema.lerp_(self.weights, 1.0 - min(memory, (1.0 - 1.0 / self.steps_done) ** (POWER + 1.0)))

    def _plain(self, rate: float, weight_decay: float) -> None:
        k, w, m, v, g, b2 = self.steps_done, self.weights, self.first, self.second, self.gradient, self.beta2
        m.lerp_(g, 1.0 - B1)
        v.mul_(b2).addcmul_(g, g, value=1.0 - b2)
        w.mul_(1.0 - rate * weight_decay)
        w.addcdiv_(m, v.div(1.0 - b2**k).sqrt_().add_(EPS), value=-rate / (1.0 - B1**k))

    def _fused(self, rate: float, weight_decay: float) -> None:
        """The same in one pass over memory, by the function behind torch.optim.AdamW(fused=True)."""
        torch._fused_adamw_(
            [self.weights],
            [self.gradient],
            [self.first],
            [self.second],
            [],
            [self._count.fill_(self.steps_done)],
            lr=rate,
            beta1=B1,
            beta2=self.beta2,
            weight_decay=weight_decay,
            eps=EPS,
            amsgrad=False,
            maximize=False,
        )

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


@cache
def fused_available(device: torch.device) -> bool:
    """Whether torch's fused update is there on this device and agrees with the plain one."""
    results = []
    for method in (Adam._plain, Adam._fused):
        weights = torch.linspace(-1.0, 1.0, 64, device=device)
        adam = Adam(weights, weights.cos())
        try:
            for adam.steps_done in (1, 2):
                method(adam, 0.1, 0.01)
        except (AttributeError, TypeError, RuntimeError):
            return False
        results.append(weights)
    plain, fused = results
    return bool(torch.allclose(plain, fused, rtol=0, atol=1e-5))
