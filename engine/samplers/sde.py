"""Samplers of the SDE dX = (u + sigma^2 s / 2) dt + sigma dW."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.paths import GaussianPath, Prediction
from engine.predictions import coefficients, drift_coefficients
from engine.samplers.base import SamplerBase
from engine.samplers.sigma import ReversalSigma, Sigma, SqrtSigma

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath
    from engine.fields.base import Field

Step = tuple[float, float, float]
"""(a, b, c) of x <- a x + b prediction + c (W_{t+h} - W_t)."""


def is_ancestral(path: GaussianPath, sigma: Sigma, t: float, end: float) -> bool:
    """Whether a step of the time reversal is too large for Euler-Maruyama: sigma^2 h >= min(alpha^2 + beta^2, 4 beta^2).

    The first bound is MATHS' g^2 dt >= 1 in units of the variance that x_t has for data of unit variance (on a
    variance-preserving path the two are the same): at the noise end, where g is large or infinite. The second is where the step
    maps x - alpha D to less than minus itself, for constant D: at the data end, where beta is small; with c = 1 no step
    comes there, and the last noise is kept.
    """
    if not isinstance(sigma, ReversalSigma):
        return False
    alpha2, beta2 = float(path.alpha(t)) ** 2, float(path.beta(t)) ** 2
    return float(sigma.sigma2(path, t)) * (end - t) >= min(alpha2 + beta2, 4.0 * beta2)


def euler_maruyama_step(path: GaussianPath, given: Prediction, sigma: Sigma, t: float, end: float) -> Step:
    """x <- x + h (u + sigma^2 s / 2) + sigma dW."""
    h = end - t
    a, b = drift_coefficients(path, t, given, sigma)
    return 1.0 + h * float(a), h * float(b), math.sqrt(float(sigma.sigma2(path, t)))


def ancestral_step(path: GaussianPath, given: Prediction, sigma: ReversalSigma, t: float, end: float) -> Step:
    """The SDE with sigma = c g solved exactly for D constant over the step (DDPM's posterior for c = 1, DDIM for c = 0):

    x <- alpha' D + beta' (rho E + sqrt(1 - rho^2) dW/sqrt(h)),  rho = (alpha beta' / (alpha' beta))^{c^2}; primes at the end, t + h.
    """
    alpha, beta, alpha_, beta_ = (float(f(s)) for s in (t, end) for f in (path.alpha, path.beta))
    rho = (alpha * beta_ / (alpha_ * beta)) ** (sigma.scale**2)
    (a, b), (c, d) = coefficients(path, t, given, "data"), coefficients(path, t, given, "noise")
    noise = beta_ * math.sqrt(max(0.0, 1.0 - rho * rho) / (end - t))
    return float(alpha_ * a + beta_ * rho * c), float(alpha_ * b + beta_ * rho * d), noise


class EulerMaruyama(SamplerBase, tag="euler-maruyama", frozen=True, kw_only=True):
    """x <- x + h (u + sigma^2 s / 2) + sigma sqrt(h) xi: strong order 1/2 (1 for additive noise)."""

    label: ClassVar[str] = "Euler–Maruyama"
    summary: ClassVar[str] = "Euler with the noise of the Brownian path; the last noise is kept."
    formula: ClassVar[str] = r"x_{k+1} = x_k + h\left(u + \tfrac{1}{2}\sigma_t^2 s\right) + \sigma_t\,(W_{t_{k+1}} - W_{t_k})"
    source: ClassVar[str] = "Maruyama 1955; Albergo 2303.08797"
    stochastic: ClassVar[bool] = True

    steps: Annotated[int, Meta(ge=1, le=10_000, description="Steps from noise to data.", extra={"symbol": "N", "log": True})] = 200
    sigma: Annotated[Sigma, Meta(description="How much noise, and when.")] = SqrtSigma()
    denoise_last: Annotated[bool, Meta(description="Leave the noise out of the last step.")] = False

    def coefficients(self, path: GaussianPath, given: Prediction, t: float, end: float) -> Step:
        """The step from t to its end: Euler-Maruyama's, or the ancestral one where ``is_ancestral``."""
        if isinstance(self.sigma, ReversalSigma) and is_ancestral(path, self.sigma, t, end):
            return ancestral_step(path, given, self.sigma, t, end)
        return euler_maruyama_step(path, given, self.sigma, t, end)

    def solve(self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None) -> Iterator[Tensor]:
        import torch

        if brownian is None:
            raise ValueError("Euler-Maruyama needs a Brownian path.")
        x, before = x0, brownian.at(times[0])
        for t, end in pairwise(times):
            a, b, c = self.coefficients(field.path, field.prediction, t, end)
            with torch.no_grad():
                x = x.mul(a).add_(field(x, t), alpha=b)
                if c > 0.0 and not (self.denoise_last and end == times[-1]):
                    after = brownian.at(end)
                    x.add_(torch.from_numpy(after - before).to(x.device, x.dtype), alpha=c)
                    before = after
            yield x
