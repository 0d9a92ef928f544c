"""The cards: they show an experiment without a word, say every edit with the whole new tree, and never contradict it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QUndoStack
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from engine.arrays import Array
from engine.couplings import Schrodinger
from engine.experiment import Experiment, Training
from engine.interpolants import Bridge, Interpolant
from engine.introspection import alternatives
from engine.networks import MLP
from engine.objectives import FlowMatching, Noise, Objective, VPrediction
from engine.objectives.times import LogitNormalTime
from engine.objectives.weights import BetaSquared
from engine.samplers import RK4, EulerMaruyama
from engine.schedules import OT, CondOT, VPCosine, VPLinear
from engine.targets import SHAPES, Checkerboard, EightGaussians, Helix, Image, Mixture, Moons, Painting, Points
from gui.cards import NetworkCard, ObjectiveCard, PathCard, SamplerForm, SourceCard, TargetCard, TrainingCard
from gui.cards.mixture import MixtureEditor
from gui.cards.pictures import canvas_picture
from gui.cards.source import CANVAS
from gui.time_plot import time_curves

ROOT = Path(__file__).parent.parent.parent
CARDS = [PathCard, ObjectiveCard, NetworkCard, TrainingCard]
OTHER = Experiment(path=VPCosine(), objective=VPrediction(), network=MLP(width=32), training=Training(batch=64, seed=9), start="standard")


@pytest.fixture
def target_card(qtbot: QtBot) -> TargetCard:
    undo = QUndoStack()
    card = TargetCard(undo)
    undo.setParent(card)
    qtbot.addWidget(card)
    card.resize(260, 560)
    card.show()
    qtbot.waitExposed(card)
    qtbot.waitUntil(lambda: not card.easel.is_empty, timeout=3000)
    return card


def paint(card: TargetCard, a: tuple[int, int], b: tuple[int, int]) -> None:
    easel = card.easel
    QTest.mousePress(easel, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(*a))
    easel.move_to(easel.mapFromGlobal(easel.mapToGlobal(QPoint(*b))).toPointF())
    QTest.mouseRelease(easel, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(*b))


@pytest.mark.parametrize("kind", CARDS)
def test_showing_an_experiment_says_nothing(kind: type, qtbot: QtBot) -> None:
    card = kind()
    qtbot.addWidget(card)
    with qtbot.assertNotEmitted(card.edited):
        card.set_experiment(OTHER)
    assert card.experiment == OTHER


def test_an_edit_says_the_whole_new_tree(qtbot: QtBot) -> None:
    card = PathCard()
    qtbot.addWidget(card)
    card.set_experiment(Experiment(training=Training(seed=4)))
    with qtbot.waitSignal(card.edited, timeout=500) as told:
        card.form.chooser.picked.emit(OT)
    assert told.args[0] == Experiment(training=Training(seed=4), path=OT())
    with qtbot.waitSignal(card.edited, timeout=500) as told:
        card.start.editor("start").combo.picked.emit("standard")
    assert told.args[0].start == "standard"
    assert told.args[0].path == OT()


def test_a_width_is_typed_and_the_parameters_follow(qtbot: QtBot) -> None:
    card = NetworkCard()
    qtbot.addWidget(card)
    card.set_experiment(Experiment())
    box = card.form.editor("width").box
    box.setText("64")
    box.setModified(True)
    with qtbot.waitSignal(card.edited, timeout=500) as told:
        QTest.keyClick(box, Qt.Key.Key_Return)
    assert told.args[0].network == MLP(width=64)
    assert f"{MLP(width=64).parameters(2) / 1000:.0f} k" in card.header.note


def test_what_does_not_go_together_is_grey_or_gives_way(qtbot: QtBot) -> None:
    objective, path = ObjectiveCard(), PathCard()
    qtbot.addWidget(objective)
    qtbot.addWidget(path)
    objective.set_experiment(Experiment(path=CondOT()))
    assert "variance preserving" in (objective.form.chooser.reason(VPrediction) or "")
    objective.set_experiment(Experiment(path=VPCosine()))
    assert objective.form.chooser.reason(VPrediction) is None
    path.set_experiment(Experiment(path=VPCosine(), objective=VPrediction()))
    assert path.form.chooser.reason(CondOT) is None
    said: list[str] = []
    path.adapted.connect(said.append)
    path.form._picked(CondOT)
    assert path.experiment == Experiment(path=CondOT(), objective=FlowMatching())
    assert said == ["Objective is now Flow matching. v-prediction needs α² + β² = 1, and CondOT is not variance preserving."]


def test_source_and_coupling_bring_their_path_along(qtbot: QtBot) -> None:
    card = SourceCard()
    qtbot.addWidget(card)
    card.set_experiment(Experiment(objective=Noise()))
    assert card.header.note == "N(0, I) · independent"
    assert not card.picture.isVisibleTo(card)
    assert not card.place.isVisibleTo(card)
    said: list[str] = []
    card.adapted.connect(said.append)
    card._picked(Moons)
    assert (card.experiment.source, card.experiment.objective) == (Moons(), FlowMatching())
    assert said[-1].startswith("Objective is now Flow matching. Noise prediction needs a Gaussian source")
    assert card.picture.isVisibleTo(card)
    card.coupling._picked(Schrodinger)
    assert card.experiment.path == Bridge(sigma=0.5)
    card.coupling.editor("sigma").edited.emit("sigma", 1.5)
    assert card.experiment.path == Bridge(sigma=1.5)
    assert "Brownian bridge" in said[-1]
    assert card.experiment.refusal() is None


def test_the_canvas_becomes_the_source(qtbot: QtBot) -> None:
    card = SourceCard()
    qtbot.addWidget(card)
    painting = Painting(raster=Array(np.eye(16, dtype=np.float32)))
    card.set_experiment(Experiment(target=painting))
    card._picked(CANVAS)
    assert card.experiment.source == painting
    card.set_experiment(replace(card.experiment, target=Moons()))
    assert card.chooser.key is Painting
    assert card.experiment.refusal() is None


def test_a_source_has_as_many_axes_as_the_data(qtbot: QtBot) -> None:
    card = SourceCard()
    qtbot.addWidget(card)
    card.set_experiment(Experiment(target=Helix()))
    assert Helix in card.chooser.keys
    assert Moons not in card.chooser.keys


def test_times_and_weights_are_drawn_where_they_are_not_flat(qtbot: QtBot) -> None:
    card = ObjectiveCard()
    qtbot.addWidget(card)
    card.set_experiment(Experiment())
    assert not card.curves.isVisibleTo(card)
    card.set_experiment(Experiment(objective=FlowMatching(time=LogitNormalTime())))
    assert card.curves.isVisibleTo(card)
    t, curves = time_curves(card.experiment)
    assert np.trapezoid(curves["p"], t) == pytest.approx(1.0, abs=0.01)
    card.set_experiment(Experiment(path=VPCosine(), objective=Noise(weight=BetaSquared())))
    assert set(time_curves(card.experiment)[1]) == {"p", "w"}


@pytest.mark.parametrize("objective", alternatives(Objective), ids=lambda kind: kind.label)
@pytest.mark.parametrize("path", [CondOT(), VPLinear(), Bridge(), Interpolant()], ids=lambda path: path.label)
def test_every_objective_is_shown_on_every_path(qtbot: QtBot, objective: type, path: object) -> None:
    card = ObjectiveCard()
    qtbot.addWidget(card)
    card.set_experiment(Experiment(path=path, objective=objective()))  # type: ignore[arg-type]
    assert card.form.chooser is not None
    assert card.form.chooser.key is objective


def test_a_card_folds_by_mouse_and_keys(qtbot: QtBot) -> None:
    card = TrainingCard()
    qtbot.addWidget(card)
    card.show()
    QTest.mouseClick(card.header, Qt.MouseButton.LeftButton)
    assert card.is_folded
    QTest.keyClick(card.header, Qt.Key.Key_Space)
    assert not card.is_folded


def test_the_sampler_form_counts_evaluations_and_greys(qtbot: QtBot) -> None:
    form = SamplerForm(RK4(steps=10))
    qtbot.addWidget(form)
    assert "40 evaluations" in form.note.text()
    form.set_refusal(lambda sampler: "no score" if sampler.stochastic else None)
    assert form.form.chooser.reason(EulerMaruyama) == "no score"
    with qtbot.waitSignal(form.changed, timeout=500) as told:
        form.form.editor("steps").slider.setValue(0)
    assert told.args[0] == form.value == RK4(steps=1)
    form.set_value(EulerMaruyama())
    assert EulerMaruyama().sigma.formula in form.formula.latex


# ---- the target -----------------------------------------------------------------------------------------------------


def test_painting_over_a_shape_makes_a_painting_and_undo_gives_the_shape_back(target_card: TargetCard, qtbot: QtBot) -> None:
    with qtbot.waitSignal(target_card.painted, timeout=1000) as told:
        paint(target_card, (30, 30), (60, 60))
    painting = told.args[0]
    assert isinstance(painting, Painting)
    assert np.array_equal(painting.raster.values, target_card.easel.raster())
    assert painting.box == canvas_picture(EightGaussians()).box
    with qtbot.waitSignal(target_card.painted, timeout=1000) as told:
        target_card.easel.undo_stack.undo()
    assert told.args[0] == EightGaussians()
    assert target_card.start_from.key is EightGaussians


def test_undo_across_another_shape_still_knows_the_first(target_card: TargetCard, qtbot: QtBot) -> None:
    with qtbot.waitSignal(target_card.painted, timeout=1000) as told:
        paint(target_card, (30, 30), (60, 60))
    painting = told.args[0]
    target_card.set_experiment(Experiment(target=Moons()))
    qtbot.waitUntil(lambda: not np.array_equal(painting.raster.values, target_card.easel.raster()), timeout=3000)
    target_card.set_experiment(Experiment(target=painting))
    with qtbot.waitSignal(target_card.painted, timeout=1000) as told:
        target_card.easel.undo_stack.undo()
    assert told.args[0] == EightGaussians()


@pytest.mark.parametrize("width", [240, 258, 320])
def test_the_canvas_is_square_at_any_width(target_card: TargetCard, width: int, qtbot: QtBot) -> None:
    target_card.resize(width, 700)
    qtbot.waitUntil(lambda: abs(target_card.easel.width() - target_card.easel.height()) <= 1, timeout=1000)
    assert target_card.easel.canvas_rect().width() >= width - 32


def test_painting_is_not_an_edit_of_its_own(target_card: TargetCard, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(target_card.edited):
        paint(target_card, (30, 30), (60, 60))
    assert target_card.easel.undo_stack.count() == 1


def test_an_empty_canvas_is_said_and_not_learned(target_card: TargetCard, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(target_card.painted):
        target_card.easel.clear()
    assert target_card.problem.text() == "The canvas is empty; the panes still show 8 Gaussians."
    assert target_card.problem.property("role") == "dim"
    assert target_card.is_cleared
    assert target_card.experiment.target == EightGaussians()
    paint(target_card, (30, 30), (60, 60))
    assert target_card.problem.isHidden()
    assert not target_card.is_cleared


def test_a_shape_chosen_again_comes_back_to_a_cleared_canvas(target_card: TargetCard, qtbot: QtBot) -> None:
    target_card.easel.clear()
    target_card.start_from.picked.emit(EightGaussians)
    qtbot.waitUntil(lambda: not target_card.easel.is_empty)
    assert not target_card.is_cleared


@pytest.mark.parametrize("shape", [s for s in SHAPES if s is not EightGaussians], ids=lambda s: s.__name__)
def test_every_shape_can_be_picked(target_card: TargetCard, qtbot: QtBot, shape: type) -> None:
    before = target_card.easel.raster()
    with qtbot.waitSignal(target_card.edited, timeout=1000) as told:
        target_card.start_from.picked.emit(shape)
    assert told.args[0].target == shape()
    qtbot.waitUntil(lambda: not np.array_equal(before, target_card.easel.raster()), timeout=3000)
    assert bool(target_card.easel.locked) == (shape().dimension == 3)
    assert target_card.easel.undo_stack.count() == 0


def test_a_three_dimensional_target_unlocks_with_an_empty_canvas(target_card: TargetCard, qtbot: QtBot) -> None:
    target_card.set_experiment(Experiment(target=Helix()))
    qtbot.waitUntil(lambda: bool(target_card.easel.locked), timeout=3000)
    target_card.start_from.picked.emit(Painting)
    assert target_card.easel.locked == ""
    assert target_card.easel.is_empty
    with qtbot.waitSignal(target_card.painted, timeout=1000) as told:
        paint(target_card, (30, 30), (60, 60))
    assert told.args[0].dimension == 2


def test_a_painting_is_shown_bit_for_bit(target_card: TargetCard) -> None:
    ink = np.random.default_rng(0).random((256, 256)).astype(np.float32)
    target_card.set_experiment(Experiment(target=Painting(raster=Array(ink), box=(0.0, 2.0, 0.0, 2.0))))
    assert np.array_equal(target_card.easel.raster(), ink)
    assert "256²" in target_card.header.note


def test_parameters_of_a_shape_are_a_form(target_card: TargetCard, qtbot: QtBot) -> None:
    target_card.set_experiment(Experiment(target=Checkerboard()))
    form = target_card._form
    with qtbot.waitSignal(target_card.edited, timeout=500) as told:
        form.editor("squares").slider.setValue(1000)
    assert told.args[0].target == Checkerboard(squares=32)
    with qtbot.waitSignal(target_card.edited, timeout=500) as told:
        target_card.scaling.editor("standardise").combo.picked.emit("none")
    assert told.args[0].target == Checkerboard(squares=32, standardise="none")


def test_a_table_and_a_picture_are_loaded(target_card: TargetCard, qtbot: QtBot, tmp_path: Path) -> None:
    from PIL import Image as Pillow

    table, picture = tmp_path / "two.csv", tmp_path / "disc.png"
    table.write_text("a,b\n" + "\n".join(f"{k},{k * k}" for k in range(20)), encoding="utf-8")
    Pillow.fromarray(np.full((20, 30), 200, dtype=np.uint8)).save(picture)
    with qtbot.waitSignal(target_card.edited, timeout=5000) as told:
        target_card.easel.fileDropped.emit(str(table))
    assert isinstance(told.args[0].target, Points)
    assert target_card.start_from.currentText() == "two.csv"
    with qtbot.waitSignal(target_card.edited, timeout=5000) as told:
        target_card.load_file(str(picture))
    assert isinstance(told.args[0].target, Image)
    assert target_card.header.note == "image · 30×20"
    assert target_card.folder == str(tmp_path)


def test_a_bad_file_is_said_and_nothing_is_lost(target_card: TargetCard, qtbot: QtBot, tmp_path: Path) -> None:
    bad, wide = tmp_path / "bad.png", tmp_path / "wide.csv"
    bad.write_text("no picture", encoding="utf-8")
    wide.write_text("a,b,c,d\n" + "\n".join(f"{k},{k * k},{-k},{k % 3}" for k in range(9)), encoding="utf-8")
    before = target_card.experiment
    target_card.load_file(str(bad))
    qtbot.waitUntil(lambda: target_card.problem.isVisible(), timeout=5000)
    assert "bad.png" in target_card.problem.text()
    assert target_card.columns.isHidden()
    assert target_card.experiment == before
    target_card.load_file(str(wide))
    qtbot.waitUntil(lambda: target_card.columns.isVisible(), timeout=5000)
    target_card.columns.line.setText("a, b")
    with qtbot.waitSignal(target_card.edited, timeout=5000) as told:
        QTest.keyClick(target_card.columns.line, Qt.Key.Key_Return)
    assert told.args[0].target.columns == ("a", "b")


def test_gaussians_are_edited_in_a_table(qtbot: QtBot) -> None:
    editor = MixtureEditor(Mixture())
    qtbot.addWidget(editor)
    told: list[Mixture] = []
    editor.changed.connect(told.append)
    editor.table.item(0, 1).setText("-2,5")
    assert told[-1].means[0] == (-2.5, -0.5)
    editor.table.item(1, 4).setText("9")
    assert len(told) == 1
    assert "positive definite" in editor.problem.text()
    editor.table.item(0, 0).setText("cat")
    assert "must be a number" in editor.problem.text()
    editor.set_value(told[-1])
    editor.add.click()
    assert len(told[-1].means) == 4
    assert told[-1].dimension == 2
    editor.table.setCurrentCell(0, 0)
    editor.remove.click()
    assert told[-1].means[0] == Mixture().means[1]


def test_canvas_pictures_are_the_right_way_up() -> None:
    top = np.zeros((64, 64), dtype=np.float32)
    top[:8, :16] = 1.0
    picture = canvas_picture(Image(pixels=Array((top * 255).astype(np.uint8)[..., None])))
    assert picture.ink[:20, :40].mean() > 0.5
    assert picture.ink[128:].max() == 0.0
    moons = canvas_picture(Moons())
    x0, x1, y0, y1 = moons.box
    assert x1 - x0 == pytest.approx(y1 - y0)
    assert moons.ink.max() == pytest.approx(1.0, abs=0.1)
