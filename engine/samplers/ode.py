"""Samplers of the probability-flow ODE dX = u_t(X) dt: Euler, Heun and the classic RK4."""

from __future__ import annotations

from typing import ClassVar

from engine.samplers.base import SamplerBase


class Euler(SamplerBase, tag="euler", frozen=True, kw_only=True):
    """x <- x + h u(x, t): order 1."""

    label: ClassVar[str] = "Euler"
    summary: ClassVar[str] = "One velocity a step; first order."
    formula: ClassVar[str] = r"x_{k+1} = x_k + h\,u_{t_k}(x_k)"
    source: ClassVar[str] = "Euler 1768"


class Heun(SamplerBase, tag="heun", frozen=True, kw_only=True):
    """The explicit trapezoidal rule: order 2."""

    label: ClassVar[str] = "Heun"
    summary: ClassVar[str] = "Averages the velocity at both ends of the step; second order."
    formula: ClassVar[str] = r"x_{k+1} = x_k + \tfrac{h}{2}\left(u_{t_k}(x_k) + u_{t_{k+1}}(x_k + h\,u_{t_k}(x_k))\right)"
    source: ClassVar[str] = "Heun 1900"
    evaluations_per_step: ClassVar[int] = 2


class RK4(SamplerBase, tag="rk4", frozen=True, kw_only=True):
    """The classic fourth-order Runge-Kutta method (not the 3/8 rule)."""

    label: ClassVar[str] = "RK4"
    summary: ClassVar[str] = "The classic four-stage Runge–Kutta method; fourth order."
    formula: ClassVar[str] = r"x_{k+1} = x_k + \tfrac{h}{6}(k_1 + 2k_2 + 2k_3 + k_4)"
    source: ClassVar[str] = "Kutta 1901"
    evaluations_per_step: ClassVar[int] = 4
