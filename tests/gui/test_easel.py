"""The easel under a real mouse: what is painted, how it is undone, and what symmetry means."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QInputDevice, QMouseEvent, QPointingDevice, QTabletEvent, QUndoStack
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.easel.brushes import TOOLS, Rect, Stroke, Symmetry, Tool, smoothed
from gui.easel.easel import SIDE, Easel
from gui.easel.tiles import TILE, RasterCommand, differing_tiles
from gui.easel.tools import EaselTools

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def easel(qtbot: QtBot) -> Easel:
    made = Easel(QUndoStack())
    made.undo_stack.setParent(made)
    qtbot.addWidget(made)
    made.resize(256, 256)
    made.show()
    qtbot.waitExposed(made)
    return made


def drag(
    easel: Easel, *places: tuple[int, int], button: Qt.MouseButton = LEFT, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    """Press at the first place, move over the others, release at the last."""
    points = [QPoint(*place) for place in places]
    QTest.mousePress(easel, button, modifier, points[0])
    for a, b in pairwise(points):
        for k in range(1, 6):
            _move(easel, a + (b - a) * (k / 5), button, modifier)
    QTest.mouseRelease(easel, button, modifier, points[-1])


def _move(easel: Easel, place: QPoint, button: Qt.MouseButton, modifier: Qt.KeyboardModifier) -> None:
    at = QPointF(place)
    event = QMouseEvent(QEvent.Type.MouseMove, at, easel.mapToGlobal(at), Qt.MouseButton.NoButton, button, modifier)
    QApplication.sendEvent(easel, event)


def test_a_stroke_lays_ink_where_it_went(easel: Easel, qtbot: QtBot) -> None:
    with qtbot.waitSignals([easel.changed, easel.strokeFinished], timeout=1000):
        drag(easel, (40, 60), (200, 60))
    ink = easel.raster()
    assert ink.dtype == np.float32
    assert ink.shape == (SIDE, SIDE)
    assert ink[60, 45:195].min() == 1.0
    assert ink[100:].max() == 0.0
    assert easel.undo_stack.count() == 1


def test_undo_restores_every_bit_and_redo_too(easel: Easel) -> None:
    rng = np.random.default_rng(1)
    easel.set_raster(rng.random((SIDE, SIDE)).astype(np.float32) * 0.9, undoable=False)
    states = [easel.raster()]
    for k, tool in enumerate(TOOLS):
        easel.set_tool(tool)
        drag(easel, (30 + 40 * k, 40), (90, 200))
        states.append(easel.raster())
    assert all(not np.array_equal(a, b) for a, b in pairwise(states))
    for state in reversed(states[:-1]):
        easel.undo_stack.undo()
        assert np.array_equal(easel.raster(), state)
    for state in states[1:]:
        easel.undo_stack.redo()
        assert np.array_equal(easel.raster(), state)


def test_a_small_stroke_keeps_few_tiles(easel: Easel) -> None:
    drag(easel, (40, 40), (60, 40))
    command = easel.undo_stack.command(0)
    assert isinstance(command, RasterCommand)
    assert 0 < command.bytes <= 6 * 2 * TILE * TILE * 4


def test_the_eraser_and_the_right_button_take_ink_away(easel: Easel) -> None:
    easel.set_raster(np.ones((SIDE, SIDE), dtype=np.float32), undoable=False)
    drag(easel, (40, 40), (200, 40), button=RIGHT)
    assert easel.raster()[40, 60] == 0.0
    assert easel.tool == "brush"
    easel.actions_by_name["eraser"].trigger()
    drag(easel, (40, 200), (200, 200))
    assert easel.raster()[200, 60] == 0.0
    assert easel.raster()[120, 60] == 1.0


def test_the_gaussian_is_one_at_its_middle_and_has_its_width(easel: Easel) -> None:
    easel.set_tool("gaussian")
    easel.set_size(0.5)
    easel.begin(easel.position_of(128.5, 128.5))
    easel.end()
    ink = easel.raster()
    std = easel.radius / 2
    assert ink[128, 128] == pytest.approx(1.0)
    assert ink[128, 128 + 16] == pytest.approx(np.exp(-0.5 * (16 / std) ** 2), abs=1e-4)


def test_flow_is_the_ink_of_a_stroke_and_going_back_adds_none(easel: Easel) -> None:
    easel.set_flow(0.4)
    drag(easel, (40, 60), (200, 60), (40, 60))
    assert easel.raster().max() == pytest.approx(0.4)
    drag(easel, (40, 60), (200, 60))
    assert easel.raster().max() == pytest.approx(1 - 0.6**2)


def test_blur_keeps_the_mass_and_lowers_the_peak(easel: Easel) -> None:
    ink = np.zeros((SIDE, SIDE), dtype=np.float32)
    ink[120:136, 120:136] = 1.0
    easel.set_raster(ink, undoable=False)
    easel.set_tool("blur")
    easel.set_size(0.8)
    for _ in range(3):
        drag(easel, (118, 128), (138, 128))
    after = easel.raster()
    assert after[119, 128] > 0.02
    assert after[121, 121] < 0.95
    # the brush is uneven, so that the mass is kept only nearly
    assert after.sum() == pytest.approx(ink.sum(), rel=0.05)


def test_smoothing_keeps_the_mass_in_the_open() -> None:
    ink = np.zeros((64, 64), dtype=np.float32)
    ink[30:34, 20:24] = np.random.default_rng(0).random((4, 4))
    assert smoothed(ink, Rect(0, 0, 64, 64)).sum() == pytest.approx(ink.sum(), rel=1e-5)
    assert np.allclose(smoothed(np.ones((64, 64), dtype=np.float32), Rect(0, 0, 20, 64)), 1.0)


@given(x=st.floats(1, 255), y=st.floats(1, 255), tool=st.sampled_from(["brush", "gaussian", "eraser"]), radius=st.floats(2, 40))
def test_mirror_and_quarter_turns_are_exact(x: float, y: float, tool: Tool, radius: float) -> None:
    raster = np.ones((SIDE, SIDE), dtype=np.float32) if tool == "eraser" else np.zeros((SIDE, SIDE), dtype=np.float32)
    stroke = Stroke(raster, tool, radius, 0.7, Symmetry(mirror=True, folds=4))
    stroke.to(x, y)
    stroke.to(0.5 * (x + 128), y)
    assert raster.min() < raster.max()
    assert np.array_equal(raster, raster[:, ::-1])
    assert np.array_equal(raster, np.rot90(raster))


@pytest.mark.parametrize("folds", [3, 5, 6])
def test_any_fold_is_a_rotation_of_the_touches(folds: int) -> None:
    raster = np.zeros((SIDE, SIDE), dtype=np.float32)
    Stroke(raster, "gaussian", 16.0, 1.0, Symmetry(folds=folds)).to(200.0, 120.0)
    for cx, cy in Symmetry(folds=folds).copies(200.0, 120.0, SIDE):
        radius, angle = np.hypot(cx - 128, cy - 128), np.arctan2(cy - 128, cx - 128)
        assert radius == pytest.approx(np.hypot(72, 8), abs=0.01)
        turns = (angle - np.arctan2(-8, 72)) * folds / (2 * np.pi)
        assert turns == pytest.approx(round(turns), abs=0.002)
        assert raster[int(cy), int(cx)] > 0.95
    one = np.zeros_like(raster)
    Stroke(one, "gaussian", 16.0, 1.0, Symmetry()).to(200.0, 120.0)
    assert raster.sum() == pytest.approx(folds * one.sum(), rel=1e-3)


def test_shift_joins_with_a_straight_line(easel: Easel) -> None:
    drag(easel, (40, 40), (42, 40))
    QTest.mouseClick(easel, LEFT, Qt.KeyboardModifier.ShiftModifier, QPoint(200, 200))
    ink = easel.raster()
    assert all(ink[k, k] == 1.0 for k in range(45, 200, 5))
    drag(easel, (20, 240), (120, 100), (240, 240), modifier=Qt.KeyboardModifier.ShiftModifier)
    # the detour is not there: only the line from the anchor to where the mouse was let go
    assert easel.raster()[100, 120] == ink[100, 120]


def pen(easel: Easel, kind: QEvent.Type, place: QPoint, pressure: float, tip: QPointingDevice.PointerType) -> None:
    """A tablet's event, as the system would send it."""
    caps = QInputDevice.Capability.Position | QInputDevice.Capability.Pressure
    device = QPointingDevice("pen", 1, QInputDevice.DeviceType.Stylus, tip, caps, 1, 2)
    at = QPointF(place)
    held = Qt.MouseButton.NoButton if kind == QEvent.Type.TabletRelease else LEFT
    event = QTabletEvent(kind, device, at, easel.mapToGlobal(at), pressure, 0, 0, 0, 0, 0, NONE, LEFT, held)
    QApplication.sendEvent(easel, event)


