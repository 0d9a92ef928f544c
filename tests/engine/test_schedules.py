"""Schedules against their own SDEs (MATHS section 9, item 1), their derivatives, and their ends."""

from __future__ import annotations

import json
import math
import re

import msgspec
import numpy as np
import pytest
import torch
from scipy.interpolate import CubicHermiteSpline, PchipInterpolator

from engine.choice import Problem
from engine.curves import slopes
from engine.experiment import Experiment
from engine.overrides import apply
from engine.schedules import OT, VE, CondOT, Drawn, Polynomial, Schedule, SubVP, Trigonometric, VPCosine, VPLinear
from tests.engine.every import MORE_SCHEDULES as SCHEDULES

T = np.linspace(1e-3, 1.0 - 1e-3, 401)


def straight(beta, slope, t):
    """f and g^2 for alpha = t and beta of the given slope: 2 (beta^2/t - beta slope)."""
    return -1.0 / t, 2.0 * beta * (beta / t - slope)


def linear_rate(path, t):
    """b(s) and the integral T of it over [0, s]."""
    s = 1.0 - t
    return path.b_min + (path.b_max - path.b_min) * s, path.b_min * s + 0.5 * (path.b_max - path.b_min) * s**2


def cosine(path, t):
    rate = 0.5 * math.pi / (1.0 + path.offset) * np.tan(0.5 * math.pi * (1.0 - t + path.offset) / (1.0 + path.offset))
    return -rate, 2.0 * rate


def sub_vp(path, t):
    b, T = linear_rate(path, t)
    return -0.5 * b, b * (1.0 - np.exp(-2.0 * T))


def variance_exploding(path, t):
    ratio = path.sigma_max / path.sigma_min
    return 0.0 * t, (path.sigma_min * ratio ** (1.0 - t)) ** 2 * 2.0 * math.log(ratio)


def drawn(path, t):
    """From scipy's PCHIP with the end slopes of the struct: the curves' values and slopes come from another implementation."""
    (alpha, alpha_dot), (beta, beta_dot) = (hermite(points, t) for points in (path.alpha_curve, path.beta_curve))
    return -alpha_dot / alpha, 2.0 * (beta**2 * alpha_dot / alpha - beta * beta_dot)


def hermite(points, t):
    x, y = np.array(points).T
    inside = PchipInterpolator(x, y).derivative()(x) if len(x) > 2 else np.diff(y).repeat(2)
    inside[[0, -1]] = slopes(points)[[0, -1]]
    curve = CubicHermiteSpline(x, y, inside)
    return curve(t), curve.derivative()(t)


