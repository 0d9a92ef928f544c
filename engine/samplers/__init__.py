"""Samplers: one family a file. ``Sampler`` is the union of all that can be chosen."""

from __future__ import annotations

from engine.samplers.base import SamplerBase
from engine.samplers.ode import RK4, Euler, Heun
from engine.samplers.sde import EulerMaruyama

Sampler = Euler | Heun | RK4 | EulerMaruyama

__all__ = ["RK4", "Euler", "EulerMaruyama", "Heun", "Sampler", "SamplerBase"]
