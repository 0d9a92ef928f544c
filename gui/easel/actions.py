"""The easel's actions: tools, symmetry, size, clear, undo and redo, each with a shortcut, a tooltip and an icon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu

from engine.targets.raster import COLOUR_NAMES, label_names
from gui.icons import wear

if TYPE_CHECKING:
    from gui.easel.easel import Easel

COLOUR_HELP = "Paints with this colour; each colour is a label of its own. A double click gives it a name."
FOLDS = (2, 3, 4, 5, 6, 8, 12)

TOOL_WORDS = {
    "brush": ("Brush", "B", "Paints full ink. Right button or the pen's other end erases; Shift draws a straight line."),
    "gaussian": ("Soft Gaussian", "G", "Paints a Gaussian bump, exp(−r²/2s²) with s half the brush's radius."),
    "blur": ("Blur", "U", "Smooths what is under the brush; with Ctrl only the chosen colour."),
    "eraser": ("Eraser", "E", "Takes ink away, of every colour; with Ctrl only of the chosen one."),
}


def _action(easel: Easel, name: str, words: str, keys: str, help_text: str, icon_name: str | None = None) -> QAction:
    action = QAction(words, easel)
    action.setObjectName(name)
    action.setShortcut(QKeySequence(keys))
    shortcut = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    action.setToolTip(f"{words} ({shortcut})\n{help_text}")
    action.setStatusTip(help_text)
    if icon_name:
        wear(action, icon_name)
    return action


def make_actions(easel: Easel) -> dict[str, QAction]:
    """Every action of an easel by name."""
    found: dict[str, QAction] = {}
    group = QActionGroup(easel)
    for tool, (words, key, help_text) in TOOL_WORDS.items():
        action = _action(easel, tool, words, key, help_text, tool)
        action.setCheckable(True)
        action.setChecked(tool == easel.tool)
        action.triggered.connect(lambda _checked, tool=tool: easel.set_tool(tool))
        group.addAction(action)
        found[tool] = action
    colours = QActionGroup(easel)
    for k in range(len(COLOUR_NAMES)):
        action = _action(easel, f"colour-{k + 1}", f"Label {k + 1}", str(k + 1), COLOUR_HELP)
        action.setCheckable(True)
        action.setChecked(k == easel.colour_)
        action.triggered.connect(lambda _checked, k=k: easel.set_colour(k))
        colours.addAction(action)
        found[f"colour-{k + 1}"] = action
    word_colours(found, ())
    mirror = _action(easel, "mirror", "Mirror", "M", "Every touch also left to right.", "mirror")
    mirror.setCheckable(True)
    mirror.toggled.connect(lambda on: easel.set_symmetry(mirror=on))
    fold = _action(
        easel, "n-fold", "Symmetry", "N", "Every touch repeated around the middle; right click on the button for how often.", "n-fold"
    )
    fold.setCheckable(True)
    fold.toggled.connect(lambda on: easel.set_symmetry(folds=easel.chosen_folds if on else 1))
    smaller = _action(easel, "smaller", "Smaller brush", "[", "Also Ctrl and the wheel.")
    smaller.triggered.connect(lambda: easel.set_size(easel.size_ / 1.15))
    larger = _action(easel, "larger", "Larger brush", "]", "Also Ctrl and the wheel.")
    larger.triggered.connect(lambda: easel.set_size(easel.size_ * 1.15))
    clear = _action(easel, "clear", "Clear canvas", "Shift+Backspace", "Takes all ink away; it can be undone.", "clear")
    clear.triggered.connect(easel.clear)
    undo = easel.undo_stack.createUndoAction(easel, "Undo")
    redo = easel.undo_stack.createRedoAction(easel, "Redo")
    for action, name, keys in ((undo, "undo", QKeySequence.StandardKey.Undo), (redo, "redo", QKeySequence.StandardKey.Redo)):
        action.setObjectName(name)
        bindings = QKeySequence.keyBindings(keys)
        if name == "redo" and QKeySequence("Ctrl+Y") not in bindings:
            bindings.append(QKeySequence("Ctrl+Y"))
        action.setShortcuts(bindings)
        action.setToolTip(f"{name.capitalize()} ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})")
        wear(action, name)
    found |= {"mirror": mirror, "n-fold": fold, "smaller": smaller, "larger": larger, "clear": clear, "undo": undo, "redo": redo}
    easel.addActions(list(found.values()))
    return found


def word_colours(actions: dict[str, QAction], names: Sequence[str]) -> None:
    """The colours' actions by the names of their labels."""
    for k, (called, colour) in enumerate(zip(label_names(names), COLOUR_NAMES, strict=True)):
        action = actions[f"colour-{k + 1}"]
        words = f"Label {k + 1}: {called}"
        action.setText(words)
        action.setToolTip(f"{words if called == colour else f'{words}, {colour}'} ({k + 1})\n{COLOUR_HELP}")


def fold_menu(easel: Easel) -> QMenu:
    """A menu of how many times a touch is repeated."""
    menu = QMenu(easel)
    group = QActionGroup(menu)
    for folds in FOLDS:
        action = menu.addAction(f"{folds}-fold")
        action.setCheckable(True)
        action.setChecked(folds == easel.chosen_folds)
        action.triggered.connect(lambda _checked, folds=folds: easel.choose_folds(folds))
        group.addAction(action)
    return menu
