"""Formulas are typeset, all of them, off the window's thread; the schedule's curves are the path's own."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engine.interpolants import Bridge
from engine.networks import MLP
from engine.objectives import Objective
from engine.samplers import EulerMaruyama, Sampler
from engine.samplers.sigma import BetaSigma, ReversalSigma, Sigma, SqrtSigma
from engine.schedules import VE, CondOT, Schedule, VPCosine
from engine.targets import Target
from gui.forms import StructForm
from gui.forms.reflection import alternatives
from gui.formula import Formula, lines_of, svg_of
from gui.schedule_plot import SchedulePlot, curves
from gui.theme import colour

CHOICES = [MLP, *(kind for union in (Schedule, Objective, Sampler, Sigma, Target) for kind in alternatives(union))]


@pytest.mark.parametrize("kind", CHOICES, ids=lambda kind: kind.__name__)
def test_every_formula_of_the_engine_can_be_typeset(kind: type) -> None:
    assert kind.formula
    for line in lines_of(kind.formula):
        svg = svg_of(line)
        assert "<path" in svg
        assert "<use" not in svg


def test_a_long_formula_breaks_into_its_parts() -> None:
    assert lines_of(VPCosine.formula) == tuple(VPCosine.formula.split(r",\quad "))


def test_a_formula_appears_in_the_text_colour(qtbot: QtBot) -> None:
    formula = Formula(CondOT.formula)
    qtbot.addWidget(formula)
    formula.resize(230, formula.sizeHint().height())
    formula.show()
    qtbot.waitUntil(lambda: formula.is_ready, timeout=5000)
    assert formula.sizeHint().height() > 2 * formula.fontMetrics().height()
    image = formula.grab().toImage()
    shown = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    wanted = colour("text")
    # strokes are thinner than a pixel: none is quite the full colour
    nearest = min(abs(c.red() - wanted.red()) + abs(c.green() - wanted.green()) + abs(c.blue() - wanted.blue()) for c in shown)
    assert nearest < 90


def test_no_formula_takes_no_place(qtbot: QtBot) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    formula = Formula(CondOT.formula, holder)
    formula.set_latex("", "")
    assert formula.isHidden()
    formula.set_latex(CondOT.formula)
    assert not formula.isHidden()


def test_nothing_becomes_a_window_by_itself(qtbot: QtBot) -> None:
    for widget in (Formula(CondOT.formula), StructForm(MLP), StructForm(Schedule)):
        qtbot.addWidget(widget)
        assert not widget.isVisible()


def test_a_formula_fits_its_place(qtbot: QtBot) -> None:
    formula = Formula(EulerMaruyama.formula)
    qtbot.addWidget(formula)
    formula.resize(230, 60)
    formula.show()
    qtbot.waitUntil(lambda: formula.is_ready, timeout=5000)
    assert all(box.right() <= 230 for box in formula._fitted(230))


def test_the_curves_are_the_schedule() -> None:
    t, found = curves(VPCosine(), SqrtSigma(scale=2.0))
    assert np.allclose(found["alpha"] ** 2 + found["beta"] ** 2, 1.0)
    assert np.allclose(found["sigma"], 2.0 * np.sqrt(1 - np.clip(t, 1e-3, 1 - 1e-3)))


@pytest.mark.parametrize("kind", alternatives(Schedule), ids=lambda kind: kind.__name__)
def test_every_schedule_is_drawn_with_three_colours(kind: type, qtbot: QtBot) -> None:
    plot = SchedulePlot()
    qtbot.addWidget(plot)
    plot.resize(230, 74)
    plot.set_path(kind(), ReversalSigma())
    plot.set_time(0.4)
    image = plot.grab().toImage()
    shown = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    for role in ("alpha", "beta", "sigma"):
        wanted = colour(role)
        near = sum(abs(c.red() - wanted.red()) + abs(c.green() - wanted.green()) + abs(c.blue() - wanted.blue()) < 40 for c in shown)
        assert near > 15, role


def test_a_large_schedule_has_its_number_on_the_axis(qtbot: QtBot) -> None:
    plot = SchedulePlot()
    qtbot.addWidget(plot)
    plot.set_path(VE(sigma_max=50.0), ReversalSigma())
    assert plot.ceiling == pytest.approx(75.0, rel=1e-3)  # g_0 is above 1.5 times beta_0 and is cut there
    assert [line.letter for line in plot.lines] == ["σ", "β", "α"]


def test_a_path_between_two_laws_shows_its_latent_noise(qtbot: QtBot) -> None:
    plot = SchedulePlot()
    qtbot.addWidget(plot)
    plot.set_path(Bridge(), BetaSigma())
    assert [line.letter for line in plot.lines] == ["σ", "γ", "a", "b"]
    assert "latent noise" in plot.toolTip()
    plot.set_path(Bridge(), ReversalSigma())  # refused there, so not drawn
    assert [line.letter for line in plot.lines] == ["γ", "a", "b"]
    plot.grab()
