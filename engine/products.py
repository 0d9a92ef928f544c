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


def _single_on_cpu(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x Wᵀ + b, (n, out)."""
    if _single_on_cpu(x) and fused_available():
        return _fused(x, weight, bias, "none")
    return torch.nn.functional.linear(x, weight, bias)


def linear_swish(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """silu(x Wᵀ + b), (n, out), in one pass where that can be."""
    if _single_on_cpu(x) and fused_available():
        return _fused(x, weight, bias, "swish")
    return torch.nn.functional.silu(torch.nn.functional.linear(x, weight, bias), inplace=True)


def matmul_into(a: Tensor, b: Tensor, out: Tensor) -> None:
    """out <- a b."""
    if _single_on_cpu(a) and fused_available():
        out.copy_(_fused(a, b.t(), None, "none"))
    else:
        torch.mm(a, b, out=out)
