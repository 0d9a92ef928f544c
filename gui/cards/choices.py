"""The cards of path, objective, network and training."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from engine.experiment import Experiment, ProbabilityPath, Training
from engine.networks import MLP
from engine.objectives import Objective
from gui.adapting import adapted, words
from gui.cards.card import Card
from gui.cards.fold import Fold
from gui.forms.reflection import help_of
from gui.forms.struct_form import StructForm
from gui.formula import Formula
from gui.schedule_plot import SchedulePlot
from gui.time_plot import TimePlot


class ExperimentCard(Card):
    """A card that edits a part of an experiment."""

    edited = Signal(object)
    adapted = Signal(str)
    """What gave way to a change, and why."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self.experiment = Experiment()

    def set_experiment(self, experiment: Experiment) -> None:
        """Show an experiment without saying so."""
        self.experiment = experiment
        self._show()

    def _show(self) -> None:
        """Bring the controls up to date with ``self.experiment``."""

    def _change(self, **parts: Any) -> None:
        """Takes the new parts; what no longer goes with them gives way, and that is said."""
        changed = replace(self.experiment, **parts)
        found = adapted(changed, next(iter(parts)))
        sentence = words(changed, found, changed.refusal() or "") if found is not None else ""
        self.experiment = found or changed
        self._show()
        self.edited.emit(self.experiment)
        if sentence:
            self.adapted.emit(sentence)

    def _refusal(self, part: str, value: Any) -> str | None:
        """Why this value cannot be chosen, even if others gave way."""
        changed = replace(self.experiment, **{part: value})
        return None if adapted(changed, part) is not None else changed.refusal()


class PathCard(ExperimentCard):
    """The schedule, its parameters, formula and curves; where samples begin."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Path", parent)
        self._sigma: Any = None
        self.form = StructForm(ProbabilityPath, title="Path", hide=("ends",), refusal=lambda path: self._refusal("path", path), parent=self)
        self.formula = Formula(parent=self)
        self.plot = SchedulePlot(self)
        self.start = StructForm(Experiment, self.experiment, show=("start",), parent=self)
        for widget in (self.form, self.formula, self.plot, self.start):
            self.body.addWidget(widget)
        self.form.changed.connect(lambda path: self._change(path=path))
        self.start.changed.connect(lambda changed: self._change(start=changed.start))
        self._show()

    def set_sigma(self, sigma: Any) -> None:
        """The sigma of an SDE sampler on the stage, drawn with the schedule; None for none."""
        self._sigma = sigma
        self.plot.set_path(self.experiment.path, sigma, self.experiment.gaussian_source)

    def _show(self) -> None:
        path = self.experiment.path
        self.form.set_value(path)
        self.start.set_value(self.experiment)
        self.formula.set_latex(path.formula, help_of(path))
        self.plot.set_path(path, self._sigma, self.experiment.gaussian_source)
        pairs = getattr(path, "pairs", None)
        self.set_note("" if pairs is None else f"{len(pairs.values):,} pairs".replace(",", "\u202f"))
        self.plot.setVisible(not self.form.draws("schedule"))


class ObjectiveCard(ExperimentCard):
    """What the network regresses; what the path does not allow is greyed with the reason."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Objective", parent)
        self.form = StructForm(Objective, title="Loss", refusal=lambda objective: self._refusal("objective", objective), parent=self)
        self.formula = Formula(parent=self)
        self.curves = TimePlot(self)
        for widget in (self.form, self.formula, self.curves):
            self.body.addWidget(widget)
        self.form.changed.connect(lambda objective: self._change(objective=objective))
        self._show()

    def _show(self) -> None:
        objective = self.experiment.objective
        self.form.set_value(objective)
        self.formula.set_latex(objective.formula, help_of(objective))
        self.curves.show_objective(self.experiment)
        self.set_note(f"predicts {objective.prediction.replace('-', ' ')}")


class NetworkCard(ExperimentCard):
    """Width, depth, activation; features fold away."""

    MAIN = ("width", "depth", "activation")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Network", parent)
        self.form = StructForm(MLP, show=self.MAIN, parent=self)
        self.more = StructForm(MLP, hide=self.MAIN, parent=self)
        self.body.addWidget(self.form)
        self.body.addWidget(Fold("advanced", self.more, self))
        self.form.changed.connect(lambda network: self._change(network=network))
        self.more.changed.connect(lambda network: self._change(network=network))
        self._show()

    def _show(self) -> None:
        self.form.set_value(self.experiment.network)
        self.more.set_value(self.experiment.network)
        count = self.experiment.network.parameters(self.experiment.target.dimension)
        self.set_note(f"{_rounded(count)} parameters")
        self.header.setToolTip(f"{count:,} parameters\n{self.header.toolTip().splitlines()[-1]}".replace(",", "\u202f"))


class TrainingCard(ExperimentCard):
    """Batch and rate; the rest folds away."""

    MAIN = ("batch", "learning_rate")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Training", parent)
        self.form = StructForm(Training, show=self.MAIN, parent=self)
        self.more = StructForm(Training, hide=self.MAIN, parent=self)
        self.body.addWidget(self.form)
        self.body.addWidget(Fold("advanced", self.more, self))
        self.form.changed.connect(lambda training: self._change(training=training))
        self.more.changed.connect(lambda training: self._change(training=training))
        self._show()

    def _show(self) -> None:
        self.form.set_value(self.experiment.training)
        self.more.set_value(self.experiment.training)
        self.set_note(f"seed {self.experiment.training.seed}")


def _rounded(count: int) -> str:
    """``35 k``, ``1.2 M``."""
    if count < 1000:
        return str(count)
    if count < 1_000_000:
        return f"{count / 1000:.0f} k" if count >= 10_000 else f"{count / 1000:.1f} k"
    return f"{count / 1e6:.1f} M"
