"""Objectives: the law of t, the weights, and that skip, scale and offset make of f exactly the conditional prediction."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from engine.batches import GeneralBatches
from engine.experiment import Experiment, Training
from engine.interpolants import Bridge
from engine.objectives import FlowAndScore, FlowMatching, Noise, Objective, ObjectiveBase, Score
from engine.objectives.times import ImportanceTime, LogitNormalTime, TimeSampler, UniformTime
from engine.objectives.weights import SNR, LikelihoodWeight, MinSNR, One, Steady, TruncatedSNR, Weight
from engine.paths import GaussianPath, Prediction
from engine.preconditioning import Preconditioning
from engine.predictions import coefficients
from engine.schedules import CondOT, Schedule, VPLinear
from engine.targets import Moons

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


LAWS = [kind() for kind in get_args(TimeSampler)]


@pytest.mark.parametrize("objective", [kind() for kind in get_args(Objective) if issubclass(kind, ObjectiveBase)], ids=lambda one: one.name)
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_times_stay_in_the_interval(objective: FlowMatching, law: UniformTime) -> None:
    low, high = 0.25, 0.75
    chosen = type(objective)(time=law)
    t = chosen.times((low, high), 64, 50, np.random.default_rng(0), CondOT())
    assert t.shape == (50, 64)
    assert t.dtype == np.float32
    assert low - 1e-6 <= t.min()
    assert t.max() <= high + 1e-6
    # n = 3,200: the standard error of the mean is at most 0.0026
    assert abs(t.mean() - 0.5) < 0.01


@pytest.mark.parametrize("law", [*LAWS, LogitNormalTime(mean=-0.5, scale=1.5), ImportanceTime(lowest=-3, highest=6)], ids=str)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_times_are_drawn_by_their_density(law: UniformTime, path: GaussianPath) -> None:
    """The density integrates to 1, and 20 bins of 40,000 draws (seed 0) hold what it says within 5 standard errors (stratified: fewer)."""
    low, high = path.interval("noise")
    edges = np.linspace(low, high, 20 * 2_000 + 1)
    # next to the ends the densities are steep: a rule on ln-spaced pieces would serve no better than many even ones
    middle = 0.5 * (edges[1:] + edges[:-1])
    mass = (law.density(middle, (low, high), path) * np.diff(edges)).reshape(20, -1).sum(axis=1)
    assert mass.sum() == pytest.approx(1.0, abs=2e-3)
    drawn = law.draw((low, high), 40_000, 1, np.random.default_rng(0), path)
    share = np.histogram(drawn, bins=edges[::2_000])[0] / 40_000
    error = np.sqrt(np.maximum(mass, 1e-4) * (1 - mass.clip(0, 1)) / 40_000)
    assert (np.abs(share - mass) < 5 * error + 2e-3 * mass + 1e-3).all()


@pytest.mark.parametrize("ends", [(-10, 10), (-1, 2)])
@pytest.mark.parametrize("path", [CondOT(), VPLinear()], ids=lambda path: path.name)
def test_reweighting_gives_the_loss_of_uniform_times(path: GaussianPath, ends: tuple[float, float]) -> None:
    """E_p [h(t) factor(t)] is the plain mean of h between the ends of the draws, by quadrature over the stratified draws."""
    law, interval = ImportanceTime(lowest=ends[0], highest=ends[1], reweight=True), path.interval("noise")
    t = law.draw(interval, 1_000_000, 1, np.random.default_rng(0), path)[0].astype(np.float64)
    weighed = np.mean(np.cos(3 * t) * law.factor(t, interval, path))
    low, high = t.min(), t.max()
    assert weighed == pytest.approx((np.sin(3 * high) - np.sin(3 * low)) / (3 * (high - low)), abs=2e-3)
    assert Noise(time=law).weigh(path, np.array([0.5])) == pytest.approx(law.factor(np.array([0.5]), interval, path))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
@pytest.mark.parametrize("weight", [TruncatedSNR(), MinSNR(), MinSNR(limit=0.3), LikelihoodWeight()], ids=str)
def test_a_weight_of_the_literature_is_the_same_loss_for_every_prediction(path: GaussianPath, weight: TruncatedSNR) -> None:
    """w(t) ||error||^2 of each prediction, for one error of the denoiser."""
    t, delta = np.linspace(0.05, 0.95, 50), 0.7
    losses = []
    for kind in ("data", "noise", "score", "velocity", "v"):
        if path.refusal(kind):
            continue
        _, slope = coefficients(path, t, "data", kind)
        losses.append(weight.weight(path, t, kind) * (slope * delta) ** 2)
    for loss in losses[1:]:
        assert np.allclose(loss, losses[0], rtol=1e-9)
    if weight == LikelihoodWeight():
        _, slope = coefficients(path, t, "data", "score")
        assert np.allclose(losses[0], path.g2(t) * (slope * delta) ** 2, rtol=1e-9)


@pytest.mark.parametrize("weight", [kind() for kind in get_args(Weight)], ids=lambda weight: weight.name)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_weights_are_finite_and_positive_on_the_interval(path: GaussianPath, weight: TruncatedSNR) -> None:
    for kind in ("velocity", "noise", "data", "score"):
        low, high = path.interval(kind)
        value = weight.weight(path, np.linspace(low, min(high, 1 - 1e-4), 301), kind)
        assert np.isfinite(value).all()
        assert (value >= 0).all()


def test_uniform_times_are_stratified_and_logit_normal_ones_are_not_uniform() -> None:
    rng = np.random.default_rng(0)
    uniform = FlowMatching().times((0.0, 1.0), 128, 3, rng)
    assert (np.floor(np.sort(uniform, axis=1) * 128) == np.arange(128)).all()
    logit = FlowMatching(time=LogitNormalTime()).times((0.0, 1.0), 20_000, 1, rng)
    # P(|logit t| < 1) = 0.6827 for N(0, 1); standard error 0.0033
    inside = np.mean((logit > 1 / (1 + np.e)) & (logit < np.e / (1 + np.e)))
    assert abs(inside - 0.6827) < 0.014


def test_weights_by_name() -> None:
    t = np.array([0.2, 0.6])
    path = VPLinear()
    alpha, beta = path.alpha(t), path.beta(t)
    assert np.allclose(Noise().weigh(path, t), 1.0, rtol=1e-12)
    assert np.allclose(Score().weigh(path, t), beta**2, rtol=1e-12)
    assert np.allclose(Noise(weight=SNR()).weigh(path, t), (alpha / beta) ** 2, rtol=1e-12)
    assert np.allclose(FlowMatching().weigh(CondOT(), t), 1.0, rtol=1e-12)


def test_the_ends_of_the_score_are_outside_of_the_network() -> None:
    """beta s and the weighted loss stay of order one where beta is 0.001."""
    pre = Preconditioning(CondOT(), "score", 1.0)
    t = 1.0 - 1e-3
    assert float(Score().weigh(CondOT(), t) * pre.scale(t) ** 2) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.0])
def test_the_steady_weight_bounds_the_variance_of_a_bridges_velocity(sigma: float) -> None:
    """w gamma_dot^2 = v / (1 + v) below 1 at every t, v = sigma^2 (1 - 2t)^2 / (4 t (1 - t)); for sigma = 1 the weight is 4 t (1 - t)."""
    t = np.concatenate([np.geomspace(1e-3, 0.5, 60), 1.0 - np.geomspace(1e-3, 0.5, 60)])
    variance = sigma**2 * (1.0 - 2.0 * t) ** 2 / (4.0 * t * (1.0 - t))
    for objective in (FlowAndScore(), FlowMatching(weight=Steady())):
        assert np.allclose(objective.weigh(Bridge(sigma=sigma), t), 1.0 / (1.0 + variance), rtol=1e-10)
    assert np.allclose(FlowAndScore(weight=One()).weigh(Bridge(sigma=sigma), t), 1.0, rtol=0.0)
    if sigma == 1.0:
        assert np.allclose(Steady().weight(Bridge(sigma=1.0), t, "velocity"), 4.0 * t * (1.0 - t), rtol=1e-10)


def test_the_steady_weight_is_the_velocitys_alone() -> None:
    """The noise's error keeps the weight that it has without; the velocity's has 1 / (1 + gamma_dot^2) of it."""
    draws, t = np.random.default_rng(0).standard_normal((3, 64, 2)), np.linspace(0.01, 0.99, 64)
    weights = []
    for weight in (One(), Steady()):
        objective = FlowAndScore(weight=weight, noise_share=3.0)
        experiment = Experiment(target=Moons(), source=Moons(), path=Bridge(), objective=objective, training=Training(batch=64))
        weights.append(GeneralBatches(experiment, torch.device("cpu"), torch.float64).problem(0, *draws, t).weight)
    plain, steady = weights
    assert torch.equal(plain[:, 2:], steady[:, 2:])
    expected = Steady().weight(Bridge(), torch.from_numpy(t)[:, None], "velocity-and-noise")
    assert torch.allclose(steady[:, :2], plain[:, :2] * expected, rtol=1e-12)
