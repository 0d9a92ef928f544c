"""Straight schedules: x_t moves from noise to data along a line, at constant speed or not."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.ops import Scalar, divide, expm1, log1p, ones_like, power
from engine.paths import END, START, GaussianPath, Prediction


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


class Polynomial(GaussianPath, tag="polynomial", frozen=True, kw_only=True):
    """alpha = t^n, beta = 1 - t^n: CondOT's lines at another speed. W = n t^(n - 1), g^2 = 2 n beta / t."""

    label: ClassVar[str] = "Polynomial"
    summary: ClassVar[str] = "CondOT's straight lines, begun slowly (n above 1) or in a hurry (n below 1)."
    formula: ClassVar[str] = r"\alpha_t = t^n,\quad \beta_t = 1 - t^n"
    source: ClassVar[str] = "Lipman 2412.06264"
    finite_at_data: ClassVar[frozenset[str]] = frozenset({"velocity"})

    n: Annotated[float, Meta(ge=0.5, le=5, description="Power of time; 1 is CondOT.", extra={"symbol": "n"})] = 2.0

    def alpha(self, t: Scalar) -> Scalar:
        return power(t, self.n)

    def beta(self, t: Scalar) -> Scalar:
        return 0.0 - expm1(self.n * log1p(t - 1.0))  # not 1 - t^n, which cancels at the data

    def alpha_dot(self, t: Scalar) -> Scalar:
        return self.n * power(t, self.n - 1.0)

    def beta_dot(self, t: Scalar) -> Scalar:
        return -self.alpha_dot(t)

    def log_alpha_dot(self, t: Scalar) -> Scalar:
        return divide(self.n * ones_like(t), t)

    def wronskian(self, t: Scalar) -> Scalar:
        return self.alpha_dot(t)

    def inverse_wronskian(self, t: Scalar) -> Scalar:
        return divide(ones_like(t), self.alpha_dot(t))

    def g2(self, t: Scalar) -> Scalar:
        return divide(2.0 * self.n * self.beta(t), t)

    def time_left_over_beta(self, t: Scalar) -> Scalar:
        log = log1p(t - 1.0) - 1e-30  # 1 / n at t = 1 itself; nothing elsewhere
        return expm1(log) / expm1(self.n * log)

    def interval(self, prediction: Prediction) -> tuple[float, float]:
        """u is 0 (n > 1) or infinite (n < 1) at t = 0; a little later, alpha^3 is still small and t^n grows slowly from step to step."""
        exact = (self.n == 1.0 and prediction == "velocity") or (self.n >= 1.0 and prediction == "data")
        return 0.0 if exact else START * max(1.0, self.n), 1.0 if prediction in self.finite_at_data else 1.0 - END
