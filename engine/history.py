"""History: what training leaves behind besides its weights: the loss of every step, and the averaged weights along the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from engine.checkpoint import Checkpoint
from engine.checkpoints import Checkpoints
from engine.training_state import Flat


class History:
    """Collects losses and checkpoints slice by slice; goes on from those of a session."""

    def __init__(self, losses: NDArray[np.float64] | None = None, checkpoints: Iterable[Checkpoint] = ()) -> None:
        self._parts: list[NDArray[np.float64]] = [] if losses is None or not len(losses) else [losses]
        self._checkpoints = Checkpoints(checkpoints)

    def due(self, step: int) -> int:
        """The next step whose weights are wanted; ``step`` itself before any training."""
        return self._checkpoints.due(step)

    def keep(self, step: int, ema: Callable[[], Flat]) -> None:
        """Keeps the averaged weights of a step."""
        self._checkpoints.keep(step, ema)

    def add(self, step: int, losses: Iterable[float]) -> None:
        """The losses of a slice that ended with ``step`` done."""
        values = np.fromiter(losses, dtype=np.float64)
        if len(values):
            self._parts.append(np.stack([np.arange(step - len(values) + 1, step + 1, dtype=np.float64), values], axis=1))

    @property
    def losses(self) -> NDArray[np.float64]:
        """(k, 2): step, loss."""
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0] if self._parts else np.zeros((0, 2))

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        return self._checkpoints.kept

    def recent(self, count: int = 100) -> float | None:
        """Mean of the last ``count`` losses; None before the first."""
        tail: list[NDArray[np.float64]] = []
        for part in reversed(self._parts):  # not the joined table: this is asked for at every slice
            tail.append(part[-count:, 1])
            count -= len(tail[-1])
            if count <= 0:
                break
        return float(np.concatenate(tail).mean()) if tail else None
