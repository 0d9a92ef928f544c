"""Maps: the exact p_t of a painting on 256 x 256 cells, and the model's own density on 128 x 128 by 50 Heun steps of a 3×128 network.

The painting has 128 x 128 cells; p_t is asked as the lab asks it, in double precision, at times over the whole interval, and the slowest
median counts. The density is that of ``engine.likelihood`` with the exact divergence, on two threads; the network has the lab's features.

    python -m tests.bench.bench_maps [ROUNDS]     (5 unless told)
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from engine.experiment import Experiment
from engine.fields.learned import LearnedField
from engine.likelihood import DensitySolver, grid_points, log_prob
from engine.networks import MLP
from engine.samplers import Heun
from engine.targets.raster import from_raster
from gui.map_work import exact_density
from gui.maps import MapRequest, Truths
from gui.runs import RunRequest, law_of

CELLS, FINE, SIDE, STEPS, THREADS = 128, 256, 128, 50, 2
MOST_MS, MOST_SECONDS = 50.0, 10.0


def painting() -> Experiment:
    """Blots on a canvas."""
    ink = gaussian_filter(np.random.default_rng(0).random((CELLS, CELLS)), 6)
    level = float(np.quantile(ink, 0.6))
    return Experiment(target=from_raster(np.maximum(ink - level, 0.0), (-2.0, 2.0, -2.0, 2.0)))


def exact_ms(rounds: int) -> float:
    """Milliseconds of one p_t."""
    law, truths = law_of(painting()), Truths()
    run, slowest = RunRequest(law, Heun(), None, 1, 0, "cpu"), 0.0
    field = truths.of(run)
    for t in (0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0):
        request = MapRequest.of(run, "exact", t, (-4.0, 4.0, -4.0, 4.0), (FINE, FINE))
        taken = []
        for _ in range(rounds):
            begin = time.perf_counter()
            exact_density(field, request)
            taken.append(1e3 * (time.perf_counter() - begin))
        slowest = max(slowest, statistics.median(taken))
    return slowest


def density_seconds(rounds: int) -> tuple[float, float]:
    """Seconds of one density on the grid: by the clock, and of both cores."""
    experiment = Experiment(network=MLP(width=128, depth=3))
    network = experiment.build()
    network.initialise(np.random.default_rng(0))
    field = LearnedField(experiment, network.weights)
    points = grid_points(np.array([-4.0, -4.0]), np.array([4.0, 4.0]), (SIDE, SIDE))
    taken, worked = [], []
    for _ in range(rounds):
        begin, cpu = time.perf_counter(), time.process_time()
        for _ in log_prob(field, points, 1.0, DensitySolver(steps=STEPS)):
            pass
        taken.append(time.perf_counter() - begin)
        worked.append(time.process_time() - cpu)
    return min(taken), min(worked)


def main(rounds: int = 5) -> int:
    """Prints both; 0 where both are as fast as is wanted."""
    torch.set_num_threads(1)
    ms = exact_ms(rounds)
    print(
        f"exact p_t of a {CELLS} × {CELLS} painting on {FINE} × {FINE} cells: {ms:.1f} ms, one thread (wanted: at most {MOST_MS:g})",
        flush=True,
    )
    torch.set_num_threads(THREADS)
    seconds, worked = density_seconds(min(rounds, 3))
    words = f"{STEPS} Heun steps of a 3×128 network on {SIDE} × {SIDE} points, exact divergence, {THREADS} threads"
    print(f"{words}: {seconds:.1f} s, {worked:.1f} s of processor time (wanted: at most {MOST_SECONDS:g})")
    return 0 if ms <= MOST_MS and seconds <= MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:2])))
