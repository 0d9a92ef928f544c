"""Source, coupling, reflow and matched evaluations in the whole lab: what the panes show, and what they say where they cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

import gui.reflow_control
from engine.couplings import Schrodinger
from engine.experiment import Experiment
from engine.interpolants import Bridge
from engine.objectives import FlowAndScore
from engine.reflow import Reflow
from engine.samplers import DormandPrince, Heun
from engine.targets import Moons
from gui.document import PaneSettings, decode_document, encode_document
from tests.gui.test_lab import lab as lab  # the fixture: a whole lab on the screen
from tests.gui.test_lab import shown, until, within


def test_moons_become_eight_gaussians_exactly(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    lab.model.edit_experiment("source", replace(lab.model.experiment, source=Moons()))
    until(lab, lambda: all(lab.simulation.shown(i) is not None and lab.simulation.shown(i).law.source == Moons() for i in (0, 1)))
    start = lab.stage.showings[0].latest.positions[0]
    drawn = Moons().sample(2_000, np.random.default_rng(0)) / lab.stage.showings[0].latest.scale[:2]
    assert abs(start.std(axis=0) - drawn.std(axis=0)).max() < 0.05  # n = 1,000, standard error below 0.01


def test_a_pane_says_why_it_shows_nothing_and_shows_the_network_once_there_is_one(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    small = lab.model.experiment
    law = replace(small, source=Moons(), coupling=Schrodinger(batch=32), path=Bridge(), objective=FlowAndScore())
    assert law.refusal() is None
    within(lab, lambda: lab.model.edit_experiment("bridge", law))
    until(lab, lambda: all(lab.simulation.refused(i) for i in (0, 1)))
    pane = lab.stage.panes[0]
    assert pane._refusal.isVisible()
    assert "Schrödinger" in pane._refusal.text()
    assert lab.stage.showings[0].latest.positions is None
    assert lab.window.messages.kind != "problem"
    lab.window.actions_["train"].trigger()
    until(lab, lambda: all(lab.simulation.shown(i) is not None and lab.simulation.shown(i).snapshot is not None for i in (0, 1)))
    assert not pane._refusal.isVisible()  # the ODE and, by the score that is learned too, the SDE


def test_an_sde_without_a_score_says_so_in_its_pane(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    within(lab, lambda: lab.model.edit_experiment("source", replace(lab.model.experiment, source=Moons())))
    lab.window.actions_["train"].trigger()
    until(lab, lambda: lab.simulation.shown(0) is not None and lab.simulation.shown(0).snapshot is not None)
    until(lab, lambda: lab.simulation.refused(1))
    assert "score" in lab.stage.panes[1]._refusal.text()
    assert not lab.stage.panes[1].metric_words


def test_matched_evaluations_can_be_undone(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    before = lab.model.document.panes
    lab.window.actions_["match-evaluations"].trigger()
    assert [pane.sampler.evaluations for pane in lab.model.document.panes] == [6, 6]
    assert "All panes now have 6 evaluations" in lab.window.messages.text.text()
    lab.model.undo.undo()
    assert lab.model.document.panes == before


def test_the_evaluations_of_an_adaptive_method_are_told_by_the_run(lab: Any) -> None:
    until(lab, lambda: shown(lab))
    lab.model.edit_pane(0, PaneSettings(sampler=DormandPrince(steps=10)))
    until(lab, lambda: "evaluations a particle" in lab.model.document.scene.panes[0].caption)
    assert lab.simulation.evaluations(0) > 10
    assert decode_document(encode_document(lab.model.document)) == lab.model.document
    lab.model.edit_pane(0, PaneSettings(sampler=Heun(steps=10)))
    until(lab, lambda: lab.simulation.shown(0).sampler == Heun(steps=10))
    until(lab, lambda: lab.model.document.scene.panes[0].caption == "10 steps · 20 evaluations · exact field")


def test_reflow_trains_a_new_network_on_the_pairs_and_undo_takes_it_back(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gui.reflow_control, "PAIRS", 256)
    until(lab, lambda: shown(lab))
    assert not lab.window.top.reflow.isVisible()
    lab.window.actions_["reflow"].trigger()
    assert lab.window.messages.text.text() == gui.reflow_control.NOTHING_TRAINED
    lab.window.actions_["train"].trigger()
    until(lab, lambda: lab.training.snapshot is not None and lab.training.work.step > 20)
    assert lab.window.top.reflow.isVisible()
    before: Experiment = lab.model.experiment
    within(lab, lab.window.actions_["reflow"].trigger)
    until(lab, lambda: isinstance(lab.model.experiment.path, Reflow))
    assert lab.model.experiment.path.pairs.values.shape == (256, 2, 2)
    assert lab.model.experiment.refusal() is None
    assert lab.training.running
    assert lab.window.controls._cards["path"].header.note == "256 pairs"
    assert "Undo takes it back" in lab.window.messages.text.text()
    until(
        lab, lambda: lab.training.work is not None and lab.training.work.experiment == lab.model.experiment and lab.training.work.step > 5
    )
    lab.model.undo.undo()
    assert lab.model.experiment == before


def test_straightness_is_in_the_table_for_an_ode_alone(lab: Any) -> None:
    until(lab, lambda: shown(lab) and lab.distances.rows()[1].distances.get("straightness"))
    straight = [row.distances["straightness"] for row in lab.distances.rows()]
    assert straight[0].value > 0.1
    assert straight[1].value is None
    assert "SDE" in straight[1].reason
