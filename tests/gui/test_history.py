"""The list of finished runs in a real window: what goes in, comparing, panes, restoring, deleting, and the session file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from engine import session
from engine.choice import Problem
from engine.distances import Estimate
from engine.experiment import Experiment, Training
from engine.networks import MLP
from engine.schedules import Trigonometric
from engine.targets import Helix, Moons
from gui.history import runs as run_list
from gui.history.runs import RunList
from gui.history.sparkline import curve_of
from gui.history.table import SETTINGS
from gui.history.window import RunsWindow
from gui.history.words import auto_name, differences
from gui.stage.pane_settings import PaneSettingsPopover
from tests.engine.test_past_runs import past_run
from tests.gui.lab_in_a_window import done, settled, small_lab, train, until, within


@pytest.fixture
def lab(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("PUSHFORWARD_STATE", str(tmp_path / "state"))
    yield from small_lab(qapp)


def names(lab: Any) -> list[str]:
    return lab.history.list.names


def run_of(lab: Any, steps: int = 60) -> None:
    """Trains and stops; the run is in the list."""
    train(lab, steps)
    lab.training.stop()
    key = lab.training.work.key
    until(lab, lambda: lab.history.list.get(key) is not None and lab.history.list.get(key).step == lab.training.work.step)


def test_a_run_that_stops_is_in_the_list_and_going_on_is_the_same_run(lab: Any) -> None:
    run_of(lab)
    (run,) = lab.history.list.runs
    assert run.name == "condot · flow-matching · 1×16"
    assert run.step == lab.training.work.step
    assert run.losses[-1, 0] == run.step
    assert run.seconds > 0
    assert lab.model.edited
    run_of(lab)
    (later,) = lab.history.list.runs
    assert later.key == run.key
    assert later.step > run.step
    lab.training.restart()
    until(lab, lambda: lab.training.work.step > 20)
    lab.training.stop()
    until(lab, lambda: len(names(lab)) == 2)
    assert names(lab)[1] == "condot · flow-matching · 1×16 (2)"


def test_a_change_that_ends_a_training_leaves_it_in_the_list(lab: Any) -> None:
    train(lab, 40)
    step = lab.training.work.step
    lab.model.edit_experiment("path", replace(lab.model.experiment, path=Trigonometric()))
    until(lab, lambda: len(names(lab)) == 1)
    assert lab.history.list.runs[0].step == step
    assert lab.history.list.runs[0].experiment.path.name == "condot"


def test_restoring_brings_experiment_and_weights_back_and_loses_nothing(lab: Any) -> None:
    run_of(lab)
    first = lab.history.list.runs[0]
    until(lab, lambda: settled(lab))
    shown = lab.stage.showings[0].latest.positions[-1].copy()
    lab.model.edit_experiment("both", replace(lab.model.experiment, target=Moons(), path=Trigonometric()))
    train(lab, 30)
    lab.history.restore(first.key)
    until(lab, lambda: lab.training.work is not None and lab.training.work.key == first.key and settled(lab))
    assert lab.model.experiment == first.experiment
    assert lab.training.status == "stopped"
    assert len(names(lab)) == 2  # the one that was there
    until(lab, lambda: lab.training.snapshot is not None and settled(lab))
    np.testing.assert_array_equal(lab.stage.showings[0].latest.positions[-1], shown)
    np.testing.assert_array_equal(lab.training.losses.rows, first.losses)
    assert "is the present run again" in lab.window.messages.text.text()
    lab.history.restore(lab.history.list.runs[1].key)  # and back
    until(lab, lambda: lab.model.experiment.target == Moons())
    train(lab, 5)


def test_runs_stand_in_panes_beside_the_present_one_each_with_its_own_law(lab: Any) -> None:
    run_of(lab)
    first = lab.history.list.runs[0]
    lab.model.edit_experiment("both", replace(lab.model.experiment, target=Moons(), path=Trigonometric()))
    train(lab, 30)
    assert lab.history.put_in_panes([first.key]) == ""
    until(lab, lambda: len(lab.stage.panes) == 3 and settled(lab))
    request = lab.simulation.shown(2)
    assert request.law.target == first.experiment.target
    assert request.law.path == first.experiment.path
    assert request.snapshot.step == first.step
    assert lab.stage.panes[2].header.title.text() == first.name
    assert lab.stage.panes[2].header.caption.text() == "ODE · Euler · 6 steps · 6 evaluations"
    own, other = lab.stage.showings[2].latest, lab.stage.showings[0].latest
    assert own.target is not other.target  # its own target is behind it
    assert own.target is not None
    lab.history.rename(first.key, "the first")
    until(lab, lambda: lab.stage.panes[2].header.title.text() == "the first")
    lab.history.delete([first.key])
    until(lab, lambda: settled(lab) and lab.simulation.shown(2).law.target == Moons())
    until(lab, lambda: lab.stage.showings[2].latest.target is lab.stage.showings[0].latest.target)
    lab.model.edit_experiment("space", replace(lab.model.experiment, target=Helix()))
    lab.history.undelete()
    lab.history.put_in_panes([first.key])
    until(lab, lambda: lab.simulation.refused(3) is not None)
    assert lab.simulation.refused(3) == "This run is in 2 dimensions and the stage in 3: restore the run to look at it."


def test_more_runs_than_panes_is_said(lab: Any) -> None:
    run_of(lab, 10)
    for k in range(3):
        lab.history.list.put(changed(lab.history.list.runs[0], key=f"{k:x}", name=f"run {k}"))
    said = lab.history.put_in_panes([run.key for run in lab.history.list.runs])
    assert "4 panes at most: no place for “run 1”, “run 2”" in said
    assert len(lab.model.document.panes) == 4


def test_the_window_by_keyboard(lab: Any, qtbot: QtBot) -> None:
    lab.window.actions_["runs"].trigger()
    window = RunsWindow._open
    assert window is not None
    assert "No run has ended yet" in window.sentence.text()
    assert not window.restore.isEnabled()
    run_of(lab)
    lab.model.edit_experiment("batch", replace(lab.model.experiment, training=replace(lab.model.experiment.training, batch=32)))
    lab.training.restart()
    until(lab, lambda: lab.training.work.step > 20)
    lab.training.stop()
    until(lab, lambda: window.table.rowCount() == 2)
    table = window.table
    assert table.item(0, SETTINGS).text() == "present run"
    assert table.item(1, SETTINGS).text() == "batch 64"
    window.activateWindow()
    table.setFocus()
    until(lab, lambda: table.hasFocus())
    qtbot.keyClick(table, Qt.Key.Key_Up)
    qtbot.keyClick(table, Qt.Key.Key_Space)
    qtbot.keyClick(table, Qt.Key.Key_Down)
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert table.ticked_keys == [run.key for run in reversed(lab.history.list.runs)]
    assert window.comparison.plot.legend == ["condot · flow-matching · 1×16 (2)", "condot · flow-matching · 1×16"]
    qtbot.keyClick(table, Qt.Key.Key_F2)
    editor = table.findChild(QLineEdit)
    qtbot.keyClicks(editor, "Slow")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    until(lab, lambda: names(lab)[0] == "Slow")
    assert window.comparison.plot.legend[1] == "Slow"
    qtbot.keyClick(table, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    assert [pane.run for pane in lab.model.document.panes[2:]] == table.ticked_keys
    until(lab, lambda: settled(lab))
    qtbot.keyClick(table, Qt.Key.Key_Delete)
    assert names(lab) == []
    assert "Undo delete" in window.sentence.text()
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert names(lab)[0] == "Slow"
    assert len(names(lab)) == 2
    table.setCurrentCell(1, 0)
    qtbot.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    until(lab, lambda: lab.model.experiment.training.batch == 64 and lab.training.work.key == lab.history.list.runs[0].key)
    assert table.item(1, SETTINGS).text() == "present run"
    window.close()


def test_names_are_the_users_but_no_two_alike() -> None:
    listed = RunList()
    listed.put(past_run("a", "one"))
    listed.put(past_run("b", "two"))
    for name, said in (("two", "already"), ("  ", "needs a name")):
        with pytest.raises(Problem, match=said):
            listed.rename("a", name)
    listed.rename("a", "  uno \n")
    assert listed.names == ["uno", "two"]
    listed.put(past_run("a", "one", step=99))
    assert (listed.names, listed.get("a").step) == (["uno", "two"], 99)  # type: ignore[union-attr]


@given(st.lists(st.integers(0, 9), max_size=12), st.lists(st.integers(0, 9), max_size=6))
def test_what_is_deleted_comes_back_where_it_was(there: list[int], gone: list[int]) -> None:
    listed = RunList()
    runs = [past_run(f"{k}", f"run {k}") for k in dict.fromkeys(there)]
    for run in runs:
        listed.put(run)
    before = listed.names
    taken = listed.delete([f"{k}" for k in gone])
    assert listed.names == [name for name in before if name not in {run.name for run in taken}]
    listed.undelete()
    assert listed.names == before


def test_the_oldest_go_when_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    listed, gone = RunList(), []
    listed.crowded_out.connect(gone.extend)
    monkeypatch.setattr(run_list, "MOST_RUNS", 3)
    for k in range(5):
        listed.put(past_run(f"{k}", f"run {k}"))
    assert (listed.names, gone) == (["run 2", "run 3", "run 4"], ["run 0", "run 1"])
    monkeypatch.setattr(run_list, "MOST_BYTES", past_run().bytes + 1)
    listed.put(past_run("9", "run 9"))
    assert listed.names == ["run 9"]


def test_what_differs_in_words() -> None:
    now = Experiment()
    other = Experiment(target=Moons(), path=Trigonometric(), network=MLP(width=64), training=Training(batch=256, learning_rate=0.01))
    assert differences(now, now) == []
    assert differences(other, now) == ["target: Moons", "path: Trigonometric", "width 64", "batch 256", "learning rate 0.01"]
    assert auto_name(now) == "condot · flow-matching · 3×128"
    assert auto_name(now, [auto_name(now)]) == "condot · flow-matching · 3×128 (2)"


def test_a_sparkline_falls_as_the_loss_does() -> None:
    steps = np.arange(1.0, 500.0)
    points = curve_of(np.column_stack([steps, 1 / steps]))
    assert points.min() == 0.0
    assert points.max() == 1.0
    assert (np.diff(points[:, 1]) <= 1e-9).all()
    assert len(curve_of(np.zeros((0, 2)))) == 0
    assert len(curve_of(np.array([[1.0, np.nan]] * 5))) == 0


def test_runs_come_back_with_the_session(lab: Any, tmp_path: Path) -> None:
    run_of(lab)
    lab.history.rename(lab.training.work.key, "kept")
    lab.model.edit_experiment("path", replace(lab.model.experiment, path=Trigonometric()))
    train(lab, 30)
    lab.history.put_in_panes([lab.history.list.runs[0].key])
    until(lab, lambda: settled(lab))
    path = tmp_path / "a.pushforward"
    done(lab, lab.files._save(path))
    assert not lab.model.edited
    steps = [one.step for one in lab.steps.checkpoints]
    stored = session.load(path)
    assert [run.name for run in stored.runs] == ["kept"]
    assert stored.run == lab.training.work.key

    within(lab, lab.files.new)
    assert names(lab) == []
    done(lab, lab.files._open(path, False))
    until(lab, lambda: lab.training.work is not None and lab.training.snapshot is not None and settled(lab))
    assert names(lab) == ["kept", "trigonometric · flow-matching · 1×16"]  # the session that was closed is a finished run too
    assert not lab.model.edited
    assert [one.step for one in lab.steps.checkpoints] == steps
    assert lab.stage.panes[2].header.title.text() == "kept"
    lab.steps.first()
    until(lab, lambda: settled(lab))
    assert lab.simulation.shown(0).snapshot.step == 0
    assert lab.simulation.shown(2).snapshot.step > 0  # another run stays what it is


def test_a_pane_s_settings_offer_the_runs(lab: Any) -> None:
    run_of(lab, 10)
    run = lab.history.list.runs[0]
    lab._pane_settings(1)
    popover = lab.window.findChild(PaneSettingsPopover)
    assert popover.run_chip.text() == "finished run…"
    popover.run_chip.menu().actions()[0].trigger()
    assert lab.model.document.panes[1].run == run.key
    assert popover.run_chip.text() == run.name
    assert popover.run_chip.isChecked()
    until(lab, lambda: settled(lab) and lab.stage.panes[1].header.title.text() == run.name)
    popover.close()
    lab._pane_settings(1)
    popover = lab.window.findChildren(PaneSettingsPopover)[-1]
    next(button for button in popover._models.buttons() if button.text() == "learned network").click()
    assert lab.model.document.panes[1].run is None
    assert not popover.run_chip.isChecked()
    popover.close()


def test_the_dialog_films_along_the_training_or_at_the_checkpoint_that_is_shown(lab: Any, tmp_path: Path) -> None:
    from gui.recorder.dialog import RecordDialog

    dialog = RecordDialog.open_for(lab)
    assert not dialog.form.axis.isEnabled()
    assert "press Train" in dialog.form.axis.toolTip()
    dialog.close()
    train(lab, 30)
    lab.steps.seek(10)
    until(lab, lambda: settled(lab))
    dialog = RecordDialog.open_for(lab)
    form = dialog.form
    words = form.options(tmp_path / "x.mp4").arguments(tmp_path)
    assert words[words.index("--step") + 1] == "10"
    form.axis.setCurrentIndex(1)
    form.at.setValue(0.5)
    words = form.options(tmp_path / "x.mp4").arguments(tmp_path)
    assert words[words.index("--axis") : words.index("--axis") + 4] == ["--axis", "training", "--at", "0.5"]
    assert "--step" not in words
    form.size_.setCurrentIndex(form.size_.findText("other…"))
    form.width_.setValue(160)
    form.height_.setValue(120)
    form.seconds.setValue(0.6)
    form.hold_start.setValue(0.0)
    form.hold_end.setValue(0.1)
    form.fps.setCurrentIndex(0)

    async def record() -> None:
        dialog.record_to(tmp_path / "learn.mp4")
        while not dialog.sentence.text().startswith(("Recorded", "Not")):
            await asyncio.sleep(0.02)

    done(lab, record())
    assert dialog.sentence.text() == "Recorded learn.mp4."
    assert (tmp_path / "learn.mp4").stat().st_size > 1_000
    dialog.close()


def test_what_is_measured_once_a_run_rests_belongs_to_it_and_nothing_is_simulated_again(lab: Any) -> None:
    run_of(lab, 20)
    key = lab.training.work.key
    lab.history.put_in_panes([key])
    until(lab, lambda: settled(lab))
    shown = lab.simulation.shown(2)
    until(lab, lambda: any(name == "w2" for name in lab.history.list.get(key).distances.names))
    more = lab.distances.series.with_point(1, "another pane", {"w2": Estimate(value=0.5, floor=0.1, spread=0.01, n=10, repeats=4)})
    lab.distances.restore(more)
    until(lab, lambda: "another pane" in lab.history.list.get(key).distances.curves)
    lab.history.rename(key, "measured")
    until(lab, lambda: settled(lab))
    assert lab.simulation.shown(2) is shown
    assert lab.history.list.get(key).name == "measured"
