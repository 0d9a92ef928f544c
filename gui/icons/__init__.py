"""Icons: our own strokes on a 20-pixel grid, tinted from the theme when loaded and again when it changes."""

from __future__ import annotations

import weakref
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import shiboken6
from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from gui.style_sheet import mixed
from gui.theme import notifier, theme

FOLDER = Path(__file__).parent
SIZES = (16, 20)
"""Logical pixels."""


class HasIcon(Protocol):
    """An action or a button."""

    def setIcon(self, icon: QIcon) -> None: ...


def names() -> list[str]:
    """Every icon there is."""
    return sorted(path.stem for path in FOLDER.glob("*.svg"))


@lru_cache(maxsize=256)
def _drawing(name: str) -> str:
    return (FOLDER / f"{name}.svg").read_text(encoding="utf-8")


def pixmap(name: str, colour: str, size: int = 20) -> QPixmap:
    """The icon in one colour, ``size`` pixels square."""
    return _drawn(_tinted(name, colour), size)


def _tinted(name: str, colour: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(_drawing(name).replace("currentColor", QColor(colour).name()).encode()))


def _drawn(strokes: QSvgRenderer, size: int) -> QPixmap:
    image = QImage(QSize(size, size), QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    strokes.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return QPixmap.fromImage(image)


def icon(name: str, role: str = "text") -> QIcon:
    """The icon in the theme's colours now: ``role`` at rest, strong when checked, faint when disabled."""
    roles = theme()
    made, sizes = QIcon(), {round(size * screen.devicePixelRatio()) for size in SIZES for screen in QGuiApplication.screens()}
    for colour, mode, state in (
        (getattr(roles, role), QIcon.Mode.Normal, QIcon.State.Off),
        (roles.strong, QIcon.Mode.Normal, QIcon.State.On),
        (mixed(roles.card, roles.dim, 0.5), QIcon.Mode.Disabled, QIcon.State.Off),
    ):
        strokes = _tinted(name, colour)
        for size in sorted(sizes):
            made.addPixmap(_drawn(strokes, size), mode, state)
    return made


class _Worn:
    """Who wears which icon; they are tinted again when the theme changes."""

    rows: list[tuple[weakref.ref[Any], str, str]] = []  # noqa: RUF012 - one list for the process, on purpose
    listening = False

    @classmethod
    def alive(cls) -> list[tuple[weakref.ref[Any], str, str]]:
        return [row for row in cls.rows if (wearer := row[0]()) is not None and shiboken6.isValid(wearer)]

    @classmethod
    def tint(cls) -> None:
        cls.rows = cls.alive()
        for reference, name, role in cls.rows:
            reference().setIcon(icon(name, role))


def wear(wearer: HasIcon, name: str, role: str = "text") -> None:
    """Give an action or a button the icon ``name`` for good, through changes of theme; again to change it."""
    if not _Worn.listening:
        notifier().changed.connect(_Worn.tint)
        _Worn.listening = True
    _Worn.rows = [row for row in _Worn.alive() if row[0]() is not wearer]
    _Worn.rows.append((weakref.ref(wearer), name, role))
    wearer.setIcon(icon(name, role))
