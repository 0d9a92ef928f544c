"""Fold: a quiet button that opens and closes what is rarely needed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget


class Fold(QWidget):
    """Closed at first; ``content`` is what it hides."""

    def __init__(self, words: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = content
        self._words = words
        self.button = QPushButton(self)
        self.button.setProperty("role", "fold")
        self.button.setCheckable(True)
        self.button.setAccessibleName(words)
        self.button.setToolTip(f"Show or hide: {words}")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        outer.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        outer.addWidget(content)
        self.button.toggled.connect(self.set_open)
        self.set_open(False)

    @property
    def is_open(self) -> bool:
        return not self.content.isHidden()

    def set_open(self, on: bool) -> None:
        """Show or hide the content."""
        self.button.setChecked(on)
        self.content.setVisible(on)
        self.button.setText(f"{self._words}  {'▴' if on else '▾'}")
