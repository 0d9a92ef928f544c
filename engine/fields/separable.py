"""Sums of products of one factor for each axis on a whole grid: what makes an exact density on a grid a few matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

FAINT = {torch.float32: 1e-25, torch.float64: 1e-250}
"""Sums below this have lost terms that underflow; what is divided by them is not known."""
_CHUNK = 1 << 22


class OnAxes(NamedTuple):
    """What a closed form tells on a grid, axis by axis."""

    density: Tensor
    """(n_0, n_1, ...) p; 0 where it underflows."""
    data: Tensor | None
    """(n_0, n_1, ..., d) a conditional mean; None where it was not asked for."""
    pull: Tensor | None
    """(n_0, n_1, ..., d) -score."""
    known: Tensor
    """(n_0, n_1, ...) where data and pull are right; elsewhere they are any numbers."""


Ends = tuple[Tensor, Tensor, Tensor]
"""(E[x0|x], E[x1|x], -score), (n, d) each."""


class EndsOnAxes(NamedTuple):
    """What a pair of laws tells on a grid, axis by axis."""

    density: Tensor
    """(n_0, n_1, ...) p; 0 where it underflows."""
    ends: Ends | None
    """(n_0, n_1, ..., d) each; None where they were not asked for."""
    known: Tensor
    """(n_0, n_1, ...) where the ends are right; elsewhere they are any numbers."""


def gaussians_on_axes(axes: Sequence[Tensor], means: Tensor, variances: Tensor, log_weights: Tensor, values: Tensor | None) -> list[Tensor]:
    """sum_k w_k N(x; m_k, diag v_k) on the grid of the axes (two or three), (n_0, n_1, ...); then the same with w_k values_k[:, c] for w_k,
    for each column c of ``values`` (k, c). ``means`` (k, d), ``variances`` (k or 1, d), ``log_weights`` (k,).
    """
    shape = [len(axis) for axis in axes]
    columns = 0 if values is None else values.shape[1]
    sums = [axes[0].new_zeros(shape) for _ in range(1 + columns)]
    rows = max(1, _CHUNK // sum(shape))
    for begin in range(0, len(means), rows):
        part = slice(begin, begin + rows)
        own = variances if len(variances) == 1 else variances[part]
        factors = [_factor(axis, means[part, k], own[:, k]) for k, axis in enumerate(axes)]
        weights = log_weights[part].exp()
        for c, total in enumerate(sums):
            _add(total, factors, weights if c == 0 or values is None else weights * values[part, c - 1])
    return sums


def _factor(places: Tensor, means: Tensor, variances: Tensor) -> Tensor:
    """N(x; m, v) along one axis, (n, k)."""
    away = places[:, None] - means
    return torch.exp(away.mul_(away).mul_(-0.5 / variances)).mul_((2.0 * math.pi * variances).rsqrt())


def _add(total: Tensor, factors: Sequence[Tensor], weights: Tensor) -> None:
    """total += sum_k w_k f_0k f_1k (f_2k)."""
    if len(factors) == 2:
        total.addmm_(factors[0] * weights, factors[1].T)
        return
    for k, last in enumerate(factors[2]):
        total[:, :, k] += (factors[0] * (weights * last)) @ factors[1].T
