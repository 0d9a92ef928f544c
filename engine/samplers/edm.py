"""The stochastic Heun sampler of Karras et al. with churn, on any Gaussian path by way of x/alpha and the noise level beta/alpha."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.paths import GaussianPath
from engine.predictions import coefficients
from engine.samplers.base import Record, SamplerBase
from engine.samplers.grids import time_at_level
from engine.samplers.needs import Need, gaussian, gaussian_path
from engine.samplers.noise import Increments

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath
    from engine.fields.base import Field

MOST_CHURN = math.sqrt(2.0) - 1.0


class Karras(SamplerBase, tag="karras", frozen=True, kw_only=True):
    """In y = x/alpha and the noise level s = beta/alpha, dy/ds = E: noise is added to raise s by the factor 1 + gamma, then Heun's step.

    1. gamma = min(S_churn/N, sqrt 2 - 1) where S_min <= s <= S_max (never above the level at t_min); s^ = (1 + gamma) s.
    2. y^ = y + S_noise sqrt(s^^2 - s^2) xi. 3. y' = y^ + (s' - s^)(E(y^, s^) + E(y', s'))/2; the last step is Euler's.
    The first step of a path with alpha_0 = 0 (s infinite) is Heun's in (x/beta, alpha/beta) instead, where dx/dt is D.
    """

    label: ClassVar[str] = "Karras Heun"
    summary: ClassVar[str] = "Adds a little noise before each step (churn), then takes Heun's step in the noise level."
    formula: ClassVar[str] = (
        r"\hat\sigma = (1+\gamma)\sigma,\ \hat y = y + S_{\mathrm{noise}}\sqrt{\hat\sigma^2 - \sigma^2}\,\xi,\quad "
        r"y' = \hat y + \tfrac{\sigma' - \hat\sigma}{2}\left(E_{\hat\sigma}(\hat y) + E_{\sigma'}(\tilde y)\right),"
        r"\quad y = \tfrac{x}{\alpha},\ \sigma = \tfrac{\beta}{\alpha}"
    )
    source: ClassVar[str] = "Karras 2206.00364, algorithm 2"
    group: ClassVar[str] = "Diffusion"
    stochastic: ClassVar[bool] = True
    evaluations_per_step: ClassVar[int] = 2
    order: ClassVar[float] = 2.0
    needs: ClassVar[tuple[Need, ...]] = (gaussian,)
    remedy: ClassVar[str] = "take more steps, or less churn"

    s_churn: Annotated[
        float, Meta(ge=0, le=1_000, description="How much noise is added over all steps; 0 is an ODE.", extra={"symbol": "S_churn"})
    ] = 10.0
    s_min: Annotated[float, Meta(ge=0, le=100, description="Level β/α below which no noise is added.", extra={"symbol": "S_tmin"})] = 0.05
    s_max: Annotated[float, Meta(ge=0, le=1e6, description="Level β/α above which no noise is added.", extra={"symbol": "S_tmax"})] = 50.0
    s_noise: Annotated[float, Meta(ge=0.5, le=1.5, description="Standard deviation of the noise added.", extra={"symbol": "S_noise"})] = (
        1.003
    )

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        import torch

        x, path = x0, gaussian_path(field)
        noise = Increments(brownian, self.label)
        for t, end in pairwise(times):
            with torch.no_grad():
                alpha, beta = float(path.alpha(t)), float(path.beta(t))
                raised = self._raised(path, t, times)
                if raised < t:
                    ratio = float(path.alpha(raised)) / alpha
                    added = math.sqrt(max(0.0, float(path.beta(raised)) ** 2 - (ratio * beta) ** 2))
                    unit = noise.between(t, end, x).mul_(1.0 / math.sqrt(end - t))
                    x = x.mul(ratio).add_(unit, alpha=self.s_noise * added)
                x = heun_in_level(field, path, x, raised, end, last=end == times[-1])
            yield x

    def _raised(self, path: GaussianPath, t: float, times: Sequence[float]) -> float:
        """The time of the raised level, at most t."""
        alpha, beta = float(path.alpha(t)), float(path.beta(t))
        gamma = min(self.s_churn / (len(times) - 1), MOST_CHURN)
        if alpha <= 0.0 or gamma <= 0.0 or not self.s_min <= beta / alpha <= self.s_max:
            return t
        return min(t, time_at_level(path, (1.0 + gamma) * beta / alpha, times[0], t))

    @property
    def evaluations(self) -> int:
        """Two a step, one in the last."""
        return 2 * self.steps - 1

    @property
    def noisy(self) -> bool:
        return self.s_churn > 0.0

    @property
    def words(self) -> str:
        return f"churn {self.s_churn:.3g}"


def heun_in_level(field: Field, path: GaussianPath, x: Tensor, t: float, end: float, *, last: bool) -> Tensor:
    """Heun's step in (x/alpha, beta/alpha), or in (x/beta, alpha/beta) where alpha = 0; the last step is Euler's. (n, d)."""
    alpha, beta, alpha_, beta_ = (float(f(s)) for s in (t, end) for f in (path.alpha, path.beta))
    data, noise = data_and_noise(field, path, x, t)
    ahead = data.mul(alpha_).add_(noise, alpha=beta_)
    if last:
        return ahead
    data_, noise_ = data_and_noise(field, path, ahead, end)
    if alpha > 0.0:
        return ahead.add_(noise_ - noise, alpha=0.5 * (beta_ - alpha_ * beta / alpha))
    return ahead.add_(data_ - data, alpha=0.5 * alpha_)


def data_and_noise(field: Field, path: GaussianPath, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
    """D and E at x, (n, d) each, by one evaluation."""
    value = field(x, t)
    (a, b), (c, d) = (coefficients(path, t, field.prediction, wanted) for wanted in ("data", "noise"))
    return x.mul(float(a)).add_(value, alpha=float(b)), x.mul(float(c)).add_(value, alpha=float(d))
