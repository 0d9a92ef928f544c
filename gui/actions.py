"""Every action of the lab in one table: its name, words, shortcut and help. Menus, buttons and the help sheet are made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QMenu, QMenuBar, QWidget
from shiboken6 import isValid


@dataclass(frozen=True)
class Entry:
    """One action; ``keys`` are portable key sequences, the first is shown."""

    name: str
    words: str
    keys: tuple[str, ...] = ()
    tip: str = ""
    checkable: bool = False


FILE = (
    Entry("new", "New", ("Ctrl+N",), "Begin an empty session"),
    Entry("open", "Open…", ("Ctrl+O",), "Open a session, an image or a table"),
    Entry("save", "Save", ("Ctrl+S",), "Keep everything in one file"),
    Entry("save-as", "Save as…", ("Ctrl+Shift+S",), "Keep everything in another file"),
    Entry("record", "Record…", ("Ctrl+R",), "Make a film, GIF or PNG sequence of the stage"),
    Entry("export-samples", "Save samples…", ("Ctrl+E",), "The particles of a pane at t = 1 as CSV or NPY, in your units"),
    Entry("export-picture", "Save picture…", ("Ctrl+Shift+E",), "A pane or the stage as PNG, one to four times as large"),
    Entry("copy-picture", "Copy picture", ("Ctrl+Shift+C",), "The stage as a picture to the clipboard"),
    Entry("quit", "Quit", ("Ctrl+Q",), "Leave the lab"),
)
VIEW = (
    Entry("play", "Play or pause", ("Space",), "Time runs from noise to data"),
    Entry("reverse", "Reverse", ("R",), "Run the other way"),
    Entry("loop", "Loop mode", ("L",), "Once, loop, there and back"),
    Entry("faster", "Faster", (".",), "Double the speed of play"),
    Entry("slower", "Slower", (",",), "Half the speed of play"),
    Entry("start", "To the noise, t = 0", ("Home",)),
    Entry("end", "To the data, t = 1", ("End",)),
    Entry("back", "A little back", ("Left",)),
    Entry("ahead", "A little ahead", ("Right",)),
    Entry("play-training", "Play training", ("Shift+Space",), "The field learns: checkpoint by checkpoint, at the present t"),
    Entry("step-back", "Checkpoint before", ("Shift+Left",), "Show the network as it was at the checkpoint before"),
    Entry("step-ahead", "Checkpoint after", ("Shift+Right",), "Show the network as it was at the checkpoint after"),
    Entry("step-first", "Untrained network", ("Shift+Home",), "The first checkpoint, step 0"),
    Entry("step-latest", "Latest step", ("Shift+End",), "Follow the training again"),
    Entry("frame", "Frame everything", ("F",), "Source and data in view (also: double-click)"),
    Entry("zoom-in", "Zoom in", ("Ctrl++", "Ctrl+="), "Also the wheel, about the pointer"),
    Entry("zoom-out", "Zoom out", ("Ctrl+-",)),
    Entry("hold-point", "Hold the point", ("K",), "Keep the point under the pointer while t runs; again lets go (also: click, Esc)"),
    Entry("copy-values", "Copy values at the point", ("Ctrl+K",), "What the card beside the pointer says, to the clipboard"),
    Entry("draw-again", "Draw again", ("Ctrl+D",), "Other noise: the next seed"),
    Entry("add-pane", "Add pane", ("Ctrl+T",), "One more sampler beside, up to four"),
    Entry("remove-pane", "Remove pane", ("Ctrl+W",), "Take the last pane away"),
    Entry("controls", "Controls", ("F7",), "The column at the left", checkable=True),
    Entry("charts", "Charts", ("F8",), "Loss and distances below the stage", checkable=True),
    Entry("full-screen", "Full screen", ("F11",), "The stage alone, with its controls", checkable=True),
    Entry("presentation", "Presentation", ("F5",), "Nothing but panes and captions; Esc leaves", checkable=True),
)
LAYERS = (
    Entry("layer-particles", "Particles", ("P",)),
    Entry("layer-trails", "Trails", ("T",)),
    Entry("layer-velocity", "Velocity", ("V",)),
    Entry("layer-score", "Score", ("S",)),
    Entry("layer-histogram", "Density of the particles", ("D",)),
    Entry("layer-target", "Target", ("A",)),
    Entry("layer-map", "Map", ("H",), "A density or an error at time t, as a map with a legend"),
    Entry("map-kind", "Next kind of map", ("Shift+H",), "exact p_t, the model's own density, kernel estimate, grid, errors of the network"),
    Entry("layer-contours", "Contours", ("C",), "Lines of equal density at time t"),
    Entry(
        "layer-probe", "Paths through the pointer", ("O",), "Where the particle under the pointer comes from and goes, and the data behind"
    ),
    Entry("layer-flow_map", "Flow map", ("J",), "A grid carried by the flow of the field's ODE; colour is log det J: stretch and squeeze"),
    Entry("field-style", "Arrows or streamlines", ("W",), "How velocity and score are drawn"),
)
STAGE = (
    Entry("match-evaluations", "Match evaluations", ("Ctrl+M",), "Give the other panes as many function evaluations as the first one has"),
    Entry("all-distances", "All distances…", ("Ctrl+I",), "Every distance of every pane with its error and floor, to copy and to save"),
    Entry(
        "solver-study", "Solver study…", ("Ctrl+U",), "Error against function evaluations, for samplers of your choice on your own target"
    ),
    Entry(
        "truth", "Network and truth…", ("Ctrl+J",), "Which part of a pane's error is the network's and which the solver's; a certificate"
    ),
)
TRAIN = (
    Entry("train", "Train or pause", ("Ctrl+Return", "Ctrl+Enter"), "Start, pause or go on"),
    Entry("stop", "Stop", ("Ctrl+.",), "End the run; its weights stay"),
    Entry("restart", "Restart", ("Ctrl+Shift+Return", "Ctrl+Shift+Enter"), "Begin again from new weights"),
    Entry("reflow", "Reflow", ("Ctrl+Shift+R",), "Train a new network on straight lines between the two ends of this one's own paths"),
    Entry("runs", "Runs…", ("Ctrl+H",), "The finished runs: compare, put in panes, restore, delete"),
    Entry("cancel-runs", "Cancel simulation", ("Ctrl+Backspace",), "Drop what the panes are waiting for"),
)
HELP = (
    Entry("help", "Shortcuts", ("F1", "?"), "What every key and gesture does"),
    Entry("about", "About Pushforward"),
)
TABLE: dict[str, tuple[Entry, ...]] = {"File": FILE, "View": VIEW, "Layers": LAYERS, "Stage": STAGE, "Train": TRAIN, "Help": HELP}

ON_THE_STAGE = frozenset({"start", "end", "back", "ahead", "step-back", "step-ahead", "step-first", "step-latest"})
"""Keys that other widgets need too: these act only while the stage has the focus."""


class Actions(QObject):
    """The QActions by name, living on the window so that their shortcuts work with the menus hidden."""

    def __init__(self, window: QWidget):
        super().__init__(window)
        self.by_name: dict[str, QAction] = {}
        self._window = window
        self._filter = _SpaceForButtons(self)
        for entries in TABLE.values():
            for entry in entries:
                self.by_name[entry.name] = self._made(entry)

    def __getitem__(self, name: str) -> QAction:
        return self.by_name[name]

    def on(self, **slots: Callable[[], object]) -> None:
        """Connects actions to functions without arguments; ``save_as=…`` is "save-as"."""
        for name, slot in slots.items():
            self.by_name[name.replace("_", "-")].triggered.connect(lambda _checked=False, slot=slot: slot())

    def fill(self, menu: QMenu, names: str) -> None:
        """Adds actions by name to a menu; a dash is a separator."""
        for name in names.split():
            if name == "-":
                menu.addSeparator()
            else:
                menu.addAction(self.by_name[name])

    def _made(self, entry: Entry) -> QAction:
        action = QAction(entry.words, self._window)
        action.setObjectName(entry.name)
        action.setCheckable(entry.checkable)
        if entry.name not in ON_THE_STAGE:
            action.setShortcuts([QKeySequence(keys) for keys in entry.keys])
            self._window.addAction(action)
        keys = f" ({native(entry.keys[0])})" if entry.keys else ""
        action.setToolTip(f"{entry.tip or entry.words}{keys}")
        action.setStatusTip(entry.tip)
        if entry.name == "quit":
            action.setMenuRole(QAction.MenuRole.QuitRole)
        elif entry.name == "about":
            action.setMenuRole(QAction.MenuRole.AboutRole)
        return action


def add_stage_keys(actions: Actions, stage: QWidget) -> None:
    """Left, Right, Home and End, also with Shift, act where the stage (or a child of it) has the focus."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QShortcut

    for entry in VIEW:
        if entry.name in ON_THE_STAGE:
            shortcut = QShortcut(QKeySequence(entry.keys[0]), stage)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(actions[entry.name].trigger)


def menu_of(bar: QMenuBar, title: str) -> QMenu:
    """A new menu on the bar, whose tooltips are shown."""
    menu = bar.addMenu(title)
    menu.setToolTipsVisible(True)
    return menu


def native(keys: str) -> str:
    """A key sequence as this system writes it."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


class _SpaceForButtons(QObject):
    """Space plays, but a button that has the keyboard's focus keeps it: whoever uses no mouse needs it there.

    It looks at what that one widget gets: a filter of the whole application would be called, in Python, for every event there is.
    """

    def __init__(self, parent: QObject):
        super().__init__(parent)
        self._watched: QWidget | None = None
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._focus)

    def _focus(self, _old: QWidget | None, now: QWidget | None) -> None:
        if self._watched is not None and isValid(self._watched):
            self._watched.removeEventFilter(self)
        takes = isinstance(now, (QAbstractButton, QComboBox)) or (now is not None and now.objectName() == "cardHeader")
        self._watched = now if takes else None
        if self._watched is not None:
            self._watched.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.text() == " " and not event.modifiers():
            event.accept()
            return True
        return super().eventFilter(watched, event)
