"""Objectives: the law of t, the weights, and that skip, scale and offset make of f exactly the conditional prediction."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from engine.objectives import FlowMatching, Noise, Objective, Score
from engine.paths import GaussianPath, Prediction
from engine.preconditioning import Preconditioning
from engine.schedules import CondOT, Schedule, VPLinear

PATHS = [kind() for kind in get_args(Schedule)]


def conditional(path: GaussianPath, kind: Prediction, t: np.ndarray, z: np.ndarray, eps: np.ndarray) -> np.ndarray:
    """What the objective regresses, from its definition in MATHS section 4."""
    values = {
        "velocity": lambda: path.alpha_dot(t) * z + path.beta_dot(t) * eps,
        "score": lambda: -eps / path.beta(t),
        "noise": lambda: eps,
        "data": lambda: z,
        "v": lambda: path.alpha(t) * eps - path.beta(t) * z,
    }
    return np.asarray(values[kind]())


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
@pytest.mark.parametrize("kind", get_args(Prediction))
@pytest.mark.parametrize("residual", [True, False])
def test_f_at_its_target_is_the_conditional_prediction(path: GaussianPath, kind: Prediction, residual: bool) -> None:
    if path.refusal(kind):
        pytest.skip("refused by the path")
    rng = np.random.default_rng(0)
    n, mean, variance = 200, np.array([0.7, -0.4, 0.1]), 1.7
    t = np.linspace(1e-3, 1 - 1e-3, n)[:, None]
    z, eps = rng.standard_normal((n, 3)), rng.standard_normal((n, 3))
    pre = Preconditioning(path, kind, variance, residual)
    x = path.alpha(t) * z + path.beta(t) * eps
    value = pre.shift(t) * mean + pre.skip(t) * (x - path.alpha(t) * mean) + pre.scale(t) * pre.target(t, z, eps, mean)
    expected = conditional(path, kind, t, z, eps)
    assert np.abs(value - expected).max() <= 1e-9 * np.abs(expected).max()


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_f_regresses_something_of_variance_one_uncorrelated_with_x(path: GaussianPath) -> None:
    """n = 40,000, seed 0: the standard error of a variance of one is 0.007, of a correlation 0.005."""
    rng = np.random.default_rng(0)
    n, variance = 40_000, 2.5
    z = np.sqrt(variance) * rng.standard_normal((n, 1)) + 3.0
    eps = rng.standard_normal((n, 1))
    for t in (0.0, 0.3, 0.9, 1.0):
        time = np.full((n, 1), t)
        f = Preconditioning(path, "noise", variance).target(time, z, eps, np.array([3.0]))
        x = path.point(time, eps, z)
        assert abs(f.var() - 1.0) < 0.03
        assert abs(np.corrcoef(f[:, 0], x[:, 0])[0, 1]) < 0.02


@pytest.mark.parametrize("objective", [kind() for kind in get_args(Objective)], ids=lambda objective: objective.name)
@pytest.mark.parametrize("law", ["uniform", "logit-normal"])
def test_times_stay_in_the_interval(objective: FlowMatching, law: str) -> None:
    low, high = 0.25, 0.75
    chosen = type(objective)(time=law)
    t = chosen.times((low, high), 64, 50, np.random.default_rng(0))
    assert t.shape == (50, 64)
    assert t.dtype == np.float32
    assert low <= t.min()
    assert t.max() <= high
    # n = 3,200: the standard error of the mean is at most 0.0026
    assert abs(t.mean() - 0.5) < 0.01


def test_uniform_times_are_stratified_and_logit_normal_ones_are_not_uniform() -> None:
    rng = np.random.default_rng(0)
    uniform = FlowMatching().times((0.0, 1.0), 128, 3, rng)
    assert (np.floor(np.sort(uniform, axis=1) * 128) == np.arange(128)).all()
    logit = FlowMatching(time="logit-normal").times((0.0, 1.0), 20_000, 1, rng)
    # P(|logit t| < 1) = 0.6827 for N(0, 1); standard error 0.0033
    inside = np.mean((logit > 1 / (1 + np.e)) & (logit < np.e / (1 + np.e)))
    assert abs(inside - 0.6827) < 0.014


def test_weights_by_name() -> None:
    t = np.array([0.2, 0.6])
    path = VPLinear()
    alpha, beta = path.alpha(t), path.beta(t)
    assert np.allclose(Noise().weigh(path, t), 1.0, rtol=1e-12)
    assert np.allclose(Score().weigh(path, t), beta**2, rtol=1e-12)
    assert np.allclose(Noise(weight="snr").weigh(path, t), (alpha / beta) ** 2, rtol=1e-12)
    assert np.allclose(FlowMatching().weigh(CondOT(), t), 1.0, rtol=1e-12)


def test_the_ends_of_the_score_are_outside_of_the_network() -> None:
    """beta s and the weighted loss stay of order one where beta is 0.001."""
    pre = Preconditioning(CondOT(), "score", 1.0)
    t = 1.0 - 1e-3
    assert float(Score().weigh(CondOT(), t) * pre.scale(t) ** 2) == pytest.approx(1.0, abs=0.01)
