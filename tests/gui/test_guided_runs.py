"""Panes with guidance: what the worker runs, the colours of labels, the popover, and the document."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from engine.experiment import Experiment, Training
from engine.fields.guided import GuidedField
from engine.guidance import ClassifierFree, ClassifierGuidance, Guidance, NoGuidance
from engine.labels import LabelCondition
from engine.networks import MLP
from engine.samplers import Heun
from engine.targets import Mixture, Painting, SwissRoll
from engine.targets.one_class import OneClass
from engine.targets.raster import from_raster
from engine.training import Trainer
from gui.document import LabDocument, PaneSettings, decode_document, encode_document, pane_caption
from gui.runs import Fields, Grid, GridRequest, Refused, Run, RunRequest, Snapshot, grid, law_of, run
from gui.stage.pane_settings import PaneSettingsPopover


def two_blobs() -> Painting:
    ink = np.zeros((2, 64, 64), dtype=np.float32)
    ink[0, 24:40, 8:20] = 0.75
    ink[1, 24:40, 44:56] = 0.25
    return Painting(raster=from_raster(ink).raster, colours=(3, 6))


SMALL = Experiment(target=two_blobs(), network=MLP(width=16, depth=1), training=Training(batch=64))


def request(guidance: Guidance, snapshot: Snapshot | None = None, experiment: Experiment = SMALL) -> RunRequest:
    law = law_of(experiment)
    return RunRequest(law=law, sampler=Heun(steps=20), snapshot=snapshot, particles=300, seed=1, device="cpu", guidance=guidance)


def result(asked: RunRequest, fields: Fields) -> Run | Refused:
    found = [value for value in run(asked, fields) if isinstance(value, Run | Refused)]
    assert len(found) == 1
    return found[0]


def test_an_exact_pane_is_guided_to_its_label() -> None:
    """All 300 particles of label 2 end in the right half, seed 1, in its colour; those as in the data each in their own."""
    fields = Fields()
    found = result(request(ClassifierFree(scale=1.0, y=2)), fields)
    assert isinstance(found, Run)
    assert found.data.positions is not None
    assert found.data.labels is not None
    assert np.all(found.data.positions[-1][:, 0] > 0)
    assert set(found.data.labels.tolist()) == {6}
    mixed = result(request(ClassifierGuidance(scale=1.5)), fields)
    assert isinstance(mixed, Run)
    assert mixed.data.positions is not None
    assert np.array_equal(mixed.data.labels, np.where(mixed.data.positions[-1][:, 0] > 0, 6, 3))
    # without guidance a particle wears the colour of the part in which it arrives
    free = result(request(NoGuidance()), fields)
    assert isinstance(free, Run)
    assert free.data.positions is not None
    assert np.array_equal(free.data.labels, np.where(free.data.positions[-1][:, 0] > 0, 6, 3))
    plain = result(request(NoGuidance(), experiment=replace(SMALL, target=SwissRoll())), fields)
    assert isinstance(plain, Run)
    assert plain.data.labels is None


def test_a_learned_pane_trains_its_classifier_once() -> None:
    trainer = Trainer(SMALL)
    for _ in trainer.run(until=5):
        pass
    fields, snapshot = Fields(), Snapshot(0, 5, trainer.field())
    asked = request(ClassifierGuidance(y=1), snapshot)
    fractions = [value for value in run(asked, fields) if isinstance(value, float)]
    assert len(fractions) > 2 * len([value for value in run(asked, fields) if isinstance(value, float)])
    refused = result(request(ClassifierFree(y=1), snapshot), fields)
    assert isinstance(refused, Refused)
    assert "not told any labels" in refused.reason
    told = Trainer(replace(SMALL, condition=LabelCondition()))
    found = result(request(ClassifierFree(), Snapshot(1, 0, told.field())), fields)
    assert isinstance(found, Run)


def test_arrows_of_a_pane_where_each_has_its_own_label_are_those_without() -> None:
    fields = Fields()
    box, nodes = (-2.0, 2.0, -2.0, 2.0), (6, 5)

    def arrows(guidance: Guidance) -> np.ndarray:
        found = next(
            value for value in grid(GridRequest(request(guidance), 0.5, box, nodes, True, True), fields) if isinstance(value, Grid)
        )
        assert found.velocity is not None
        assert found.score is not None
        return found.velocity

    free = arrows(NoGuidance())
    assert np.array_equal(arrows(ClassifierFree(scale=3.0)), free)
    guided = arrows(ClassifierFree(scale=3.0, y=2))
    field = fields.guided.field(fields.of(request(NoGuidance())), law_of(SMALL), ClassifierFree(scale=3.0, y=2), 300, 1)
    assert isinstance(field, GuidedField)
    x = torch.tensor([[-2.0 + 4 / 12, -2.0 + 4 / 10]])
    assert guided[0, 0] == pytest.approx(field(x, 0.5).numpy()[0], rel=1e-4)


def test_a_guided_pane_is_measured_against_its_part() -> None:
    asked = request(ClassifierFree(y=2)).reference
    assert asked == OneClass(whole=SMALL.target, index=1)
    assert np.allclose(asked.frame().shift, SMALL.target.frame().shift)
    assert request(ClassifierFree()).reference == SMALL.target
    assert not request(ClassifierFree(y=2)).same_but_newer(request(ClassifierFree(y=1)))


def test_guidance_is_a_part_of_the_document() -> None:
    settings = PaneSettings(sampler=Heun(steps=20), guidance=ClassifierFree(scale=3.0, y=2))
    document = LabDocument(panes=(settings, PaneSettings()))
    assert decode_document(encode_document(document)).panes[0].guidance == ClassifierFree(scale=3.0, y=2)
    assert "classifier-free w = 3 · label 2" in pane_caption(settings)
    assert decode_document(b'{"panes": [{}], "scene": {}}').panes[0].guidance == NoGuidance()


def test_the_popover_chooses_guidance(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    experiment = Experiment(target=Mixture())
    popover = PaneSettingsPopover(PaneSettings(), trained=False, only_one=True, experiment=experiment, parent=parent)
    popover.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    with qtbot.waitSignal(popover.edited, timeout=1000) as told:
        popover.guidance.chooser.picked.emit(ClassifierFree)
    assert told.args[0].guidance == ClassifierFree()
    assert any("1 Gaussian 1   2 Gaussian 2" in words.text().replace("\u00a0", " ") for words in popover.findChildren(QLabel))
    assert popover._guidance_refusal(ClassifierFree(y=4)) == "There is no label 4: the data has 3."
    without = PaneSettingsPopover(PaneSettings(), trained=False, only_one=True, experiment=Experiment(target=SwissRoll()), parent=parent)
    without.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    assert without.guidance.isHidden()


def test_colours_are_those_of_what_the_network_was_taught() -> None:
    """A pane whose network was told other labels than the target has now: each particle wears the colour of the label it was asked for."""
    told = Trainer(replace(SMALL, condition=LabelCondition()))
    ink = np.zeros((2, 64, 64), dtype=np.float32)
    ink[0, 24:40, 8:20], ink[1, 24:40, 44:56] = 0.1, 0.9
    later = replace(SMALL, target=Painting(raster=from_raster(ink).raster, colours=(0, 1)))
    field = told.field()
    fields = Fields()
    found = result(request(ClassifierFree(), Snapshot(0, 0, field), later), fields)
    assert isinstance(found, Run)
    labels = ClassifierFree().labels(replace(SMALL, condition=LabelCondition()), 300, 1)
    assert isinstance(labels, np.ndarray)
    assert np.array_equal(found.data.labels, np.array([3, 6])[labels])
