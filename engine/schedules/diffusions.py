"""Schedules that come from a noising diffusion: variance preserving, sub-VP and variance exploding."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from msgspec import Meta

from engine.ops import Scalar, cos, divide, exp, expm1, ones_like, sin, sinc, sqrt
from engine.paths import GaussianPath, VariancePreserving

DataRate = Annotated[float, Meta(gt=0, le=10, description="Noise rate at the data end.", extra={"symbol": "b_min"})]
NoiseRate = Annotated[float, Meta(gt=0, le=100, description="Noise rate at the noise end.", extra={"symbol": "b_max"})]


class LinearRate(GaussianPath, frozen=True, kw_only=True):
    """alpha = exp(-T(s)/2), T(s) = b_min s + (b_max - b_min) s^2 / 2, s = 1 - t: d ln alpha / dt is half the rate T'(s)."""

    signal_at_start: ClassVar[bool] = True

    b_min: DataRate = 0.1
    b_max: NoiseRate = 20.0

    def _T(self, t: Scalar) -> Scalar:
        s = 1.0 - t
        return self.b_min * s + 0.5 * (self.b_max - self.b_min) * s * s

    def _rate(self, t: Scalar) -> Scalar:
        return self.b_min + (self.b_max - self.b_min) * (1.0 - t)

    def _mean_rate(self, t: Scalar) -> Scalar:
        """T(s) / s."""
        return self.b_min + 0.5 * (self.b_max - self.b_min) * (1.0 - t)

    def alpha(self, t: Scalar) -> Scalar:
        return exp(-0.5 * self._T(t))

    def alpha_dot(self, t: Scalar) -> Scalar:
        return 0.5 * self._rate(t) * self.alpha(t)

    def log_alpha_dot(self, t: Scalar) -> Scalar:
        return 0.5 * self._rate(t)


class VPLinear(LinearRate, VariancePreserving, tag="vp-linear", frozen=True, kw_only=True):
    """Variance preserving with linear b(s): alpha = exp(-T(s)/2), T(s) = b_min s + (b_max - b_min) s^2 / 2, s = 1 - t."""

    label: ClassVar[str] = "VP linear"
    summary: ClassVar[str] = "The diffusion of DDPM in continuous time; α_0 ≈ 0.0066, not 0."
    formula: ClassVar[str] = (
        r"\alpha_t = e^{-T(1-t)/2},\quad \beta_t = \sqrt{1 - \alpha_t^2},\quad T(s) = b_{\min}s + \tfrac{1}{2}(b_{\max}-b_{\min})s^2"
    )
    source: ClassVar[str] = "Song 2011.13456; Ho 2006.11239"

    def beta(self, t: Scalar) -> Scalar:
        return sqrt(-expm1(-self._T(t)))

    def time_left_over_beta(self, t: Scalar) -> Scalar:
        # s^2 / beta^2 = (s / r) T / (1 - e^-T) with T = r s; the 1e-30 makes the last factor 1 at T = 0 and is nothing elsewhere
        s, r = 1.0 - t, self._mean_rate(t)
        T = r * s + 1e-30
        return sqrt(s / r * (T / -expm1(-T)))


