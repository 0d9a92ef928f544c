"""Samplers of the probability-flow ODE dX = u_t(X) dt with fixed steps: Euler, midpoint, Heun and the classic RK4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from engine.fields.base import velocity
from engine.samplers.base import Record, SamplerBase

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath
    from engine.fields.base import Field


class ODESampler(SamplerBase, frozen=True, kw_only=True):
    """An explicit one-step method: subclasses give ``step``."""

    remedy: ClassVar[str] = "take more steps"

    def step(self, field: Field, x: Tensor, t: float, h: float) -> Tensor:
        """x(t + h) from x(t), (n, d)."""
        raise TypeError(f"{type(self).__name__} defines no step")

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        import torch

        x = x0
        for t, end in pairwise(times):
            with torch.no_grad():
                x = self.step(field, x, t, end - t)
            yield x


class Euler(ODESampler, tag="euler", frozen=True, kw_only=True):
    """x <- x + h u(x, t): order 1."""

    label: ClassVar[str] = "Euler"
    summary: ClassVar[str] = "One velocity a step; first order."
    formula: ClassVar[str] = r"x_{k+1} = x_k + h\,u_{t_k}(x_k)"
    source: ClassVar[str] = "Euler 1768"

    def step(self, field: Field, x: Tensor, t: float, h: float) -> Tensor:
        return x.add(velocity(field, x, t), alpha=h)


class Midpoint(ODESampler, tag="midpoint", frozen=True, kw_only=True):
    """x <- x + h u(x + h u(x, t) / 2, t + h / 2): order 2."""

    label: ClassVar[str] = "Midpoint"
    summary: ClassVar[str] = "The velocity half a step ahead; second order."
    formula: ClassVar[str] = r"x_{k+1} = x_k + h\,u_{t_k + h/2}\left(x_k + \tfrac{h}{2}\,u_{t_k}(x_k)\right)"
    source: ClassVar[str] = "Runge 1895"
    evaluations_per_step: ClassVar[int] = 2
    order: ClassVar[float] = 2.0

    def step(self, field: Field, x: Tensor, t: float, h: float) -> Tensor:
        k1 = velocity(field, x, t)
        return x.add(velocity(field, x.add(k1, alpha=0.5 * h), t + 0.5 * h), alpha=h)


class Heun(ODESampler, tag="heun", frozen=True, kw_only=True):
    """The explicit trapezoidal rule: order 2."""

    label: ClassVar[str] = "Heun"
    summary: ClassVar[str] = "Averages the velocity at both ends of the step; second order."
    formula: ClassVar[str] = r"x_{k+1} = x_k + \tfrac{h}{2}\left(u_{t_k}(x_k) + u_{t_{k+1}}(x_k + h\,u_{t_k}(x_k))\right)"
    source: ClassVar[str] = "Heun 1900"
    evaluations_per_step: ClassVar[int] = 2
    order: ClassVar[float] = 2.0

    def step(self, field: Field, x: Tensor, t: float, h: float) -> Tensor:
        k1 = velocity(field, x, t)
        k2 = velocity(field, x.add(k1, alpha=h), t + h)
        return x.add(k1, alpha=0.5 * h).add_(k2, alpha=0.5 * h)


class RK4(ODESampler, tag="rk4", frozen=True, kw_only=True):
    """The classic fourth-order Runge-Kutta method (not the 3/8 rule)."""

    label: ClassVar[str] = "RK4"
    summary: ClassVar[str] = "The classic four-stage Runge–Kutta method; fourth order."
    formula: ClassVar[str] = r"x_{k+1} = x_k + \tfrac{h}{6}(k_1 + 2k_2 + 2k_3 + k_4)"
    source: ClassVar[str] = "Kutta 1901"
    evaluations_per_step: ClassVar[int] = 4
    order: ClassVar[float] = 4.0

    def step(self, field: Field, x: Tensor, t: float, h: float) -> Tensor:
        k1 = velocity(field, x, t)
        k2 = velocity(field, x.add(k1, alpha=0.5 * h), t + 0.5 * h)
        k3 = velocity(field, x.add(k2, alpha=0.5 * h), t + 0.5 * h)
        k4 = velocity(field, x.add(k3, alpha=h), t + h)
        sixth = h / 6.0
        return x.add(k1, alpha=sixth).add_(k2, alpha=2.0 * sixth).add_(k3, alpha=2.0 * sixth).add_(k4, alpha=sixth)
