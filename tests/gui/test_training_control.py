"""What a change of the experiment means for a training that runs, is paused, or is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QObject

from engine.experiment import Experiment, Training
from engine.networks import MLP
from engine.schedules import Trigonometric
from engine.targets import Helix, Moons
from engine.worker import Worker
from gui.document import LabDocument
from gui.model import LabModel, LabState
from gui.training_control import TrainingControl

SMALL = Experiment(network=MLP(width=16, depth=1), training=Training(batch=64))


@pytest.fixture
def control(qapp: QObject) -> Iterator[TrainingControl]:
    worker = Worker()
    made = TrainingControl(LabModel(LabState(SMALL, LabDocument()), parent=qapp), worker, qapp)
    worker.start()
    yield made
    made.forget()
    worker.close()


def until(control: TrainingControl, condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        control.read()
        time.sleep(0.01)


def paused(control: TrainingControl) -> list[str]:
    """A training of a few steps, paused; what is said from then on."""
    control.start()
    until(control, lambda: control.progress is not None and control.progress.step > 5)
    control.pause()
    said: list[str] = []
    control.said.connect(said.append)
    return said


def test_a_paused_training_does_not_start_by_itself(control: TrainingControl) -> None:
    said = paused(control)
    control._model.edit_experiment("target", replace(SMALL, target=Helix()))
    assert control.status == "untrained"
    assert control.snapshot is None
    assert said == ["Target changed: the trained network no longer fits, so the panes show the exact field until you train again."]
    control._model.edit_experiment("path", replace(SMALL, target=Helix(), path=Trigonometric()))
    assert len(said) == 1  # not twice


def test_what_fits_a_paused_training_is_for_going_on(control: TrainingControl) -> None:
    said = paused(control)
    control._model.edit_experiment("target", replace(SMALL, target=Moons()))
    assert control.status == "paused"
    assert said == ["Target changed: Go on trains from these weights."]


def test_undo_brings_the_trained_network_back(control: TrainingControl) -> None:
    said = paused(control)
    step = control.work.step if control.work is not None else 0
    control._model.edit_experiment("path", replace(SMALL, path=Trigonometric()))
    control._model.undo.undo()
    assert control.status == "stopped"
    assert said[-1] == "The network that was trained fits again."
    until(control, lambda: control.snapshot is not None)
    assert control.snapshot is not None
    assert control.snapshot.step >= step
