"""Curves drawn by hand: dragged, added and removed by mouse and keyboard, always monotone, refused with a reason, undone as one step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.curves import FEWEST, Curve, problem
from engine.samplers import EulerMaruyama
from engine.samplers.sigma import DrawnSigma
from engine.schedules import CondOT, Drawn, Schedule
from gui.cards.choices import PathCard
from gui.curve_plot import CurvePlot, Line
from gui.forms import StructForm
from gui.forms.curve_canvas import CurveCanvas
from gui.model import LabModel
from gui.theme import apply_theme, colour

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE = Qt.KeyboardModifier.NoModifier


def shown_form(qtbot: QtBot, value: Any = None) -> tuple[StructForm, CurveCanvas, list[Any]]:
    """A form of schedules in a window with a drawn one chosen, its plot, and what it told."""
    form = StructForm(Schedule, value or Drawn())
    qtbot.addWidget(form)
    form.resize(320, 220)
    with qtbot.waitExposed(form):
        form.show()
    told: list[Any] = []
    form.changed.connect(told.append)
    return form, form.editor("alpha_curve").canvas, told


def pixel(canvas: CurveCanvas, t: float, value: float) -> QPoint:
    return canvas.place(t, value).toPoint()


def drag(canvas: CurveCanvas, start: QPoint, end: QPoint, steps: int = 6) -> None:
    QTest.mousePress(canvas, LEFT, NONE, start)
    for k in range(1, steps + 1):
        QTest.mouseMove(canvas, start + (end - start) * (k / steps))
    QTest.mouseRelease(canvas, LEFT, NONE, end)


def test_both_curves_are_edited_in_one_plot(qtbot: QtBot) -> None:
    form, canvas, _ = shown_form(qtbot)
    assert form.editor("beta_curve").canvas is canvas
    assert [series.letter for series in canvas.series.values()] == ["α", "β"]
    assert form.focusable().count(canvas) == 1
    assert form.draws("schedule")
    form.set_value(CondOT())
    assert not form.draws("schedule")


def test_a_point_is_dragged_and_stays_between_its_neighbours(qtbot: QtBot) -> None:
    form, canvas, told = shown_form(qtbot)
    drag(canvas, pixel(canvas, 0.35, 0.2), pixel(canvas, 0.5, 0.5))
    t, value = form.value.alpha_curve[1]
    assert (t, value) == (pytest.approx(0.5, abs=0.01), pytest.approx(0.5, abs=0.02))
    assert len(told) > 1
    assert told[-1] == form.value
    drag(canvas, pixel(canvas, t, value), pixel(canvas, 1.0, 1.0))
    assert form.value.alpha_curve[1] == (pytest.approx(0.695), 0.75)  # its neighbour is at (0.7, 0.75)
    assert all(problem(step.alpha_curve, "rising", "α") is None for step in told)
    assert form.value.beta_curve == Drawn().beta_curve


def test_ends_cannot_be_moved_or_removed(qtbot: QtBot) -> None:
    form, canvas, told = shown_form(qtbot)
    drag(canvas, pixel(canvas, 0.0, 0.0), pixel(canvas, 0.3, 0.6))
    QTest.mouseClick(canvas, RIGHT, NONE, pixel(canvas, 1.0, 1.0))
    assert form.value == Drawn()
    assert told == []


def test_double_click_adds_to_the_nearest_curve_and_right_click_removes(qtbot: QtBot) -> None:
    form, canvas, _ = shown_form(qtbot)
    spot = pixel(canvas, 0.15, float(form.value.beta(0.15)) - 0.03)
    QTest.mouseDClick(canvas, LEFT, NONE, spot)
    assert len(form.value.beta_curve) == 5
    assert form.value.beta_curve[1][0] == pytest.approx(0.15, abs=0.01)
    assert len(form.value.alpha_curve) == 4
    QTest.mouseClick(canvas, RIGHT, NONE, pixel(canvas, *form.value.beta_curve[1]))
    assert form.value.beta_curve == Drawn().beta_curve


def test_keyboard_alone(qtbot: QtBot) -> None:
    form, canvas, _ = shown_form(qtbot)
    QApplication.sendEvent(canvas, QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.TabFocusReason))
    assert canvas.selected == ("alpha_curve", 0)
    QTest.keyClick(canvas, Qt.Key.Key_Space)
    QTest.keyClick(canvas, Qt.Key.Key_Up)
    QTest.keyClick(canvas, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert form.value.alpha_curve[1] == (0.45, 0.21)
    QTest.keyClick(canvas, Qt.Key.Key_Insert)
    assert len(form.value.alpha_curve) == 5
    assert canvas.selected == ("alpha_curve", 2)
    QTest.keyClick(canvas, Qt.Key.Key_Delete)
    assert form.value.alpha_curve == (*Drawn().alpha_curve[:1], (0.45, 0.21), *Drawn().alpha_curve[2:])
    for _ in range(9):
        QTest.keyClick(canvas, Qt.Key.Key_Space)
    assert canvas.selected == ("alpha_curve", 2)  # once around through both curves, and one further
    QTest.keyClick(canvas, Qt.Key.Key_Delete)
    assert len(form.value.alpha_curve) == 3
    QTest.keyClick(canvas, Qt.Key.Key_Space, Qt.KeyboardModifier.ShiftModifier)
    assert canvas.selected == ("alpha_curve", 0)


def test_what_makes_no_schedule_is_refused_with_its_sentence(qtbot: QtBot) -> None:
    flat = Drawn(alpha_curve=((0.0, 0.0), (0.4, 0.5), (0.6, 0.5), (1.0, 1.0)), beta_curve=((0.0, 1.0), (0.4, 0.5), (0.6, 0.3), (1.0, 0.0)))
    form, canvas, _ = shown_form(qtbot, flat)
    drag(canvas, pixel(canvas, 0.6, 0.3), pixel(canvas, 0.6, 0.9), steps=20)
    assert len(form.problems) == 1
    assert "α̇β − αβ̇" in form.problems[0]
    assert form.value.beta_curve[2][1] < 0.5  # as far as it may go
    assert canvas.series["beta_curve"].points == form.value.beta_curve
    drag(canvas, pixel(canvas, *form.value.beta_curve[2]), pixel(canvas, 0.6, 0.2))
    assert form.problems == []


def test_a_drawn_sigma_is_free_within_its_range(qtbot: QtBot) -> None:
    form = StructForm(EulerMaruyama, EulerMaruyama(sigma=DrawnSigma()))
    qtbot.addWidget(form)
    form.resize(320, 400)
    with qtbot.waitExposed(form):
        form.show()
    canvas = form.editor("sigma").form.editor("curve").canvas
    drag(canvas, pixel(canvas, 0.4, 1.0), pixel(canvas, 0.6, 0.1))
    drag(canvas, pixel(canvas, 1.0, 0.0), pixel(canvas, 1.0, 0.7))
    (_, first), (t, low), (end, last) = form.value.sigma.curve
    assert (first, end) == (0.2, 1.0)
    assert (t, low, last) == (pytest.approx(0.6, abs=0.01), pytest.approx(0.1, abs=0.02), pytest.approx(0.7, abs=0.02))
    assert float(form.value.sigma.sigma2(CondOT(), 1.0)) == pytest.approx(last**2)
    QTest.mouseClick(canvas, RIGHT, NONE, pixel(canvas, t, low))
    assert len(form.value.sigma.curve) == FEWEST


def test_a_drag_is_one_step_of_undo(qtbot: QtBot) -> None:
    model = LabModel()
    model.edit_experiment("schedule", replace(model.experiment, path=Drawn()))
    card = PathCard()
    qtbot.addWidget(card)
    card.set_experiment(model.experiment)
    card.edited.connect(lambda experiment: model.edit_experiment("path", experiment, merge="path"))
    model.changed.connect(lambda _old, new: card.set_experiment(new.experiment))
    card.resize(320, 420)
    with qtbot.waitExposed(card):
        card.show()
    assert not card.plot.isVisible()
    canvas = card.form.editor("alpha_curve").canvas
    before = model.undo.count()
    drag(canvas, pixel(canvas, 0.35, 0.2), pixel(canvas, 0.45, 0.4))
    moved = model.experiment.path
    assert moved != Drawn()
    assert model.undo.count() == before + 1
    model.undo.undo()
    assert model.experiment.path == Drawn()
    assert canvas.series["alpha_curve"].points == Drawn().alpha_curve
    model.undo.redo()
    assert canvas.series["alpha_curve"].points == moved.alpha_curve


def test_random_play_never_breaks_a_curve(qtbot: QtBot) -> None:
    form, canvas, told = shown_form(qtbot)
    rng = np.random.default_rng(0)
    box = canvas.box()
    for _ in range(150):
        spot = QPointF(box.left() + rng.random() * box.width(), box.top() + rng.random() * box.height()).toPoint()
        known = [canvas.place(*point).toPoint() for series in canvas.series.values() for point in series.points]
        near = known[rng.integers(len(known))]
        action = rng.integers(4)
        if action == 0:
            QTest.mouseDClick(canvas, LEFT, NONE, spot)
            QTest.mouseRelease(canvas, LEFT, NONE, spot)
        elif action == 1:
            QTest.mouseClick(canvas, RIGHT, NONE, near)
        else:
            drag(canvas, near, spot, steps=2)
    assert form.value == told[-1]  # the form must be held: nothing else keeps it
    assert len(told) > 20
    for path in told:
        for points, trend in ((path.alpha_curve, "rising"), (path.beta_curve, "falling")):
            assert problem(points, trend, "") is None
            assert np.all(np.diff(Curve(points)(np.linspace(0, 1, 200))) * (1 if trend == "rising" else -1) >= -1e-12)


@pytest.mark.parametrize("choice", ["dark", "light"])
def test_colours_and_handles_in_both_themes(choice: Any, qtbot: QtBot) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, choice)
    try:
        form, canvas, _ = shown_form(qtbot)
        image = canvas.grab().toImage()
        for role, point in (("alpha", (0.35, 0.2)), ("beta", (0.35, 0.9))):
            spot = pixel(canvas, *point) * image.devicePixelRatio()
            assert image.pixelColor(spot).name() == colour(role).name()
        form.close()
    finally:
        apply_theme(app, "dark")


def test_a_plot_of_any_curves_scales_its_axis(qtbot: QtBot) -> None:
    plot = CurvePlot()
    qtbot.addWidget(plot)
    t = np.linspace(0.0, 1.0, 50)
    with np.errstate(divide="ignore"):
        plot.set_curves(t, [Line(1.0 / t, "accent", "w"), Line(0.0 * t, "dim")])
    assert plot.ceiling == pytest.approx(49.0)
    plot.resize(200, 74)
    image = plot.grab().toImage()
    wanted = colour("accent")
    shown = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    assert sum(abs(c.red() - wanted.red()) + abs(c.green() - wanted.green()) + abs(c.blue() - wanted.blue()) < 60 for c in shown) > 30
    plot.set_curves(t, [Line(np.full_like(t, np.nan), "accent")])
    assert plot.ceiling == 1.0
    plot.grab()
