"""SourcesPage: how much of a pane's error is the network's and how much the solver's; more steps; the mass in each mode."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from engine.error_parts import NAMES, Sources, sources_refusal
from engine.error_words import conclusion, ends_words, mass_words, plus_minus, solver_advice, words_of
from gui.forms.struct_form import StructForm
from gui.truth.bars import BarRow, SourceBars
from gui.truth.basis import Basis
from gui.truth.page import Page, Slice, wrapped
from gui.truth.tables import Table, number
from gui.widgets import column, heading, label, row

if TYPE_CHECKING:
    from gui.lab import Lab

MOST_MODES = 9
"""Rows of the little table; the export has all."""
EXPLAINED = (
    "The pane's distance to the data is measured four times over: with the exact field or the network, by the pane's own solver or by "
    "a fine one, all from the same noise and against the same draws of the data.\n\n"
    "What the network adds: network less exact field, both by the fine solver. What the solver adds: pane's solver less fine solver, both "
    "on the exact field. W₂ is no sum, so the two need not add up to the whole."
)


class SourcesSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How finely it is measured."""

    particles: Annotated[
        int, Meta(ge=100, le=2_000, description="Particles, and draws of the data, of each repeat: the n of exact W₂.", extra={"log": True})
    ] = 1_000
    repeats: Annotated[int, Meta(ge=3, le=40, description="Repeats, each with noise and draws of its own: more make errors smaller.")] = 8
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Names the noise and the draws.")] = 0


class SourcesPage(Page):
    """Where the error comes from."""

    NAME = "error sources"
    EMPTY = (
        "Which part of this pane's error comes from the network, and which from the solver?\nPress Measure: it takes half a minute or so."
    )

    def __init__(self, lab: Lab):
        self.form = StructForm(SourcesSettings)
        self.chart = SourceBars()
        self._advice, self._ladder, self._modes = wrapped(""), QGridLayout(), QGridLayout()
        self._modes_head = heading("Mass in each mode, %")
        self._modes_note = wrapped("")
        for grid in (self._ladder, self._modes):
            grid.setHorizontalSpacing(14)
            grid.setVerticalSpacing(2)
        below = row(
            column(heading("Steps of the solver"), self._ladder, self._advice, 1, spacing=5),
            column(self._modes_head, self._modes, self._modes_note, 1, spacing=5),
            spacing=28,
        )
        below.setStretch(0, 1)
        below.setStretch(1, 1)
        body = QWidget()
        inside = column(self.chart, below, spacing=10)
        inside.setStretch(0, 1)
        body.setLayout(inside)
        left = QWidget()
        left.setLayout(column(heading("Points and repeats"), self.form, heading("What is measured"), wrapped(EXPLAINED), 1, spacing=8))
        super().__init__(lab, left, body)
        self.form.changed.connect(lambda _value: self.show_state())

    def settings(self) -> object:
        return self.form.value

    def refusal(self, basis: Basis) -> str | None:
        return basis.refusal() or sources_refusal(basis.sampler)

    def slices(self, basis: Basis) -> Callable[[], Generator[Slice | None, None, None]]:
        asked: SourcesSettings = self.form.value
        device = self.lab.training.device

        def work() -> Generator[Slice | None, None, None]:
            from engine.devices import resolve
            from engine.error_sources import error_sources
            from engine.fields.exact import exact_field_of

            yield Slice(0.0, "The exact field")
            learned = basis.snapshot is not None
            model = basis.snapshot.field if basis.snapshot is not None else exact_field_of(basis.law, resolve(device))
            last = None
            for found in error_sources(
                model, basis.sampler, basis.law, learned=learned, n=asked.particles, repeats=asked.repeats, seed=asked.seed
            ):
                new = last is None or len(found.w2) != len(last.w2) or len(found.ladder) != len(last.ladder) or not found.doing
                new = new or (found.modes is not last.modes if last is not None else True)
                last = found
                yield Slice(found.fraction, found.doing, found if new and found.w2 else None)

        return work

    def show_result(self, result: Sources) -> None:
        n = f"{result.n:,}".replace(",", "\u202f")
        self.chart.show_rows(rows_of(result), f"exact W₂ to the data, standardised units · n = {n}, mean of {result.repeats}")
        _fill(self._ladder, _ladder_rows(result))
        self._advice.setText(solver_advice(result))
        _fill(self._modes, _mode_rows(result))
        self._modes_note.setText(_modes_note(result))

    def words(self, result: Sources) -> str:
        said = [conclusion(result), mass_words(result), ends_words(result)]
        return " ".join(part for part in said if part) or "Measuring…"

    def tables(self, result: Sources) -> list[Table]:
        return tables(result)


def rows_of(result: Sources) -> tuple[BarRow, ...]:
    """The bars, from the floor to the pane."""
    fine, own = result.fine or "a fine solver", f"{result.sampler.label}, {result.sampler.steps:,} steps"
    about = {
        "floor": "the floor: as near as anything comes",
        "ideal": f"perfect, by {fine}",
        "solver": f"{own}: what the solver adds",
        "network": f"{fine}: what the network adds",
        "pane": f"both, {own}",
    }
    names = dict(NAMES) if result.learned else {"floor": NAMES["floor"], "ideal": NAMES["ideal"], "solver": "This pane: exact field"}
    found = []
    for name, words in names.items():
        mean = result.w2.get(name)
        if mean is None:
            reason = result.absent.get(name, "measured in a moment" if result.fraction < 1.0 else "")
            found.append(BarRow(words, about[name], 0.0, (), math.nan, 0.0, reason))
            continue
        part = result.part(name) if name != "floor" else None
        base = mean.mean if part is None or name == "ideal" else result.w2["ideal"].mean
        excess = words_of(part) if part is not None and name != "ideal" else ""
        found.append(BarRow(words, about[name], base, _pieces(result, name), mean.mean, mean.error, words_of(mean), _signed(excess)))
    return tuple(found)


