"""Where there is little room nothing is cut off: chips stand in two rows, lines end in …"""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from gui.stage.chips import CHIPS, LayerChips
from gui.widgets import label


@pytest.mark.parametrize(("width", "rows"), [(230, 4), (300, 3), (360, 3), (450, 2), (900, 1)])
def test_every_chip_shows_its_word(width: int, rows: int, qtbot: QtBot) -> None:
    """In as many rows as the width asks for; the pane gives them the height."""
    pane, chips = QWidget(), LayerChips()
    qtbot.addWidget(pane)
    chips.setParent(pane)
    chips.resize(width, chips.heightForWidth(width))
    pane.resize(1000, 200)
    pane.show()
    qtbot.waitExposed(pane)
    qtbot.waitUntil(lambda: all(chip.width() >= chip.sizeHint().width() for chip in chips._chips.values()))
    assert len({chip.y() for chip in chips._chips.values()}) == rows
    assert max(chip.geometry().right() for chip in chips._chips.values()) < width
    assert max(chip.geometry().bottom() for chip in chips._chips.values()) < chips.height()
    assert [chip.text() for chip in chips._chips.values()] == [word for _, word, _ in CHIPS]


@pytest.mark.parametrize("width", [230, 450])
def test_in_a_low_pane_the_chips_have_one_row(width: int, qtbot: QtBot) -> None:
    """What has no room is in the menu, which switches it and leads to its settings."""
    pane, chips = QWidget(), LayerChips()
    qtbot.addWidget(pane)
    chips.setParent(pane)
    chips.set_low(True)
    chips.resize(width, 24)
    pane.resize(1000, 200)
    pane.show()
    qtbot.waitExposed(pane)
    shown = [chip for chip in (*chips._chips.values(), chips.more) if chip.isVisible()]
    assert chips.more in shown
    qtbot.waitUntil(lambda: len({chip.y() for chip in shown}) == 1)
    assert max(chip.geometry().right() for chip in shown) < width
    menu = chips.menu()
    words = [action.text() for action in menu.actions() if action.text()]
    assert words[-4:-2] == ["Pointer", "Settings of the map…"]
    with qtbot.waitSignal(chips.changed) as told:
        next(action for action in menu.actions() if action.text() == "Contours").trigger()
    assert told.args[0].contours.visible
    with qtbot.waitSignal(chips.settings_asked) as asked:
        menu.actions()[-1].trigger()
    assert asked.args == ["flow_map"]
    menu.deleteLater()
    chips.set_low(False)
    assert chips.more.isHidden()
    assert all(chip.isVisible() for chip in chips._chips.values())


def test_a_line_ends_in_dots_where_it_is_too_narrow(qtbot: QtBot) -> None:
    def picture(text: str, width: int) -> QImage:
        made = label(text, elided=True)
        qtbot.addWidget(made)
        made.resize(width, 20)
        return made.grab().toImage()

    whole = label("50 steps · exact field").sizeHint().width() + 10
    assert picture("50 steps · exact field", whole) != picture("50 steps · exact …", whole)
    metrics = label("x").fontMetrics()
    narrow = whole - 40
    cut = metrics.elidedText("50 steps · exact field", Qt.TextElideMode.ElideRight, narrow)
    assert cut.endswith("…")
    assert picture("50 steps · exact field", narrow) == picture(cut, narrow)
