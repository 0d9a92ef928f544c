"""Distances over training as plain numbers: what goes in comes out, and what does not fit is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.choice import Problem
from engine.distances import Estimate, absent
from gui import series_of_distances
from gui.series_of_distances import DistanceSeries

numbers = st.floats(-1e6, 1e6)
maybe = st.none() | st.floats(0, 1e6)
estimates = st.builds(
    Estimate, value=numbers, floor=maybe, spread=maybe, floor_spread=maybe, n=st.integers(0, 10_000), repeats=st.integers(0, 9)
)
points = st.tuples(
    st.integers(0, 10**7), st.sampled_from(["Heun, 50 steps", "network"]), st.dictionaries(st.sampled_from(["w2", "nll", "kl"]), estimates)
)


@given(st.lists(points, max_size=20))
def test_the_last_word_on_each_step_comes_back_from_the_plain_arrays(given_points: list[tuple[int, str, dict[str, Estimate]]]) -> None:
    series, known = DistanceSeries(), {}
    for step, curve, found in given_points:
        series = series.with_point(step, curve, found)
        known.update({(step, curve, name): one for name, one in found.items()})
    again = DistanceSeries(series.curves, series.names, np.array(series.rows.tolist()).reshape(-1, 9))
    assert len(again) == len(known)
    for (step, curve, name), one in known.items():
        assert again.has(step, curve, name)
        assert again.estimates(step, curve)[name] == one
    assert (np.diff(again.rows[:, 0]) >= 0).all()
    for name in again.names:
        for curve in again.of(name):
            assert len(set(curve.steps)) == len(curve.steps)


def test_curves_carry_the_error_of_the_mean() -> None:
    one = Estimate(value=2.0, floor=1.0, spread=0.4, floor_spread=0.2, n=100, repeats=4)
    series = DistanceSeries().with_point(10, "a", {"w2": one, "kl": absent("no")}).with_point(5, "b", {"w2": one})
    assert series.names == ("w2", "kl")
    a, b = series.of("w2")
    assert (a.label, a.steps.tolist(), a.errors.tolist(), a.floor_errors.tolist()) == ("a", [10.0], [0.2], [0.1])
    assert b.steps.tolist() == [5.0]
    assert series.of("kl") == series.of("js") == []
    assert series.last_step == 10
    assert series.until(7).last_step == 5
    assert not series.has(10, "a", "kl")


def test_too_many_points_become_fewer_but_the_ends_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_of_distances, "MOST_ROWS", 40)
    series = DistanceSeries()
    for step in range(1, 200):
        series = series.with_point(step, "a", {"w2": Estimate(value=float(step))})
        assert len(series) <= 40
    steps = series.of("w2")[0].steps
    assert steps[0] == 1
    assert steps[-1] == 199


@pytest.mark.parametrize(
    "rows", [np.zeros((2, 8)), np.array([[1, 3, 0, 1, 1, 1, 1, 1, 1.0]]), np.array([[np.nan, 0, 0, 1, 1, 1, 1, 1, 1]])]
)
def test_a_damaged_table_is_refused(rows: np.ndarray) -> None:
    with pytest.raises(Problem, match="damaged"):
        DistanceSeries(("a",), ("w2",), rows)
