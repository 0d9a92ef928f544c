"""PastRun: one finished training with all that was learned and measured of it, as the list of runs and a session file keep it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.checkpoints import place
from engine.choice import Problem
from engine.experiment import Experiment
from engine.training_state import TrainingState

Floats = NDArray[np.float64]

DISTANCE_COLUMNS = 9
"""step, place of the curve, place of the name, then six plain numbers of the distance (gui.series_of_distances)."""
MOST_LOSSES = 1_500
"""Rows of a finished run's loss curve."""


def _no_rows(columns: int) -> Floats:
    return np.zeros((0, columns))


@dataclass(frozen=True, eq=False)
class Measured:
    """Distances over training as plain numbers."""

    curves: tuple[str, ...] = ()
    """What was measured: a pane's sampler in words, or the network itself."""
    names: tuple[str, ...] = ()
    """Which distances."""
    rows: Floats = field(default_factory=lambda: _no_rows(DISTANCE_COLUMNS))
    """(k, 9), in the order of the steps; not a number where there is none."""

    def refusal(self) -> str | None:
        """What is wrong with the table, in a few words; None if nothing is."""
        rows = self.rows
        if rows.dtype != np.float64 or rows.ndim != 2 or rows.shape[1] != DISTANCE_COLUMNS:
            return "is not a table of distances over training"
        places = rows[:, 1:3]
        if not (np.isfinite(rows[:, :3]).all() and (places >= 0).all() and (places < (len(self.curves), len(self.names))).all()):
            return "speaks of distances that are not named"
        return None


@dataclass(frozen=True, eq=False)
class PastRun:
    """A finished training."""

    key: str
    """Tells it from any other: hexadecimal digits."""
    name: str
    when: float
    """When it ended, seconds since 1970 (UTC)."""
    experiment: Experiment
    state: TrainingState
    """Its final weights, from which training can go on."""
    losses: Floats = field(default_factory=lambda: _no_rows(2))
    """(k, 2): step, loss; thinned to ``MOST_LOSSES`` rows."""
    seconds: float = 0.0
    """Time spent in training, s."""
    device: str = "cpu"
    distances: Measured = field(default_factory=Measured)

    @property
    def step(self) -> int:
        """Training steps done."""
        return self.state.step

    @property
    def bytes(self) -> int:
        """Memory that its numbers take."""
        return 4 * 4 * len(self.state.weights) + self.losses.nbytes + self.distances.rows.nbytes


def thinned_losses(rows: Floats, most: int = MOST_LOSSES) -> Floats:
    """At most ``most`` rows of (step, loss): neighbours are joined, evenly half in step and half in log step, a geometric mean of the
    losses at the last of their steps, so that both a long tail and the first steps keep their shape. Rows of NaN or Inf stay what they are.
    """
    k = len(rows)
    if k <= most:
        return np.array(rows, dtype=np.float64)
    even = np.linspace(0, k, most // 2 + 1)
    logs = np.expm1(np.linspace(0.0, place(k), most // 2 + 1))
    edges = np.unique(np.concatenate([even, logs]).round().astype(np.int64).clip(0, k))
    starts, ends = edges[:-1], edges[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.exp(np.add.reduceat(np.log(np.maximum(rows[:, 1], 1e-300)), starts) / (ends - starts))
    return np.column_stack([rows[ends - 1, 0], means])


def run_named(runs: Sequence[PastRun], name: str) -> PastRun:
    """The run of that name, or whose key begins so (four digits at least). Raises Problem, which names those there are."""
    found = [run for run in runs if run.name == name] or [run for run in runs if len(name) >= 4 and run.key.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Problem(f"--run {name}: {len(found)} runs have that name; say which by its key: {', '.join(run.key[:8] for run in found)}")
    names = ", ".join(f"“{run.name}”" for run in runs)
    raise Problem(f"--run {name}: there is no such run; the session has {names}" if runs else f"--run {name}: the session keeps no runs")
