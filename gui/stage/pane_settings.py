"""PaneSettingsPopover: the sampler, its steps and σ, the model and the guidance of one pane, in a small window beneath its header."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import QEvent, QPoint, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QMenu, QPushButton, QWidget

from engine.experiment import Experiment
from engine.guidance import Guidance, NoGuidance
from engine.past_run import PastRun
from gui.cards.sampler import SamplerForm
from gui.document import PaneSettings
from gui.forms.struct_form import StructForm
from gui.runs import exact_sampler_refusal
from gui.widgets import column, heading, label, row

WIDTH = 340
MODEL_WORDS = {"learned": "learned network", "exact": "exact field"}


class PaneSettingsPopover(QFrame):
    """Edits one pane's settings at once; a click elsewhere or Esc closes it."""

    edited = Signal(object)
    removed = Signal()
    enlarged = Signal()
    match_asked = Signal()
    truth_asked = Signal()

    def __init__(
        self,
        settings: PaneSettings,
        *,
        trained: bool,
        only_one: bool,
        experiment: Experiment,
        parent: QWidget,
        runs: Sequence[PastRun] = (),
    ):
        """``runs``: the finished ones, any of which the pane can show."""
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._settings, self._present = settings, experiment
        self._runs = {run.key: run for run in runs}
        self.guidance = StructForm(Guidance, settings.guidance, title="Guidance", refusal=self._guidance_refusal, parent=self)
        self.guidance.changed.connect(self._guided)
        self.form = SamplerForm(settings.sampler, self)
        self.form.set_refusal(self._sampler_refusal)
        self.form.changed.connect(self._sampler)
        self._models = QButtonGroup(self)
        chips = []
        for model, words in MODEL_WORDS.items():
            chip = QPushButton(words)
            chip.setProperty("role", "chip")
            chip.setCheckable(True)
            chip.setChecked(settings.model == model and (model == "exact" or settings.run is None))
            chip.clicked.connect(lambda _checked, model=model: self._model(model))
            if model == "learned":
                chip.setEnabled(trained)
                chip.setToolTip("The network's averaged weights" if trained else "Nothing is trained yet: press Train.")
            else:
                chip.setToolTip("The velocity and score in closed form: what a perfect network would learn")
            self._models.addButton(chip)
            chips.append(chip)
        self.run_chip = self._run_chip()
        alone, remove = QPushButton("Alone / all"), QPushButton("Remove pane")
        match = QPushButton("Match")
        match.setToolTip("Match evaluations: give the other panes as many function evaluations as this one has (Ctrl+M for the first pane)")
        match.setEnabled(not only_one)
        match.clicked.connect(lambda: (self.match_asked.emit(), self.close()))
        why = QPushButton("Where does the error come from?")
        why.setToolTip("How much of this pane's error is the network's, and how much the solver's (Ctrl+J)")
        why.clicked.connect(lambda: (self.truth_asked.emit(), self.close()))
        alone.setToolTip("Show this pane alone, or all again")
        remove.setEnabled(not only_one)
        alone.clicked.connect(lambda: (self.enlarged.emit(), self.close()))
        remove.clicked.connect(lambda: (self.removed.emit(), self.close()))
        self.setLayout(
            column(
                heading("Sampler"),
                self.form,
                heading("Model"),
                row(*chips, 1, spacing=5),
                row(self.run_chip, 1),
                *self._label_widgets(),
                row(match, alone, remove, 1),
                row(why, 1),
                spacing=9,
                margins=(14, 12, 14, 12),
            )
        )
        self.setFixedWidth(WIDTH)
        self._place = QPoint()

    @property
    def _experiment(self) -> Experiment:
        """Whose law and network the pane shows: the present experiment's, or that of a finished run."""
        run = self._runs.get(self._settings.run or "")
        return self._present if run is None else run.experiment

    def _run_chip(self) -> QPushButton:
        """A finished run in place of the present network, chosen from a menu; it is there while there are runs."""
        chip, menu = QPushButton(), QMenu(self)
        chip.setProperty("role", "chip")
        chip.setCheckable(True)
        chip.setToolTip("The network of a finished run, with the path and the target that it learned (Ctrl+H lists them)")
        menu.setToolTipsVisible(True)
        for run in reversed(self._runs.values()):
            action = menu.addAction(run.name)
            action.setToolTip(f"{run.step:,} steps".replace(",", "\u202f"))
            action.triggered.connect(lambda _checked=False, key=run.key: self._model("learned", key))
        menu.aboutToHide.connect(self._name_run)
        chip.setMenu(menu)
        chip.setVisible(bool(self._runs))
        self._models.addButton(chip)
        self.run_chip = chip
        self._name_run()
        return chip

    def _name_run(self) -> None:
        run = self._runs.get(self._settings.run or "") if self._settings.model == "learned" else None
        words = "finished run…" if run is None else run.name
        self.run_chip.setText(self.run_chip.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, WIDTH - 70).replace("&", "&&"))
        self.run_chip.setAccessibleName(words)
        for button in self._models.buttons():
            if button is self.run_chip:
                button.setChecked(run is not None)
        if run is None:
            chosen = "exact" if self._settings.model == "exact" else "learned"
            next(b for b in self._models.buttons() if b.text() == MODEL_WORDS[chosen]).setChecked(True)

    def _label_widgets(self) -> list[QWidget]:
        """Guidance and the names of the labels, where the data has labels or the pane asks for one."""
        names = self._experiment.target.label_names
        if not names and isinstance(self._settings.guidance, NoGuidance):
            self.guidance.hide()
            return []
        numbered = "   ".join(f"{k} {name}".replace(" ", "\u00a0") for k, name in enumerate(("as in the data", *names)))
        legend = label(numbered if names else "The data carries no labels.", "dim")
        legend.setWordWrap(True)
        return [heading("Label"), self.guidance, legend]

    def _sampler_refusal(self, sampler: Any) -> str | None:
        """Why this sampler cannot be used with the pane's model."""
        if self._settings.model == "exact":
            return exact_sampler_refusal(self._experiment, sampler)
        reason: str | None = sampler.refusal(self._experiment)
        return reason

    def _guidance_refusal(self, guidance: Guidance) -> str | None:
        return guidance.refusal(self._experiment, exact=self._settings.model == "exact")

    def open_below(self, anchor: QWidget) -> None:
        """Appears at the anchor's lower left, inside its screen."""
        self._place = anchor.mapToGlobal(QPoint(8, anchor.height()))
        self._fit()
        self.show()

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return done

    def _fit(self) -> None:
        """As high as what is in it (``adjustSize`` stops at two thirds of the screen), inside its screen."""
        lines = self.layout()
        lines.activate()
        height = lines.totalHeightForWidth(self.width()) if lines.hasHeightForWidth() else lines.totalSizeHint().height()
        room = self.screen().availableGeometry()
        self.resize(self.width(), min(height, room.height()))
        self.move(min(self._place.x(), room.right() - self.width()), max(room.top(), min(self._place.y(), room.bottom() - self.height())))

    def _sampler(self, sampler: object) -> None:
        self._settings = replace(self._settings, sampler=sampler)
        self.edited.emit(self._settings)

    def _guided(self, guidance: Guidance) -> None:
        self._settings = replace(self._settings, guidance=guidance)
        self.edited.emit(self._settings)

    def _model(self, model: str, run: str | None = None) -> None:
        self._settings = replace(self._settings, model=model, run=run)
        self._name_run()
        self.guidance.refresh()
        self.form.set_refusal(self._sampler_refusal)
        self.edited.emit(self._settings)
