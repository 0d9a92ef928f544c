"""Glide: a pane that renews itself moves from its old particles to the new ones instead of jumping: same noise, so i is still i."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shaders.scene import PaneData

SECONDS = 0.24
MOST_NUMBERS = 6_000_000
"""Above this many coordinates in the window of t that is blended, the pane cuts over instead: blending would cost more than a frame."""


def can_glide(old: PaneData, new: PaneData) -> bool:
    """Whether the two show the same particles: equal d and n."""
    if old.positions is None or new.positions is None:
        return False
    return old.positions.shape[1:] == new.positions.shape[1:]


def eased(fraction: float) -> float:
    """Smoothstep: starts and ends at rest."""
    f = min(1.0, max(0.0, fraction))
    return f * f * (3.0 - 2.0 * f)


def blended(old: PaneData, new: PaneData, share: float, t: float, trail: float) -> PaneData:
    """``new`` with its particles that ``share`` of the way from those of ``old``, stored only for the times seen at t: [t - trail, t]."""
    if new.times is None or new.positions is None or old.times is None or old.positions is None:
        return new
    low = max(0, int(np.searchsorted(new.times, t - trail, side="right")) - 1)
    high = min(len(new.times), int(np.searchsorted(new.times, t, side="left")) + 1)
    low = min(low, high - 1)
    per_time = int(np.prod(new.positions.shape[1:]))
    if per_time * (high - low) > MOST_NUMBERS:
        low = max(low, high - max(2, MOST_NUMBERS // max(per_time, 1)))
    times = new.times[low:high]
    weight = np.float32(share)
    positions = new.positions[low:high] * weight
    positions += (np.float32(1.0) - weight) * at_times(old.times, old.positions, times)
    return replace(new, times=times, positions=positions)


def at_times(times: NDArray[np.float64], positions: NDArray[np.float32], wanted: NDArray[np.float64]) -> NDArray[np.float32]:
    """Positions (k, n, d) at the ``wanted`` times, linear between stored ones and held beyond the ends."""
    if len(times) == 1:
        return np.repeat(positions, len(wanted), axis=0)
    index = np.clip(np.searchsorted(times, wanted, side="right") - 1, 0, len(times) - 2)
    width = times[index + 1] - times[index]
    share = np.clip((wanted - times[index]) / np.where(width > 0, width, 1.0), 0.0, 1.0).astype(np.float32)[:, None, None]
    return positions[index] * (1 - share) + positions[index + 1] * share
