"""sigma_t, the diffusion coefficient of the SDE that is simulated: dX = (u + sigma^2 s / 2) dt + sigma dW."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.choice import Choice, Problem
from engine.ops import Scalar, ones_like
from engine.paths import GaussianPath, Path, Prediction
from engine.predictions import Pair, coefficients

Scale = Annotated[
    float, Meta(ge=0, le=20, description="Factor before the noise, in standardised units.", extra={"symbol": "c", "unit": "std/√time"})
]


class ConstantSigma(Choice, frozen=True, kw_only=True, tag="constant"):
    """sigma_t = c."""

    label: ClassVar[str] = "constant"
    summary: ClassVar[str] = "The same noise at all times."
    formula: ClassVar[str] = r"\sigma_t = c"
    source: ClassVar[str] = "Albergo 2303.08797"
    scale: Scale = 1.0

    def sigma2(self, path: Path, t: Scalar) -> Scalar:
        """sigma_t^2."""
        return self.scale**2 * ones_like(t)

    def half_score(self, path: GaussianPath, t: Scalar, given: Prediction) -> Pair:
        """(a, b) with sigma^2 s / 2 = a x + b given."""
        half = 0.5 * self.scale**2
        a, b = coefficients(path, t, given, "score")
        return half * a, half * b


class SqrtSigma(Choice, frozen=True, kw_only=True, tag="sqrt"):
    """sigma_t = c sqrt(1 - t)."""

    label: ClassVar[str] = "∝ √(1−t)"
    summary: ClassVar[str] = "Noise that fades towards the data; the default."
    formula: ClassVar[str] = r"\sigma_t = c\,\sqrt{1-t}"
    source: ClassVar[str] = "Ma 2401.08740"
    scale: Scale = 1.0

    def sigma2(self, path: Path, t: Scalar) -> Scalar:
        """sigma_t^2 = c^2 (1 - t)."""
        return self.scale**2 * (1.0 - t)

    def half_score(self, path: GaussianPath, t: Scalar, given: Prediction) -> Pair:
        """(a, b) with sigma^2 s / 2 = -c^2 ((1 - t)/beta) E / 2 = a x + b given; (1 - t)/beta is finite where both vanish."""
        if given == "score":
            return 0.0 * ones_like(t), 0.5 * self.sigma2(path, t)
        rate = -0.5 * self.scale**2 * path.time_left_over_beta(t)
        a, b = coefficients(path, t, given, "noise")
        return rate * a, rate * b


class ReversalSigma(Choice, frozen=True, kw_only=True, tag="reversal"):
    """sigma_t = c g_t; c = 1 is the time reversal of the forward diffusion."""

    label: ClassVar[str] = "time reversal g_t"
    summary: ClassVar[str] = "The noise of the forward diffusion run backward."
    formula: ClassVar[str] = r"\sigma_t = c\,g_t,\quad g_t^2 = 2\left(\beta_t^2\,\dot\alpha_t/\alpha_t - \beta_t\dot\beta_t\right)"
    source: ClassVar[str] = "Anderson 1982; Song 2011.13456"
    scale: Scale = 1.0

    def sigma2(self, path: Path, t: Scalar) -> Scalar:
        """sigma_t^2 = c^2 g_t^2; infinite where alpha = 0. Raises Problem on a path that is not Gaussian."""
        if not isinstance(path, GaussianPath):
            raise Problem("The time reversal is that of a forward diffusion, which only a Gaussian path has.")
        return self.scale**2 * path.g2(t) if self.scale else 0.0 * t

    def half_score(self, path: GaussianPath, t: Scalar, given: Prediction) -> Pair:
        """(a, b) with sigma^2 s / 2 = c^2 (u - (alpha_dot/alpha) x) = a x + b given, since u = (alpha_dot/alpha) x + g^2 s / 2."""
        a, b = coefficients(path, t, given, "velocity")
        if not self.scale:
            return 0.0 * a, 0.0 * b
        return self.scale**2 * (a - path.log_alpha_dot(t)), self.scale**2 * b


Sigma = ConstantSigma | SqrtSigma | ReversalSigma
