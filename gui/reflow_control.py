"""ReflowControl: pairs of the trained model's own paths, made on the worker, and a new training on straight lines between them."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from engine.arrays import Array
from engine.mailbox import Mailbox
from engine.samplers import Heun
from engine.worker import Job, Priority

if TYPE_CHECKING:
    from gui.lab import Lab

PAIRS = 20_000
CARRIER = Heun(steps=100)
"""What carries the pairs from the source to the model's data."""
NOTHING_TRAINED = "Reflow straightens a trained model: press Train first."


class ReflowControl(QObject):
    """One at a time; ``start`` asks the worker, ``read`` (at frame rate) takes what it has left."""

    def __init__(self, lab: Lab):
        super().__init__(lab)
        self._lab = lab
        self._job: Job[Array] | None = None
        self._box: Mailbox[float] = Mailbox()

    @property
    def running(self) -> bool:
        return self._job is not None

    def refusal(self) -> str | None:
        """Why there is nothing to reflow, in one sentence; None if there is."""
        if self._lab.training.snapshot is None:
            return NOTHING_TRAINED
        return CARRIER.refusal(self._lab.model.experiment)

    def start(self) -> None:
        """Carries ``PAIRS`` points of the source along the model's ODE, with progress and Cancel."""
        lab, snapshot, reason = self._lab, self._lab.training.snapshot, self.refusal()
        if self.running:
            return
        if reason is not None or snapshot is None:
            lab.window.messages.note(reason or NOTHING_TRAINED)
            return
        seed = lab.model.experiment.training.seed
        self._experiment = lab.model.experiment
        self._box.advance()
        self._job = lab.worker.submit(lambda: _pairs(snapshot.field, seed), name="reflow", priority=Priority.WATCHED, mailbox=self._box)
        lab.window.busy.begin(f"Reflow: {PAIRS:,} pairs of the model…".replace(",", "\u202f"), self.cancel)

    _experiment: Any = None

    def cancel(self) -> None:
        """Nothing changes."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self._lab.window.busy.end()
            self._lab.window.messages.note("Reflow cancelled; nothing has changed.")

    def read(self) -> None:
        """Progress; and when the pairs are there, the new experiment and its training."""
        if self._job is None:
            return
        over, share = self._job.done, self._box.take()
        if share is not None:
            self._lab.window.busy.show_fraction(share)
        if not over:
            return
        job, self._job = self._job, None
        self._lab.window.busy.end()
        if job.error is not None:
            self._lab.window.messages.problem(job.error)
        elif self._lab.model.experiment != self._experiment:
            self._lab.window.messages.note("The experiment has changed meanwhile: the pairs no longer belong to it. Reflow again.")
        else:
            self._begin(job.future.result())

    def _begin(self, pairs: Array) -> None:
        from engine.reflow import reflowed

        lab = self._lab
        lab.model.edit_experiment("reflow", reflowed(lab.model.experiment, pairs))
        lab.training.restart()
        words = f"Reflow: a new network learns straight lines between {len(pairs.values):,} pairs of the old one. Undo takes it back."
        lab.window.messages.note(words.replace(",", "\u202f"))


def _pairs(field: Any, seed: int) -> Generator[float, None, Array]:
    from engine.reflow import reflow_pairs

    pairs = yield from reflow_pairs(field, CARRIER, PAIRS, seed)
    return pairs
