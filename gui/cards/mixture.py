"""MixtureEditor: the Gaussians of a mixture as a table, one row each: weight, mean, covariance."""

from __future__ import annotations

import math

import numpy as np
from msgspec.structs import replace
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.targets import Mixture
from gui.forms.number import shown
from gui.icons import wear
from gui.theme import colour

MOST = 64


def _columns(d: int) -> list[tuple[str, str]]:
    """Header and help of each column."""
    axes = "xyz"[:d]
    pairs = [(i, j) for i in range(d) for j in range(i, d)]
    return (
        [("w", "Mass of this Gaussian; any positive number.")]
        + [(f"μ {a}", f"Mean along {a}.") for a in axes]
        + [
            (f"Σ {axes[i]}{axes[j]}", f"Variance along {axes[i]}." if i == j else f"Covariance of {axes[i]} and {axes[j]}.")
            for i, j in pairs
        ]
    )


class MixtureEditor(QWidget):
    """``changed(mixture)`` fires for valid edits; what is wrong is said beneath, and changes nothing."""

    changed = Signal(object)

    def __init__(self, value: Mixture, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value = value
        self.table = QTableWidget(self)
        self.table.setAccessibleName("Gaussians")
        self.table.setToolTip("One Gaussian a row: weight, mean, covariance. Double-click or type to edit.")
        self.table.verticalHeader().hide()
        small = self.table.font()
        small.setPointSizeF(small.pointSizeF() * 0.86)
        self.table.setFont(small)
        self.table.horizontalHeader().setFont(small)
        self.table.horizontalHeader().setMinimumSectionSize(24)
        self.table.verticalHeader().setDefaultSectionSize(22)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectItems)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.problem = QLabel(self)
        self.problem.setProperty("role", "problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.add = self._button("add", "Add a Gaussian", self._add)
        self.remove = self._button("remove", "Remove the selected Gaussian", self._remove)
        row = QHBoxLayout()
        row.setSpacing(3)
        row.addStretch(1)
        row.addWidget(self.remove)
        row.addWidget(self.add)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        outer.addWidget(self.table)
        outer.addWidget(self.problem)
        outer.addLayout(row)
        self.table.cellChanged.connect(self._typed)
        self.set_value(value)

    def _button(self, icon_name: str, words: str, act: object) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("role", "tool")
        button.setToolTip(words)
        button.setAccessibleName(words)
        wear(button, icon_name)
        button.clicked.connect(act)
        return button

    @property
    def value(self) -> Mixture:
        return self._value

    def set_value(self, value: Mixture) -> None:
        """Show a mixture without saying so."""
        self._value = value
        d = value.dimension
        columns = _columns(d)
        self.table.blockSignals(True)
        self.table.setRowCount(len(value.means))
        self.table.setColumnCount(len(columns))
        for k, (title, tip) in enumerate(columns):
            header = QTableWidgetItem(title)
            header.setToolTip(tip)
            self.table.setHorizontalHeaderItem(k, header)
        for r in range(len(value.means)):
            for c, number in enumerate(self._numbers(r)):
                item = QTableWidgetItem(shown(float(number)))
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(columns[c][1])
                self.table.setItem(r, c, item)
        mode = QHeaderView.ResizeMode.Stretch if d == 2 else QHeaderView.ResizeMode.ResizeToContents
        self.table.horizontalHeader().setSectionResizeMode(mode)
        self.table.setFixedHeight(28 + 22 * min(6, len(value.means)) + (10 if d == 3 else 2))
        self.table.blockSignals(False)
        self.remove.setEnabled(len(value.means) > 1)
        self.add.setEnabled(len(value.means) < MOST)
        self._say("")

    def _numbers(self, row: int) -> list[float]:
        v, d = self._value, self._value.dimension
        covariance = v.covariances[row]
        return [v.weights[row], *v.means[row], *(covariance[i][j] for i in range(d) for j in range(i, d))]

    def _say(self, sentence: str) -> None:
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))

    def _typed(self, row: int, column: int) -> None:
        title = _columns(self._value.dimension)[column][0]
        item = self.table.item(row, column)
        text = item.text()
        try:
            number = float(text.replace("−", "-").replace(",", "."))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self._say(f"{title} in row {row + 1} must be a number; “{text[:20]}” is not.")
            self._mark(item)
            return
        numbers = self._numbers(row)
        numbers[column] = number
        self._put(row, numbers)
        if self.problem.text():
            self._mark(item)

    def _mark(self, item: QTableWidgetItem) -> None:
        """What is wrong is red until the next valid edit."""
        self.table.blockSignals(True)
        item.setForeground(colour("danger"))
        self.table.blockSignals(False)

    def _put(self, row: int, numbers: list[float]) -> None:
        d = self._value.dimension
        weight, mean = numbers[0], tuple(numbers[1 : 1 + d])
        covariance = np.zeros((d, d))
        covariance[np.triu_indices(d)] = numbers[1 + d :]
        covariance = np.triu(covariance) + np.triu(covariance, 1).T
        if weight <= 0:
            self._say(f"The weight in row {row + 1} must be above 0.")
        elif float(np.linalg.eigvalsh(covariance)[0]) <= 0:
            self._say(f"The covariance in row {row + 1} must be positive definite: Σxy² < Σxx Σyy, variances above 0.")
        else:
            v = self._value
            matrix = tuple(tuple(float(x) for x in line) for line in covariance)
            self._emit(
                replace(
                    v,
                    weights=_with(v.weights, row, weight),
                    means=_with(v.means, row, mean),
                    covariances=_with(v.covariances, row, matrix),
                )
            )

    def _add(self) -> None:
        v, d = self._value, self._value.dimension
        angle = 2.4 * len(v.means)
        mean = (round(math.cos(angle), 2), round(math.sin(angle), 2), 0.0)[:d]
        matrix = tuple(tuple(0.1 if i == j else 0.0 for j in range(d)) for i in range(d))
        self._emit(replace(v, weights=(*v.weights, 1.0), means=(*v.means, mean), covariances=(*v.covariances, matrix)))
        self.table.setCurrentCell(len(v.means), 0)

    def _remove(self) -> None:
        v = self._value
        row = self.table.currentRow() if self.table.currentRow() >= 0 else len(v.means) - 1
        if len(v.means) > 1:
            self._emit(replace(v, weights=_without(v.weights, row), means=_without(v.means, row), covariances=_without(v.covariances, row)))

    def _emit(self, value: Mixture) -> None:
        self.set_value(value)
        self.changed.emit(value)


def _with(items: tuple, index: int, item: object) -> tuple:
    return (*items[:index], item, *items[index + 1 :])


def _without(items: tuple, index: int) -> tuple:
    return (*items[:index], *items[index + 1 :])
