"""StructForm: the form of any frozen struct, or of a choice between several, built from their declaration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QLayout, QWidget

from engine.choice import Problem
from gui.forms.combo import ChoiceCombo
from gui.forms.editors import Editor, editor_for
from gui.forms.reflection import FieldSpec, alternatives, fields_of, grouped, help_of, label_of

Refusal = Callable[[Any], "str | None"]
"""Why an alternative (an instance) cannot be chosen; None if it can."""


class StructForm(QWidget):
    """Edits one struct; where ``kind`` is a union, a combo box above chooses which.

    ``value`` is always valid: what is wrong is marked where it was typed and changes nothing. ``changed(value)`` fires for
    the user's edits only. Fields in ``hide`` are kept but not shown. ``refusal`` greys alternatives with its sentence.
    """

    changed = Signal(object)

    def __init__(
        self,
        kind: Any,
        value: msgspec.Struct | None = None,
        *,
        title: str = "",
        hide: Iterable[str] = (),
        show: Iterable[str] | None = None,
        refusal: Refusal | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.alternatives = alternatives(kind)
        if not self.alternatives:
            raise TypeError(f"{kind!r} is not a struct or a union of structs")
        self._hide, self._show = frozenset(hide), None if show is None else frozenset(show)
        self._refusal = refusal
        self._remembered: dict[type, msgspec.Struct] = {}
        self._editors: dict[str, Editor] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnMinimumWidth(0, label_width(self))
        self._grid.setSizeConstraint(QLayout.SizeConstraint.SetDefaultConstraint)
        self.chooser: ChoiceCombo | None = None
        self._shape: tuple[type, ...] = ()
        if len(self.alternatives) > 1:
            self._build_chooser(title or "Kind")
        self._value: msgspec.Struct = value if value is not None else self.alternatives[0]()
        self.set_value(self._value)

    def _build_chooser(self, title: str) -> None:
        label = QLabel(title, self)
        self.chooser = ChoiceCombo(self)
        self.chooser.setAccessibleName(title)
        self.chooser.set_items(_items(self.alternatives))
        self.chooser.picked.connect(self._picked)
        label.setBuddy(self.chooser)
        self._grid.addWidget(label, 0, 0)
        self._grid.addWidget(self.chooser, 0, 1, 1, 2)

    @property
    def value(self) -> Any:
        """The struct as it stands."""
        return self._value

    @property
    def problems(self) -> list[str]:
        """What is marked wrong now, one sentence each."""
        return [problem for editor in self._editors.values() for problem in editor.problems]

    def editor(self, name: str) -> Editor:
        """The editor of a shown field."""
        return self._editors[name]

    def focusable(self) -> list[QWidget]:
        """The controls in tab order."""
        chooser: list[QWidget] = [] if self.chooser is None else [self.chooser]
        return chooser + [widget for editor in self._editors.values() for widget in editor.focusable()]

    def set_value(self, value: msgspec.Struct) -> None:
        """Show a value without saying so."""
        self._value = value
        self._remembered[type(value)] = value
        if self.chooser is not None:
            self.chooser.set_key(type(value))
        if self._shape != (type(value),):
            self._rebuild(type(value))
        for name, editor in self._editors.items():
            editor.set_value(getattr(value, name))
        self.refresh()

    def refresh(self) -> None:
        """Ask again what is refused: after something else in the experiment changed."""
        if self.chooser is not None and self._refusal is not None:
            refusal = self._refusal
            self.chooser.set_refusals(lambda option: refusal(self._candidate(option)))

    def shown(self) -> list[FieldSpec]:
        """The fields that have an editor."""
        return [spec for spec in fields_of(type(self._value)) if self._wanted(spec)]

    def draws(self, plot: str) -> bool:
        """Whether curves of this plot are being edited in the form, so that it need not be drawn again."""
        return any(spec.plot == plot for spec in self.shown())

    def _wanted(self, spec: FieldSpec) -> bool:
        return spec.kind != "other" and spec.name not in self._hide and (self._show is None or spec.name in self._show)

    def _candidate(self, option: type[msgspec.Struct]) -> msgspec.Struct:
        """The alternative as it was left, or with what it shares with the present one, or fresh."""
        if option in self._remembered:
            return self._remembered[option]
        shared = {
            spec.name: getattr(self._value, spec.name)
            for spec in fields_of(option)
            if hasattr(self._value, spec.name) and self._worth_sharing(spec.name, option)
        }
        return option(**shared)

    def _worth_sharing(self, name: str, option: type[msgspec.Struct]) -> bool:
        """A field moves to another alternative if it was changed from its default and both declare it alike."""
        mine = {spec.name: spec for spec in fields_of(type(self._value))}.get(name)
        theirs = {spec.name: spec for spec in fields_of(option)}[name]
        return mine is not None and mine.annotation == theirs.annotation and getattr(self._value, name) != mine.default

    def _picked(self, option: type[msgspec.Struct]) -> None:
        if option is not type(self._value):
            self.set_value(self._candidate(option))
            self.changed.emit(self._value)

    def _rebuild(self, kind: type[msgspec.Struct]) -> None:
        for editor in self._editors.values():
            editor.remove()
        self._editors = {}
        self._shape = (kind,)
        row = 1
        for spec in fields_of(kind):
            if not self._wanted(spec):
                continue
            editor = editor_for(spec, self)
            editor.edited.connect(self._edited)
            editor.join(self._editors.values())
            row = editor.place(self._grid, row)
            self._editors[spec.name] = editor
        for first, second in pairwise(self.focusable()):
            QWidget.setTabOrder(first, second)
        # only within another widget: a form alone would become a window by being shown
        if self.parentWidget() is not None:
            self.setVisible(row > 1 or self.chooser is not None)
        self.updateGeometry()

    def _edited(self, name: str, value: Any) -> None:
        try:
            self._value = msgspec.structs.replace(self._value, **{name: value})
        except Problem as problem:
            self._editors[name].refuse(str(problem), getattr(self._value, name))
            return
        self._remembered[type(self._value)] = self._value
        self.changed.emit(self._value)


def _items(options: Iterable[Any]) -> Iterator[tuple[Any, str, str]]:
    """What the chooser lists: under a heading each where the alternatives are of several groups."""
    groups = grouped(options)
    for group, kinds in groups:
        if group and len(groups) > 1:
            yield None, group, ""
        for kind in kinds:
            yield kind, label_of(kind), help_of(kind)


def label_width(widget: QWidget) -> int:
    """The width of the label column, the same in every form so that the controls of a card line up."""
    return widget.fontMetrics().horizontalAdvance("Start from ")
