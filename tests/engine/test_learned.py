"""LearnedField: its fast path against the plain one, its closed form before training, its independence from further training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.choice import Problem
from engine.experiment import Experiment, Training
from engine.fields.base import denoiser, velocity
from engine.fields.learned import CHUNK, LearnedField, field_of, load_field
from engine.networks import MLP
from engine.objectives import Data, FlowMatching, Noise, Objective, Score, VPrediction
from engine.schedules import CondOT, VPLinear
from engine.targets import Helix, Moons
from engine.training import Trainer


def trained(objective: Objective, path: CondOT | VPLinear, network: MLP, slices: int = 2) -> Trainer:
    trainer = Trainer(Experiment(target=Moons(), path=path, objective=objective, network=network, training=Training(batch=64)))
    run = trainer.run()
    for _ in range(slices):
        next(run)
    return trainer


NETWORKS = [
    MLP(width=96, depth=3),
    MLP(width=16, depth=1, activation="selu", time_features=0, space_features=0, residual=False),
    MLP(width=16, depth=2, activation="gelu", space_features=3, residual=False),
]


@pytest.mark.parametrize("network", NETWORKS, ids=["default", "plain-selu", "plain-gelu"])
@pytest.mark.parametrize(
    ("objective", "path"),
    [(FlowMatching(), CondOT()), (Score(), CondOT()), (Noise(), VPLinear()), (Data(), VPLinear()), (VPrediction(), VPLinear())],
    ids=["velocity", "score", "noise", "data", "v"],
)
def test_fast_path_equals_plain(objective: Objective, path: CondOT | VPLinear, network: MLP) -> None:
    field = trained(objective, path, network).field()
    x = torch.randn(CHUNK + 77, 2, generator=torch.Generator().manual_seed(0))
    for t in (field.interval[0], 0.4, field.interval[1]):
        fast, plain = field(x, t), field.plain(x, t)
        assert float((fast - plain).abs().max()) <= 2e-6 * float(plain.abs().max())


def test_points_do_not_depend_on_their_chunk() -> None:
    field = trained(FlowMatching(), CondOT(), NETWORKS[0]).field()
    x = torch.randn(2 * CHUNK + 5, 2, generator=torch.Generator().manual_seed(0))
    whole = field(x, 0.7)
    assert torch.allclose(whole[-3:], field(x[-3:], 0.7), rtol=0, atol=1e-5)
    assert field(x[:0], 0.7).shape == (0, 2)


def test_plain_is_differentiable() -> None:
    field = trained(FlowMatching(), CondOT(), NETWORKS[0]).field()
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(0)).double().float().requires_grad_()
    (slope,) = torch.autograd.grad(field.plain(x, 0.3).sum(), x)
    step = torch.zeros(6, 2)
    step[:, 0] = 1e-2
    difference = (field.plain(x.detach() + step, 0.3) - field.plain(x.detach() - step, 0.3)).sum(1) / 2e-2
    assert torch.allclose(difference, slope[:, 0], atol=0.02 * float(slope.abs().max()))


@pytest.mark.parametrize(("objective", "path"), [(FlowMatching(), CondOT()), (Score(), VPLinear()), (Data(), CondOT())])
def test_before_training_it_is_the_gaussian_of_the_datas_moments(objective: Objective, path: CondOT | VPLinear) -> None:
    """D = m + alpha v / (alpha^2 v + beta^2) (x - alpha m)."""
    field = trained(objective, path, NETWORKS[0], slices=0).field()
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    t = 0.6
    alpha, beta, v = path.alpha(t), path.beta(t), float(np.trace(field.covariance)) / 2
    mean = torch.from_numpy(field.mean).float()
    expected = mean + alpha * v / (alpha**2 * v + beta**2) * (x - alpha * mean)
    assert torch.allclose(denoiser(field, x, t), expected, atol=1e-4)


def test_a_field_does_not_move_with_further_training() -> None:
    trainer = trained(FlowMatching(), CondOT(), NETWORKS[0])
    field = trainer.field()
    x = torch.randn(10, 2, generator=torch.Generator().manual_seed(0))
    before = field(x, 0.5)
    next(trainer.run())
    assert torch.equal(field(x, 0.5), before)
    assert not torch.equal(trainer.field()(x, 0.5), before)


def test_a_kept_state_gives_the_same_field() -> None:
    trainer = trained(Noise(), VPLinear(), NETWORKS[0])
    x = torch.randn(10, 2, generator=torch.Generator().manual_seed(0))
    kept = load_field(trainer.experiment, trainer.state())
    assert isinstance(kept, LearnedField)
    assert torch.equal(kept(x, 0.5), trainer.field()(x, 0.5))
    assert torch.isfinite(velocity(kept, x, kept.interval[1])).all()


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(Problem, match="numbers"):
        field_of(Experiment(target=Moons()), np.zeros(100, np.float32))


def test_three_dimensions() -> None:
    trainer = Trainer(Experiment(target=Helix(), network=MLP(width=16, depth=1), training=Training(batch=32)))
    next(trainer.run())
    field = trainer.field()
    x = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    assert field.dimension == 3
    assert float((field(x, 0.5) - field.plain(x, 0.5)).abs().max()) < 1e-5
