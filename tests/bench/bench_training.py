"""Training steps a second: 3×64 SELU, batch 256, 8gaussians, against torchcfm's ConditionalFlowMatcher loop as its notebooks write it.

Three loops take turns in one process, so that a slow moment of the machine falls on all of them, and the median ratio is printed:

    own sampler     torchcfm's loop, with its own 8gaussians sampler (a Python loop over the points)
    vectorised      the same loop, with a sampler that draws all points at once
    pushforward     engine.training.Trainer, as the lab runs it: the average of the weights included

The network is the same in all three (the point and t alone go in, no skip); the lab's default network is timed beside it.
torchcfm must be there (``pip install --no-deps torchcfm``); its sampler's module wants matplotlib and torchdyn, which play no part
in it and are replaced by empty modules where they are missing.
"""

from __future__ import annotations

import importlib.util
import math
import statistics
import sys
import time
import types
from collections.abc import Callable, Generator

import torch

from engine.experiment import Experiment, Training
from engine.networks import MLP
from engine.targets import EightGaussians
from engine.training import Trainer

WIDTH, BATCH, RATE = 64, 256, 1e-3
ROUNDS, SECONDS = 15, 0.4
Loop = Generator[None, None, None]
Sampler = Callable[[int], torch.Tensor]


def torchcfm_sampler() -> Sampler:
    """torchcfm.utils.sample_8gaussians."""
    missing = [name for name in ("matplotlib", "torchdyn") if importlib.util.find_spec(name) is None]
    for name, part in (("matplotlib", "pyplot"), ("torchdyn", "datasets")):
        if name in missing:
            sys.modules[name], module = types.ModuleType(name), types.ModuleType(f"{name}.{part}")
            setattr(sys.modules[name], part, module)
            module.generate_moons = None  # type: ignore[attr-defined]  # a name that torchcfm.utils imports
            sys.modules[module.__name__] = module
    from torchcfm.utils import sample_8gaussians

    return sample_8gaussians


CENTRES = torch.tensor([(5.0 * math.cos(k * math.pi / 4), 5.0 * math.sin(k * math.pi / 4)) for k in range(8)])


def vectorised_sampler(n: int) -> torch.Tensor:
    """The same distribution in two calls."""
    return CENTRES[torch.randint(8, (n,))] + math.sqrt(math.sqrt(0.1)) * torch.randn(n, 2)


def torchcfm_loop(sample: Sampler) -> Loop:
    """A step of torchcfm's notebooks each ``next``: N(0, I) to 8gaussians, Adam, the mean squared error of the velocity."""
    from torchcfm.conditional_flow_matching import ConditionalFlowMatcher
    from torchcfm.models.models import MLP as Network

    model = Network(dim=2, time_varying=True, w=WIDTH)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    matcher = ConditionalFlowMatcher(sigma=0.1)
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


def steps_per_second(loop: Generator[object, None, None], count: Callable[[], int] | None = None) -> float:
    """Over about SECONDS; ``count`` says how many steps are done where a ``next`` is not one step."""
    done, first, started = 0, count() if count else 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        next(loop)
        done += 1
    if count:
        done = count() - first
    return done / (time.perf_counter() - started)


def evaluation() -> None:
    """A trained field at 100,000 points against one plain call of the same network on the same features; they take turns."""
    trainer = Trainer(Experiment(target=EightGaussians(), network=MLP(width=128, depth=3)))
    next(trainer.run())
    field = trainer.field()
    x = torch.randn(100_000, 2)
    seconds: dict[str, list[float]] = {"chunks": [], "plain": []}
    for _ in range(8):
        for name, call in (("chunks", field), ("plain", field.plain)):
            started = time.perf_counter()
            with torch.no_grad():
                call(x, 0.5)
            seconds[name].append(time.perf_counter() - started)
    ratio = statistics.median(a / b for a, b in zip(seconds["chunks"][1:], seconds["plain"][1:], strict=True))
    chunks, plain = (1e3 * statistics.median(seconds[name][1:]) for name in ("chunks", "plain"))
    print(f"3×128 SiLU at 100,000 points, {torch.get_num_threads()} thread: {chunks:.0f} ms, {ratio:.2f} of a plain call's {plain:.0f} ms")


def main() -> None:
    """Prints the table."""
    if importlib.util.find_spec("torchcfm") is None:
        sys.exit("torchcfm is not installed: pip install --no-deps torchcfm==1.0.7")
    plain = MLP(width=WIDTH, depth=3, activation="selu", time_features=0, space_features=0, residual=False)
    settings = Training(batch=BATCH, learning_rate=RATE, threads=1)
    same = Trainer(Experiment(target=EightGaussians(), network=plain, training=settings))
    default = Trainer(Experiment(target=EightGaussians(), network=MLP(width=WIDTH, depth=3), training=settings))
    contenders: dict[str, Callable[[], float]] = {}
    own, vectorised = torchcfm_loop(torchcfm_sampler()), torchcfm_loop(vectorised_sampler)
    same_loop, default_loop = same.run(), default.run()
    contenders["torchcfm, its own sampler"] = lambda: steps_per_second(own)
    contenders["torchcfm, vectorised sampler"] = lambda: steps_per_second(vectorised)
    contenders["pushforward, the same network"] = lambda: steps_per_second(same_loop, lambda: same.step)
    contenders["pushforward, the lab's features"] = lambda: steps_per_second(default_loop, lambda: default.step)
    for run in contenders.values():
        run()
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            rates[name].append(run())
    print(f"{ROUNDS} rounds of {SECONDS} s each")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread, 3×{WIDTH} SELU, batch {BATCH}, 8gaussians")
    for name, values in rates.items():
        print(f"  {name:34s}{statistics.median(values):8.0f} steps/s")
    ours = rates["pushforward, the same network"]
    for name, goal in (("torchcfm, its own sampler", 4.0), ("torchcfm, vectorised sampler", 1.3)):
        ratio = statistics.median(a / b for a, b in zip(ours, rates[name], strict=True))
        print(f"  {ratio:5.2f} times {name} (goal: at least {goal:g})")
    evaluation()


if __name__ == "__main__":
    main()
