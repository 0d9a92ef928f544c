"""Training: bit-for-bit resuming, stopping when something is not finite, and that it learns."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import get_args

import msgspec
import numpy as np
import pytest
import torch

from engine.batches import Batches, Block
from engine.choice import Problem
from engine.experiment import Experiment, Training
from engine.fields.base import denoiser
from engine.fields.exact import exact_field
from engine.interpolants import Bridge
from engine.networks import MLP
from engine.objectives import FlowMatching, Likelihood, Noise, Objective, VPrediction
from engine.optimiser import Adam, fused_available
from engine.schedules import CondOT, VPCosine
from engine.targets import EightGaussians, Helix, Mixture, Moons
from engine.training import Trainer, TrainingStopped, rate_at, refuse_the_impossible

SMALL = Experiment(target=Moons(), network=MLP(width=32, depth=2), training=Training(batch=64, seed=3))


def advance(trainer: Trainer, steps: int) -> None:
    """Exactly to ``steps``."""
    for _ in trainer.run(until=steps):
        pass
    assert trainer.step == steps


@pytest.mark.parametrize(
    ("network", "batch", "threads", "steps"), [(SMALL.network, 64, 1, 200), (MLP(), 256, 1, 80), (MLP(), 256, 2, 40)], ids=str
)
def test_resuming_is_the_same_bit_for_bit(network: MLP, batch: int, threads: int, steps: int) -> None:
    """All steps at once against half of them + a state + the rest; the half is in the middle of a block of 32."""
    experiment = msgspec.structs.replace(SMALL, network=network, training=Training(batch=batch, seed=3, threads=threads))
    whole, first = Trainer(experiment), Trainer(experiment)
    advance(whole, steps)
    advance(first, steps // 2)
    second = Trainer(experiment, state=first.state())
    advance(second, steps)
    for name in ("weights", "ema", "first", "second"):
        assert np.array_equal(getattr(whole.state(), name), getattr(second.state(), name)), name
    assert whole.losses == first.losses + second.losses


def test_slices_do_not_change_what_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    for size in (1, 32):
        monkeypatch.setattr("engine.training.SLICE_STEPS", size)
        monkeypatch.setattr("engine.training.SLICE_SECONDS", 1e9)
        trainer = Trainer(SMALL)
        advance(trainer, 64)
        states.append(trainer.state().weights)
    assert np.array_equal(*states)


def test_a_state_is_a_copy() -> None:
    trainer = Trainer(SMALL)
    before = trainer.state()
    kept = before.weights.copy()
    next(trainer.run())
    assert np.array_equal(before.weights, kept)
    assert not np.array_equal(trainer.state().weights, kept)


def test_a_state_of_another_network_is_refused() -> None:
    other = Trainer(msgspec.structs.replace(SMALL, network=MLP(width=16, depth=2))).state()
    with pytest.raises(Problem, match="numbers"):
        Trainer(SMALL, state=other)


@pytest.mark.parametrize("what", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_weights(monkeypatch: pytest.MonkeyPatch, what: float) -> None:
    draw = Batches.block

    def poisoned(self: Batches, index: int) -> Block:
        block = draw(self, index)
        if index == 2:
            block.target[len(block.target) // 2] = what
        return block

    monkeypatch.setattr(Batches, "block", poisoned)
    monkeypatch.setattr("engine.training.SLICE_SECONDS", 1e9)
    trainer = Trainer(SMALL)
    run = trainer.run()
    next(run)
    next(run)
    good = trainer.state()
    with pytest.raises(TrainingStopped, match="step 64") as caught:
        next(run)
    assert "\n" not in str(caught.value)
    assert trainer.step == 64
    assert len(trainer.losses) == 64
    for name in ("weights", "ema", "first", "second"):
        assert np.array_equal(getattr(trainer.state(), name), getattr(good, name))
    assert np.isfinite(trainer.state().weights).all()


def test_a_learning_rate_of_one_leaves_finite_weights() -> None:
    """It may stop or wander, but what is kept is finite."""
    trainer = Trainer(msgspec.structs.replace(SMALL, training=Training(batch=64, learning_rate=1.0)))
    with contextlib.suppress(TrainingStopped):
        advance(trainer, 600)
    assert np.isfinite(trainer.state().weights).all()
    assert np.isfinite(trainer.losses).all()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_out_of_memory_stops_and_keeps_the_last_good_weights(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    trainer = Trainer(SMALL)
    run = trainer.run()
    next(run)
    good = trainer.state()

    def fail(*_: object) -> torch.Tensor:
        trainer.network.weights.fill_(float("nan"))
        raise error

    monkeypatch.setattr(trainer.network, "loss_and_gradient", fail)
    with pytest.raises(TrainingStopped, match="memory"):
        next(run)
    assert np.array_equal(trainer.state().weights, good.weights)


def test_another_error_is_not_called_out_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(SMALL)

    def fail(*_: object) -> torch.Tensor:
        raise RuntimeError("size mismatch")

    monkeypatch.setattr(trainer.network, "loss_and_gradient", fail)
    with pytest.raises(RuntimeError, match="size mismatch"):
        next(trainer.run())


def test_a_network_larger_than_the_machine_is_refused() -> None:
    huge = Experiment(network=MLP(width=2048, depth=12), training=Training(batch=1_000_000))
    with pytest.raises(Problem, match="GB"):
        Trainer(huge)


def test_solving_an_ode_counts_for_memory() -> None:
    """The batch that flow matching can have is too much for a likelihood of 1,000 steps."""
    wide = Experiment(objective=Likelihood(steps=1_000), network=MLP(width=2048, depth=3), training=Training(batch=10_000))
    refuse_the_impossible(msgspec.structs.replace(wide, objective=FlowMatching()))
    with pytest.raises(Problem, match="GB"):
        refuse_the_impossible(wide)


def test_a_refused_combination_is_refused() -> None:
    with pytest.raises(Problem, match="variance preserving"):
        Trainer(Experiment(path=CondOT(), objective=VPrediction()))


@pytest.mark.parametrize("objective", [kind() for kind in get_args(Objective)], ids=lambda objective: objective.name)
def test_every_objective_learns(objective: Noise) -> None:
    """After 300 steps the denoiser at t = 0.8 has less than half the mean square error that it began with (seed 0; 0.15 to 0.42).

    A one-step model, which spends a quarter of its draws on one time, is given 900. Maximum likelihood fixes no denoiser.
    """
    if not objective.follows_path:
        pytest.skip("its own marginals (tests/engine/test_likelihood.py)")
    path = VPCosine() if objective.heads == 1 else Bridge(sigma=1.0)
    experiment = Experiment(
        target=EightGaussians(), path=path, objective=objective, network=MLP(width=32, depth=2), training=Training(batch=256)
    )
    trainer = Trainer(experiment)
    exact = exact_field(experiment.target, path.gaussian())
    rng = np.random.default_rng(0)
    z = experiment.target.frame().inward(experiment.target.sample(500, rng))
    x = torch.from_numpy(path.gaussian().point(0.8, rng.standard_normal((500, 2)), z)).float()

    def error() -> float:
        return float((denoiser(trainer.field(), x, 0.8) - denoiser(exact, x, 0.8)).square().mean())

    before = error()
    advance(trainer, 900 if objective.second_time else 300)
    assert error() < 0.5 * before


def test_three_dimensions() -> None:
    trainer = Trainer(msgspec.structs.replace(SMALL, target=Helix()))
    advance(trainer, 32)
    assert trainer.field()(torch.zeros(4, 3), 0.5).shape == (4, 3)


def test_gaussian_data_leave_nothing_to_learn() -> None:
    """The first loss is the variance that no network can explain, E |f*|^2 = d = 2 times its weight's mean (n = 4,096; s.e. 0.03)."""
    gaussian = Mixture(means=((1.0, -2.0),), covariances=(((4.0, 0.0), (0.0, 4.0)),), weights=(1.0,))
    trainer = Trainer(Experiment(target=gaussian, network=MLP(width=8, depth=1), training=Training(batch=4096, learning_rate=1e-9)))
    advance(trainer, 1)
    # E 2 / (t^2 + (1 - t)^2) over uniform t is pi
    assert trainer.losses[0] == pytest.approx(np.pi, abs=0.15)


