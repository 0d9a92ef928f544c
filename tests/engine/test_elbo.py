"""The discrete chain and its bound: levels and weights by their definitions, the bound against Gaussian data in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engine.batches import Batches
from engine.choice import Problem
from engine.elbo import elbo, gaussian_elbo
from engine.experiment import Experiment, Training
from engine.fields.exact import exact_field
from engine.networks import MLP
from engine.objectives import DDPM
from engine.objectives.ddpm import chain_of
from engine.overrides import apply
from engine.paths import GaussianPath
from engine.schedules import CondOT, Trigonometric, VPCosine, VPLinear
from engine.targets import Mixture, Moons

GAUSSIAN = Mixture(means=((1.0, -2.0),), covariances=(((4.0, 1.2), (1.2, 1.0)),), weights=(1.0,))
PATHS = [VPLinear(), VPCosine(), Trigonometric()]


def moments(target: Mixture) -> tuple[np.ndarray, np.ndarray]:
    frame = target.frame()
    return frame.inward(target.density().mean()), target.density().covariance() / np.outer(frame.scale, frame.scale)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
@pytest.mark.parametrize("levels", ["path", "linear"])
def test_levels_lie_on_the_path(path: GaussianPath, levels: str) -> None:
    chain = chain_of(DDPM(levels=levels), path)
    assert np.allclose(path.alpha(chain.times) ** 2, chain.signal, rtol=1e-9)
    assert (np.diff(chain.times) < 0).all()
    assert np.allclose(np.cumprod(1 - chain.b), chain.signal, rtol=1e-12)
    assert len(chain) >= (990 if path.signal_at_start else 800)
    if levels == "linear":
        assert np.allclose(chain.b, np.linspace(1e-4, 0.02, 1_000)[: len(chain)], rtol=1e-9)


@pytest.mark.parametrize("variance_kind", ["forward", "posterior"])
def test_weights_are_kullback_leibler_divergences(variance_kind: str) -> None:
    """w_k ||eps - eps'||^2 + d c_k is KL(q(x_{k-1}|x_k, x_0) || p) with p's mean made of eps' by Ho's equation 11: 1e-10."""
    chain = chain_of(DDPM(steps=50, variance=variance_kind), VPCosine())
    rng = np.random.default_rng(0)
    for k in (2, 20, 50):
        signal, before, b, variance = chain.signal[k - 1], chain.signal[k - 2], chain.b[k - 1], chain.variance[k - 1]
        x0, eps, guess = rng.standard_normal((3, 2))
        x = math.sqrt(signal) * x0 + math.sqrt(1 - signal) * eps
        posterior = (math.sqrt(before) * b * x0 + math.sqrt(1 - b) * (1 - before) * x) / (1 - signal)
        model = (x - b / math.sqrt(1 - signal) * guess) / math.sqrt(1 - b)
        exact = (1 - before) / (1 - signal) * b
        kl = ((posterior - model) ** 2).sum() / (2 * variance) + exact / variance - 1 - math.log(exact / variance)
        assert chain.weights[k - 1] * ((eps - guess) ** 2).sum() + 2 * chain.spare[k - 1] == pytest.approx(kl, rel=1e-10)
    if variance_kind == "posterior":
        ratio = chain.signal / (1 - chain.signal)
        assert np.allclose(chain.weights[1:], 0.5 * (ratio[:-1] / ratio[1:] - 1), rtol=1e-9)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
@pytest.mark.parametrize("levels", ["path", "linear"])
def test_the_bound_of_the_exact_model_of_a_gaussian_is_its_closed_form(path: GaussianPath, levels: str) -> None:
    """n = 4,000, T = 200, seed 0: the total within 4 standard errors, each term within 5 of its own (errors of each level: below 3 %)."""
    objective = DDPM(steps=200, levels=levels)
    found = elbo(exact_field(GAUSSIAN, path, dtype=torch.float64), GAUSSIAN, objective, n=4_000)
    exact = gaussian_elbo(chain_of(objective, path), *moments(GAUSSIAN), GAUSSIAN.frame().log_det)
    assert abs(found.total - exact.total) < 4 * found.standard_error
    assert found.standard_error < 0.1
    scale = np.abs(exact.terms) + 1e-6
    scale[0] = abs(exact.terms[0] - math.log(2 * math.pi * chain_of(objective, path).b[0]))
    assert (np.abs(found.terms - exact.terms) < 0.15 * scale).all()


def test_the_bound_falls_towards_the_entropy_and_never_below() -> None:
    """Gaussian data, closed form: E -log p >= H; what is left over falls with T."""
    mean, covariance = moments(GAUSSIAN)
    entropy = np.log(2 * np.pi * np.e) + 0.5 * np.log(4.0 * 1.0 - 1.2**2)
    gaps = [
        gaussian_elbo(chain_of(DDPM(steps=steps), VPCosine()), mean, covariance, GAUSSIAN.frame().log_det).total - entropy
        for steps in (10, 100, 1_000, 4_000)
    ]
    assert all(gap > 0 for gap in gaps)
    assert gaps[0] > gaps[1] > gaps[2] > gaps[3]
    assert gaps[3] < 1e-3


def test_a_worse_model_has_a_greater_bound() -> None:
    """The field of another Gaussian, against the right one, on the same draws."""
    other = Mixture(means=((1.0, -2.0),), covariances=(((4.0, -1.2), (-1.2, 1.0)),), weights=(1.0,))
    right, wrong = (elbo(exact_field(one, VPCosine()), GAUSSIAN, DDPM(steps=50), n=2_000) for one in (GAUSSIAN, other))
    assert wrong.total > right.total + 4 * (right.standard_error + wrong.standard_error)
    assert right.prior == pytest.approx(wrong.prior)


def test_times_are_levels_all_alike_and_weighed_by_the_bound() -> None:
    path, objective = VPLinear(), DDPM(steps=20, loss="elbo")
    chain = chain_of(objective, path)
    t = objective.times(path.interval("noise"), 1_000, 20, np.random.default_rng(0), path)
    assert set(np.unique(t)) == set(chain.times.astype(np.float32))
    assert np.abs(np.bincount(chain.nearest(t.ravel())) - 1_000).max() <= 40  # stratified: at most 2 more or less in each of 20 batches
    weight = objective.weigh(path, torch.from_numpy(t.reshape(-1, 1)))
    assert torch.allclose(weight, torch.from_numpy(20 * chain.weights[chain.nearest(t.reshape(-1, 1))]).float())
    assert float(DDPM().weigh(path, torch.tensor([[0.3]]))) == 1.0


def test_the_loss_of_the_elbo_is_the_bound_less_its_constants() -> None:
    """Untrained on an isotropic Gaussian, whose noise the network then predicts exactly: E loss = sum of w_k errors. n = 20,000, seed 0;
    within 5 %: the standard error is about 1 %."""
    target = Mixture(means=((1.0, -2.0),), covariances=(((4.0, 0.0), (0.0, 4.0)),), weights=(1.0,))
    objective = DDPM(steps=100, loss="elbo")
    subject = Experiment(
        target=target, path=VPCosine(), objective=objective, network=MLP(width=8, depth=1), training=Training(batch=20_000)
    )
    batches = Batches(subject, torch.device("cpu"))
    block = batches.block(0)
    loss = float((block.weight * block.target.square()).sum(1).mean())
    chain = chain_of(objective, VPCosine())
    exact = gaussian_elbo(chain, np.zeros(2), np.eye(2)).terms
    constant = exact[-1] + math.log(2 * math.pi * chain.b[0]) + 2 * chain.spare.sum()
    assert loss == pytest.approx(exact.sum() - constant, rel=0.05)


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["path=condot"], "not variance preserving"),
        (["path=vp-linear", "source=moons"], "Gaussian source"),
        (["path=vp-linear", "objective.levels=linear", "objective.steps=10"], "must stay below 1"),
    ],
)
def test_refusals(sets: list[str], said: str) -> None:
    reason = apply(Experiment(objective=DDPM()), sets).refusal()
    assert said in str(reason)
    assert str(reason).endswith(".")


def test_a_path_that_is_not_variance_preserving_has_no_bound() -> None:
    with pytest.raises(Problem, match="variance preserving"):
        elbo(exact_field(Moons(), CondOT()), Moons())
