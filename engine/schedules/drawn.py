"""A schedule drawn by hand: alpha and beta as monotone curves through the user's own points."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from engine.choice import Problem
from engine.curves import Curve, Points, checked
from engine.ops import Scalar
from engine.paths import END, START, GaussianPath, Prediction

LEAST = 0.01
"""What W = alpha_dot beta - alpha beta_dot must be at least: of an error in u, D gets beta/W and E alpha/W."""

SOON = 0.1
"""alpha at which noise and score begin at the latest: p_t differs by alpha^3 from the Gaussian that a run starts from."""


class Drawn(GaussianPath, tag="drawn", frozen=True, kw_only=True):
    """alpha rises from 0 to 1 and beta falls from 1 to 0 along curves through control points (``engine.curves``).

    Raises Problem where a curve is not monotone, or where both stand still so that W = alpha_dot beta - alpha beta_dot is not positive.
    """

    label: ClassVar[str] = "Drawn by hand"
    summary: ClassVar[str] = "Your own curves: drag the points, double-click to add one."
    formula: ClassVar[str] = r"\dot\alpha_t \ge 0 \ge \dot\beta_t,\quad \dot\alpha_t\beta_t - \alpha_t\dot\beta_t > 0"
    source: ClassVar[str] = "Fritsch & Butland 1984 (the curves)"
    finite_at_data: ClassVar[frozenset[str]] = frozenset({"velocity"})

    alpha_curve: Annotated[
        Points,
        Meta(
            description="Points (t, α) of a curve that rises from 0 to 1.",
            extra={"symbol": "α", "curve": "rising", "plot": "schedule", "colour": "alpha"},
        ),
    ] = ((0.0, 0.0), (0.35, 0.2), (0.7, 0.75), (1.0, 1.0))
    beta_curve: Annotated[
        Points,
        Meta(
            description="Points (t, β) of a curve that falls from 1 to 0.",
            extra={"symbol": "β", "curve": "falling", "plot": "schedule", "colour": "beta"},
        ),
    ] = ((0.0, 1.0), (0.35, 0.9), (0.7, 0.4), (1.0, 0.0))

    def __post_init__(self) -> None:
        checked(self.alpha_curve, "rising", "α")
        checked(self.beta_curve, "falling", "β")
        least, where = _least_wronskian(self.alpha_curve, self.beta_curve)
        if least < LEAST:
            raise Problem(f"α̇β − αβ̇ must be at least {LEAST:g}, and is {least:.2g} at t = {where:.2f}: let α rise or β fall there.")

    @property
    def _signal(self) -> Curve:
        return Curve(self.alpha_curve)

    @property
    def _noise(self) -> Curve:
        return Curve(self.beta_curve, from_right=True)

    def alpha(self, t: Scalar) -> Scalar:
        return self._signal(t)

    def beta(self, t: Scalar) -> Scalar:
        return self._noise(t)

    def alpha_dot(self, t: Scalar) -> Scalar:
        return self._signal.slope(t)

    def beta_dot(self, t: Scalar) -> Scalar:
        return self._noise.slope(t)

    def time_left_over_beta(self, t: Scalar) -> Scalar:
        return 1.0 / self._noise.over_time_left(t)

    def interval(self, prediction: Prediction) -> tuple[float, float]:
        low = _start(self.alpha_curve) if prediction in ("noise", "score") else 0.0
        return low, 1.0 if prediction in self.finite_at_data else 1.0 - END


@lru_cache(maxsize=256)
def _least_wronskian(alpha: Points, beta: Points) -> tuple[float, float]:
    """The least W over [0, 1] and where, on 512 times and all the control points."""
    times = np.union1d(np.linspace(0.0, 1.0, 513), [t for t, _ in alpha + beta])
    signal, noise = Curve(alpha), Curve(beta, from_right=True)
    values = signal.slope(times) * noise(times) - signal(times) * noise.slope(times)
    k = int(np.argmin(values))
    return float(values[k]), float(times[k])


@lru_cache(maxsize=256)
def _start(alpha: Points) -> float:
    """START, or sooner where alpha reaches SOON before that."""
    low, high = 0.0, START
    if float(Curve(alpha)(high)) <= SOON:
        return high
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if float(Curve(alpha)(middle)) <= SOON else (low, middle)
    return low
