"""The theme: legible in both kinds, one table of colours, icons that follow it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtGui import QAction, QColor, QPalette
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from gui.icons import icon, names, pixmap, wear
from gui.style_sheet import mixed, style_sheet
from gui.theme import apply_theme, colour, is_dark, notifier, palette_of, resolve, theme
from shaders.themes import THEMES, contrast


@pytest.fixture
def restored(themed: QApplication):
    yield themed
    apply_theme(themed, "dark")


def test_both_themes_are_applied_and_told(restored: QApplication, qtbot: QtBot) -> None:
    for name in ("light", "dark"):
        with qtbot.waitSignal(notifier().changed, timeout=500):
            apply_theme(restored, name)
        assert theme() is THEMES[name]
        assert is_dark() == (name == "dark")
        assert restored.palette().color(QPalette.ColorRole.Window) == QColor(THEMES[name].panel)
    assert resolve("system") in ("dark", "light")


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_style_sheet_uses_the_roles_and_nothing_is_left_open(name: str) -> None:
    roles = THEMES[name]
    sheet = style_sheet(roles)
    assert sheet.count("{") == sheet.count("}")
    assert "None" not in sheet
    for role in ("panel", "card", "line", "text", "dim", "accent"):
        assert getattr(roles, role) in sheet
    for path in re.findall(r"url\(([^)]*)\)", sheet):
        assert path.endswith(".svg")
        assert Path(path).read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize("name", ["dark", "light"])
def test_text_is_legible_on_what_the_window_puts_it_on(name: str) -> None:
    roles = THEMES[name]
    for ground in (roles.panel, roles.card, roles.field, roles.hover, roles.selected):
        assert contrast(roles.text, ground) >= 4.5
    for text in (roles.dim, roles.danger):
        for ground in (roles.panel, roles.card, roles.field):
            assert contrast(text, ground) >= 4.5
    assert contrast(roles.on_accent, roles.accent) >= 4.5


def test_disabled_text_is_fainter() -> None:
    palette = palette_of(THEMES["dark"])
    disabled = palette.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text)
    assert disabled.alphaF() < 0.7


def test_mixed_goes_from_one_colour_to_the_other() -> None:
    assert mixed("#000000", "#ffffff", 0.0) == "#000000"
    assert mixed("#000000", "#ffffff", 1.0) == "#ffffff"
    assert mixed("#000000", "#204060", 0.5) == "#102030"


@pytest.mark.parametrize("name", names())
@pytest.mark.usefixtures("themed")
def test_every_icon_draws_something_within_its_square(name: str) -> None:
    image = pixmap(name, "#ff0000", 40).toImage()
    alpha = [[image.pixelColor(x, y).alpha() for x in range(40)] for y in range(40)]
    inked = sum(value > 60 for row in alpha for value in row)
    assert 20 < inked < 1100
    border = alpha[0] + alpha[-1] + [row[0] for row in alpha] + [row[-1] for row in alpha]
    assert max(border) < 60


def test_what_wears_an_icon_is_tinted_with_the_theme(restored: QApplication, qtbot: QtBot) -> None:
    button, action = QPushButton(), QAction()
    qtbot.addWidget(button)
    wear(button, "play")
    wear(action, "play")

    def ink(wearer: QPushButton | QAction) -> QColor:
        return wearer.icon().pixmap(20, 20).toImage().pixelColor(9, 10)

    apply_theme(restored, "dark")
    assert ink(button) == ink(action) == colour("text")
    apply_theme(restored, "light")
    assert ink(button) == ink(action) == QColor(THEMES["light"].text)
    wear(button, "stop", "danger")
    assert ink(button) == QColor(THEMES["light"].danger)


def test_a_wearer_that_is_gone_does_no_harm(restored: QApplication) -> None:
    action = QAction()
    wear(action, "play")
    del action
    apply_theme(restored, "dark")
    assert not icon("play").isNull()
