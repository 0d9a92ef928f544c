"""Mean flow: the identity of the average velocity on Gaussian data in closed form, its derivative, its field, and that it is learned."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from engine.experiment import Experiment, Training
from engine.fields.base import score, velocity
from engine.fields.mean_flow import MeanFlowField
from engine.learners.mean_flow import Jumps, MeanFlowLearner
from engine.networks import MLP
from engine.objectives import OneStep
from engine.overrides import apply
from engine.paths import GaussianPath
from engine.schedules import CondOT, VPCosine
from engine.targets import EightGaussians, Helix, Mixture
from engine.training import Trainer

CPU = torch.device("cpu")
GAUSSIAN = Mixture(means=((1.0, -2.0),), covariances=(((4.0, 1.2), (1.2, 1.0)),), weights=(1.0,))


def learner_of(target: Any, noise: float, path: GaussianPath | None = None, **objective: Any) -> MeanFlowLearner:
    """In double precision, with random weights of that size."""
    subject = Experiment(
        target=target,
        path=path or CondOT(),
        objective=OneStep(**objective),
        network=MLP(width=16, depth=2, space_features=2, time_features=3),
        training=Training(batch=64, seed=3),
    )
    flat = subject.build(dtype=torch.float64)
    flat.weights.copy_(noise * torch.randn(len(flat.weights), generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    learner = subject.objective.learner(subject, flat, CPU)
    assert isinstance(learner, MeanFlowLearner)
    return learner


def network_average(learner: MeanFlowLearner, x: Tensor, r: Tensor, t: Tensor) -> Tensor:
    known, scale = learner.average.known(x, r, t)
    return known + scale * learner.network.forward(learner.average.inputs(x, r, t))


class GaussianAverage:
    """(x_t - x_r) / (t - r) along the flow of N(m, C): x_t = alpha_t m + sqrt(S_t / S_r) (x_r - alpha_r m), S = alpha^2 C + beta^2 I."""

    def __init__(self, path: GaussianPath, target: Mixture) -> None:
        frame = target.frame()
        self.path = path
        self.mean = torch.from_numpy(frame.inward(target.density().mean()))
        values, vectors = np.linalg.eigh(target.density().covariance() / np.outer(frame.scale, frame.scale))
        self.values, self.vectors = torch.from_numpy(values), torch.from_numpy(vectors)

    def spread(self, t: Tensor) -> Tensor:
        return (self.path.alpha(t) ** 2 * self.values + self.path.beta(t) ** 2).sqrt()

    def __call__(self, x: Tensor, r: Tensor, t: Tensor) -> Tensor:
        r, t = r[:, None], t[:, None]
        around = (x - self.path.alpha(r) * self.mean) @ self.vectors
        end = self.path.alpha(t) * self.mean + (around * self.spread(t) / self.spread(r)) @ self.vectors.T
        return (end - x) / (t - r)

    def velocity(self, x: Tensor, r: Tensor) -> Tensor:
        """alpha_dot m + (S_dot / 2 S) (x - alpha m), in the eigenvectors."""
        r, path = r[:, None], self.path
        rate = (path.alpha(r) * path.alpha_dot(r) * self.values + path.beta_beta_dot(r)) / self.spread(r) ** 2
        return path.alpha_dot(r) * self.mean + (((x - path.alpha(r) * self.mean) @ self.vectors) * rate) @ self.vectors.T


def pairs(n: int, low: float = 0.05, high: float = 0.95) -> tuple[Tensor, Tensor, Tensor]:
    rng = np.random.default_rng(0)
    times = np.sort(low + (high - low) * rng.random((n, 2)), axis=1)
    times[:, 1] += 0.02
    return torch.from_numpy(rng.standard_normal((n, 2))), torch.from_numpy(times[:, 0]), torch.from_numpy(times[:, 1])


@pytest.mark.parametrize("path", [CondOT(), VPCosine()], ids=lambda path: path.name)
def test_the_exact_average_of_a_gaussian_obeys_the_identity(path: GaussianPath) -> None:
    """u = v + (t - r) (v . grad u + d_r u), v the exact velocity, derivatives by autograd: 1e-8. With the sign turned it fails."""
    exact = GaussianAverage(path, GAUSSIAN)
    x, r, t = pairs(200)
    v = exact.velocity(x, r)
    _, total = torch.autograd.functional.jvp(lambda p, now: exact(p, now, t), (x, r), (v, torch.ones_like(r)))
    u, gap = exact(x, r, t), (t - r)[:, None]
    assert float((u - v - gap * total).abs().max()) < 1e-8
    assert float((u - v + gap * total).abs().max()) > 0.1
    assert float((exact(x, r, r + 1e-6) - v).abs().max()) < 1e-4


@pytest.mark.parametrize("path", [CondOT(), VPCosine()], ids=lambda path: path.name)
def test_with_zero_weights_the_network_is_the_average_of_an_isotropic_gaussian(path: GaussianPath) -> None:
    target = Mixture(means=((1.0, -2.0),), covariances=(((4.0, 0.0), (0.0, 4.0)),), weights=(1.0,))
    learner, exact = learner_of(target, 0.0, path), GaussianAverage(path, target)
    x, r, t = pairs(100)
    assert float((network_average(learner, x, r, t) - exact(x, r, t)).abs().max()) < 1e-10
    assert float((network_average(learner, x, r, r) - exact.velocity(x, r)).abs().max()) < 1e-10


@pytest.mark.parametrize("target", [EightGaussians(), Helix()], ids=lambda target: target.name)
def test_the_target_is_the_identity_by_autograd(target: Any) -> None:
    """known + scale (target of f) is v + (t - r) d/dr u_theta along (v, 1), by forward differentiation of the whole network: 1e-8."""
    learner = learner_of(target, 0.3, power=0.0)
    d, n = target.dimension, 50
    rng = np.random.default_rng(0)
    z, eps = rng.standard_normal((n, d)), rng.standard_normal((n, d))
    r = 0.05 + 0.6 * rng.random(n)
    t = r + 0.3 * (np.arange(n) % 2)
    part = learner.problem(z, eps, r, t)
    found, weight = learner.target(part)
    x = torch.from_numpy(r[:, None] * z + (1 - r[:, None]) * eps)
    v, starts, ends = torch.from_numpy(z - eps), torch.from_numpy(r), torch.from_numpy(t)
    _, total = torch.autograd.functional.jvp(
        lambda p, now: network_average(learner, p, now, ends), (x, starts), (v, torch.ones_like(starts))
    )
    expected = v + (ends - starts)[:, None] * total
    assert float((part.known + part.scale * found - expected).abs().max()) < 1e-8
    assert torch.allclose(weight, part.scale**2)


def test_equal_times_are_flow_matching() -> None:
    learner = learner_of(EightGaussians(), 0.3, jumps=0.0, power=0.0)
    part: Jumps = learner.block(0)
    assert float(part.gap.abs().max()) == 0.0
    found, _ = learner.target(part)
    assert float((part.known + part.scale * found - part.v).abs().max()) < 1e-10


def test_a_fixed_set_is_all_that_is_seen() -> None:
    """``training.points`` confines the data that jumps are made of."""
    learner = learner_of(EightGaussians(), 0.0)
    confined = msgspec.structs.replace(learner.experiment, training=Training(batch=64, points=10))
    learner = MeanFlowLearner(confined, learner.network, CPU, learner.objective)
    seen: list[np.ndarray] = []
    learner.problem = lambda z, *_: seen.append(z)  # type: ignore[method-assign,assignment,return-value]
    learner.block(0)
    assert len(np.unique(seen[0], axis=0)) == 10


def test_times_of_jumps() -> None:
    """Shares of equal times and of jumps to the end as asked for: n = 2,048 in 2 blocks (seed 3), within 4 standard errors."""
    learner = learner_of(EightGaussians(), 0.0, jumps=0.6, whole=0.5)
    r, t = (np.concatenate(parts) for parts in zip(learner.times(0), learner.times(1), strict=True))
    n = len(r)
    assert (r <= t).all()
    assert abs(np.mean(r == t) - 0.4) < 4 * np.sqrt(0.24 / n)
    assert abs(np.mean(t == 1.0) - 0.3) < 4 * np.sqrt(0.21 / n)
    jump = (r < t) & (t < 1.0)
    # the lesser and the greater of two uniform draws: means 1/3 and 2/3, standard deviation 0.236
    assert abs(r[jump].mean() - 1 / 3) < 4 * 0.236 / np.sqrt(jump.sum())
    assert abs(t[jump].mean() - 2 / 3) < 4 * 0.236 / np.sqrt(jump.sum())


def test_training_reaches_the_average_of_a_gaussian() -> None:
    """After 1,500 steps one jump from noise to data moves points as the exact flow does, to 0.12 rms (seed 3), at first to over 0.4."""
    subject = Experiment(
        target=GAUSSIAN,
        objective=OneStep(jumps=0.5, power=0.0),
        network=MLP(width=32, depth=2, space_features=0, time_features=4),
        training=Training(batch=256, seed=3, learning_rate=4e-3, ema=0.99),
    )
    trainer, exact = Trainer(subject), GaussianAverage(CondOT(), GAUSSIAN)
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    truth = exact(x.double(), torch.zeros(500, dtype=torch.float64), torch.ones(500, dtype=torch.float64))

    def error() -> float:
        field = trainer.field()
        assert isinstance(field, MeanFlowField)
        return float((field.average(x, 0.0, 1.0) - truth).square().sum(1).mean().sqrt())

    before = error()
    for _ in trainer.run(until=1_500):
        pass
    assert error() < 0.12
    assert before > 0.4


def test_the_field_is_a_velocity_at_equal_times_and_tells_a_score() -> None:
    trainer = Trainer(Experiment(target=GAUSSIAN, objective=OneStep(), network=MLP(width=16, depth=2)))
    for _ in trainer.run(until=20):
        pass
    field = trainer.field()
    assert isinstance(field, MeanFlowField)
    x = torch.randn(3_000, 2, generator=torch.Generator().manual_seed(0))
    for t in (0.0, 0.4, 1.0):
        assert torch.allclose(field(x, t), field.average(x, t, t), atol=1e-4)
        assert torch.allclose(field.plain(x, t), field(x, t), atol=1e-4)
    assert trainer.experiment.score_refusal() is None
    t = 0.4
    u = velocity(field, x, t)
    assert torch.allclose(score(field, x, t), (t * u - x) / (1 - t), atol=1e-4)


def test_refusals() -> None:
    reason = apply(Experiment(objective=OneStep()), ["source=moons"]).refusal()
    assert reason is not None
    assert reason.endswith(".")
    assert msgspec.structs.replace(Experiment(objective=OneStep()), path=VPCosine()).refusal() is None
