"""DDPM and DDIM on any Gaussian path: x' from the prediction of the data and the noise, x = alpha D + beta E."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from engine.paths import GaussianPath, Prediction
from engine.predictions import coefficients
from engine.samplers.base import Record, SamplerBase
from engine.samplers.needs import Need, gaussian, gaussian_path
from engine.samplers.noise import Increments
from engine.samplers.sde import Step

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath
    from engine.fields.base import Field


def forward_variance(path: GaussianPath, t: float, end: float) -> float:
    """Variance of the noising step from t + h back to t: beta^2 - (alpha/alpha')^2 beta'^2; in DDPM's discrete notation beta_k."""
    alpha, beta, alpha_, beta_ = (float(f(s)) for s in (t, end) for f in (path.alpha, path.beta))
    return max(0.0, beta**2 - (alpha / alpha_ * beta_) ** 2)


def posterior_variance(path: GaussianPath, t: float, end: float) -> float:
    """Variance of x' given x and the data: (beta'/beta)^2 times the forward variance; DDPM's beta-tilde."""
    return (float(path.beta(end)) / float(path.beta(t))) ** 2 * forward_variance(path, t, end)


def ddim_step(path: GaussianPath, given: Prediction, t: float, end: float, variance: float, noise: float | None = None) -> Step:
    """x' = alpha' D + sqrt(beta'^2 - variance) E + sqrt(noise or variance) dW/sqrt(h)."""
    (a, b), (c, d) = coefficients(path, t, given, "data"), coefficients(path, t, given, "noise")
    alpha_, beta_ = float(path.alpha(end)), float(path.beta(end))
    kept = math.sqrt(max(0.0, beta_**2 - variance))
    drawn = math.sqrt((variance if noise is None else noise) / (end - t))
    return float(alpha_ * a + kept * c), float(alpha_ * b + kept * d), drawn


class Ancestral(SamplerBase, frozen=True, kw_only=True):
    """x <- a x + b prediction + c dW, the three numbers given by ``coefficients``."""

    group: ClassVar[str] = "Diffusion"
    stochastic: ClassVar[bool] = True
    needs: ClassVar[tuple[Need, ...]] = (gaussian,)

    def coefficients(self, path: GaussianPath, given: Prediction, t: float, end: float, last: bool) -> Step:
        """(a, b, c) of the step from t to ``end``."""
        raise TypeError(f"{type(self).__name__} defines no coefficients")

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        import torch

        x, noise, path = x0, Increments(brownian, self.label), gaussian_path(field)
        for t, end in pairwise(times):
            a, b, c = self.coefficients(path, field.prediction, t, end, end == times[-1])
            with torch.no_grad():
                x = x.mul(a).add_(field(x, t), alpha=b)
                if c > 0.0:
                    x.add_(noise.between(t, end, x), alpha=c)
            yield x


class DDPM(Ancestral, tag="ddpm", frozen=True, kw_only=True):
    """x' drawn from q(x' | x, data = D), the posterior of the noising chain whose times are the grid's: Ho's algorithm 2.

    Its variance is the posterior's (beta-tilde) or, as the other choice of the paper, that of the forward step (beta); with that one the
    last step draws no noise, as in the algorithm (with the first, what it draws there is as small as beta').
    """

    label: ClassVar[str] = "DDPM ancestral"
    summary: ClassVar[str] = "Each step draws from the posterior of the noising chain, the data replaced by its prediction."
    formula: ClassVar[str] = (
        r"x' = \alpha' D + \sqrt{\beta'^2 - \tilde\beta^2}\,E + \tilde\beta\,\xi,\quad "
        r"\tilde\beta^2 = \frac{\beta'^2}{\beta^2}\left(\beta^2 - \frac{\alpha^2}{\alpha'^2}\beta'^2\right)"
    )
    source: ClassVar[str] = "Ho 2006.11239, algorithm 2"

    steps: Annotated[int, Meta(ge=1, le=10_000, description="Steps from noise to data.", extra={"symbol": "N", "log": True})] = 200
    variance: Annotated[
        Literal["posterior", "forward"],
        Meta(description="Of the noise: that of the posterior given the data (β̃), or that of the forward step (β)."),
    ] = "posterior"

    def coefficients(self, path: GaussianPath, given: Prediction, t: float, end: float, last: bool) -> Step:
        drawn = None if self.variance == "posterior" else 0.0 if last else forward_variance(path, t, end)
        return ddim_step(path, given, t, end, posterior_variance(path, t, end), drawn)

    @property
    def words(self) -> str:
        return "variance β̃" if self.variance == "posterior" else "variance β"


class DDIM(Ancestral, tag="ddim", frozen=True, kw_only=True):
    """x' = alpha' D + sqrt(beta'^2 - eta^2 beta-tilde^2) E + eta beta-tilde xi: eta = 0 is Euler in (x/alpha, beta/alpha), 1 is DDPM."""

    label: ClassVar[str] = "DDIM"
    summary: ClassVar[str] = "Moves along the predicted data and noise; η adds the noise of DDPM, 0 is an ODE."
    formula: ClassVar[str] = r"x' = \alpha' D + \sqrt{\beta'^2 - \eta^2\tilde\beta^2}\,E + \eta\,\tilde\beta\,\xi"
    source: ClassVar[str] = "Song 2010.02502, eq. 12, 16"

    eta: Annotated[float, Meta(ge=0, le=1, description="Share of DDPM's noise.", extra={"symbol": "η"})] = 0.0

    def coefficients(self, path: GaussianPath, given: Prediction, t: float, end: float, last: bool) -> Step:
        return ddim_step(path, given, t, end, self.eta**2 * posterior_variance(path, t, end))

    @property
    def noisy(self) -> bool:
        return self.eta > 0.0

    @property
    def words(self) -> str:
        return f"η = {self.eta:.3g}"
