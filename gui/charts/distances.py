"""DistanceTable: how far each pane's result is from the target, beside the floor that fresh draws of the target reach among themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QWidget

from engine.distance_table import Row
from gui.distance_words import KIND, Kind, in_words, over_floor, plus_minus, tip_of
from gui.widgets import card, column, heading, label, row

TIMES = "× floor"
TIMES_TIP = "W₂ over its floor: 1 is as good as fresh draws of the target itself"
FIRST = ("nll", "kl", "modes", "straightness", "sliced_w2", "excess", "tv", "js", "energy", "mmd")
COLUMNS: tuple[Kind | str, ...] = (KIND["w2"], TIMES, *(KIND[name] for name in FIRST))
"""In the order in which they find room."""
SPACING, TITLE_WIDTH = 16, 84
WAITING, NONE = "…", "–"
OWN_FLOORS = "Each pane has a floor of its own: another n, or another truth. It is in the tooltip of the number"


class DistanceTable(QWidget):
    """One row a pane, and the floor; as many distances as there is room for, all of them in a window of their own."""

    all_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        frame = card()
        self._note = label("", "dim", figures=True, points=-1.0)
        self.more = QPushButton("All distances…")
        self.more.setProperty("role", "flat")
        self.more.clicked.connect(self.all_asked)
        self.more.setToolTip("Every distance of every pane with its error and floor, to copy and to save (Ctrl+I)")
        self._note.setToolTip("n points on each side of each repeat; ± is the standard error of the mean over the repeats")
        self._place = _Place(self._show)
        self._place.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._grid = QGridLayout(self._place)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACING)
        self._grid.setVerticalSpacing(3)
        self._cells: list[list[QLabel]] = []
        self._rows: list[Row] = []
        self._empty: Collection[int] = ()
        layout = column(row(heading("Distances"), self.more, 1, self._note, spacing=6), self._place, 1, spacing=4, margins=(12, 7, 12, 8))
        frame.setLayout(layout)
        self.setLayout(column(frame))
        self.show_rows([])

    def show_rows(self, rows: Sequence[Row], empty: Collection[int] = ()) -> None:
        """What is known of each pane; what is missing is waited for, but in panes that are ``empty``."""
        self._rows, self._empty = list(rows), empty
        self._show()

    @property
    def texts(self) -> list[list[str]]:
        """What the cells say, the head first."""
        return [[cell.text() for cell in line] for line in self._cells]

    def _show(self) -> None:
        lines = [[("", ""), *(_head(kind) for kind in COLUMNS)]]
        for place, one in enumerate(self._rows):
            missing = NONE if place in self._empty else WAITING
            lines.append([(one.pane, f"{one.pane}: {one.settings}"), *(_cell(kind, one, missing) for kind in COLUMNS)])
        floors = [_floor(kind, self._rows) for kind in COLUMNS]
        if any(words for words, _tip in floors):
            lines.append([("floor", "What fresh draws of the target have among themselves: no model can be told from it below"), *floors])
        self._note.setText(_note(self._rows))
        count = self._room(lines)
        self._fill([line[: 1 + count] for line in lines])

    def _room(self, lines: list[list[tuple[str, str]]]) -> int:
        """How many columns fit; three at least."""
        metrics = self._metrics()
        left = self._place.width() - min(TITLE_WIDTH, max(metrics.horizontalAdvance(line[0][0]) for line in lines))
        for place in range(1, len(lines[0])):
            left -= SPACING + max(metrics.horizontalAdvance(line[place][0]) for line in lines) + 1
            if left < 0:
                return max(3, place - 1)
        return len(lines[0]) - 1

    def _metrics(self) -> object:
        return label("", figures=True, points=-0.5).fontMetrics()

    def _fill(self, lines: list[list[tuple[str, str]]]) -> None:
        if [len(line) for line in lines] != [len(line) for line in self._cells]:
            for line in self._cells:
                for cell in line:
                    self._grid.removeWidget(cell)
                    cell.deleteLater()
            quiet = {0} | ({len(lines) - 1} if lines[-1][0][0] == "floor" and len(lines) > 1 + len(self._rows) else set())
            self._cells = [[self._made(i, k, quiet=i in quiet) for k in range(len(line))] for i, line in enumerate(lines)]
            self._grid.setColumnStretch(0, 1)
        for cells, line in zip(self._cells, lines, strict=True):
            for cell, (words, tip) in zip(cells, line, strict=True):
                cell.setText(words)
                cell.setToolTip(tip)

    def _made(self, line: int, place: int, *, quiet: bool) -> QLabel:
        made = label("", "dim" if quiet else "", figures=True, points=-0.5, elided=place == 0)
        if place:
            made.setAlignment(Qt.AlignmentFlag.AlignRight)
        else:
            made.setMinimumWidth(TITLE_WIDTH)
        self._grid.addWidget(made, line, place)
        return made

    def minimumSizeHint(self) -> QSize:
        return QSize(220, super().minimumSizeHint().height())


class _Place(QWidget):
    """Where the cells are; another width may have room for more of them."""

    def __init__(self, resized: Callable[[], object]) -> None:
        super().__init__()
        self._resized = resized

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._resized()


def _head(kind: Kind | str) -> tuple[str, str]:
    return (kind, TIMES_TIP) if isinstance(kind, str) else (kind.short, f"{kind.tip} ({kind.unit}; {kind.best})")


def _cell(kind: Kind | str, found: Row, missing: str) -> tuple[str, str]:
    if isinstance(kind, str):
        one = found.distances.get("w2")
        ratio = None if one is None else over_floor(one)
        if ratio is None:
            return (missing if one is None else NONE), TIMES_TIP
        return plus_minus(*ratio)[0], f"{TIMES_TIP}: {' ± '.join(part for part in plus_minus(*ratio) if part)}"
    one = found.distances.get(kind.name)
    if one is None:
        return missing, "Not known yet" if missing == WAITING else "There are no particles"
    if one.value is None:
        return NONE, tip_of(kind, one)
    return in_words(kind, one.value, one.error, " ±"), tip_of(kind, one)


def _floor(kind: Kind | str, found: Sequence[Row]) -> tuple[str, str]:
    """The floor that all panes share."""
    if isinstance(kind, str):
        return ("1", TIMES_TIP) if any(row.distances.get("w2") for row in found) else ("", "")
    known = [one for row in found if (one := row.distances.get(kind.name)) is not None and one.floor is not None]
    if not known:
        return "", ""
    floor, error = known[0].floor, known[0].floor_error
    if floor is None or any(other.floor != floor for other in known):
        return "*", OWN_FLOORS
    return in_words(kind, floor, error, " ±"), f"{kind.floor_words}: {in_words(kind, floor, error)} ({kind.unit})"


def _note(found: Sequence[Row]) -> str:
    """n and the units."""
    counts = sorted({one.n for row in found if (one := row.distances.get("w2")) is not None and one.n})
    points = " and ".join(f"{n:,}".replace(",", "\u202f") for n in counts)
    return f"n = {points} · standardised units, nats" if counts else ""
