"""Errors of a learned field: where in space they are at one time, and their mean over p_t as a curve over time.

The truth is the exact field in double precision. ||u_theta - u||, ||s_theta - s|| and the angle between u_theta and u, on a grid; and
E_{p_t} ||s_theta - s||^2 and E_{p_t} ||u_theta - u||^2 over t, the first of which is the Fisher divergence at t.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.marginals import marginal
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.fields.base import Field

Floats = NDArray[np.float64]
MARGIN = 0.01
"""How far from the ends of its interval the errors of a field are taken unless told: a score may be infinite there."""


@dataclass(frozen=True, eq=False)
class ErrorMap:
    """Errors on a grid at one time, standardised units; row 0 at the bottom, as all rasters inside."""

    t: float
    x: Floats
    """(w,) places of the columns."""
    y: Floats
    """(h,) places of the rows."""
    velocity: Floats
    """(h, w) ||u_theta - u||."""
    angle: Floats
    """(h, w) between u_theta and u, radians from 0 to pi; NaN where either vanishes."""
    score: Floats | None
    """(h, w) ||s_theta - s||; None where the field tells no score, as ``reason`` says."""
    density: Floats
    """(h, w) p_t in standardised units: what an error counts for."""
    reason: str = ""
    """Why there is no score; empty where there is one."""

    def mean(self, of: Floats) -> float:
        """The p_t-weighted mean of a map over the grid; NaN where none of p_t is on it."""
        total = float(self.density.sum())
        held = np.where(np.isfinite(of), of, 0.0)
        return float((held * self.density).sum()) / total if total > 0 else float("nan")


def error_map(
    field: Field,
    experiment: Experiment,
    t: float,
    low: Sequence[float] | Floats,
    high: Sequence[float] | Floats,
    size: tuple[int, int] = (64, 64),
    *,
    depth: float = 0.0,
    truth: Any = None,
) -> ErrorMap:
    """Errors of ``field`` at time t on ``size`` = (w, h) points, the corners included, of the rectangle [low, high] (x, y).

    In three dimensions the plane z = ``depth``. ``truth`` is the exact field in double precision, if it has been made. A t outside what
    both fields allow is moved to the nearest end of it. Raises Problem where there is no exact field.
    """
    import torch

    from engine.fields.base import score, score_refusal, velocity

    exact = truth if truth is not None else truth_of(experiment, field)
    t = min(max(t, *(one.interval[0] for one in (field, exact))), *(one.interval[1] for one in (field, exact)))
    x, y = (np.linspace(low[axis], high[axis], size[axis]) for axis in range(2))
    flat = np.stack([part.ravel() for part in np.meshgrid(x, y)], axis=1)
    if field.dimension == 3:
        flat = np.column_stack([flat, np.full(len(flat), depth)])
    elif field.dimension != 2:
        raise Problem("an error map needs two or three dimensions.")
    here, there = _points(flat, field), _points(flat, exact)
    with torch.no_grad():
        learned = _numbers(velocity(field, here, t))
        true = _numbers(velocity(exact, there, t))
        reason = score_refusal(field)
        gap = None if reason else _numbers(score(field, here, t)) - _numbers(score(exact, there, t))
        density = np.exp(_numbers(exact.log_prob(there, t)))
    shape = (size[1], size[0])
    return ErrorMap(
        t,
        x,
        y,
        np.linalg.norm(learned - true, axis=1).reshape(shape),
        angle_between(learned, true).reshape(shape),
        None if gap is None else np.linalg.norm(gap, axis=1).reshape(shape),
        density.reshape(shape),
        reason or "",
    )


def angle_between(one: Floats, other: Floats) -> Floats:
    """The angle between vectors (n, d) each, (n,), radians from 0 to pi, exact for small ones too; NaN where either vanishes."""
    a, b = (np.linalg.norm(v, axis=1, keepdims=True) for v in (one, other))
    with np.errstate(divide="ignore", invalid="ignore"):
        u, v = one / a, other / b
    # Kahan: the arc cosine would lose half of the digits of a small angle
    result: Floats = 2.0 * np.arctan2(np.linalg.norm(u - v, axis=1), np.linalg.norm(u + v, axis=1))
    return result


@dataclass(frozen=True, eq=False)
class ErrorCurve:
    """Mean squared errors over p_t at the times done so far."""

    times: Floats
    """(m,), the middles of parts of ``interval`` that are equal in log t / (1 - t): finer where errors grow, at the ends."""
    weights: Floats
    """(m,), how long in t each part is."""
    interval: tuple[float, float]
    """What the integrals are over."""
    n: int
    """Points of p_t for each repeat and time."""
    velocity: Floats
    """(repeats, m) E||u_theta - u||^2; NaN where not done yet."""
    score: Floats | None
    """(repeats, m) E||s_theta - s||^2, the Fisher divergence at t; None where the field tells no score."""
    reason: str = ""
    """Why there is no score."""
    fraction: float = 0.0

    def integral(self, of: Floats) -> Floats:
        """The integral over the interval, (repeats,), by the midpoint rule: exact for a constant, and for an error like 1 / (1 - t)^2."""
        result: Floats = of @ self.weights
        return result


def error_curve(
    field: Field,
    experiment: Experiment,
    *,
    n: int = 500,
    times: int = 32,
    repeats: int = 4,
    seed: int = 0,
    margin: float = MARGIN,
    truth: Any = None,
) -> Generator[ErrorCurve, None, ErrorCurve]:
    """E_{p_t}||u_theta - u||^2 and E_{p_t}||s_theta - s||^2 at ``times`` times, on fresh points of p_t; yields after each time.

    Over what both fields allow of [margin, 1 - margin]. Leave the loop to cancel. Raises Problem where there is no exact field.
    """
    import torch

    from engine.fields.base import score, score_refusal, velocity

    exact = truth if truth is not None else truth_of(experiment, field)
    low = max(field.interval[0], exact.interval[0], margin)
    high = min(field.interval[1], exact.interval[1], 1.0 - margin)
    reason = score_refusal(field)
    logits = np.linspace(np.log(low / (1.0 - low)), np.log(high / (1.0 - high)), 2 * times + 1)
    places = 1.0 / (1.0 + np.exp(-logits))
    middles, weights = places[1::2], np.diff(places[::2])
    empty = np.full((repeats, times), np.nan)
    done = ErrorCurve(middles, weights, (low, high), n, empty, None if reason else empty.copy(), reason or "")
    yield done
    for k, t in enumerate(middles.tolist()):
        points = np.concatenate([marginal(experiment, t, n, generator(seed, "errors", r, k)) for r in range(repeats)])
        here, there = _points(points, field), _points(points, exact)
        with torch.no_grad():
            u = _square(velocity(field, here, t), velocity(exact, there, t), repeats)
            s = None if reason else _square(score(field, here, t), score(exact, there, t), repeats)
        both = done.velocity.copy(), None if done.score is None else done.score.copy()
        both[0][:, k] = u
        if both[1] is not None and s is not None:
            both[1][:, k] = s
        done = replace(done, velocity=both[0], score=both[1], fraction=(k + 1) / times)
        yield done
    return done


def truth_of(experiment: Experiment, field: Field) -> Any:
    """The exact field in double precision beside ``field``. Raises Problem where there is none."""
    import torch

    from engine.fields.exact import exact_field_of

    # not every accelerator has double precision; the processor has
    return exact_field_of(experiment, "cpu" if torch.device(field.device).type != "cuda" else field.device, torch.float64)


def _points(points: Floats, field: Any) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(points)).to(field.device, field.dtype)


def _numbers(values: Any) -> Floats:
    return np.asarray(values.detach().cpu().numpy(), dtype=np.float64)


def _square(one: Any, other: Any, repeats: int) -> Floats:
    """The mean of |one - other|^2 for each repeat, (repeats,)."""
    square = np.square(_numbers(one) - _numbers(other)).sum(axis=1)
    result: Floats = square.reshape(repeats, -1).mean(axis=1)
    return result
