"""The network together with its derivatives along given directions, in one forward pass that autograd can differentiate once more.

For z = W h + b and a = phi(z), a direction dh of the input goes on as dz = W dh, da = phi'(z) dz. k directions cost k more products.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from engine.flat_mlp import SELU_ALPHA, SELU_SCALE
from engine.learners.autograd import Layers

_ROOT_HALF = math.sqrt(0.5)
_PHI_0 = 1.0 / math.sqrt(2.0 * math.pi)
Pair = tuple[Tensor, Tensor]


def _silu(z: Tensor) -> Pair:
    s = torch.sigmoid(z)
    a = z * s
    return a, s + a * (1.0 - s)


def _gelu(z: Tensor) -> Pair:
    share = 0.5 + 0.5 * torch.erf(z * _ROOT_HALF)
    return z * share, share + z * torch.exp(-0.5 * z * z) * _PHI_0


def _tanh(z: Tensor) -> Pair:
    a = torch.tanh(z)
    return a, 1.0 - a * a


def _softplus(z: Tensor) -> Pair:
    return torch.nn.functional.softplus(z), torch.sigmoid(z)


def _selu(z: Tensor) -> Pair:
    a = torch.selu(z)
    return a, torch.where(z > 0, torch.full_like(z, SELU_SCALE), a + SELU_SCALE * SELU_ALPHA)


WITH_SLOPE: dict[str, Callable[[Tensor], Pair]] = {"silu": _silu, "gelu": _gelu, "tanh": _tanh, "softplus": _softplus, "selu": _selu}
"""(phi(z), phi'(z)) by name."""


def network_with_tangents(layers: Layers, activation: str, z: Tensor, dz: Tensor) -> Pair:
    """(f (n, out), df (k, n, out)) from the first layer's sums z (n, width) and their derivatives dz (k, n, width)."""
    both = WITH_SLOPE[activation]
    directions, n = dz.shape[:2]
    for weight, bias in layers[1:]:
        a, slope = both(z)
        da = dz * slope
        z = torch.addmm(bias, a, weight.t())
        dz = torch.mm(da.reshape(directions * n, -1), weight.t()).view(directions, n, -1)
    return z, dz


def forward_with_tangents(layers: Layers, activation: str, x: Tensor, dx: Tensor) -> Pair:
    """(f (n, out), df (k, n, out)) of inputs x (n, inputs) moving along dx (k, n, inputs)."""
    weight, bias = layers[0]
    directions, n = dx.shape[:2]
    z = torch.addmm(bias, x, weight.t())
    dz = torch.mm(dx.reshape(directions * n, -1), weight.t()).view(directions, n, -1)
    return network_with_tangents(layers, activation, z, dz)


def along(function: Callable[[Tensor], Tensor], x: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """function(x), and its derivative along directions (k, n or 1, d) at x (n, d), (k, ...): Jacobian-vector products, without graph.

    Two reverse passes: c -> c . J is linear in c, and its own derivative along v is J v.
    """
    with torch.enable_grad():
        point = x.detach().requires_grad_()
        value = function(point)
        free = torch.zeros_like(value, requires_grad=True)
        (pulled,) = torch.autograd.grad(value, point, free, create_graph=True)
        pushed = [torch.autograd.grad(pulled, free, v.expand_as(x), retain_graph=True)[0] for v in directions]
    return value.detach(), torch.stack(pushed)
