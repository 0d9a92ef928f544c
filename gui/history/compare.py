"""Comparison: the curves of several runs in one chart, and their last distances side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QHeaderView,
    QPushButton,
    QStackedLayout,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from engine.past_run import PastRun
from gui.charts.curves import Axis, CurvesPlot
from gui.charts.series import LossSeries
from gui.distance_words import KIND, KINDS, in_words
from gui.series_of_distances import Curve, DistanceSeries
from gui.theme import tabular
from gui.widgets import card, column, label, row

HEAD_WIDTH, NARROWEST = 170, 92
"""Pixels of the names of distances, and of a run's column."""
EMPTY = "The curves and the last distances of the chosen runs stand here side by side."
What = Literal["loss", "w2", "nll"]
WORDS: dict[What, tuple[str, str]] = {
    "loss": ("Loss", "Smoothed loss of each run; losses of different objectives are different quantities"),
    "w2": ("W₂", "Exact W₂ to each run's own target along its training, first pane"),
    "nll": ("NLL", "Negative log-likelihood of fresh data along each training"),
}


class Comparison(QWidget):
    """``show_runs`` draws everything anew."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: tuple[PastRun, ...] = ()
        self._what: What = "loss"
        self.plot = CurvesPlot()
        self.about = label("", "dim", points=-1.0)
        group = QButtonGroup(self)
        self.chips: dict[What, QPushButton] = {}
        for what, (words, tip) in WORDS.items():
            chip = QPushButton(words)
            chip.setProperty("role", "chip")
            chip.setCheckable(True)
            chip.setChecked(what == self._what)
            chip.setToolTip(tip)
            chip.clicked.connect(lambda _checked=False, what=what: self.choose(what))
            group.addButton(chip)
            self.chips[what] = chip
        self.table = QTableWidget()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setAccessibleName("Last distances of the runs")
        self.table.setToolTip("The last distances of each run to its own target, ± standard error; the floor is what fresh draws reach")
        self.table.verticalHeader().setDefaultSectionSize(24)
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.verticalHeader().setFixedWidth(HEAD_WIDTH)
        self.table.verticalHeader().setTextElideMode(Qt.TextElideMode.ElideRight)
        self.table.verticalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.horizontalHeader().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.table.setCornerButtonEnabled(False)
        self.table.setShowGrid(False)
        frame = card()
        inner = column(row(*self.chips.values(), 1, self.about, spacing=4), self.plot, margins=(10, 7, 12, 6))
        inner.setStretch(1, 1)
        frame.setLayout(inner)
        halves = row(frame, self.table, spacing=10)
        halves.setStretch(0, 1)
        halves.setStretch(1, 1)
        both, empty, hint = QWidget(), card(), label(EMPTY, "dim")
        both.setLayout(halves)
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        hint.setWordWrap(True)
        empty.setLayout(column(hint, margins=(24, 12, 24, 12)))
        self.pages = QStackedLayout()
        self.pages.addWidget(empty)
        self.pages.addWidget(both)
        self.setLayout(self.pages)

    def show_runs(self, runs: Sequence[PastRun]) -> None:
        """These runs, in this order."""
        self._runs = tuple(runs)
        self.pages.setCurrentIndex(1 if runs else 0)
        self._draw()
        self._fill()

    def choose(self, what: What) -> None:
        """Another curve."""
        self._what = what
        self.chips[what].setChecked(True)
        self._draw()

    @property
    def curves(self) -> list[Curve]:
        """What is drawn."""
        found = [_loss(run) if self._what == "loss" else _distance(run, self._what) for run in self._runs]
        return [curve for curve in found if curve is not None]

    def _draw(self) -> None:
        curves = self.curves
        if self._what == "loss":
            self.plot.show_curves(curves, Axis("loss", True, ""))
            self.about.setText("loss · log · smoothed")
        else:
            kind = KIND[self._what]
            self.plot.show_curves(curves, Axis(f"{kind.long} ({kind.unit})", kind.logarithmic, kind.floor_words))
            self.about.setText(f"{kind.unit} · band ± 2 standard errors" if curves else "not measured in these runs")

    def _fill(self) -> None:
        """Rows: distance and pane; columns: runs."""
        series = [DistanceSeries(run.distances.curves, run.distances.names, run.distances.rows) for run in self._runs]
        lines = []
        for kind in KINDS:
            labels = dict.fromkeys(curve.label for one in series for curve in one.of(kind.name))
            lines += [(kind, name) for name in labels]
        self.table.setColumnCount(len(self._runs))
        self.table.setRowCount(len(lines))
        self.table.setHorizontalHeaderLabels([run.name for run in self._runs])
        for c, run in enumerate(self._runs):
            self.table.horizontalHeaderItem(c).setToolTip(run.name)
        self.table.setVerticalHeaderLabels([f"{kind.short} · {name}" for kind, name in lines])
        for r, (kind, name) in enumerate(lines):
            self.table.verticalHeaderItem(r).setToolTip(f"{kind.long} ({kind.unit}), {name}: {kind.tip}")
            for c, one in enumerate(series):
                curve = next((curve for curve in one.of(kind.name) if curve.label == name), None)
                item = QTableWidgetItem("–" if curve is None else in_words(kind, curve.values[-1], curve.errors[-1]))
                item.setFont(tabular(self.font()))
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if curve is not None and not np.isnan(curve.floors[-1]):
                    item.setToolTip(f"floor {in_words(kind, curve.floors[-1], curve.floor_errors[-1])}; at step {int(curve.steps[-1]):,}")
                self.table.setItem(r, c, item)
        cells = [item.text() for r in range(len(lines)) for c in range(len(series)) if (item := self.table.item(r, c)) is not None]
        widest = max((self.table.fontMetrics().horizontalAdvance(text) for text in cells), default=0)
        self.table.horizontalHeader().setMinimumSectionSize(max(NARROWEST, widest + 22))
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)


def _loss(run: PastRun) -> Curve | None:
    rows = run.losses[np.isfinite(run.losses).all(axis=1)]
    if not len(rows):
        return None
    smooth = LossSeries(rows).smoothed()
    nothing = np.full(len(smooth), np.nan)
    return Curve(run.name, smooth[:, 0], smooth[:, 1], nothing, nothing, nothing)


def _distance(run: PastRun, name: str) -> Curve | None:
    curves = DistanceSeries(run.distances.curves, run.distances.names, run.distances.rows).of(name)
    return replace(curves[0], label=run.name) if curves else None
