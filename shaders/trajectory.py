"""Where particles are at time t: linear between two stored frames."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shaders.scene import PaneData

Times = NDArray[np.float64]


class Moment(NamedTuple):
    """Between stored frame ``here`` and ``here + 1`` (or alone, at the end): position (1 − between) · here + between · next."""

    here: int
    next: int
    between: float


def moment(times: Times, t: float) -> Moment:
    """The two frames around t; before the first and after the last, that one."""
    last = len(times) - 1
    here = int(np.clip(np.searchsorted(times, t, side="right") - 1, 0, last))
    if here == last or t <= times[0]:
        return Moment(here, here, 0.0)
    gap = float(times[here + 1] - times[here])
    return Moment(here, here + 1, float((t - times[here]) / gap) if gap > 0 else 0.0)


def positions_at(data: PaneData, t: float, count: int | None = None) -> NDArray[np.float32]:
    """Positions of the first ``count`` particles (all of them) at t, (n, d)."""
    if data.positions is None or data.times is None or not data.positions.size:
        return np.zeros((0, data.dimension), dtype=np.float32)
    here, after, between = moment(data.times, t)
    p = data.positions[here, :count]
    if between == 0.0:
        return p
    return p + np.float32(between) * (data.positions[after, :count] - p)
