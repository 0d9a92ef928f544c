"""Score matching: explicit, implicit, sliced and denoising differ by constants free of theta, and their gradients are right."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from engine.choice import Problem
from engine.experiment import Experiment, Training
from engine.fields.exact import exact_field
from engine.flat_mlp import PLAIN
from engine.learners.divergence import DivergenceLearner, ScoreBlock, SlicedLearner, inputs_and_tangents
from engine.learners.posterior import kernel_mixture, silverman
from engine.learners.tangents import DERIVATIVES, forward_with_tangents
from engine.networks import MLP
from engine.objectives import ExplicitScore, ImplicitScore, Objective, SlicedScore
from engine.schedules import CondOT, VPCosine
from engine.targets import EightGaussians, Helix, Moons
from engine.training import Trainer

CPU = torch.device("cpu")


def experiment(objective: Objective, target: Any = None, batch: int = 64, network: MLP | None = None) -> Experiment:
    return Experiment(
        target=target or EightGaussians(),
        path=VPCosine(),
        objective=objective,
        network=network or MLP(width=16, depth=2, space_features=2),
        training=Training(batch=batch, seed=3),
    )


def learner_of(subject: Experiment, seed: int) -> DivergenceLearner:
    """In double precision, with random weights in every layer."""
    network = subject.build(dtype=torch.float64)
    network.weights.copy_(0.3 * torch.randn(len(network.weights), generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
    learner = subject.objective.learner(subject, network, CPU)
    assert isinstance(learner, DivergenceLearner)
    return learner


def score_by_autograd(learner: DivergenceLearner, x: Tensor, t: Tensor) -> Tensor:
    pre, embedding, mean = learner.batches.preconditioning, learner.batches.embedding, learner.batches.mean
    path, times = pre.path, t[:, None]
    f = learner.network.forward(embedding.both(x, t).t())
    return pre.shift(times) * mean + pre.skip(times) * (x - path.alpha(times) * mean) + pre.scale(times) * f


def draws(learner: DivergenceLearner, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = learner.experiment.target
    z = target.frame().inward(target.sample(n, rng))
    low, high = 0.1, 0.9
    return z, rng.standard_normal(z.shape), low + (high - low) * rng.random(n)


@pytest.mark.parametrize("activation", sorted(DERIVATIVES))
def test_derivatives_of_activations_equal_autograd(activation: str) -> None:
    """phi, phi' and phi'' on [-6, 6] without 0, float64: 1e-12."""
    z = torch.linspace(-6, 6, 400, dtype=torch.float64).requires_grad_()
    value, slope, curvature = DERIVATIVES[activation](z.detach())
    expected = PLAIN[activation](z)
    (first,) = torch.autograd.grad(expected.sum(), z, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), z)
    for found, exact in ((value, expected), (slope, first), (curvature(), second)):
        assert float((found - exact).detach().abs().max()) < 1e-12


@pytest.mark.parametrize("target", [EightGaussians(), Helix()], ids=lambda target: target.name)
@pytest.mark.parametrize("activation", ["silu", "gelu", "tanh", "softplus"])
def test_the_divergence_is_the_trace_of_the_jacobian(target: Any, activation: str) -> None:
    """Against the full Jacobian of the score by autograd, float64."""
    network = MLP(width=16, depth=2, space_features=2, activation=activation)
    learner = learner_of(experiment(ImplicitScore(), target, network=network), 1)
    z, eps, t = draws(learner, 20, 0)
    block = learner.problem(0, z, eps, t)
    square, divergence = (value.detach() for value in learner.square_and_divergence(block))
    x = learner.batches.path.point(torch.from_numpy(t)[:, None], torch.from_numpy(eps), torch.from_numpy(z))
    for k in range(20):
        time = torch.tensor([t[k]])
        jacobian = torch.autograd.functional.jacobian(lambda p, time=time: score_by_autograd(learner, p[None], time)[0], x[k])
        assert float(divergence[k]) == pytest.approx(float(torch.trace(jacobian)), rel=1e-9, abs=1e-9)
        assert float(square[k]) == pytest.approx(float(score_by_autograd(learner, x[k][None], time).detach().square().sum()), rel=1e-9)


