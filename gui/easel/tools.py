"""EaselTools: the row of buttons, the colours and the two sliders beneath the canvas."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from gui.easel.actions import fold_menu
from gui.easel.easel import LARGEST, SMALLEST, Easel
from gui.easel.swatches import Swatches
from gui.forms.struct_form import StructForm

BUTTONS = ("brush", "gaussian", "blur", "eraser", "mirror", "n-fold", "clear", "undo", "redo")

SIZE_HELP = "Diameter of the brush; the canvas is 2 wide. Keys [ and ], or Ctrl and the wheel."


class BrushSettings(Struct, frozen=True, kw_only=True):
    """The brush, as a form shows it."""

    size: Annotated[
        float,
        Meta(
            ge=SMALLEST,
            le=LARGEST,
            description="Diameter of the brush; the canvas is 2 wide. Keys [ and ], or Ctrl and the wheel.",
            extra={"log": True},
        ),
    ] = 0.14
    flow: Annotated[float, Meta(ge=0.01, le=1, description="Ink that one stroke lays: 1 is full. A pen's pressure multiplies it.")] = 1.0


class EaselTools(QWidget):
    """Buttons for an easel's actions, its brush's size and flow."""

    def __init__(self, easel: Easel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._easel = easel
        self.buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout()
        row.setSpacing(2)
        for name in BUTTONS:
            row.addWidget(self._button(name))
        self.form = StructForm(BrushSettings, parent=self)
        self.form.changed.connect(self._set)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(5)
        outer.addLayout(row)
        self.swatches = Swatches(easel, self)
        outer.addWidget(self.swatches)
        outer.addWidget(self.form)
        easel.sizeChanged.connect(self._show)
        easel.flowChanged.connect(self._show)
        self._show()

    def _button(self, name: str) -> QToolButton:
        button = QToolButton(self)
        action = self._easel.actions_by_name[name]
        button.setDefaultAction(action)
        button.setProperty("role", "tool")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setIconSize(QSize(16, 16))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(action.text())
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if name == "n-fold":
            menu = fold_menu(self._easel)
            button.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            button.customContextMenuRequested.connect(lambda at: menu.popup(button.mapToGlobal(at)))
            button.setMenu(menu)
            button.setPopupMode(QToolButton.ToolButtonPopupMode.DelayedPopup)
        self.buttons[name] = button
        return button

    def _show(self, _value: float = 0.0) -> None:
        self.form.set_value(BrushSettings(size=self._easel.size_, flow=self._easel.flow))

    def _set(self, settings: BrushSettings) -> None:
        self._easel.set_size(settings.size)
        self._easel.set_flow(settings.flow)
