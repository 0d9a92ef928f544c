"""Time grids: where between the noise and the data a sampler's steps end. ``TimeGrid`` is the union of all that can be chosen."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from engine.choice import Choice, Problem
from engine.paths import GaussianPath, Path

LOWEST, HIGHEST = 0.002, 80.0
"""The noise levels between which Karras et al. space their steps, in standard deviations of the data (2206.00364, table 1)."""

HALVINGS = 80
"""Bisections of [t_min, t_max], enough for a time to the last bit."""


class GridBase(Choice, frozen=True, kw_only=True):
    """How the steps divide the interval on which the field is solved."""

    def times(self, low: float, high: float, steps: int, path: Path) -> list[float]:
        """steps + 1 increasing times, the first exactly low and the last exactly high. Raises Problem where ``refusal`` says so."""
        raise TypeError(f"{type(self).__name__} defines no times")

    def refusal(self, path: Path) -> str | None:
        """Why this grid cannot be used on this path, in one sentence; None if it can."""
        return None


class UniformGrid(GridBase, tag="uniform", frozen=True, kw_only=True):
    """t_k = low + (high - low) k / N."""

    label: ClassVar[str] = "uniform in t"
    summary: ClassVar[str] = "Steps of equal length; the default."
    formula: ClassVar[str] = r"t_k = \frac{k}{N}"
    source: ClassVar[str] = "Lipman 2412.06264"

    def times(self, low: float, high: float, steps: int, path: Path) -> list[float]:
        return [low + (high - low) * k / steps for k in range(steps)] + [high]


class QuadraticGrid(GridBase, tag="quadratic", frozen=True, kw_only=True):
    """s_k = (1 - k/N)^2 in noising time s = 1 - t: the steps shrink linearly towards the data, the last is 1/N^2 of the interval.

    DDIM's quadratic choice tau_i ~ c i^2 counts noising time from the data, so it is the data end that is denser: there the
    detail of the data appears, while p_t is nearly Gaussian at the noise end and needs few steps.
    """

    label: ClassVar[str] = "quadratic"
    summary: ClassVar[str] = "Steps that shrink towards the data, where the detail appears."
    formula: ClassVar[str] = r"1 - t_k = \left(1 - \tfrac{k}{N}\right)^2"
    source: ClassVar[str] = "Song 2010.02502, appendix D.2"

    def times(self, low: float, high: float, steps: int, path: Path) -> list[float]:
        return [high - (high - low) * (1.0 - k / steps) ** 2 if k else low for k in range(steps)] + [high]


class KarrasGrid(GridBase, tag="karras", frozen=True, kw_only=True):
    """Noise levels sigma = beta/alpha with sigma^(1/rho) evenly spaced, between 80 and 0.002 (2206.00364, eq. 5), as times of the path.

    Where the path begins above 80 (sigma_0 = beta_0/alpha_0 may be infinite), the first time is t_min itself in place of that of 80.
    Where it ends below 0.002, the last step goes from 0.002 to t_max, as theirs goes to 0.
    """

    label: ClassVar[str] = "Karras"
    summary: ClassVar[str] = "Even in a power of the noise level β/α: more steps where it is small."
    formula: ClassVar[str] = (
        r"\frac{\beta_{t_k}}{\alpha_{t_k}} = \left(\sigma_{\max}^{1/\rho} + "
        r"\tfrac{k}{N-1}\left(\sigma_{\min}^{1/\rho} - \sigma_{\max}^{1/\rho}\right)\right)^{\rho}"
    )
    source: ClassVar[str] = "Karras 2206.00364, eq. 5"

    rho: Annotated[
        float, Meta(ge=1, le=20, description="1: even in the noise level; larger: denser near the data.", extra={"symbol": "ρ"})
    ] = 7.0

    def times(self, low: float, high: float, steps: int, path: Path) -> list[float]:
        reason = self.refusal(path)
        if reason is not None or not isinstance(path, GaussianPath):
            raise Problem(reason or "")
        first, last = min(_level(path, low), HIGHEST), _level(path, high)
        intervals = steps if last >= LOWEST else steps - 1
        share = np.arange(1, steps) / max(intervals, 1)
        power = 1.0 / self.rho
        levels = (first**power + share * (max(last, LOWEST) ** power - first**power)) ** self.rho
        return [low, *_times_of(path, levels, low, high).tolist(), high]

    def refusal(self, path: Path) -> str | None:
        if isinstance(path, GaussianPath):
            return None
        return f"Karras's grid needs the noise level β/α of a Gaussian path, and {path.label} has none."


def time_at_level(path: GaussianPath, level: float, low: float, high: float) -> float:
    """The time in [low, high] at which beta/alpha falls to level; the nearer end where it does not in between."""
    return float(_times_of(path, np.array([level]), low, high)[0])


def _level(path: GaussianPath, t: float) -> float:
    alpha, beta = float(path.alpha(t)), float(path.beta(t))
    return beta / alpha if alpha > 0.0 else np.inf


def _times_of(path: GaussianPath, levels: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """The times in (low, high) at which beta = level * alpha, by bisection: beta/alpha falls along every Gaussian path."""
    left, right = np.full_like(levels, low), np.full_like(levels, high)
    for _ in range(HALVINGS):
        middle = 0.5 * (left + right)
        noisier = np.asarray(path.beta(middle)) > levels * np.asarray(path.alpha(middle))
        left, right = np.where(noisier, middle, left), np.where(noisier, right, middle)
    return right


TimeGrid = UniformGrid | QuadraticGrid | KarrasGrid
