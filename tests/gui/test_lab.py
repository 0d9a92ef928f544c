"""The lab as one opens it: a real window on a virtual screen, a real worker, a small network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QWheelEvent
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from engine.networks import MLP
from engine.schedules import Trigonometric
from engine.targets import Helix, Moons, Painting, Points
from tests.gui.lab_in_a_window import done, small_lab, until, within


@pytest.fixture
def lab(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("PUSHFORWARD_STATE", str(tmp_path / "state"))
    yield from small_lab(qapp)


def shown(lab: Any) -> bool:
    return all(showing.latest.positions is not None for showing in lab.stage.showings)


def test_something_moves_before_any_training(lab: Any) -> None:
    until(lab, lambda: shown(lab) and lab.stage.clock.t > 0.01)
    positions = [showing.latest.positions for showing in lab.stage.showings]
    assert positions[0].shape == (7, 1000, 2)
    assert positions[1].shape == (9, 1000, 2)
    np.testing.assert_array_equal(positions[0][0], positions[1][0])  # the same noise in both panes
    assert lab.window.messages.isVisible()
    assert "Train" in lab.window.messages.text.text()
    until(lab, lambda: lab.stage.panes[0].metric_words and lab.stage.panes[1].metric_words)


class LaidOut(QObject):
    """Counts how often a widget is asked to lay out what is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.times += event.type() == QEvent.Type.LayoutRequest
        return super().eventFilter(watched, event)


def test_playing_lays_nothing_out(lab: Any) -> None:
    """Words that are others at every frame stay where they are: else the whole window is laid out and painted 30 times a second."""
    until(lab, lambda: shown(lab) and all(pane.metric_words for pane in lab.stage.panes))
    counter, moved = LaidOut(), []
    lab.stage.clock_changed.connect(lambda: moved.append(lab.window.transport.time.text()))
    lab.window.installEventFilter(counter)
    until(lab, lambda: len(set(moved)) > 20)
    assert counter.times < len(moved) / 4
    lab.window.removeEventFilter(counter)


def test_painting_a_stroke_makes_the_painting_the_target(lab: Any, qtbot: QtBot) -> None:
    until(lab, lambda: shown(lab))
    easel = lab.window.controls.target.easel
    qtbot.mousePress(easel, Qt.MouseButton.LeftButton, pos=QPoint(40, 40))
    qtbot.mouseMove(easel, QPoint(90, 90))
    qtbot.mouseRelease(easel, Qt.MouseButton.LeftButton, pos=QPoint(90, 90))
    until(lab, lambda: isinstance(lab.model.experiment.target, Painting))
    until(lab, lambda: all(lab.simulation.shown(i).target == lab.model.experiment.target for i in (0, 1)))
    assert lab.model.edited


