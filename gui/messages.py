"""MessageBar: what the lab has to say, in one line at the foot of the stage. The latest line wins; a problem waits to be read.
Notices lays it over the panes, so that nothing moves under the pointer when it comes or goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtWidgets import QFrame, QProgressBar, QPushButton, QWidget

from gui.widgets import column, flat_button, label, row, shrinkable

Kind = Literal["hint", "note", "problem"]
NOTE_SECONDS = 8
SLOW_MS = 300
SIDE, ABOVE = 14, 6
"""Between a notice and the edges of what it lies over."""
BUSY_WIDTH = 420


class MessageBar(QFrame):
    """Hints stay until they have done their work, notes go by themselves, problems until dismissed."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self._kind: Kind = "note"
        self._sign = label("", "problem")
        self.text = label("")
        self.text.setWordWrap(False)
        self._offers: list[QPushButton] = []
        self._close = flat_button("close", "Dismiss (Esc)", "Dismiss")
        self._close.clicked.connect(self.dismiss)
        shrinkable(self.text)
        self._row = row(self._sign, self.text, self._close, margins=(12, 4, 6, 4))
        self._row.setStretch(1, 1)
        self.setLayout(self._row)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        self.hide()

    @property
    def kind(self) -> Kind:
        return self._kind

    def sizeHint(self) -> QSize:
        """As wide as its line."""
        hint = super().sizeHint()
        return QSize(hint.width() + self.text.sizeHint().width() + 8, hint.height())

    def hint(self, text: str) -> None:
        self._say("hint", text)

    def note(self, text: str) -> None:
        """Goes by itself; does not push a problem away."""
        if not (self.isVisible() and self._kind == "problem"):
            self._say("note", text)
            self._timer.start(NOTE_SECONDS * 1000)

    def problem(self, text: str) -> None:
        self._say("problem", text)

    def offer(self, text: str, **choices: Callable[[], object]) -> None:
        """A question that can wait, with a button for each answer."""
        self._say("hint", text)
        for words, action in choices.items():
            button = QPushButton(words.replace("_", " "))
            button.clicked.connect(lambda _checked=False, action=action: (self.dismiss(), action()))
            self._offers.append(button)
            self._row.insertWidget(self._row.count() - 1, button)

    def dismiss(self) -> None:
        self._timer.stop()
        for button in self._offers:
            self._row.removeWidget(button)
            button.deleteLater()
        self._offers = []
        self.hide()

    def _say(self, kind: Kind, text: str) -> None:
        self.dismiss()
        self._kind = kind
        line = " ".join(text.split())
        self._sign.setText("⚠" if kind == "problem" else "")
        self._sign.setVisible(kind == "problem")
        self.text.setText(line)
        self.text.setToolTip(line)
        self.setAccessibleName(line)
        self.updateGeometry()
        self.show()


class BusyBar(QFrame):
    """Progress of something that takes longer than 300 ms, with Cancel where it can be cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self._text = label("")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._cancel = QPushButton("Cancel")
        self._on_cancel: Callable[[], object] | None = None
        self._cancel.clicked.connect(self._cancelled)
        self.setLayout(row(self._text, self._bar, self._cancel, margins=(12, 4, 6, 4)))
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(SLOW_MS)
        self._later.timeout.connect(self.show)
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(max(BUSY_WIDTH, super().sizeHint().width()), super().sizeHint().height())

    def begin(self, text: str, cancel: Callable[[], object] | None = None) -> None:
        """Appears after 300 ms, unless ``end`` comes before."""
        self._text.setText(text)
        self._bar.setRange(0, 0)
        self._on_cancel = cancel
        self._cancel.setVisible(cancel is not None)
        self._later.start()

    def show_fraction(self, fraction: float) -> None:
        self._bar.setRange(0, 1000)
        self._bar.setValue(round(1000 * fraction))

    def end(self) -> None:
        self._later.stop()
        self._on_cancel = None
        self.hide()

    def _cancelled(self) -> None:
        if self._on_cancel is not None:
            self._on_cancel()


class Notices(QWidget):
    """Bars over the foot of another widget, in its middle; there only while one of them is."""

    def __init__(self, over: QWidget, *bars: QWidget, foot: Callable[[], int] = lambda: 0):
        """``foot()``: how much of ``over`` stays free below them, in pixels."""
        super().__init__(over.parentWidget())
        self._over, self._bars, self._foot = over, bars, foot
        lines = column(*bars, spacing=6)
        for bar in bars:
            lines.setAlignment(bar, Qt.AlignmentFlag.AlignBottom)
            bar.installEventFilter(self)
        self.setLayout(lines)
        over.installEventFilter(self)
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        shown = (QEvent.Type.ShowToParent, QEvent.Type.HideToParent, QEvent.Type.LayoutRequest)
        if event.type() in ((QEvent.Type.Resize, QEvent.Type.Move) if watched is self._over else shown):
            self._place()
        return False

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._place()
        return done

    def _place(self) -> None:
        there = [bar for bar in self._bars if not bar.isHidden()]
        self.setVisible(bool(there))
        if not there:
            return
        room = self._over.geometry()
        width = min(max(bar.sizeHint().width() for bar in there), room.width() - 2 * SIDE)
        height = sum(bar.sizeHint().height() for bar in there) + 6 * (len(there) - 1)
        self.setGeometry(room.x() + (room.width() - width) // 2, room.bottom() + 1 - self._foot() - ABOVE - height, width, height)
        self.raise_()
