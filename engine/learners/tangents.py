"""The network together with its derivatives along given directions, in one forward pass that autograd can differentiate once more.

For z = W h + b and a = phi(z), a direction dh of the input goes on as dz = W dh, da = phi'(z) dz. k directions cost k more products.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from engine.flat_mlp import SELU_ALPHA, SELU_SCALE
from engine.learners.autograd import Layers

_ROOT_HALF = math.sqrt(0.5)
_PHI_0 = 1.0 / math.sqrt(2.0 * math.pi)
Triple = tuple[Tensor, Tensor, Callable[[], Tensor]]
"""phi(z), phi'(z), and what computes phi''(z) when it is wanted."""


def _silu(z: Tensor) -> Triple:
    s = torch.sigmoid(z)
    a = z * s
    return a, torch.addcmul(s, a, 1.0 - s), lambda: (s - s * s) * (2.0 + z - 2.0 * a)


def _gelu(z: Tensor) -> Triple:
    share, density = torch.erf(z * _ROOT_HALF).mul_(0.5).add_(0.5), torch.exp(-0.5 * z * z).mul_(_PHI_0)
    return z * share, torch.addcmul(share, z, density), lambda: density * (2.0 - z * z)


def _tanh(z: Tensor) -> Triple:
    a = torch.tanh(z)
    slope = 1.0 - a * a
    return a, slope, lambda: -2.0 * a * slope


def _softplus(z: Tensor) -> Triple:
    s = torch.sigmoid(z)
    return torch.nn.functional.softplus(z), s, lambda: s - s * s


def _selu(z: Tensor) -> Triple:
    a = torch.selu(z)
    slope = torch.where(z > 0, torch.full_like(z, SELU_SCALE), a + SELU_SCALE * SELU_ALPHA)
    return a, slope, lambda: torch.where(z > 0, torch.zeros_like(z), slope)


DERIVATIVES: dict[str, Callable[[Tensor], Triple]] = {"silu": _silu, "gelu": _gelu, "tanh": _tanh, "softplus": _softplus, "selu": _selu}
"""By name."""


def activate_with_slope(name: str, z: Tensor, a: Tensor, slope: Tensor) -> None:
    """phi(z) into ``a`` and phi'(z) into ``slope``, without a graph and, for the default, without memory of its own."""
    if name == "silu":
        torch.sigmoid(z, out=slope)
        torch.mul(z, slope, out=a)
        # phi' = s + a (1 - s) = a + s (1 - a)
        slope.addcmul_(slope, a, value=-1.0).add_(a)
        return
    first, second, _ = DERIVATIVES[name](z)
    a.copy_(first)
    slope.copy_(second)


class _Activation(torch.autograd.Function):
    """(z, dz) -> (phi(z), phi'(z) dz), and its backward pass written out: half the work of automatic differentiation."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, dz: Tensor, name: str) -> tuple[Tensor, Tensor]:
        a, slope, ctx.curvature = DERIVATIVES[name](z.detach())
        ctx.save_for_backward(dz, slope)
        return a, dz * slope

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (ga, gda), (dz, slope) = gradients, ctx.saved_tensors
        return torch.addcmul(ga * slope, (gda * dz).sum(dim=0), ctx.curvature()), gda * slope, None


def network_with_tangents(layers: Layers, activation: str, z: Tensor, dz: Tensor) -> tuple[Tensor, Tensor]:
    """(f (n, out), df (k, n, out)) from the first layer's sums z (n, width) and their derivatives dz (k, n, width)."""
    directions, n = dz.shape[:2]
    for weight, bias in layers[1:]:
        a, da = _Activation.apply(z, dz, activation)  # type: ignore[no-untyped-call]  # torch states no types here
        z = torch.addmm(bias, a, weight.t())
        dz = torch.mm(da.reshape(directions * n, -1), weight.t()).view(directions, n, -1)
    return z, dz


def forward_with_tangents(layers: Layers, activation: str, x: Tensor, dx: Tensor) -> tuple[Tensor, Tensor]:
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
