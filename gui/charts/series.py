"""LossSeries: every loss of a training in bounded memory, and a smoothed line through them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_ROWS = 40_000


class LossSeries:
    """Rows of (step, loss). When there are too many, neighbours are averaged two by two: old steps become coarser, none is forgotten."""

    def __init__(self, rows: NDArray[np.float64] | None = None) -> None:
        self._rows = np.empty((MOST_ROWS, 2))
        self._used = 0
        if rows is not None:
            self._take(np.asarray(rows, dtype=np.float64).reshape(-1, 2))

    def __len__(self) -> int:
        return self._used

    @property
    def rows(self) -> NDArray[np.float64]:
        """(k, 2): step, loss; a view."""
        return self._rows[: self._used]

    def extend(self, first_step: int, losses: NDArray[np.floating]) -> None:
        """Losses of consecutive steps; what was there of the same or later steps (a run that was taken back) goes."""
        self._used = int(np.searchsorted(self.rows[:, 0], first_step, side="left"))
        steps = np.arange(first_step, first_step + len(losses), dtype=np.float64)
        self._take(np.column_stack([steps, np.asarray(losses, dtype=np.float64)]))

    def clear(self) -> None:
        self._used = 0

    def smoothed(self, window: int | None = None) -> NDArray[np.float64]:
        """(k, 2): step, geometric mean of the losses around it (the eye reads a log axis)."""
        rows = self.rows
        width = window or max(1, len(rows) // 60)
        if len(rows) < 3 or width < 2:
            return rows.copy()
        logs = np.log(np.maximum(rows[:, 1], 1e-12))
        total = np.concatenate([[0.0], np.cumsum(logs)])
        index = np.arange(len(rows))
        low, high = np.maximum(index - width, 0), np.minimum(index + width // 2 + 1, len(rows))
        return np.column_stack([rows[:, 0], np.exp((total[high] - total[low]) / (high - low))])

    def _take(self, rows: NDArray[np.float64]) -> None:
        while self._used + len(rows) > MOST_ROWS:
            if self._used >= MOST_ROWS // 4:
                half = _halved(self.rows)
                self._used = len(half)
                self._rows[: self._used] = half
            else:
                rows = _halved(rows)
        self._rows[self._used : self._used + len(rows)] = rows
        self._used += len(rows)


def _halved(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    even = len(rows) // 2 * 2
    pairs = rows[:even].reshape(-1, 2, 2).mean(axis=1)
    return np.concatenate([pairs, rows[even:]]) if even < len(rows) else pairs
