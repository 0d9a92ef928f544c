"""The box on which a certificate is solved, and the span of time on which a grid can hold p_t at all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.fokker_planck import Box
from engine.marginals import marginal
from engine.randomness import generator
from engine.samplers.sigma import noise_scale

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.fields.base import Field
    from engine.samplers.sigma import Sigma

Floats = NDArray[np.float64]
CELLS = {2: 64, 3: 24}
"""Along each axis, by the dimension."""
DRAWS, TIMES = 4_000, 9
MARGIN = 0.15
"""Of the span of those draws, on each side: what the learned field carries a little further stays inside."""
NEVER_AT_ONCE = 0.01
"""How much later than t_min it begins where sigma is infinite there."""
WIDEST = 4.0
"""Noise of more standard deviations of the data is not begun with: cells that hold it would be coarser than the data."""


def certificate_begin(exact: Field, sigma: Sigma) -> float:
    """The first time at which sigma is finite and the noise at most ``WIDEST`` standard deviations of the data; t_min where it is."""
    low, high = exact.interval
    path = exact.path

    def wide(t: float) -> bool:
        return float(noise_scale(path, t)) > WIDEST

    if sigma.refusal(path) is None and not math.isfinite(float(sigma.sigma2(path, low))):
        low += NEVER_AT_ONCE
    if not wide(low):
        return low
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if wide(middle) else (low, middle)
    return high


def certificate_box(experiment: Experiment, begin: float, end: float, cells: int | None = None) -> Box:
    """Equal counts of cells on what draws of p_t reach for t in [begin, end], with a margin; standardised coordinates.

    Raises Problem where there are no draws of p_t.
    """
    draws = [
        marginal(experiment, t, DRAWS, generator(0, "certificate box", k)) for k, t in enumerate(np.linspace(begin, end, TIMES).tolist())
    ]
    points = np.concatenate(draws)
    low, high = points.min(axis=0), points.max(axis=0)
    room = MARGIN * (high - low)
    d = points.shape[1]
    return Box(tuple((low - room).tolist()), tuple((high + room).tolist()), (cells or CELLS[d],) * d)
