"""Mode coverage: which modes of a mixture, or labels of a target, the samples reach, and how many samples are near any.

A sample is near a mode if it is within r standard deviations (Mahalanobis) of one of its Gaussians, or on one of its cells. A mode is
reached if the samples nearest to it are at least a tenth of what it is due (and at least one). Source: Srivastava et al. 1705.07761.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.densities.closed import ClosedDensity
from engine.densities.mixture import GaussianMixture
from engine.targets.base import TargetBase

Floats = NDArray[np.float64]
MOST_MODES = 64
DUE = 0.1
_CHUNK = 1 << 21


@dataclass(frozen=True)
class Coverage:
    """What was found of the modes."""

    reached: float
    """Share of the modes reached."""
    near: float
    """Share of the samples near any mode."""
    shares: tuple[float, ...]
    """Share of the samples that are near each mode and nearest to it."""


def modes_of(target: TargetBase) -> tuple[list[ClosedDensity], Floats]:
    """The modes of a target in standardised coordinates and their weights: its Gaussians if at most 64, else its labels.

    Raises Problem where it has neither.
    """
    frame, density = target.frame(), target.density()
    inner = density.moved(frame.shift, frame.scale)
    parts: list[ClosedDensity]
    if isinstance(inner, GaussianMixture) and 1 < inner.count <= MOST_MODES and inner.groups is None:
        held = np.flatnonzero(inner.weights > 0)
        parts, weights = [inner.chosen(np.array([k])) for k in held], inner.weights[held]
    else:
        classes = target.labelled()
        if classes is None:
            raise Problem("the target has neither a few Gaussians nor labels, so there are no modes to count.")
        parts, weights = [part.moved(frame.shift, frame.scale) for part in classes.parts], classes.weights
    if any(isinstance(part, GaussianMixture) and not part.smooth for part in parts):
        raise Problem("bare points have no standard deviation to be near by: give them a bandwidth above 0.")
    return parts, weights


def coverage(points: NDArray[np.floating], parts: Sequence[ClosedDensity], weights: Floats, r: float = 3.0) -> Coverage:
    """Coverage by points (n, d) of modes with the given weights (k,), r standard deviations around."""
    x = np.asarray(points, dtype=np.float64)
    with np.errstate(divide="ignore"):
        likely = np.stack([np.log(w) + part.log_prob(x) for part, w in zip(parts, weights, strict=True)], axis=1)
    near = np.stack([_near(part, x, r) for part in parts], axis=1)
    which = likely.argmax(axis=1)
    held = np.bincount(which[near[np.arange(len(x)), which]], minlength=len(parts))
    due = np.maximum(1.0, DUE * len(x) * weights)
    return Coverage(float(np.mean(held >= due)), float(near.any(axis=1).mean()), tuple(float(count) / len(x) for count in held))


def _near(part: ClosedDensity, x: Floats, r: float) -> NDArray[np.bool_]:
    if not isinstance(part, GaussianMixture):
        return np.asarray(np.isfinite(part.log_prob(x)), dtype=np.bool_)
    lower = np.linalg.inv(np.linalg.cholesky(part.covariances))
    rows = max(1, _CHUNK // (part.count * part.dimension))
    found = []
    for start in range(0, len(x), rows):
        away = x[start : start + rows, None, :] - part.means
        white = away @ lower[0].T if len(lower) == 1 else np.einsum("kij,nkj->nki", lower, away)
        found.append((np.square(white).sum(axis=2) <= r * r).any(axis=1))
    return np.concatenate(found) if found else np.zeros(0, dtype=np.bool_)
