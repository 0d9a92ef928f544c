"""The table of distances: what is copied or saved reads back as the same numbers, under names with units."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.choice import Problem
from engine.distance_table import QUANTITIES, Row, columns, in_users_units, text, write_csv
from engine.distances import Estimate, absent

numbers = st.floats(allow_nan=False, allow_infinity=False)
spreads = st.none() | st.floats(0, 1e9)
estimates = st.just(absent("it does not apply.")) | st.builds(
    Estimate,
    value=numbers,
    floor=st.none() | numbers,
    spread=spreads,
    floor_spread=spreads,
    n=st.integers(0, 10**6),
    repeats=st.integers(1, 64),
)
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)
found = st.builds(
    Row,
    pane=words,
    settings=words,
    step=st.none() | st.integers(0, 10**9),
    distances=st.dictionaries(st.sampled_from([name for name, *_ in QUANTITIES]), estimates),
)


def same(row: Row, line: dict[str, str]) -> None:
    assert line["training step"] == ("" if row.step is None else str(row.step))
    for name, said, unit in QUANTITIES:
        one = row.distances.get(name)
        cells = (
            f"{said} ({unit})",
            f"{said}, standard error ({unit})",
            f"{said}, floor ({unit})",
            f"{said}, standard error of the floor ({unit})",
        )
        wanted = (None,) * 4 if one is None or one.value is None else (one.value, one.error, one.floor, one.floor_error)
        for cell, number in zip(cells, wanted, strict=True):
            assert line[cell] == "" if number is None else float(line[cell]) == number
        if one is not None and one.value is not None:
            assert int(line[f"{said}, n (points on each side)"]) == one.n


@given(st.lists(found, min_size=1, max_size=4))
def test_what_is_copied_reads_back_as_the_same_numbers(rows: list[Row]) -> None:
    lines = text(rows).rstrip("\n").split("\n")
    assert len(lines) == len(rows) + 1
    for row, line in zip(rows, lines[1:], strict=True):
        same(row, dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)))


@given(st.lists(found, min_size=1, max_size=4))
def test_what_is_saved_reads_back_as_the_same_numbers(rows: list[Row]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        if all(one.value is None for row in rows for one in row.distances.values()):
            with pytest.raises(Problem, match="Nothing has been measured"):
                write_csv(rows, path)
            return
        write_csv(rows, path)
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        assert len(lines) == len(rows)
        for row, line in zip(rows, lines, strict=True):
            assert (line["pane"], line["settings"]) == (row.pane, row.settings)
            same(row, line)


def test_every_number_s_column_names_its_unit() -> None:
    names = columns()
    assert len(set(names)) == len(names)
    assert all("(" in name for name in names[3:])
    assert "W2 (standardised units)" in names
    assert "NLL in the user's units, floor (nats)" in names


def test_the_user_s_units_move_value_and_floor_and_nothing_else() -> None:
    one = in_users_units(Estimate(value=1.0, floor=0.5, spread=0.1, floor_spread=0.2, n=9, repeats=1, note="n"), math.log(4.0))
    assert (one.value, one.floor) == (1.0 + math.log(4.0), 0.5 + math.log(4.0))
    assert (one.spread, one.floor_spread, one.n, one.repeats, one.note) == (0.1, 0.2, 9, 1, "n")
    assert in_users_units(absent("no."), 1.0).value is None
