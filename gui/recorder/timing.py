"""Timing: the model time t of every frame of a film, from a clock of its own."""

from __future__ import annotations

import numpy as np

from engine.choice import Problem

LONGEST = 3600.0
"""Seconds of film at most."""


def frame_times(seconds: float, fps: float, hold_start: float, hold_end: float, ping_pong: bool = False) -> list[float]:
    """t of each of the round(seconds · fps) frames: rest at t = 0, run to t = 1, rest there; with ``ping_pong`` run back as well.

    ``seconds`` is the whole film, rests included. A film that goes back ends one frame before t = 0, so that it repeats without a
    stutter. Raises Problem.
    """
    if not 0.0 < seconds <= LONGEST:
        raise Problem(f"--seconds {seconds:g}: must be above 0 and at most {LONGEST:g}")
    if not (hold_start >= 0.0 and hold_end >= 0.0):
        raise Problem("--hold-start and --hold-end must be at least 0")
    total = max(1, round(seconds * fps))
    start, end = round(hold_start * fps), round(hold_end * fps)
    moving = total - start - end
    if moving < (2 if ping_pong else 1):
        raise Problem(f"--seconds {seconds:g}: the rests ({hold_start:g} s and {hold_end:g} s) leave no time to move")
    if not ping_pong:
        return [0.0] * start + _run(moving) + [1.0] * end
    there = (moving + 1) // 2
    back = np.linspace(1.0, 0.0, moving - there + 2)[1:-1]  # without its ends, which are shown already
    return [0.0] * start + _run(there) + [1.0] * end + [float(t) for t in back]


def _run(count: int) -> list[float]:
    """From 0 to 1 in so many frames, both ends shown."""
    return [1.0] if count == 1 else [float(t) for t in np.linspace(0.0, 1.0, count)]
