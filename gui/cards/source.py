"""SourceCard: where the particles come from, and how source and data are paired. The default is one line each."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec.structs import replace
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QWidget

from engine.choice import Problem
from engine.couplings import Coupling, Independent
from engine.sources import StandardGaussian
from engine.targets import SHAPES, Mixture
from gui.cards.choices import ExperimentCard
from gui.cards.mixture import MixtureEditor
from gui.cards.pictures import canvas_picture
from gui.forms.combo import ChoiceCombo
from gui.forms.reflection import help_of, label_of
from gui.forms.struct_form import StructForm, label_width
from gui.formula import Formula
from gui.theme import colour, is_dark, notifier
from shaders.colours import heat_map, look_up

CANVAS = object()
HIDDEN = ("standardise", "filename", "original", "colours", "labels", "names")
"""Fields of a source that its form leaves out: it lives in the target's frame, and labels belong to the data."""
THUMBNAIL = 84


class SourceCard(ExperimentCard):
    """A Gaussian, a shape, a mixture, or what the canvas shows now; independent or paired with the data."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Source", parent)
        self._form: StructForm | MixtureEditor | None = None
        self.chooser = ChoiceCombo(self)
        self.chooser.setAccessibleName("Source")
        self.chooser.set_tip("Where the particles begin, t = 0: x₀")
        self.picture = _Thumbnail(self)
        self.place = QWidget(self)
        self._place = QGridLayout(self.place)
        self._place.setContentsMargins(0, 0, 0, 0)
        self.from_canvas = QPushButton("Take the canvas")
        self.from_canvas.setToolTip("What is the target now becomes the source; then paint or choose another target")
        self.coupling = StructForm(Coupling, title="Coupling", refusal=lambda c: self._refusal("coupling", c), parent=self)
        self.formula = Formula(parent=self)
        self._assemble()
        self.chooser.picked.connect(self._picked)
        self.from_canvas.clicked.connect(lambda: self._change(source=self.experiment.target))
        self.coupling.changed.connect(lambda coupling: self._change(coupling=coupling))
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._draw)
        self._show()

    def _assemble(self) -> None:
        line = QGridLayout()
        line.setHorizontalSpacing(8)
        line.setColumnStretch(1, 1)
        line.setColumnMinimumWidth(0, label_width(self))
        name = QLabel("Source", self)
        name.setBuddy(self.chooser)
        line.addWidget(name, 0, 0)
        line.addWidget(self.chooser, 0, 1)
        line.addWidget(self.picture, 1, 1, Qt.AlignmentFlag.AlignLeft)
        self.body.addLayout(line)
        for widget in (self.place, self.from_canvas, self.coupling, self.formula):
            self.body.addWidget(widget)

    def _show(self) -> None:
        experiment, source = self.experiment, self.experiment.source
        gaussian = isinstance(source, StandardGaussian)
        items: list[tuple[Any, str, str]] = [(StandardGaussian, StandardGaussian.label, help_of(StandardGaussian))]
        items += [(shape, shape.label, help_of(shape)) for shape in SHAPES if not _dimension_differs(shape, experiment)]
        if experiment.target.dimension == 2:
            items.append((Mixture, Mixture.label, help_of(Mixture)))
        items.append((CANVAS, "What the canvas shows", "The present target becomes the source; then paint or choose another target."))
        if type(source) not in [key for key, _label, _tip in items]:
            items.insert(1, (type(source), getattr(source, "filename", "") or label_of(source), help_of(source)))
        self.chooser.set_items(items)
        self.chooser.set_key(type(source))
        self.chooser.set_refusals(lambda key: None if key is CANVAS or key is type(source) else self._refusal("source", key()))
        self.from_canvas.setVisible(not gaussian and source != experiment.target)
        self._show_form(source)
        self.coupling.set_value(experiment.coupling)
        plain = isinstance(experiment.coupling, Independent)
        self.formula.set_latex("" if plain else experiment.coupling.formula, help_of(experiment.coupling))
        self.formula.setVisible(not plain)
        self.set_note(f"{'N(0, I)' if gaussian else label_of(source)} · {experiment.coupling.label.lower()}")
        self.picture.setVisible(not gaussian)
        if not gaussian:
            self._later.start(0)

    def _show_form(self, source: Any) -> None:
        if self._form is not None and type(self._form.value) is type(source):
            self._form.set_value(source)
            return
        if self._form is not None:
            self._place.removeWidget(self._form)
            self._form.hide()
            self._form.deleteLater()
            self._form = None
        if isinstance(source, StandardGaussian):
            self.place.hide()
            return
        self._form = (
            MixtureEditor(source, self.place)
            if isinstance(source, Mixture)
            else StructForm(type(source), source, hide=HIDDEN, parent=self.place)
        )
        self._form.changed.connect(lambda changed: self._change(source=changed))
        self._place.addWidget(self._form, 0, 0)
        self.place.setVisible(not (isinstance(self._form, StructForm) and not self._form.shown()))

    def _picked(self, key: Any) -> None:
        if key is CANVAS:
            self._change(source=self.experiment.target)
        elif key is not type(self.experiment.source):
            self._change(source=key())

    def _draw(self) -> None:
        source = self.experiment.source
        if isinstance(source, StandardGaussian):
            return
        try:
            self.picture.show_ink(canvas_picture(_bare(source)).ink)
        except Problem as problem:
            self.set_note(str(problem))


class _Thumbnail(QWidget):
    """The source's density, small, as the canvas would show it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setToolTip("The density of the source, in its own frame")
        self.setAccessibleName("Source's density")
        self._ink: np.ndarray | None = None
        notifier().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(THUMBNAIL, THUMBNAIL)

    def show_ink(self, ink: np.ndarray) -> None:
        """(side, side), row 0 at the top, 0 to 1."""
        self._ink = ink
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour("field"))
        if self._ink is None:
            painter.end()
            return
        rows, columns = self._ink.shape
        rgba = look_up(heat_map(is_dark()), self._ink.ravel()).reshape(rows, columns, 4)
        pixels = np.ascontiguousarray(np.round(255 * rgba).astype(np.uint8))
        image = QImage(pixels.data, columns, rows, 4 * columns, QImage.Format.Format_RGBA8888)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self.rect(), image)
        painter.end()


def _dimension_differs(shape: Any, experiment: Any) -> bool:
    return bool(shape().dimension != experiment.target.dimension)


def _bare(source: Any) -> Any:
    """A source in its own frame, whatever the target's is."""
    return replace(source, standardise="isotropic") if hasattr(source, "standardise") else source
