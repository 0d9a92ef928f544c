"""Samplers of the SDE dX = (u + sigma^2 s / 2) dt + sigma dW. Its noise depends on t alone, so Ito and Stratonovich are the same."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.fields.base import drift
from engine.paths import GaussianPath, Prediction
from engine.predictions import coefficients, drift_coefficients
from engine.samplers.base import Record, SamplerBase
from engine.samplers.needs import Need, OnPath, gaussian, path_of, score
from engine.samplers.noise import Increments
from engine.samplers.sigma import ReversalSigma, Sigma, SqrtSigma

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath
    from engine.experiment import Experiment
    from engine.fields.base import Field

Step = tuple[float, float, float]
"""(a, b, c) of x <- a x + b prediction + c (W_{t+h} - W_t)."""

Steps = Annotated[int, Meta(ge=1, le=10_000, description="Steps from noise to data.", extra={"symbol": "N", "log": True})]


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


def sde_step(field: Field, sigma: Sigma, x: Tensor, t: float, end: float) -> tuple[Tensor, float]:
    """Where a step of Euler-Maruyama (the ancestral one where ``is_ancestral``) goes without its noise, (n, d), and the factor of dW."""
    path = field.path
    if not isinstance(path, GaussianPath):
        return x.add(drift(field, x, t, sigma), alpha=end - t), math.sqrt(float(sigma.sigma2(path, t)))
    if isinstance(sigma, ReversalSigma) and is_ancestral(path, sigma, t, end):
        a, b, c = ancestral_step(path, field.prediction, sigma, t, end)
    else:
        a, b, c = euler_maruyama_step(path, field.prediction, sigma, t, end)
    return x.mul(a).add_(field(x, t), alpha=b), c


class SDESampler(SamplerBase, frozen=True, kw_only=True):
    """What the samplers of this SDE share: sigma_t, and plain Euler-Maruyama steps."""

    group: ClassVar[str] = "SDE"
    stochastic: ClassVar[bool] = True
    needs: ClassVar[tuple[Need, ...]] = (score,)

    steps: Steps = 200

    def diffusion(self) -> Sigma:
        """sigma_t."""
        raise TypeError(f"{type(self).__name__} defines no diffusion")

    def quiet_end(self) -> bool:
        """Whether the last step leaves its noise out."""
        return False

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        import torch

        x, noise, sigma = x0, Increments(brownian, self.label), self.diffusion()
        for t, end in pairwise(times):
            with torch.no_grad():
                x, c = sde_step(field, sigma, x, t, end)
                if c > 0.0 and not (self.quiet_end() and end == times[-1]):
                    x.add_(noise.between(t, end, x), alpha=c)
            yield x

    def refusal_on(self, subject: Experiment | Field | OnPath) -> str | None:
        return super().refusal_on(subject) or self.diffusion().refusal(path_of(subject))

    @property
    def words(self) -> str:
        return self.diffusion().words


class EulerMaruyama(SDESampler, tag="euler-maruyama", frozen=True, kw_only=True):
    """x <- x + h (u + sigma^2 s / 2) + sigma sqrt(h) xi: strong order 1/2 (1 for additive noise, as here)."""

    label: ClassVar[str] = "Euler–Maruyama"
    summary: ClassVar[str] = "Euler with the noise of the Brownian path; the last noise is kept."
    formula: ClassVar[str] = r"x_{k+1} = x_k + h\left(u + \tfrac{1}{2}\sigma_t^2 s\right) + \sigma_t\,(W_{t_{k+1}} - W_{t_k})"
    source: ClassVar[str] = "Maruyama 1955; Albergo 2303.08797"

    sigma: Annotated[Sigma, Meta(description="How much noise, and when.")] = SqrtSigma()
    denoise_last: Annotated[bool, Meta(description="Leave the noise out of the last step.")] = False

    def diffusion(self) -> Sigma:
        return self.sigma

    def quiet_end(self) -> bool:
        return self.denoise_last


class Milstein(SDESampler, tag="milstein", frozen=True, kw_only=True):
    """Euler-Maruyama with sigma sigma' (dW^2 - h) / 2, sigma' = d sigma / dx, added: strong order 1.

    sigma_t does not depend on x in this lab (additive noise), so the term is 0 and the step is Euler-Maruyama's, which then has strong
    order 1 by itself. ``engine.samplers.general`` has both for any SDE: on geometric Brownian motion dX = mu X dt + sigma X dW,
    Euler-Maruyama has strong order 1/2 and Milstein 1 (the tests show it).
    """

    label: ClassVar[str] = "Milstein"
    summary: ClassVar[str] = "Euler–Maruyama corrected for noise that depends on x; here it does not, so the two are equal."
    formula: ClassVar[str] = (
        r"x_{k+1} = x_k + h\,b + \sigma\,\Delta W + \tfrac{1}{2}\sigma\,\partial_x\sigma\,(\Delta W^2 - h),\quad \partial_x\sigma_t = 0"
    )
    source: ClassVar[str] = "Milstein 1975; Kloeden & Platen 1992"

    sigma: Annotated[Sigma, Meta(description="How much noise, and when.")] = SqrtSigma()

    def diffusion(self) -> Sigma:
        return self.sigma


class ReverseSDE(SDESampler, tag="reverse-sde", frozen=True, kw_only=True):
    """Euler-Maruyama on the time reversal of the forward diffusion, sigma_t = g_t: the drift is (alpha_dot/alpha) x + g^2 s.

    A step with g^2 h >= 1 (in units of the variance of x_t) is the ancestral one, exact for constant D: see ``is_ancestral``.
    """

    label: ClassVar[str] = "Reverse SDE"
    summary: ClassVar[str] = "The forward diffusion run backward in time: σ_t = g_t."
    formula: ClassVar[str] = (
        r"dX = \left(\frac{\dot\alpha}{\alpha}X + g_t^2\,s_t(X)\right)dt + g_t\,dW,"
        r"\quad g_t^2 = 2\left(\beta^2\frac{\dot\alpha}{\alpha} - \beta\dot\beta\right)"
    )
    source: ClassVar[str] = "Anderson 1982; Song 2011.13456"
    needs: ClassVar[tuple[Need, ...]] = (gaussian,)

    def diffusion(self) -> Sigma:
        return ReversalSigma()


class StochasticHeun(SDESampler, tag="stochastic-heun", frozen=True, kw_only=True):
    """The trapezoidal rule for drift and noise alike (noise additive, so Ito's and Stratonovich's solutions are one): strong order 1.

    Where the second drift would make it unstable, sigma^2 h >= 2 beta^2 at the end of the step, where ``is_ancestral``, and in the last
    step, two steps of Euler-Maruyama of half the length take its place, at the same cost.
    """

    label: ClassVar[str] = "Stochastic Heun"
    summary: ClassVar[str] = "Averages the drift at both ends of the step; with little noise nearly second order."
    formula: ClassVar[str] = (
        r"x_{k+1} = x_k + \tfrac{h}{2}\left(b_{t_k}(x_k) + b_{t_{k+1}}(\tilde x)\right)"
        r" + \tfrac{1}{2}(\sigma_{t_k} + \sigma_{t_{k+1}})\,\Delta W,\quad \tilde x = x_k + h\,b_{t_k}(x_k) + \sigma_{t_k}\Delta W"
    )
    source: ClassVar[str] = "Rümelin 1982; Kloeden & Platen 1992"
    evaluations_per_step: ClassVar[int] = 2

    steps: Steps = 100
    sigma: Annotated[Sigma, Meta(description="How much noise, and when.")] = SqrtSigma()

    def diffusion(self) -> Sigma:
        return self.sigma

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        import torch

        x, noise, sigma = x0, Increments(brownian, self.label), self.sigma
        for t, end in pairwise(times):
            with torch.no_grad():
                if end == times[-1] or self._is_stiff(field, t, end):
                    for start, stop in pairwise((t, 0.5 * (t + end), end)):
                        x, c = sde_step(field, sigma, x, start, stop)
                        x.add_(noise.between(start, stop, x), alpha=c)
                else:
                    x = self._trapezoid(field, x, t, end, noise.between(t, end, x))
            yield x

    def _trapezoid(self, field: Field, x: Tensor, t: float, end: float, dw: Tensor) -> Tensor:
        h = end - t
        here, there = (math.sqrt(float(self.sigma.sigma2(field.path, s))) for s in (t, end))
        first = drift(field, x, t, self.sigma)
        ahead = x.add(first, alpha=h).add_(dw, alpha=here)
        return x.add(first, alpha=0.5 * h).add_(drift(field, ahead, end, self.sigma), alpha=0.5 * h).add_(dw, alpha=0.5 * (here + there))

    def _is_stiff(self, field: Field, t: float, end: float) -> bool:
        path = field.path
        if not isinstance(path, GaussianPath):
            return False
        beta2 = float(path.beta(end)) ** 2
        return is_ancestral(path, self.sigma, t, end) or float(self.sigma.sigma2(path, end)) * (end - t) >= 2.0 * beta2
