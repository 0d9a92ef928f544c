"""Maximum likelihood: log p through the ODE against closed forms, its divergence against autograd, its gradient by differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from engine.experiment import Experiment, Training
from engine.learners.likelihood import LikelihoodLearner, log_prob
from engine.networks import MLP
from engine.objectives import Likelihood
from engine.overrides import apply
from engine.samplers import EulerMaruyama, Heun
from engine.schedules import CondOT, VPLinear
from engine.simulation import simulate
from engine.targets import EightGaussians, Helix, Mixture, Moons
from engine.training import Trainer

CPU = torch.device("cpu")
EVEN = [k / 60 for k in range(61)]
GAUSSIAN = Mixture(means=((1.0, -2.0),), covariances=(((4.0, 1.2), (1.2, 1.0)),), weights=(1.0,))


def learner_of(target: Any, noise: float, **network: Any) -> LikelihoodLearner:
    """In double precision, with random weights of that size."""
    subject = Experiment(
        target=target,
        objective=Likelihood(steps=3),
        network=MLP(**{"width": 16, "depth": 2, "space_features": 2, **network}),
        training=Training(batch=20, seed=3),
    )
    flat = subject.build(dtype=torch.float64)
    flat.weights.copy_(noise * torch.randn(len(flat.weights), generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    learner = subject.objective.learner(subject, flat, CPU)
    assert isinstance(learner, LikelihoodLearner)
    return learner


def by_autograd(learner: LikelihoodLearner, x: torch.Tensor, t: float) -> torch.Tensor:
    """The velocity by the embedding and the plain network."""
    batches = learner._batches
    pre, mean = batches.preconditioning, batches.mean
    times = torch.full((len(x),), t, dtype=torch.float64)
    f = learner.network.forward(batches.embedding.both(x, times).t())
    return float(pre.shift(t)) * mean + float(pre.skip(t)) * (x - float(pre.path.alpha(t)) * mean) + float(pre.scale(t)) * f


@pytest.mark.parametrize("target", [EightGaussians(), Helix()], ids=lambda target: target.name)
@pytest.mark.parametrize("network", [{}, {"space_features": 0, "time_features": 0, "residual": False}, {"activation": "tanh"}], ids=str)
def test_velocity_and_divergence_equal_autograd(target: Any, network: dict[str, Any]) -> None:
    """Against the full Jacobian, float64."""
    learner = learner_of(target, 0.3, **network)
    x = torch.randn(10, target.dimension, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for t in (0.0, 0.37, 1.0):
        u, rates = (value.detach() for value in learner.flow(x, t))
        assert float((u - by_autograd(learner, x, t).detach()).abs().max()) < 1e-9
        for k in range(len(x)):
            jacobian = torch.autograd.functional.jacobian(lambda p, t=t: by_autograd(learner, p[None], t)[0], x[k])
            assert float(rates[k, 0]) == pytest.approx(float(torch.trace(jacobian)), abs=1e-9)
            assert float(rates[k, 1]) == pytest.approx(float(jacobian.square().sum()), abs=1e-9)


def test_log_p_of_a_linear_flow_is_that_of_the_gaussian() -> None:
    """u = A x + b pushes N(0, I) to a Gaussian in closed form: log p within 1e-5 at 60 steps of RK4, float64."""
    matrix = torch.tensor([[0.5, -0.8], [0.3, -0.2]], dtype=torch.float64)
    shift = torch.tensor([0.4, -1.0], dtype=torch.float64)

    def flow(x: torch.Tensor, _t: float) -> tuple[torch.Tensor, torch.Tensor]:
        return x @ matrix.T + shift, torch.trace(matrix).expand(len(x), 1)

    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spread = torch.linalg.matrix_exp(matrix)
    mean = torch.linalg.solve(matrix, (spread - torch.eye(2)) @ shift)
    exact = torch.distributions.MultivariateNormal(mean, spread @ spread.T).log_prob(x)
    assert float((log_prob(flow, x, "rk4", EVEN) - exact).abs().max()) < 1e-5
    errors = [float((log_prob(flow, x, solver, EVEN) - exact).abs().max()) for solver in ("rk4", "midpoint", "euler")]
    assert errors[0] < 1e-2 * errors[1] < 1e-3 * errors[2]


def test_log_p_of_the_network_s_own_start_is_the_data_s_gaussian() -> None:
    """With all weights zero the network is the exact velocity of an isotropic Gaussian: log p within 1e-5 in the user's units."""
    target = Mixture(means=((1.0, -2.0),), covariances=(((4.0, 0.0), (0.0, 4.0)),), weights=(1.0,))
    learner = learner_of(target, 0.0)
    x = target.sample(100, np.random.default_rng(0))
    inner = torch.from_numpy(target.frame().inward(x))
    found = log_prob(learner.flow, inner, "rk4", EVEN).detach().numpy() - target.frame().log_det
    assert np.abs(found - target.log_prob(x)).max() < 1e-5