class VPCosine(VariancePreserving, tag="vp-cosine", frozen=True, kw_only=True):
    """Variance preserving, alpha = cos(pi/2 (s + o)/(1 + o)) / cos(pi/2 o/(1 + o)), o = 0.008, s = 1 - t."""

    label: ClassVar[str] = "VP cosine"
    summary: ClassVar[str] = "Signal falls like a cosine: more time is spent at middling noise."
    formula: ClassVar[str] = (
        r"\alpha_t = \frac{\cos\left(\frac{\pi}{2}\frac{1-t+o}{1+o}\right)}{\cos\left(\frac{\pi}{2}\frac{o}{1+o}\right)},\quad "
        r"\beta_t=\sqrt{1-\alpha_t^2}"
    )
    source: ClassVar[str] = "Nichol & Dhariwal 2102.09672"

    offset: Annotated[float, Meta(gt=0, le=0.2, description="Keeps β from vanishing too fast near the data.", extra={"symbol": "o"})] = (
        0.008
    )

    @property
    def _rate(self) -> float:
        return 0.5 * math.pi / (1.0 + self.offset)

    @property
    def _at_data(self) -> float:
        return self._rate * self.offset

    def alpha(self, t: Scalar) -> Scalar:
        # cos(pi/2 (1 - t + o)/(1 + o)) = sin(pi/2 t/(1 + o)): exactly 0 at t = 0
        return sin(self._rate * t) / math.cos(self._at_data)

    def beta(self, t: Scalar) -> Scalar:
        # 1 - cos^2 a / cos^2 b = sin(a - b) sin(a + b) / cos^2 b with a - b = rate s: no cancellation near t = 1
        gap = self._rate * (1.0 - t)
        return sqrt(sin(gap) * sin(gap + 2.0 * self._at_data)) / math.cos(self._at_data)

    def alpha_dot(self, t: Scalar) -> Scalar:
        return self._rate * cos(self._rate * t) / math.cos(self._at_data)

    def time_left_over_beta(self, t: Scalar) -> Scalar:
        s = 1.0 - t
        gap = self._rate * s
        return math.cos(self._at_data) * sqrt(s / (self._rate * sinc(gap / math.pi) * sin(gap + 2.0 * self._at_data)))


class Trigonometric(VariancePreserving, tag="trigonometric", frozen=True, kw_only=True):
    """alpha = sin(pi t / 2), beta = cos(pi t / 2): variance preserving with constant angular speed."""

    label: ClassVar[str] = "Trigonometric"
    summary: ClassVar[str] = "Signal and noise turn into each other like sine and cosine."
    formula: ClassVar[str] = r"\alpha_t = \sin\frac{\pi t}{2},\quad \beta_t = \cos\frac{\pi t}{2}"
    source: ClassVar[str] = "Albergo 2303.08797"
    finite_at_data: ClassVar[frozenset[str]] = frozenset({"velocity", "v"})

    def alpha(self, t: Scalar) -> Scalar:
        return sin(0.5 * math.pi * t)

    def beta(self, t: Scalar) -> Scalar:
        return sin(0.5 * math.pi * (1.0 - t))

    def alpha_dot(self, t: Scalar) -> Scalar:
        return 0.5 * math.pi * self.beta(t)  # not cos(pi t / 2), which cancels at the data

    def beta_dot(self, t: Scalar) -> Scalar:
        return -0.5 * math.pi * self.alpha(t)

    def wronskian(self, t: Scalar) -> Scalar:
        return 0.5 * math.pi * ones_like(t)

    def inverse_wronskian(self, t: Scalar) -> Scalar:
        return 2.0 / math.pi * ones_like(t)

    def time_left_over_beta(self, t: Scalar) -> Scalar:
        return 2.0 / math.pi / sinc(0.5 * (1.0 - t))


class SubVP(LinearRate, tag="sub-vp", frozen=True, kw_only=True):
    """alpha = exp(-T(s)/2), beta = 1 - exp(-T(s)), a standard deviation: V = (1 - e^-T)^2, below that of VP.

    beta_dot = -T' e^-T, W = alpha T' (1 + e^-T) / 2, g^2 = T' (1 - e^(-2T)).
    """

    label: ClassVar[str] = "sub-VP"
    summary: ClassVar[str] = "The VP signal with less noise at every time; β falls to 0 like 1 − t."
    formula: ClassVar[str] = r"\alpha_t = e^{-T(1-t)/2},\quad \beta_t = 1 - e^{-T(1-t)}"
    source: ClassVar[str] = "Song 2011.13456"
    finite_at_data: ClassVar[frozenset[str]] = frozenset({"velocity"})

    def beta(self, t: Scalar) -> Scalar:
        return -expm1(-self._T(t))

    def beta_dot(self, t: Scalar) -> Scalar:
        return -self._rate(t) * exp(-self._T(t))

    def wronskian(self, t: Scalar) -> Scalar:
        return 0.5 * self._rate(t) * self.alpha(t) * (1.0 + exp(-self._T(t)))

    def g2(self, t: Scalar) -> Scalar:
        return -self._rate(t) * expm1(-2.0 * self._T(t))

    def time_left_over_beta(self, t: Scalar) -> Scalar:
        rate = self._mean_rate(t)
        T = rate * (1.0 - t) + 1e-30  # 1 / b_min at t = 1 itself; nothing elsewhere
        return T / (-expm1(-T) * rate)


