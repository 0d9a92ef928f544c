"""Schedules against their own SDEs (MATHS section 9, item 1), their derivatives, and their ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engine.schedules import OT, CondOT, Trigonometric, VPCosine, VPLinear

SCHEDULES = [
    CondOT(),
    OT(),
    OT(sigma_min=0.2),
    VPLinear(),
    VPLinear(b_min=1.0, b_max=5.0),
    VPCosine(),
    VPCosine(offset=0.1),
    Trigonometric(),
]
T = np.linspace(1e-3, 1.0 - 1e-3, 401)


def known(path, t):
    """(rate of f in noising time, g^2) written out by hand for each schedule."""
    s = 1.0 - t
    if isinstance(path, CondOT):
        return -1.0 / t, 2.0 * (1.0 - t) / t
    if isinstance(path, OT):
        beta = 1.0 - (1.0 - path.sigma_min) * t
        return -1.0 / t, 2.0 * beta * (beta / t + 1.0 - path.sigma_min)
    if isinstance(path, VPLinear):
        b = path.b_min + (path.b_max - path.b_min) * s
        return -0.5 * b, b
    if isinstance(path, VPCosine):
        rate = 0.5 * math.pi / (1.0 + path.offset) * np.tan(0.5 * math.pi * (s + path.offset) / (1.0 + path.offset))
        return -rate, 2.0 * rate
    return -0.5 * math.pi / np.tan(0.5 * math.pi * t), math.pi / np.tan(0.5 * math.pi * t)


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_f_and_g2_are_those_of_the_schedules_own_sde(path):
    f, g2 = known(path, T)
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
    if isinstance(path, VPLinear):
        assert float(path.alpha(0.0)) == pytest.approx(math.exp(-0.25 * (path.b_min + path.b_max)), rel=1e-12)
        assert path.signal_at_start
    else:
        assert float(path.alpha(0.0)) == 0.0
        assert float(path.g2(0.0)) == math.inf
        assert float(path.beta(0.0)) == pytest.approx(1.0, abs=1e-12)


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
    expected = {CondOT: 1.0, Trigonometric: 2.0 / math.pi}.get(type(path), 0.0)
    assert float(path.time_left_over_beta(1.0)) == pytest.approx(expected, abs=1e-6)


def test_intervals():
    assert CondOT().interval("velocity") == (0.0, 1.0)
    assert Trigonometric().interval("v") == (0.0, 1.0)
    assert OT().interval("data") == (0.0, 1.0)
    assert CondOT().interval("data") == (0.0, 0.999)
    assert CondOT().interval("score")[0] > 0.0
    assert VPLinear().interval("noise") == (0.0, 0.999)
    assert VPCosine().interval("velocity") == (0.0, 0.999)


def test_v_is_refused_off_variance_preserving_paths():
    assert "variance preserving" in (CondOT().refusal("v") or "")
    assert VPCosine().refusal("v") is None
    assert CondOT().refusal("velocity") is None
    assert CondOT().score_refusal() is None


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_time_left_over_beta_at_all_times(path):
    times = np.linspace(0.0, 0.99, 100)
    assert np.allclose(path.time_left_over_beta(times) * path.beta(times), 1.0 - times, rtol=1e-12, atol=0.0)