def test_panes_take_turns_while_someone_paints(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    until(lab, lambda: shown(lab))
    monkeypatch.setattr(lab.stage.darkroom, "renderer", "llvmpipe")  # a graphics card draws all of them in time
    drawn: list[int | None] = []
    monkeypatch.setattr(lab.stage, "redraw", lambda only=None: drawn.append(only))
    easel, spot = lab.window.controls.target.easel, QPointF(60, 60)
    easel.begin(spot)
    until(lab, lambda: len(drawn) >= 4 and set(drawn[-4:]) == {0, 1})  # what was still on its way draws all panes once
    assert all(a != b for a, b in pairwise(drawn[-4:]))
    easel._drop_stroke()
    drawn.clear()
    until(lab, lambda: len(drawn) >= 2)
    assert set(drawn) == {None}
    easel.begin(spot)
    easel.end()
    assert not lab.stage._aside


def test_an_empty_canvas_is_not_trained_on(lab: Any) -> None:
    until(lab, lambda: not lab.window.controls.target.easel.is_empty)
    lab.window.controls.target.easel.clear()
    lab.window.actions_["train"].trigger()
    assert lab.training.status == "untrained"
    assert lab.window.messages.text.text() == "The canvas is empty: paint something, then press Train."
    lab.model.undo.undo()
    lab.window.actions_["train"].trigger()
    assert lab.training.running


def test_the_system_s_theme_matters_only_to_who_follows_it(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(lab, "set_theme", told.append)
    QGuiApplication.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert told == []
    lab.preferences.theme = "system"
    lab.follow_system_theme()
    assert told == ["system"]


def test_training_moves_the_panes_pauses_and_goes_on(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    lab.window.actions_["train"].trigger()
    until(lab, lambda: lab.training.progress is not None and lab.training.progress.step > 20)
    until(lab, lambda: all(lab.simulation.shown(i).snapshot is not None for i in (0, 1)))
    assert [pane.model for pane in lab.model.document.panes] == ["learned", "learned"]
    lab.window.actions_["train"].trigger()
    assert lab.training.status == "paused"
    until(lab, lambda: lab.training.snapshot.step == lab.training.work.step)
    before = lab.training.work.step
    lab.window.actions_["train"].trigger()
    until(lab, lambda: lab.training.work.step > before)
    assert len(lab.training.losses) == lab.training.losses.rows[-1, 0]


@pytest.mark.parametrize(
    ("change", "sentence", "restarts"),
    [
        ({"target": Moons()}, "Target changed: training goes on from these weights.", False),
        ({"path": Trigonometric()}, "Path changed: training restarted.", True),
        ({"network": MLP(width=8, depth=1)}, "Network changed: training restarted.", True),
    ],
)
def test_a_change_while_training_says_what_it_does(lab: Any, change: dict[str, Any], sentence: str, restarts: bool) -> None:
    said: list[str] = []
    lab.training.said.connect(said.append)
    lab.window.actions_["train"].trigger()
    until(lab, lambda: lab.training.work.step > 200)
    before, old, losses = lab.training.work.step, lab.training.work, lab.training.losses
    lab.model.edit_experiment("change", replace(lab.model.experiment, **change))
    assert said == [sentence]
    assert lab.training.running
    new = lab.training.work
    assert new is not old
    assert (lab.training.losses is not losses) == restarts
    assert restarts or new.step >= before
    until(lab, lambda: new.step > before)


def test_a_session_comes_back(lab: Any, tmp_path: Path) -> None:
    lab.window.actions_["train"].trigger()
    until(lab, lambda: lab.training.progress is not None and lab.training.progress.step > 20)
    until(lab, lambda: lab.training.snapshot is not None)
    lab.training.stop()
    until(lab, lambda: lab.training.snapshot.step == lab.training.work.step)
    step, path = lab.training.work.step, tmp_path / "a.pushforward"
    done(lab, lab.files._save(path))
    assert not lab.model.edited
    experiment, document = lab.model.experiment, lab.model.document
    lab.files.new()
    assert lab.training.status == "untrained"
    done(lab, lab.files._open(path, False))
    until(lab, lambda: lab.training.snapshot is not None)
    assert (lab.model.experiment, lab.model.document.panes) == (experiment, document.panes)
    assert lab.training.snapshot.step == step
    assert len(lab.training.losses) == step
    assert not lab.model.edited


def test_a_file_that_is_no_session_is_one_line_and_loses_nothing(lab: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.pushforward"
    path.write_bytes(b"no zip")
    lab.model.edit_document("seed", replace(lab.model.document, seed=4))
    done(lab, lab.files._guarded(lab.files._open(path, False)))
    assert lab.window.messages.kind == "problem"
    assert "bad.pushforward" in lab.window.messages.text.text()
    assert lab.model.document.seed == 4


def test_unsaved_work_is_kept_aside_and_found_after_a_crash(lab: Any) -> None:
    lab.model.edit_document("seed", replace(lab.model.document, seed=9))
    done(lab, lab.files.autosave._keep())
    assert lab.files.autosave._path.exists()
    assert lab.files.autosave._left_over() == []  # its lock is held: that lab lives
    lab.files.autosave._lock.unlock()
    lab.files.autosave._path = lab.files.autosave._path.with_name("another.pushforward")
    assert len(lab.files.autosave._left_over()) == 1


def test_samples_are_written_in_the_users_units(lab: Any, tmp_path: Path) -> None:
    until(lab, lambda: shown(lab))
    data = lab.stage.showings[0].latest
    for name in ("x.csv", "x.npy"):
        done(lab, lab.files.export._write_samples(data, tmp_path / name))
    table, array = np.loadtxt(tmp_path / "x.csv", delimiter=",", skiprows=1), np.load(tmp_path / "x.npy", allow_pickle=False)
    np.testing.assert_array_equal(table, array)
    assert array.dtype == np.float64
    assert abs(np.linalg.norm(array, axis=1).mean() - 5.0) < 0.5  # 8gaussians have radius 5


def test_a_picture_is_as_large_as_asked(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    pixels = lab.files.export.drawn(0, 2)
    pane = lab.stage.panes[0]
    assert pixels.shape == (2 * pane.height(), 2 * pane.width(), 4)
    assert pixels[:, :, :3].std() > 1


def test_three_dimensions_grey_what_is_not_there(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    lab.model.edit_experiment("target", replace(lab.model.experiment, target=Helix()))
    until(lab, lambda: all(s.latest.dimension == 3 and s.latest.positions is not None for s in lab.stage.showings))
    chips = lab.stage.panes[0].chips._chips
    assert not chips["velocity"].isEnabled()
    assert "three dimensions" in chips["velocity"].toolTip()
    assert chips["particles"].isEnabled()


def test_velocity_follows_time(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    lab.stage.seek(0.25)
    lab.window.actions_["layer-velocity"].trigger()
    until(lab, lambda: lab.stage.showings[0].latest.velocity is not None)
    first = lab.stage.showings[0].latest.velocity
    lab.stage.seek(0.9)
    until(lab, lambda: lab.stage.showings[0].latest.velocity is not first)


def test_wheel_zooms_all_panes_about_the_pointer(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    canvas = lab.stage.panes[0].canvas
    place = QPointF(120, 90)
    before, extent = canvas.world_at(place.x(), place.y()), lab.model.document.scene.camera.extent
    event = QWheelEvent(
        place, canvas.mapToGlobal(place), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)
    assert lab.model.document.scene.camera.extent < extent
    np.testing.assert_allclose(canvas.world_at(place.x(), place.y()), before, atol=1e-9)


def test_framing_again_is_a_calm_move_and_a_hand_stops_it(lab: Any) -> None:
    until(lab, lambda: shown(lab) and not lab.stage.camera.moving)
    framed = lab.model.document.scene.camera
    lab.stage.camera.zoom(2.0)
    assert lab.model.document.scene.camera == framed  # it has not jumped
    until(lab, lambda: not lab.stage.camera.moving)
    assert lab.model.document.scene.camera.extent == pytest.approx(framed.extent / 2)
    lab.stage.camera.frame_again()
    assert lab.stage.camera.moving
    lab.stage.panes[0].canvas.zoom_asked.emit(15.0, 10.0, 10.0)
    assert not lab.stage.camera.moving
    lab.stage.camera.frame_again()
    until(lab, lambda: not lab.stage.camera.moving)
    assert lab.model.document.scene.camera.extent == pytest.approx(framed.extent)


def test_a_film_is_recorded_from_the_dialog_and_a_cancelled_one_leaves_nothing(lab: Any, tmp_path: Path) -> None:
    from gui.recorder.dialog import RecordDialog

    until(lab, lambda: shown(lab))
    folder = tmp_path / "films"
    folder.mkdir()
    dialog = RecordDialog.open_for(lab)
    form = dialog.form
    assert form.fit.isChecked()  # nobody has chosen a view
    form.size_.setCurrentIndex(form.size_.findText("other…"))
    form.width_.setValue(160)
    form.height_.setValue(120)
    form.seconds.setValue(0.5)
    assert form.problem() is not None
    form.hold_start.setValue(0.0)
    form.hold_end.setValue(0.1)
    form.fps.setCurrentIndex(0)
    form.panes[1].setChecked(False)
    form.title.setText("A talk")
    within(lab, lambda: dialog.record_to(folder / "talk.mp4"))
    until(lab, lambda: dialog.sentence.text().startswith("Recorded"))
    assert (folder / "talk.mp4").stat().st_size > 1_000
    form.seconds.setValue(600.0)
    within(lab, lambda: dialog.record_to(folder / "long.mp4"))
    until(lab, lambda: dialog.sentence.text().startswith("frame"))
    dialog.stop.click()
    until(lab, lambda: dialog.sentence.text().startswith("Cancelled"))
    assert [path.name for path in folder.iterdir()] == ["talk.mp4"]
    assert not list((tmp_path / "state").glob("film-*"))
    dialog.close()


def test_a_dropped_table_becomes_the_target(lab: Any, tmp_path: Path) -> None:
    until(lab, lambda: shown(lab))
    table = tmp_path / "heights.csv"
    table.write_text("a,b\n" + "\n".join(f"{i},{i * i % 7}" for i in range(20)), encoding="utf-8")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(table))])
    at, buttons, keys = QPoint(40, 40), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(at, Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(lab.window, enter)
    assert enter.isAccepted()
    drop = QDropEvent(QPointF(at), Qt.DropAction.CopyAction, data, buttons, keys)
    within(lab, lambda: QApplication.sendEvent(lab.window, drop))
    until(lab, lambda: isinstance(lab.model.experiment.target, Points))
    assert lab.model.experiment.target.columns == ("a", "b")


def test_panes_that_go_in_quick_succession_leave_the_rest_in_order(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    lab.add_pane()
    assert len({type(pane.sampler) for pane in lab.model.document.panes}) == 3
    until(lab, lambda: shown(lab))
    QTimer.singleShot(0, lab.remove_pane)  # comes while the other one is being closed
    lab.remove_pane()
    until(lab, lambda: len(lab.model.document.panes) == 1)
    assert len(lab.stage.panes) == len(lab.stage.showings) == len(lab.model.document.scene.panes) == 1
    done(lab, asyncio.sleep(0.2))
    assert lab.window.messages.kind != "problem"


def test_save_first_then_new(lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.files.path = tmp_path / "kept.pushforward"
    lab.model.edit_experiment("moons", replace(lab.model.experiment, target=Moons()))
    assert lab.model.edited
    monkeypatch.setattr(lab.files, "_ask", lambda _question: QMessageBox.StandardButton.Save)
    within(lab, lab.files.new)
    until(lab, lambda: not isinstance(lab.model.experiment.target, Moons))
    assert (tmp_path / "kept.pushforward").exists()
    assert lab.files.path is None


def test_presentation_shows_nothing_but_panes(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    lab.window.actions_["presentation"].trigger()
    assert not lab.window.top.isVisible()
    assert not lab.window.controls.isVisible()
    assert not lab.stage.panes[0].chips.isVisible()
    lab.window.actions_["presentation"].trigger()
    assert lab.window.top.isVisible()
    assert lab.stage.panes[0].chips.isVisible()


def test_what_is_said_moves_nothing(lab: Any) -> None:
    """A line that comes and goes lies over the foot of the stage: no button moves away under the pointer."""
    window = lab.window
    window.messages.dismiss()
    QApplication.processEvents()
    before = window.stage.geometry()
    for say in (window.messages.note, window.messages.problem):
        say("Something to say. " * 40)
        QApplication.processEvents()
        assert window.messages.isVisible()
        assert window.stage.geometry() == before
        assert before.contains(window.messages.parentWidget().geometry())
    window.messages.dismiss()
    assert not window.messages.parentWidget().isVisible()
