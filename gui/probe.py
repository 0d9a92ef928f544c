"""Probe: what there is at one point and time: density, velocity and score of a pane's field and of the truth beside it, the nearest data,
and what goes through the point. No Qt here; torch is imported when it runs, on the worker's thread.

Values are in the user's units: x_user = scale x + shift, so u_user = scale u per unit of t, s_user = s / scale, and
log p_user = log p - sum log scale.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.densities.cells import Cells
from engine.densities.mixture import GaussianMixture
from engine.guidance import NoGuidance
from engine.targets import Points, Target
from gui.runs import FAR, Fields, RunRequest
from shaders.scene import Probed

if TYPE_CHECKING:
    from engine.fields.base import Field
    from engine.flow_map import Contributions
    from engine.targets.base import Frame

Floats = NDArray[np.float64]
Vector = tuple[float, ...]
STEPS = 24
"""Steps of RK4 over the whole interval, closer together towards the data; log p of the built-in shapes is then right to 1e-3 nats and
better up to t = 0.95."""
DRAWN = 61
"""Points of a path as it is drawn."""
HEAVIEST = 12
MOST_MODES = 64
"""With more Gaussians a target is a shape that they stand for."""
ACROSS = 8
"""A painting, or a shape of many Gaussians, is told in blocks, at most so many along its longer side."""


@dataclass(frozen=True)
class ProbeRequest:
    """A point x (standardised coordinates) of what ``run`` shows, at time t; ``paths`` for a layer that shows them."""

    run: RunRequest
    x: Vector
    t: float
    paths: bool = False


@dataclass(frozen=True)
class Reading:
    """What one field says there, user's units; None where it cannot, for the ``reason``."""

    t: float
    """The time asked for, moved into the field's interval."""
    velocity: Vector
    score: Vector | None
    log_prob: float | None
    """nats; None also where it takes the change of variables, which ``Through`` brings."""
    reason: str = ""


@dataclass(frozen=True)
class Nearest:
    """The data closest to the point, user's units."""

    kind: str
    """``"data point"``, ``"mode"`` (a component's mean), ``"shape"`` (where there are many) or ``"cell"`` (of a raster, with ink)."""
    place: Vector
    distance: float
    """0 inside a cell."""
    standardised: bool
    """Whether the distance is in standardised units, because the user's axes have different scales."""


@dataclass(frozen=True)
class Values:
    """The quick part of an answer."""

    request: ProbeRequest
    own: Reading
    truth: Reading | None
    """None where the pane shows the truth itself, or where there is none, as ``why`` says."""
    nearest: Nearest | None
    why: str = ""


@dataclass(frozen=True, eq=False)
class Through:
    """The slower part: what goes through the point, and log p by the change of variables."""

    request: ProbeRequest
    probed: Probed | None
    coverage: str = ""
    """How much of the velocity the conditional paths account for, or why there are none; in one sentence."""
    log_prob: float | None = None
    """Of the pane's field, nats in the user's units; None while it is not there yet, or not asked for."""
    truth: float | None = None
    """Of the truth at the same t, where it takes the change of variables too."""


def values(request: ProbeRequest, fields: Fields) -> Generator[Values | None, None, None]:
    """One slice for each field, one for the data. Raises Problem where the pane's field does not exist."""
    run, frame = request.run, request.run.target.frame()
    own = field_of(run, fields)
    yield None
    told = _reading(own, request, frame)
    truth, why = None, ""
    if run.snapshot is not None:
        yield None
        try:
            truth = _reading(truth_of(run, fields), request, frame)
        except Problem as problem:
            why = f"No exact field: {_lower(str(problem))}"
    yield None
    yield Values(request, told, truth, nearest(run.target, np.array(request.x)), why)


def through(request: ProbeRequest, fields: Fields) -> Generator[Through | None, None, None]:
    """The paths first, where they are asked for; then log p of a field that tells it only by the change of variables."""
    run = request.run
    own = field_of(run, fields)
    found = Through(request, None)
    if request.paths:
        found = yield from _paths(request, own, fields)
        yield found
    if not _tells_log_prob(own):
        log_prob = yield from _log_prob(own, request)
        found = replace(found, log_prob=log_prob)
        if run.snapshot is not None and run.guidance != NoGuidance():
            try:
                truth = yield from _log_prob(truth_of(run, fields), request)
                found = replace(found, truth=truth)
            except Problem:
                pass  # the read-out says why there is no truth
    yield found


