"""The column of cards: what was opened or folded stays so, and every formula has room."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from engine.targets import SHAPES, Mixture, TargetBase
from gui.cards.fold import Fold
from gui.control_column import ControlColumn
from gui.forms.combo import ChoiceCombo
from gui.formula import PADDING
from gui.model import LabModel
from gui.preferences import Preferences


def made(qapp: QObject, qtbot: QtBot) -> ControlColumn:
    model = LabModel(parent=qapp)
    column = ControlColumn(model, Preferences())
    qtbot.addWidget(column)
    column.complete()
    column.resize(290, 900)
    column.show()
    return column


def test_what_was_opened_is_open_the_next_time(qapp: QObject, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHFORWARD_STATE", str(tmp_path))
    first = made(qapp, qtbot)
    first._cards["network"].findChild(Fold).button.click()
    first._cards["objective"].toggle()
    again = made(qapp, qtbot)
    assert {name: card.findChild(Fold).is_open for name, card in again._cards.items() if card.findChild(Fold)} == {
        "target": False,
        "network": True,
        "training": False,
    }
    assert again._cards["objective"].is_folded
    assert not again._cards["path"].is_folded


@pytest.mark.parametrize("kind", [*SHAPES, Mixture])
def test_the_formula_of_every_target_fits_its_card(
    kind: type[TargetBase], qapp: QObject, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUSHFORWARD_STATE", str(tmp_path))
    column = made(qapp, qtbot)
    card = column.target
    card.set_experiment(replace(card.experiment, target=kind()))
    formula = card.formula
    assert formula is not None
    qtbot.waitUntil(lambda: formula.is_ready, timeout=20_000)
    assert max(box.right() for box in formula._fitted(240)) <= 240 - PADDING + 1


def test_no_choice_is_cut_short(qtbot: QtBot) -> None:
    combo = ChoiceCombo()
    qtbot.addWidget(combo)
    combo.set_items([(1, "short", ""), (2, "Denoising score matching, and more", "")])
    combo.setFixedWidth(90)
    combo.show()
    combo.showPopup()
    assert combo.view().viewport().width() >= combo.fontMetrics().horizontalAdvance("Denoising score matching, and more")
    combo.hidePopup()
