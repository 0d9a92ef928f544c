"""The help sheet with every shortcut and gesture, and About."""

from __future__ import annotations

import platform
from importlib import metadata

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFrame, QGridLayout, QScrollArea, QWidget

from gui.actions import TABLE, native
from gui.easel.actions import TOOL_WORDS
from gui.widgets import column, heading, label, row

GESTURES = (
    ("Paint", "Drag on the canvas; the right button erases (with Ctrl only the chosen colour); Shift draws a straight line"),
    ("Pan", "Drag in a pane; all panes follow (in 3-D: with Shift)"),
    ("Turn in 3-D", "Drag in a pane"),
    ("Zoom", "Wheel or pinch, about the pointer"),
    ("Frame", "Double-click in a pane"),
    ("Hold a point", "Click in a pane: its values stay while t runs; another click lets go. The right button copies them"),
    ("A pane's sampler", "Click its header"),
    ("Open", "Drop a session, an image or a table on the window"),
)
COLUMNS = (("Canvas", "Layers"), ("File", "Train", "Help"), ("View", "Stage"))
CANVAS = (("mirror", "Mirror", "M"), ("n-fold", "Symmetry", "N"), ("smaller", "Smaller brush", "["), ("larger", "Larger brush", "]"),
          ("clear", "Clear canvas", "Shift+Backspace"))  # fmt: skip


class HelpSheet(QDialog):
    """Columns of what there is, made from the same tables as the menus."""

    def __init__(self, parent: QWidget):
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Shortcuts")
        sections = [("With the pointer", list(GESTURES))]
        canvas = [(words, native(key)) for words, key, _tip in TOOL_WORDS.values()] + [(words, native(key)) for _n, words, key in CANVAS]
        canvas += [("Colour of a label", "1 – 8"), ("Name of a label, on its colour", "F2")]
        sections.append(("Canvas", canvas))
        for title, entries in TABLE.items():
            pairs = [(entry.words.rstrip("…"), "   ".join(native(key) for key in entry.keys)) for entry in entries if entry.keys]
            sections.append((title, pairs))
        by_title = {title: _section(title, rows) for title, rows in sections}
        inside = QWidget()
        columns = [column(*(by_title[title] for title in titles), 1, spacing=18) for titles in COLUMNS]
        inside.setLayout(column(by_title[sections[0][0]], row(*columns, 1, spacing=44), 1, spacing=18))
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        self.setLayout(column(scroll, buttons, margins=(18, 16, 18, 12), spacing=10))
        room, wanted = self.screen().availableGeometry(), inside.sizeHint()
        self.resize(min(wanted.width() + 64, room.width() - 40), min(wanted.height() + 90, room.height() - 60))


class AboutSheet(QDialog):
    """What this is, and what it runs on."""

    def __init__(self, parent: QWidget):
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("About Pushforward")
        what = label("Paint a distribution, choose how noise becomes it, and watch a network learn to carry one to the other.")
        what.setWordWrap(True)
        lines = [f"Python {platform.python_version()} · {platform.system()} {platform.machine()}"]
        for package in ("PySide6-Essentials", "vispy", "torch", "numpy", "POT"):
            try:
                lines.append(f"{package} {metadata.version(package)}")
            except metadata.PackageNotFoundError:
                continue
        versions = label("\n".join(lines), "dim")
        versions.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        name = label(f"Pushforward {_own_version()}", "strong", points=4)
        self.setLayout(column(name, what, versions, label("MIT licence", "dim"), buttons, margins=(22, 18, 22, 14), spacing=12))
        self.setFixedWidth(420)


def _own_version() -> str:
    try:
        return metadata.version("pushforward")
    except metadata.PackageNotFoundError:
        return "0.1"


def _section(title: str, rows: list[tuple[str, str]]) -> QWidget:
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(14)
    grid.setVerticalSpacing(5)
    grid.addWidget(heading(title), 0, 0, 1, 2)
    for line, (words, keys) in enumerate(rows, start=1):
        grid.addWidget(label(words), line, 0)
        grid.addWidget(label(keys, "dim"), line, 1)
    grid.setColumnStretch(1, 1)
    return made
