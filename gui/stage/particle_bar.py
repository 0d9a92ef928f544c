"""ParticleBar: how many particles, how large, coloured by what, from which seed; at hand below the time line."""

from __future__ import annotations

import math

from msgspec.structs import replace
from PySide6.QtCore import QRegularExpression, Qt
from PySide6.QtGui import QRegularExpressionValidator
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QSlider, QWidget

from gui.actions import Actions
from gui.model import LabModel, LabState
from gui.widgets import flat_button, label, row
from shaders.scene import ColourBy

FEWEST, MOST = 1_000, 100_000
NOTCHES = 40
COLOURS: dict[ColourBy, tuple[str, str]] = {
    "start": ("start", "By the angle at which a particle starts"),
    "speed": ("speed", "By how fast a particle moves at t"),
    "region": ("arrival", "By the region of the target in which a particle arrives"),
    "label": ("label", "By the label it was asked for, or of the part of the target in which it arrives"),
    "plain": ("none", "All alike"),
}
SIZES = (1.0, 12.0)


class ParticleBar(QWidget):
    """Edits the model; follows it."""

    def __init__(self, model: LabModel, actions: Actions):
        super().__init__()
        self._model = model
        self.number = self._slider(0, NOTCHES, "Particles in each pane", "1 000 to 100 000 particles; the first ones stay the same")
        self.number_words = label("", figures=True)
        self.number_words.setMinimumWidth(self.number_words.fontMetrics().horizontalAdvance("100\u202f000") + 4)
        self.size = self._slider(4, 48, "Size of a particle", "Diameter of a particle in pixels")
        self.size_words = label("", figures=True)
        self.size_words.setMinimumWidth(self.size_words.fontMetrics().horizontalAdvance("12.0 px") + 2)
        self.colour = QComboBox()
        self.colour.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.colour.setAccessibleName("Colour of particles by")
        for key, (words, tip) in COLOURS.items():
            self.colour.addItem(words, key)
            self.colour.setItemData(self.colour.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.colour.setToolTip("What a particle's colour says")
        self.colour.setMinimumWidth(80)
        self.seed = QLineEdit()
        self.seed.setValidator(QRegularExpressionValidator(QRegularExpression(r"\d{1,18}"), self.seed))
        self.seed.setMinimumWidth(40)
        self.seed.setMaximumWidth(72)
        self.seed.setAccessibleName("Seed")
        self.seed.setToolTip("Names the noise that all panes start from; SDE panes share its Brownian path")
        self.again = flat_button("dice", actions["draw-again"].toolTip(), "Draw again")
        self.again.clicked.connect(actions["draw-again"].trigger)
        layout = row(
            _dim("Particles"), self.number, self.number_words, _dim("Size"), self.size, self.size_words,
            _dim("Colour by"), self.colour, _dim("Seed"), self.seed, self.again,
        )  # fmt: skip
        layout.setStretch(1, 3)
        layout.setStretch(4, 2)
        self.setLayout(layout)
        self.number.valueChanged.connect(self._number)
        self.size.valueChanged.connect(self._size)
        self.colour.activated.connect(self._colour)
        self.seed.editingFinished.connect(self._seed)
        model.changed.connect(self._follow)
        self._show()

    def _slider(self, low: int, high: int, name: str, tip: str) -> QSlider:
        made = QSlider(Qt.Orientation.Horizontal)
        made.setRange(low, high)
        made.setMinimumWidth(36)
        made.setAccessibleName(name)
        made.setToolTip(tip)
        return made

    def _follow(self, old: LabState, new: LabState) -> None:
        if old.document != new.document:
            self._show()

    def _show(self) -> None:
        document = self._model.document
        particles = document.scene.panes[0].layers.particles
        for widget, value in (
            (self.number, notch_of(document.particles)),
            (self.size, round(4 * particles.size)),
        ):
            widget.blockSignals(True)
            widget.setValue(value)
            widget.blockSignals(False)
        if self.seed.text() != str(document.seed):
            self.seed.setText(str(document.seed))
        self.number_words.setText(f"{document.particles:,}".replace(",", "\u202f"))
        self.size_words.setText(f"{particles.size:.1f} px")
        self.colour.setCurrentIndex(list(COLOURS).index(particles.colour))

    def _number(self, notch: int) -> None:
        self._model.edit_document("number of particles", replace(self._model.document, particles=number_at(notch)), merge="particles")

    def _size(self, quarter_pixels: int) -> None:
        self._particles(size=quarter_pixels / 4)

    def _colour(self, index: int) -> None:
        self._particles(colour=list(COLOURS)[index])

    def _particles(self, **changes: object) -> None:
        for index, pane in enumerate(self._model.document.scene.panes):
            self._model.show_layers(index, replace(pane.layers, particles=replace(pane.layers.particles, **changes)))

    def _seed(self) -> None:
        seed = int(self.seed.text() or 0)
        self._model.edit_document("seed", replace(self._model.document, seed=seed), merge="seed")


def number_at(notch: int) -> int:
    """Particles at a notch of the slider: even steps of the logarithm, two significant figures."""
    exact = FEWEST * (MOST / FEWEST) ** (notch / NOTCHES)
    digits = 10 ** (int(math.log10(exact)) - 1)
    return int(round(exact / digits) * digits)


def notch_of(number: int) -> int:
    """The nearest notch."""
    clamped = min(MOST, max(FEWEST, number))
    return round(NOTCHES * math.log(clamped / FEWEST) / math.log(MOST / FEWEST))


def _dim(text: str) -> QLabel:
    return label(text, "dim")
