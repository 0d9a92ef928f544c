"""Samplers: one family a file. ``Sampler`` is the union of all that can be chosen."""

from __future__ import annotations

from engine.samplers.adaptive import DormandPrince
from engine.samplers.ancestral import DDIM, DDPM
from engine.samplers.base import Record, SamplerBase
from engine.samplers.dpm import DPMSolver
from engine.samplers.edm import Karras
from engine.samplers.langevin import MALA, ULA, AnnealedLangevin
from engine.samplers.ode import RK4, Euler, Heun, Midpoint
from engine.samplers.one_step import OneStep
from engine.samplers.predictor_corrector import PredictorCorrector
from engine.samplers.sde import EulerMaruyama, Milstein, ReverseSDE, StochasticHeun

Sampler = (
    Euler
    | Midpoint
    | Heun
    | RK4
    | DormandPrince
    | EulerMaruyama
    | StochasticHeun
    | Milstein
    | ReverseSDE
    | DDPM
    | DDIM
    | PredictorCorrector
    | Karras
    | DPMSolver
    | AnnealedLangevin
    | ULA
    | MALA
    | OneStep
)

__all__ = [
    "DDIM",
    "DDPM",
    "MALA",
    "RK4",
    "ULA",
    "AnnealedLangevin",
    "DPMSolver",
    "DormandPrince",
    "Euler",
    "EulerMaruyama",
    "Heun",
    "Karras",
    "Midpoint",
    "Milstein",
    "OneStep",
    "PredictorCorrector",
    "Record",
    "ReverseSDE",
    "Sampler",
    "SamplerBase",
    "StochasticHeun",
]