def field_of(run: RunRequest, fields: Fields) -> Field:
    """The field of a pane, for points that are no particles. Raises Problem."""
    return _free(fields.guided.field(fields.of(run), run.law, run.guidance, run.particles, run.seed))


def truth_of(run: RunRequest, fields: Fields) -> Field:
    """The exact field of the same law with the same guidance. Raises Problem."""
    exact = fields.exact(run.law, run.device)
    reason = fields.guided.refusal(exact, run.law, run.guidance)
    if reason:
        raise Problem(reason)
    return _free(fields.guided.field(exact, run.law, run.guidance, run.particles, run.seed))


def _free(field: Field) -> Field:
    from engine.fields.jacobian import anywhere

    return anywhere(field)


def _tells_log_prob(field: Field) -> bool:
    """Whether log p_t is there in closed form: of an exact field without guidance."""
    from engine.fields.guided import GuidedField

    return hasattr(field, "log_prob") and not isinstance(field, GuidedField)


def _reading(field: Any, request: ProbeRequest, frame: Frame) -> Reading:
    from engine.fields import base

    t = min(max(request.t, field.interval[0]), field.interval[1])
    x = _tensor(field, np.array([request.x]))
    u = _numbers(base.velocity(field, x, t)) * frame.scale
    reason = base.score_refusal(field) or ""
    score = None
    if not reason:
        try:
            score = tuple((_numbers(base.score(field, x, t)) / frame.scale).tolist())
        except Problem as problem:
            reason = str(problem)
    log_prob = float(field.log_prob(x, t)) - frame.log_det if _tells_log_prob(field) else None
    return Reading(t, tuple(u.tolist()), score, log_prob, reason)


def _tensor(field: Field, x: Floats) -> Any:
    import torch

    return torch.from_numpy(x).to(field.device, field.dtype)


def _numbers(values: Any) -> Floats:
    return np.asarray(values.detach().double().cpu().numpy()[0], dtype=np.float64)


def nearest(target: Target, x: Floats) -> Nearest | None:
    """The data point, component or inked cell closest to x (d,), standardised coordinates."""
    density, kind = data_of(target)
    frame = target.frame()
    if isinstance(density, Cells):
        place, distance = _nearest_cell(density, x)
    elif isinstance(density, GaussianMixture):
        away = np.square(density.means - x).sum(axis=1)
        index = int(away.argmin())
        place, distance = density.means[index], math.sqrt(float(away[index]))
    else:
        return None
    alike = float(np.ptp(frame.scale)) <= 1e-9 * float(frame.scale.max())
    return Nearest(kind, tuple(frame.outward(place[None])[0].tolist()), distance * (float(frame.scale[0]) if alike else 1.0), not alike)


@lru_cache(maxsize=4)
def data_of(target: Target) -> tuple[GaussianMixture | Cells, str]:
    """The closed form behind the data in standardised coordinates, and what one of its parts is called."""
    frame = target.frame()
    density = target.density().moved(frame.shift, frame.scale)
    if isinstance(density, Cells):
        return density, "cell"
    return density, "data point" if isinstance(target, Points) else "mode" if density.count <= MOST_MODES else "shape"


def _nearest_cell(density: Cells, x: Floats) -> tuple[Floats, float]:
    """The centre of the closest cell with ink, and how far its edge is."""
    h, w = density.weights.shape
    gaps = []
    for axis, count in enumerate((w, h)):
        low = density.low[axis] + density.cell[axis] * np.arange(count)
        gaps.append(np.square(np.maximum(np.maximum(low - x[axis], x[axis] - low - density.cell[axis]), 0.0)))
    away = np.where(density.weights > 0.0, gaps[1][:, None] + gaps[0], np.inf)
    row, column = np.unravel_index(int(away.argmin()), away.shape)
    return density.low + density.cell * (np.array([column, row]) + 0.5), math.sqrt(float(away[row, column]))