class VE(GaussianPath, tag="ve", frozen=True, kw_only=True):
    """alpha = 1, beta^2 = sigma(s)^2 - sigma_min^2 with sigma(s) = sigma_min (sigma_max/sigma_min)^s, s = 1 - t: noise without decay.

    With L = ln(sigma_max/sigma_min): beta beta_dot = -L sigma^2, W = L sigma^2 / beta, g^2 = 2 L sigma^2. The source is N(0, beta_0^2 I),
    and p_0 is the data blurred by beta_0, not the source itself: sigma_max must be well above the data's size.
    """

    label: ClassVar[str] = "Variance exploding"
    summary: ClassVar[str] = "The data stays and noise is added, from σ_max down to none, in equal ratios."
    formula: ClassVar[str] = (
        r"\alpha_t = 1,\quad \beta_t = \sqrt{\sigma(1-t)^2 - \sigma_{\min}^2},\quad "
        r"\sigma(s) = \sigma_{\min}\left(\frac{\sigma_{\max}}{\sigma_{\min}}\right)^{s}"
    )
    source: ClassVar[str] = "Song 2011.13456"
    signal_at_start: ClassVar[bool] = True

    sigma_min: Annotated[
        float,
        Meta(ge=1e-3, le=0.5, description="Where the geometric fall ends.", extra={"symbol": "σ_min", "unit": "std", "log": True}),
    ] = 0.01
    sigma_max: Annotated[
        float,
        Meta(
            ge=2,
            le=1000,
            description="Noise at t = 0; well above the data, whose size is 1.",
            extra={"symbol": "σ_max", "unit": "std", "log": True},
        ),
    ] = 20.0

    @property
    def _log_ratio(self) -> float:
        return math.log(self.sigma_max / self.sigma_min)

    def _sigma2(self, t: Scalar) -> Scalar:
        return self.sigma_min**2 * exp(2.0 * self._log_ratio * (1.0 - t))

    def alpha(self, t: Scalar) -> Scalar:
        return ones_like(t)

    def beta(self, t: Scalar) -> Scalar:
        return self.sigma_min * sqrt(expm1(2.0 * self._log_ratio * (1.0 - t)))

    def alpha_dot(self, t: Scalar) -> Scalar:
        return 0.0 * ones_like(t)

    def beta_beta_dot(self, t: Scalar) -> Scalar:
        return -self._log_ratio * self._sigma2(t)

    def log_alpha_dot(self, t: Scalar) -> Scalar:
        return 0.0 * ones_like(t)

    def wronskian(self, t: Scalar) -> Scalar:
        return divide(self._log_ratio * self._sigma2(t), self.beta(t))

    def inverse_wronskian(self, t: Scalar) -> Scalar:
        return self.beta(t) / (self._log_ratio * self._sigma2(t))

    def g2(self, t: Scalar) -> Scalar:
        return 2.0 * self._log_ratio * self._sigma2(t)

    def time_left_over_beta(self, t: Scalar) -> Scalar:
        s, L = 1.0 - t, self._log_ratio
        y = 2.0 * L * s + 1e-30
        return sqrt(s / (2.0 * L) * (y / expm1(y))) / self.sigma_min