@pytest.mark.parametrize(
    "objective", [ImplicitScore(), SlicedScore(), SlicedScore(probe="gaussian", probes=3, variance_reduction=False)], ids=str
)
def test_gradients_equal_finite_differences(objective: Objective) -> None:
    """Central differences along 5 random directions of the weights, float64: 1e-7 of the gradient."""
    learner = learner_of(experiment(objective), 2)
    learner.loss(40)
    gradient = learner.network.gradient.clone()
    weights = learner.network.weights
    kept, step = weights.clone(), 1e-5
    for seed in range(5):
        direction = torch.randn(len(weights), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        values = []
        for sign in (1.0, -1.0):
            weights.copy_(kept + sign * step * direction)
            values.append(float(learner.loss(40)))
        weights.copy_(kept)
        expected = float(gradient @ direction)
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(expected, abs=1e-7 * float(gradient.norm()) * float(direction.norm()))


def losses_of(learner: DivergenceLearner, block: ScoreBlock, z: np.ndarray, eps: np.ndarray, t: np.ndarray) -> dict[str, Tensor]:
    """beta^2 times each loss at each point, (n,)."""
    path = learner.batches.path
    times = torch.from_numpy(t)[:, None]
    x = path.point(times, torch.from_numpy(eps), torch.from_numpy(z))
    exact = exact_field(learner.experiment.target, path, dtype=torch.float64)
    truth = torch.cat([exact.score(x[k : k + 1], float(t[k])) for k in range(len(t))])
    with torch.no_grad():
        square, divergence = learner.square_and_divergence(block)
        score = score_by_autograd(learner, x, torch.from_numpy(t))
    weight = block.weight[:, 0]
    return {
        "implicit": weight * (square + 2 * divergence)[:, 0],
        "explicit": weight * (score - truth).square().sum(1),
        "denoising": weight * (score + torch.from_numpy(eps) / path.beta(times)).square().sum(1),
    }


def test_explicit_implicit_and_denoising_differ_by_constants() -> None:
    """The differences DSM - ESM and ISM - ESM at 5 random thetas, on the same n = 6,000 draws (seed 0), agree within 4 standard errors
    of the paired differences; the losses themselves differ by many."""
    values = []
    for seed in range(5):
        learner = learner_of(experiment(ImplicitScore()), seed)
        z, eps, t = draws(learner, 6_000, 0)
        values.append(losses_of(learner, learner.problem(0, z, eps, t), z, eps, t))
    for kind in ("denoising", "implicit"):
        gaps = [one[kind] - one["explicit"] for one in values]
        for gap in gaps[1:]:
            paired = gap - gaps[0]
            assert abs(float(paired.mean())) < 4 * float(paired.std()) / np.sqrt(len(paired))
    apart = values[1]["explicit"] - values[0]["explicit"]
    assert abs(float(apart.mean())) > 8 * float(apart.std()) / np.sqrt(len(apart))


@pytest.mark.parametrize("objective", [SlicedScore(), SlicedScore(probe="gaussian", variance_reduction=False)], ids=str)
def test_sliced_averages_to_implicit(objective: SlicedScore) -> None:
    """n = 20,000 points with one v each (seed 3), paired with the exact divergence: within 4 standard errors."""
    sliced, implicit = learner_of(experiment(objective), 1), learner_of(experiment(ImplicitScore()), 1)
    assert isinstance(sliced, SlicedLearner)
    z, eps, t = draws(sliced, 20_000, 0)
    with torch.no_grad():
        one, other = sliced.problem(0, z, eps, t), implicit.problem(0, z, eps, t)
        a, b = sliced.square_and_divergence(one), implicit.square_and_divergence(other)
    for mine, exact in zip(a, b, strict=True):
        paired = one.weight * (mine - exact)
        assert abs(float(paired.mean())) <= 4 * float(paired.std()) / np.sqrt(len(paired)) + 1e-12


def test_tangents_of_the_inputs_are_their_derivative() -> None:
    learner = learner_of(experiment(ImplicitScore()), 0)
    embedding = learner.batches.embedding
    x, t, step = torch.randn(30, 2, dtype=torch.float64), torch.linspace(0.1, 0.9, 30, dtype=torch.float64), 1e-6
    axes = torch.eye(2, dtype=torch.float64)[:, None, :]
    inputs, tangents = inputs_and_tangents(embedding, x, t, axes)
    assert torch.equal(inputs, embedding.both(x, t).t())
    for axis in range(2):
        ahead, behind = embedding.both(x + step * axes[axis], t).t(), embedding.both(x - step * axes[axis], t).t()
        assert float((tangents[axis] - (ahead - behind) / (2 * step)).abs().max()) < 1e-7
    f, df = forward_with_tangents(learner.network.layers, "silu", inputs, tangents)
    assert (f.shape, df.shape) == ((30, 2), (2, 30, 2))


@pytest.mark.parametrize("objective", [ImplicitScore(), SlicedScore()], ids=lambda objective: objective.name)
def test_an_activation_whose_derivative_jumps_is_refused(objective: Objective) -> None:
    with pytest.raises(Problem, match=r"SELU's derivative jumps.*\.$"):
        Trainer(Experiment(objective=objective, network=MLP(activation="selu")))


def test_explicit_score_regresses_the_exact_score() -> None:
    """The target of f, turned back into a score, is the exact score at the block's own points (float64, 1e-9)."""
    subject = experiment(ExplicitScore(), batch=40)
    learner = subject.objective.learner(subject, subject.build(dtype=torch.float64), CPU)
    batches = learner._blocks.batches
    rng = np.random.default_rng(0)
    z, eps, t = rng.standard_normal((40, 2)), rng.standard_normal((40, 2)), np.full(40, 0.6)
    block = batches.problem(0, z, eps, t)
    pre, path = batches.preconditioning, batches.path
    x = path.point(0.6, torch.from_numpy(eps), torch.from_numpy(z))
    score = pre.shift(0.6) * batches.mean + pre.skip(0.6) * (x - path.alpha(0.6) * batches.mean) + pre.scale(0.6) * block.target
    exact = exact_field(subject.target, path, dtype=torch.float64).score(x, 0.6)
    assert float((score - exact).abs().max()) < 1e-9


def test_silverman_and_the_estimate() -> None:
    """Silverman's rule on normals: (4 / (4 n))^(1/6) in two dimensions; the estimate integrates the sample's variance plus h^2."""
    points = np.random.default_rng(0).standard_normal((4_000, 2))
    assert silverman(points) == pytest.approx((1 / 4_000) ** (1 / 6) * points.std(axis=0, ddof=1))
    subject = experiment(ExplicitScore(truth="kernel"), Moons())
    wide, narrow = kernel_mixture(subject, 500, 0.4), kernel_mixture(subject, 500, 0.0)
    assert np.array_equal(wide.means, narrow.means)
    assert wide.covariance() - np.diag([0.16, 0.16]) == pytest.approx(narrow.covariance() - np.diag(silverman(narrow.means) ** 2))


def test_the_kernel_estimate_is_learned() -> None:
    """After 300 steps the score at t = 0.8 is nearer to the wide kernel's than to the exact one (seed 3)."""
    subject = msgspec.structs.replace(
        experiment(ExplicitScore(truth="kernel", bandwidth=0.5), batch=256), network=MLP(width=32, depth=2), path=CondOT()
    )
    trainer = Trainer(subject)
    for _ in trainer.run(until=300):
        pass
    from engine.fields.base import score
    from engine.learners.posterior import kernel_posterior

    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    learned = score(trainer.field(), x, 0.8)
    kernel = -kernel_posterior(subject, 1_000, 0.5, CPU)(x, 0.8, 0.2)[1]
    exact = exact_field(subject.target, CondOT()).score(x, 0.8)
    assert float((learned - kernel).square().mean()) < 0.2 * float((learned - exact).square().mean())
