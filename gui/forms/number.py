"""A number as a slim slider and a box to type in. The value is exact; the slider only shows and proposes it."""

from __future__ import annotations

import math

import msgspec
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QSlider, QWidget

from gui.forms.reflection import FieldSpec
from gui.theme import tabular

STEPS = 1000
DECADES_BELOW = 6
"""How far a logarithmic slider reaches below its upper end when the lower is 0."""


def shown(value: float) -> str:
    """A number in at most four significant figures, whole numbers in full."""
    if isinstance(value, int):
        return str(value)
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def parsed(text: str, kind: str) -> int | float:
    """What was typed, with spaces or underscores between digits and an exponent allowed; raises ValueError."""
    bare = text.strip().replace(" ", "").replace("\u202f", "").replace("_", "").replace("−", "-")
    if kind == "float":
        return float(bare)
    try:
        return int(bare)
    except ValueError:
        value = float(bare)  # 1e6 is a whole number too
    if not value.is_integer():
        raise ValueError(text)
    return int(value)


def neat(value: float) -> float:
    """Rounded to two or three significant figures, as a slider proposes numbers."""
    if value == 0:
        return 0.0
    digits = 2 - math.floor(math.log10(abs(value)))
    return round(value, max(0, digits)) if digits >= 0 else float(round(value, digits))


class Scale:
    """The map between a slider's position in 0 … STEPS and a value between the bounds, linear or logarithmic."""

    def __init__(self, spec: FieldSpec) -> None:
        assert spec.low is not None
        assert spec.high is not None
        self.spec = spec
        self.low, self.high = float(spec.low), float(spec.high)
        self.log = spec.log
        self.floor = self.low if self.low > 0 else self.high * 10.0**-DECADES_BELOW
        if spec.kind == "int" and self.log:
            self.floor = max(1.0, self.low)

    def position(self, value: float) -> int:
        if not self.log:
            share = (value - self.low) / (self.high - self.low)
        elif value < self.floor:
            return 0
        else:
            share = math.log(value / self.floor) / math.log(self.high / self.floor)
        return min(STEPS, max(0, round(share * STEPS)))

    def value(self, position: int) -> int | float:
        share = position / STEPS
        if not self.log:
            value = self.low + share * (self.high - self.low)
        elif position == 0 and self.low <= 0 and not self.spec.low_open:
            value = self.low
        else:
            value = self.floor * (self.high / self.floor) ** share
        if self.spec.kind == "int":
            whole = round(value)
            if self.log and whole > 64:
                whole = _rounded_whole(whole)
            whole = round(whole / self.spec.multiple) * self.spec.multiple
            return min(int(self.high), max(math.ceil(self.low), whole))
        value = neat(value)
        if value <= self.low and self.spec.low_open:
            value = neat(self.low + (self.high - self.low) / STEPS) if not self.log else self.floor
        if value >= self.high and self.spec.high_open:
            value = self.high - (self.high - self.low) / STEPS
        return min(self.high, max(self.low, value))


def _rounded_whole(value: int) -> int:
    """A power of two where one is near, else two significant figures: the numbers people choose."""
    power = int(2.0 ** round(math.log2(value)))
    if abs(power - value) <= 0.06 * value:
        return power
    unit = 10 ** max(0, len(str(value)) - 2)
    return round(value / unit) * unit


def has_slider(spec: FieldSpec) -> bool:
    """Whether a slider can serve: both bounds known, and not too far apart for its length."""
    if spec.low is None or spec.high is None or not spec.high > spec.low:
        return False
    return spec.log or spec.high - spec.low <= 1000


class SlimSlider(QSlider):
    """A horizontal slider that leaves the wheel to the scroll area unless it has the focus, and follows a click on its groove."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(0, STEPS)
        self.setSingleStep(STEPS // 100)
        self.setPageStep(STEPS // 10)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(46)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class NumberBox(QLineEdit):
    """A flat box with a number, its unit after it while it is not edited. Enter or leaving commits; arrows step; Escape takes back."""

    committed = Signal(object)
    failed = Signal(str)

    def __init__(self, spec: FieldSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec = spec
        self._value: int | float = 0
        self.setProperty("role", "number")
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFont(tabular(self.font()))
        self.editingFinished.connect(self._commit)

    @property
    def suffix(self) -> str:
        """The unit where it is short enough to stand beside the number; beside a slider there is less room."""
        return f" {self.spec.unit}" if 0 < len(self.spec.unit) <= (3 if has_slider(self.spec) else 8) else ""

    def set_value(self, value: int | float) -> None:
        self._value = value
        self.set_wrong(False)
        self._show()

    def set_wrong(self, wrong: bool) -> None:
        if bool(self.property("wrong")) != wrong:
            self.setProperty("wrong", wrong)
            self.style().unpolish(self)
            self.style().polish(self)

    def _show(self) -> None:
        text = str(self._value) if self.hasFocus() else shown(self._value) + self.suffix
        if self.suffix and self.fontMetrics().horizontalAdvance(text) > self.width() - 12:
            text = text.removesuffix(self.suffix)
        self.setText(text)
        self.setCursorPosition(0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self.hasFocus() and not self.property("wrong"):
            self._show()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if not self.property("wrong"):
            self._show()
        self.selectAll()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if not self.property("wrong"):
            self._show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and (self.isModified() or self.property("wrong")):
            self.set_value(self._value)
            self.failed.emit("")
            self.selectAll()
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._step(1 if event.key() == Qt.Key.Key_Up else -1)
        else:
            super().keyPressEvent(event)

    def _step(self, direction: int) -> None:
        if self.spec.kind == "int":
            value: int | float = int(self._value) + direction * self.spec.multiple
        else:
            size = 10.0 ** (math.floor(math.log10(abs(self._value))) - 1) if self._value else (self.spec.high or 1.0) / 100
            value = float(f"{self._value + direction * size:.6g}")
        try:
            value = self.spec.convert(value)
        except msgspec.ValidationError:
            return
        self.set_value(value)
        self.committed.emit(value)

    def _commit(self) -> None:
        text = self.text().removesuffix(self.suffix) if self.suffix else self.text()
        if not self.isModified() and not self.property("wrong"):
            return
        self.setModified(False)
        words = "a whole number" if self.spec.kind == "int" else "a number"
        try:
            value = parsed(text, self.spec.kind)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(text)
        except ValueError:
            self.set_wrong(True)
            self.failed.emit(f"{self.spec.title} must be {words}; “{text.strip()[:24]}” is not.")
            return
        try:
            value = self.spec.convert(value)
        except msgspec.ValidationError:
            self.set_wrong(True)
            self.failed.emit(f"{self.spec.title}: {self.spec.bounds.replace('value', words)}.")
            return
        changed = value != self._value
        self.set_value(value)
        self.failed.emit("")
        if changed:
            self.committed.emit(value)
