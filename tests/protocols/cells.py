"""Cells of table 2 of Tong 2307.03672: which experiment each one is, and how it is trained and measured with the engine's own means.

Protocol: 3x64 SELU, fed the point and t alone; AdamW 1e-3, decay 1e-5, constant rate, no average of the weights; 10,000 points, batch 512,
1000 epochs of 19 batches (the last, short one is dropped); 100 Euler or Euler-Maruyama steps; exact W2 at n = 10,000.

Where the authors' code and ours differ: their I-CFM and OT-CFM blur the straight lines by 0.1, ours do not; their flow and score are two
networks, ours two outputs of one, the second the score itself as theirs; in their code the flow of SF2M regresses
x1 - x0 + sigma^2 (1 - 2t) eps in place of the paper's x1 - x0 + sigma (1 - 2t) / (2 sqrt(t (1 - t))) eps, whose variance has no finite
mean over t; ours is the paper's, with the steady weight 1 / (1 + gamma_dot^2) = 4 t (1 - t) on its error; Adam's second moment has a
memory of 100 steps here and of 1,000 there; their rectified flow goes on with the same network, ours is a new one, on 100,000 pairs.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
import torch

from engine.couplings import Independent, OptimalTransport
from engine.epochs import fixed_data
from engine.experiment import Experiment, Training
from engine.fields.exact import exact_field_of
from engine.interpolants import Bridge
from engine.metrics import path_energy, w2
from engine.networks import MLP
from engine.objectives import FlowAndScore
from engine.randomness import generator
from engine.reflow import reflow_pairs, reflowed
from engine.samplers import Euler, EulerMaruyama
from engine.samplers.sigma import ConstantSigma
from engine.schedules import OT
from engine.simulation import simulate, trajectory
from engine.sources import StandardGaussian, source_law
from engine.targets import EightGaussiansA, MoonsA, SCurveA, WideEightGaussiansA, WideMoonsA
from engine.training import Trainer
from tests.protocols.bridge_law import energy

N = 10_000
BATCH, BATCHES_AN_EPOCH, EPOCHS = 512, 19, 1_000
PAIRS = 100_000

PROBLEMS: dict[str, tuple[Any, Any]] = {
    "N→8gaussians": (StandardGaussian(), EightGaussiansA()),
    "moons→8gaussians": (WideMoonsA(), WideEightGaussiansA()),
    "N→moons": (StandardGaussian(), MoonsA()),
    "N→scurve": (StandardGaussian(), SCurveA()),
}
"""Source and data."""

LAWS = ("its law as coded", "law of SF2M-Exact")
METHODS = ("truth", "memory", *LAWS, "exact", "I-CFM", "FM", "rectified flow", "SF2M-I", "OT-CFM", "SF2M-Exact")
"""In the order of their cost. ``truth``: W2 between two draws of the data, and between source and data. ``exact``: the velocity that a
perfect network would learn by I-CFM, in closed form. ``memory``: the 10,000 training points themselves. ``LAWS``: what
SF2M-Exact would learn perfectly, by the paper's formula and by that of the authors' code (``tests.protocols.bridge_law``)."""


def possible(problem: str, method: str) -> bool:
    """FM needs a Gaussian source."""
    return method != "FM" or isinstance(PROBLEMS[problem][0], StandardGaussian)


def experiment(problem: str, method: str, seed: int, reuse: int = 1) -> Experiment:
    """The experiment of a cell; rectified flow begins as I-CFM."""
    source, target = PROBLEMS[problem]
    plain = Experiment(
        source=source,
        target=target,
        start="standard",
        network=MLP(width=64, depth=3, activation="selu", time_features=0, space_features=0, residual=False),
        training=Training(batch=BATCH, learning_rate=1e-3, weight_decay=1e-5, rate="constant", points=N, ema=0.0, seed=seed),
    )
    coupling = OptimalTransport(batch=BATCH, reuse=reuse) if method in ("OT-CFM", "SF2M-Exact") else Independent()
    chosen = msgspec.structs.replace(plain, coupling=coupling)
    if method == "FM":
        return msgspec.structs.replace(chosen, path=OT(sigma_min=0.1))
    if method.startswith("SF2M"):
        return msgspec.structs.replace(chosen, path=Bridge(sigma=1.0), objective=FlowAndScore(second="score"))
    return chosen


def trained(asked: Experiment, epochs: int) -> Any:
    """The field after so many epochs."""
    trainer = Trainer(asked)
    for _ in trainer.run(until=epochs * BATCHES_AN_EPOCH):
        pass
    return trainer.field()


def run(problem: str, method: str, seed: int, epochs: int = EPOCHS, reuse: int = 1) -> dict[str, Any]:
    """Train and measure one cell; W2 and path energy in the data's own units (nothing is standardised)."""
    torch.set_num_threads(1)
    started = time.perf_counter()
    asked = experiment(problem, method, seed, reuse)
    truth = asked.target.sample(N, generator(seed, "test"))
    cell: dict[str, Any] = {"problem": problem, "method": method, "seed": seed, "epochs": epochs, "n": N}
    if method == "truth":
        cell["w2"] = w2(asked.target.sample(N, generator(seed, "other test")), truth)
        cell["distance"] = w2(source_law(asked).sample(N, generator(seed, "source test")), truth)
    elif method == "memory":
        points = fixed_data(asked)
        assert points is not None
        cell["w2"] = w2(points.values, truth)
    elif method in LAWS:
        cell["energy"] = energy(experiment(problem, "SF2M-Exact", seed), seed, as_coded=method == LAWS[0])
    else:
        if asked.coupling.paired:
            cell["reuse"] = reuse
        field = exact_field_of(asked) if method == "exact" else trained(asked, epochs)
        if method == "rectified flow":
            making = reflow_pairs(field, Euler(steps=100), PAIRS, seed)
            while True:
                try:
                    next(making)
                except StopIteration as made:
                    field = trained(reflowed(asked, made.value), epochs)
                    break
        cell["training seconds"] = round(time.perf_counter() - started, 1)
        ode = trajectory(simulate(field, Euler(steps=100), n=N, seed=seed, start="standard"))
        cell["energy"] = path_energy(ode)
        cell["w2"] = w2(ode.positions[-1], truth)
        if isinstance(asked.objective, FlowAndScore):
            cell["second"] = asked.objective.second
            cell["w2 ode"] = cell["w2"]
            sampler = EulerMaruyama(steps=100, sigma=ConstantSigma(scale=1.0))
            sde = trajectory(simulate(field, sampler, n=N, seed=seed, start="standard"), keep=2)
            cell["w2"] = w2(sde.positions[-1], truth)
    cell["seconds"] = round(time.perf_counter() - started, 1)
    return cell