def _pieces(result: Sources, name: str) -> tuple[tuple[str, float], ...]:
    """What stands on the base: the part of its own name; of the pane both parts, scaled to its own excess."""
    part = result.part(name)
    if part is None or name in ("floor", "ideal"):
        return ()
    if name != "pane":
        return ((name, part.mean),)
    parts = [(kind, max(0.0, found.mean)) for kind in ("network", "solver") if (found := result.part(kind)) is not None]
    total = sum(length for _, length in parts)
    return tuple((kind, length * max(0.0, part.mean) / total) for kind, length in parts) if total > 0 else ()


def _signed(words: str) -> str:
    return words if not words or words.startswith("−") else f"+{words}"


def _ladder_rows(result: Sources) -> list[list[str]]:
    if not result.ladder:
        return []
    rows = [["steps", "solver adds to W₂", "ends off by (RMS, std. units)"]]
    for rung in result.ladder:
        mark = " (now)" if rung.steps == result.sampler.steps else ""
        off = f"{rung.off:.2g}" if math.isfinite(rung.off) else "–"
        rows.append([f"{rung.steps:,}{mark}".replace(",", "\u202f"), words_of(rung.part), off])
    return rows


def _mode_rows(result: Sources) -> list[list[str]]:
    modes = result.modes
    if modes is None:
        return []
    shown = "pane" if "pane" in modes.shares else "solver"
    if shown not in modes.shares:
        return []
    shifts = {name: modes.shift(name, "ideal") for name in ("network", "solver") if name in modes.shares}
    rows = [["mode", "truth", "this pane", *(f"{name} adds" for name in shifts)]]
    mean, error = modes.mean(shown), modes.error(shown)
    for k, name in enumerate(modes.names[:MOST_MODES]):
        moved = [_signed(plus_minus(100 * own[k].mean, 100 * own[k].error)) for own in shifts.values()]
        rows.append([name, f"{100 * modes.due(k):.1f}", plus_minus(100 * mean[k], 100 * error[k]), *moved])
    return rows


def _modes_note(result: Sources) -> str:
    if result.modes is None:
        return f"No modes: {result.modes_reason}" if result.modes_reason else ""
    more = len(result.modes.names) - MOST_MODES
    rule = f"{result.modes.rule}, in %; what is added is paired: from the same noise."
    return rule if more <= 0 else f"{rule} {more} more in the table that is saved."


def _fill(grid: QGridLayout, rows: list[list[str]]) -> None:
    cells = [cell for line in rows for cell in line]
    old = [item.widget() for k in range(grid.count()) if (item := grid.itemAt(k)) is not None]
    if [cell.text() for cell in old if isinstance(cell, QLabel)] == cells:
        return
    for cell in old:
        grid.removeWidget(cell)
        cell.deleteLater()
    for line, texts in enumerate(rows):
        for place, words in enumerate(texts):
            made = label(words, "" if line else "dim", figures=True, points=-0.5)
            made.setAlignment(Qt.AlignmentFlag.AlignRight if place else Qt.AlignmentFlag.AlignLeft)
            made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
            grid.addWidget(made, line, place)


def tables(result: Sources) -> list[Table]:
    """Distances, the ladder of steps, and the modes."""
    rows = []
    for name, words in NAMES.items():
        mean, part = result.w2.get(name), result.part(name) if name != "floor" else None
        if mean is None:
            continue
        excess = ("", "") if part is None else (number(part.mean), number(part.error))
        rows.append((words, number(mean.mean), number(mean.error), *excess, str(result.n), str(result.repeats)))
    unit = "(standardised units)"
    head = ("points", f"W2 {unit}", f"standard error {unit}", f"over perfect, paired {unit}", f"its standard error {unit}", "n", "repeats")
    found = [Table(head, tuple(rows))]
    if result.ladder:
        steps = tuple(
            (str(r.steps), str(r.evaluations or ""), number(r.part.mean), number(r.part.error), number(r.off)) for r in result.ladder
        )
        columns = (
            "steps of the solver",
            "evaluations (per particle)",
            f"it adds to W2 {unit}",
            f"standard error {unit}",
            f"RMS off {unit}",
        )
        found.append(Table(columns, steps))
    modes = result.modes
    if modes is not None:
        names = [name for name in NAMES if name in modes.shares]
        columns = ("mode", "weight in truth", *(f"{NAMES[name]}: {what}" for name in names for what in ("share", "standard error")))
        lines = [
            (mode, number(float(modes.weights[k])), *(number(float(of(name)[k])) for name in names for of in (modes.mean, modes.error)))
            for k, mode in enumerate(modes.names)
        ]
        found.append(Table(tuple(columns), tuple(lines)))
    return found
