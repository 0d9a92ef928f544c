"""The tables of the window "Network and truth": as CSV, or as text for a spreadsheet. Columns are named with their units."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.files import replacing


@dataclass(frozen=True)
class Table:
    """Columns and rows; one row may be shorter than another."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def number(value: float | None) -> str:
    """Nine significant figures; empty where there is none."""
    return "" if value is None or not math.isfinite(value) else f"{value:.9g}"


def _lines(tables: Sequence[Table]) -> list[tuple[str, ...]]:
    """All of them, one empty line between two."""
    lines: list[tuple[str, ...]] = []
    for table in tables:
        lines += [*([()] if lines else []), table.columns, *table.rows]
    return lines


def text(tables: Sequence[Table]) -> str:
    """Tabs between columns."""
    return "\n".join("\t".join(line) for line in _lines(tables)) + "\n"


def write_csv(tables: Sequence[Table], path: Path) -> None:
    """Written whole or not at all. Raises Problem."""
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows(_lines(tables))
    with replacing(path) as temporary:
        temporary.write_text(made.getvalue(), encoding="utf-8")
