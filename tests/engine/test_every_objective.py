"""Every objective trains on eight Gaussians for some seconds and samples near the floor: make test-witness, apart from make test."""

from __future__ import annotations

import numpy as np
import pytest

from engine.experiment import Experiment
from engine.metrics import floor, w2
from engine.overrides import apply
from engine.randomness import generator
from engine.samplers import Heun, OneStep, SamplerBase
from engine.simulation import simulate
from engine.training import Trainer

N = 2_000
ROWS: list[tuple[str, list[str], int, SamplerBase, float]] = [
    ("flow-matching", [], 6_000, Heun(steps=50), 1.6),
    ("marginal-flow-matching", [], 5_000, Heun(steps=50), 1.6),
    ("score", [], 6_000, Heun(steps=50), 1.6),
    ("noise", ["path=vp-cosine"], 6_000, Heun(steps=50), 1.6),
    ("data", ["path=vp-cosine"], 6_000, Heun(steps=50), 1.6),
    ("v", ["path=vp-cosine"], 6_000, Heun(steps=50), 1.6),
    ("explicit-score", [], 5_000, Heun(steps=50), 1.6),
    ("explicit-score", ["objective.truth=kernel", "objective.points=4000"], 4_000, Heun(steps=50), 2.5),
    ("implicit-score", [], 4_000, Heun(steps=50), 1.8),
    ("sliced-score", [], 4_000, Heun(steps=50), 1.8),
    ("ddpm", ["path=vp-cosine"], 6_000, Heun(steps=50), 1.6),
    ("ddpm", ["path=vp-linear", "objective.levels=linear", "objective.loss=elbo"], 6_000, Heun(steps=50), 1.8),
    ("likelihood", [], 300, Heun(steps=50), 2.5),
    ("one-step", [], 5_000, OneStep(steps=1), 3.5),
    ("one-step", [], 5_000, Heun(steps=50), 2.5),
    ("interpolant", ["path=interpolant"], 6_000, Heun(steps=50), 2.0),
    ("flow-and-score", ["path=bridge"], 6_000, Heun(steps=50), 2.0),
]


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "sets", "steps", "sampler", "ratio"), ROWS, ids=lambda value: str(value)[:40])
def test_every_objective_samples_near_the_floor(objective: str, sets: list[str], steps: int, sampler: SamplerBase, ratio: float) -> None:
    """3×64, batch 256, seed 0: the exact W2 of n = 2,000 samples to fresh data (mean of 4), over that of two fresh draws (mean of 8)."""
    experiment = apply(Experiment(), ["network.width=64", "training.batch=256", f"objective={objective}", *sets])
    trainer = Trainer(experiment)
    for _ in trainer.run(until=steps):
        pass
    *_, last = simulate(trainer.field(), sampler, n=N, seed=0)
    target, x = experiment.target, last.x.numpy()
    distance = np.mean([w2(x, target.frame().inward(target.sample(N, generator(0, "fresh", k)))) for k in range(4)])
    found = float(distance) / floor(target, N, repeats=8).mean
    print(f"{objective} {sampler.name}: W2 {found:.2f} times the floor after {steps:,} steps")
    assert found < ratio
