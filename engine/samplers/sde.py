"""Samplers of the SDE dX = (u + sigma^2 s / 2) dt + sigma dW."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.samplers.base import SamplerBase
from engine.samplers.sigma import Sigma, SqrtSigma


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
