"""CurvePage: the mean squared errors of velocity and score over time, with the stage's time as a line in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray
from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QCheckBox, QWidget

from engine.error_words import plus_minus
from gui.forms.struct_form import StructForm
from gui.truth.basis import UNTRAINED, Basis
from gui.truth.lines import Curve, LinePlot
from gui.truth.page import Page, Slice, wrapped
from gui.truth.tables import Table, number
from gui.widgets import column, heading, row

if TYPE_CHECKING:
    from engine.error_maps import ErrorCurve
    from gui.lab import Lab

Floats = NDArray[np.float64]
STEP = 0.01
TIME_MS = 80
VELOCITY = "E‖u_θ − u‖², velocity"
SCORE = "E‖s_θ − s‖², score: Fisher divergence of p_t"
EXPLAINED = (
    "At each time t: the squared error of the network's velocity u_θ, and of its score s_θ, against the exact field in double precision, "
    "averaged over fresh points of p_t.\n\n"
    "The bands are the mean ± its standard error over the repeats. The dashed line is the stage's time: click in the chart, or press Left "
    "and Right, to move it."
)


class CurveSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How finely it is measured."""

    points: Annotated[int, Meta(ge=50, le=5_000, description="Points of p_t at each time in each repeat.", extra={"log": True})] = 500
    times: Annotated[int, Meta(ge=8, le=128, description="Times, closer together at the ends.")] = 32
    repeats: Annotated[int, Meta(ge=2, le=16, description="Repeats, from which the bands are.")] = 4
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Names the points.")] = 0


class CurvePage(Page):
    """Errors over time."""

    NAME = "errors over time"
    EMPTY = "How wrong is the network's velocity, and its score, at each time between noise and data?\nPress Measure."

    def __init__(self, lab: Lab):
        self.form = StructForm(CurveSettings)
        self.chart = LinePlot("Errors over time")
        self.log = QCheckBox("Logarithmic axis")
        self.log.setChecked(True)
        self.log.setToolTip("The axis of the errors: in powers of ten, or even")
        body = QWidget()
        self._note = wrapped("")
        inside = column(self.chart, row(self.log, 1), self._note, spacing=6)
        inside.setStretch(0, 1)
        body.setLayout(inside)
        left = QWidget()
        left.setLayout(column(heading("Points and times"), self.form, heading("What is measured"), wrapped(EXPLAINED), 1, spacing=8))
        super().__init__(lab, left, body)
        self.form.changed.connect(lambda _value: self.show_state())
        self.log.toggled.connect(lambda _on: self.redraw())
        self.chart.sought.connect(lambda t: lab.stage.seek(min(1.0, max(0.0, t))))
        self.chart.stepped.connect(lambda by: lab.stage.step(by * STEP))
        self._clock = QTimer(self)
        self._clock.setInterval(TIME_MS)
        self._clock.timeout.connect(self._show_time)

    def key(self, basis: Basis) -> object:
        return basis.law, basis.network, basis.guidance

    def basis_words(self, basis: Basis) -> str:
        return basis.field_words

    def settings(self) -> object:
        return self.form.value

    def refusal(self, basis: Basis) -> str | None:
        return basis.refusal() or (UNTRAINED if basis.network is None else None)

    def slices(self, basis: Basis) -> Callable[[], Generator[Slice | None, None, None]]:
        asked: CurveSettings = self.form.value

        def work() -> Generator[Slice | None, None, None]:
            from engine.error_maps import error_curve

            assert basis.network is not None
            yield Slice(0.0, "The exact field in double precision")
            field: Any = basis.network.field
            for curve in error_curve(field, basis.law, n=asked.points, times=asked.times, repeats=asked.repeats, seed=asked.seed):
                doing = f"{round(curve.fraction * asked.times)} of {asked.times} times"
                yield Slice(curve.fraction, doing if curve.fraction < 1.0 else "", curve if curve.fraction > 0.0 else None)

        return work

    def show_result(self, result: ErrorCurve) -> None:
        curves = [_curve(VELOCITY, "alpha", result.times, result.velocity)]
        if result.score is not None:
            curves.append(_curve(SCORE, "beta", result.times, result.score, dashed=True))
        titles = ("t, from noise (0) to data (1)", "mean squared error (standardised units)")
        self.chart.show_curves(curves, titles, log=self.log.isChecked(), across=(0.0, 1.0))
        self._note.setText("" if result.score is not None else f"No score, and so no Fisher divergence: {result.reason}")
        self._show_time()

    def words(self, result: ErrorCurve) -> str:
        if result.fraction < 1.0:
            return "Measuring…"
        low, high = result.interval
        over = f"t from {low:.3g} to {high:.3g}"
        said = [f"∫ E‖u_θ − u‖² dt = {_integral(result, result.velocity)}"]
        if result.score is not None:
            said.append(f"∫ E‖s_θ − s‖² dt = {_integral(result, result.score)}")
        worst = result.times[int(np.nanargmax(result.velocity.mean(axis=0)))]
        return f"{', '.join(said)}, {over}, standardised units. The velocity is furthest off at t = {worst:.2g}."

    def tables(self, result: ErrorCurve) -> list[Table]:
        return tables(result)

    def _show_time(self) -> None:
        self.chart.mark(self.lab.stage.clock.t)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._clock.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._clock.stop()


def _moments(values: Floats) -> tuple[Floats, Floats]:
    """Mean and standard error over the repeats, (m,) each."""
    return values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(len(values))


def _curve(words: str, role: str, times: Floats, values: Floats, dashed: bool = False) -> Curve:
    mean, error = _moments(values)
    return Curve(words, role, times, mean, mean - error, mean + error, dashed)


def _integral(curve: ErrorCurve, values: Floats) -> str:
    found = curve.integral(values)
    return plus_minus(float(found.mean()), float(found.std(ddof=1)) / math.sqrt(len(found)))


def tables(result: ErrorCurve) -> list[Table]:
    """The curves, and their integrals."""
    unit = "(standardised units)"
    kinds = [("velocity", result.velocity), *([("score", result.score)] if result.score is not None else [])]
    columns = ["t", *(f"{what} of squared {name} error {unit}" for name, _ in kinds for what in ("mean", "standard error"))]
    moments = [_moments(values) for _, values in kinds]
    rows = [(number(float(t)), *(number(float(part[k])) for pair in moments for part in pair)) for k, t in enumerate(result.times)]
    low, high = result.interval
    head = ("integral over t", "from", "to", f"value {unit}", f"standard error {unit}", "points", "repeats")
    sums = []
    for name, values in kinds:
        whole = result.integral(values)
        error = float(whole.std(ddof=1)) / math.sqrt(len(whole))
        sums.append((name, number(low), number(high), number(float(whole.mean())), number(error), str(result.n), str(len(whole))))
    return [Table(tuple(columns), tuple(rows)), Table(head, tuple(sums))]
