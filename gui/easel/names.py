"""Names of labels: a line to type one, over the swatches; and the step of undo that it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QUndoCommand, QUndoStack
from PySide6.QtWidgets import QLineEdit, QToolTip, QWidget

from engine.choice import Problem
from engine.targets.raster import COLOUR_NAMES, LONGEST_NAME, label_names

Names = tuple[str, ...]


class NamesCommand(QUndoCommand):
    """A change of the names of labels. ``put`` takes all of them."""

    def __init__(self, before: Names, after: Names, put: Callable[[Names], None]) -> None:
        super().__init__("name of a label")
        self._before, self._after, self._put = before, after, put

    def undo(self) -> None:
        self._put(self._before)

    def redo(self) -> None:
        self._put(self._after)


class LabelNames(QObject):
    """What the label of each of the eight colours is called."""

    changed = Signal()
    """By hand, or by undo."""
    shown = Signal()
    """Likewise, and when all were replaced."""

    def __init__(self, undo: QUndoStack, parent: QObject) -> None:
        super().__init__(parent)
        self._undo = undo
        self.names: Names = ("",) * len(COLOUR_NAMES)
        """Empty: its colour."""

    def call(self, colour: int, name: str) -> None:
        """Call a colour's label something, undoably; empty: by its colour. Raises Problem where another one is called so."""
        names = (*self.names[:colour], name, *self.names[colour + 1 :])
        called = label_names(names)
        if called.count(called[colour]) > 1:
            other = next(k for k, one in enumerate(called) if k != colour and one == called[colour])
            raise Problem(f"Label {other + 1} is called “{called[colour]}” already.")
        if names != self.names:
            self._undo.push(NamesCommand(self.names, names, self._put))

    def replace(self, names: Sequence[str]) -> None:
        """All names, without a step of undo."""
        self.names = (*names, *[""] * (len(COLOUR_NAMES) - len(names)))
        self.shown.emit()

    def given(self) -> Names:
        """The names up to the last that there is."""
        return self.names[: max((k + 1 for k, name in enumerate(self.names) if name), default=0)]

    def _put(self, names: Names) -> None:
        self.replace(names)
        self.changed.emit()


class NameLine(QLineEdit):
    """Asks for the name of one colour's label: Enter or a click elsewhere takes it, Escape leaves it as it was."""

    named = Signal(int, str)
    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setMaxLength(LONGEST_NAME)
        self.setAccessibleName("Name of the label")
        self.setToolTip("Enter takes the name, Escape leaves it as it was; an empty one is called by its colour again.")
        self.setStyleSheet("padding: 0 5px;")  # the row of swatches is low
        self.hide()
        self._colour = 0
        self.returnPressed.connect(self._take)

    def ask(self, colour: int, name: str) -> None:
        """Begin with the name that the colour's label has; empty for none of its own."""
        self._colour = colour
        self.setText(name)
        self.setPlaceholderText(f"Name of label {colour + 1} ({COLOUR_NAMES[colour]})")
        self.setGeometry(self.parentWidget().rect())
        self.show()
        self.selectAll()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def give_up(self) -> None:
        """Close without a name."""
        if self.isVisible():
            QToolTip.hideText()  # of a name that was refused
            self.hide()
            self.closed.emit()

    def _take(self) -> None:
        if self.isVisible():
            self.named.emit(self._colour, " ".join(self.text().split()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.give_up()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.PopupFocusReason, Qt.FocusReason.ActiveWindowFocusReason):
            self._take()
