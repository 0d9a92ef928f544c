"""Stochastic interpolants x_t = a_t x0 + b_t x1 + gamma_t eps between any two laws, and the Brownian bridge (MATHS section 3).

Everything runs on floats, numpy and torch alike; gamma gamma_dot is finite at the ends, where gamma_dot of a square root is not.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from engine.choice import Choice
from engine.ops import Scalar, cos, divide, ones_like, plain, sin, sqrt
from engine.paths import END, EffectivePath, GaussianPath, Path, Prediction
from engine.schedules import CondOT, Trigonometric

Shape = Literal["linear", "trigonometric", "encoder-decoder"]


class LatentScale(Choice, frozen=True, kw_only=True):
    """gamma_t, zero at both ends."""

    steep: ClassVar[bool] = False
    """Whether gamma_dot is infinite at the ends."""
    absent: ClassVar[bool] = False

    def value(self, t: Scalar) -> Scalar:
        """gamma_t."""
        raise TypeError(f"{type(self).__name__} defines no value")

    def dot(self, t: Scalar) -> Scalar:
        """d gamma / dt."""
        raise TypeError(f"{type(self).__name__} defines no dot")

    def value_dot(self, t: Scalar) -> Scalar:
        """gamma d gamma / dt, finite at the ends."""
        return self.value(t) * self.dot(t)


class ZeroLatent(LatentScale, tag="zero", frozen=True, kw_only=True):
    """gamma = 0."""

    label: ClassVar[str] = "none"
    summary: ClassVar[str] = "No latent noise: the point is fixed by both ends."
    formula: ClassVar[str] = r"\gamma_t = 0"
    source: ClassVar[str] = "Albergo 2209.15571"
    absent: ClassVar[bool] = True

    def value(self, t: Scalar) -> Scalar:
        return t * 0.0

    def dot(self, t: Scalar) -> Scalar:
        return t * 0.0


class RootLatent(LatentScale, tag="sqrt", frozen=True, kw_only=True):
    """gamma = sqrt(a t (1 - t)): that of a Brownian bridge of variance a."""

    label: ClassVar[str] = "√(a t (1−t))"
    summary: ClassVar[str] = "The noise of a Brownian bridge: strongest in the middle, steep at both ends."
    formula: ClassVar[str] = r"\gamma_t = \sqrt{a\,t(1-t)}"
    source: ClassVar[str] = "Albergo 2303.08797"
    steep: ClassVar[bool] = True

    a: Annotated[float, Meta(gt=0, le=10, description="Variance per unit time, in standardised units.", extra={"symbol": "a"})] = 2.0

    def value(self, t: Scalar) -> Scalar:
        return sqrt(self.a * (t * (1.0 - t)))

    def dot(self, t: Scalar) -> Scalar:
        return divide(self.value_dot(t), self.value(t))

    def value_dot(self, t: Scalar) -> Scalar:
        return 0.5 * self.a * (1.0 - 2.0 * t)


class ProductLatent(LatentScale, tag="product", frozen=True, kw_only=True):
    """gamma = t (1 - t)."""

    label: ClassVar[str] = "t (1−t)"
    summary: ClassVar[str] = "Gentle noise, at most a quarter of a standard deviation."
    formula: ClassVar[str] = r"\gamma_t = t(1-t)"
    source: ClassVar[str] = "Albergo 2303.08797"

    def value(self, t: Scalar) -> Scalar:
        return t * (1.0 - t)

    def dot(self, t: Scalar) -> Scalar:
        return 1.0 - 2.0 * t


class SineLatent(LatentScale, tag="sine", frozen=True, kw_only=True):
    """gamma = sin^2(pi t)."""

    label: ClassVar[str] = "sin²(πt)"
    summary: ClassVar[str] = "Noise of one standard deviation in the middle, flat at both ends."
    formula: ClassVar[str] = r"\gamma_t = \sin^2(\pi t)"
    source: ClassVar[str] = "Albergo 2303.08797"

    def value(self, t: Scalar) -> Scalar:
        root = _sine(t)
        return root * root

    def dot(self, t: Scalar) -> Scalar:
        return 2.0 * math.pi * _sine(t) * cos(math.pi * t)


Latent = ZeroLatent | RootLatent | ProductLatent | SineLatent


def _sine(t: Scalar) -> Scalar:
    """sin(pi t), symmetric to rounding about one half, and exactly 0 at t = 1 too."""
    late = (t > 0.5) * 1.0
    return sin(math.pi * (t * (1.0 - late) + (1.0 - t) * late))


class Noisy(Path, frozen=True, kw_only=True):
    """What interpolants and the bridge share: a latent scale, the intervals that follow from it, the effective Gaussian path."""

    def _latent(self) -> LatentScale:
        raise TypeError(f"{type(self).__name__} defines no latent scale")

    @property
    def has_latent_noise(self) -> bool:
        return not self._latent().absent

    def latent(self, t: Scalar) -> Scalar:
        return self._latent().value(t)

    def latent_dot(self, t: Scalar) -> Scalar:
        return self._latent().dot(t)

    def latent_latent_dot(self, t: Scalar) -> Scalar:
        return self._latent().value_dot(t)

    def gaussian(self) -> GaussianPath | None:
        return EffectivePath(path=self)

    def interval(self, prediction: Prediction) -> tuple[float, float]:
        """All of [0, 1] for a velocity that is finite there; else a little inside, where s = -eta / gamma is known too."""
        if prediction == "velocity" and not self._latent().steep:
            return 0.0, 1.0
        return END, 1.0 - END


class Interpolant(Noisy, tag="interpolant", frozen=True, kw_only=True):
    """x_t = I_t(x0, x1) + gamma_t eps."""

    label: ClassVar[str] = "Stochastic interpolant"
    summary: ClassVar[str] = "A curve from any source to the data, blurred by latent noise in between."
    formula: ClassVar[str] = r"x_t = a_t x_0 + b_t x_1 + \gamma_t\varepsilon"
    source: ClassVar[str] = "Albergo 2303.08797"

    shape: Annotated[Shape, Meta(description="How source and data are weighed: straight, along a quarter circle, or by way of zero.")] = (
        "linear"
    )
    gamma: Annotated[Latent, Meta(description="Scale of the latent noise.", extra={"symbol": "γ"})] = ProductLatent()

    def _latent(self) -> LatentScale:
        return self.gamma

    def source_weight(self, t: Scalar) -> Scalar:
        if self.shape == "linear":
            return 1.0 - t
        if self.shape == "trigonometric":
            return sin(0.5 * math.pi * (1.0 - t))
        root = cos(math.pi * t)
        return root * root * ((t < 0.5) * 1.0)

    def data_weight(self, t: Scalar) -> Scalar:
        if self.shape == "linear":
            return t * 1.0
        if self.shape == "trigonometric":
            return sin(0.5 * math.pi * t)
        root = cos(math.pi * t)
        return root * root * ((t >= 0.5) * 1.0)

    def source_weight_dot(self, t: Scalar) -> Scalar:
        if self.shape == "linear":
            return -ones_like(t)
        if self.shape == "trigonometric":
            return -0.5 * math.pi * sin(0.5 * math.pi * t)
        return -math.pi * sin(2.0 * math.pi * t) * ((t < 0.5) * 1.0)

    def data_weight_dot(self, t: Scalar) -> Scalar:
        if self.shape == "linear":
            return ones_like(t)
        if self.shape == "trigonometric":
            return 0.5 * math.pi * sin(0.5 * math.pi * (1.0 - t))
        return -math.pi * sin(2.0 * math.pi * t) * ((t >= 0.5) * 1.0)

    def angle(self, t: Scalar, source_variance: float, data_variance: float) -> Scalar:
        if self.shape == "encoder-decoder":
            return 0.5 * math.pi * t  # the usual angle stands still for the first half
        return super().angle(t, source_variance, data_variance)

    def data_coefficients(self, t: Scalar) -> tuple[Scalar, Scalar, Scalar] | None:
        if self.shape != "encoder-decoder":
            return super().data_coefficients(t)
        if plain(t) <= 0.5:
            return None
        over = 1.0 / self.data_weight(t)
        return over, t * 0.0, -self.latent(t) * over

    def gaussian(self) -> GaussianPath | None:
        if self.shape == "encoder-decoder":
            return None  # there is nothing of the data in x before t = 1/2, so that D is 0/0 of u there
        if self.gamma.absent:
            return CondOT() if self.shape == "linear" else Trigonometric()
        return EffectivePath(path=self)

    def refusal(self, prediction: Prediction) -> str | None:
        if self.shape == "encoder-decoder" and self.gamma.absent:
            return "Encoder–decoder without latent noise brings every point to 0 at t = ½, where no flow can part them again: choose γ > 0."
        return super().refusal(prediction)


class Bridge(Noisy, tag="bridge", frozen=True, kw_only=True):
    """x_t = (1 - t) x0 + t x1 + sigma sqrt(t (1 - t)) eps: a Brownian bridge between the two ends."""

    label: ClassVar[str] = "Brownian bridge"
    summary: ClassVar[str] = "Brownian motion pinned at both ends; with the Schrödinger coupling, the Schrödinger bridge."
    formula: ClassVar[str] = r"x_t = (1-t)\,x_0 + t\,x_1 + \sigma\sqrt{t(1-t)}\,\varepsilon"
    source: ClassVar[str] = "Tong 2307.03672"

    sigma: Annotated[
        float,
        Meta(ge=0.01, le=3, description="Noise of the Brownian motion, in standardised units.", extra={"symbol": "σ", "log": True}),
    ] = 0.5

    def _latent(self) -> LatentScale:
        return RootLatent(a=self.sigma**2)

    def latent(self, t: Scalar) -> Scalar:
        return self.sigma * sqrt(t * (1.0 - t))

    def source_weight(self, t: Scalar) -> Scalar:
        return 1.0 - t

    def data_weight(self, t: Scalar) -> Scalar:
        return t * 1.0

    def source_weight_dot(self, t: Scalar) -> Scalar:
        return -ones_like(t)

    def data_weight_dot(self, t: Scalar) -> Scalar:
        return ones_like(t)
