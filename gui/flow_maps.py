"""Flow maps: a grid of lines carried by a pane's probability flow, with log det J. No Qt here; torch is imported when it runs.

Forward, the grid lies over the source at the first time and is carried on; backward, it lies over the data at the last time and is
carried back, and log det J is that of the way back. It is carried once through the whole interval; at any t it is then at hand.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.samplers import Euler
from gui.probe import field_of
from gui.runs import FAR, Fields, RunRequest
from shaders.scene import FlowDirection, FlowLines

if TYPE_CHECKING:
    from engine.fields.base import Field

Floats = NDArray[np.float64]
STEPS, TIMES = {"forward": 20, "backward": 40}, 65
"""Steps of RK4, closer together towards the data; times that are kept, evenly, with straight lines between them."""
NEAR = {"forward": 0.02, "backward": 0.002}
"""How close together: on the way back the first steps leave the data, off which everything changes within a width of 1 - t."""
STEEP, LOST = 3.0, 6.0
"""What changes its volume by more than e^3 in one step, or comes from beyond six standard deviations of the source, lies where there is
next to nothing of the data: it is left out of a map backward, and the line is broken there."""
LEAST = 0.02
"""With less of the grid than this there is nothing to see."""
SPAN = 2.5
"""The grid reaches so many standard deviations from the mean, where there is anything so far out."""
INSET = 0.01
"""Of the data's width: how far inside its rim the grid stays, so that no line lies on an edge."""
CHUNK = 600
"""Points in one slice of the work: a slice takes at most about 30 ms."""
LIMITS = (1.0, 2.0, 3.0, 5.0, 8.0)
"""Ends of the colour scale, nats: the first that holds nearly all values, so that similar panes share one."""
HELD = 0.95


@dataclass(frozen=True)
class FlowMapRequest:
    """Everything that decides a flow map; panes that differ in their samplers alone share one."""

    run: RunRequest
    direction: FlowDirection
    lines: int

    @staticmethod
    def of(run: RunRequest, direction: FlowDirection, lines: int) -> FlowMapRequest:
        """For what a pane shows."""
        return FlowMapRequest(replace(run, sampler=Euler(), particles=1, seed=0), direction, lines)

    def same_but_newer(self, other: FlowMapRequest | None) -> bool:
        """Whether only the training has gone on."""
        same = other is not None and (self.direction, self.lines) == (other.direction, other.lines)
        return same and other is not None and self.run.same_but_newer(other.run)


@dataclass(frozen=True, eq=False)
class FlowMaps:
    """The lines at all times."""

    request: FlowMapRequest
    times: Floats
    """(k,) increasing and even, over the field's interval."""
    points: NDArray[np.float32]
    """(k, lines, m, 2); NaN where a line is broken."""
    stretch: NDArray[np.float32]
    """(k, lines, m) log det J, nats."""
    limit: float

    def at(self, t: float) -> FlowLines:
        """At any t; before and after the field's interval, at its ends."""
        place = (t - float(self.times[0])) / float(self.times[1] - self.times[0])
        k = int(min(max(math.floor(place), 0), len(self.times) - 2))
        share = np.float32(min(max(place - k, 0.0), 1.0))
        points = self.points[k] + share * (self.points[k + 1] - self.points[k])
        stretch = self.stretch[k] + share * (self.stretch[k + 1] - self.stretch[k])
        return FlowLines(points=points, stretch=stretch, limit=self.limit)


