"""Evaluation: every distance between a model's samples and the truth, with floors and spreads, slice by slice.

Repeat k holds a batch of samples against fresh draw k of the truth; its floor holds another fresh draw against that same one. With
as many batches as repeats the spread is that of samples and truth together; with one it is that of the truth's draws alone, and there is
none where the truth is exact (the grid, the modes).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.distances import (
    Estimate,
    absent,
    cell_masses,
    cells_for,
    counts,
    coverage,
    estimate,
    js,
    kl,
    lattice_for,
    median_bandwidth,
    modes_of,
    tv,
)
from engine.distances.kernels import energy_of, mmd2_of, pair_means
from engine.distances.truth import Truth
from engine.error_maps import MARGIN, error_curve
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.fields.base import Field
    from engine.likelihood import HeldOut
    from engine.targets.base import TargetBase

Floats = NDArray[np.float64]
REPEATS = 4
MOST_W2 = 2_000
"""Points of the exact W2, whose work grows as n^2 and more."""
MOST_FISHER = 500
"""Points of p_t at each time."""
NAMES = {
    "w2": "W₂",
    "sliced_w2": "sliced W₂",
    "mmd": "MMD²",
    "energy": "energy distance",
    "kl": "KL",
    "tv": "total variation",
    "js": "Jensen–Shannon",
    "nll": "NLL",
    "fisher": "Fisher divergence",
    "velocity": "velocity error",
    "modes": "modes reached",
    "near": "near a mode",
}
"""What people call each distance."""


@dataclass(frozen=True)
class Evaluation:
    """What is known so far; a new one after every slice of work."""

    distances: dict[str, Estimate] = field(default_factory=dict)
    """By the names of ``NAMES``, as they come."""
    fraction: float = 0.0
    doing: str = ""


def evaluate(
    model: Field, experiment: Experiment, batches: Sequence[NDArray[np.floating]], *, seed: int = 0, repeats: int = REPEATS
) -> Generator[Evaluation, None, Evaluation]:
    """All distances of ``batches`` of samples (n, d) each, standardised coordinates, and the errors of the field that made them.

    What does not apply is there without a value and with its reason. Leave the loop to cancel.
    """
    known = yield from sample_distances(experiment.target, batches, seed=seed, repeats=repeats)
    known = yield from _likelihood(known, model, experiment, min(MOST_FISHER, len(batches[0])), seed, repeats)
    yield known
    n, fisher, speed = min(MOST_FISHER, len(batches[0])), absent(""), absent("")
    try:
        for curve in error_curve(model, experiment, n=n, repeats=repeats, seed=seed):
            yield replace(known, fraction=0.8 + 0.2 * curve.fraction, doing="the errors of the field")
    except Problem as problem:
        fisher = speed = absent(str(problem), n)
    else:
        low, high = curve.interval
        note = f"integral over t from {low:.3g} to {high:.3g} at {len(curve.times)} times"
        zero = [0.0] * repeats
        speed = estimate(curve.integral(curve.velocity).tolist(), zero, n, f"∫ E‖u_θ − u‖² dt, {note}; the floor is 0")
        if curve.score is None:
            fisher = absent(curve.reason, n)
        else:
            grows = f"it may grow without bound as {MARGIN:g} is made smaller" if high > 0.95 else ""
            words = [f"∫ E‖s_θ − s‖² dt, {note}", "the floor is 0", grows]
            fisher = estimate(curve.integral(curve.score).tolist(), zero, n, "; ".join(word for word in words if word))
    known = replace(known, distances=known.distances | {"fisher": fisher, "velocity": speed}, fraction=1.0, doing="")
    known = replace(known, distances={name: known.distances[name] for name in NAMES})
    yield known
    return known


def sample_distances(
    target: TargetBase,
    batches: Sequence[NDArray[np.floating]],
    *,
    seed: int = 0,
    repeats: int = REPEATS,
    truth: Truth | None = None,
) -> Generator[Evaluation, None, Evaluation]:
    """The distances that need samples alone: W2, sliced W2, MMD, energy, KL, TV, Jensen-Shannon, modes.

    ``truth``, of this target and as many points, is what an earlier comparison has left: floors are then not computed again, and its own
    seed and repeats hold. Raises Problem for fewer than two samples.
    """
    own = [np.ascontiguousarray(batch, dtype=np.float64) for batch in batches]
    n = min(len(batch) for batch in own)
    if n < 2:
        raise Problem("a distance needs at least two samples.")
    truth = truth or Truth(target, n, seed=seed, repeats=repeats)
    if (truth.target, truth.n) != (target, n):
        raise ValueError(f"The truth that was kept is of {truth.n} points, or of another target; the samples are {n}.")
    lost = sum(int((~np.isfinite(batch)).any(axis=1).sum()) for batch in own)
    if lost:
        reason = f"{lost:,} of {sum(len(batch) for batch in own):,} samples are not finite numbers."
        none = {name: absent(reason, n) for name in NAMES if name not in ("nll", "fisher", "velocity")}
        known = Evaluation(none, 0.6)
        yield known
        return known
    samples = [batch[:n] for batch in own[: truth.repeats]]
    known = Evaluation()
    for part, done in ((_transport, 0.3), (_pairs, 0.5), (_gridded, 0.55), (_modes, 0.6)):
        known = replace((yield from part(known, truth, samples)), fraction=done)
        yield known
    return known


def _likelihood(
    known: Evaluation, model: Field, experiment: Experiment, n: int, seed: int, repeats: int
) -> Generator[Evaluation, None, Evaluation]:
    """-E log p of fresh data under the model's flow, in standardised coordinates, each repeat with draws of its own."""
    from engine.likelihood import held_out

    target, values, floors, t = experiment.target, [], [], 1.0
    shift = target.frame().log_det
    try:
        for k in range(repeats):
            named = int(generator(seed, "evaluation", "held out", k).integers(2**62))
            slices = held_out(model, target, n=n, seed=named, start=experiment.start)
            while True:
                try:
                    yield replace(known, fraction=0.6 + 0.2 * (k + next(slices)) / repeats, doing="the likelihood of fresh data")
                except StopIteration as stop:
                    found = stop.value
                    break
            t = found.t
            values.append(found.value - shift)
            if found.floor is not None:
                floors.append(found.floor - shift)
    except Problem as problem:
        return _with(known, nll=absent(str(problem), n))
    words = [f"nats, of fresh data under the flow at t = {t:.6g}, whatever the sampler; add {shift:.4g} for the user's units"]
    words.append("the floor is the entropy of the truth" if floors else "no floor: the truth has no density")
    return replace(_with(known, nll=estimate(values, floors, n, "; ".join(words))), fraction=0.8)


