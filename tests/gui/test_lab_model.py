"""LabModel: edits, undo, what counts as unsaved."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QObject

from engine.samplers import RK4
from engine.schedules import CondOT, Trigonometric
from gui.document import PaneSettings
from gui.model import LabModel, LabState
from shaders.scene import Camera, TargetLayer


@pytest.fixture
def model(qapp: QObject) -> LabModel:
    return LabModel(parent=qapp)


def test_an_edit_can_be_undone_and_told(model: LabModel) -> None:
    told: list[tuple[LabState, LabState]] = []
    model.changed.connect(lambda old, new: told.append((old, new)))
    model.edit_experiment("path", replace(model.experiment, path=Trigonometric()))
    assert model.edited
    model.undo.undo()
    assert isinstance(model.experiment.path, CondOT)
    assert not model.edited
    assert [type(new.experiment.path) for _, new in told] == [Trigonometric, CondOT]


def test_undo_leaves_the_camera_where_it_is_now(model: LabModel) -> None:
    model.edit_document("seed", replace(model.document, seed=7))
    model.show_camera(Camera(extent=0.5))
    model.undo.undo()
    assert model.document.seed == 0
    assert model.document.scene.camera.extent == 0.5


def test_looking_is_not_an_unsaved_change(model: LabModel) -> None:
    model.show_camera(Camera(extent=0.5))
    model.show_all_layers(target=TargetLayer(visible=False))
    assert not model.edited
    assert all(not pane.layers.target.visible for pane in model.document.scene.panes)


def test_quick_edits_of_one_thing_are_one_step(model: LabModel) -> None:
    for seed in (1, 2, 3):
        model.edit_document("seed", replace(model.document, seed=seed), merge="seed")
    assert model.undo.count() == 1
    model.undo.undo()
    assert model.document.seed == 0


def test_panes_come_and_go_with_their_titles(model: LabModel) -> None:
    model.add_pane(PaneSettings(sampler=RK4(steps=9)))
    assert [pane.title for pane in model.document.scene.panes] == ["ODE · Heun", "SDE · Euler–Maruyama", "ODE · RK4"]
    model.remove_pane(0)
    assert [pane.title for pane in model.document.scene.panes] == ["SDE · Euler–Maruyama", "ODE · RK4"]
    model.remove_pane(0)
    model.remove_pane(0)
    assert len(model.document.panes) == 1
    model.undo.undo()
    model.undo.undo()
    assert len(model.document.scene.panes) == 3


def test_saving_and_a_new_session_clear_the_mark(model: LabModel) -> None:
    marks: list[bool] = []
    model.edited_changed.connect(marks.append)
    model.touch()
    model.saved()
    model.edit_document("seed", replace(model.document, seed=5))
    model.reset(LabState())
    assert not model.edited
    assert not model.undo.canUndo()
    assert marks[0] is True
    assert marks[-1] is False


def test_what_a_run_told_goes_with_its_settings() -> None:
    model = LabModel()
    model.show_measured(0, "73 evaluations")
    model.show_measured(1, "90 % accepted")
    model.edit_pane(0, PaneSettings(sampler=RK4(steps=7)))
    assert [pane.measured for pane in model.document.scene.panes] == ["", "90 % accepted"]
    assert "73" not in model.document.scene.panes[0].caption
    model.add_pane(PaneSettings(sampler=RK4(steps=9)))
    assert model.document.scene.panes[2].measured == ""
    model.undo.undo()
    model.undo.undo()
    assert model.document.scene.panes[0].measured == "73 evaluations"
