"""Checkpoints: which steps of a training are kept, evenly in log step, within a bound of number and of memory. Without torch.

Evenly in log(1 + step): early training changes most, and step 0 (the network before any training) has a place too. They are taken at
preferred numbers, ten a decade; when there are too many, the one goes whose absence leaves the narrowest gap. The first and the latest
stay. So with at most m kept and L = log(1 + latest), no gap is wider than max(the widest as they were taken, 2 L / (m - 1)): each
time, the gaps about the k - 2 inner ones add up to at most 2 L, and the narrowest is at most their mean.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Sequence

from engine.checkpoint import Checkpoint
from engine.training_state import Flat

MOST = 64
MOST_BYTES = 128 << 20
"""Of all the checkpoints of one training together."""
DECADE = (10, 12, 16, 20, 25, 30, 40, 50, 60, 80)
"""Preferred numbers."""
FIRST = (0, 1, 2, 3, 4, 5, 6, 8)


def next_step(step: int) -> int:
    """The first step after ``step`` that is kept: 0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 30, 40, …; ``step`` -1 gives 0."""
    if step < FIRST[-1]:
        return FIRST[bisect.bisect_right(FIRST, step)]
    unit = 1
    while True:
        for number in DECADE:
            if number * unit > step:
                return number * unit
        unit *= 10


def place(step: float) -> float:
    """Where a step lies on the axis of training: log(1 + step)."""
    return math.log1p(step)


def most_of(size: int) -> int:
    """How many checkpoints of ``size`` float32 numbers are kept: ``MOST``, or fewer so that they fit ``MOST_BYTES``; one at least."""
    return max(1, min(MOST, MOST_BYTES // (4 * max(size, 1))))


def thinned(steps: Sequence[int], most: int) -> list[int]:
    """Places in ``steps`` (increasing) of those that stay, ``most`` at most: the latest always, the first where there is room for two."""
    kept = list(range(len(steps)))
    if most < 2:
        return kept[-max(most, 0) :] if most else []
    at = [place(step) for step in steps]
    while len(kept) > most:
        if most == 2:
            return [kept[0], kept[-1]]
        gaps = [at[after] - at[before] for before, after in zip(kept, kept[2:], strict=False)]
        del kept[1 + gaps.index(min(gaps))]
    return kept


def nearest(steps: Sequence[int], wanted: float) -> int:
    """The place in ``steps`` (not empty) of the one nearest to ``wanted`` in log step."""
    return min(range(len(steps)), key=lambda k: abs(place(steps[k]) - place(wanted)))


class Checkpoints:
    """Those of one training. ``kept`` is a new tuple after each change, so that another thread may read it."""

    def __init__(self, kept: Iterable[Checkpoint] = ()) -> None:
        self.kept: tuple[Checkpoint, ...] = tuple(kept)

    def due(self, step: int) -> int:
        """The next step at which one is to be taken, ``step`` being done; ``step`` itself where training has not begun."""
        if step == 0 and not self.kept:
            return 0
        return next_step(step)

    def keep(self, step: int, weights: Callable[[], Flat]) -> None:
        """Takes the averaged weights of ``step`` if it is later than all that are kept."""
        if self.kept and step <= self.kept[-1].step:
            return
        found = (*self.kept, Checkpoint(step, weights()))
        self.kept = tuple(found[k] for k in thinned([one.step for one in found], most_of(len(found[-1].ema))))
