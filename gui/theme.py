"""The look of the window: a palette and one style sheet, both from the roles in shaders/themes.py.

Widgets that paint themselves ask ``theme()`` while painting and are repainted when ``notifier().changed`` fires.
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from gui.style_sheet import style_sheet
from shaders.themes import THEMES, Theme

ThemeChoice = Literal["dark", "light", "system"]


class Notifier(QObject):
    """Says when the theme has changed."""

    changed = Signal()


class _Current:
    """The theme in force; dark until ``apply_theme`` says otherwise."""

    theme: Theme = THEMES["dark"]
    notifier: Notifier | None = None


def theme() -> Theme:
    """The roles in force now, each a hex string."""
    return _Current.theme


def is_dark() -> bool:
    """Whether the theme in force is the dark one."""
    return _Current.theme.dark


def notifier() -> Notifier:
    """The one object whose ``changed`` signal follows a change of theme."""
    if _Current.notifier is None:
        _Current.notifier = Notifier()
    return _Current.notifier


def colour(role: str, alpha: float = 1.0) -> QColor:
    """A role as a QColor, e.g. ``colour("accent", 0.3)``."""
    value = QColor(getattr(_Current.theme, role))
    value.setAlphaF(alpha)
    return value


def resolve(choice: ThemeChoice) -> Literal["dark", "light"]:
    """What "system" means here and now."""
    if choice != "system":
        return choice
    return "light" if QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light else "dark"


def palette_of(roles: Theme) -> QPalette:
    """The Qt palette of a theme; what the style sheet leaves alone follows it."""
    palette = QPalette()
    role = QPalette.ColorRole
    table = {
        role.Window: roles.panel,
        role.Base: roles.background,
        role.AlternateBase: roles.card,
        role.Button: roles.card,
        role.ToolTipBase: roles.card,
        role.Text: roles.text,
        role.WindowText: roles.text,
        role.ButtonText: roles.text,
        role.ToolTipText: roles.text,
        role.BrightText: roles.strong,
        role.PlaceholderText: roles.dim,
        role.Highlight: roles.accent,
        role.HighlightedText: roles.on_accent,
        role.Link: roles.alpha,
        role.Light: roles.line,
        role.Midlight: roles.line,
        role.Mid: roles.line,
        role.Dark: roles.background,
        role.Shadow: roles.background,
        role.Accent: roles.accent,
    }
    for name, value in table.items():
        palette.setColor(name, QColor(value))
    faint = QColor(roles.dim)
    faint.setAlphaF(0.55)
    for name in (role.Text, role.WindowText, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, faint)
    return palette


def apply_theme(app: QApplication, choice: ThemeChoice) -> None:
    """Put palette and style sheet in force, and tell the widgets that paint themselves."""
    name = resolve(choice)
    _Current.theme = THEMES[name]
    if app.style().objectName().lower() != "fusion":
        app.setStyle(QStyleFactory.create("Fusion"))
    app.setPalette(palette_of(_Current.theme))
    app.setStyleSheet(style_sheet(_Current.theme))
    notifier().changed.emit()


def tabular(font: QFont) -> QFont:
    """The same font with figures of equal width, so that numbers do not dance."""
    own = QFont(font)
    tag = QFont.Tag.fromString("tnum")
    if tag is not None:
        own.setFeature(tag, 1)
    return own
