"""LayerSettings: a small window beneath a chip: which density or error a layer shows, its scale, and the same for all panes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from PySide6.QtCore import QEvent, QPoint, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QPushButton, QWidget

from gui.flow_layout import FlowLayout
from gui.forms.struct_form import StructForm
from gui.map_kinds import DENSITIES, KINDS, refusal
from gui.widgets import column, heading, row
from shaders.scene import Layers, MapKind

if TYPE_CHECKING:
    from gui.lab import Lab

WIDTH = 352
TITLES = {"map": "Map", "contours": "Contours", "flow_map": "Flow map"}
OVERLAYS = {
    "map": (
        "Exact contours on top",
        "The map shows one density, the lines the truth: one look tells where they differ",
        "contours",
        {},
    ),
    "contours": ("Model map beneath", "The model's own density as a map beneath the lines", "map", {"kind": "model"}),
}
"""What a button adds to the other layer: its words, tooltip, that layer and what it becomes."""


class LayerSettings(QFrame):
    """Edits one layer at once; a click elsewhere or Esc closes it."""

    edited = Signal(object)
    """The layers of the pane."""
    spread = Signal(object)
    """A layer that all panes are to have."""

    def __init__(self, name: str, layers: Layers, reason: Callable[[MapKind], str | None], parent: QWidget):
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("card")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.name, self._layers = name, layers
        self._group = QButtonGroup(self)
        self.kinds: dict[MapKind, QPushButton] = {}
        layer = getattr(layers, name)
        self.form = StructForm(type(layer), layer, hide=("visible", "kind"), parent=self)
        self.form.changed.connect(lambda value: self._show(value))
        everywhere = QPushButton("Same in all panes")
        everywhere.setToolTip("Every pane shows this layer just so")
        everywhere.clicked.connect(lambda: (self._show(self._layer()), self.spread.emit(self._layer())))
        self.everywhere = everywhere
        parts: list[Any] = []
        if hasattr(layer, "kind"):
            parts += [heading("Density"), self._chips(DENSITIES, reason)]
            if name == "map":
                parts += [heading("Error of the network"), self._chips([kind for kind in KINDS if kind not in DENSITIES], reason)]
        parts += [heading(TITLES[name] if not parts else "Scale"), self.form, *self._buttons(everywhere)]
        self.setLayout(column(*parts, spacing=9, margins=(14, 12, 14, 12)))
        self.setFixedWidth(WIDTH)
        self._place = QPoint()

    def _chips(self, kinds: Any, reason: Callable[[MapKind], str | None]) -> QWidget:
        """In the order of ``KINDS``; what cannot be is grey and says why."""
        box = QWidget(self)
        flow = FlowLayout(box, 5)
        for kind in (kind for kind in KINDS if kind in kinds):
            chip = QPushButton(KINDS[kind].words)
            chip.setProperty("role", "chip")
            chip.setCheckable(True)
            chip.setChecked(self._layer().kind == kind)
            sentence = reason(kind)
            chip.setEnabled(sentence is None)
            chip.setToolTip(sentence or KINDS[kind].tip)
            chip.setAccessibleDescription(sentence or "")
            chip.clicked.connect(lambda _checked, kind=kind: self._show(replace(self._layer(), kind=kind)))
            self._group.addButton(chip)
            self.kinds[kind] = chip
            flow.addWidget(chip)
        return box

    def _buttons(self, everywhere: QPushButton) -> list[Any]:
        if self.name not in OVERLAYS:
            return [row(everywhere, 1)]
        words, tip, other, changes = OVERLAYS[self.name]
        self.overlay = QPushButton(words)
        self.overlay.setToolTip(tip)
        self.overlay.clicked.connect(partial(self._overlay, other, changes))
        return [row(everywhere, self.overlay, 1)]

    def _layer(self) -> Any:
        return getattr(self._layers, self.name)

    def _show(self, layer: Any) -> None:
        """The layer, and it is switched on."""
        self._set(**{self.name: replace(layer, visible=True)})
        self.form.set_value(self._layer())

    def _overlay(self, other: str, changes: dict[str, Any]) -> None:
        """Both layers, on one scale."""
        mine = self._layer()
        kind = changes.get("kind", "exact")
        there = replace(getattr(self._layers, other), visible=True, kind=kind, scale=mine.scale, shared=mine.shared)
        self._set(**{self.name: replace(mine, visible=True), other: there})

    def _set(self, **changes: Any) -> None:
        self._layers = replace(self._layers, **changes)
        self.edited.emit(self._layers)

    def open_at(self, chip: QWidget) -> None:
        """Appears above or below a chip, inside its screen."""
        self.adjustSize()
        room, below = chip.screen().availableGeometry(), chip.mapToGlobal(QPoint(0, chip.height() + 4))
        above = chip.mapToGlobal(QPoint(0, -4)).y()
        self._place = below if below.y() + self._height() <= room.bottom() else QPoint(below.x(), above - self._height())
        self._fit()
        self.show()
        checked = self._group.checkedButton()
        (checked if checked is not None and checked.isEnabled() else self.everywhere).setFocus(Qt.FocusReason.PopupFocusReason)

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return done

    def _height(self) -> int:
        lines = self.layout()
        lines.activate()
        return int(lines.totalHeightForWidth(WIDTH) if lines.hasHeightForWidth() else lines.totalSizeHint().height())

    def _fit(self) -> None:
        room = self.screen().availableGeometry()
        self.resize(WIDTH, min(self._height(), room.height()))
        x = max(room.left(), min(self._place.x(), room.right() - WIDTH))
        self.move(x, max(room.top(), min(self._place.y(), room.bottom() - self.height())))


def open_layer_settings(lab: Lab, index: int, name: str) -> LayerSettings:
    """For a layer of a pane; what is edited there is shown at once."""
    model, pane = lab.model, lab.stage.panes[index]
    settings, request = model.document.panes[index], lab.simulation.request_of(index)

    def reason(kind: MapKind) -> str | None:
        return refusal(kind, exact=request.snapshot is None, guidance=settings.guidance, law=request.law, sampler=settings.sampler)

    window = LayerSettings(name, model.document.scene.panes[index].layers, reason, lab.window)
    window.edited.connect(lambda layers: model.show_layers(index, layers))
    window.spread.connect(lambda layer: model.show_all_layers(**{name: layer}))
    window.open_at(pane.chips.anchor(name))
    return window


def next_kind(lab: Lab) -> None:
    """The map of the first pane shows the next density or error that can be; all panes follow, and a map that was off is switched on."""
    model, settings = lab.model, lab.model.document.panes[0]
    shown, request = model.document.scene.panes[0].layers.map, lab.simulation.request_of(0)
    kinds = list(KINDS)
    first = kinds.index(shown.kind) if shown.visible else -1
    for k in range(1, len(kinds) + 1):
        kind = kinds[(first + k) % len(kinds)]
        sentence = refusal(kind, exact=request.snapshot is None, guidance=settings.guidance, law=request.law, sampler=settings.sampler)
        if sentence is None:
            model.show_all_layers(map=replace(shown, visible=True, kind=kind))
            lab.window.messages.note(f"Map: {KINDS[kind].words}")
            return
