"""Paths: how the source becomes the data. A path draws x_t for training and says what can be known along it.

Every path is x_t = a_t x0 + b_t x1 + gamma_t eps with x0 of the source, x1 of the data and eps ~ N(0, I) apart from both (MATHS
section 3). A Gaussian path is the case a = beta, b = alpha, gamma = 0 with x0 ~ N(0, I) independent of x1.

``t`` is a float, a numpy array or a torch tensor, and what comes out is of its kind; nothing here imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from engine.choice import Choice
from engine.ops import Scalar, atan2, divide, sqrt

if TYPE_CHECKING:
    from engine.experiment import Experiment

Prediction = Literal["velocity", "score", "noise", "data", "v", "velocity-and-noise"]
"""What a field gives natively: u, s = grad log p_t, E[eps|x], E[x1|x], v = alpha E - beta D (VP only), each (n, d); or the velocity b
and eta = E[eps|x] of the latent noise side by side, (n, 2d)."""

END = 1e-3
"""How far from the data end a field is trained and solved where something is 0/0 there."""

START = 2e-2
"""How far from the noise end, likewise: where alpha_0 = 0, u = (alpha_dot/alpha)(x - E) + ... multiplies an error of E by 1/t, and a first
step of size h by h/t. The start N(alpha m, alpha^2 C + beta^2 I) differs from p_t only by O(alpha^3) there, so nothing is lost by this."""


class Path(Choice, frozen=True, kw_only=True):
    """x_t = a_t x0 + b_t x1 + gamma_t eps: subclasses give the weights, their derivatives and an interval. Dots are d/dt."""

    group: ClassVar[str] = "Interpolants"
    paired: ClassVar[bool] = False
    """Whether the path brings pairs (x0, x1) of its own."""

    def source_weight(self, t: Scalar) -> Scalar:
        """a_t, the weight of x0."""
        raise TypeError(f"{type(self).__name__} defines no source_weight")

    def data_weight(self, t: Scalar) -> Scalar:
        """b_t, the weight of x1."""
        raise TypeError(f"{type(self).__name__} defines no data_weight")

    def source_weight_dot(self, t: Scalar) -> Scalar:
        """d a / dt."""
        raise TypeError(f"{type(self).__name__} defines no source_weight_dot")

    def data_weight_dot(self, t: Scalar) -> Scalar:
        """d b / dt."""
        raise TypeError(f"{type(self).__name__} defines no data_weight_dot")

    @property
    def has_latent_noise(self) -> bool:
        """Whether gamma_t > 0 inside (0, 1), so that eps must be drawn besides x0."""
        return False

    def latent(self, t: Scalar) -> Scalar:
        """gamma_t, the scale of the latent noise."""
        return t * 0.0

    def latent_dot(self, t: Scalar) -> Scalar:
        """d gamma / dt; infinite at the ends for square roots."""
        return t * 0.0

    def latent_latent_dot(self, t: Scalar) -> Scalar:
        """gamma d gamma / dt, finite where gamma_dot is not."""
        return t * 0.0

    def point(self, t: Scalar, x0: Any, x1: Any, eps: Any = None) -> Any:
        """x_t, shape (n, d); x0, x1 and eps are (n, d), t is (n, 1) or a number."""
        x = self.source_weight(t) * x0 + self.data_weight(t) * x1
        return x + self.latent(t) * eps if self.has_latent_noise else x

    def conditional_velocity(self, t: Scalar, x0: Any, x1: Any, eps: Any = None) -> Any:
        """d x_t / dt for fixed (x0, x1, eps), shape (n, d)."""
        u = self.source_weight_dot(t) * x0 + self.data_weight_dot(t) * x1
        return u + self.latent_dot(t) * eps if self.has_latent_noise else u

    def data_coefficients(self, t: Scalar) -> tuple[Scalar, Scalar, Scalar] | None:
        """(p, q, r) of E[x1|x] = p x + q u + r eta, from x = a X0 + b X1 + gamma eta and its rate u; None where x holds nothing of x1.

        Finite wherever a b_dot - a_dot b is not 0 and gamma_dot is finite.
        """
        a, a_dot = self.source_weight(t), self.source_weight_dot(t)
        over = 1.0 / (a * self.data_weight_dot(t) - a_dot * self.data_weight(t))
        if not self.has_latent_noise:
            return -a_dot * over, a * over, t * 0.0
        return -a_dot * over, a * over, (a_dot * self.latent(t) - a * self.latent_dot(t)) * over

    def angle(self, t: Scalar, source_variance: float, data_variance: float) -> Scalar:
        """A time that grows from 0 to pi/2 as the data comes in: atan(b sqrt(v1) / sqrt(a^2 v0 + gamma^2)). What the network is fed."""
        a, latent = self.source_weight(t), self.latent(t)
        return atan2(self.data_weight(t) * data_variance**0.5, sqrt(a * a * source_variance + latent * latent))

    def gaussian(self) -> GaussianPath | None:
        """The Gaussian path with the same p_t when x0 ~ N(0, I) is independent of x1: alpha = b, beta = sqrt(a^2 + gamma^2).

        None where the linear conversions of MATHS section 2 break down on a part of the time.
        """
        return None

    def interval(self, prediction: Prediction) -> tuple[float, float]:
        """Closed interval [t_min, t_max] on which this prediction is trained and solved."""
        raise TypeError(f"{type(self).__name__} defines no interval")

    def refusal(self, prediction: Prediction) -> str | None:
        """Why this prediction cannot be used on this path, in one sentence; None if it can."""
        if prediction == "velocity-and-noise" and not self.has_latent_noise:
            return f"Velocity and noise together need latent noise, γ > 0, and {self.label} has none."
        return None

    def combination_refusal(self, experiment: Experiment) -> str | None:
        """Why this path does not go with the rest of the experiment, in one sentence; None if it does."""
        return None

    def score_refusal(self) -> str | None:
        """Why no score follows from a velocity alone along this path, in one sentence; None if one does."""
        return NO_SCORE


NO_SCORE = (
    "An SDE needs the score, and a velocity tells it only for a Gaussian source that is drawn independently of the data: "
    "take an ODE sampler, or a path with γ > 0 and an objective that learns the noise too."
)


class GaussianPath(Path, frozen=True, kw_only=True):
    """p_t(x|z) = N(alpha_t z, beta_t^2 I); subclasses give alpha, beta and their derivatives (see engine.schedules)."""

    group: ClassVar[str] = "Schedules"
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

    def source_weight(self, t: Scalar) -> Scalar:
        return self.beta(t)

    def data_weight(self, t: Scalar) -> Scalar:
        return self.alpha(t)

    def source_weight_dot(self, t: Scalar) -> Scalar:
        return self.beta_dot(t)

    def data_weight_dot(self, t: Scalar) -> Scalar:
        return self.alpha_dot(t)

    def point(self, t: Scalar, x0: Any, x1: Any, eps: Any = None) -> Any:
        return self.alpha(t) * x1 + self.beta(t) * x0

    def conditional_velocity(self, t: Scalar, x0: Any, x1: Any, eps: Any = None) -> Any:
        return self.alpha_dot(t) * x1 + self.beta_dot(t) * x0

    def gaussian(self) -> GaussianPath | None:
        return self

    def interval(self, prediction: Prediction) -> tuple[float, float]:
        low = START if prediction in ("noise", "score") and not self.signal_at_start else 0.0
        return low, 1.0 if prediction in self.finite_at_data else 1.0 - END

    def refusal(self, prediction: Prediction) -> str | None:
        if prediction == "v" and not self.variance_preserving:
            return f"v-prediction needs α² + β² = 1, and {self.label} is not variance preserving."
        return super().refusal(prediction)

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


class EffectivePath(GaussianPath, frozen=True, kw_only=True):
    """The Gaussian path of ``path`` for x0 ~ N(0, I) independent of x1: alpha = b, beta^2 = a^2 + gamma^2, in closed form."""

    label: ClassVar[str] = "this path"
    path: Path

    def alpha(self, t: Scalar) -> Scalar:
        return self.path.data_weight(t)

    def alpha_dot(self, t: Scalar) -> Scalar:
        return self.path.data_weight_dot(t)

    def beta(self, t: Scalar) -> Scalar:
        a, latent = self.path.source_weight(t), self.path.latent(t)
        return sqrt(a * a + latent * latent)

    def beta_beta_dot(self, t: Scalar) -> Scalar:
        return self.path.source_weight(t) * self.path.source_weight_dot(t) + self.path.latent_latent_dot(t)

    def wronskian(self, t: Scalar) -> Scalar:
        beta = self.beta(t)
        return self.alpha_dot(t) * beta - divide(self.alpha(t) * self.beta_beta_dot(t), beta)

    def time_left_over_beta(self, t: Scalar) -> Scalar:
        return divide(1.0 - t, self.beta(t))


class TwoPoint(Path, frozen=True, kw_only=True):
    """The weights of a schedule between any two laws, paired or not: x_t = beta_t x0 + alpha_t x1, without the Gaussian conversions."""

    label: ClassVar[str] = "this path"
    schedule: GaussianPath

    def source_weight(self, t: Scalar) -> Scalar:
        return self.schedule.beta(t)

    def data_weight(self, t: Scalar) -> Scalar:
        return self.schedule.alpha(t)

    def source_weight_dot(self, t: Scalar) -> Scalar:
        return self.schedule.beta_dot(t)

    def data_weight_dot(self, t: Scalar) -> Scalar:
        return self.schedule.alpha_dot(t)

    def interval(self, prediction: Prediction) -> tuple[float, float]:
        return self.schedule.interval(prediction)
