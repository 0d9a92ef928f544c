"""Snapshots of weights that were kept: a checkpoint of the training, a finished run. And the runs of theirs that need not be made again."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from typing import Any

from engine.experiment import Experiment
from engine.training_state import Flat
from gui.document import grouped
from gui.runs import Run, RunRequest, Snapshot

MOST_RUNS = 160
"""64 checkpoints in two panes, and a few more."""
MOST_BYTES = 384 << 20
"""Of the positions of the runs kept."""

_numbers = itertools.count(-1, -1)
"""Those of the training are positive (gui.training_job)."""


class KeptSnapshot(Snapshot):
    """Averaged weights as they were kept. Its field is made when it is first asked for, on the thread that asks: the worker's."""

    def __init__(self, step: int, experiment: Experiment, ema: Flat, device: str, words: str = ""):
        """``words``: which network this is, for a pane's caption; none where it is the latest."""
        super().__init__(next(_numbers), step, None)
        self._experiment, self._ema, self._device = experiment, ema, device
        self._made: Any = None
        self.words = words

    def __getattribute__(self, name: str) -> Any:
        if name == "field":
            if self._made is None:
                from engine.fields.learned import field_of

                self._made = field_of(self._experiment, self._ema, self._device)
            return self._made
        return super().__getattribute__(name)


def words_of(snapshot: Snapshot | None) -> str:
    """Which network a snapshot is, where it is not the latest: ``"training step 480"``, or a run's name."""
    return snapshot.words if isinstance(snapshot, KeptSnapshot) else ""


def step_words(step: int) -> str:
    """``"training step 12 480"`` (a narrow no-break space between thousands)."""
    return f"training step {grouped(step)}"


class RunCache:
    """The latest runs of kept snapshots, by request, within bounds of number and memory; the one unused longest goes first."""

    def __init__(self, most: int = MOST_RUNS, most_bytes: int = MOST_BYTES):
        self._most, self._most_bytes = most, most_bytes
        self._runs: OrderedDict[RunRequest, Run] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def bytes(self) -> int:
        """Memory of the positions that are kept."""
        return self._bytes

    def get(self, request: RunRequest) -> Run | None:
        """The run of this very request, if it is kept."""
        if not isinstance(request.snapshot, KeptSnapshot):
            return None
        found = self._runs.get(request)
        if found is not None:
            self._runs.move_to_end(request)
        return found

    def put(self, run: Run) -> None:
        """Keeps a run, if it is one of weights that were kept, and small enough."""
        size = _size(run)
        if not isinstance(run.request.snapshot, KeptSnapshot) or size > self._most_bytes:
            return
        before = self._runs.pop(run.request, None)
        self._bytes += size - (_size(before) if before is not None else 0)
        self._runs[run.request] = run
        while len(self._runs) > self._most or self._bytes > self._most_bytes:
            _request, gone = self._runs.popitem(last=False)
            self._bytes -= _size(gone)

    def clear(self) -> None:
        self._runs.clear()
        self._bytes = 0


def _size(run: Run) -> int:
    return 0 if run.data.positions is None else run.data.positions.nbytes
