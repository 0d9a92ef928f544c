"""Gaussian paths p_t(x|z) = N(alpha_t z, beta_t^2 I), t = 0 noise, t = 1 data: one struct a schedule.

alpha and beta, their time derivatives and the products that stay finite at the ends are written with operators that
numpy, torch and floats share, so nothing here imports torch. Source: MATHS section 2.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from msgspec import Meta

from engine.ops import Scalar, cos, exp, expm1, ones_like, sin, sinc, sqrt
from engine.paths import GaussianPath, VariancePreserving


class CondOT(GaussianPath, tag="condot", frozen=True, kw_only=True):
    """alpha = t, beta = 1 - t: straight conditional paths (rectified flow)."""

    label: ClassVar[str] = "CondOT"
    summary: ClassVar[str] = "Straight lines from noise to data at constant speed; the default."
    formula: ClassVar[str] = r"\alpha_t = t,\quad \beta_t = 1 - t"
    source: ClassVar[str] = "Lipman 2210.02747; Liu 2209.03003"
    finite_at_data: ClassVar[frozenset[str]] = frozenset({"velocity"})

    def alpha(self, t: Scalar) -> Scalar:
        return t * 1.0

    def beta(self, t: Scalar) -> Scalar:
        return 1.0 - t

    def alpha_dot(self, t: Scalar) -> Scalar:
        return ones_like(t)

    def beta_dot(self, t: Scalar) -> Scalar:
        return -ones_like(t)

    def time_left_over_beta(self, t: Scalar) -> Scalar:
        return ones_like(t)


class OT(GaussianPath, tag="ot", frozen=True, kw_only=True):
    """alpha = t, beta = 1 - (1 - sigma_min) t: CondOT that ends at a small blur instead of a point."""

    label: ClassVar[str] = "OT with σₘᵢₙ"
    summary: ClassVar[str] = "Straight lines that end at a blur of σ_min around each data point."
    formula: ClassVar[str] = r"\alpha_t = t,\quad \beta_t = 1 - (1 - \sigma_{\min})\, t"
    source: ClassVar[str] = "Lipman 2210.02747, eq. 20-23"
    finite_at_data: ClassVar[frozenset[str]] = frozenset({"velocity", "score", "noise", "data"})

    sigma_min: Annotated[
        float,
        Meta(
            ge=1e-4, le=0.5, description="Blur left at t = 1, in standardised units.", extra={"symbol": "σ_min", "unit": "std", "log": True}
        ),
    ] = 0.01

    def alpha(self, t: Scalar) -> Scalar:
        return t * 1.0

    def beta(self, t: Scalar) -> Scalar:
        return 1.0 - (1.0 - self.sigma_min) * t

    def alpha_dot(self, t: Scalar) -> Scalar:
        return ones_like(t)

    def beta_dot(self, t: Scalar) -> Scalar:
        return -(1.0 - self.sigma_min) * ones_like(t)


class VPLinear(VariancePreserving, tag="vp-linear", frozen=True, kw_only=True):
    """Variance preserving with linear b(s): alpha = exp(-T(s)/2), T(s) = b_min s + (b_max - b_min) s^2 / 2, s = 1 - t."""

    label: ClassVar[str] = "VP linear"
    summary: ClassVar[str] = "The diffusion of DDPM in continuous time; α_0 ≈ 0.0066, not 0."
    formula: ClassVar[str] = (
        r"\alpha_t = e^{-T(1-t)/2},\quad \beta_t = \sqrt{1 - \alpha_t^2},\quad T(s) = b_{\min}s + \tfrac{1}{2}(b_{\max}-b_{\min})s^2"
    )
    source: ClassVar[str] = "Song 2011.13456; Ho 2006.11239"
    signal_at_start: ClassVar[bool] = True

    b_min: Annotated[float, Meta(gt=0, le=10, description="Noise rate at the data end.", extra={"symbol": "b_min"})] = 0.1
    b_max: Annotated[float, Meta(gt=0, le=100, description="Noise rate at the noise end.", extra={"symbol": "b_max"})] = 20.0

    def _T(self, t: Scalar) -> Scalar:
        s = 1.0 - t
        return self.b_min * s + 0.5 * (self.b_max - self.b_min) * s * s

    def _rate(self, t: Scalar) -> Scalar:
        return self.b_min + (self.b_max - self.b_min) * (1.0 - t)

    def alpha(self, t: Scalar) -> Scalar:
        return exp(-0.5 * self._T(t))

    def beta(self, t: Scalar) -> Scalar:
        return sqrt(-expm1(-self._T(t)))

    def alpha_dot(self, t: Scalar) -> Scalar:
        return 0.5 * self._rate(t) * self.alpha(t)

    def log_alpha_dot(self, t: Scalar) -> Scalar:
        return 0.5 * self._rate(t)

    def time_left_over_beta(self, t: Scalar) -> Scalar:
        # s^2 / beta^2 = (s / r) T / (1 - e^-T) with T = r s; the 1e-30 makes the last factor 1 at T = 0 and is nothing elsewhere
        s = 1.0 - t
        r = self.b_min + 0.5 * (self.b_max - self.b_min) * s
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


Schedule = CondOT | OT | VPLinear | VPCosine | Trigonometric
