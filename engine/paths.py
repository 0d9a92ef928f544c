"""Paths: how the source becomes the data. A path draws x_t for training and says what can be known along it.

Every path, now and later, is x_t = I_t(x0, x1) + gamma_t eps (MATHS section 3). A Gaussian path is the case
I_t = alpha_t x1 + beta_t x0 with x0 ~ N(0, I) independent of x1 and gamma = 0.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from engine.choice import Choice
from engine.ops import Scalar

Prediction = Literal["velocity", "score", "noise", "data", "v"]
"""What a field gives natively: u, s = grad log p_t, E[eps|x], E[z|x], or v = alpha E - beta D (VP only)."""

END = 1e-3
"""How far from an end with a 0/0 a field is trained and solved, unless its schedule knows better."""


class Path(Choice, frozen=True, kw_only=True):
    """What training and sampling need of any path. ``x1`` is data, ``x0`` the source, ``eps`` latent noise; all ``(n, d)``; t ``(n, 1)``."""

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


class GaussianPath(Path, frozen=True, kw_only=True):
    """p_t(x|z) = N(alpha_t z, beta_t^2 I); subclasses give alpha, beta and their derivatives (see engine.schedules)."""

    variance_preserving: ClassVar[bool] = False
    finite_ends: ClassVar[frozenset[str]] = frozenset()
    """The predictions for which nothing is 0/0 on all of [0, 1]."""

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
        return self.beta_beta_dot(t) / self.beta(t)

    def beta_beta_dot(self, t: Scalar) -> Scalar:
        """beta d beta / dt, finite where beta_dot is not."""
        return self.beta(t) * self.beta_dot(t)

    def log_alpha_dot(self, t: Scalar) -> Scalar:
        """d ln alpha / dt."""
        return self.alpha_dot(t) / self.alpha(t)

    def wronskian(self, t: Scalar) -> Scalar:
        """alpha_dot beta - alpha beta_dot, the determinant of (x, u) in (D, E); positive."""
        return self.alpha_dot(t) * self.beta(t) - self.alpha(t) * self.beta_dot(t)

    def g2(self, t: Scalar) -> Scalar:
        """g_t^2 = 2 (beta^2 alpha_dot / alpha - beta beta_dot): the squared diffusion of the time reversal."""
        beta = self.beta(t)
        return 2.0 * (beta * beta * self.log_alpha_dot(t) - self.beta_beta_dot(t))

    def f(self, t: Scalar) -> Scalar:
        """Drift rate of the forward SDE in noising time s = 1 - t: f(x, s) = (d ln alpha / ds) x = -log_alpha_dot(t) x; the rate alone."""
        return -self.log_alpha_dot(t)

    def point(self, t: Scalar, x0: Any, x1: Any, eps: Any = None) -> Any:
        return self.alpha(t) * x1 + self.beta(t) * x0

    def conditional_velocity(self, t: Scalar, x0: Any, x1: Any, eps: Any = None) -> Any:
        return self.alpha_dot(t) * x1 + self.beta_dot(t) * x0

    def interval(self, prediction: Prediction) -> tuple[float, float]:
        return (0.0, 1.0) if prediction in self.finite_ends else (END, 1.0 - END)

    def refusal(self, prediction: Prediction) -> str | None:
        if prediction == "v" and not self.variance_preserving:
            return f"v-prediction needs α² + β² = 1, and {self.label} is not variance preserving."
        return None
