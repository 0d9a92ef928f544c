"""Pairings: pairs (x0, x1) of a coupling, computed ahead on other threads. POT and numpy's products release the GIL meanwhile.

Pairing k is a function of (seed, k) alone, so neither the number of threads nor their order shows in training, and a training that is
taken up again in the middle draws what it would have drawn.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from engine.epochs import Epochs, fixed_data, fixed_source
from engine.randomness import generator
from engine.sources import source_law

if TYPE_CHECKING:
    from engine.experiment import Experiment

Single = NDArray[np.float32]
Pairs = tuple[Single, Single]

SLICE_WORK = 0.05
"""Seconds of pairing, on one thread, that a block of training steps is worth at most: what a caller may have to wait for."""


def paired(experiment: Experiment) -> bool:
    """Whether the pairs come from a coupling or from the path, instead of being drawn apart."""
    return experiment.coupling.paired or experiment.path.paired


def block_steps(experiment: Experiment) -> int:
    """The most steps whose pairs should be asked for at once, so that waiting for them stays short."""
    if not experiment.coupling.paired:
        return 1 << 30
    batch = experiment.training.batch
    together = min(batch, getattr(experiment.coupling, "batch", batch))
    reuse: int = getattr(experiment.coupling, "reuse", 1)
    return reuse * max(1, int(SLICE_WORK / (seconds(together) * (batch / together))))


class PairedPath(Protocol):
    """A path with pairs of its own (``engine.reflow``)."""

    def stored(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(x0, x1), (n, d) each, standardised coordinates."""
        ...


def workers() -> int:
    """How many threads compute ahead: all cores but the one that trains, at least two (training waits at times), at most eight."""
    return min(8, max(2, (os.cpu_count() or 2) - 1))


def seconds(n: int) -> float:
    """About what pairing n points takes: 3 ms at 256, as the power 2.4. Not measured, so that blocks do not depend on the day."""
    return 3e-3 * float((n / 256.0) ** 2.4)


class Pairings:
    """The pairs of an experiment whose coupling, or whose path, is paired.

    Threads are made when the first pairing is asked for and end with ``close``, or with the object. Nothing else is needed: a closed pool
    opens again.
    """

    def __init__(self, experiment: Experiment, threads: int | None = None) -> None:
        self._experiment = experiment
        self._frame = experiment.target.frame()
        self._source = source_law(experiment)
        self._seed = experiment.training.seed
        self._batch = experiment.training.batch
        self.reuse: int = getattr(experiment.coupling, "reuse", 1)
        """Steps that one pairing serves."""
        self._together = min(self._batch, getattr(experiment.coupling, "batch", self._batch))
        self._threads = threads or workers()
        self._ahead = max(2 * self._threads, 2 * min(32, block_steps(experiment)) // self.reuse)
        """Pairings begun before they are asked for: two blocks of at most 32 steps."""
        self._fixed, self._fixed_source = fixed_data(experiment), fixed_source(experiment, self._source)
        self._pool: ThreadPoolExecutor | None = None
        self._futures: dict[int, Future[Pairs]] = {}
        self._stored = self._kept_pairs()
        self._epochs = Epochs(len(self._stored[0]), self._seed, "pairs") if self._stored is not None else None

    def _kept_pairs(self) -> Pairs | None:
        """Pairs that need no solver: those of the path."""
        if not self._experiment.path.paired:
            return None
        x0, x1 = cast("PairedPath", self._experiment.path).stored()
        return x0.astype(np.float32), x1.astype(np.float32)

    def block(self, first: int, steps: int) -> Pairs:
        """The pairs of ``steps`` steps from ``first`` on, (steps * batch, d) each.

        Step s uses pairing s // reuse. Where pairings are used again, the rows of all the steps asked for are mixed, so that consecutive
        steps do not see the same points.
        """
        if self._stored is not None and self._epochs is not None:
            rows = self._epochs.indices(first * self._batch, steps * self._batch)
            return self._stored[0][rows], self._stored[1][rows]
        serving = [step // self.reuse for step in range(first, first + steps)]
        found = {k: self.pairs(k) for k in dict.fromkeys(serving)}
        x0, x1 = (np.concatenate([found[k][side] for k in serving]) for side in (0, 1))
        if self.reuse > 1:
            order = generator(self._seed, "pairing order", first).permutation(len(x0))
            x0, x1 = x0[order], x1[order]
        return x0, x1

    def pairs(self, k: int) -> Pairs:
        """Pairing k, (batch, d) float32 each; the next ones are begun. Raises Problem where the coupling cannot be computed."""
        pool = self._open()
        for past in [index for index in self._futures if index < k - 1 or index > k + self._ahead]:
            self._futures.pop(past).cancel()
        for index in range(k, k + self._ahead + 1):
            if index not in self._futures:
                self._futures[index] = pool.submit(self.compute, index)
        try:
            return self._futures[k].result()
        except BaseException:
            self.close()
            raise

    def compute(self, k: int) -> Pairs:
        """Pairing k, here and now; a function of (seed, k) alone."""
        rng = generator(self._seed, "pairing", k)
        x0, x1 = self._draws(k, rng)
        parts = [slice(start, start + self._together) for start in range(0, len(x0), self._together)]
        pairs = [self._experiment.coupling.match(x0[part], x1[part], rng) for part in parts]
        first, second = (np.concatenate([pair[side] for pair in pairs]).astype(np.float32) for side in (0, 1))
        return first, second

    def _draws(self, k: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        n = self._batch
        x0: NDArray[np.float64]
        x1: NDArray[np.float64]
        x0 = self._source.sample(n, rng) if self._fixed_source is None else self._fixed_source.rows(k * n, n)[0]
        x1 = self._frame.inward(self._experiment.target.sample(n, rng)) if self._fixed is None else self._fixed.rows(k * n, n)[0]
        return x0, x1

    def _open(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="pairing")
        return self._pool

    def close(self) -> None:
        """End the threads, within one pairing; what is computed is kept."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)
        self._futures = {k: future for k, future in self._futures.items() if future.done() and not future.cancelled()}
