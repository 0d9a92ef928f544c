"""Distances: the live distance of each pane to the target, on a thread of its own: an exact W2 takes its time and cannot be cancelled."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.randomness import generator
from engine.targets import Target
from gui.runs import Run

log = logging.getLogger(__name__)

AT_REST, IN_TRAINING = 2_000, 1_000
"""Particles compared: fewer while training, which needs the processor."""
SHARE = 0.12
"""While training, this thread works at most this share of the time."""
DRAWS = 4


@dataclass(frozen=True)
class Distance:
    """Exact and sliced W2 of n particles to n fresh draws (mean of four), and of what fresh draws reach; standardised units."""

    n: int
    w2: float
    sliced: float
    floor: float
    sliced_floor: float


class Distances:
    """``ask`` from the window, ``take`` at frame rate. The latest question for each pane counts, older ones are dropped."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked: dict[int, tuple[Run, int]] = {}
        self._found: dict[int, tuple[Run, Distance | str]] = {}
        self._floors: dict[tuple[Target, int], tuple[float, float]] = {}
        self._draws: dict[tuple[Target, int], list[NDArray[np.float64]]] = {}
        self._closing = False
        self.training = False
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

    def ask(self, pane: int, run: Run) -> None:
        """The distance of a run's end to its target."""
        with self._changed:
            self._asked[pane] = (run, IN_TRAINING if self.training else AT_REST)
            self._changed.notify()

    def take(self) -> dict[int, tuple[Run, Distance | str]]:
        """What has been found since: a Distance, or in one line why there is none."""
        with self._changed:
            found, self._found = self._found, {}
            return found

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._asked and not self._closing:
                    self._changed.wait()
                if self._closing:
                    return
                pane = next(iter(self._asked))
                run, n = self._asked.pop(pane)
            began = time.perf_counter()
            try:
                answer: Distance | str = self._measure(run, n)
            except (Problem, ValueError, MemoryError, FloatingPointError) as error:
                log.warning("no distance: %s", error)
                answer = str(error)
            with self._changed:
                self._found[pane] = (run, answer)
                if self.training and not self._closing:
                    self._changed.wait_for(lambda: self._closing, (time.perf_counter() - began) * (1 / SHARE - 1))

    def _measure(self, run: Run, n: int) -> Distance:
        from engine.metrics import sliced_w2, w2

        positions = run.data.positions
        if positions is None:
            raise Problem("there are no particles to compare")
        ends = positions[-1].astype(np.float64)
        n = min(n, len(ends))
        target = run.request.reference
        floor, sliced_floor = self._floor(target, n)
        draws = self._fresh(target, n)
        exact = [w2(ends[:n], draw) for draw in draws]
        sliced = [sliced_w2(ends[:n], draw) for draw in draws]
        return Distance(n, float(np.mean(exact)), float(np.mean(sliced)), floor, sliced_floor)

    def _fresh(self, target: Target, n: int) -> list[NDArray[np.float64]]:
        """The same few draws every time: one alone may be an unlucky one, and another each time would make the number jump."""
        key = (target, n)
        if key not in self._draws:
            _make_room(self._draws)
            self._draws[key] = _draws_of(target, n, "distance")
        return self._draws[key]

    def _floor(self, target: Target, n: int) -> tuple[float, float]:
        """What fresh draws reach to the very draws that the particles are held against: an unlucky one then counts for both."""
        from engine.metrics import sliced_w2, w2

        key = (target, n)
        if key not in self._floors:
            _make_room(self._floors)
            pairs = list(zip(_draws_of(target, n, "floor"), self._fresh(target, n), strict=True))
            exact, sliced = [w2(a, b) for a, b in pairs], [sliced_w2(a, b) for a, b in pairs]
            self._floors[key] = (float(np.mean(exact)), float(np.mean(sliced)))
        return self._floors[key]


def _draws_of(target: Target, n: int, name: str) -> list[NDArray[np.float64]]:
    """DRAWS draws of n points in standardised coordinates."""
    return [target.frame().inward(target.sample(n, generator(k, name))) for k in range(DRAWS)]


def _make_room(kept: dict) -> None:  # type: ignore[type-arg]  # any of the caches
    while len(kept) >= 6:
        del kept[next(iter(kept))]
