"""TargetCard: the easel, its tools, and everything else that can be learned: shapes, files, mixtures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace
from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QResizeEvent, QUndoStack
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from engine.arrays import Array
from engine.choice import Problem
from engine.experiment import Experiment
from engine.labels import Condition
from engine.targets import SHAPES, Image, Mixture, Painting, Points
from gui.cards.card import Card
from gui.cards.fold import Fold
from gui.cards.loading import FileLoader
from gui.cards.mixture import MixtureEditor
from gui.cards.pictures import Box, canvas_picture
from gui.easel.canvas import COLOURS, SIDE
from gui.easel.easel import Easel
from gui.easel.tools import EaselTools
from gui.forms.combo import ChoiceCombo
from gui.forms.reflection import help_of, label_of
from gui.forms.struct_form import StructForm, label_width

if TYPE_CHECKING:
    from gui.formula import Formula

IMAGES, TABLES = "*.png *.jpg *.jpeg *.webp", "*.csv *.tsv *.txt *.npy"
FILES = f"Images and tables ({IMAGES} {TABLES});;Images ({IMAGES});;Tables ({TABLES});;All files (*)"
KEPT = ("filename", "original", "standardise", "colours", "labels", "names")
"""Fields of targets that the main form leaves out."""
FROM_FILE = object()
SQUARE: Box = (-1.0, 1.0, -1.0, 1.0)
MOST_ORIGINS = 32
"""So many pictures of shapes are known again when undo brings them back."""


class TargetCard(Card):
    """``edited(experiment)``: another target was chosen or its parameters changed (not yet on the undo stack).
    ``painted(target)``: the easel changed it, and its command is on the undo stack already."""

    edited = Signal(object)
    painted = Signal(object)
    folderUsed = Signal(str)
    """The folder of the last file that was opened."""

    def __init__(self, undo: QUndoStack, parent: QWidget | None = None) -> None:
        super().__init__("Target", parent)
        self.experiment = Experiment()
        self.folder = ""
        """Where the file dialog opens."""
        self._box = SQUARE
        # by the digest of its picture: undo of the first stroke gives the shape back, not a painting of it
        self._origins: dict[str, Any] = {}
        self._shown: Any = None
        self._form: StructForm | MixtureEditor | None = None
        self.formula: Formula | None = None
        self.is_cleared = False
        """All ink was taken away and nothing is painted yet."""
        self.easel = Easel(undo, self)
        self.tools = EaselTools(self.easel, self)
        self.start_from = ChoiceCombo(self)
        self.start_from.setAccessibleName("Start from")
        self.start_from.set_tip("What the canvas starts from; paint over it to make it your own.")
        self.problem = QLabel(self)
        self.problem.setProperty("role", "problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.columns = _ColumnsRow(self)
        self.place = QWidget(self)
        self._place = QGridLayout(self.place)
        self._place.setContentsMargins(0, 0, 0, 0)
        self.condition = StructForm(Condition, title="Labels", refusal=self._condition_refusal, parent=self)
        self.condition.setToolTip("Whether the network is told the labels; then panes can ask it for one.")
        self.scaling = StructForm(Mixture, show=("standardise",), parent=self)
        self.fold = Fold("advanced", self.scaling, self)
        self._assemble()
        self._loader = FileLoader(self)
        self._loader.loaded.connect(self._loaded)
        self._loader.failed.connect(self._failed)
        self._connect()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._draw_picture)
        self.set_experiment(self.experiment)

    def _assemble(self) -> None:
        row = QGridLayout()
        row.setHorizontalSpacing(8)
        row.setColumnStretch(1, 1)
        label = QLabel("Start from", self)
        label.setBuddy(self.start_from)
        row.setColumnMinimumWidth(0, label_width(self))
        row.addWidget(label, 0, 0)
        row.addWidget(self.start_from, 0, 1)
        for widget in (self.easel, self.tools):
            self.body.addWidget(widget)
        self.body.addLayout(row)
        for widget in (self.problem, self.columns, self.place, self.condition, self.fold):
            self.body.addWidget(widget)

    def complete(self) -> None:
        """What can wait until the window has painted: the formula of the target's density."""
        from gui.formula import Formula

        self.formula = Formula(parent=self)
        self.body.insertWidget(self.body.indexOf(self.fold), self.formula)
        self._show_formula()

    def _show_formula(self) -> None:
        if self.formula is not None:
            target = self.experiment.target
            self.formula.set_latex(target.formula, help_of(target))

    def _connect(self) -> None:
        self.start_from.picked.connect(self._start_picked)
        self.easel.strokeFinished.connect(self._stroke_finished)
        self.easel.naming.changed.connect(self._renamed)
        self.easel.fileDropped.connect(self.load_file)
        self.columns.chosen.connect(self.load_file)
        self.condition.changed.connect(self._conditioned)
        self.scaling.changed.connect(lambda form: self._change(replace(self.experiment.target, standardise=form.standardise)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The easel is as high as the card is wide inside."""
        super().resizeEvent(event)
        self.easel.setFixedHeight(max(self.easel.minimumSizeHint().height(), self.content.width()))

    # ---- showing -----------------------------------------------------------------------------------------------------

    def set_experiment(self, experiment: Experiment) -> None:
        """Show an experiment without saying so."""
        self.experiment = experiment
        target = experiment.target
        self._show_condition()
        if target == self._shown:
            return
        self._shown = target
        self._say("")
        self._fill_start()
        self._show_form(target)
        self.scaling.set_value(Mixture(standardise=target.standardise))
        self.set_note(self._note(target))
        if isinstance(target, Painting):
            self._later.stop()
            self._show_painting(target)
        else:
            # the density's first evaluation imports scipy: after the window is there
            self._later.start(0)

    def _show_painting(self, target: Painting) -> None:
        self.easel.set_locked("")
        self.easel.naming.replace(target.names)
        self._box = target.box
        layers = np.zeros((COLOURS, SIDE, SIDE), dtype=np.float32)
        for colour, ink in zip(target.palette, target.layers, strict=True):
            layers[colour] = _to_square(ink)
        if not np.array_equal(layers, self.easel.layers()):
            self.easel.set_layers(layers, undoable=False)

    def _draw_picture(self) -> None:
        target = self.experiment.target
        if isinstance(target, Painting):
            return
        try:
            picture = canvas_picture(target)
        except Problem as problem:
            self._say(str(problem))
            return
        flat = target.dimension == 2
        self.easel.set_locked("" if flat else "3-D, seen from the side", "" if flat else "To paint, choose “Painting” under “Start from”.")
        self._box = picture.box
        self.easel.set_raster(picture.ink, undoable=False)
        if len(self._origins) > MOST_ORIGINS:
            self._origins.pop(next(iter(self._origins)))
        self._origins[Array(self.easel.raster()).digest] = target

    def _show_condition(self) -> None:
        """Only where there are labels, or where they are asked for and gone."""
        experiment = self.experiment
        self.condition.set_value(experiment.condition)
        self.condition.setVisible(experiment.condition.conditional or experiment.target.classes > 0)

    def _condition_refusal(self, condition: Any) -> str | None:
        return str(reason) if (reason := condition.refusal(self.experiment)) else None

    def _conditioned(self, condition: Any) -> None:
        experiment = replace(self.experiment, condition=condition)
        self.set_experiment(experiment)
        self.edited.emit(experiment)

    def _fill_start(self) -> None:
        target = self.experiment.target
        items: list[tuple[Any, str, str]] = [(Painting, "Painting", "An empty canvas, or what is on it.")]
        items += [(shape, shape.label, help_of(shape)) for shape in SHAPES]
        items += [
            (Mixture, "Gaussian mixture", help_of(Mixture)),
            (FROM_FILE, "File…", "An image (PNG, JPEG, WebP) or a table (CSV, TSV, NPY)."),
        ]
        if isinstance(target, (Image, Points)):
            items.append((type(target), target.filename or target.label, help_of(target)))
        self.start_from.set_items(items)
        self.start_from.set_key(type(target))

    def _show_form(self, target: Any) -> None:
        self._show_formula()
        if self._form is not None and type(self._form.value) is type(target):
            self._form.set_value(target)
            return
        if self._form is not None:
            self._place.removeWidget(self._form)
            self._form.hide()
            self._form.deleteLater()
            self._form = None
        if isinstance(target, Mixture):
            self._form = MixtureEditor(target, self.place)
        else:
            self._form = StructForm(type(target), target, hide=KEPT, parent=self.place)
        self._form.changed.connect(self._change)
        self._place.addWidget(self._form, 0, 0)
        empty = isinstance(self._form, StructForm) and not self._form.shown()
        self.place.setVisible(not empty)

    def _note(self, target: Any) -> str:
        labels = f" · {len(target.palette)} labels" if isinstance(target, Painting) and len(target.palette) > 1 else ""
        match target:
            case Painting():
                h, w = target.raster.values.shape[-2:]
                return (f"painted · {w}²" if w == h else f"painted · {w}×{h}") + labels
            case Image():
                h, w = target.pixels.values.shape[:2]
                return f"image · {w}×{h}"
            case Points():
                n, d = target.values.values.shape
                labels = f" · {len(target.names)} labels" if target.names else ""
                return f"{n:,} points · {d}-D{labels}".replace(",", "\u202f")
            case Mixture():
                return f"{len(target.means)} Gaussians"
        return f"shape · {target.dimension}-D"

    def _say(self, sentence: str, role: str = "problem") -> None:
        """One line beneath the canvas: a problem, or (dim) a hint."""
        if self.problem.property("role") != role:
            self.problem.setProperty("role", role)
            self.problem.style().polish(self.problem)
        self.is_cleared = False
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))
        if not sentence:
            self.columns.hide()

    # ---- changing ----------------------------------------------------------------------------------------------------

    def _change(self, target: Any) -> None:
        experiment = replace(self.experiment, target=target)
        self.set_experiment(experiment)
        self.edited.emit(experiment)

    def _start_picked(self, key: Any) -> None:
        if key is FROM_FILE:
            self.start_from.set_key(type(self.experiment.target))
            self.choose_file()
        elif key is Painting:
            self._begin_painting()
        elif key is not type(self.experiment.target) or self.is_cleared:
            self._shown = None  # a shape that is chosen again comes back to a cleared canvas
            self._change(key())

    def _begin_painting(self) -> None:
        """What is on the canvas becomes a painting; a canvas that cannot be painted on is emptied first."""
        target = self.experiment.target
        if isinstance(target, Painting):
            return
        if self.easel.locked:
            self.easel.set_locked("")
            self._box = SQUARE
            self.easel.set_raster(np.zeros_like(self.easel.raster()), undoable=False)
            self.set_note("empty canvas")
            self.start_from.set_key(Painting)
        else:
            self._change(self._painting())

    def _painting(self) -> Painting:
        standardise = self.experiment.target.standardise
        used = self.easel.used_colours()
        ink = self.easel.layers()[list(used)] if len(used) > 1 else self.easel.raster()
        colours = () if used == tuple(range(len(used))) else used
        return Painting(raster=Array(ink), colours=colours, names=self.easel.naming.given(), box=self._box, standardise=standardise)

    def _stroke_finished(self) -> None:
        if self.easel.locked:
            return
        if self.easel.is_empty:
            kept = "the last painting" if isinstance(self.experiment.target, Painting) else label_of(self.experiment.target)
            self._say(f"The canvas is empty; the panes still show {kept}.", "dim")
            self.is_cleared = True
            return
        self._say("")
        painting = self._painting()
        target = painting if painting.colours or painting.names else self._origins.get(painting.raster.digest, painting)
        self.experiment = replace(self.experiment, target=target)
        self._shown = target
        self._fill_start()
        self._show_form(target)
        self._show_condition()
        self.set_note(self._note(target))
        self.painted.emit(target)

    def _renamed(self) -> None:
        """Names of labels are a part of a painting; those of an empty canvas, or of a shape, wait for ink."""
        if isinstance(self.experiment.target, Painting) and not self.easel.is_empty:
            self._stroke_finished()

    # ---- files -------------------------------------------------------------------------------------------------------

    def choose_file(self) -> None:
        """Ask for a file and load it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open a target", self.folder, FILES)
        if path:
            self.load_file(path)

    def load_file(self, path: str, columns: tuple[str, ...] | None = None, label: str | None = None) -> None:
        """Read an image or a table in the background; what is wrong with it is said beneath the canvas."""
        self.folder = str(Path(path).parent)
        self.folderUsed.emit(self.folder)
        self._say("")
        self.columns.set_path(path)
        self.set_note(f"reading {Path(path).name}…")
        self._loader.load(path, columns, label)

    def _loaded(self, target: Any) -> None:
        self.columns.hide()
        self._change(target)
        self.set_note(self._note(target))

    def _failed(self, sentence: str) -> None:
        self.set_note(self._note(self.experiment.target))
        self._say(sentence)
        self.columns.setVisible(self.columns.wanted(sentence))


class _ColumnsRow(QWidget):
    """Asks for the columns of a table that has too many, and for the one that holds labels."""

    chosen = Signal(str, object, object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._path = ""
        self.line, self.label = QLineEdit(self), QLineEdit(self)
        self.line.setPlaceholderText("columns: x, y")
        self.line.setAccessibleName("Columns")
        self.line.setToolTip("Two or three names of columns, with commas between them.")
        self.label.setPlaceholderText("label")
        self.label.setAccessibleName("Label column")
        self.label.setToolTip("The column that holds labels, at most eight different ones; empty for none.")
        button = QPushButton("Read", self)
        button.setToolTip("Read the table again with these columns.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 2)
        row.addWidget(self.label, 1)
        row.addWidget(button)
        for line in (self.line, self.label):
            line.returnPressed.connect(self._read)
        button.clicked.connect(self._read)
        self.hide()

    def set_path(self, path: str) -> None:
        self._path = path

    def wanted(self, sentence: str) -> bool:
        """Whether naming columns could help against this problem."""
        return "column" in sentence and Path(self._path).suffix.lower() in {".csv", ".tsv", ".txt", ".npy"}

    def _read(self) -> None:
        names = tuple(name.strip() for name in self.line.text().split(",") if name.strip())
        label = self.label.text().strip()
        if names or label:
            self.chosen.emit(self._path, names or None, label or None)


def _to_square(ink: np.ndarray) -> np.ndarray:
    """A raster of another size on the easel's 256 × 256, by nearest cells."""
    h, w = ink.shape
    rows = (np.arange(256) * h) // 256
    columns = (np.arange(256) * w) // 256
    return np.asarray(ink[np.ix_(rows, columns)], dtype=np.float32)