def flow_maps(request: FlowMapRequest, fields: Fields) -> Generator[float | FlowMaps, None, None]:
    """Yields the share that is done, and the map at the end. Raises Problem where the field does not exist."""
    from engine.flow_map import graded_times, grid_lines

    field = field_of(request.run, fields)
    forward = request.direction == "forward"
    low, high = source_box(field) if forward else data_box(request.run)
    lines = grid_lines(low, high, request.lines, points_of(request.lines))
    yield 0.0
    ends = field.interval if forward else field.interval[::-1]
    times = graded_times(*ends, STEPS[request.direction], NEAR[request.direction])
    even = np.linspace(*field.interval, TIMES)
    flat, parts = lines.reshape(-1, lines.shape[-1]), []
    for start in range(0, len(flat), CHUNK):
        for share in _carried(field, flat[start : start + CHUNK], times, even):
            if isinstance(share, float):
                yield (start + share * CHUNK) / (len(flat) + CHUNK)
            else:
                parts.append(share)
    whole = np.concatenate(parts, axis=1).reshape(TIMES, *lines.shape[:2], -1)
    if not forward:
        _leave_out(whole, *source_box(field))
    stretch = np.ascontiguousarray(whole[..., -1])
    yield FlowMaps(request, even, np.ascontiguousarray(whole[..., :-1]), stretch, limit_of(stretch))


def _carried(field: Field, x: Floats, times: Floats, even: Floats) -> Generator[float | NDArray[np.float32], None, None]:
    """Points (n, d) and their log det, (k, n, d + 1), at the times ``even``: by a spline in t through the steps."""
    from scipy.interpolate import CubicSpline

    from engine.flow_map import flow

    states = []
    for step in flow(field, x, 0.0, 1.0, times=times):
        states.append(np.concatenate([step.x, step.log_det[:, None]], axis=1))
        yield step.share
    order = np.argsort(times)
    known = np.clip(np.nan_to_num(np.stack(states)[order], nan=FAR, posinf=FAR, neginf=-FAR), -FAR, FAR)
    found = CubicSpline(times[order], known)(even).astype(np.float32)
    if times[-1] < times[0]:
        found[:, np.abs(np.diff(known[..., -1], axis=0)).max(axis=0) > STEEP] = np.nan
    yield found


def _leave_out(whole: NDArray[np.float32], low: Floats, high: Floats) -> None:
    """Makes NaN of what comes from far outside the source. Raises Problem where nothing is left."""
    middle, deviation = 0.5 * (low + high), 0.5 * (high - low) / SPAN
    with np.errstate(invalid="ignore"):
        lost = ~(np.square((whole[0, ..., :-1] - middle) / deviation).sum(axis=-1) < LOST**2)
    whole[:, lost] = np.nan
    if float(lost.mean()) > 1.0 - LEAST:
        raise Problem("next to none of a grid over bare points lies on the data, so that there is nothing to carry back.")


def points_of(lines: int) -> int:
    """Points along a line: a whole number in each cell of the grid, 65 or more."""
    cells = lines - 1
    return cells * max(1, -(-64 // cells)) + 1


def source_box(field: Field) -> tuple[Floats, Floats]:
    """(low, high) of the grid over what there is at the first time, standardised coordinates."""
    from engine.paths import GaussianPath

    t, path, d = field.interval[0], field.path, len(field.mean)
    if isinstance(path, GaussianPath):
        alpha, beta = float(path.alpha(t)), float(path.beta(t))
        reach = SPAN * np.sqrt(np.diagonal(alpha**2 * field.covariance + beta**2 * np.eye(d)))
        return alpha * field.mean - reach, alpha * field.mean + reach
    return _box(field.source.mean, field.source.covariance, *field.source.density.bounds())


def data_box(run: RunRequest) -> tuple[Floats, Floats]:
    """(low, high) of the grid over the data, standardised coordinates."""
    from gui.probe import data_of

    density, _ = data_of(run.target)
    return _box(density.mean(), density.covariance(), *density.bounds())


def _box(mean: Floats, covariance: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    reach, inset = SPAN * np.sqrt(np.diagonal(covariance)), INSET * (high - low)
    return np.maximum(mean - reach, low + inset), np.minimum(mean + reach, high - inset)


def limit_of(stretch: NDArray[np.float32]) -> float:
    """The end of the colour scale of a map, the same at all times."""
    held = float(np.nanquantile(np.abs(stretch), HELD))
    return next((limit for limit in LIMITS if limit >= held), LIMITS[-1])
