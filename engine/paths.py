"""Paths: how the source becomes the data. A path draws x_t for training and says what can be known along it.

Every path, now and later, is x_t = I_t(x0, x1) + gamma_t eps (MATHS section 3). A Gaussian path is the case
I_t = alpha_t x1 + beta_t x0 with x0 ~ N(0, I) independent of x1 and gamma = 0.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from engine.choice import Choice
from engine.ops import Scalar, divide

Prediction = Literal["velocity", "score", "noise", "data", "v"]
"""What a field gives natively: u, s = grad log p_t, E[eps|x], E[z|x], or v = alpha E - beta D (VP only)."""

END = 1e-3
"""How far from the data end a field is trained and solved where something is 0/0 there."""

START = 2e-2
"""How far from the noise end, likewise: where alpha_0 = 0, u = (alpha_dot/alpha)(x - E) + ... multiplies an error of E by 1/t, and a first
step of size h by h/t. The start N(alpha m, alpha^2 C + beta^2 I) differs from p_t only by O(alpha^3) there, so nothing is lost by this."""


class Path(Choice, frozen=True, kw_only=True):
    """What training and sampling need of any path: x1 is data, x0 the source, eps latent noise, all (n, d); t is (n, 1)."""

    has_latent_noise: ClassVar[bool] = False
    """Whether gamma_t > 0, so that ``eps`` must be drawn besides x0."""

    def point(self, t: Scalar, x0: Any, x1: Any, eps: Any = None) -> Any:
        """x_t, shape (n, d)."""
        raise TypeError(f"{type(self).__name__} defines no point")

    def conditional_velocity(self, t: Scalar, x0: Any, x1: Any, eps: Any = None) -> Any:
        """d x_t / dt for fixed (x0, x1, eps), shape (n, d)."""
        raise TypeError(f"{type(self).__name__} defines no conditional velocity")

    def interval(self, prediction: Prediction) -> tuple[float, float]:
        """Closed interval [t_min, t_max] on which this prediction is trained and solved."""
        raise TypeError(f"{type(self).__name__} defines no interval")

    def refusal(self, prediction: Prediction) -> str | None:
        """Why this prediction cannot be used on this path, in one sentence; None if it can."""
        return None

    def score_refusal(self) -> str | None:
        """Why no score is known along this path, so that no SDE can be simulated, in one sentence; None if one is."""
        return "An SDE needs a score, and none is known along this path."


class GaussianPath(Path, frozen=True, kw_only=True):
    """p_t(x|z) = N(alpha_t z, beta_t^2 I); subclasses give alpha, beta and their derivatives (see engine.schedules)."""

    variance_preserving: ClassVar[bool] = False
    signal_at_start: ClassVar[bool] = False
    """Whether alpha_0 > 0, so that the noise or the score tells D already at t = 0."""
    finite_at_data: ClassVar[frozenset[str]] = frozenset()
    """The predictions from which the velocity follows at t = 1 itself."""

    def alpha(self, t: Scalar) -> Scalar:
        """Signal scale alpha_t."""
        raise TypeError(f"{type(self).__name__} defines no alpha")

    def beta(self, t: Scalar) -> Scalar:
        """Noise scale beta_t."""
        raise TypeError(f"{type(self).__name__} defines no beta")

    def alpha_dot(self, t: Scalar) -> Scalar:
        """d alpha / dt."""
        raise TypeError(f"{type(self).__name__} defines no alpha_dot")

    def beta_dot(self, t: Scalar) -> Scalar:
        """d beta / dt; infinite at t = 1 on variance-preserving diffusions."""
        return divide(self.beta_beta_dot(t), self.beta(t))

    def beta_beta_dot(self, t: Scalar) -> Scalar:
        """beta d beta / dt, finite where beta_dot is not."""
        return self.beta(t) * self.beta_dot(t)

    def log_alpha_dot(self, t: Scalar) -> Scalar:
        """d ln alpha / dt; infinite where alpha = 0."""
        return divide(self.alpha_dot(t), self.alpha(t))

    def wronskian(self, t: Scalar) -> Scalar:
        """W = alpha_dot beta - alpha beta_dot, the determinant of (u, x) in (D, E); positive."""
        return self.alpha_dot(t) * self.beta(t) - self.alpha(t) * self.beta_dot(t)

    def inverse_wronskian(self, t: Scalar) -> Scalar:
        """1 / W, zero where W is infinite."""
        return 1.0 / self.wronskian(t)

    def g2(self, t: Scalar) -> Scalar:
        """g_t^2 = 2 (beta^2 alpha_dot / alpha - beta beta_dot) = 2 beta W / alpha: the squared diffusion of the time reversal."""
        beta = self.beta(t)
        return 2.0 * (beta * beta * self.log_alpha_dot(t) - self.beta_beta_dot(t))

    def f(self, t: Scalar) -> Scalar:
        """Drift rate of the forward SDE in noising time s = 1 - t: f(x, s) = (d ln alpha / ds) x = -log_alpha_dot(t) x; the rate alone."""
        return -self.log_alpha_dot(t)

    def time_left_over_beta(self, t: Scalar) -> Scalar:
        """(1 - t) / beta_t, finite where both vanish."""
        return (1.0 - t) / self.beta(t)

    def point(self, t: Scalar, x0: Any, x1: Any, eps: Any = None) -> Any:
        return self.alpha(t) * x1 + self.beta(t) * x0

    def conditional_velocity(self, t: Scalar, x0: Any, x1: Any, eps: Any = None) -> Any:
        return self.alpha_dot(t) * x1 + self.beta_dot(t) * x0

    def interval(self, prediction: Prediction) -> tuple[float, float]:
        low = START if prediction in ("noise", "score") and not self.signal_at_start else 0.0
        return low, 1.0 if prediction in self.finite_at_data else 1.0 - END

    def refusal(self, prediction: Prediction) -> str | None:
        if prediction == "v" and not self.variance_preserving:
            return f"v-prediction needs α² + β² = 1, and {self.label} is not variance preserving."
        return None

    def score_refusal(self) -> str | None:
        return None


class VariancePreserving(GaussianPath, frozen=True, kw_only=True):
    """alpha^2 + beta^2 = 1: beta beta_dot = -alpha alpha_dot, W = alpha_dot / beta, g^2 = 2 d ln alpha / dt."""

    variance_preserving: ClassVar[bool] = True

    def beta_beta_dot(self, t: Scalar) -> Scalar:
        return -self.alpha(t) * self.alpha_dot(t)

    def wronskian(self, t: Scalar) -> Scalar:
        return divide(self.alpha_dot(t), self.beta(t))

    def inverse_wronskian(self, t: Scalar) -> Scalar:
        return self.beta(t) / self.alpha_dot(t)

    def g2(self, t: Scalar) -> Scalar:
        return 2.0 * self.log_alpha_dot(t)
