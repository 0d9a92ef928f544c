"""ProbeTable: what the pointer's card says, row by row, from the parts of an answer that are there. No Qt here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gui.probe import Nearest, Reading, Through, Values

WAITING, NONE = "…", "–"


@dataclass(frozen=True)
class Row:
    """``name``, what each column says, and its unit."""

    name: str
    cells: tuple[str, ...]
    unit: str = ""


@dataclass(frozen=True)
class ProbeTable:
    """A head, rows under their columns, and lines below."""

    head: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """For the clipboard: columns set off by tabs."""
        rows = [f"{row.name}{f' ({row.unit})' if row.unit else ''}" + "".join(f"\t{cell}" for cell in row.cells) for row in self.rows]
        return "\n".join([self.head, "\t".join(("", *self.columns)), *rows, *self.lines] if rows else [self.head, *self.lines]) + "\n"


def table(
    names: tuple[str, ...], place: tuple[float, ...], t: float, answer: Values | None, through: Through | None, playing: bool = False
) -> ProbeTable:
    """``place`` in the user's units. ``through`` counts where it belongs to the same point and time; while t plays, to the same point."""
    head = " · ".join(f"{name} {figure(value)}" for name, value in zip(names, place, strict=False))
    if answer is None:
        return ProbeTable(head)
    if through is not None:
        request, asked = through.request, answer.request
        if (request.run, request.x) != (asked.run, asked.x) or not (playing or request.t == asked.t):
            through = None
    own, truth = answer.own, answer.truth
    both = [own] if truth is None else [own, truth]
    learned = answer.request.run.snapshot is not None
    columns = ("network",) if learned and truth is None else ("network", "exact") if learned else ("exact",)
    later = [None if through is None else value for value in (through.log_prob if through else None, through.truth if through else None)]
    logs = [reading.log_prob if reading.log_prob is not None else later[index] for index, reading in enumerate(both)]
    rows = (
        Row("p", tuple(WAITING if log is None else figure(_exp(log)) for log in logs), "per unit²"),
        Row("log p", tuple(WAITING if log is None else figure(log) for log in logs), "nats"),
        Row("u", tuple(vector(reading.velocity) for reading in both), "per t"),
        Row("s", tuple(vector(reading.score) for reading in both), "per unit"),
    )
    return ProbeTable(f"{head} · t {figure(own.t, 3)}", columns, rows, tuple(_lines(answer, both, through, t)))


def _lines(answer: Values, both: list[Reading], through: Through | None, t: float) -> list[str]:
    found = []
    if answer.nearest is not None:
        found.append(nearest_words(answer.nearest))
    if through is not None and through.coverage:
        found.append(through.coverage)
    if abs(both[0].t - t) > 5e-4:
        found.append(f"this field ends at t = {figure(both[0].t)}")
    if answer.why:
        found.append(answer.why)
    found += list(dict.fromkeys(f"no score: {reading.reason}" for reading in both if reading.reason))
    return found


def nearest_words(found: Nearest) -> str:
    """``"nearest data point (3.6, 79) · 0.21 away"``."""
    if found.kind == "cell" and found.distance == 0.0:
        return f"inside a cell of the data, centre {vector(found.place)}"
    unit = " standardised" if found.standardised else ""
    return f"nearest {found.kind} {vector(found.place)} · {figure(found.distance, 3)}{unit} away"


def vector(values: tuple[float, ...] | None) -> str:
    """``"(3.6, 79)"``; a part that is rounding beside the others is 0."""
    if values is None:
        return NONE
    least = 1e-12 * max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return f"({', '.join(figure(0.0 if abs(value) <= least else value, 3) for value in values)})"


def figure(value: float, digits: int = 4) -> str:
    """So many significant digits, a true minus sign, a power of ten where it is very large or small."""
    if not math.isfinite(value):
        return NONE if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == 0.0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        return f"{value:.{decimals}f}".replace("-", "−")
    mantissa, exponent = f"{value:.{digits - 2}e}".split("e")
    return f"{mantissa}·10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}".replace("-", "−")


def _exp(log: float) -> float:
    return math.exp(min(log, 700.0))
