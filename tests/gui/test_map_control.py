"""Maps in the window: at every t, on one scale, with reasons, cancelled, while it plays; settings beneath the chip; the keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engine.targets import Helix
from gui.map_kinds import KINDS, NO_NETWORK
from gui.stage.layer_settings import LayerSettings
from tests.gui.lab_in_a_window import small_lab, train, until


@pytest.fixture
def lab(qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("PUSHFORWARD_STATE", str(tmp_path))
    yield from small_lab(qapp)


def show(lab: Any, index: int, **layers: dict[str, Any]) -> None:
    """Changes layers of a pane, and switches them on."""
    shown = lab.model.document.scene.panes[index].layers
    lab.model.show_layers(
        index, replace(shown, **{name: replace(getattr(shown, name), visible=True, **new) for name, new in layers.items()})
    )


def ready(lab: Any) -> None:
    until(lab, lambda: lab.simulation.shown(0) is not None and lab.simulation.shown(1) is not None)
    lab.stage.seek(0.5)


def test_the_exact_density_follows_t_and_both_panes_share_it(lab: Any) -> None:
    """The same object in both panes, on the same scale; at another t another one; off takes it away."""
    ready(lab)
    show(lab, 0, map={"kind": "exact"})
    show(lab, 1, map={"kind": "exact"}, contours={"kind": "exact"})
    until(lab, lambda: not lab.maps.waiting and lab.maps.map_of(1) is not None)
    first = lab.maps.map_of(0)
    assert first is lab.maps.map_of(1) is lab.maps.map_of(1, "contours") is lab.stage.showings[0].latest.map
    assert (first.name, first.unit, first.low) == ("exact p_t", "per unit²", 0.0)
    lab.stage.seek(0.9)
    until(lab, lambda: not lab.maps.waiting and lab.maps.map_of(0) is not first)
    assert lab.maps.map_of(0).high > first.high
    until(lab, lambda: lab.maps.map_of(0) is lab.maps.map_of(1))
    lab.model.show_layers(
        0,
        replace(lab.model.document.scene.panes[0].layers, map=replace(lab.model.document.scene.panes[0].layers.map, visible=False)),
    )
    until(lab, lambda: lab.stage.showings[0].latest.map is None)
    assert lab.stage.showings[1].latest.map is not None


def test_one_scale_for_all_panes_or_each_its_own(lab: Any) -> None:
    """Kernel estimates of an ODE's and an SDE's particles differ; shared they end at the larger."""
    ready(lab)
    lab.stage.seek(1.0)
    for index in (0, 1):
        show(lab, index, map={"kind": "particles", "shared": False, "scale": "log"})
    until(lab, lambda: not lab.maps.waiting and all(lab.maps.map_of(i) for i in (0, 1)))
    own = [lab.maps.map_of(i).high for i in (0, 1)]
    assert own[0] != own[1]
    assert lab.maps.map_of(0).low == pytest.approx(1e-4 * own[0])
    for index in (0, 1):
        show(lab, index, map={"shared": True, "scale": "linear"})
    until(lab, lambda: [lab.maps.map_of(i).high for i in (0, 1)] == [max(own)] * 2)


def test_what_cannot_be_says_why_in_the_picture(lab: Any) -> None:
    """The particles stay; the reason goes with the layer."""
    ready(lab)
    show(lab, 0, map={"kind": "velocity-error"})
    remark = lab.stage.panes[0]._remark
    until(lab, remark.isVisible)
    assert NO_NETWORK in remark.text()
    assert lab.stage.showings[0].latest.positions is not None
    show(lab, 0, map={"kind": "exact"})
    until(lab, lambda: not remark.isVisible() and lab.maps.map_of(0) is not None)


def test_what_takes_long_can_be_cancelled_and_asked_again(lab: Any) -> None:
    """The grid solver: progress and Cancel in the pane; it says that it was cancelled; off and on begins anew."""
    ready(lab)
    show(lab, 1, map={"kind": "grid"})
    pane = lab.stage.panes[1]
    until(lab, pane.progress.isVisible)
    QTest.mouseClick(pane.header.cancel, Qt.MouseButton.LeftButton)
    until(lab, lambda: not pane.progress.isVisible())
    assert not lab.maps.waiting
    lab.stage.panes[1].chips.toggle("map")
    until(lab, lambda: lab.maps.map_of(1) is None)
    lab.stage.panes[1].chips.toggle("map")
    until(lab, lambda: lab.maps.map_of(1) is not None)
    until(lab, lambda: lab.maps.waiting)


def test_a_network_s_density_and_errors_come_and_are_renewed(lab: Any) -> None:
    """After some training: the model's density integrates to one over the view; error maps are of the network shown."""
    ready(lab)
    lab.train()
    until(lab, lambda: lab.simulation.shown(0) is not None and lab.simulation.shown(0).snapshot is not None)
    lab.training.toggle()
    lab.stage.seek(0.5)
    show(lab, 0, map={"kind": "model"})
    show(lab, 1, map={"kind": "log-ratio"})
    until(lab, lambda: not lab.maps.waiting and all(lab.maps.map_of(i) for i in (0, 1)), 120.0)
    found, ratio = lab.maps.map_of(0), lab.maps.map_of(1)
    cell = (found.box[1] - found.box[0]) * (found.box[3] - found.box[2]) / found.values.size
    scale = float(np.prod(lab.model.experiment.target.frame().scale))
    assert float(found.values.sum()) * cell * scale == pytest.approx(1.0, abs=0.03)
    assert (ratio.diverging, ratio.low, ratio.unit) == (True, -ratio.high, "nats")
    show(lab, 0, map={"kind": "velocity-error"})
    until(lab, lambda: not lab.maps.waiting and lab.maps.map_of(0).name == "‖u_θ − u‖")
    lab.stage.seek(0.8)
    show(lab, 0, map={"kind": "model"})
    until(lab, lambda: lab.maps.map_of(0) is not None and lab.maps.map_of(0).name.startswith("p_t of the model"))
    until(lab, lambda: not lab.maps.waiting and lab.maps.map_of(0).name == "p_t of the model", 120.0)


