"""ControlColumn: what to learn and how, one card each, in the order of thought."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from engine.experiment import Experiment
from gui.cards import NetworkCard, ObjectiveCard, PathCard, TargetCard, TrainingCard
from gui.model import LabModel, LabState
from gui.preferences import Preferences
from gui.widgets import column


class ControlColumn(QScrollArea):
    """The cards edit the model and follow it."""

    def __init__(self, model: LabModel, preferences: Preferences):
        super().__init__()
        self._model = model
        self.target = TargetCard(model.undo)
        self.target.folder = preferences.folder
        self.path, self.objective, self.network, self.training = PathCard(), ObjectiveCard(), NetworkCard(), TrainingCard()
        self._cards = {
            "target": self.target,
            "path": self.path,
            "objective": self.objective,
            "network": self.network,
            "training": self.training,
        }
        inside = QWidget()
        inside.setObjectName("panel")
        inside.setLayout(column(*self._cards.values(), 1, spacing=10, margins=(10, 2, 10, 10)))
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(268)
        self.target.painted.connect(model.set_target)
        self.target.folderUsed.connect(lambda folder: setattr(preferences, "folder", folder))
        for name, card in self._cards.items():
            card.edited.connect(lambda experiment, name=name: self._edited(name, experiment))
            card.set_folded(preferences.flag(f"folded/{name}", name == "training"))
            card.folded.connect(lambda folded, name=name: preferences.set_flag(f"folded/{name}", folded))
            card.set_experiment(model.experiment)
        self._show_sigma()
        model.changed.connect(self._follow)

    def _edited(self, name: str, experiment: Experiment) -> None:
        self._model.edit_experiment(name, experiment, merge=f"card {name}")

    def _follow(self, old: LabState, new: LabState) -> None:
        if old.experiment != new.experiment:
            for card in self._cards.values():
                card.set_experiment(new.experiment)
        if old.document.panes != new.document.panes:
            self._show_sigma()

    def _show_sigma(self) -> None:
        """The σ of the first SDE pane is drawn beside α and β."""
        sigmas = [pane.sampler.sigma for pane in self._model.document.panes if hasattr(pane.sampler, "sigma")]
        self.path.set_sigma(sigmas[0] if sigmas else None)
