"""References: where the probability flow, and an SDE on its Brownian path, truly end, as exactly as anyone needs to measure a sampler.

The flow is solved by scipy's DOP853 (eighth order, Hairer, Norsett & Wanner 1993), which shares no code with the lab's samplers.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.choice import Problem

if TYPE_CHECKING:
    from torch import Tensor

    from engine.fields.base import Field
    from engine.samplers import SamplerBase

Floats = NDArray[np.float64]

TOLERANCE, LOOSER = 1e-12, 1e-10
"""Relative tolerances of the reference and of a second, cheaper solution that tells how good the first one is."""
MOST_STEPS = 20_000
FINER = 16
"""An SDE's reference has so many times the steps of the finest run: at strong order 1 its own error adds at most 1/15 of that run's."""


@dataclass(frozen=True, eq=False)
class Reference:
    """The end points (n, d) in standardised coordinates, and about how far off they are themselves (RMS)."""

    ends: Floats
    error: float


def flow_reference(field: Field, x0: Tensor) -> Generator[float, None, Reference]:
    """The probability flow dx = u dt from x0 (n, d) at t_min to t_max, then D where t_max < 1. Yields the share that is done.

    The error of DOP853 goes with its tolerance, so that of the reference is about TOLERANCE / LOOSER of the difference to the looser one.
    """
    loose = yield from _flow(field, x0, LOOSER, 0.0, 0.4)
    tight = yield from _flow(field, x0, TOLERANCE, 0.4, 1.0)
    return Reference(tight, rms(loose - tight) * TOLERANCE / LOOSER)


def _flow(field: Field, x0: Tensor, tolerance: float, begin: float, end: float) -> Generator[float, None, Floats]:
    import torch
    from scipy.integrate import DOP853

    from engine.fields.base import velocity

    shape, (low, high) = tuple(x0.shape), field.interval

    def rate(t: float, flat: Floats) -> Floats:
        with torch.no_grad():
            x = torch.from_numpy(flat.reshape(shape).copy()).to(field.device, field.dtype)
            return np.asarray(velocity(field, x, min(max(float(t), low), high)).cpu().numpy(), dtype=np.float64).ravel()

    solver = DOP853(rate, low, x0.cpu().numpy().astype(np.float64).ravel(), high, rtol=tolerance, atol=tolerance)
    steps = 0
    while solver.status == "running":
        message = solver.step()
        steps += 1
        if solver.status == "failed" or steps > MOST_STEPS:
            raise Problem(f"The reference solution was not reached: {message or 'it took too many steps'}.")
        yield begin + (end - begin) * (solver.t - low) / (high - low)
    return finished(field, torch.from_numpy(solver.y.reshape(shape)).to(field.device, field.dtype))


def finished(field: Field, x: Tensor) -> Floats:
    """x (n, d) at t_max as a simulation leaves it: D where t_max < 1."""
    import torch

    from engine.fields.base import denoiser

    if field.interval[1] < 1.0:
        with torch.no_grad():
            x = denoiser(field, x, field.interval[1])
    return np.asarray(x.cpu().numpy(), dtype=np.float64)


def finest(sampler: SamplerBase, steps: int) -> SamplerBase:
    """What a strong error is measured against: the same sampler on the same Brownian path with ``FINER`` times ``steps`` steps."""
    return replace(sampler, steps=min(FINER * steps, 10_000))


def rms(x: Floats) -> float:
    """sqrt(mean over particles of |x_i|^2), x (n, d); not a number where a particle is none."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.mean(np.sum(np.asarray(x, dtype=np.float64) ** 2, axis=-1))))
