"""Learners: every objective resumes bit for bit and stops well; exact targets have the same gradient on average and less variance."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import numpy as np
import pytest
import torch

from engine.batches import Batches, GeneralBatches
from engine.experiment import Experiment, Training
from engine.interpolants import Interpolant
from engine.learners.autograd import AutogradLearner
from engine.learners.posterior import PosteriorBatches, exact_posterior
from engine.networks import MLP
from engine.objectives import FlowMatching, MarginalFlowMatching, Objective, StochasticInterpolant
from engine.schedules import CondOT, VPCosine
from engine.targets import EightGaussians, Moons
from engine.training import Trainer, TrainingStopped

CPU = torch.device("cpu")
OBJECTIVES = [kind() for kind in get_args(Objective)]


def small(objective: Objective, batch: int = 64, **more: Any) -> Experiment:
    """Of the two paths, the first that the objective can be trained on."""
    network = MLP(width=16, depth=2, time_features=3, space_features=3)
    for path in (CondOT(), VPCosine()):
        found = Experiment(target=Moons(), path=path, objective=objective, network=network, training=Training(batch=batch, seed=3, **more))
        if found.refusal() is None:
            return found
    pytest.skip(f"{objective.label}: {found.refusal()}")


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
def test_every_objective_resumes_bit_for_bit(objective: Objective) -> None:
    """40 steps at once against 17 + a state + the rest."""
    experiment = small(objective)
    whole, first = Trainer(experiment), Trainer(experiment)
    for trainer, until in ((whole, 40), (first, 17)):
        for _ in trainer.run(until=until):
            pass
    second = Trainer(experiment, state=first.state())
    for _ in second.run(until=40):
        pass
    for name in ("weights", "ema", "first", "second"):
        assert np.array_equal(getattr(whole.state(), name), getattr(second.state(), name)), name
    assert whole.losses == first.losses + second.losses
    assert np.isfinite(whole.losses).all()
    assert not np.array_equal(whole.state().weights, first.state().weights)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
@pytest.mark.parametrize("what", ["nan", "memory"])
def test_every_objective_stops_with_the_last_good_weights(objective: Objective, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(small(objective))
    run = trainer.run(until=8)
    next(run)
    good, plain = trainer.state(), trainer._learner.loss

    def fail(step: int) -> torch.Tensor:
        loss = plain(step)
        trainer.network.gradient.fill_(float("nan"))
        if what == "memory":
            trainer.network.weights.fill_(0.0)
            raise MemoryError
        return loss * float("nan")

    monkeypatch.setattr(trainer._learner, "loss", fail)
    run = trainer.run()
    with pytest.raises(TrainingStopped, match="memory" if what == "memory" else "finite"):
        next(run)
    for name in ("weights", "ema", "first", "second"):
        assert np.array_equal(getattr(trainer.state(), name), getattr(good, name)), name


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
def test_every_objective_can_be_left_after_one_slow_step(objective: Objective, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice ends after the step that passes its time."""
    monkeypatch.setattr("engine.training.SLICE_SECONDS", 0.0)
    run = Trainer(small(objective)).run()
    assert [next(run).step for _ in range(3)] == [1, 2, 3]


def test_leaves_share_the_memory_of_the_network() -> None:
    network = small(FlowMatching()).build()
    learner = AutogradLearner(network)
    network.weights.fill_(2.0)
    assert all(bool((part == 2.0).all()) for layer in learner.layers for part in layer)


def test_exact_targets_have_the_gradient_of_flow_matching_on_average_and_less_variance() -> None:
    """60 independent batches of 256 (seeds 0 to 59, paired: the same z, eps and t): along 8 random directions of the weights the mean
    difference of the gradients is within 4 standard errors of zero, and the variance over batches is less than half."""
    experiment = msgspec.structs.replace(small(MarginalFlowMatching(), 256), target=EightGaussians())
    network = experiment.build(dtype=torch.float64)
    network.weights.copy_(0.2 * torch.randn(len(network.weights), generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    directions = torch.randn(8, len(network.weights), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    exact = PosteriorBatches(experiment, CPU, exact_posterior(experiment, CPU, torch.float64), torch.float64)
    plain = Batches(msgspec.structs.replace(experiment, objective=FlowMatching()), CPU, torch.float64)
    found: dict[str, list[torch.Tensor]] = {"exact": [], "plain": []}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        z, eps = experiment.target.frame().inward(experiment.target.sample(256, rng)), rng.standard_normal((256, 2))
        # few times, so that both get the same and the posterior's groups change nothing
        t = 0.05 + 0.9 * rng.integers(0, 16, 256) / 16 + 0.02 * rng.random()
        t = np.sort(t)
        for name, batches in (("exact", exact), ("plain", plain)):
            block = batches.problem(seed, z, eps, t)
            network.loss_and_gradient(block.inputs, block.target, block.weight)
            found[name].append(directions @ network.gradient)
    a, b = torch.stack(found["exact"]), torch.stack(found["plain"])
    error = (a - b).std(dim=0) / np.sqrt(len(a))
    assert bool(((a - b).mean(dim=0).abs() < 4 * error).all())
    assert float(a.var(dim=0).mean()) < 0.5 * float(b.var(dim=0).mean())


def test_grouped_times_keep_their_law() -> None:
    """128 groups of 16,384 uniform times (seed 3, block 0): still uniform, within the spacing of the groups."""
    experiment = small(MarginalFlowMatching(), 512)
    batches = PosteriorBatches(experiment, CPU, exact_posterior(experiment, CPU))
    seen: list[np.ndarray] = []
    plain = Batches.problem

    def watch(self: Batches, first: int, z: Any, eps: Any, t: Any) -> Any:
        seen.append(t)
        return plain(self, first, z, eps, t)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batches, "problem", watch)
        batches.block(0)
    t = np.sort(seen[0])
    assert len(np.unique(t)) == 128
    # a member drawn at random in each of 128 groups of width 1/128: standard error of the mean (1/128) / sqrt(12 * 128) = 0.0002
    assert abs(t.mean() - 0.5) < 4 * 0.0002
    assert np.abs(t - (np.arange(len(t)) + 0.5) / len(t)).max() < 2 / 128


def test_the_share_of_the_noise_weighs_its_error_alone() -> None:
    """E ||b - …||^2 + c E ||eta - …||^2: c = 7 multiplies the weights of the last d columns, and nothing else."""
    blocks = []
    for share in (1.0, 7.0):
        objective = StochasticInterpolant(noise_share=share)
        experiment = Experiment(target=Moons(), path=Interpolant(), objective=objective, training=Training(batch=16))
        blocks.append(GeneralBatches(experiment, CPU).block(0))
    plain, heavy = blocks
    assert torch.equal(plain.inputs, heavy.inputs)
    assert torch.equal(plain.target, heavy.target)
    assert torch.equal(heavy.weight[:, :2], plain.weight[:, :2])
    assert torch.equal(heavy.weight[:, 2:], 7.0 * plain.weight[:, 2:])
