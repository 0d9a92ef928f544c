"""LayerChips: the layers of a pane, to switch on and off; those with a ▾ have settings of their own."""

from __future__ import annotations

from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from gui.flow_layout import FlowLayout
from shaders.scene import Layers

CHIPS: tuple[tuple[str, str, str], ...] = (
    ("particles", "particles", "The particles, each a point"),
    ("trails", "trails", "Where each particle has just been, fading with age"),
    ("velocity", "velocity", "The velocity u_t(x) at time t: where the ODE carries a particle"),
    ("score", "score", "The score ∇log p_t(x) at time t: where the density grows"),
    ("histogram", "histogram", "How many particles are in each cell, as a heat map"),
    ("target", "target", "The target's density, quietly behind"),
    ("map", "map ▾", "A density or an error at time t, as a map with a legend"),
    ("contours", "contours ▾", "Lines of equal density at time t"),
    (
        "flow_map",
        "flow map ▾",
        "A grid of lines carried by the probability flow of this pane's field, the ODE, whatever the sampler; "
        "its colour is log det J: stretch and squeeze",
    ),
    (
        "probe",
        "pointer",
        "The path through the point under the pointer along the ODE of this pane's field, and the conditional paths to the data that "
        "contribute most there. A click holds the point",
    ),
)
WITH_SETTINGS = frozenset({"map", "contours", "flow_map"})
NOT_IN_3D = frozenset({"velocity", "score", "histogram", "map", "contours", "flow_map", "probe"})
SPACING = 5
"""Pixels between chips."""
ARROW = 20
"""Pixels at the right of a chip that open its settings."""
WHY_NOT_IN_3D = "Not in three dimensions yet: this layer is drawn on a plane."
HOW_TO_SET = "Settings: click ▾, right-click, or ↓ on the keyboard."


class LayerChip(QPushButton):
    """A chip; where the layer has settings its ▾ asks for them."""

    settings_asked = Signal()

    def __init__(self, word: str, with_settings: bool) -> None:
        super().__init__(word)
        self._with_settings = with_settings
        self.setProperty("role", "chip")
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._with_settings and event.button() == Qt.MouseButton.LeftButton and event.position().x() > self.width() - ARROW:
            self.settings_asked.emit()
        else:
            super().mousePressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self._with_settings:
            self.settings_asked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._with_settings and event.key() == Qt.Key.Key_Down:
            self.settings_asked.emit()
        else:
            super().keyPressEvent(event)


class LayerChips(QWidget):
    """One chip a layer, in as many rows as it takes; ``changed`` carries the new Layers, ``settings_asked`` a layer's name.

    In a low pane there is one row (``set_low``), and what has no room in it is in the menu of its last chip.
    """

    changed = Signal(object)
    settings_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._layers = Layers()
        self._chips: dict[str, LayerChip] = {}
        flow = FlowLayout(self, SPACING)
        for field, word, _tip in CHIPS:
            chip = LayerChip(word, field in WITH_SETTINGS)
            chip.clicked.connect(lambda on, name=field: self._switch(name, on))
            chip.settings_asked.connect(lambda name=field: self.settings_asked.emit(name))
            self._chips[field] = chip
            flow.addWidget(chip)
        self._low = False
        self.more = QPushButton("more ▾")
        self.more.setProperty("role", "chip")
        self.more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.more.setToolTip("The other layers and their settings")
        self.more.clicked.connect(self._open_menu)
        self.more.hide()
        flow.addWidget(self.more)
        self.show_layers(Layers(), 2)

    def chip(self, field: str) -> LayerChip:
        """The chip of a layer."""
        return self._chips[field]

    def anchor(self, field: str) -> QWidget:
        """Where the settings of a layer belong: its chip, or the one that stands for it."""
        chip = self._chips[field]
        return self.more if chip.isHidden() else chip

    def set_low(self, low: bool) -> None:
        """Whether there is room for one row alone."""
        if low != self._low:
            self._low = low
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._low:
            self._fit()

    def _fit(self) -> None:
        """Hides the chips that have no room in the one row."""
        widths = [chip.sizeHint().width() + SPACING for chip in self._chips.values()]
        room = self.width() + SPACING
        fits = len(widths)
        if self._low and sum(widths) > room:
            room -= self.more.sizeHint().width() + SPACING
            fits = next((k for k in range(len(widths)) if sum(widths[: k + 1]) > room), len(widths))
        for k, chip in enumerate(self._chips.values()):
            chip.setVisible(k < fits)
        self.more.setVisible(fits < len(widths))
        self.updateGeometry()

    def menu(self) -> QMenu:
        """Of the layers that have no chip: switches, and the way to their settings."""
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        hidden = [(field, word.removesuffix(" ▾")) for field, word, _tip in CHIPS if self._chips[field].isHidden()]
        for field, word in hidden:
            action = menu.addAction(word[:1].upper() + word[1:])
            action.setCheckable(True)
            action.setChecked(self._chips[field].isChecked())
            action.setEnabled(self._chips[field].isEnabled())
            action.setToolTip(self._chips[field].toolTip())
            action.triggered.connect(lambda on, name=field: self._switch(name, on))
        menu.addSeparator()
        for field, word in hidden:
            if field in WITH_SETTINGS:
                action = menu.addAction(f"Settings of {'the ' if field != 'contours' else ''}{word}…")
                action.setEnabled(self._chips[field].isEnabled())
                action.triggered.connect(lambda _checked=False, name=field: self.settings_asked.emit(name))
        return menu

    def _open_menu(self) -> None:
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.more.mapToGlobal(QPoint(0, self.more.height())))

    def show_layers(self, layers: Layers, dimension: int) -> None:
        """Brings the chips in line; greys those that are not there in 3-D."""
        self._layers = layers
        for field, _word, tip in CHIPS:
            there = dimension == 2 or field not in NOT_IN_3D
            chip = self._chips[field]
            chip.setChecked(there and getattr(layers, field).visible)
            chip.setEnabled(there)
            chip.setToolTip(WHY_NOT_IN_3D if not there else f"{tip}\n{HOW_TO_SET}" if field in WITH_SETTINGS else tip)

    def toggle(self, field: str) -> None:
        """As if its chip were clicked (a shortcut did it)."""
        if self._chips[field].isEnabled():
            self._switch(field, not getattr(self._layers, field).visible)

    def _switch(self, field: str, on: bool) -> None:
        self.changed.emit(replace(self._layers, **{field: replace(getattr(self._layers, field), visible=on)}))
