"""LayerChips: the layers of a pane, to switch on and off."""

from __future__ import annotations

from msgspec.structs import replace
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from shaders.scene import Layers

CHIPS: tuple[tuple[str, str, str], ...] = (
    ("particles", "particles", "The particles, each a point"),
    ("trails", "trails", "Where each particle has just been, fading with age"),
    ("velocity", "velocity", "The velocity u_t(x) at time t: where the ODE carries a particle"),
    ("score", "score", "The score ∇log p_t(x) at time t: where the density grows"),
    ("histogram", "density", "The density of the particles, as a heat map"),
    ("target", "target", "The target's density, quietly behind"),
)
NOT_IN_3D = frozenset({"velocity", "score", "histogram"})
SPACING, FEWER = 5, 3
"""Pixels between chips; chips in a row where there is little room."""
WHY_NOT_IN_3D = "Not in three dimensions yet: this layer is drawn on a plane."


class LayerChips(QWidget):
    """One chip a layer, in two rows where one is too narrow; ``changed`` carries the new Layers."""

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._layers = Layers()
        self._chips: dict[str, QPushButton] = {}
        for field, word, _tip in CHIPS:
            chip = QPushButton(word)
            chip.setProperty("role", "chip")
            chip.setCheckable(True)
            chip.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            chip.clicked.connect(lambda on, name=field: self._switch(name, on))
            self._chips[field] = chip
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(SPACING)
        self._columns = 0
        self._arrange(len(CHIPS))
        self.show_layers(Layers(), 2)

    def _arrange(self, columns: int) -> None:
        """In one row where there is room, in two where there is not."""
        if columns == self._columns:
            return
        self._columns = columns
        for index, chip in enumerate(self._chips.values()):
            self._grid.addWidget(chip, index // columns, index % columns)
        for place in range(len(CHIPS) + 1):
            self._grid.setColumnStretch(place, 1 if place == columns else 0)

    def _width_of(self, columns: int) -> int:
        widths = [chip.sizeHint().width() for chip in self._chips.values()]
        return sum(max(widths[place::columns]) for place in range(columns)) + SPACING * columns

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange(len(CHIPS) if event.size().width() >= self._width_of(len(CHIPS)) else FEWER)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._width_of(FEWER), super().minimumSizeHint().height())

    def show_layers(self, layers: Layers, dimension: int) -> None:
        """Brings the chips in line; greys those that are not there in 3-D."""
        self._layers = layers
        for field, _word, tip in CHIPS:
            there = dimension == 2 or field not in NOT_IN_3D
            chip = self._chips[field]
            chip.setChecked(there and getattr(layers, field).visible)
            chip.setEnabled(there)
            chip.setToolTip(tip if there else WHY_NOT_IN_3D)

    def toggle(self, field: str) -> None:
        """As if its chip were clicked (a shortcut did it)."""
        if self._chips[field].isEnabled():
            self._switch(field, not getattr(self._layers, field).visible)

    def _switch(self, field: str, on: bool) -> None:
        self.changed.emit(replace(self._layers, **{field: replace(getattr(self._layers, field), visible=on)}))
