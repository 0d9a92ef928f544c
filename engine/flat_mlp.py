"""FlatMLP: a fully connected network whose parameters, and whose gradient, are views of one flat tensor.

An optimiser step, an average, a snapshot and a file are then a few operations on one tensor instead of one for each layer,
and the backward pass, written out here (a few lines for this shape), pays none of autograd's book-keeping. The tests hold it
against autograd.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from engine.networks import ALIGN
from engine.products import linear, product

PLAIN: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": torch.nn.functional.silu,
    "gelu": torch.nn.functional.gelu,
    "tanh": torch.tanh,
    "softplus": torch.nn.functional.softplus,
    "selu": torch.selu,
}
"""phi by name, as autograd knows it."""

SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


def activate(name: str, z: Tensor, out: Tensor | None = None) -> Tensor:
    """phi(z), elementwise, into ``out`` (which may be z) if it is given."""
    ops = torch.ops.aten
    if out is None:
        out = torch.empty_like(z)
    if name == "silu":
        ops.silu.out(z, out=out)
    elif name == "gelu":
        ops.gelu.out(z, out=out)
    elif name == "tanh":
        torch.tanh(z, out=out)
    elif name == "softplus":
        ops.softplus.out(z, out=out)
    elif name == "selu":
        ops.elu.out(z, SELU_ALPHA, SELU_SCALE, 1.0, out=out)
    else:
        raise ValueError(f"no activation is called {name!r}")
    return out


def activation_backward(name: str, gradient: Tensor, z: Tensor, a: Tensor) -> None:
    """gradient <- gradient * phi'(z), given z and a = phi(z)."""
    ops = torch.ops.aten
    if name == "silu":
        ops.silu_backward.grad_input(gradient, z, grad_input=gradient)
    elif name == "gelu":
        ops.gelu_backward.grad_input(gradient, z, grad_input=gradient)
    elif name == "tanh":
        ops.tanh_backward.grad_input(gradient, a, grad_input=gradient)
    elif name == "softplus":
        ops.softplus_backward.grad_input(gradient, z, 1.0, 20.0, grad_input=gradient)
    elif name == "selu":
        ops.elu_backward.grad_input(gradient, SELU_ALPHA, SELU_SCALE, 1.0, True, a, grad_input=gradient)
    else:
        raise ValueError(f"no activation is called {name!r}")


class FlatMLP:
    """y = W_L phi(... phi(W_1 x + b_1) ...) + b_L for x (n, sizes[0]), y (n, sizes[-1])."""

    def __init__(
        self, sizes: tuple[int, ...], activation: str, *, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
    ) -> None:
        self.sizes = sizes
        self.activation = activation
        self.device = torch.device(device)
        self.dtype = dtype or torch.float32
        self._slots: list[tuple[int, tuple[int, ...]]] = []
        offset = 0
        for wide, high in pairwise(sizes):
            for shape in ((high, wide), (high,)):
                self._slots.append((offset, shape))
                offset += -(-math.prod(shape) // ALIGN) * ALIGN
        self.weights = torch.zeros(offset, device=self.device, dtype=self.dtype)
        self.gradient = torch.zeros(offset, device=self.device, dtype=self.dtype)
        self.layers = self.views(self.weights)
        self._rows = 0
        self._before: list[Tensor] = []
        self._after: list[Tensor] = []
        self._slopes: list[Tensor] = []
        self._gradients = self.views(self.gradient)

    def views(self, flat: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(W, b) of each layer as views of a flat tensor."""
        views = [flat[offset : offset + math.prod(shape)].view(shape) for offset, shape in self._slots]
        return list(zip(views[::2], views[1::2], strict=True))

    def adopt(self, weights: Tensor) -> None:
        """Use these flat weights from now on (kept, not copied)."""
        self.weights = weights
        self.layers = self.views(weights)

    def initialise(self, rng: np.random.Generator) -> None:
        """Weights N(0, 1/fan_in) (He's factor for the smooth activations), biases zero, last layer zero: the network starts as f = 0."""
        gain = 1.0 if self.activation in ("tanh", "selu") else math.sqrt(2.0)
        self.weights.zero_()
        for weight, bias in self.layers[:-1]:
            draw = rng.standard_normal(tuple(weight.shape)) * (gain / math.sqrt(weight.shape[1]))
            weight.copy_(torch.from_numpy(draw))
            shift = rng.uniform(-1.0, 1.0, tuple(bias.shape)) / math.sqrt(weight.shape[1])
            bias.copy_(torch.from_numpy(shift))

    def forward(self, x: Tensor) -> Tensor:
        """y, (n, sizes[-1]). The plain path: the oracle of the fast ones, and what autograd differentiates."""
        for weight, bias in self.layers[:-1]:
            x = PLAIN[self.activation](torch.nn.functional.linear(x, weight, bias))
        weight, bias = self.layers[-1]
        return torch.nn.functional.linear(x, weight, bias)

    def loss_and_gradient(self, x: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """The mean over rows of weight * ||y - target||^2, shape (), leaving its gradient in ``gradient``; weight is (n, 1)."""
        name, n, last = self.activation, len(x), len(self.layers) - 1
        if n != self._rows:
            self._allocate(n)
        into = [x, *self._after]
        sums: list[Tensor] = []
        for k, (w, b) in enumerate(self.layers):
            sums.append(linear(into[k], w, b, out=self._before[k]))
            if k < last:
                activate(name, sums[k], out=into[k + 1])
        error = sums[last].sub_(target)
        g = torch.mul(error, weight, out=self._slopes[last]).mul_(1.0 / n)
        loss = torch.dot(g.view(-1), error.view(-1))
        g.mul_(2.0)
        for k in range(last, -1, -1):
            gradient_w, gradient_b = self._gradients[k]
            product(g.t(), into[k], out=gradient_w, copy=True)
            torch.sum(g, 0, out=gradient_b)
            if k:
                g = product(g, self.layers[k][0], out=self._slopes[k - 1])
                activation_backward(name, g, sums[k - 1], into[k])
        return loss

    def _allocate(self, n: int) -> None:
        """Room for what a step of n rows keeps between forward and backward."""
        self._rows = n
        self._before, self._slopes = ([torch.empty(n, size, device=self.device, dtype=self.dtype) for size in self.sizes[1:]] for _ in "zg")
        self._after = [torch.empty_like(z) for z in self._before[:-1]]
