"""OverTraining: the card of curves along the training: the loss, or one of the distances, chosen by chips."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QButtonGroup, QMenu, QPushButton, QSizePolicy, QStackedWidget, QWidget

from gui.charts.loss import LossChart
from gui.distance_words import KIND, KINDS, Kind, in_words
from gui.series_of_distances import DistanceSeries
from gui.widgets import card, column, label, row, shrinkable

CHIPS = ("w2", "nll")
"""Those that have a chip of their own; the others are in a menu."""
OTHERS = tuple(kind.name for kind in KINDS if kind.name not in CHIPS)
EMPTY = "Press Train: each pane's {long} is measured every few seconds and drawn here."


class OverTraining(QWidget):
    """``choose`` a curve by its name, ``"loss"`` or a distance; ``show_distances`` may be called at frame rate."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.loss = LossChart()
        self.curves = DistanceCurves()
        self._pages = QStackedWidget()
        self._pages.addWidget(self.loss)
        self._pages.addWidget(self.curves)
        self._chips: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        self._chip("loss", "Loss", "The loss of each training step, on a logarithmic axis")
        for name in CHIPS:
            self._chip(name, KIND[name].short, f"{KIND[name].tip}; over training")
        self._other = OTHERS[0]
        self._chip("other", "", "")
        self._chips["other"].setMenu(self._menu())
        self._name_other()
        values = [shrinkable(value) for value in (self.loss.value, self.curves.value)]
        head = row(*self._chips.values(), *values, spacing=4)
        for value in values:
            head.setStretch(head.indexOf(value), 1)
        frame = card()
        layout = column(head, self._pages, margins=(10, 7, 12, 8))
        layout.setStretch(1, 1)
        frame.setLayout(layout)
        self.setLayout(column(frame))
        self.choose("loss")

    @property
    def name(self) -> str:
        """What is shown."""
        return self._name

    _name = "loss"

    def choose(self, name: str) -> None:
        """Another curve."""
        self._name = name
        if name in OTHERS:
            self._other = name
            self._name_other()
        self._chips[name if name in self._chips else "other"].setChecked(True)
        self._pages.setCurrentIndex(0 if name == "loss" else 1)
        self.loss.value.setVisible(name == "loss")
        self.curves.value.setVisible(name != "loss")
        if name != "loss":
            self.curves.show_kind(KIND[name])
        self.chosen.emit(name)

    def show_distances(self, series: DistanceSeries) -> None:
        """What has been measured so far."""
        self.curves.show_series(series)

    def _chip(self, name: str, words: str, tip: str) -> None:
        made = QPushButton(words)
        made.setProperty("role", "chip")
        made.setCheckable(True)
        made.setToolTip(tip)
        made.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        if name != "other":
            made.clicked.connect(lambda: self.choose(name))
        self._group.addButton(made)
        self._chips[name] = made

    def _menu(self) -> QMenu:
        menu, group = QMenu(self), QActionGroup(self)
        menu.setToolTipsVisible(True)
        for name in OTHERS:
            action = menu.addAction(f"{KIND[name].long} ({KIND[name].unit})")
            action.setToolTip(KIND[name].tip)
            action.setCheckable(True)
            group.addAction(action)
            action.triggered.connect(lambda _checked=False, name=name: self.choose(name))
        menu.aboutToShow.connect(lambda: self._tick(menu))
        menu.aboutToHide.connect(self._after_menu)
        return menu

    def _tick(self, menu: QMenu) -> None:
        for name, action in zip(OTHERS, menu.actions(), strict=True):
            action.setChecked(name == self._name)

    def _after_menu(self) -> None:
        """A menu that was left without a choice leaves the chip that was chosen before."""
        self._chips[self._name if self._name in self._chips else "other"].setChecked(True)

    def _name_other(self) -> None:
        kind, chip = KIND[self._other], self._chips["other"]
        chip.setText(kind.short)
        chip.setToolTip(f"{kind.tip}; over training. Click for the other distances")
        chip.setAccessibleName(f"{kind.long}, and other distances")


class DistanceCurves(QWidget):
    """The curves of one distance, or in words that there are none yet."""

    def __init__(self) -> None:
        super().__init__()
        self.value = label("", "dim", figures=True, points=-1.0, live=True)
        self.value.setToolTip("The band is two standard errors of the mean over the repeats on each side")
        self.value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.empty = label("", "dim")
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.plot: Any = None
        self._kind: Kind = KINDS[0]
        self._series = DistanceSeries()
        self._drawn: tuple[object, str] | None = None
        self._layout = column(self.empty)
        self.setLayout(self._layout)

    def show_kind(self, kind: Kind) -> None:
        """Another distance."""
        self._kind = kind
        self._show()

    def show_series(self, series: DistanceSeries) -> None:
        """What has been measured so far; nothing is drawn where it is the same as before."""
        self._series = series
        if self.isVisible() or self._drawn is None:
            self._show()

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]  # a QShowEvent, which nothing here looks at
        self._show()

    def _show(self) -> None:
        if self._drawn is not None and self._drawn[0] is self._series and self._drawn[1] == self._kind.name:
            return
        self._drawn = (self._series, self._kind.name)
        curves, kind = self._series.of(self._kind.name), self._kind
        self.empty.setVisible(not curves)
        self.empty.setText(EMPTY.format(long=kind.long))
        scale = " · log" if kind.logarithmic else ""
        unit = f"% {kind.unit.removeprefix('share ')}" if kind.share else kind.unit
        words = f"{unit}{scale} · band ± 2 SE" if curves else ""
        if len(curves) == 1:
            words = f"{in_words(kind, curves[0].values[-1], curves[0].errors[-1]).removesuffix(' %')} {words}"
        self.value.setText(words)
        if self.plot is None and curves:
            from gui.charts.curves import CurvesPlot

            self.plot = CurvesPlot()
            self._layout.insertWidget(0, self.plot, 1)
        if self.plot is not None:
            from gui.charts.curves import Axis

            self.plot.setVisible(bool(curves))
            self.plot.setToolTip(f"{kind.tip}.")
            axis = Axis(f"{kind.long} ({unit})", kind.logarithmic, kind.floor_words, kind.best.startswith("higher"))
            self.plot.show_curves([curve.times(100.0) for curve in curves] if kind.share else curves, axis)
