"""sigma_t, the diffusion coefficient of the SDE that is simulated: dX = (u + sigma^2 s / 2) dt + sigma dW.

With the score s = -E/beta of a Gaussian path, and s = -eta/gamma of an interpolant, what an SDE needs is sigma^2/beta or sigma^2/gamma:
each sigma gives it in closed form, so that nothing small divides where both vanish together.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

from msgspec import Meta

from engine.choice import Choice, Problem
from engine.curves import Curve, Points, checked
from engine.ops import Scalar, divide, ones_like, sin, sinc
from engine.paths import GaussianPath, Path, Prediction
from engine.predictions import Pair, coefficients

Scale = Annotated[
    float, Meta(ge=0, le=20, description="Factor before the noise, in standardised units.", extra={"symbol": "c", "unit": "std/√time"})
]


class SigmaBase(Choice, frozen=True, kw_only=True):
    """sigma_t = c times a shape: subclasses give ``sigma2`` and, where it helps, ``sigma2_over_latent`` without a division by 0."""

    shape: ClassVar[str] = ""
    """sigma_t without its factor, in words; empty for 1."""

    scale: Scale = 1.0

    def sigma2(self, path: Path, t: Scalar) -> Scalar:
        """sigma_t^2."""
        raise TypeError(f"{type(self).__name__} defines no sigma2")

    def sigma2_over_latent(self, path: Path, t: Scalar) -> Scalar:
        """sigma_t^2 / beta_t on a Gaussian path, sigma_t^2 / gamma_t on any other: minus the factor of E or eta in sigma^2 s."""
        return divide(self.sigma2(path, t), noise_scale(path, t))

    def half_score(self, path: GaussianPath, t: Scalar, given: Prediction) -> Pair:
        """(a, b) with sigma^2 s / 2 = a x + b given."""
        if given == "score":
            return 0.0 * ones_like(t), 0.5 * self.sigma2(path, t)
        rate = -0.5 * self.sigma2_over_latent(path, t)
        a, b = coefficients(path, t, given, "noise")
        return rate * a, rate * b

    def refusal(self, path: Path) -> str | None:
        """Why this sigma cannot be used on this path, in one sentence; None if it can."""
        return None

    @property
    def words(self) -> str:
        """``"σ = 0.5 √(1−t)"``."""
        factor = "" if self.shape and math.isclose(self.scale, 1.0) else f"{self.scale:.3g}"
        return f"σ = {' '.join(part for part in (factor, self.shape) if part)}"


def noise_scale(path: Path, t: Scalar) -> Scalar:
    """What a score divides by: beta_t on a Gaussian path, gamma_t on any other."""
    return path.beta(t) if isinstance(path, GaussianPath) else path.latent(t)


class ConstantSigma(SigmaBase, frozen=True, kw_only=True, tag="constant"):
    """sigma_t = c."""

    label: ClassVar[str] = "constant"
    summary: ClassVar[str] = "The same noise at all times."
    formula: ClassVar[str] = r"\sigma_t = c"
    source: ClassVar[str] = "Albergo 2303.08797"

    def sigma2(self, path: Path, t: Scalar) -> Scalar:
        return self.scale**2 * ones_like(t)


class SqrtSigma(SigmaBase, frozen=True, kw_only=True, tag="sqrt"):
    """sigma_t = c sqrt(1 - t)."""

    label: ClassVar[str] = "∝ √(1−t)"
    summary: ClassVar[str] = "Noise that fades towards the data; the default."
    formula: ClassVar[str] = r"\sigma_t = c\,\sqrt{1-t}"
    source: ClassVar[str] = "Ma 2401.08740"
    shape: ClassVar[str] = "√(1−t)"

    def sigma2(self, path: Path, t: Scalar) -> Scalar:
        return self.scale**2 * (1.0 - t)

    def sigma2_over_latent(self, path: Path, t: Scalar) -> Scalar:
        """On a Gaussian path c^2 (1 - t)/beta, finite where both vanish."""
        if isinstance(path, GaussianPath):
            return self.scale**2 * path.time_left_over_beta(t)
        return super().sigma2_over_latent(path, t)


class ReversalSigma(SigmaBase, frozen=True, kw_only=True, tag="reversal"):
    """sigma_t = c g_t; c = 1 is the time reversal of the forward diffusion."""

    label: ClassVar[str] = "time reversal g_t"
    summary: ClassVar[str] = "The noise of the forward diffusion run backward."
    formula: ClassVar[str] = r"\sigma_t = c\,g_t,\quad g_t^2 = 2\left(\beta_t^2\,\dot\alpha_t/\alpha_t - \beta_t\dot\beta_t\right)"
    source: ClassVar[str] = "Anderson 1982; Song 2011.13456"
    shape: ClassVar[str] = "g_t"

    def sigma2(self, path: Path, t: Scalar) -> Scalar:
        """sigma_t^2 = c^2 g_t^2; infinite where alpha = 0. Raises Problem where ``refusal`` says so."""
        if not isinstance(path, GaussianPath):
            raise Problem(self.refusal(path) or "")
        return self.scale**2 * path.g2(t) if self.scale else 0.0 * t

    def half_score(self, path: GaussianPath, t: Scalar, given: Prediction) -> Pair:
        """(a, b) with sigma^2 s / 2 = c^2 (u - (alpha_dot/alpha) x) = a x + b given, since u = (alpha_dot/alpha) x + g^2 s / 2."""
        a, b = coefficients(path, t, given, "velocity")
        if not self.scale:
            return 0.0 * a, 0.0 * b
        return self.scale**2 * (a - path.log_alpha_dot(t)), self.scale**2 * b

    def refusal(self, path: Path) -> str | None:
        if isinstance(path, GaussianPath):
            return None
        return f"The time reversal reverses the diffusion of a Gaussian path, and {path.label} has none: choose another σ."


class BetaSigma(SigmaBase, frozen=True, kw_only=True, tag="beta"):
    """sigma_t = c beta_t; c gamma_t on a path that is not Gaussian, where gamma is the scale of the noise."""

    label: ClassVar[str] = "∝ β_t"
    summary: ClassVar[str] = "As much noise as is left on the path: β_t, or the latent γ_t."
    formula: ClassVar[str] = r"\sigma_t = c\,\beta_t"
    source: ClassVar[str] = "Ma 2401.08740"
    shape: ClassVar[str] = "β_t"

    def sigma2(self, path: Path, t: Scalar) -> Scalar:
        scale = noise_scale(path, t)
        return self.scale**2 * scale * scale

    def sigma2_over_latent(self, path: Path, t: Scalar) -> Scalar:
        return self.scale**2 * noise_scale(path, t)

    def half_score(self, path: GaussianPath, t: Scalar, given: Prediction) -> Pair:
        """(a, b) with sigma^2 s / 2 = -c^2 beta E / 2 = a x + b given; beta E = x - alpha D needs no division."""
        if given == "data":
            half = 0.5 * self.scale**2
            return -half * ones_like(t), half * path.alpha(t)
        return super().half_score(path, t, given)


class SineSigma(SigmaBase, frozen=True, kw_only=True, tag="sine"):
    """sigma_t = c sin(pi t)."""

    label: ClassVar[str] = "∝ sin(πt)"
    summary: ClassVar[str] = "Noise in the middle, none at either end."
    formula: ClassVar[str] = r"\sigma_t = c\,\sin(\pi t)"
    source: ClassVar[str] = "Ma 2401.08740"
    shape: ClassVar[str] = "sin(πt)"

    def sigma2(self, path: Path, t: Scalar) -> Scalar:
        root = self.scale * sin(math.pi * (1.0 - t))  # not sin(pi t), which is not 0 at t = 1
        return root * root

    def sigma2_over_latent(self, path: Path, t: Scalar) -> Scalar:
        """On a Gaussian path c^2 sin(pi s) pi sinc(s) (s/beta) with s = 1 - t, finite where both vanish."""
        if not isinstance(path, GaussianPath):
            return super().sigma2_over_latent(path, t)
        s = 1.0 - t
        return self.scale**2 * math.pi * sin(math.pi * s) * sinc(s) * path.time_left_over_beta(t)


class DrawnSigma(SigmaBase, frozen=True, kw_only=True, tag="drawn"):
    """sigma_t = c times a curve through control points between 0 and 1. Raises Problem where the points make no curve."""

    label: ClassVar[str] = "drawn by hand"
    summary: ClassVar[str] = "Your own curve: drag the points, double-click to add one."
    formula: ClassVar[str] = r"\sigma_t = c\,\mathrm{curve}(t)"
    source: ClassVar[str] = "Fritsch & Butland 1984 (the curve)"
    shape: ClassVar[str] = "drawn curve"

    curve: Annotated[
        Points,
        Meta(
            description="Points (t, value) of a curve between 0 and 1.",
            extra={"symbol": "σ/c", "curve": "non-negative", "plot": "sigma", "colour": "sigma"},
        ),
    ] = ((0.0, 0.2), (0.4, 1.0), (1.0, 0.0))

    def __post_init__(self) -> None:
        checked(self.curve, "non-negative", "σ")

    @property
    def _curve(self) -> Curve:
        return Curve(self.curve, from_right=True)

    def sigma2(self, path: Path, t: Scalar) -> Scalar:
        root = self.scale * self._curve(t)
        return root * root

    def sigma2_over_latent(self, path: Path, t: Scalar) -> Scalar:
        """On a Gaussian path, for a curve that ends at 0, c^2 curve (curve/s) (s/beta) with s = 1 - t: finite where all vanish."""
        if self.curve[-1][1] > 0.0 or not isinstance(path, GaussianPath):
            return super().sigma2_over_latent(path, t)
        curve = self._curve
        return self.scale**2 * curve(t) * curve.over_time_left(t) * path.time_left_over_beta(t)


Sigma = ConstantSigma | SqrtSigma | ReversalSigma | BetaSigma | SineSigma | DrawnSigma
