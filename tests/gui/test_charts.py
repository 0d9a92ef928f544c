"""The charts: ticks that can be read, rows that say what they are."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from engine.distance_table import Row
from engine.distances import Estimate, absent
from gui.charts.distances import DistanceTable
from gui.charts.loss import LossChart
from gui.charts.over_training import OverTraining
from gui.charts.series import LossSeries
from gui.charts.ticks import MOST, log_ticks, tick_words
from gui.distance_words import KINDS, plus_minus
from gui.series_of_distances import DistanceSeries


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


W2 = Estimate(value=0.2, floor=0.1, spread=0.02, floor_spread=0.01, n=1_000, repeats=4, note="exact")


def made_table(qtbot: QtBot, width: int, *rows: Row) -> DistanceTable:
    table = DistanceTable()
    qtbot.addWidget(table)
    table.resize(width, 158)
    table.show()
    table.show_rows(rows)
    return table


def test_only_the_floor_and_the_head_are_dim(qtbot: QtBot) -> None:
    table = made_table(qtbot, 480, Row("ODE", "", None, {}), Row("SDE", "", None, {}))
    assert [line[0].property("role") or "" for line in table._cells] == ["dim", "", ""]
    table.show_rows([Row("ODE", "", None, {"w2": W2}), Row("SDE", "", None, {})])
    assert [(line[0].text(), line[0].property("role") or "") for line in table._cells[1:]] == [("ODE", ""), ("SDE", ""), ("floor", "dim")]


def test_every_number_stands_with_its_error_and_its_tooltip(qtbot: QtBot) -> None:
    table = made_table(qtbot, 480, Row("ODE", "50 steps", 7, {"w2": W2, "kl": absent("no mass there.")}), Row("SDE", "", None, {}))
    head, ode, sde, floor = table.texts
    assert head[:3] == ["", "W₂", "× floor"]
    assert ode[:3] == ["ODE", "0.200 ±0.010", "2.00"]
    assert ode[head.index("KL")] == "–"
    assert sde[1:] == ["…"] * (len(sde) - 1)
    assert floor[:3] == ["floor", "0.100 ±0.005", "1"]
    tip = table._cells[1][1].toolTip()
    assert all(words in tip for words in ("standardised units", "n = 1\u202f000 points, mean of 4 repeats", "0.100 ± 0.005", "Exact"))
    assert "no mass there" in table._cells[1][head.index("KL")].toolTip()
    assert table._note.text() == "n = 1\u202f000 · standardised units, nats"


def test_a_wider_table_has_more_distances_and_none_is_cut_off(qtbot: QtBot) -> None:
    known = {kind.name: W2 for kind in KINDS}
    table = made_table(qtbot, 400, Row("ODE · Heun", "", None, known))
    counts = []
    for width in (400, 480, 640, 960, 1600):
        table.resize(width, 158)
        qtbot.wait(60)  # it lays itself out
        counts.append(len(table.texts[0]))
        for line in table._cells:
            for cell in line[1:]:
                assert cell.fontMetrics().horizontalAdvance(cell.text()) <= cell.width()
                assert cell.geometry().right() <= table._place.width()
    assert counts == sorted(counts)
    assert counts[0] >= 4
    assert counts[-1] == 13  # a title, W₂, its ratio and ten others


def test_floors_of_its_own_are_not_said_to_be_everybody_s(qtbot: QtBot) -> None:
    other = Estimate(value=0.2, floor=0.15, spread=0.02, floor_spread=0.01, n=500, repeats=4)
    table = made_table(qtbot, 480, Row("ODE", "", None, {"w2": W2}), Row("SDE", "", None, {"w2": other}))
    assert table.texts[-1][1] == "*"
    assert "n = 500 and 1\u202f000" in table._note.text()


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (0.03812, 0.0021, ("0.038", "0.002")),
        (0.03812, 0.00131, ("0.0381", "0.0013")),
        (123.4, 21.0, ("123", "21")),
        (-0.00213, 0.001, ("−0.0021", "0.0010")),
        (0.0383, None, ("0.0383", "")),
        (3.21e-7, 4e-8, ("3.2e−07", "4e-08")),
        (1.0, 0.0, ("1", "")),
    ],
)
def test_a_number_has_the_digits_that_its_error_lets_stand(value: float, error: float | None, words: tuple[str, str]) -> None:
    assert plus_minus(value, error) == words


def test_curves_over_training_are_drawn_when_there_are_some(qtbot: QtBot) -> None:
    card = OverTraining()
    qtbot.addWidget(card)
    card.resize(480, 158)
    card.show()
    card.choose("w2")
    assert card.curves.empty.isVisible()
    series = DistanceSeries()
    for step in (100, 1_000, 10_000):
        for name in ("Heun, 50 steps", "Euler–Maruyama, 200 steps"):
            series = series.with_point(step, name, {"w2": W2, "mmd": Estimate(value=-0.1, floor=0.0, spread=0.1, repeats=4)})
    card.show_distances(series)
    assert not card.curves.empty.isVisible()
    assert card.curves.plot.legend == ["Heun, 50 steps", "Euler–Maruyama, 200 steps"]
    lines = [item for item in card.curves.plot.getPlotItem().items if isinstance(item, pg.PlotCurveItem) and len(item.xData) == 3]
    np.testing.assert_allclose([10**line.xData for line in lines], [[100, 1_000, 10_000]] * 2)
    np.testing.assert_allclose([10**line.yData for line in lines], [[0.2] * 3] * 2)
    card.choose("mmd")  # below 0: no logarithmic axis
    lines = [item for item in card.curves.plot.getPlotItem().items if isinstance(item, pg.PlotCurveItem) and len(item.xData) == 3]
    np.testing.assert_allclose([line.yData for line in lines], [[-0.1] * 3] * 2)
    assert card._chips["other"].isChecked()
    assert card._chips["other"].text() == "MMD²"
    card.show_distances(DistanceSeries())
    assert card.curves.empty.isVisible()
    card.choose("loss")
    assert card.loss.isVisible()


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
    assert chart.value.text().endswith("at step 3 · log · smoothed")
    chart.show_series(LossSeries())  # restarted: no loss yet
    assert chart.value.text() == ""
    chart.show_series(LossSeries(np.array([[1, 3.0]])))
    assert "at step 1" in chart.value.text()
