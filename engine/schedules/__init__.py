"""Gaussian paths p_t(x|z) = N(alpha_t z, beta_t^2 I), t = 0 noise, t = 1 data: one struct a schedule.

alpha and beta, their time derivatives and the products that stay finite at the ends are written with operators that
numpy, torch and floats share, so nothing here imports torch. Source: MATHS section 2.
"""

from __future__ import annotations

from engine.schedules.diffusions import VE, SubVP, Trigonometric, VPCosine, VPLinear
from engine.schedules.drawn import Drawn
from engine.schedules.straight import OT, CondOT, Polynomial

Schedule = CondOT | OT | VPLinear | VPCosine | Trigonometric | VE | SubVP | Polynomial | Drawn

__all__ = ["OT", "VE", "CondOT", "Drawn", "Polynomial", "Schedule", "SubVP", "Trigonometric", "VPCosine", "VPLinear"]
