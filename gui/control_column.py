"""ControlColumn: what to learn and how, one card each, in the order of thought."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from engine.experiment import Experiment
from gui.adapting import adapted, words
from gui.cards.card import Card
from gui.cards.fold import Fold
from gui.cards.target import TargetCard
from gui.model import LabModel, LabState
from gui.preferences import Preferences
from gui.widgets import column


class ControlColumn(QScrollArea):
    """The cards edit the model and follow it. The canvas is there at once, the rest after ``complete``."""

    adapted = Signal(str)
    """What gave way to a choice, and why."""

    def __init__(self, model: LabModel, preferences: Preferences):
        super().__init__()
        self._model = model
        self.target = TargetCard(model.undo)
        self.target.folder = preferences.folder
        self._cards: dict[str, Card] = {}
        self._path: Any = None
        inside = QWidget()
        inside.setObjectName("panel")
        self._column = column(1, spacing=10, margins=(10, 2, 10, 10))
        inside.setLayout(self._column)
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(268)
        self.target.painted.connect(model.set_target)
        self.target.folderUsed.connect(lambda folder: setattr(preferences, "folder", folder))
        self._preferences = preferences
        self._add("target", self.target)
        model.changed.connect(self._follow)

    def complete(self) -> None:
        """The cards below the canvas: after the window has painted."""
        from gui.cards import NetworkCard, ObjectiveCard, PathCard, SourceCard, TrainingCard

        self.target.complete()
        self._path = PathCard()
        cards = {
            "source": SourceCard(),
            "path": self._path,
            "objective": ObjectiveCard(),
            "network": NetworkCard(),
            "training": TrainingCard(),
        }
        for name, card in cards.items():
            self._add(name, card)
            card.adapted.connect(self.adapted)
        self._show_sigma()

    def _add(self, name: str, card: Any) -> None:
        card.edited.connect(lambda experiment: self._edited(name, experiment))
        card.set_folded(self._preferences.flag(f"folded/{name}", name == "training"))
        card.folded.connect(lambda folded: self._preferences.set_flag(f"folded/{name}", folded))
        for fold in card.findChildren(Fold):
            self._remember_fold(f"opened/{name}", fold)
        card.set_experiment(self._model.experiment)
        self._cards[name] = card
        self._column.insertWidget(self._column.count() - 1, card)

    def _remember_fold(self, flag: str, fold: Fold) -> None:
        """What was opened stays open the next time."""
        fold.set_open(self._preferences.flag(flag, False))
        fold.button.toggled.connect(lambda is_open: self._preferences.set_flag(flag, is_open))

    def _edited(self, name: str, experiment: Experiment) -> None:
        found = adapted(experiment, name) if name == "target" else None  # the other cards have seen to it
        said = words(experiment, found, experiment.refusal() or "") if found is not None else ""
        self._model.edit_experiment(name, found or experiment, merge=f"card {name}")
        if said:
            self.adapted.emit(said)

    def _follow(self, old: LabState, new: LabState) -> None:
        if old.experiment != new.experiment:
            for card in self._cards.values():
                card.set_experiment(new.experiment)
        if old.document.panes != new.document.panes:
            self._show_sigma()

    def _show_sigma(self) -> None:
        """The σ of the first SDE pane is drawn beside α and β."""
        if self._path is None:
            return
        sigmas = [pane.sampler.sigma for pane in self._model.document.panes if hasattr(pane.sampler, "sigma")]
        self._path.set_sigma(sigmas[0] if sigmas else None)
