"""Matrix products in single precision on the processor by oneDNN where this torch has it, else by torch's default library.

torch's default (MKL) does not use the widest vectors of AMD processors; oneDNN, inside the same torch, does, and is about twice
as fast there. The operator is private to torch, so it is tried once against the plain product and dropped if it is not there or
does not agree.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

AGREE = 1e-5
"""How far the two products may differ, relative to the largest entry (single precision, sums of 64 terms)."""

LARGE = 2_000_000
"""Multiplications from which oneDNN is faster here than the default library with its result in place (measured at widths 64 to 256)."""


def _fused(x: Tensor, weight: Tensor, bias: Tensor | None, activation: str) -> Tensor:
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], "")
    return out


@cache
def fused_available() -> bool:
    """Whether oneDNN's product is there and agrees with the plain one, with and without its swish, in every layout used here."""
    if not hasattr(torch.ops, "mkldnn") or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    ramp = torch.arange(33 * 64, dtype=torch.float32).mul(0.37).sin()
    x, weight = ramp[: 33 * 64].view(33, 64), ramp[: 48 * 40].view(48, 40)
    weight = torch.cat([weight, weight.flip(1)[:, :24]], 1)
    bias = weight[:, 0].clone()
    try:
        plain = torch.nn.functional.linear(x, weight, bias)
        pairs = [
            (_fused(x, weight, bias, "none"), plain),
            (_fused(x, weight, bias, "swish"), torch.nn.functional.silu(plain)),
            (_fused(plain, weight.t(), None, "none"), plain @ weight),
            (_fused(plain.t(), x.t(), None, "none"), plain.t() @ x),
        ]
    except (RuntimeError, TypeError, ValueError):
        return False
    return all(bool(torch.allclose(a, b, rtol=0, atol=AGREE * float(b.abs().max()))) for a, b in pairs)


def _worth_it(x: Tensor, outputs: int) -> bool:
    """Whether oneDNN is to do x (n, k) times (k, outputs): its overheads are worth it from about two million multiplications on."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() * outputs >= LARGE and fused_available()


def linear(x: Tensor, weight: Tensor, bias: Tensor, out: Tensor) -> Tensor:
    """x Wᵀ + b, (n, outputs); the result is in ``out`` or in memory of its own."""
    if _worth_it(x, len(weight)):
        return _fused(x, weight, bias, "none")
    return torch.addmm(bias, x, weight.t(), out=out)


def linear_swish(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """silu(x Wᵀ + b), (n, outputs), in one pass where that can be."""
    if _worth_it(x, len(weight)):
        return _fused(x, weight, bias, "swish")
    return torch.nn.functional.silu(torch.nn.functional.linear(x, weight, bias), inplace=True)


def product(a: Tensor, b: Tensor, out: Tensor, copy: bool = False) -> Tensor:
    """a b; the result is in ``out``, or without ``copy`` perhaps in memory of its own."""
    if _worth_it(a, b.shape[1]):
        result = _fused(a, b.t(), None, "none")
        return out.copy_(result) if copy else result
    return torch.mm(a, b, out=out)
