"""The training job on the worker's thread, and what it hands to the window. No Qt here; torch is imported when it runs."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from engine.checkpoint import Checkpoint
from engine.checkpoints import Checkpoints
from engine.experiment import Experiment
from engine.training_state import TrainingState
from gui.runs import Snapshot

if TYPE_CHECKING:
    from engine.training import Trainer, TrainingStep


def fits(one: Experiment, other: Experiment) -> bool:
    """Whether weights trained for the one mean the same in the other: same source, coupling, path, prediction and network."""
    return (
        one.path == other.path
        and one.source == other.source
        and one.coupling == other.coupling
        and one.objective == other.objective
        and one.network == other.network
        and one.sizes() == other.sizes()
    )


@dataclass(frozen=True)
class Progress:
    """How far a training is."""

    step: int
    seconds: float
    """Spent on training steps in all."""
    rate: float
    """Steps a second, lately."""
    device: str
    snapshot: Snapshot | None


class TrainingJob:
    """One network being trained: its losses, checkpoints and latest snapshot. ``slices`` is the job."""

    _numbers = iter(range(1, 1 << 62))

    def __init__(
        self,
        experiment: Experiment,
        device: str,
        state: TrainingState | None = None,
        checkpoints: tuple[Checkpoint, ...] = (),
        seconds: float = 0.0,
        before: TrainingJob | None = None,
        key: str = "",
    ):
        """``state`` comes from a session; ``before`` is a job whose weights this one goes on from (taken when this one first runs)."""
        self.key = before.key if before is not None else key or uuid4().hex
        """The same as long as training goes on from the same weights: by it the list of runs knows this training."""
        self.experiment = experiment
        self.device = device
        self.losses: deque[tuple[int, NDArray[np.float32]]] = deque()
        """(step of the first, losses): taken away by the window."""
        self._kept = Checkpoints(before.checkpoints if before is not None else checkpoints)
        self.seconds = before.seconds if before is not None else seconds
        self.step = before.step if before is not None else state.step if state is not None else 0
        self.snapshot_wanted = threading.Event()
        self._given = state
        self._before = before
        self._trainer: Trainer | None = None
        self._snapshot: Snapshot | None = None

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """The averaged weights along the training, in the order of their steps; may be read on any thread."""
        return self._kept.kept

    def slices(self) -> Generator[Progress, None, None]:
        """Trains without end; a Progress after each slice. Raises Problem when training cannot go on, with the last good weights kept."""
        trainer = self.trainer()
        yield self._progress(trainer, 0.0)
        before, counted, rate = time.perf_counter(), trainer.step, 0.0
        for done in self._steps(trainer):
            self.losses.append((done.step - len(done.losses) + 1, done.losses))
            self.step = done.step
            self.seconds += done.seconds
            if self.snapshot_wanted.is_set():
                self.snapshot_wanted.clear()
                self._snapshot = self._take(trainer)
            now = time.perf_counter()
            if now - before > 0.5:
                rate, before, counted = (done.step - counted) / (now - before), now, done.step
            yield self._progress(trainer, rate)

    def _steps(self, trainer: Trainer) -> Generator[TrainingStep, None, None]:
        """Training's slices, cut where a checkpoint is due: the same seed gives the same checkpoints."""
        while True:
            due = self._kept.due(trainer.step)
            if due > trainer.step:
                yield from trainer.run(until=due)
            self._kept.keep(due, lambda: trainer.state().ema)

    def trainer(self) -> Trainer:
        """The trainer, built at the first call; on the worker's thread only."""
        if self._trainer is None:
            from engine.training import Trainer

            state = self._before.state() if self._before is not None else self._given
            self._trainer = Trainer(self.experiment, self.device, state)
            self._given = self._before = None
        return self._trainer

    def snapshot(self) -> Snapshot:
        """A snapshot of the weights as they are; on the worker's thread only."""
        self._snapshot = self._take(self.trainer())
        return self._snapshot

    def state(self) -> TrainingState | None:
        """What a session keeps; None before the first step. On the worker's thread only."""
        if self._trainer is not None:
            return self._trainer.state() if self._trainer.step else None
        return self._before.state() if self._before is not None else self._given

    def _take(self, trainer: Trainer) -> Snapshot:
        return Snapshot(next(self._numbers), trainer.step, trainer.field())

    def _progress(self, trainer: Trainer, rate: float) -> Progress:
        return Progress(trainer.step, self.seconds, rate, _words(trainer.device), self._snapshot)


def _words(device: Any) -> str:
    return str(device)
