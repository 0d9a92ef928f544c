"""Errors of a field against fields whose error is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from engine.choice import Problem
from engine.couplings import OptimalTransport
from engine.error_maps import angle_between, error_curve, error_map
from engine.experiment import Experiment
from engine.fields.exact import ExactField, exact_field_of
from engine.marginals import marginal
from engine.reflow import Reflow
from engine.schedules import VPLinear
from engine.targets import Helix, Mixture, Moons

ONE = Mixture(means=((1.0, -0.5),), covariances=(((0.5, 0.2), (0.2, 0.3)),), weights=(1.0,), standardise="none")
OTHER = Mixture(means=((0.0, 2.0),), covariances=(((0.4, -0.1), (-0.1, 0.9)),), weights=(1.0,), standardise="none")


class Off:
    """The exact field with ``gap`` added to its velocity."""

    def __init__(self, exact: ExactField, gap: list[float]) -> None:
        self.exact, self.gap = exact, torch.tensor(gap, dtype=exact.dtype)
        self.path, self.source, self.prediction, self.interval = exact.path, exact.source, exact.prediction, exact.interval
        self.mean, self.covariance, self.dimension = exact.mean, exact.covariance, exact.dimension
        self.device, self.dtype = exact.device, exact.dtype

    def __call__(self, x: torch.Tensor, t: float) -> torch.Tensor:
        return self.exact(x, t) + self.gap


def off(experiment: Experiment, gap: list[float]) -> Off:
    return Off(exact_field_of(experiment, dtype=torch.float64), gap)


def finished(steps):
    return list(steps)[-1]


def test_a_constant_error_is_that_everywhere():
    # along CondOT u = x / t + s (1 - t) / t, so that a gap c in the velocity is one of c t / (1 - t) in the score
    found = error_map(off(Experiment(), [0.3, 0.4]), Experiment(), 0.25, (-2, -1), (2, 1), (9, 5))
    assert found.velocity == pytest.approx(np.full((5, 9), 0.5), abs=1e-12)
    assert found.score == pytest.approx(np.full((5, 9), 0.5 / 3), abs=1e-9)
    assert found.mean(found.velocity) == pytest.approx(0.5)
    assert (found.x[0], found.x[-1], found.y[0], found.y[-1]) == (-2, 2, -1, 1)
    exact = exact_field_of(Experiment(), dtype=torch.float64)
    u = exact.velocity(torch.tensor([[-2.0, 1.0]], dtype=torch.float64), 0.25)[0].numpy()
    v = u + np.array([0.3, 0.4])
    assert found.angle[4, 0] == pytest.approx(math.acos(u @ v / np.linalg.norm(u) / np.linalg.norm(v)), abs=1e-9)
    density = exact.log_prob(torch.tensor([[-2.0, 1.0]], dtype=torch.float64), 0.25).exp()
    assert found.density[4, 0] == pytest.approx(float(density[0]), rel=1e-12)


def test_the_curve_of_a_constant_error_and_its_integral():
    low, high = 0.01, 0.99
    curve = finished(error_curve(off(Experiment(), [0.3, 0.4]), Experiment(), n=5, times=32, repeats=2))
    assert curve.fraction == 1.0
    assert curve.velocity == pytest.approx(np.full((2, 32), 0.25), abs=1e-12)
    assert curve.score == pytest.approx(np.tile(0.25 * (curve.times / (1 - curve.times)) ** 2, (2, 1)), rel=1e-6)
    assert curve.integral(curve.velocity) == pytest.approx([0.25 * (high - low)] * 2)
    # the integral of t^2 / (1 - t)^2
    whole = 0.25 * (1 / (1 - high) - 1 / (1 - low) - 2 * math.log((1 - low) / (1 - high)) + high - low)
    assert curve.integral(curve.score) == pytest.approx([whole] * 2, rel=0.01)


def test_the_exact_field_has_no_error():
    for experiment in (
        Experiment(target=Moons()),
        Experiment(path=VPLinear()),
        Experiment(source=OTHER, target=ONE),
        Experiment(target=Helix()),
    ):
        curve = finished(error_curve(exact_field_of(experiment, dtype=torch.float64), experiment, n=20, times=4, repeats=2))
        assert curve.velocity.max() < 1e-20
        assert curve.score.max() < 1e-20
    plane = error_map(exact_field_of(experiment, dtype=torch.float64), experiment, 0.5, (-1, -1), (1, 1), (4, 3), depth=0.5)
    assert plane.velocity.max() < 1e-10


def test_a_margin_makes_the_interval_and_seeds_name_the_points():
    field = off(Experiment(), [0.1, 0.0])
    curve = finished(error_curve(field, Experiment(), n=3, times=2, repeats=1, margin=0.2))
    assert curve.interval == (0.2, 0.8)
    assert curve.weights.sum() == pytest.approx(0.6)


def test_small_angles_are_exact():
    one, other = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 1e-9], [-2.0, 0.0], [1.0, 0.0]])
    found = angle_between(one, other)
    assert found[:2] == pytest.approx([1e-9, math.pi], rel=1e-6)
    assert np.isnan(found[2])


def test_no_exact_field_is_refused():
    experiment = Experiment(coupling=OptimalTransport())
    with pytest.raises(Problem, match="closed form"):
        error_map(off(Experiment(), [0.0, 0.0]), experiment, 0.5, (-1, -1), (1, 1))
    with pytest.raises(Problem, match="closed form"):
        next(error_curve(off(Experiment(), [0.0, 0.0]), experiment))
    with pytest.raises(Problem):
        marginal(experiment, 0.5, 3, np.random.default_rng(0))
    assert Reflow.paired


@pytest.mark.parametrize(
    "experiment",
    [Experiment(target=ONE), Experiment(source=OTHER, target=ONE), Experiment(source=OTHER, target=ONE, coupling=OptimalTransport())],
)
def test_draws_of_the_marginal_have_its_moments(experiment):
    # t = 0.6, n = 20,000, seed 2: within 5 standard errors of a C0 + b C1 with the coupling's cross covariance
    n, t, a, b = 20_000, 0.6, 0.4, 0.6
    x = marginal(experiment, t, n, np.random.default_rng(2))
    m1, c1 = np.array(ONE.means[0]), np.array(ONE.covariances[0])
    m0, c0 = (np.zeros(2), np.eye(2)) if experiment.gaussian_source else (np.array(OTHER.means[0]), np.array(OTHER.covariances[0]))
    cross = np.zeros((2, 2))
    if experiment.coupling.paired:
        half = sqrtm(c0).real
        cross = half @ sqrtm(half @ c1 @ half).real @ np.linalg.inv(half)
    covariance = a * a * c0 + b * b * c1 + a * b * (cross + cross.T)
    variance = np.diag(covariance)
    assert np.all(np.abs(x.mean(axis=0) - a * m0 - b * m1) < 5 * np.sqrt(variance / n))
    assert np.all(np.abs(np.cov(x.T) - covariance) < 5 * np.sqrt((np.outer(variance, variance) + covariance**2) / n))
