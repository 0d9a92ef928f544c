"""Every schedule and every sigma_t that can be chosen, from their unions: a new one is in every test that walks these."""

from __future__ import annotations

from engine.introspection import alternatives
from engine.samplers.sigma import Sigma
from engine.schedules import OT, VE, Drawn, Polynomial, Schedule, SubVP, VPCosine, VPLinear

SCHEDULES = [kind() for kind in alternatives(Schedule)]

MORE_SCHEDULES = [
    *SCHEDULES,
    OT(sigma_min=0.2),
    VPLinear(b_min=1.0, b_max=5.0),
    VPCosine(offset=0.1),
    VE(sigma_min=0.05, sigma_max=200.0),
    SubVP(b_min=1.0, b_max=5.0),
    Polynomial(n=0.5),
    Polynomial(n=1.0),
    Polynomial(n=3.7),
    Drawn(alpha_curve=((0.0, 0.0), (1.0, 1.0)), beta_curve=((0.0, 1.0), (1.0, 0.0))),
    Drawn(alpha_curve=((0.0, 0.0), (0.1, 0.6), (0.5, 0.6), (1.0, 1.0)), beta_curve=((0.0, 1.0), (0.5, 0.1), (1.0, 0.0))),
]

SIGMAS = [kind() for kind in alternatives(Sigma)]
