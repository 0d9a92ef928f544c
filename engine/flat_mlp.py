"""FlatMLP: a fully connected network whose parameters, and whose gradient, are views of one flat tensor.

An optimiser step, an average, a snapshot and a file are then a few operations on one tensor instead of one for each layer,
and the backward pass, written out here (a few lines for this shape), pays none of autograd's book-keeping. The tests hold it
against autograd.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from engine.products import linear, matmul_into

ALIGN = 16
"""Every view starts at a multiple of 16 numbers (64 bytes of float32): roundings then do not depend on where it lies."""

SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


def activate(name: str, z: Tensor) -> Tensor:
    """phi(z), elementwise."""
    if name == "silu":
        return torch.nn.functional.silu(z)
    if name == "gelu":
        return torch.nn.functional.gelu(z)
    if name == "tanh":
        return torch.tanh(z)
    if name == "softplus":
        return torch.nn.functional.softplus(z)
    if name == "selu":
        return torch.selu(z)
    raise ValueError(f"no activation is called {name!r}")


def activation_backward(name: str, gradient: Tensor, z: Tensor, a: Tensor) -> Tensor:
    """gradient * phi'(z), given z and a = phi(z); may overwrite ``gradient``."""
    ops = torch.ops.aten
    out: Tensor
    if name == "silu":
        out = ops.silu_backward.grad_input(gradient, z, grad_input=gradient)
    elif name == "gelu":
        out = ops.gelu_backward.grad_input(gradient, z, grad_input=gradient)
    elif name == "tanh":
        out = ops.tanh_backward.grad_input(gradient, a, grad_input=gradient)
    elif name == "softplus":
        out = ops.softplus_backward.grad_input(gradient, z, 1.0, 20.0, grad_input=gradient)
    else:
        out = ops.elu_backward.grad_input(gradient, SELU_ALPHA, SELU_SCALE, 1.0, True, a, grad_input=gradient)
    return out


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
        self._gradients = self.views(self.gradient)

    def views(self, flat: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(W, b) of each layer as views of a flat tensor."""
        views = [flat[offset : offset + math.prod(shape)].view(shape) for offset, shape in self._slots]
        return list(zip(views[::2], views[1::2], strict=True))

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
            x = activate(self.activation, torch.nn.functional.linear(x, weight, bias))
        weight, bias = self.layers[-1]
        return torch.nn.functional.linear(x, weight, bias)

    def loss_and_gradient(self, x: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """The mean over rows of weight * ||y - target||^2, shape (), leaving its gradient in ``gradient``; weight is (n, 1)."""
        name = self.activation
        before: list[Tensor] = [x]
        sums: list[Tensor] = []
        for w, b in self.layers[:-1]:
            z = linear(before[-1], w, b)
            sums.append(z)
            before.append(activate(name, z))
        w, b = self.layers[-1]
        error = linear(before[-1], w, b).sub_(target)
        weighted = error * weight
        loss = torch.dot(weighted.view(-1), error.view(-1)).div_(len(x))
        g = weighted.mul_(2.0 / len(x))
        for k in range(len(self.layers) - 1, -1, -1):
            w, b = self.layers[k]
            gw, gb = self._gradients[k]
            matmul_into(g.t(), before[k], gw)
            torch.sum(g, 0, out=gb)
            if k:
                g = activation_backward(name, linear(g, w.t(), None), sums[k - 1], before[k])
        return loss
