"""PaneWidget: one card of the stage: words and a number above, the picture, chips below."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QProgressBar, QWidget

from gui.stage.canvas import PaneCanvas
from gui.stage.chips import LayerChips
from gui.stage.darkroom import Darkroom
from gui.stage.probe_card import PinMark, ProbeCard
from gui.widgets import column, flat_button, label, row, shrinkable

PROGRESS_STEPS = 40
"""A bar paints itself, and all the window with it, at each step: the fewer the better."""

LOW = 330
"""Pixels of a pane below which its chips have one row: the picture is what it is for."""

TALK = 1.5
"""Words in a presentation, which are read from afar."""


class PaneHeader(QWidget):
    """Title and caption at the left, the distance with its floor at the right; a click opens the pane's settings."""

    settings_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Sampler, steps, σ and model of this pane: click")
        self.title = label("", "strong", points=0.5, elided=True)
        self.caption = label("", "dim", points=-1.0, elided=True)
        self.note = label("⚠", "problem")
        self.note.hide()
        self.metric_name = label("", "dim", points=-1.0)
        self.metric = label("", "strong", figures=True)
        self.floor = label("", "dim", figures=True, points=-1.0)
        self.gear = flat_button("settings", "Sampler, steps, σ and model of this pane", "Pane settings")
        self.gear.clicked.connect(self.settings_asked)
        self.cancel = flat_button("close", "Cancel this simulation and keep what is shown (Ctrl+Backspace)", "Cancel simulation")
        self.cancel.hide()
        for right in (self.metric_name, self.metric, self.floor):
            right.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        words = (self.title, self.caption, self.metric_name, self.metric, self.floor)
        self._points = {part: part.font().pointSizeF() for part in words}
        numbers = row(1, self.metric, self.floor, spacing=5)
        caption = row(self.note, shrinkable(self.caption), spacing=4)
        caption.setStretch(1, 1)
        layout = row(
            column(shrinkable(self.title), caption, spacing=1),
            self.cancel,
            column(self.metric_name, numbers, spacing=1),
            self.gear,
            spacing=6,
            margins=(12, 8, 6, 4),
        )
        layout.setStretch(0, 1)
        self.setLayout(layout)

    def enlarge(self, factor: float) -> None:
        """Words so many times as large."""
        for words, points in self._points.items():
            font = words.font()
            font.setPointSizeF(points * factor)
            words.setFont(font)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self.gear.isVisible():
            self.settings_asked.emit()


class PaneWidget(QFrame):
    """A pane; it knows nothing of the model: it shows what it is told, and says what the user asks."""

    def __init__(self, darkroom: Darkroom) -> None:
        super().__init__()
        self.setObjectName("pane")
        self.header = PaneHeader()
        self.canvas = PaneCanvas(darkroom)
        self.chips = LayerChips()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setRange(0, PROGRESS_STEPS)
        self.progress.setFixedHeight(3)
        policy = self.progress.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(policy)
        self.progress.hide()
        self._chips_box = QWidget()
        self._chips_box.setLayout(row(self.chips, margins=(10, 5, 10, 8)))
        self.mark, self.probe = PinMark(self.canvas), ProbeCard(self.canvas)
        self._refusal = label("")
        self._refusal.setObjectName("reason")
        self._refusal.setParent(self.canvas)
        self._refusal.setWordWrap(True)
        self._refusal.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._refusal.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._refusal.hide()
        self._remark = label("", "dim", points=-1.0)
        self._remark.setParent(self.canvas)
        self._remark.setWordWrap(True)
        self._remark.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._remark.hide()
        layout = column(self.header, self.progress, self.canvas, self._chips_box, spacing=0, margins=(1, 1, 1, 1))
        layout.setStretch(2, 1)
        self.setLayout(layout)

    def show_words(self, title: str, caption: str) -> None:
        """The two lines at the left."""
        self.header.title.setText(title)
        self.header.caption.setText(caption)
        self.header.caption.setToolTip(caption)

    def show_metric(self, name: str, value: str, floor: str, tip: str) -> None:
        """The number at the right; empty strings for none yet."""
        self.header.metric_name.setText(name)
        self.header.metric.setText(value)
        self.header.floor.setText(floor)
        for part in (self.header.metric_name, self.header.metric, self.header.floor):
            part.setToolTip(tip)

    @property
    def metric_words(self) -> str:
        """``"W₂ 0.038 · floor 0.033"``, as a film shows it; empty when there is none yet."""
        value, floor = self.header.metric.text(), self.header.floor.text()
        return f"W₂ {value} · {floor}" if value else ""

    def show_refusal(self, reason: str) -> None:
        """Why there are no particles, in their place; empty when there are."""
        self._refusal.setText(reason)
        self._refusal.setVisible(bool(reason))
        self._place_refusal()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.chips.set_low(self.height() < LOW)
        self._place_refusal()

    def _place_refusal(self) -> None:
        width = min(460, max(120, self.canvas.width() - 80))
        height = self._refusal.heightForWidth(width)
        self._refusal.setGeometry((self.canvas.width() - width) // 2, (self.canvas.height() - height) // 2, width, height)
        self._place_remark()

    def show_remark(self, text: str) -> None:
        """Why a layer is not there, in a few words at the picture's lower left; empty where all is."""
        if text != self._remark.text():
            self._remark.setText(text)
            self._remark.setVisible(bool(text))
            self._place_remark()

    def _place_remark(self) -> None:
        left, foot = 62, 34  # beside and above the numbers of the axes
        room = max(120, min(460, self.canvas.width() - left - 12))
        width = min(
            room, self._remark.fontMetrics().boundingRect(0, 0, room, 999, Qt.TextFlag.TextWordWrap, self._remark.text()).width() + 6
        )
        height = self._remark.heightForWidth(width)
        self._remark.setGeometry(left, max(0, self.canvas.height() - foot - height), width, height)

    def show_note(self, note: str) -> None:
        """Something to know about what is shown; its text is in the tooltip."""
        self.header.note.setVisible(bool(note))
        self.header.note.setToolTip(note)

    def show_progress(self, fraction: float | None) -> None:
        """A thin line while the pane renews itself; None when there is nothing to wait for."""
        self.progress.setVisible(fraction is not None)
        self.header.cancel.setVisible(fraction is not None)
        if fraction is not None:
            self.progress.setValue(round(PROGRESS_STEPS * fraction))

    def show_bare(self, bare: bool) -> None:
        """Nothing but picture and caption (presentation)."""
        self._chips_box.setVisible(not bare)
        self.header.gear.setVisible(not bare)
        self.header.enlarge(TALK if bare else 1.0)
