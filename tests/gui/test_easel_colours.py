"""Painting in colours with a real mouse: layers, undo of both, what the eraser takes, and what the card makes of it."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QUndoStack
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from engine.labels import LabelCondition, Unconditional
from engine.targets import EightGaussians, Painting
from gui.cards.target import TargetCard
from gui.easel.easel import SIDE, Easel
from gui.easel.swatches import Swatches
from gui.easel.tools import EaselTools
from gui.theme import theme
from shaders.colours import labels

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def easel(qtbot: QtBot) -> Easel:
    made = Easel(QUndoStack())
    made.undo_stack.setParent(made)
    qtbot.addWidget(made)
    made.resize(256, 256)
    made.show()
    qtbot.waitExposed(made)
    return made


@pytest.fixture
def card(qtbot: QtBot) -> TargetCard:
    undo = QUndoStack()
    made = TargetCard(undo)
    undo.setParent(made)
    qtbot.addWidget(made)
    made.resize(300, 720)
    made.show()
    qtbot.waitExposed(made)
    qtbot.waitUntil(lambda: not made.easel.is_empty, timeout=5000)
    return made


def line(easel: Easel, y: int, button: Qt.MouseButton = LEFT, modifier: Qt.KeyboardModifier = NONE) -> None:
    """A stroke from left to right at a height, in hundredths of the canvas."""
    box = easel.canvas_rect()

    def place(share: float) -> QPoint:
        return QPointF(box.left() + share * box.width(), box.top() + y / 100 * box.height()).toPoint()

    QTest.mousePress(easel, button, modifier, place(0.2))
    for k in range(1, 7):
        at = QPointF(place(0.2 + 0.1 * k))
        event = QMouseEvent(QEvent.Type.MouseMove, at, easel.mapToGlobal(at), Qt.MouseButton.NoButton, button, modifier)
        QApplication.sendEvent(easel, event)
    QTest.mouseRelease(easel, button, modifier, place(0.8))


def test_each_colour_has_a_layer_and_undo_restores_both(easel: Easel) -> None:
    line(easel, 25)
    easel.actions_by_name["colour-2"].trigger()
    line(easel, 75)
    line(easel, 25)
    after = easel.layers()
    assert easel.used_colours() == (0, 1)
    assert after[0, 64, 128] == after[1, 192, 128] == after[1, 64, 128] == 1.0
    assert after[0, 192].max() == 0.0
    assert np.array_equal(easel.raster(), after.sum(axis=0))
    stack = easel.undo_stack
    assert stack.count() == 3
    stack.undo()
    stack.undo()
    assert easel.used_colours() == (0,)
    stack.undo()
    assert easel.is_empty
    for _ in range(3):
        stack.redo()
    assert np.array_equal(easel.layers(), after)


def test_the_eraser_takes_all_colours_or_with_ctrl_one(easel: Easel) -> None:
    for k in range(3):
        easel.set_colour(k)
        line(easel, 50)
    before = easel.layers()
    easel.set_colour(1)
    line(easel, 50, RIGHT, CTRL)
    middle = easel.layers()[:3, 128, 128].tolist()
    assert middle == [1.0, 0.0, 1.0]
    easel.set_tool("eraser")
    line(easel, 50)
    assert easel.layers()[:, 128, 128].max() == 0.0
    easel.undo_stack.undo()
    assert easel.layers()[:3, 128, 128].tolist() == middle
    easel.undo_stack.undo()
    assert np.array_equal(easel.layers(), before)


def test_blur_works_on_every_colour(easel: Easel) -> None:
    ink = np.zeros((8, SIDE, SIDE), dtype=np.float32)
    ink[0, 100:120, 100:120] = ink[2, 130:150, 100:120] = 1.0
    easel.set_layers(ink, undoable=False)
    easel.set_tool("blur")
    easel.set_size(1.0)
    line(easel, 49)
    after = easel.layers()
    for layer, row in ((0, 99), (2, 150)):
        assert after[layer, row, 110] > 0.005
        assert after[layer].sum() == pytest.approx(ink[layer].sum(), rel=0.05)
    assert after[1].max() == 0.0


def test_keys_choose_and_escape_takes_back(easel: Easel) -> None:
    easel.setFocus()
    assert easel.actions_by_name["colour-3"].shortcut().toString() == "3"
    easel.actions_by_name["colour-3"].trigger()
    assert easel.colour_ == 2
    QTest.mousePress(easel, LEFT, NONE, QPoint(100, 100))
    QTest.keyClick(easel, Qt.Key.Key_Escape)
    assert easel.is_empty
    assert easel.undo_stack.count() == 0
    assert not easel._picture.many


def test_swatches_choose_by_mouse_and_keys(easel: Easel, qtbot: QtBot) -> None:
    tools = EaselTools(easel)
    qtbot.addWidget(tools)
    tools.show()
    swatches = tools.swatches
    QTest.mouseClick(swatches, LEFT, NONE, swatches.centre(4).toPoint())
    assert easel.colour_ == 4
    QTest.keyClick(swatches, Qt.Key.Key_Right)
    assert easel.colour_ == 5
    assert easel.actions_by_name["colour-6"].isChecked()
    easel.set_locked("3-D")
    QTest.mouseClick(swatches, LEFT, NONE, swatches.centre(0).toPoint())
    assert easel.colour_ == 5
    assert not easel.actions_by_name["colour-1"].isEnabled()


def test_two_colours_are_seen_in_their_own(easel: Easel) -> None:
    line(easel, 25)
    easel.set_colour(3)
    line(easel, 75)
    easel._point_at(None)
    shown = easel.grab().toImage()
    for y, k in ((64, 0), (192, 3)):
        seen = np.array(shown.pixelColor(128, y).getRgbF()[:3])
        assert seen == pytest.approx(labels(theme())[k], abs=0.02)
    assert shown.pixelColor(128, 128).lightnessF() < 0.15


def test_the_card_makes_labels_of_colours(card: TargetCard, qtbot: QtBot) -> None:
    easel = card.easel
    easel.clear()
    line(easel, 25)
    target = card.experiment.target
    assert isinstance(target, Painting)
    assert target.raster.values.ndim == 2
    assert target.classes == 0
    assert not card.condition.isVisible()
    easel.set_colour(4)
    with qtbot.waitSignal(card.painted, timeout=1000) as told:
        line(easel, 75)
    target = told.args[0]
    assert target.raster.values.shape == (2, SIDE, SIDE)
    assert target.colours == (0, 4)
    assert target.label_names == ("blue", "yellow")
    assert "2 labels" in card.header.note
    assert card.condition.isVisible()
    easel.undo_stack.undo()
    assert card.experiment.target.raster.values.ndim == 2
    easel.undo_stack.redo()
    assert card.experiment.target == target


def test_a_painting_in_colours_comes_back_to_the_canvas(card: TargetCard) -> None:
    ink = np.zeros((2, SIDE, SIDE), dtype=np.float32)
    ink[0, 50:80], ink[1, 150:180] = 1.0, 0.5
    from engine.arrays import Array
    from engine.experiment import Experiment

    target = Painting(raster=Array(ink), colours=(2, 5))
    card.set_experiment(Experiment(target=target))
    assert card.easel.used_colours() == (2, 5)
    assert np.array_equal(card.easel.layers()[[2, 5]], ink)
    small = Painting(raster=Array(ink[:, ::4, ::4].copy()))
    card.set_experiment(Experiment(target=small))
    assert card.easel.used_colours() == (0, 1)


def test_the_condition_is_chosen_where_there_are_labels(card: TargetCard, qtbot: QtBot) -> None:
    assert isinstance(card.experiment.target, EightGaussians)
    assert card.condition.isVisible()
    with qtbot.waitSignal(card.edited, timeout=1000) as told:
        card.condition.chooser.picked.emit(LabelCondition)
    assert told.args[0].condition == LabelCondition()
    with qtbot.waitSignal(card.edited, timeout=1000) as told:
        card.condition.chooser.picked.emit(Unconditional)
    assert told.args[0].condition == Unconditional()


def test_a_table_with_labels_is_read_by_name(card: TargetCard, qtbot: QtBot, tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "t.csv"
    path.write_text("x,y,kind\n1,2,b\n3,4,a\n5,7,b\n", encoding="utf-8")
    card.load_file(str(path))
    qtbot.waitUntil(card.columns.isVisible, timeout=5000)
    card.columns.label.setText("kind")
    with qtbot.waitSignal(card.edited, timeout=5000) as told:
        QTest.keyClick(card.columns.label, Qt.Key.Key_Return)
    assert told.args[0].target.label_names == ("a", "b")
    assert "2 labels" in card.header.note


def click(swatches: Swatches, colour: int) -> None:
    QTest.mouseDClick(swatches, LEFT, NONE, swatches.centre(colour).toPoint())


def test_a_double_click_names_a_label(card: TargetCard, qtbot: QtBot) -> None:
    """Typed with real keys; a step of undo; part of the painting; Escape, an empty line and a name that is taken."""
    easel, swatches = card.easel, card.tools.swatches
    easel.clear()
    line(easel, 25)
    easel.set_colour(4)
    line(easel, 75)
    ink = card.experiment.target.raster
    click(swatches, 4)
    assert easel.colour_ == 4
    assert swatches.line.isVisible()
    assert "yellow" in swatches.line.placeholderText()
    with qtbot.waitSignal(card.painted, timeout=1000) as told:
        QTest.keyClicks(swatches.line, "  ill  patients ")
        QTest.keyClick(swatches.line, Qt.Key.Key_Return)
    assert not swatches.line.isVisible()
    assert told.args[0].label_names == ("blue", "ill patients")
    assert told.args[0].raster == ink
    assert card.experiment.target == told.args[0]
    assert "ill patients, yellow" in easel.actions_by_name["colour-5"].toolTip()
    easel.undo_stack.undo()
    assert card.experiment.target.label_names == ("blue", "yellow")
    assert "Label 5: yellow" in easel.actions_by_name["colour-5"].toolTip()
    easel.undo_stack.redo()
    assert card.experiment.target.label_names == ("blue", "ill patients")
    click(swatches, 0)
    QTest.keyClicks(swatches.line, "ill patients")
    QTest.keyClick(swatches.line, Qt.Key.Key_Return)
    assert swatches.line.isVisible()  # there is one called so: what was typed stays
    assert QToolTip.text() == "Label 5 is called “ill patients” already."
    assert easel.naming.names[0] == ""
    QTest.keyClick(swatches.line, Qt.Key.Key_Escape)
    assert not swatches.line.isVisible()
    qtbot.waitUntil(lambda: not QToolTip.isVisible(), timeout=3000)
    assert card.experiment.target.label_names == ("blue", "ill patients")
    swatches.setFocus()
    QTest.keyClick(swatches, Qt.Key.Key_Right)
    easel.set_colour(4)
    QTest.keyClick(swatches, Qt.Key.Key_F2)
    assert swatches.line.text() == "ill patients"
    swatches.line.clear()
    QTest.keyClick(swatches.line, Qt.Key.Key_Return)
    assert card.experiment.target.label_names == ("blue", "yellow")


def test_names_come_back_and_wait_for_ink(card: TargetCard) -> None:
    easel = card.easel
    easel.clear()
    easel.naming.call(2, "later")
    assert not isinstance(card.experiment.target, Painting)
    line(easel, 25)
    easel.set_colour(2)
    line(easel, 75)
    target = card.experiment.target
    assert target.label_names == ("blue", "later")
    from engine.experiment import Experiment

    card.set_experiment(Experiment())
    card.set_experiment(Experiment(target=target))
    assert easel.naming.names[2] == "later"
    card.set_experiment(Experiment(target=target.unnamed()))
    assert easel.naming.names == ("",) * 8
    assert easel.used_colours() == (0, 2)


def test_the_menu_of_a_colour(card: TargetCard) -> None:
    easel, swatches = card.easel, card.tools.swatches
    plain = swatches.menu(3).actions()[1]
    assert not plain.isEnabled()
    swatches.menu(3).actions()[0].trigger()
    assert swatches.line.isVisible()
    swatches.line.give_up()
    easel.naming.call(3, "four")
    swatches.menu(3).actions()[1].trigger()
    assert easel.naming.names[3] == ""
    easel.set_locked("3-D")
    assert not any(action.isEnabled() for action in swatches.menu(3).actions())
    click(swatches, 3)
    assert not swatches.line.isVisible()
