"""Small makers of widgets, so that the files that lay them out stay short."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from gui.icons import wear
from gui.theme import tabular

Layout = TypeVar("Layout", bound=QBoxLayout)


class ElidedLabel(QLabel):
    """A line of text that ends in … where its place is too narrow; ``text()`` stays whole."""

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().windowText().color())
        words = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(self.alignment()), words)
        painter.end()


class LiveLabel(ElidedLabel):
    """A line of text that is another at every frame: its place grows with the longest so far, until there is no text again.

    A plain label would have the whole window laid out and painted anew each time.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._words = ""
        self._room = 0
        self.setText(text)

    def text(self) -> str:
        return self._words

    def setText(self, text: str) -> None:
        if text == self._words:
            return
        self._words = text
        self.setAccessibleName(text)
        if text:
            self._measure()
        else:
            self._forget()
        self.update()

    def sizeHint(self) -> QSize:
        margins = self.contentsMargins()
        return QSize(self._room + margins.left() + margins.right(), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._forget()
            self._measure()

    def _forget(self) -> None:
        self._room = 0
        self.updateGeometry()

    def _measure(self) -> None:
        room = self.fontMetrics().horizontalAdvance(self._words) + 1
        if room > self._room:
            self._room = room
            self.updateGeometry()


def label(
    text: str = "", role: str = "", *, figures: bool = False, points: float = 0.0, elided: bool = False, live: bool = False
) -> QLabel:
    """A line of text with a role of the style sheet (dim, strong, title, problem)."""
    made = LiveLabel(text) if live else ElidedLabel(text) if elided else QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        made.setProperty("role", role)
    font = tabular(made.font()) if figures else made.font()
    if points:
        font.setPointSizeF(font.pointSizeF() + points)
    made.setFont(font)
    return made


def title_font(base: QFont) -> QFont:
    """Small capitals, letter-spaced: the font of section titles."""
    font = QFont(base)
    font.setCapitalization(QFont.Capitalization.AllUppercase)
    font.setPointSizeF(base.pointSizeF() * 0.86)
    font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, 0.9)
    return font


def heading(text: str) -> QLabel:
    """A card's small capitals."""
    made = label(text.upper(), "title", points=-1.0)
    font = made.font()
    font.setLetterSpacing(font.SpacingType.AbsoluteSpacing, 0.6)
    made.setFont(font)
    return made


def flat_button(icon_name: str, tip: str, name: str = "") -> QToolButton:
    """A button of an icon alone; ``tip`` is its tooltip and what a screen reader says."""
    made = QToolButton()
    made.setProperty("role", "flat")
    made.setToolTip(tip)
    made.setAccessibleName(name or tip)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    wear(made, icon_name)
    return made


def card(parent: QWidget | None = None) -> QFrame:
    """A frame with the look of a card."""
    made = QFrame(parent)
    made.setObjectName("card")
    return made


def row(*items: QWidget | QBoxLayout | int, spacing: int = 8, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QHBoxLayout:
    """Items from left to right; a number is a stretch."""
    return _filled(QHBoxLayout(), items, spacing, margins)


def column(*items: QWidget | QBoxLayout | int, spacing: int = 4, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QVBoxLayout:
    """Items from top to bottom; a number is a stretch."""
    return _filled(QVBoxLayout(), items, spacing, margins)


def shrinkable(widget: QWidget) -> QWidget:
    """Lets a widget become narrower than its text."""
    widget.setSizePolicy(QSizePolicy.Policy.Ignored, widget.sizePolicy().verticalPolicy())
    return widget


def _filled(layout: Layout, items: tuple[QWidget | QBoxLayout | int, ...], spacing: int, margins: tuple[int, int, int, int]) -> Layout:
    layout.setSpacing(spacing)
    layout.setContentsMargins(*margins)
    for item in items:
        if isinstance(item, int):
            layout.addStretch(item)
        elif isinstance(item, QWidget):
            layout.addWidget(item)
        else:
            layout.addLayout(item)
    return layout