def excess_of(found: HeldOut) -> Estimate:
    """How far the likelihood is above the truth's entropy, nats, an estimate of KL(truth || model); its floor is 0."""
    if found.excess is None:
        return absent(found.reason or "the truth has no density.", found.n)
    note = f"mean of log p(x) − log p_θ(x) over the same {found.n:,} draws, at t = {found.t:.6g}: its error is far below that of either"
    return Estimate(value=found.excess, floor=0.0, spread=found.excess_error, floor_spread=0.0, n=found.n, repeats=1, note=note)


def nll_of(found: HeldOut, log_det: float) -> Estimate:
    """The likelihood of one held-out set in standardised coordinates, nats: the error of the mean over its draws is that of one repeat."""
    why = "the floor is the entropy of the truth, on the same draws" if found.floor is not None else f"no floor: {found.reason}"
    return Estimate(
        value=found.value - log_det,
        floor=None if found.floor is None else found.floor - log_det,
        spread=found.standard_error,
        floor_spread=found.floor_error,
        n=found.n,
        repeats=1,
        note=f"nats, of {found.n:,} fresh draws of the data under the flow at t = {found.t:.6g}, whatever the sampler; {why}",
    )


Batches = Sequence[Floats]
"""At most as many as there are repeats; where they are fewer, they are used again."""
Part = Generator[Evaluation, None, Evaluation]


def _transport(known: Evaluation, truth: Truth, batches: Batches) -> Part:
    from engine.metrics import sliced_w2, w2

    n, most = truth.n, min(truth.n, MOST_W2)
    found: list[tuple[float, float, float, float]] = []
    try:
        for k in range(truth.repeats):
            samples, one, other = batches[k % len(batches)], truth.one(k), truth.other(k)
            yield replace(known, fraction=0.3 * k / truth.repeats, doing="W₂")
            exact, sliced = w2(samples[:most], one[:most]), sliced_w2(samples, one)
            yield replace(known, fraction=0.3 * (k + 0.5) / truth.repeats, doing="W₂")
            floor = truth.once("w2", k, partial(w2, other[:most], one[:most]))
            found.append((exact, floor, sliced, truth.once("sliced", k, partial(sliced_w2, other, one))))
    except Problem as problem:
        return replace(known, distances=known.distances | {name: absent(str(problem), n) for name in ("w2", "sliced_w2")})
    exacts, floors, slices, sliced_floors = ([row[column] for row in found] for column in range(4))
    return _with(
        known,
        w2=estimate(
            exacts, floors, most, f"exact, against as many draws of the truth: above 0 for a perfect model too{_again(truth, batches)}"
        ),
        sliced_w2=estimate(slices, sliced_floors, n, f"along 128 directions{_again(truth, batches)}"),
    )


