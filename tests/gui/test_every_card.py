"""What holds for all cards: names, tooltips, no label that is cut, and no heavy import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from msgspec.structs import replace
from PySide6.QtGui import QUndoStack
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit, QSlider, QWidget
from pytestqt.qtbot import QtBot

from engine.targets import Checkerboard
from gui.cards import Card, TargetCard
from tests.gui.test_cards import CARDS, OTHER

ROOT = Path(__file__).parent.parent.parent


def everything(qtbot: QtBot) -> list[QWidget]:
    target = TargetCard(QUndoStack())
    cards: list[Card] = [target, *(kind() for kind in CARDS)]
    for card in cards:
        qtbot.addWidget(card)
        card.set_experiment(replace(OTHER, target=Checkerboard()))
    return list(cards)


def test_every_control_has_a_tooltip_and_a_name(qtbot: QtBot) -> None:
    for card in everything(qtbot):
        for kind in (QAbstractButton, QComboBox, QLineEdit, QSlider):
            for control in card.findChildren(kind):
                if control.objectName().startswith("qt_") or isinstance(control.parent(), QComboBox):
                    continue
                assert control.toolTip(), f"{card.accessibleName()}: {control} has no tooltip"
                assert control.accessibleName() or getattr(control, "text", str)(), f"{card.accessibleName()}: {control} has no name"


def test_no_label_is_cut_at_the_width_of_the_column(qtbot: QtBot) -> None:
    for card in everything(qtbot):
        card.resize(258, card.sizeHint().height())
        card.show()
        qtbot.waitExposed(card)
        assert card.minimumSizeHint().width() <= 258, card.accessibleName()
        for label in card.findChildren(QLabel):
            if label.isVisible() and not label.wordWrap():
                assert label.width() >= label.sizeHint().width() - 1, f"{card.accessibleName()}: “{label.text()}” is cut"


def test_the_cards_come_without_torch_and_without_scipy() -> None:
    code = "import sys, gui.cards, gui.easel; sys.exit(any(m in sys.modules for m in ('torch', 'scipy', 'ziamath', 'PIL', 'vispy')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
