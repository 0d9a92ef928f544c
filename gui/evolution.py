"""Evolution: a pane's start moved through the whole interval by the Fokker-Planck equation on a grid, kept at many times.

For the worker's thread: no Qt here; torch is imported when it runs.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.guidance import NoGuidance
from engine.paths import START
from gui.map_kinds import KINDS, diffusion_of
from gui.maps import Box4, MapRequest, MapValues, NoMap, Truths, peak, told
from gui.probe import field_of
from gui.runs import Fields

if TYPE_CHECKING:
    from engine.fields.base import Field
    from engine.fokker_planck import Box
    from engine.samplers.sigma import Sigma

Floats = NDArray[np.float64]
TIMES = 65
"""Times that are kept, evenly over the interval, with straight lines between them."""
CELLS = (64, 128)
"""Along the longer side of the box: a first answer, and the one that stays."""
KNOTS = 129
REACH, MARGIN = 4.5, 0.6
"""The box holds so many standard deviations of the start, and the data with so much around it, standardised units."""
COARSEST = 0.5
"""Cells may be so wide, in standard deviations of the narrower of start and data."""
MOST_NOISE = 60.0
"""sigma^2 above which the grid begins later, where the noise has come down and p_t is still the start's Gaussian."""


@dataclass(frozen=True, eq=False)
class Evolution:
    """The density at the times that are done so far; a new one each time, over the same array."""

    request: MapRequest
    """Its t, box and size do not matter."""
    box: Box4
    times: Floats
    """(TIMES,)."""
    densities: NDArray[np.float32]
    """(TIMES, h, w) cell means, standardised units; the first ``known`` are there."""
    known: int
    whole: bool
    """Whether this is the finer grid, and done."""
    wall: float = 0.0
    """The most mass that was ever in the outermost cells."""

    def at(self, t: float, request: MapRequest) -> MapValues | None:
        """At any t, moved into the interval; None where the grid has not come so far yet."""
        t = min(max(t, float(self.times[0])), float(self.times[-1]))
        place = (t - self.times[0]) / (self.times[1] - self.times[0])
        k = min(int(place), TIMES - 2)
        share = float(place - k)
        if (k + 1 if share > 1e-9 else k) >= self.known:
            return None
        density = self.densities[k] if share <= 1e-9 else (1.0 - share) * self.densities[k] + share * self.densities[k + 1]
        values = density.astype(np.float64)
        asked = replace(request, run=self.request.run, box=self.box, size=(values.shape[1], values.shape[0]))
        return told(asked, t, values, peak(values), note=_noise_words(request), whole=self.whole)


def _noise_words(request: MapRequest) -> str:
    sigma, _ = diffusion_of(request.run.sampler)
    words = sigma.words if sigma is not None else "σ = 0"
    return ", " + words.replace(" ", "\u00a0")


def evolve(request: MapRequest, fields: Fields, truths: Truths | None = None) -> Generator[float | Evolution | NoMap | None, None, None]:
    """Yields the fraction done, and an Evolution whenever another time is there: of a coarse grid, then of a finer one.

    An exact field without guidance is that of ``truths``, in double precision.
    """
    try:
        if request.run.reason:
            raise Problem(request.run.reason)
        sigma, reason = diffusion_of(request.run.sampler)
        if reason:
            raise Problem(reason)
        plain = request.run.snapshot is None and isinstance(request.run.guidance, NoGuidance)
        field = (truths or Truths()).of(request.run) if plain else field_of(request.run, fields)
        yield None
        done = 0.0
        for k, cells in enumerate(CELLS):
            share = (1.0 - done) if k + 1 == len(CELLS) else 0.1
            for found in _evolved(request, field, sigma, cells, last=k + 1 == len(CELLS)):
                yield done + share * found if isinstance(found, float) else found
            done += share
    except Problem as problem:
        yield NoMap(request, f"{KINDS['grid'].words}: {_lower(str(problem))}")


