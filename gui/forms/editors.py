"""Editors: for each kind of field the widgets that edit it, placed as rows of a three-column grid (label, control, number)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from engine.curves import Trend
from gui.forms.combo import ChoiceCombo
from gui.forms.curve_canvas import CurveCanvas, Series
from gui.forms.number import NumberBox, Scale, SlimSlider, has_slider
from gui.forms.reflection import FieldSpec, help_of, label_of


class Editor(QObject):
    """One field. ``edited(name, value)`` fires with valid values only."""

    edited = Signal(str, object)

    def __init__(self, spec: FieldSpec, parent: QWidget) -> None:
        super().__init__(parent)
        self.spec = spec
        self.label = QLabel(spec.title, parent)
        self.label.setToolTip(spec.tooltip)
        self.problem = QLabel("", parent)
        self.problem.setProperty("role", "problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self._widgets: list[QWidget] = [self.label, self.problem]

    @property
    def problems(self) -> list[str]:
        return [] if self.problem.isHidden() else [self.problem.text()]

    def set_value(self, value: Any) -> None:
        """Show a value without saying so."""
        raise TypeError(f"{type(self).__name__} shows no value")

    def place(self, grid: QGridLayout, row: int) -> int:
        """Put the widgets into the grid from ``row`` on; the next free row."""
        raise TypeError(f"{type(self).__name__} has no place")

    def join(self, others: Iterable[Editor]) -> None:
        """Share a widget with one of the editors already in the form, where this kind of field does."""

    def refuse(self, sentence: str, value: Any) -> None:
        """Say why the edit cannot be, and show the value that stays."""
        self.set_value(value)
        self._say(sentence)

    def focusable(self) -> list[QWidget]:
        """The controls in tab order."""
        return []

    def remove(self) -> None:
        """Take the widgets away for good."""
        for widget in self._widgets:
            widget.hide()
            widget.deleteLater()
        self.deleteLater()

    def _own(self, widget: QWidget) -> None:
        widget.setToolTip(widget.toolTip() or self.spec.tooltip)
        widget.setAccessibleName(self.spec.title)
        widget.setAccessibleDescription(self.spec.description)
        self._widgets.append(widget)

    def _say(self, sentence: str) -> None:
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))

    def _emit(self, value: Any) -> None:
        self.edited.emit(self.spec.name, value)


class NumberEditor(Editor):
    """A slider where the bounds allow one, and a box to type in."""

    def __init__(self, spec: FieldSpec, parent: QWidget) -> None:
        super().__init__(spec, parent)
        self.scale = Scale(spec) if has_slider(spec) else None
        self.slider = SlimSlider(parent) if self.scale is not None else None
        self.box = NumberBox(spec, parent)
        self._own(self.box)
        self.label.setBuddy(self.box)
        self.box.committed.connect(self._typed)
        self.box.failed.connect(self._say)
        if self.slider is not None:
            self._own(self.slider)
            if spec.kind == "int" and not spec.log and spec.low is not None and spec.high is not None:
                step = 1000 / (spec.high - spec.low)
                self.slider.setSingleStep(max(1, round(step)))
                self.slider.setPageStep(max(1, round(2 * step)))
            self.slider.valueChanged.connect(self._slid)

    def set_value(self, value: Any) -> None:
        self._say("")
        self.box.set_value(value)
        self._move(value)

    def _move(self, value: Any) -> None:
        if self.slider is not None and self.scale is not None:
            self.slider.blockSignals(True)
            self.slider.setValue(self.scale.position(value))
            self.slider.blockSignals(False)

    def _typed(self, value: Any) -> None:
        self._move(value)
        self._emit(value)

    def _slid(self, position: int) -> None:
        assert self.scale is not None
        value = self.scale.value(position)
        self._say("")
        if value != self.box._value:
            self.box.set_value(value)
            self._emit(value)

    def place(self, grid: QGridLayout, row: int) -> int:
        grid.addWidget(self.label, row, 0)
        if self.slider is not None:
            grid.addWidget(self.slider, row, 1)
            self.box.setFixedWidth(self.box.fontMetrics().horizontalAdvance("0.0001" + self.box.suffix) + 16)
            grid.addWidget(self.box, row, 2, Qt.AlignmentFlag.AlignRight)
        else:
            grid.addWidget(self.box, row, 1, 1, 2)
        grid.addWidget(self.problem, row + 1, 0, 1, 3)
        return row + 2

    def focusable(self) -> list[QWidget]:
        return [widget for widget in (self.slider, self.box) if widget is not None]


class LiteralEditor(Editor):
    """A combo box of words."""

    def __init__(self, spec: FieldSpec, parent: QWidget) -> None:
        super().__init__(spec, parent)
        self.combo = ChoiceCombo(parent)
        self.combo.set_items((option, label_of(option), "") for option in spec.options)
        self._own(self.combo)
        self.combo.set_tip(spec.tooltip)
        self.label.setBuddy(self.combo)
        self.combo.picked.connect(self._emit)

    def set_value(self, value: Any) -> None:
        self.combo.set_key(value)

    def place(self, grid: QGridLayout, row: int) -> int:
        grid.addWidget(self.label, row, 0)
        grid.addWidget(self.combo, row, 1, 1, 2)
        return row + 1

    def focusable(self) -> list[QWidget]:
        return [self.combo]


class CheckEditor(Editor):
    """A box to tick."""

    def __init__(self, spec: FieldSpec, parent: QWidget) -> None:
        super().__init__(spec, parent)
        self.check = QCheckBox(spec.title, parent)
        self._own(self.check)
        self.label.hide()
        self.check.clicked.connect(self._emit)

    def set_value(self, value: Any) -> None:
        self.check.setChecked(bool(value))

    def place(self, grid: QGridLayout, row: int) -> int:
        grid.addWidget(self.check, row, 0, 1, 3)
        return row + 1

    def focusable(self) -> list[QWidget]:
        return [self.check]


class TextEditor(Editor):
    """A line of text."""

    def __init__(self, spec: FieldSpec, parent: QWidget) -> None:
        super().__init__(spec, parent)
        self.line = QLineEdit(parent)
        self._own(self.line)
        self.label.setBuddy(self.line)
        self.line.editingFinished.connect(self._finished)
        self._value = ""

    def set_value(self, value: Any) -> None:
        self._value = str(value)
        self.line.setText(self._value)

    def _finished(self) -> None:
        if self.line.text() != self._value:
            self._value = self.line.text()
            self._emit(self._value)

    def place(self, grid: QGridLayout, row: int) -> int:
        grid.addWidget(self.label, row, 0)
        grid.addWidget(self.line, row, 1, 1, 2)
        return row + 1

    def focusable(self) -> list[QWidget]:
        return [self.line]


class StructEditor(Editor):
    """A struct within a struct: its own form, with a chooser where there are alternatives."""

    def __init__(self, spec: FieldSpec, parent: QWidget) -> None:
        from gui.forms.struct_form import StructForm  # the two build each other

        super().__init__(spec, parent)
        union = spec.options[0]
        for option in spec.options[1:]:
            union = union | option
        self.form = StructForm(union, spec.default, title=spec.title, parent=parent)
        self.holder = QWidget(parent)
        inner = QVBoxLayout(self.holder)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.form)
        self._widgets.append(self.holder)
        if self.form.chooser is not None:
            self.form.chooser.set_tip(spec.tooltip)
            self.label.hide()
        self.form.changed.connect(self._emit)

    @property
    def problems(self) -> list[str]:
        return self.form.problems

    def set_value(self, value: Any) -> None:
        self.form.set_value(value)

    def place(self, grid: QGridLayout, row: int) -> int:
        if self.form.chooser is None:
            grid.addWidget(self.label, row, 0, 1, 3, Qt.AlignmentFlag.AlignLeft)
            row += 1
        grid.addWidget(self.holder, row, 0, 1, 3)
        return row + 1

    def focusable(self) -> list[QWidget]:
        return self.form.focusable()


class CurveEditor(Editor):
    """Control points in a plot; curves with the same ``plot`` share one."""

    def __init__(self, spec: FieldSpec, parent: QWidget) -> None:
        super().__init__(spec, parent)
        self.canvas: CurveCanvas | None = None
        self._host = parent
        self.label.hide()

    def join(self, others: Iterable[Editor]) -> None:
        shared = [other.canvas for other in others if isinstance(other, CurveEditor) and other.spec.plot == self.spec.plot]
        self.canvas = shared[0] if shared else None

    def place(self, grid: QGridLayout, row: int) -> int:
        if self.canvas is None:
            self.canvas = CurveCanvas(self._host)
            self.canvas.setAccessibleName(self.spec.plot or self.spec.title)
            self._widgets.append(self.canvas)
            grid.addWidget(self.canvas, row, 0, 1, 3)
            row += 1
        spec = self.spec
        self.canvas.add_series(Series(spec.name, spec.symbol or spec.title, cast(Trend, spec.trend), spec.role, spec.default))
        self.canvas.edited.connect(self._drawn)
        grid.addWidget(self.problem, row, 0, 1, 3)
        return row + 1

    def set_value(self, value: Any) -> None:
        assert self.canvas is not None
        self._say("")
        self.canvas.set_points(self.spec.name, value)

    def _drawn(self, name: str, points: Any) -> None:
        if name == self.spec.name:
            self._say("")
            self._emit(points)

    def focusable(self) -> list[QWidget]:
        return [self.canvas] if self.canvas is not None and self.canvas in self._widgets else []


EDITORS: dict[str, type[Editor]] = {
    "int": NumberEditor,
    "float": NumberEditor,
    "literal": LiteralEditor,
    "bool": CheckEditor,
    "text": TextEditor,
    "struct": StructEditor,
    "curve": CurveEditor,
}


def editor_for(spec: FieldSpec, parent: QWidget) -> Editor:
    """The editor that fits a field's kind."""
    return EDITORS[spec.kind](spec, parent)


__all__ = ["Editor", "editor_for", "help_of"]
