"""A combo box of choices in which what cannot be combined is greyed, with the reason as its tooltip."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPaintEvent, QStandardItem, QStandardItemModel, QWheelEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyleOptionComboBox, QStylePainter, QWidget

from gui.widgets import title_font

REASON = int(Qt.ItemDataRole.UserRole) + 1
ROUND_WORDS = 2
POPUP_MARGIN = 18
"""Pixels beside the words of a choice, on each side."""


class ChoiceCombo(QComboBox):
    """Items are ``(key, label, help)``; ``picked(key)`` fires only for the user's choice."""

    picked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._items = QStandardItemModel(self)
        self.setModel(self._items)
        self.setMaxVisibleItems(24)
        self.activated.connect(self._activated)
        self._keys: list[Any] = []
        self._base_tip = ""

    def set_items(self, items: Iterable[tuple[Any, str, str]]) -> None:
        """Fill anew; the current key is kept where it still exists."""
        current = self.key
        self._items.clear()
        self._keys = []
        for key, label, tip in items:
            self._append(key, label, tip)
        if current is not None:
            self.set_key(current)

    def _append(self, key: Any, label: str, tip: str) -> None:
        item = QStandardItem(label)
        item.setToolTip(tip)
        item.setData(tip, REASON)
        if key is None:
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            item.setFont(title_font(self.font()))
        item.setSizeHint(QSize(0, 24))
        self._items.appendRow(item)
        self._keys.append(key)

    def set_tip(self, tip: str) -> None:
        """The control's own tooltip; the chosen item's help follows it."""
        self._base_tip = tip
        self._retip()

    @property
    def key(self) -> Any:
        """The key chosen now; None when nothing is."""
        index = self.currentIndex()
        return self._keys[index] if 0 <= index < len(self._keys) else None

    @property
    def keys(self) -> list[Any]:
        return list(self._keys)

    def set_key(self, key: Any) -> None:
        """Choose without saying so."""
        index = self._keys.index(key) if key in self._keys else -1
        self.setCurrentIndex(index)
        self._retip()

    def set_refusals(self, reason: Callable[[Any], str | None]) -> None:
        """Grey the items for which ``reason(key)`` is a sentence, and say it as their tooltip."""
        for row, key in enumerate(self._keys):
            if key is None:
                continue
            item = self._items.item(row)
            sentence = reason(key)
            item.setEnabled(sentence is None)
            item.setToolTip(sentence or str(item.data(REASON)))
            item.setData(sentence or "", int(Qt.ItemDataRole.AccessibleDescriptionRole))
        self._retip()

    def reason(self, key: Any) -> str | None:
        """Why this item is grey; None if it is not."""
        item = self._items.item(self._keys.index(key))
        return None if item.isEnabled() else item.toolTip()

    def _activated(self, index: int) -> None:
        self._retip()
        if 0 <= index < len(self._keys) and self._keys[index] is not None:
            self.picked.emit(self._keys[index])

    def _retip(self) -> None:
        index = self.currentIndex()
        item = self._items.item(index) if index >= 0 else None
        self.setToolTip("\n".join(text for text in (self._base_tip, item.toolTip() if item else "") if text))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The choice ends in … where its place is too narrow."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        part = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, self).width()
        option.currentText = self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, room - ROUND_WORDS)  # type: ignore[attr-defined]  # missing in the stubs
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

    def showPopup(self) -> None:
        """As wide as the longest choice, so that none is cut short."""
        words = [self.fontMetrics().horizontalAdvance(self.itemText(row)) for row in range(self.count())]
        self.view().setMinimumWidth(max(self.width(), max(words, default=0) + 2 * POPUP_MARGIN))
        super().showPopup()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()