def _evolved(
    request: MapRequest, field: Field, sigma: Sigma | None, cells: int, last: bool
) -> Generator[float | Evolution | None, None, None]:
    import torch

    from engine import fokker_planck
    from engine.likelihood import start_log_prob

    first = _first_time(field, sigma)
    start: Any = field if first <= field.interval[0] else _From(field, first)
    box = box_of(request, start, cells)
    with torch.no_grad():

        def log_prob(points: Floats) -> Floats:
            return np.asarray(
                start_log_prob(start, torch.from_numpy(points).to(field.device, field.dtype), request.run.law.start).cpu().numpy()
            )

        density = fokker_planck.on_grid(box, log_prob)
    yield None
    drift = fokker_planck.drift_on(box, field, sigma)
    times = np.linspace(first, field.interval[1], TIMES)
    if request.run.snapshot is not None:
        drift = fokker_planck.between_knots(drift, knots(first, field.interval[1]))
    kept, known, wall = np.zeros((TIMES, box.counts[1], box.counts[0]), np.float32), 0, 0.0
    where = (box.low[0], box.high[0], box.low[1], box.high[1])

    def variance(t: float) -> float:
        return 0.0 if sigma is None else float(sigma.sigma2(field.path, t))

    for step in fokker_planck.evolve(box, density, drift, variance, times.tolist()):
        wall = max(wall, step.wall)
        if step.stored:
            kept[known], known = step.density.T, known + 1
            yield Evolution(request, where, times, kept, known, last and known == TIMES, wall)
        yield step.share


def knots(first: float, last: float) -> list[float]:
    """Times at which a network's drift is asked: closer together towards both ends."""
    places = 0.5 - 0.5 * np.cos(np.linspace(0.0, math.pi, KNOTS))
    found: list[float] = (first + (last - first) * places).tolist()
    return found


def _first_time(field: Field, sigma: Sigma | None) -> float:
    """Where the grid begins: at the start, or where the noise of the time reversal is no longer almost infinite."""
    low = field.interval[0]
    if sigma is None:
        return low
    noise = float(sigma.sigma2(field.path, low)) if low > 0 or not _infinite(field, sigma, low) else math.inf
    return low if noise <= MOST_NOISE else max(low, START)


def _infinite(field: Field, sigma: Sigma, t: float) -> bool:
    try:
        return not math.isfinite(float(sigma.sigma2(field.path, t)))
    except ZeroDivisionError:
        return True


class _From:
    """A field as it is from a later time on."""

    def __init__(self, field: Field, first: float) -> None:
        self._field = field
        self.interval = (first, field.interval[1])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._field, name)


def box_of(request: MapRequest, field: Any, cells: int) -> Box:
    """A box around start and data with ``cells`` along its longer side. Raises Problem where no such grid holds both."""
    from engine.fokker_planck import Box
    from engine.paths import GaussianPath

    path, t, law = field.path, field.interval[0], request.run.law
    frame = law.target.frame()
    data = law.target.density().moved(frame.shift, frame.scale)
    lows, highs = (np.asarray(side, dtype=np.float64) for side in data.bounds())
    narrow = float(np.sqrt(np.linalg.eigvalsh(data.covariance())[0]))
    if isinstance(path, GaussianPath):
        alpha, beta = float(path.alpha(t)), float(path.beta(t))
        spread = np.sqrt(alpha**2 * np.diag(field.covariance) + beta**2)
        low, high = alpha * field.mean - REACH * spread, alpha * field.mean + REACH * spread
        narrow = min(narrow, float(spread.min()))
    else:
        source = field.source.density
        low, high = (np.asarray(side, dtype=np.float64) for side in source.bounds())
        narrow = min(narrow, float(np.sqrt(np.linalg.eigvalsh(source.covariance())[0])))
    low, high = np.minimum(low, lows) - MARGIN, np.maximum(high, highs) + MARGIN
    longest = float((high - low).max())
    width = longest / cells
    if longest / CELLS[-1] > COARSEST * narrow:
        raise Problem(
            f"start and data are so unlike in width that {CELLS[-1]} cells over {longest:.3g} standardised units are too coarse for what "
            f"is {narrow:.2g} wide."
        )
    counts = tuple(max(8, math.ceil(side / width - 1e-9)) for side in (high - low).tolist())
    middle, half = (low + high) / 2.0, np.array(counts) * width / 2.0
    return Box(tuple((middle - half).tolist()), tuple((middle + half).tolist()), counts)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