def _pairs(known: Evaluation, truth: Truth, batches: Batches) -> Part:
    width = truth.once("width", 0, lambda: median_bandwidth(truth.one(0)))
    mmd: list[tuple[float, float]] = []
    energy: list[tuple[float, float]] = []
    for k in range(truth.repeats):
        samples, one, other, within = batches[k % len(batches)], truth.one(k), truth.other(k), {}
        for name, points in (("one", one), ("other", other)):
            within[name] = truth.once(f"within {name}", k, partial(pair_means, points, None, width))
            yield replace(known, fraction=0.3 + 0.2 * k / truth.repeats, doing="MMD and energy distance")
        floor = truth.once("across", k, partial(pair_means, other, one, width))
        yield replace(known, fraction=0.3 + 0.2 * (k + 0.3) / truth.repeats, doing="MMD and energy distance")
        within["samples"] = pair_means(samples, None, width)
        yield replace(known, fraction=0.3 + 0.2 * (k + 0.6) / truth.repeats, doing="MMD and energy distance")
        across = pair_means(samples, one, width)
        mmd.append((mmd2_of(within["samples"], within["one"], across), mmd2_of(within["other"], within["one"], floor)))
        energy.append((energy_of(within["samples"], within["one"], across), energy_of(within["other"], within["one"], floor)))
    words = f"squared and unbiased, so that it may be below 0; Gaussian kernel of width {width:.4g}, the median distance in the truth"
    again = _again(truth, batches)
    return _with(
        known,
        mmd=estimate(*_columns(mmd), truth.n, words + again),
        energy=estimate(*_columns(energy), truth.n, f"not rooted and unbiased, so that it may be below 0{again}"),
    )


def _gridded(known: Evaluation, truth: Truth, batches: Batches) -> Part:
    yield replace(known, fraction=0.5, doing="the grid")
    target, n = truth.target, truth.n
    frame = target.frame()
    inner = target.density().moved(frame.shift, frame.scale)
    lattice = lattice_for(inner, cells_for(n, inner.dimension))
    try:
        masses = truth.once("masses", 0, lambda: cell_masses(inner, lattice))
    except Problem as problem:
        return _with(known, **{name: absent(str(problem), n) for name in ("kl", "tv", "js")})
    held = [counts(samples, lattice) for samples in batches]
    floors = [truth.once("counts", k, partial(counts, truth.other(k), lattice)) for k in range(truth.repeats)]
    where = f"histogram in {lattice.words} and one outside"
    made: dict[str, Estimate] = {}
    kinds: dict[str, Callable[[Floats, Floats], float]] = {"kl": kl, "tv": tv, "js": js}
    for name, divergence in kinds.items():
        what = "KL(samples ‖ truth), " if name == "kl" else ""
        note = f"{what}{where}; a histogram of {n:,} is biased up, and the floor is that bias"
        made[name] = estimate([divergence(p, masses) for p in held], [divergence(q, masses) for q in floors], n, note)
    if not all(math.isfinite(kl(p, masses)) for p in held):
        share = float(np.mean([p[masses == 0].sum() for p in held]))
        made["kl"] = absent(f"infinite: {100 * share:.3g} % of the samples are in cells where the truth has no mass.", n)
    return _with(known, **made)


def _modes(known: Evaluation, truth: Truth, batches: Batches) -> Part:
    yield replace(known, fraction=0.55, doing="modes")
    n = truth.n
    try:
        parts, weights = modes_of(truth.target)
    except Problem as problem:
        return _with(known, modes=absent(str(problem), n), near=absent(str(problem), n))
    found = [coverage(samples, parts, weights) for samples in batches]
    floors = [truth.once("modes", k, partial(coverage, truth.other(k), parts, weights)) for k in range(truth.repeats)]
    reached = f"share of the {len(parts)} modes that get a tenth of their due or more"
    near = "share of the samples within 3 standard deviations of a mode"
    return _with(
        known,
        modes=estimate([a.reached for a in found], [b.reached for b in floors], n, reached),
        near=estimate([a.near for a in found], [b.near for b in floors], n, near),
    )


def _again(truth: Truth, batches: Batches) -> str:
    """A caveat where repeats share samples."""
    few = len(batches)
    return "" if few >= truth.repeats else f"; {few} batch{'es' if few > 1 else ''} of samples for {truth.repeats} draws of the truth"


def _with(known: Evaluation, **made: Estimate) -> Evaluation:
    return replace(known, distances=known.distances | made)


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [first for first, _ in pairs], [second for _, second in pairs]