def test_while_it_plays_an_older_density_says_of_which_time_it_is(lab: Any) -> None:
    ready(lab)
    show(lab, 0, map={"kind": "model"})
    lab.stage.toggle_play()
    until(lab, lambda: lab.maps.map_of(0) is not None and "t\u00a0=\u00a0" in lab.maps.map_of(0).name, 120.0)


def test_settings_open_beneath_the_chip_and_from_the_keyboard(lab: Any) -> None:
    """▾, right click, ↓; a kind switches the layer on; both overlays and "the same in all panes" are one click more."""
    ready(lab)
    chip = lab.stage.panes[0].chips.anchor("map")
    assert chip is lab.stage.panes[0].chips.chip("map")

    def opened() -> LayerSettings | None:
        return next((w for w in QApplication.topLevelWidgets() if isinstance(w, LayerSettings) and w.isVisible()), None)

    QTest.mouseClick(chip, Qt.MouseButton.LeftButton, pos=QPoint(chip.width() - 6, chip.height() // 2))
    until(lab, opened)
    window: Any = opened()
    assert not lab.model.document.scene.panes[0].layers.map.visible
    assert not window.kinds["angle"].isEnabled()
    assert window.kinds["angle"].toolTip() == NO_NETWORK
    assert window.kinds["exact"].toolTip() == KINDS["exact"].tip
    window.kinds["particles"].click()
    assert lab.model.document.scene.panes[0].layers.map == replace(
        lab.model.document.scene.panes[1].layers.map, visible=True, kind="particles"
    )
    window.overlay.click()
    assert lab.model.document.scene.panes[0].layers.contours.visible
    window.everywhere.click()
    assert lab.model.document.scene.panes[1].layers.map == lab.model.document.scene.panes[0].layers.map
    window.close()
    until(lab, lambda: opened() is None)
    chip.setFocus()
    QTest.keyClick(chip, Qt.Key.Key_Down)
    until(lab, opened)
    opened().close()  # type: ignore[union-attr]  # it is there
    until(lab, lambda: opened() is None)
    QTest.mouseClick(chip, Qt.MouseButton.LeftButton, pos=QPoint(8, chip.height() // 2))
    assert not lab.model.document.scene.panes[0].layers.map.visible


def test_keys_switch_maps_and_contours_and_go_through_the_kinds(lab: Any) -> None:
    ready(lab)
    actions = lab.window.actions_
    actions["layer-map"].trigger()
    actions["layer-contours"].trigger()
    assert all(pane.layers.map.visible and pane.layers.contours.visible for pane in lab.model.document.scene.panes)
    kinds = []
    for _ in range(4):
        actions["map-kind"].trigger()
        kinds.append({pane.layers.map.kind for pane in lab.model.document.scene.panes})
    assert kinds == [{"model"}, {"particles"}, {"grid"}, {"exact"}]


def test_in_three_dimensions_there_is_no_map(lab: Any) -> None:
    ready(lab)
    show(lab, 0, map={"kind": "exact"})
    until(lab, lambda: lab.maps.map_of(0) is not None)
    lab.model.edit_experiment("3-D", replace(lab.model.experiment, target=Helix()))
    until(lab, lambda: lab.maps.map_of(0) is None)
    chip = lab.stage.panes[0].chips.chip("map")
    until(lab, lambda: not chip.isEnabled())
    assert "three dimensions" in chip.toolTip()


def test_after_training_the_grid_is_of_the_weights_that_are_shown(lab: Any) -> None:
    """What is under way of earlier weights is dropped once the training rests; until the new grid has come the old one says its step."""
    ready(lab)
    show(lab, 0, map={"kind": "grid"})
    train(lab, 50)
    until(lab, lambda: not lab.maps.waiting and lab.maps.map_of(0) is not None, 120.0)
    step = lab.simulation.shown(0).snapshot.step
    assert lab.maps.map_of(0).name == "p_t on the grid, σ\u00a0=\u00a00"
    train(lab, 50)
    until(lab, lambda: lab.maps.map_of(0).name.endswith(f"step\u00a0{step}"))
    until(lab, lambda: not lab.maps.waiting and "step" not in lab.maps.map_of(0).name, 120.0)
