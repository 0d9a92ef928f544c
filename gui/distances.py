"""Distances: how far each pane's particles are from the target, by every distance there is, on a thread of its own.

An exact W2 takes its time and cannot be cancelled, so it must keep neither the window nor the device waiting. The measure that is least
far goes on first: every pane has its W2 before any has the rest.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.background import yield_to_others
from engine.choice import Problem
from engine.distances import Estimate, absent, estimate
from engine.distances.truth import Truth
from engine.evaluation import NAMES, REPEATS, Evaluation, sample_distances
from engine.targets import Target
from gui.runs import Run

log = logging.getLogger(__name__)

FEWEST, IN_TRAINING, AT_REST = 250, 500, 2_000
"""Points on each side. An exact W2 of 500 points is over thirty times as fast as one of 2,000: a training has a point every few seconds."""
SHARE = 0.12
"""While training, this thread takes at most this share of a processor's time."""
FROM_SAMPLES = tuple(name for name in NAMES if name not in ("nll", "fisher", "velocity"))
STRAIGHT_PARTICLES = 4_000
"""Particles from which straightness is estimated."""
NOT_STRAIGHT = "the paths of an SDE are nowhere smooth: what they bend grows without bound as the steps get shorter."
TRUTHS_KEPT = 6
NICENESS = 15
"""Three threads want two processors while the panes play: without it a frame in a hundred comes after 74 ms, with it after 44."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """What is known of a run's end so far, standardised units and nats; ``whole`` when nothing more comes."""

    run: Run
    n: int
    """Points on each side of one repeat."""
    distances: dict[str, Estimate]
    """By the names of ``engine.evaluation.NAMES``, and ``straightness``."""
    whole: bool


def points_for(particles: int, training: bool) -> int:
    """Points on each side: so few that the particles give each repeat its own, and ± is that of samples and truth together."""
    return min(particles, IN_TRAINING if training else AT_REST, max(FEWEST, particles // REPEATS))


@dataclass(eq=False)
class _Work:
    """A question that is being answered."""

    run: Run
    n: int
    slices: Generator[Evaluation, None, None]
    fraction: float = 0.0
    known: int = 0


class Distances:
    """``ask`` from the window, ``take`` at frame rate. The latest question for each pane counts, older ones are dropped."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked: dict[int, tuple[Run, int]] = {}
        self._under_way: dict[int, _Work] = {}
        self._found: list[tuple[int, Measurement]] = []
        self._truths: dict[tuple[Target, int], Truth] = {}
        self._closing = False
        self._training = False
        self._thread = threading.Thread(target=self._run, name="distances", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends the thread; waits for the distance under way, a second at most."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(1.0)

    @property
    def training(self) -> bool:
        """Whether a training needs most of the processor."""
        return self._training

    @training.setter
    def training(self, on: bool) -> None:
        with self._changed:
            self._training = on
            self._changed.notify()

    def ask(self, pane: int, run: Run, n: int) -> None:
        """The distances of a run's end to its target, from n points on each side.

        What is under way for the pane is finished first if it is of the same network a little earlier, else dropped.
        """
        with self._changed:
            self._asked[pane] = (run, n)
            self._changed.notify()

    def drop(self, pane: int) -> None:
        """Nothing is to be measured there any more."""
        with self._changed:
            self._asked.pop(pane, None)
            self._under_way.pop(pane, None)

    def take(self) -> list[tuple[int, Measurement]]:
        """What has been found since, by pane, in the order in which it came."""
        with self._changed:
            found, self._found = self._found, []
            return found

    def _run(self) -> None:
        yield_to_others(NICENESS)
        while True:
            with self._changed:
                while not self._asked and not self._under_way and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                self._admit()
                pane, work = min(self._under_way.items(), key=lambda item: item[1].fraction)
            began = time.thread_time()
            found = self._slice(work)
            with self._changed:
                if self._under_way.get(pane) is work:
                    if found is not None:
                        self._found.append((pane, found))
                    if found is not None and found.whole:
                        del self._under_way[pane]
                if self._training:
                    rest = (time.thread_time() - began) * (1 / SHARE - 1)
                    self._changed.wait_for(lambda: self._closing or not self._training, rest)

    def _admit(self) -> None:
        """Begins what was asked, but lets a measure of the same network finish: else a training that renews itself fast gets none."""
        for pane, (run, n) in list(self._asked.items()):
            before = self._under_way.get(pane)
            if before is None or not run.request.same_but_newer(before.run.request):
                del self._asked[pane]
                self._under_way[pane] = _Work(run, n, self._measure(run, n))

    def _slice(self, work: _Work) -> Measurement | None:
        """One piece of work; what is known where there is more than before. What fails says why, and the thread lives on."""
        try:
            known = next(work.slices, None)
        except (Problem, ValueError, MemoryError, FloatingPointError) as error:
            log.warning("no distance: %s", error)
            return Measurement(work.run, work.n, {name: absent(str(error), work.n) for name in FROM_SAMPLES}, True)
        if known is None:
            return Measurement(work.run, work.n, {}, True)
        work.fraction = known.fraction
        if len(known.distances) == work.known and known.fraction < 1.0:
            return None
        work.known = len(known.distances)
        return Measurement(work.run, work.n, known.distances, known.fraction >= 1.0)

    def _measure(self, run: Run, n: int) -> Generator[Evaluation, None, None]:
        positions = run.data.positions
        if positions is None:
            raise Problem("there are no particles to compare")
        straight = {"straightness": straightness_of(run)}
        yield Evaluation(straight)
        ends = positions[-1].astype(np.float64)
        n = min(n, len(ends))
        batches = [ends[k * n : (k + 1) * n] for k in range(min(REPEATS, len(ends) // n))]
        known = Evaluation()
        for known in sample_distances(run.request.reference, batches, truth=self._truth(run.request.reference, n)):
            yield Evaluation(straight | known.distances, known.fraction)
        yield Evaluation(straight | known.distances, 1.0)

    def _truth(self, target: Target, n: int) -> Truth:
        """The same draws every time: with others each time the number would jump."""
        key = (target, n)
        if key not in self._truths:
            while len(self._truths) >= TRUTHS_KEPT:
                del self._truths[next(iter(self._truths))]
            self._truths[key] = Truth(target, n, repeats=REPEATS)
        return self._truths[key]


def straightness_of(run: Run) -> Estimate:
    """S of an ODE's particles, from four parts of them; absent for an SDE."""
    from engine.metrics import straightness
    from engine.simulation import Trajectory

    times, positions = run.data.times, run.data.positions
    if run.request.sampler.noisy:
        return absent(NOT_STRAIGHT)
    if times is None or positions is None or len(times) < 2:
        return absent("the run has no path: its times were not kept.")
    each = min(STRAIGHT_PARTICLES, positions.shape[1]) // REPEATS
    if each < 1:
        return absent("there are too few particles.")
    parts: list[NDArray[np.float32]] = [positions[:, k * each : (k + 1) * each] for k in range(REPEATS)]
    values = [straightness(Trajectory(times, part)) for part in parts]
    return estimate(values, [], each, "∫ E‖(x₁ − x₀) − v‖² dt along the particles: 0 if every one moves straight at constant speed")