def test_the_rate_falls_as_stated() -> None:
    assert rate_at(Training(learning_rate=1.0), 0) == 1.0
    assert rate_at(Training(learning_rate=1.0), 6_000) == pytest.approx(0.5)
    assert rate_at(Training(learning_rate=1.0, decay_steps=100), 50) == pytest.approx(0.1)
    assert rate_at(Training(learning_rate=1.0, decay_steps=100), 1_000) == pytest.approx(0.01)


@pytest.mark.parametrize("way", ["_plain", "_fused"])
@pytest.mark.parametrize("b2", [0.99, 0.999])
def test_adam_is_its_formula(way: str, b2: float) -> None:
    """Both ways against Loshchilov & Hutter's AdamW in float64 numpy, five steps."""
    if way == "_fused" and not fused_available(torch.device("cpu")):
        pytest.skip("this torch has no fused AdamW")
    rate, decay, w = 0.1, 0.03, np.linspace(-1, 1, 32)
    weights, gradient = torch.from_numpy(w).float(), torch.zeros(32)
    m, v = np.zeros(32), np.zeros(32)
    adam = Adam(weights, gradient, b2)
    for k in range(1, 6):
        gradient.copy_(torch.cos(weights * k))
        g = np.cos(w * k)
        m, v = 0.9 * m + 0.1 * g, b2 * v + (1 - b2) * g**2
        w = (1 - rate * decay) * w - rate * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - b2**k)) + 1e-8)
        adam.steps_done = k
        getattr(adam, way)(rate, decay)
    assert np.abs(weights.numpy() - w).max() < 1e-5


def test_the_average_forgets_the_start() -> None:
    """After 100 steps at one value the start weighs less than 1e-12, although the memory asked for is 10,000 steps."""
    weights = torch.zeros(16)
    adam = Adam(weights, torch.zeros(16))
    weights.fill_(1.0)
    for _ in range(100):
        adam.step(0.0, 0.0, 0.9999)
    assert float((adam.ema - 1.0).abs().max()) < 1e-6


def test_blocks_are_a_function_of_seed_and_index() -> None:
    one, two = Batches(SMALL, torch.device("cpu")), Batches(SMALL, torch.device("cpu"))
    one.block(0)
    assert torch.equal(one.block(5).inputs, two.block(5).inputs)
    assert not torch.equal(two.block(4).inputs, two.block(5).inputs)
    other = Batches(msgspec.structs.replace(SMALL, training=Training(batch=64, seed=4)), torch.device("cpu"))
    assert not torch.equal(other.block(5).inputs, two.block(5).inputs)


def test_a_large_batch_makes_a_short_block() -> None:
    batches = Batches(msgspec.structs.replace(SMALL, training=Training(batch=40_000)), torch.device("cpu"))
    block = batches.block(7)
    assert (block.first, block.steps, len(block.target)) == (7, 1, 40_000)
    assert replace(block, first=7).step(7)[0].shape == (40_000, SMALL.network.inputs(2))