def test_a_pen_presses_and_its_other_end_erases(easel: Easel) -> None:
    tip, end = QPointingDevice.PointerType.Pen, QPointingDevice.PointerType.Eraser
    easel.set_size(0.3)
    for kind, x in ((QEvent.Type.TabletPress, 60), (QEvent.Type.TabletMove, 190), (QEvent.Type.TabletRelease, 190)):
        pen(easel, kind, QPoint(x, 100), 0.5, tip)
    ink = easel.raster()
    assert ink[100, 120] == pytest.approx(0.5)
    # half the pressure is also a thinner line
    assert 0 < np.count_nonzero(ink[:, 120]) < 2 * easel.radius * 0.85
    for kind, x in ((QEvent.Type.TabletPress, 60), (QEvent.Type.TabletMove, 190), (QEvent.Type.TabletRelease, 190)):
        pen(easel, kind, QPoint(x, 100), 1.0, end)
    assert easel.raster()[100, 120] == 0.0
    assert easel.undo_stack.count() == 2


def test_a_finger_paints(easel: Easel) -> None:
    device = QTest.createTouchDevice()
    QTest.touchEvent(easel, device).press(0, QPoint(50, 50), easel)
    QTest.touchEvent(easel, device).move(0, QPoint(150, 50), easel)
    QTest.touchEvent(easel, device).release(0, QPoint(150, 50), easel)
    assert easel.raster()[50, 55:145].min() == 1.0
    assert easel.undo_stack.count() == 1


