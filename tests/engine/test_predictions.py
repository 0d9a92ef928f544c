"""Conversions between predictions (MATHS section 9, item 2)."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from engine.choice import Problem
from engine.fields.base import denoiser, predict, score, velocity
from engine.interpolants import Bridge, Interpolant, SineLatent
from engine.overrides import name_of, sampler_from, split_settings
from engine.predictions import coefficients, convert, domain, drift_coefficients
from engine.samplers import EulerMaruyama
from engine.samplers.sigma import BetaSigma, ConstantSigma, DrawnSigma, ReversalSigma, SineSigma, SqrtSigma
from engine.schedules import CondOT
from tests.engine.every import MORE_SCHEDULES as SCHEDULES
from tests.engine.every import SIGMAS
from tests.engine.gaussian_field import GaussianField

SCALED = [replace(sigma, scale=1.3) for sigma in SIGMAS]
PREDICTIONS = ["velocity", "score", "noise", "data", "v"]
T = np.linspace(1e-3, 1.0 - 1e-3, 301)[:, None]


def predictions(path):
    return [p for p in PREDICTIONS if path.refusal(p) is None]


def truth(path, t):
    """x_t and every prediction for one drawn (z, eps) per time, shape (len(t), 3), straight from the definitions."""
    rng = np.random.default_rng(3)
    z, eps = rng.standard_normal((2, len(t), 3))
    alpha, beta = path.alpha(t), path.beta(t)
    values = {
        "velocity": path.alpha_dot(t) * z + path.beta_dot(t) * eps,
        "score": -eps / beta,
        "noise": eps,
        "data": z,
        "v": alpha * eps - beta * z,
    }
    return alpha * z + beta * eps, values


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_every_pair_against_the_definitions(path):
    x, values = truth(path, T)
    for given, wanted in product(predictions(path), repeat=2):
        found = convert(path, x, T, values[given], given, wanted)
        # relative to the size of a and b: what is divided by alpha = 1e-3 has lost three digits
        a, b = coefficients(path, T, given, wanted)
        size = 1.0 + np.abs(a * x) + np.abs(b * values[given])
        assert np.max(np.abs(found - values[wanted]) / size) < 1e-12, (given, wanted)


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_round_trips(path):
    t = T[path.alpha(T[:, 0]) > 1e-4]  # below that, of what is divided by alpha less than 1e-10 is left of double precision
    assert len(t) >= 270
    x, values = truth(path, t)
    for given, via in product(predictions(path), repeat=2):
        there = convert(path, x, t, values[given], given, via)
        back = convert(path, x, t, there, via, given)
        assert np.max(np.abs(back - values[given]) / (1.0 + np.abs(values[given]))) < 1e-10, (given, via)


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
@pytest.mark.parametrize("sigma", [*SIGMAS, *SCALED, ConstantSigma(scale=1.7), SqrtSigma(scale=0.6), ReversalSigma(scale=2.0)], ids=repr)
def test_drift_is_u_plus_half_sigma2_s(path, sigma):
    x, values = truth(path, T)
    expected = values["velocity"] + 0.5 * sigma.sigma2(path, T) * values["score"]
    for given in predictions(path):
        a, b = drift_coefficients(path, T, given, sigma)
        size = 1.0 + np.abs(expected) + np.abs(a * x) + np.abs(b * values[given])
        assert np.max(np.abs(a * x + b * values[given] - expected) / size) < 1e-12, given


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_sigma_squared_score_stays_finite_at_the_data(path):
    # sigma^2 s = -(sigma^2/beta) E: finite at t = 1 itself, where s is not, for every sigma that vanishes there
    for sigma, given in product(SIGMAS, ("velocity", "v", "noise")):
        known = given == "noise" or given in path.finite_at_data
        if path.refusal(given) is None and known and float(sigma.sigma2(path, 1.0)) == 0.0 and not isinstance(sigma, ReversalSigma):
            for number in sigma.half_score(path, 1.0, given):
                assert np.isfinite(float(number)), (sigma, given)


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
@pytest.mark.parametrize("sigma", SCALED, ids=repr)
def test_sigma_squared_over_the_noise_scale(path, sigma):
    np.testing.assert_allclose(sigma.sigma2_over_latent(path, T) * path.beta(T), sigma.sigma2(path, T), rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize("sigma", SCALED, ids=repr)
@pytest.mark.parametrize("path", [Interpolant(), Interpolant(gamma=SineLatent()), Bridge()], ids=repr)
def test_sigma_off_gaussian_paths(path, sigma):
    if isinstance(sigma, ReversalSigma):
        assert "time reversal" in (sigma.refusal(path) or "")
        with pytest.raises(Problem, match="time reversal"):
            sigma.sigma2(path, 0.5)
        return
    assert sigma.refusal(path) is None
    np.testing.assert_allclose(sigma.sigma2_over_latent(path, T) * path.latent(T), sigma.sigma2(path, T), rtol=1e-10)
    if isinstance(sigma, BetaSigma):
        np.testing.assert_allclose(sigma.sigma2(path, T), (1.3 * path.latent(T)) ** 2, rtol=1e-12)


def test_sigma_in_words():
    found = [kind(scale=0.5).words for kind in (ConstantSigma, SqrtSigma, ReversalSigma, BetaSigma, SineSigma, DrawnSigma)]
    assert found == ["σ = 0.5", "σ = 0.5 √(1−t)", "σ = 0.5 g_t", "σ = 0.5 β_t", "σ = 0.5 sin(πt)", "σ = 0.5 drawn curve"]
    assert [ConstantSigma().words, SqrtSigma().words] == ["σ = 1", "σ = √(1−t)"]
    assert len(found) == len(SIGMAS)


def test_a_drawn_sigma_is_its_curve():
    sigma = sampler_from("euler-maruyama", ["sigma=drawn", "sigma.scale=2", "sigma.curve=[[0, 0.5], [0.5, 1], [1, 0.25]]"]).sigma
    times = np.array([0.0, 0.5, 1.0])
    np.testing.assert_allclose(sigma.sigma2(CondOT(), times), [1.0, 4.0, 0.25])
    whole = name_of(EulerMaruyama(sigma=sigma, steps=7))
    assert whole == "euler-maruyama:steps=7,sigma=drawn,sigma.scale=2.0,sigma.curve=[[0.0,0.5],[0.5,1.0],[1.0,0.25]]"
    name, _, settings = whole.partition(":")
    assert sampler_from(name, split_settings(settings)) == EulerMaruyama(sigma=sigma, steps=7)
    with pytest.raises(Problem, match=r"σ must stay between 0 and 1, and reaches 3\.$"):
        sampler_from("euler-maruyama", ["sigma=drawn", "sigma.curve=[[0, 0.5], [0.5, 3], [1, 0.25]]"])


def test_no_noise_is_the_ode_everywhere():
    for path, sigma in product(SCHEDULES, (ConstantSigma(scale=0.0), SqrtSigma(scale=0.0), ReversalSigma(scale=0.0))):
        for t in (path.interval("velocity")[0], 0.3):
            assert [float(v) for v in drift_coefficients(path, t, "velocity", sigma)] == [0.0, 1.0]
            assert float(sigma.sigma2(path, t)) == 0.0


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_kinds_of_time_agree(path):
    for given, wanted in product(predictions(path), repeat=2):
        array = coefficients(path, T, given, wanted)
        tensor = coefficients(path, torch.from_numpy(T), given, wanted)
        for one, other, k in zip(array, tensor, range(2), strict=True):
            np.testing.assert_allclose(other.numpy(), one, rtol=1e-11, atol=1e-13)
            assert float(coefficients(path, float(T[5, 0]), given, wanted)[k]) == pytest.approx(float(one[5, 0]), rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_domain_is_where_coefficients_are_finite(path):
    for given, wanted in product(predictions(path), repeat=2):
        for t in domain(path, given, wanted):
            assert all(np.isfinite(float(number)) for number in coefficients(path, t, given, wanted)), (given, wanted, t)


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
def test_helpers_give_the_same_whatever_the_field_predicts(path):
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for t in (0.1, 0.5, 0.95):
        for wanted, helper in (("velocity", velocity), ("score", score), ("data", denoiser)):
            expected = GaussianField(path, wanted, mean=(0.2, -0.4))(x, t)
            for given in predictions(path):
                found = helper(GaussianField(path, given, mean=(0.2, -0.4)), x, t)
                torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_helpers_move_t_into_the_domain():
    x = torch.ones(3, 2, dtype=torch.float64)
    field = GaussianField(CondOT(), "velocity")
    assert torch.isfinite(score(field, x, 1.0)).all()
    assert field.calls == [0.999]
    field = GaussianField(CondOT(), "noise")
    assert torch.isfinite(predict(field, x, 0.0, "data")).all()
    assert field.calls == [0.02]