KNOWN = {
    "condot": lambda _path, t: straight(1.0 - t, -1.0, t),
    "ot": lambda path, t: straight(1.0 - (1.0 - path.sigma_min) * t, path.sigma_min - 1.0, t),
    "polynomial": lambda path, t: (-path.n / t, 2.0 * path.n * (1.0 - t**path.n) / t),
    "vp-linear": lambda path, t: (-0.5 * linear_rate(path, t)[0], linear_rate(path, t)[0]),
    "vp-cosine": cosine,
    "trigonometric": lambda _path, t: (-0.5 * math.pi / np.tan(0.5 * math.pi * t), math.pi / np.tan(0.5 * math.pi * t)),
    "sub-vp": sub_vp,
    "ve": variance_exploding,
    "drawn": drawn,
}
"""(rate of f in noising time, g^2) written out by hand for each schedule."""


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_f_and_g2_are_those_of_the_schedules_own_sde(path):
    f, g2 = KNOWN[path.name](path, T)
    np.testing.assert_allclose(path.f(T), f, rtol=1e-10)
    np.testing.assert_allclose(path.g2(T), g2, rtol=1e-10)


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_g2_is_the_general_formula(path):
    # beta^2 of the forward SDE in noising time: d beta^2/ds = 2 f beta^2 + g^2
    np.testing.assert_allclose(-2.0 * path.beta_beta_dot(T), 2.0 * path.f(T) * path.beta(T) ** 2 + path.g2(T), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(2.0 * path.beta(T) * path.wronskian(T) / path.alpha(T), path.g2(T), rtol=1e-10)
    np.testing.assert_allclose(path.inverse_wronskian(T), 1.0 / path.wronskian(T), rtol=1e-12)


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_derivatives_against_autograd(path):
    t = torch.from_numpy(T).requires_grad_()
    for value, rate in ((path.alpha, path.alpha_dot), (path.beta, path.beta_dot)):
        (slope,) = torch.autograd.grad(value(t).sum(), t)
        np.testing.assert_allclose(rate(t).detach().numpy(), slope.numpy(), rtol=1e-9, atol=1e-10)
    half_square = 0.5 * path.beta(t) ** 2
    (slope,) = torch.autograd.grad(half_square.sum(), t)
    np.testing.assert_allclose(path.beta_beta_dot(T), slope.numpy(), rtol=1e-9, atol=1e-10)
    (slope,) = torch.autograd.grad(path.alpha(t).log().sum(), t)
    np.testing.assert_allclose(path.log_alpha_dot(T), slope.numpy(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_floats_numpy_and_torch_agree(path):
    names = ("alpha", "beta", "alpha_dot", "beta_dot", "beta_beta_dot", "log_alpha_dot", "wronskian", "g2", "time_left_over_beta")
    for name in names:
        method = getattr(path, name)
        array = method(T)
        np.testing.assert_allclose(method(torch.from_numpy(T)).numpy(), array, rtol=1e-12)
        assert float(method(float(T[7]))) == pytest.approx(array[7], rel=1e-12)


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_ends(path):
    assert float(path.alpha(1.0)) == pytest.approx(1.0, abs=1e-12)
    assert float(path.beta(1.0)) == pytest.approx(path.sigma_min if isinstance(path, OT) else 0.0, abs=1e-12)
    if path.signal_at_start:
        first = 1.0 if path.name == "ve" else math.exp(-0.25 * (path.b_min + path.b_max))
        assert float(path.alpha(0.0)) == pytest.approx(first, rel=1e-12)
        assert np.isfinite(float(path.g2(0.0)))
    else:
        assert float(path.alpha(0.0)) == 0.0
        assert float(path.g2(0.0)) == math.inf
    alpha = float(path.alpha(0.0))
    noise = {
        "ve": lambda: math.sqrt(path.sigma_max**2 - path.sigma_min**2),
        "sub-vp": lambda: 1.0 - alpha**2,
        "vp-linear": lambda: math.sqrt(1.0 - alpha**2),
    }
    assert float(path.beta(0.0)) == pytest.approx(noise[path.name]() if path.name in noise else 1.0, rel=1e-12)


@pytest.mark.parametrize("path", [p for p in SCHEDULES if p.variance_preserving], ids=repr)
def test_variance_is_preserved(path):
    np.testing.assert_allclose(path.alpha(T) ** 2 + path.beta(T) ** 2, 1.0, rtol=1e-12)


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_nothing_cancels_near_the_data_in_float32(path):
    t = 1.0 - 2.0 ** -np.arange(4.0, 20.0)  # exact in float32
    for name in ("beta", "time_left_over_beta", "beta_beta_dot"):
        exact = getattr(path, name)(t)
        np.testing.assert_allclose(getattr(path, name)(torch.from_numpy(t).float()).numpy(), exact, rtol=3e-5)


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_time_left_over_beta_is_its_limit_at_the_end(path):
    t = 1.0 - 1e-9
    assert float(path.time_left_over_beta(t)) == pytest.approx((1.0 - t) / float(path.beta(t)), rel=1e-6)
    assert np.isfinite(float(path.time_left_over_beta(1.0)))
    assert torch.isfinite(path.time_left_over_beta(torch.tensor(1.0)))
    slopes_at_data = {
        "condot": lambda: 1.0,
        "trigonometric": lambda: 0.5 * math.pi,
        "polynomial": lambda: path.n,
        "sub-vp": lambda: path.b_min,
        "drawn": lambda: -slopes(path.beta_curve)[-1],
    }
    expected = 1.0 / slopes_at_data[path.name]() if path.name in slopes_at_data else 0.0
    assert float(path.time_left_over_beta(1.0)) == pytest.approx(expected, abs=1e-6)


def test_intervals():
    assert CondOT().interval("velocity") == (0.0, 1.0)
    assert Trigonometric().interval("v") == (0.0, 1.0)
    assert OT().interval("data") == (0.0, 1.0)
    assert CondOT().interval("data") == (0.0, 0.999)
    assert CondOT().interval("score")[0] > 0.0
    assert VPLinear().interval("noise") == (0.0, 0.999)
    assert VPCosine().interval("velocity") == (0.0, 0.999)
    assert VE().interval("score") == VE().interval("velocity") == (0.0, 0.999)
    assert SubVP().interval("velocity") == (0.0, 1.0)
    assert Polynomial(n=1.0).interval("velocity") == (0.0, 1.0)
    assert Polynomial(n=3.0).interval("velocity") == (0.06, 1.0)
    assert Drawn().interval("noise") == (0.02, 0.999)
    hasty = Drawn(alpha_curve=((0.0, 0.0), (0.01, 0.5), (1.0, 1.0)))
    assert float(hasty.alpha(hasty.interval("noise")[0])) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("alpha", "beta", "said"),
    [
        ([[0, 0], [0.5, 0.6], [0.7, 0.5], [1, 1]], None, "α must not fall, and goes from 0.6 to 0.5 between t = 0.5 and 0.7."),
        (None, [[0, 1], [0.5, 0.2], [0.7, 0.5], [1, 0]], "β must not rise, and goes from 0.2 to 0.5 between t = 0.5 and 0.7."),
        ([[0, 0.1], [1, 1]], None, "α must go from 0 at t = 0 to 1 at t = 1."),
        (None, [[0, 1], [0.5, 0.1], [0.9, 0]], "β must begin at t = 0 and end at t = 1."),
        ([[0, 0]], None, "α needs from 2 to 24 points, and has 1."),
        ([[0, 0], [0.5, 0.5], [0.5, 0.6], [1, 1]], None, "α needs times that increase by at least 0.005, and has 0.5 and then 0.5."),
        (
            [[0, 0], [0.4, 0.5], [0.6, 0.5], [1, 1]],
            [[0, 1], [0.4, 0.5], [0.6, 0.5], [1, 0]],
            "α̇β − αβ̇ must be at least 0.01, and is 0 at t = 0.40: let α rise or β fall there.",
        ),
        ([[0, 0], [0.4, 0], [1, 1]], None, "α̇β − αβ̇ must be at least 0.01, and is 0 at t = 0.00: let α rise or β fall there."),
        (None, [[0, 1], [0.6, 0], [1, 0]], "α̇β − αβ̇ must be at least 0.01, and is 0 at t = 0.60: let α rise or β fall there."),
    ],
)
def test_curves_that_make_no_schedule_are_refused(alpha, beta, said):
    sets = [f"path.{name}_curve={json.dumps(points)}" for name, points in (("alpha", alpha), ("beta", beta)) if points]
    with pytest.raises(Problem) as caught:
        apply(Experiment(), ["path=drawn", *sets])
    assert str(caught.value).endswith(said)
    text = json.dumps({"type": "drawn", **{f"{k}_curve": v for k, v in (("alpha", alpha), ("beta", beta)) if v}})
    with pytest.raises(msgspec.ValidationError, match=re.escape(said)):
        msgspec.json.decode(text, type=Schedule)


def test_a_drawn_schedule_survives_files_and_the_command_line():
    path = apply(Experiment(), ["path=drawn", "path.alpha_curve=[[0, 0], [0.5, 0.2], [1, 1]]"]).path
    assert path == Drawn(alpha_curve=((0.0, 0.0), (0.5, 0.2), (1.0, 1.0)))
    assert msgspec.json.decode(msgspec.json.encode(path), type=Schedule) == path
    assert float(path.alpha(0.5)) == pytest.approx(0.2)


def test_v_is_refused_off_variance_preserving_paths():
    assert "variance preserving" in (CondOT().refusal("v") or "")
    assert VPCosine().refusal("v") is None
    assert CondOT().refusal("velocity") is None
    assert CondOT().score_refusal() is None


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_time_left_over_beta_at_all_times(path):
    times = np.linspace(0.0, 0.99, 100)
    assert np.allclose(path.time_left_over_beta(times) * path.beta(times), 1.0 - times, rtol=1e-12, atol=0.0)
