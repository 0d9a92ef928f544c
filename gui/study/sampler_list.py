"""SamplerList: a box to tick for each sampler, in groups, with its mark; what the exact field refuses is grey, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QCheckBox, QFrame, QScrollArea, QWidget

from engine.introspection import alternatives
from engine.samplers import Sampler
from gui.forms.reflection import grouped, help_of
from gui.study.marks import SWATCH, draw_swatch
from gui.theme import notifier
from gui.widgets import column, heading


class SamplerList(QScrollArea):
    """``changed`` when a box is ticked. The samplers are those of the panes where they have one of that kind, else the default ones."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._boxes: list[tuple[QCheckBox, Any]] = []
        self._inside = QWidget()
        self._column = column(spacing=3, margins=(0, 0, 6, 0))
        self._inside.setLayout(self._column)
        self._inside.setObjectName("panel")
        self.setWidget(self._inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        notifier().changed.connect(self._wear_marks)

    @property
    def chosen(self) -> list[Any]:
        """The samplers that are ticked."""
        return [sampler for box, sampler in self._boxes if box.isChecked() and box.isEnabledTo(self._inside)]

    def fill(self, of_panes: Sequence[Any], ticked: frozenset[str], refusal: Callable[[Any], str | None]) -> None:
        """One box for each kind; ``ticked`` are names of samplers."""
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self._boxes = []
        own = {type(sampler): sampler for sampler in of_panes}
        for group, kinds in grouped(alternatives(Sampler)):
            if group:
                self._column.addWidget(heading(group))
            for kind in kinds:
                self._add(own.get(kind, kind()), kind in own, ticked, refusal)
        self._column.addStretch(1)
        self._wear_marks()

    def _add(self, sampler: Any, of_a_pane: bool, ticked: frozenset[str], refusal: Callable[[Any], str | None]) -> None:
        box = QCheckBox(sampler.label)
        reason = refusal(sampler)
        words = sampler.words
        lines = [help_of(sampler), f"As in a pane: {words}." if of_a_pane and words else ""]
        box.setToolTip(reason or "\n".join(line for line in lines if line))
        box.setEnabled(reason is None)
        box.setChecked(reason is None and sampler.name in ticked)
        box.setIconSize(SWATCH)
        box.clicked.connect(self.changed)
        self._boxes.append((box, sampler))
        self._column.addWidget(box)

    def _wear_marks(self) -> None:
        for box, sampler in self._boxes:
            box.setIcon(_swatch(sampler, self.devicePixelRatioF()))


def _swatch(sampler: Any, ratio: float) -> QIcon:
    """A piece of line with the symbol on it, as in the chart."""
    picture = QPixmap(SWATCH * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    draw_swatch(painter, sampler, QRectF(0, 0, SWATCH.width(), SWATCH.height()))
    painter.end()
    return QIcon(picture)
