"""Sampling 100,000 particles by 100 Heun steps of a 3×128 network on 2 threads, against torchdiffeq's odeint on the same network.

Both use Heun's rule (odeint's "heun2") on the same 100 steps from the same start, with the same weights: theirs as an ordinary
``torch.nn`` module, ours as the lab runs a trained network, ``simulate`` with every state handed out. The two take turns, and the median
ratio is printed. The share is that of the machine's matrix products: the operations of ours, over its time, against the best rate that
oneDNN reaches on one large product, measured in the same run.

    python -m tests.bench.bench_sampling [STEPS [ROUNDS]]     (100 and 3 unless told)

torchdiffeq must be there (``pip install --no-deps torchdiffeq``).
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from engine.experiment import Experiment
from engine.fields.learned import LearnedField
from engine.networks import MLP
from engine.products import fused_available
from engine.samplers import Heun
from engine.simulation import simulate

PARTICLES, WIDTH, LAYERS, THREADS, WANTED = 100_000, 128, 3, 2, 4.0


def networks() -> tuple[LearnedField, torch.nn.Sequential]:
    """The same random weights as the lab's field and as a plain module of (x, t)."""
    experiment = Experiment(network=MLP(width=WIDTH, depth=LAYERS, time_features=0, space_features=0, residual=False, activation="silu"))
    network = experiment.build()
    network.initialise(np.random.default_rng(0))
    weight, _ = network.layers[-1]
    weight.copy_(torch.from_numpy(np.random.default_rng(1).standard_normal(tuple(weight.shape)) / math.sqrt(WIDTH)))
    layers: list[torch.nn.Module] = []
    for weight, bias in network.layers:
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
        layers += [linear, torch.nn.SiLU()]
    return LearnedField(experiment, network.weights), torch.nn.Sequential(*layers[:-1])


def best_rate() -> float:
    """Operations a second of the best large single-precision product here."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    zero = torch.zeros(2048)

    def product() -> None:
        if fused_available():
            torch.ops.mkldnn._linear_pointwise(a, b, zero, "none", [], "")
        else:
            torch.nn.functional.linear(a, b, zero)

    product()
    return 2.0 * 2048**3 / min(seconds(product) for _ in range(20))


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main(steps: int = 100, rounds: int = 3) -> int:
    """Prints the ratio and the share; 0 where the ratio is what is wanted."""
    from torchdiffeq import odeint

    torch.set_num_threads(THREADS)
    field, module = networks()
    times = torch.linspace(0.0, 1.0, steps + 1)

    def velocity(t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return module(torch.cat([x, t.expand(len(x), 1)], dim=1))

    ends: dict[str, torch.Tensor] = {}

    def ours() -> None:
        for step in simulate(field, Heun(steps=steps), n=PARTICLES, seed=0):
            ends["ours"] = step.x

    x0 = next(simulate(field, Heun(steps=steps), n=PARTICLES, seed=0)).x

    def theirs() -> None:
        with torch.no_grad():
            ends["theirs"] = odeint(velocity, x0, times, method="heun2")[-1]

    pairs, rates = [], []
    for _ in range(rounds):
        rates.append(best_rate())
        pairs.append((seconds(theirs), seconds(ours)))
    apart = float((ends["ours"] - ends["theirs"]).abs().max())
    ratio = statistics.median(a / b for a, b in pairs)
    operations = 2.0 * (2 * WIDTH + (LAYERS - 1) * WIDTH**2 + 2 * WIDTH) * PARTICLES * 2 * steps
    rate = operations / statistics.median(b for _, b in pairs)
    print(f"{PARTICLES:,} particles, {steps} Heun steps, {LAYERS}×{WIDTH}, {torch.get_num_threads()} threads; ends apart by {apart:.1e}")
    there, here = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"torchdiffeq {there:.2f} s, here {here:.2f} s: {ratio:.1f} times")
    print(f"{rate / 1e9:.0f} of {max(rates) / 1e9:.0f} GFLOP/s of the best matrix product: {100 * rate / max(rates):.0f} %")
    return 0 if ratio >= WANTED and apart < 1e-3 else 1


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:3])))
