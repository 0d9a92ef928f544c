"""History: what training leaves behind besides its weights: the loss of every step, and the averaged weights at milestones."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from engine.session import Checkpoint
from engine.training_state import Flat

FIRST_MILESTONE = 100


def next_milestone(step: int) -> int:
    """The first of 100, 200, 400, 800, … after ``step``: early training changes most, and a long one leaves few files."""
    milestone = FIRST_MILESTONE
    while milestone <= step:
        milestone *= 2
    return milestone


class History:
    """Collects losses and checkpoints slice by slice; goes on from those of a session."""

    def __init__(self, losses: NDArray[np.float64] | None = None, checkpoints: Iterable[Checkpoint] = ()) -> None:
        self._parts: list[NDArray[np.float64]] = [] if losses is None or not len(losses) else [losses]
        self._checkpoints = list(checkpoints)

    def add(self, step: int, losses: Iterable[float], ema: Callable[[], Flat]) -> None:
        """A slice that ended with ``step`` done; ``ema()`` is asked for only at a milestone."""
        values = np.fromiter(losses, dtype=np.float64)
        if len(values):
            self._parts.append(np.stack([np.arange(step - len(values) + 1, step + 1, dtype=np.float64), values], axis=1))
        last = self._checkpoints[-1].step if self._checkpoints else 0
        if step >= next_milestone(last):
            self._checkpoints.append(Checkpoint(step, ema()))

    @property
    def losses(self) -> NDArray[np.float64]:
        """(k, 2): step, loss."""
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0] if self._parts else np.zeros((0, 2))

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return tuple(self._checkpoints)

    def recent(self, count: int = 100) -> float | None:
        """Mean of the last ``count`` losses; None before the first."""
        tail: list[NDArray[np.float64]] = []
        for part in reversed(self._parts):  # not the joined table: this is asked for at every slice
            tail.append(part[-count:, 1])
            count -= len(tail[-1])
            if count <= 0:
                break
        return float(np.concatenate(tail).mean()) if tail else None
