"""Training steps with a coupling: 3×64 SELU, batch 256, N(0, I) to 8gaussians, against torchcfm's exact-OT loop as its notebooks write it.

The loops take turns in one process, so that a slow moment of the machine falls on all of them, and median ratios are printed:

    torchcfm, exact OT     ExactOptimalTransportConditionalFlowMatcher, with its own sampler of 8gaussians and with a vectorised one
    pushforward            engine.training.Trainer with the independent coupling and with optimal transport, reuse 1 and 8

``--long`` measures what reuse does: W2 of 100 Euler steps to 2,000 fresh points and the normalised path energy after 5,000 steps, for
reuse 1, 2, 4, 8, 16 and without transport, 3 seeds each.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable

import torch

from engine.couplings import Coupling, Independent, OptimalTransport
from engine.experiment import Experiment, Training
from engine.metrics import normalised_path_energy, path_energy, w2
from engine.networks import MLP
from engine.pairing import workers
from engine.randomness import generator
from engine.samplers import Euler
from engine.simulation import simulate, trajectory
from engine.targets import EightGaussians
from engine.training import Trainer
from tests.bench.bench_training import BATCH, RATE, WIDTH, Loop, Sampler, steps_per_second, torchcfm_sampler, vectorised_sampler

ROUNDS = 9
NETWORK = MLP(width=WIDTH, depth=3, activation="selu", time_features=0, space_features=0, residual=False)


def torchcfm_loop(sample: Sampler) -> Loop:
    """A step of torchcfm's OT-CFM notebook each ``next``."""
    from torchcfm.conditional_flow_matching import ExactOptimalTransportConditionalFlowMatcher
    from torchcfm.models.models import MLP as Network

    model = Network(dim=2, time_varying=True, w=WIDTH)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    matcher = ExactOptimalTransportConditionalFlowMatcher(sigma=0.1)
    while True:
        optimiser.zero_grad()
        x1 = sample(BATCH)
        x0 = torch.randn_like(x1)
        t, xt, ut = matcher.sample_location_and_conditional_flow(x0, x1)
        vt = model(torch.cat([xt, t[:, None]], dim=-1))
        loss = torch.mean((vt - ut) ** 2)
        loss.backward()
        optimiser.step()
        yield


def trainer(coupling: Coupling, seed: int = 0) -> Trainer:
    """Ours, as the lab trains."""
    settings = Training(batch=BATCH, learning_rate=RATE, seed=seed)
    return Trainer(Experiment(target=EightGaussians(), coupling=coupling, network=NETWORK, training=settings))


def own(coupling: Coupling) -> Callable[[], float]:
    """Steps a second of our loop; its threads end with its turn, so that they do not work into the next one's."""
    training = trainer(coupling)

    def turn() -> float:
        run = training.run()
        for _ in range(5):
            next(run)
        rate = steps_per_second(run, lambda: training.step)
        run.close()
        return rate

    return turn


def speed() -> None:
    """Prints the two ratios."""
    if importlib.util.find_spec("torchcfm") is None:
        sys.exit("torchcfm is not installed: pip install --no-deps torchcfm==1.0.7")
    loops = [torchcfm_loop(torchcfm_sampler()), torchcfm_loop(vectorised_sampler)]
    contenders: dict[str, Callable[[], float]] = {
        "torchcfm, exact OT": lambda: steps_per_second(loops[0]),
        "torchcfm, exact OT, vectorised sampler": lambda: steps_per_second(loops[1]),
        "pushforward, independent": own(Independent()),
        "pushforward, OT, reuse 1": own(OptimalTransport(batch=BATCH, reuse=1)),
        "pushforward, OT, reuse 8": own(OptimalTransport(batch=BATCH, reuse=8)),
    }
    for run in contenders.values():
        run()
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            rates[name].append(run())
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} thread, {workers()} for pairings, 3×{WIDTH} SELU, batch {BATCH}, 8gaussians"
    )
    for name, values in rates.items():
        print(f"  {name:40s}{statistics.median(values):8.0f} steps/s")

    def ratio(a: str, b: str) -> float:
        return statistics.median(x / y for x, y in zip(rates[a], rates[b], strict=True))

    for theirs in ("torchcfm, exact OT", "torchcfm, exact OT, vectorised sampler"):
        print(f"  OT, reuse 1: {ratio('pushforward, OT, reuse 1', theirs):5.2f} times the speed of {theirs} (goal: at least 2)")
    slow = ratio("pushforward, independent", "pushforward, OT, reuse 8")
    print(f"  OT, reuse 8: a step takes {slow:5.2f} times the independent one's (goal: at most 1.5)")


def quality(steps: int = 5_000, seeds: int = 3, n: int = 2_000) -> None:
    """Prints what reuse does to W2 and path energy."""
    target = EightGaussians()
    frame = target.frame()
    source = [generator(seed, "source").standard_normal((n, 2)) for seed in range(seeds)]
    truth = [frame.inward(target.sample(n, generator(seed, "truth"))) for seed in range(seeds)]
    apart = statistics.mean(w2(a, b) for a, b in zip(source, truth, strict=True))
    couplings: list[tuple[str, Coupling]] = [("independent", Independent())]
    couplings += [(f"OT, reuse {reuse}", OptimalTransport(batch=BATCH, reuse=reuse)) for reuse in (1, 2, 4, 8, 16)]
    print(f"{steps:,} steps, W2 to {n:,} fresh points in standard deviations, {seeds} seeds; W2 of source and data {apart:.3f}")
    for name, coupling in couplings:
        distances, energies, started = [], [], time.perf_counter()
        for seed in range(seeds):
            training = trainer(coupling, seed)
            for _ in training.run(until=steps):
                pass
            run = trajectory(simulate(training.field(), Euler(steps=100), n=n, seed=seed))
            distances.append(w2(run.positions[-1], truth[seed]))
            energies.append(normalised_path_energy(path_energy(run), apart))
        seconds = (time.perf_counter() - started) / seeds
        spread = statistics.stdev(distances)
        print(
            f"  {name:14s} W2 {statistics.mean(distances):.3f}±{spread:.3f}   NPE {statistics.mean(energies):.3f}   {seconds:.0f} s",
            flush=True,
        )


def main() -> None:
    """Speed, and with ``--long`` quality too."""
    speed()
    if "--long" in sys.argv[1:]:
        quality()


if __name__ == "__main__":
    main()
