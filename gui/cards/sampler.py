"""SamplerForm: the sampler of one pane, with its steps, its σ and what a run costs."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from engine.samplers import Heun, Sampler
from gui.forms.reflection import help_of
from gui.forms.struct_form import Refusal, StructForm
from gui.formula import Formula


class SamplerForm(QWidget):
    """``changed(sampler)`` fires for the user's edits. ``set_refusal`` greys what the field cannot drive."""

    changed = Signal(object)

    def __init__(self, value: Any = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reason: Refusal = lambda _sampler: None
        self.form = StructForm(Sampler, value or Heun(), title="Sampler", refusal=lambda sampler: self._reason(sampler), parent=self)
        self.formula = Formula(parent=self)
        self.note = QLabel(self)
        self.note.setWordWrap(True)
        self.note.setProperty("role", "dim")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        outer.addWidget(self.form)
        outer.addWidget(self.formula)
        outer.addWidget(self.note)
        self.form.changed.connect(self._changed)
        self._show()

    @property
    def value(self) -> Any:
        """The sampler."""
        return self.form.value

    def set_value(self, sampler: Any) -> None:
        """Show a sampler without saying so."""
        self.form.set_value(sampler)
        self._show()

    def set_refusal(self, reason: Refusal) -> None:
        """A function that says why a sampler cannot be used here, or None."""
        self._reason = reason
        self.form.refresh()

    def _changed(self, sampler: Any) -> None:
        self._show()
        self.changed.emit(sampler)

    def _show(self) -> None:
        sampler = self.form.value
        sigma = getattr(sampler, "sigma", None)
        parts = [sampler] if sigma is None else [sampler, sigma]
        self.formula.set_latex(r",\quad ".join(part.formula for part in parts), "\n".join(help_of(part) for part in parts))
        counted = (
            "evaluations known after the run"
            if sampler.evaluations is None
            else f"{sampler.evaluations:,} evaluations".replace(",", "\u202f")
        )
        self.note.setText(" · ".join(part for part in (counted, sampler.words) if part))
        kind = "adds noise on the way" if sampler.noisy else "adds no noise on the way"
        self.note.setToolTip(f"It {kind}.\nEvaluations of the velocity, score or prediction for each particle in one run.")
