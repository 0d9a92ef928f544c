"""The cards of path, objective, network and training."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from engine.experiment import Experiment, Training
from engine.networks import MLP
from engine.objectives import Objective
from engine.schedules import Schedule
from gui.cards.card import Card
from gui.cards.fold import Fold
from gui.forms.reflection import help_of
from gui.forms.struct_form import StructForm
from gui.formula import Formula
from gui.schedule_plot import SchedulePlot


class ExperimentCard(Card):
    """A card that edits a part of an experiment."""

    edited = Signal(object)

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
        self.experiment = replace(self.experiment, **parts)
        self._show()
        self.edited.emit(self.experiment)


class PathCard(ExperimentCard):
    """The schedule, its parameters, formula and curves; where samples begin."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Path", parent)
        self.set_note("source N(0, I)")
        self._sigma: Any = None
        self.form = StructForm(Schedule, title="Schedule", refusal=self._refusal, parent=self)
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
        self.plot.set_path(self.experiment.path, sigma)

    def _refusal(self, path: Any) -> str | None:
        return replace(self.experiment, path=path).refusal()

    def _show(self) -> None:
        path = self.experiment.path
        self.form.set_value(path)
        self.start.set_value(self.experiment)
        self.formula.set_latex(path.formula, help_of(path))
        self.plot.set_path(path, self._sigma)
        self.plot.setVisible(not self.form.draws("schedule"))


class ObjectiveCard(ExperimentCard):
    """What the network regresses; what the path does not allow is greyed with the reason."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Objective", parent)
        self.form = StructForm(Objective, title="Loss", refusal=self._refusal, parent=self)
        self.formula = Formula(parent=self)
        self.body.addWidget(self.form)
        self.body.addWidget(self.formula)
        self.form.changed.connect(lambda objective: self._change(objective=objective))
        self._show()

    def _refusal(self, objective: Any) -> str | None:
        return replace(self.experiment, objective=objective).refusal()

    def _show(self) -> None:
        objective = self.experiment.objective
        self.form.set_value(objective)
        self.formula.set_latex(objective.formula, help_of(objective))
        self.set_note(f"predicts {objective.prediction}")


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
