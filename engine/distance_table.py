"""The table of distances: one row for each pane or each step of training, columns named with their units, as CSV or for a spreadsheet."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.choice import Problem
from engine.distances import Estimate
from engine.files import replacing

QUANTITIES = (
    ("w2", "W2", "standardised units"),
    ("sliced_w2", "sliced W2", "standardised units"),
    ("mmd", "MMD^2", "no unit"),
    ("energy", "energy distance", "standardised units"),
    ("kl", "KL on a grid", "nats"),
    ("tv", "total variation on a grid", "0 to 1"),
    ("js", "Jensen-Shannon on a grid", "nats"),
    ("modes", "modes reached", "0 to 1"),
    ("near", "samples near a mode", "0 to 1"),
    ("nll", "NLL in standardised coordinates", "nats"),
    ("nll_user", "NLL in the user's units", "nats"),
    ("excess", "NLL above the entropy", "nats"),
    ("straightness", "straightness", "standardised units squared"),
)
"""(name, words, unit)."""
FIRST = ("pane", "settings", "training step")


@dataclass(frozen=True)
class Row:
    """What is known of one pane; ``step`` is that of its network, None for the exact field."""

    pane: str
    settings: str
    step: int | None
    distances: Mapping[str, Estimate]
    """By the names of ``QUANTITIES``; what is missing is not known yet."""


def columns() -> list[str]:
    """``"W2 (standardised units)"``, its standard error, its floor, the floor's standard error, and the points on each side."""
    made = list(FIRST)
    for _name, words, unit in QUANTITIES:
        floor = [f"{words}, floor ({unit})", f"{words}, standard error of the floor ({unit})"]
        made += [f"{words} ({unit})", f"{words}, standard error ({unit})", *floor, f"{words}, n (points on each side)"]
    return made


def cells(found: Sequence[Row]) -> list[list[str]]:
    """One line for each row, numbers with all their digits; empty where there is no number."""
    made = []
    for row in found:
        line = [row.pane, row.settings, "" if row.step is None else str(row.step)]
        for name, _words, _unit in QUANTITIES:
            one = row.distances.get(name)
            if one is None or one.value is None:
                line += [""] * 5
            else:
                line += [_number(one.value), _number(one.error), _number(one.floor), _number(one.floor_error), str(one.n)]
        made.append(line)
    return made


def text(found: Sequence[Row]) -> str:
    """Tabs between columns: what a spreadsheet takes from the clipboard."""
    lines = [columns(), *cells(found)]
    return "\n".join("\t".join(" ".join(cell.split()) for cell in line) for line in lines) + "\n"


def write_csv(found: Sequence[Row], path: Path) -> None:
    """The table with its header; written whole or not at all. Raises Problem."""
    if not any(one.value is not None for row in found for one in row.distances.values()):
        raise Problem("Nothing has been measured yet.")
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows([columns(), *cells(found)])
    with replacing(path) as temporary:
        temporary.write_text(made.getvalue(), encoding="utf-8")


def in_users_units(nll: Estimate, log_det: float) -> Estimate:
    """A likelihood of standardised coordinates for the user's units: ``log_det``, of the frame, is added to both numbers."""
    if nll.value is None:
        return nll
    return Estimate(
        value=nll.value + log_det,
        floor=None if nll.floor is None else nll.floor + log_det,
        spread=nll.spread,
        floor_spread=nll.floor_spread,
        n=nll.n,
        repeats=nll.repeats,
        note=nll.note,
    )


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(float(value))
