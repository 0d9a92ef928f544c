"""The axis of training steps in a real window: scrub, keys, play, and training that goes on behind what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.samplers import Euler
from gui.runs import Run, RunRequest, Snapshot, law_of
from gui.snapshots import KeptSnapshot, RunCache, words_of
from gui.stage.step_bar import words
from shaders.scene import PaneData
from tests.gui.lab_in_a_window import SMALL, settled, small_lab, train, until


@pytest.fixture
def lab(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("PUSHFORWARD_STATE", str(tmp_path / "state"))
    yield from small_lab(qapp)


def ends(lab: Any) -> np.ndarray:
    return lab.stage.showings[0].latest.positions[-1]


def test_scrubbing_shows_the_network_as_it_was(lab: Any, qtbot: QtBot) -> None:
    bar = lab.window.transport.steps
    assert not bar.slider.isEnabled()
    assert "press Train" in bar.slider.toolTip()
    train(lab, 300)
    steps = [one.step for one in lab.steps.checkpoints]
    assert steps[:6] == [0, 1, 2, 3, 4, 5]
    latest, last = ends(lab).copy(), lab.training.work.step
    until(lab, lambda: bar.slider.isEnabled())
    assert bar.words.text() == words(last, None)
    assert "latest" in bar.words.text()
    assert "training step" not in lab.stage.panes[0].header.caption.text()

    qtbot.mouseClick(bar.slider, Qt.MouseButton.LeftButton, pos=QPoint(round(bar.slider.x_of(100)), 12))
    assert lab.steps.step == 100
    until(lab, lambda: settled(lab))
    assert lab.simulation.shown(0).snapshot.step == 100
    assert not np.array_equal(ends(lab), latest)
    assert lab.stage.panes[0].header.caption.text().startswith("training step 100 · 6 steps")
    until(lab, lambda: bar.words.text().startswith("step 100 of "))
    first_noise = lab.stage.showings[0].latest.positions[0]

    qtbot.mouseClick(bar.slider, Qt.MouseButton.LeftButton, pos=QPoint(0, 12))
    until(lab, lambda: settled(lab))
    assert lab.simulation.shown(1).snapshot.step == 0
    np.testing.assert_array_equal(lab.stage.showings[0].latest.positions[0], first_noise)  # the same noise: particles glide

    qtbot.mouseClick(bar.slider, Qt.MouseButton.LeftButton, pos=QPoint(bar.slider.width() - 1, 12))
    until(lab, lambda: settled(lab))
    assert lab.steps.step is None
    np.testing.assert_array_equal(ends(lab), latest)
    assert "training step" not in lab.stage.panes[0].header.caption.text()


def test_what_was_shown_once_is_not_simulated_again(lab: Any) -> None:
    train(lab, 60)
    for _ in range(3):
        lab.steps.back()
        until(lab, lambda: settled(lab))
    kept = len(lab.simulation.cache)
    assert kept >= 4  # two panes, and the latest is none of them
    lab.steps.ahead()
    assert all(pane.job is None for pane in lab.simulation._panes)  # it lies in the box already
    until(lab, lambda: settled(lab))
    assert len(lab.simulation.cache) == kept


def test_training_goes_on_behind_a_checkpoint(lab: Any) -> None:
    train(lab, 100)
    lab.steps.seek(50)
    until(lab, lambda: settled(lab))
    shown, before = ends(lab).copy(), lab.training.work.step
    lab.training.start()
    until(lab, lambda: lab.training.work.step > before + 300)
    assert lab.steps.step == 50
    np.testing.assert_array_equal(ends(lab), shown)
    until(lab, lambda: str(lab.training.work.step)[:1] in lab.window.transport.steps.words.text().split(" of ")[1])
    lab.steps.to_latest()
    until(lab, lambda: lab.simulation.shown(0).snapshot is not None and lab.simulation.shown(0).snapshot.step > before + 300)
    lab.training.pause()


def test_keys_on_the_stage(lab: Any, qtbot: QtBot) -> None:
    train(lab, 100)
    lab.window.activateWindow()
    canvas = lab.stage.panes[0].canvas
    canvas.setFocus()
    until(lab, lambda: canvas.hasFocus())
    shift = Qt.KeyboardModifier.ShiftModifier
    steps = [one.step for one in lab.steps.checkpoints]
    qtbot.keyClick(canvas, Qt.Key.Key_Left, shift)
    assert lab.steps.step == max(step for step in steps if step < lab.training.work.step)
    qtbot.keyClick(canvas, Qt.Key.Key_Home, shift)
    assert lab.steps.step == 0
    qtbot.keyClick(canvas, Qt.Key.Key_Right, shift)
    assert lab.steps.step == 1
    qtbot.keyClick(canvas, Qt.Key.Key_End, shift)
    assert lab.steps.step is None
    slider = lab.window.transport.steps.slider
    slider.setFocus()
    t = lab.stage.clock.t
    qtbot.keyClick(slider, Qt.Key.Key_Home)
    assert (lab.steps.step, lab.stage.clock.t) == (0, t)
    scrub = lab.window.transport.scrub
    scrub.setFocus()
    lab.stage.seek(0.5)
    qtbot.keyClick(scrub, Qt.Key.Key_Right, shift)
    assert (lab.steps.step, lab.stage.clock.t) == (0, pytest.approx(0.501))  # small steps of t, as ever


def test_play_goes_through_all_checkpoints_at_the_present_t(lab: Any) -> None:
    train(lab, 40)
    lab.stage.set_loop("once")
    lab.stage.set_speed(4.0)
    lab.stage.seek(0.75)
    seen: list[int | None] = []
    lab.steps.changed.connect(lambda: seen.append(lab.steps.step))
    lab.window.actions_["play-training"].trigger()
    assert lab.steps.playing
    assert lab.stage.showings[0].pace is not None
    until(lab, lambda: not lab.steps.playing)
    steps = [one.step for one in lab.steps.checkpoints if one.step != lab.training.work.step]
    assert [step for step in dict.fromkeys(seen) if step is not None] == steps
    assert lab.steps.step is None
    assert lab.stage.clock.t == 0.75
    assert lab.stage.showings[0].pace is None


def test_a_new_training_is_followed_from_its_beginning(lab: Any) -> None:
    train(lab, 50)
    lab.steps.first()
    until(lab, lambda: settled(lab))
    lab.training.restart()
    until(lab, lambda: lab.training.snapshot is not None and lab.steps.step is None)
    lab.training.pause()


@pytest.mark.parametrize("width", [900, 1100, 1600])
def test_everything_fits_the_bar(lab: Any, width: int) -> None:
    lab.window.resize(width, 700)
    train(lab, 20)
    bar = lab.window.transport
    lab.stage.set_loop("ping-pong")
    until(lab, lambda: bar.steps.slider.isEnabled() and bar.steps.isVisible() and bar.width() <= width - 280)
    parts = [bar.play, bar.speed, bar.time, bar.scrub, bar.loop, bar.reverse, bar.steps.play, bar.steps.words, bar.steps.slider]
    boxes = [part.rect().translated(part.mapTo(bar, QPoint())) for part in parts]
    assert all(bar.rect().contains(box) for box in boxes)
    assert not any(a.intersects(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert all(part.width() >= part.minimumSizeHint().width() for part in parts)


def request(snapshot: Snapshot | None, particles: int = 10) -> RunRequest:
    from engine.experiment import Experiment

    return RunRequest(law_of(Experiment()), Euler(steps=2), snapshot, particles, 0, "cpu")


def made(one: RunRequest) -> Run:
    return Run(one, PaneData(positions=np.zeros((2, one.particles, 2), dtype=np.float32)), "")


def test_the_cache_has_bounds_and_keeps_what_was_used_last() -> None:
    from engine.experiment import Experiment

    snapshots = [KeptSnapshot(step, Experiment(), np.zeros(3, dtype=np.float32), "cpu") for step in range(5)]
    cache = RunCache(most=3, most_bytes=1_000)
    for snapshot in snapshots[:3]:
        cache.put(made(request(snapshot)))
    assert cache.bytes == 3 * 160
    assert cache.get(request(snapshots[0])) is not None
    cache.put(made(request(snapshots[3])))
    assert cache.get(request(snapshots[1])) is None  # unused longest
    assert cache.get(request(snapshots[0])) is not None
    cache.put(made(request(snapshots[4], particles=50)))  # 800 bytes: only one other has room
    assert (len(cache), cache.bytes) == (2, 960)
    cache.put(made(request(snapshots[2], particles=500)))  # too large for any room
    cache.put(made(request(Snapshot(1, 5, None))))  # of a training that goes on: not kept
    cache.put(made(request(None)))
    assert (len(cache), cache.bytes) == (2, 960)
    assert words_of(Snapshot(1, 5, None)) == words_of(None) == ""
    assert SMALL.panes