@pytest.mark.parametrize("solver", ["euler", "midpoint", "rk4"])
def test_the_gradient_equals_finite_differences(solver: str) -> None:
    """Central differences along 4 random directions of the weights, float64."""
    learner = learner_of(Moons(), 0.2)
    learner.objective = Likelihood(solver=solver, steps=3, smoothness=0.0)
    learner.loss(5)
    gradient, weights = learner.network.gradient.clone(), learner.network.weights
    kept, step = weights.clone(), 1e-5
    for seed in range(4):
        direction = torch.randn(len(weights), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        values = []
        for sign in (1.0, -1.0):
            weights.copy_(kept + sign * step * direction)
            values.append(float(learner.loss(5)))
        weights.copy_(kept)
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(
            float(gradient @ direction), rel=1e-5, abs=1e-7 * float(gradient.norm())
        )


def test_a_gaussian_is_learned_to_its_entropy() -> None:
    """After 150 steps the mean loss of the last 30 is within 4 standard errors + 0.02 nats of the entropy (30 batches of 256, seed 3)."""
    subject = Experiment(
        target=GAUSSIAN,
        objective=Likelihood(),
        network=MLP(width=16, depth=2, space_features=0),
        training=Training(batch=256, seed=3, learning_rate=1e-2),
    )
    trainer = Trainer(subject)
    for _ in trainer.run(until=150):
        pass
    entropy = np.log(2 * np.pi * np.e) + 0.5 * np.log(4.0 * 1.0 - 1.2**2)
    last = np.array(trainer.losses[-30:])
    assert abs(last.mean() - entropy) < 4 * last.std() / np.sqrt(30) + 0.02
    assert np.mean(trainer.losses[:3]) > entropy + 0.1


def test_it_tells_no_score_and_an_ode_sampler_works() -> None:
    trainer = Trainer(Experiment(target=GAUSSIAN, objective=Likelihood(), network=MLP(width=8, depth=1)))
    field = trainer.field()
    assert "no score" in str(trainer.experiment.score_refusal())
    *_, last = simulate(field, Heun(steps=10), n=2_000, seed=0)
    x = last.x.numpy()
    # all weights of the last layer are zero: the isotropic Gaussian of the data's mean variance; n = 2,000: s.e. of a variance 0.03
    assert np.trace(np.cov(x.T)) / 2 == pytest.approx(1.0, abs=0.1)
    with pytest.raises(ValueError, match="score"):
        list(simulate(field, EulerMaruyama(steps=5), n=10, seed=0))


@pytest.mark.parametrize("sets", [[], ["path=ot"], ["path=trigonometric"], ["network.residual=false", "network.space_features=0"]], ids=str)
@pytest.mark.parametrize("target", ["8gaussians", "helix"])
def test_what_is_trained_is_the_field_that_is_sampled(target: str, sets: list[str]) -> None:
    base = ["objective=likelihood", f"target={target}", "network.width=16", "training.batch=32", *sets]
    trainer = Trainer(apply(Experiment(), base))
    for _ in trainer.run(until=3):
        pass
    trainer._adam.ema.copy_(trainer.network.weights)
    learner = trainer._learner
    assert isinstance(learner, LikelihoodLearner)
    x = torch.randn(50, trainer.experiment.target.dimension, generator=torch.Generator().manual_seed(0))
    for t in (0.0, 0.3, 0.9, 1.0):
        assert torch.allclose(learner.flow(x, t)[0].detach(), trainer.field()(x, t), atol=2e-4)


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["path=vp-linear"], "needs a velocity on all of"),
        (["source=moons"], "standard Gaussian"),
        (["coupling=optimal-transport"], "standard Gaussian"),
    ],
)
def test_refusals(sets: list[str], said: str) -> None:
    subject = apply(Experiment(objective=Likelihood()), sets)
    assert said in str(subject.refusal())
    assert str(subject.refusal()).endswith(".")
    assert Experiment(objective=Likelihood(), path=CondOT()).refusal() is None
    assert Likelihood().refusal(Experiment(path=VPLinear())) is not None