def _paths(request: ProbeRequest, own: Field, fields: Fields) -> Generator[None, None, Through]:
    """The ODE's path through the point, backward and forward, and the conditional ones."""
    from engine.flow_map import carried, graded_times

    (low, high), x = own.interval, np.array([request.x])
    t = min(max(request.t, low), high)
    ways = []
    for end in (low, high):
        steps = max(2, math.ceil(STEPS * abs(end - t) / (high - low)))
        times, places = [], []
        for time, place in carried(own, x, graded_times(t, end, steps)):
            times.append(time)
            places.append(place[0])
            yield None
        ways.append(_smooth(np.array(times), np.array(places)))
    arrow = _numbers(_velocity(own, x, t))
    through = Probed(point=(request.x[0], request.x[1]), backward=ways[0][::-1].copy(), forward=ways[1], arrow=_pair(arrow))
    try:
        found = heaviest(request)
    except Problem as problem:
        return Through(request, through, str(problem))
    paths = found.paths(np.linspace(0.0, 1.0, DRAWN)).astype(np.float32)
    mean = _numbers(_velocity(truth_of(request.run, fields), x, t))
    whole = replace(through, conditional=paths, weights=found.weights.astype(np.float32), arrow=_pair(mean))
    return Through(request, whole, coverage(found, data_of(request.run.target)[0], request.run.target))


def heaviest(request: ProbeRequest) -> Contributions:
    """The parts of the data that contribute most to the exact velocity at the point. Raises Problem where they cannot be told."""
    from engine.flow_map import contributions
    from engine.paths import END

    run = request.run
    path = run.law.gaussian_path()
    if path is None:
        raise Problem("Paths to single data are told where a Gaussian source is drawn independently of the data.")
    if run.guidance != NoGuidance():
        raise Problem("With guidance the velocity is no mean over the data: no paths to them.")
    low, high = path.interval("velocity")
    density, _ = data_of(run.target)
    across = 0 if isinstance(run.target, Points) else ACROSS
    return contributions(density, path, np.array(request.x), min(max(request.t, low), high, 1.0 - END), HEAVIEST, across)


def coverage(found: Contributions, density: GaussianMixture | Cells, target: Target) -> str:
    """``"12 of 142 points carry 93 % of the velocity"``."""
    joined = found.count < (np.count_nonzero(density.weights) if isinstance(density, Cells) else density.count)
    noun = "patches" if joined else "cells" if isinstance(density, Cells) else "points" if isinstance(target, Points) else "modes"
    share = 100.0 * float(found.weights.sum())
    verb = "carry" if len(found.weights) > 1 else "carries"
    words = f"{share:.0f} %" if share < 99.5 or len(found.weights) == found.count else "over 99 %"
    return f"{len(found.weights):,} of {found.count:,} {noun} {verb} {words} of the exact velocity".replace(",", "\u202f")


def _pair(vector: Floats) -> tuple[float, float]:
    return float(vector[0]), float(vector[1])


def _velocity(field: Field, x: Floats, t: float) -> Any:
    from engine.fields import base

    return base.velocity(field, _tensor(field, x), t)


def _smooth(times: Floats, places: Floats) -> NDArray[np.float32]:
    """A path through a few points, drawn with many: a cubic spline in t."""
    from scipy.interpolate import CubicSpline

    places = np.clip(np.nan_to_num(places, nan=FAR, posinf=FAR, neginf=-FAR), -FAR, FAR)
    order = np.argsort(times)
    known, where = np.unique(times[order], return_index=True)
    if len(known) < 3:
        return places[[0, -1]].astype(np.float32)
    even = np.linspace(times[0], times[-1], DRAWN)
    return np.asarray(CubicSpline(known, places[order][where])(even), dtype=np.float32)


def _log_prob(field: Field, request: ProbeRequest) -> Generator[None, None, float]:
    """log p_t by the change of variables, user's units: the start's law at where the path begins, and log |det J| on the way back."""
    from engine.flow_map import flow, graded_times
    from engine.likelihood import start_log_prob

    low, high = field.interval
    t = min(max(request.t, low), high)
    x, grown = np.array([request.x]), 0.0
    for step in flow(field, x, t, low, times=graded_times(t, low, max(2, math.ceil(STEPS * (t - low) / (high - low))))):
        x, grown = step.x, float(step.log_det[0])
        yield None
    begin = float(start_log_prob(field, _tensor(field, x), request.run.law.start))
    return begin + grown - request.run.target.frame().log_det


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
