"""The charts: ticks that can be read, rows that say what they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from gui.charts.distances import DistanceTable
from gui.charts.loss import LossChart
from gui.charts.series import LossSeries
from gui.charts.ticks import MOST, log_ticks, tick_words
from gui.distances import Distance


@given(low=st.floats(1e-9, 1e6), ratio=st.floats(1.001, 1e12))
def test_a_logarithmic_axis_always_has_a_few_round_ticks(low: float, ratio: float) -> None:
    high = low * ratio
    ticks = log_ticks(low, high)
    assert 3 <= len(ticks) <= 2 * MOST
    assert all(low * (1 - 1e-9) <= tick <= high * (1 + 1e-9) for tick in ticks)
    assert ticks == sorted(ticks)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.001, 10.0, [0.001, 0.01, 0.1, 1.0, 10.0]), (0.2, 4.0, [0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0]), (2.6, 3.1, [2.6, 2.8, 3.0])],
)
def test_ticks_are_the_numbers_people_choose(low: float, high: float, expected: list[float]) -> None:
    ticks = log_ticks(low, high)
    assert {round(math.log10(tick), 6) for tick in ticks} <= {round(math.log10(value), 6) for value in expected}


def test_only_the_floor_is_dim(qtbot: QtBot) -> None:
    table = DistanceTable()
    qtbot.addWidget(table)
    table.show_rows(["ODE", "SDE"], [None, None])
    assert [cell.property("role") or "" for cell in table._cells[5::5]] == ["", ""]
    known = Distance(n=100, w2=0.2, sliced=0.1, floor=0.1, sliced_floor=0.05)
    table.show_rows(["ODE", "SDE"], [known, None])
    assert [(cell.text(), cell.property("role") or "") for cell in table._cells[5::5]] == [("ODE", ""), ("SDE", ""), ("floor", "dim")]


@pytest.mark.parametrize(("value", "words"), [(0.02, "0.02"), (2.75, "2.75"), (1e9, "10⁹"), (3e-5, "3·10⁻⁵")])
def test_ticks_are_written_as_people_write_them(value: float, words: str) -> None:
    assert tick_words(value) == words


def test_the_loss_chart_follows_a_restart(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gui.charts.loss.EVERY_SECONDS", 0.0)
    chart = LossChart()
    qtbot.addWidget(chart)
    chart.show_series(LossSeries())
    assert not chart._empty.isHidden()
    chart.show_series(LossSeries(np.array([[1, 3.0], [2, 2.0], [3, 2.5]])))
    assert chart._value.text().endswith("at step 3 · log · smoothed")
    chart.show_series(LossSeries())  # restarted: no loss yet
    assert chart._value.text() == ""
    chart.show_series(LossSeries(np.array([[1, 3.0]])))
    assert "at step 1" in chart._value.text()
