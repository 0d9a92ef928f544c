"""Curves through points: through them, monotone between them, with the right slope, the same for floats, numpy and torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from engine.curves import GAP, MOST, Curve, problem, slopes


@st.composite
def free(draw, values=None):
    """Points of a curve that need not be monotone."""
    inner = draw(st.lists(st.integers(1, 199), max_size=MOST - 2, unique=True).map(sorted))
    times = [0.0, *(k * GAP for k in inner), 1.0]
    return tuple((t, draw(st.floats(0.0, 5.0) if values is None else values)) for t in times)


@st.composite
def rising(draw):
    """Points that rise from 0 to 1, some of them level."""
    points = draw(free(st.integers(0, 4)))
    total = np.concatenate([[0.0], np.cumsum([y for _, y in points[1:]])])
    if total[-1] == 0.0:
        total[-1] = 1.0
    return tuple((t, float(y / total[-1])) for (t, _), y in zip(points, total, strict=True))


def falling(points):
    return tuple((t, 1.0 - y) for t, y in points)


FINE = np.linspace(0.0, 1.0, 1001)


@settings(deadline=None)
@given(rising())
def test_monotone_points_make_a_monotone_curve_through_them(points):
    assert problem(points, "rising", "α") is None
    assert problem(falling(points), "falling", "β") is None
    up, down = Curve(points), Curve(falling(points), from_right=True)
    for curve, knots, sign in ((up, points, 1.0), (down, falling(points), -1.0)):
        x, y = np.array(knots).T
        np.testing.assert_allclose(curve(x), y, atol=1e-12)
        assert np.all(sign * np.diff(curve(FINE)) >= -1e-12)
        assert np.all(sign * curve.slope(FINE) >= -1e-9)
        assert curve(FINE).min() >= -1e-12
        assert curve(FINE).max() <= 1.0 + 1e-12
    np.testing.assert_allclose(down(FINE), 1.0 - up(FINE), atol=1e-12)


@settings(deadline=None)
@given(free())
def test_a_curve_stays_between_its_neighbouring_points(points):
    assert problem(points, "non-negative", "σ", 5.0) is None
    curve = Curve(points)
    x, y = np.array(points).T
    index = np.clip(np.searchsorted(x, FINE, side="right") - 1, 0, len(x) - 2)
    low, high = np.minimum(y[index], y[index + 1]), np.maximum(y[index], y[index + 1])
    assert np.all(curve(FINE) >= low - 1e-12)
    assert np.all(curve(FINE) <= high + 1e-12)


@settings(deadline=None)
@given(free(), st.booleans())
def test_slopes_are_the_derivative(points, from_right):
    curve = Curve(points, from_right)
    t = torch.linspace(0.0, 1.0, 501, dtype=torch.float64).requires_grad_()
    values = curve(t)
    (slope,) = torch.autograd.grad(values.sum(), t)
    torch.testing.assert_close(curve.slope(t).detach(), slope, rtol=1e-9, atol=1e-7)
    # the slope itself is continuous: on both sides of every point
    x = np.array(points)[1:-1, 0]
    np.testing.assert_allclose(curve.slope(x - 1e-12), curve.slope(x + 1e-12), atol=1e-4)


@settings(deadline=None)
@given(free())
def test_floats_numpy_and_torch_agree(points):
    curve = Curve(points)
    array, slope = curve(FINE), curve.slope(FINE)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-3)):
        t = torch.from_numpy(FINE).to(dtype)
        found = curve(t)
        assert (found.dtype, found.shape) == (dtype, t.shape)
        np.testing.assert_allclose(found.numpy(), array, atol=tolerance)
        assert curve(t[:, None]).shape == (len(t), 1)
    for k in (0, 17, 500, 1000):
        assert float(curve(float(FINE[k]))) == pytest.approx(array[k], abs=1e-12)
        assert float(curve.slope(torch.tensor(FINE[k]))) == pytest.approx(slope[k], rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(rising())
def test_inner_slopes_are_scipys_pchip(points):
    if len(points) > 2:
        x, y = np.array(points).T
        np.testing.assert_allclose(slopes(points)[1:-1], PchipInterpolator(x, y).derivative()(x)[1:-1], rtol=1e-9, atol=1e-12)


@settings(deadline=None)
@given(rising())
def test_value_over_time_left(points):
    curve = Curve(falling(points), from_right=True)
    t = FINE[:-1]
    np.testing.assert_allclose(curve.over_time_left(t) * (1.0 - t), curve(t), rtol=1e-9, atol=1e-12)
    assert float(curve.over_time_left(1.0)) == pytest.approx(-float(curve.slope(1.0)), rel=1e-9, abs=1e-12)


def test_two_points_are_a_straight_line():
    curve = Curve(((0.0, 0.0), (1.0, 1.0)))
    np.testing.assert_allclose(curve(FINE), FINE, atol=1e-15)
    assert float(curve(torch.tensor(0.25))) == 0.25


@pytest.mark.parametrize(
    ("points", "trend", "said"),
    [
        (((0.0, 0.0), (0.5, float("nan")), (1.0, 1.0)), "rising", "c needs finite numbers."),
        (((0.0, 0.0), (0.5, -0.1), (1.0, 1.0)), "non-negative", "c must stay between 0 and 1, and reaches -0.1."),
        (((0.0, 0.0), (0.5, 7.0), (1.0, 1.0)), "non-negative", "c must stay between 0 and 1, and reaches 7."),
        (((0.1, 0.0), (1.0, 1.0)), "rising", "c must begin at t = 0 and end at t = 1."),
        (((0.0, 0.0), *((0.04 * k, 0.5) for k in range(1, 24)), (1.0, 1.0)), "rising", "c needs from 2 to 24 points, and has 25."),
    ],
)
def test_problems_are_one_sentence(points, trend, said):
    assert problem(points, trend, "c") == said