def test_keys_paint_too(easel: Easel) -> None:
    easel.setFocus()
    QTest.keyPress(easel, Qt.Key.Key_Right)
    QTest.keyPress(easel, Qt.Key.Key_Space)
    for _ in range(4):
        QTest.keyPress(easel, Qt.Key.Key_Down)
    QTest.keyRelease(easel, Qt.Key.Key_Space)
    assert easel.raster()[130:158, 136].min() == 1.0
    assert easel.undo_stack.count() == 1


def test_escape_takes_the_stroke_back(easel: Easel) -> None:
    QTest.mousePress(easel, LEFT, NONE, QPoint(50, 50))
    _move(easel, QPoint(150, 150), LEFT, NONE)
    QTest.keyClick(easel, Qt.Key.Key_Escape)
    assert easel.is_empty
    assert easel.undo_stack.count() == 0


def test_clear_is_undone(easel: Easel) -> None:
    drag(easel, (40, 40), (80, 80))
    before = easel.raster()
    easel.actions_by_name["clear"].trigger()
    assert easel.is_empty
    easel.actions_by_name["undo"].trigger()
    assert np.array_equal(easel.raster(), before)


def test_size_follows_keys_and_wheel_within_bounds(easel: Easel) -> None:
    before = easel.size_
    easel.actions_by_name["larger"].trigger()
    assert easel.size_ == pytest.approx(before * 1.15)
    for _ in range(60):
        easel.actions_by_name["smaller"].trigger()
    assert easel.size_ == pytest.approx(0.015)


def test_a_locked_easel_cannot_be_painted(easel: Easel) -> None:
    easel.set_locked("3-D")
    drag(easel, (40, 40), (80, 80))
    assert easel.is_empty
    easel.set_locked("")
    drag(easel, (40, 40), (80, 80))
    assert not easel.is_empty


def test_moves_within_a_frame_are_painted_together(easel: Easel, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Rect | None] = []
    original = easel._redraw
    monkeypatch.setattr(easel, "_redraw", lambda rect=None: (calls.append(rect), original(rect)))
    easel.begin(QPointF(20, 20))
    for k in range(100):
        easel.move_to(QPointF(20 + k, 20))
    easel.end()
    assert len(calls) <= 5
    assert easel.raster()[20, 25:115].min() == 1.0


def test_a_dropped_file_is_told(easel: Easel, qtbot: QtBot) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/tmp/cat.png")])
    event = QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, mime, LEFT, NONE)
    with qtbot.waitSignal(easel.fileDropped, timeout=500) as told:
        easel.dropEvent(event)
    assert told.args[0].replace("\\", "/").endswith("tmp/cat.png")


def test_what_is_shown_is_what_is_painted(easel: Easel) -> None:
    drag(easel, (60, 60), (180, 60))
    easel._point_at(None)
    shown = easel.grab().toImage()
    on, off = shown.pixelColor(120, 60), shown.pixelColor(120, 200)
    assert on.lightnessF() > 0.7
    assert off.lightnessF() < 0.15


def test_a_raster_of_another_size_is_refused(easel: Easel) -> None:
    with pytest.raises(ValueError, match="256"):
        easel.set_raster(np.zeros((10, 10), dtype=np.float32))


def test_tiles_are_only_those_that_differ() -> None:
    a = np.zeros((64, 96), dtype=np.float32)
    b = a.copy()
    b[40, 70] = 1.0
    assert list(differing_tiles(a, b)) == [(32, 64)]


def test_the_tools_show_the_brush_and_change_it(easel: Easel, qtbot: QtBot) -> None:
    tools = EaselTools(easel)
    qtbot.addWidget(tools)
    easel.set_size(0.3)
    assert tools.form.value.size == 0.3
    tools.form.editor("flow").slider.setValue(500)
    assert easel.flow == pytest.approx(0.5, abs=0.01)
    tools.buttons["mirror"].click()
    assert easel.symmetry.mirror
    assert all(button.toolTip() and button.accessibleName() for button in tools.buttons.values())
