"""Objectives that regress a prediction on its conditional value: E w(t) ||f_theta(x_t, t) - y||^2 (MATHS section 4)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from engine.choice import Choice
from engine.ops import Scalar, ones_like
from engine.paths import GaussianPath, Prediction

TimeSampling = Literal["uniform", "logit-normal"]
Weight = Literal["one", "beta-squared", "snr"]


class ObjectiveBase(Choice, frozen=True, kw_only=True):
    """A prediction, a law of t and a weight w(t)."""

    prediction: ClassVar[Prediction] = "velocity"

    time: Annotated[TimeSampling, Meta(description="How t is drawn in training.")] = "uniform"

    def times(self, interval: tuple[float, float], batch: int, steps: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """t of ``steps`` batches, (steps, batch), on the closed interval.

        uniform: one t in each of ``batch`` equal strata (less variance, the same law); logit-normal: 1 / (1 + exp(-N(0, 1))), stretched.
        """
        low, high = interval
        if self.time == "uniform":
            unit = (np.arange(batch, dtype=np.float32) + rng.random((steps, batch), dtype=np.float32)) / np.float32(batch)
        else:
            unit = 1.0 / (1.0 + np.exp(-rng.standard_normal((steps, batch), dtype=np.float32)))
        t: NDArray[np.float32] = np.clip(low + (high - low) * unit, low, high).astype(np.float32)
        return t

    def weigh(self, path: GaussianPath, t: Scalar) -> Scalar:
        """w(t): one, beta_t^2, or the signal-to-noise ratio alpha_t^2 / beta_t^2."""
        weight: Weight = getattr(self, "weight", "one")
        if weight == "one":
            return ones_like(t)
        beta = path.beta(t)
        if weight == "beta-squared":
            return beta * beta
        ratio = path.alpha(t) / beta
        return ratio * ratio


class FlowMatching(ObjectiveBase, tag="flow-matching", frozen=True, kw_only=True):
    """E ||u_theta - u_t(x|z)||^2."""

    label: ClassVar[str] = "Flow matching"
    summary: ClassVar[str] = "Regress the velocity of each conditional path."
    formula: ClassVar[str] = r"\mathbb{E}\,\|u_\theta(x_t, t) - (\dot\alpha_t z + \dot\beta_t \varepsilon)\|^2"
    source: ClassVar[str] = "Lipman 2210.02747"
    prediction: ClassVar[Prediction] = "velocity"


class Score(ObjectiveBase, tag="score", frozen=True, kw_only=True):
    """E lambda(t) ||s_theta + eps / beta||^2; lambda = beta^2 unless chosen otherwise."""

    label: ClassVar[str] = "Denoising score matching"
    summary: ClassVar[str] = "Regress the score of the noised data."
    formula: ClassVar[str] = r"\mathbb{E}\,\lambda(t)\,\|s_\theta(x_t, t) + \varepsilon/\beta_t\|^2"
    source: ClassVar[str] = "Vincent 2011; Song 2011.13456"
    prediction: ClassVar[Prediction] = "score"
    weight: Annotated[Weight, Meta(description="λ(t) in the loss; without β² the times next to the data drown the rest.")] = "beta-squared"


class Noise(ObjectiveBase, tag="noise", frozen=True, kw_only=True):
    """E w(t) ||eps_theta - eps||^2."""

    label: ClassVar[str] = "Noise prediction"
    summary: ClassVar[str] = "Regress the noise that was mixed in."
    formula: ClassVar[str] = r"\mathbb{E}\,w(t)\,\|\varepsilon_\theta(x_t, t) - \varepsilon\|^2"
    source: ClassVar[str] = "Ho 2006.11239"
    prediction: ClassVar[Prediction] = "noise"
    weight: Annotated[Weight, Meta(description="w(t) in the loss.")] = "one"


class Data(ObjectiveBase, tag="data", frozen=True, kw_only=True):
    """E w(t) ||D_theta - z||^2."""

    label: ClassVar[str] = "Data prediction"
    summary: ClassVar[str] = "Regress the clean point: a denoiser."
    formula: ClassVar[str] = r"\mathbb{E}\,w(t)\,\|D_\theta(x_t, t) - z\|^2"
    source: ClassVar[str] = "Karras 2206.00364"
    prediction: ClassVar[Prediction] = "data"
    weight: Annotated[Weight, Meta(description="w(t) in the loss.")] = "one"


class VPrediction(ObjectiveBase, tag="v", frozen=True, kw_only=True):
    """E w(t) ||v_theta - (alpha eps - beta z)||^2; variance-preserving paths only."""

    label: ClassVar[str] = "v-prediction"
    summary: ClassVar[str] = "Regress α ε − β z: the velocity in the angle of a variance-preserving path."
    formula: ClassVar[str] = r"\mathbb{E}\,w(t)\,\|v_\theta(x_t, t) - (\alpha_t \varepsilon - \beta_t z)\|^2"
    source: ClassVar[str] = "Salimans & Ho 2202.00512"
    prediction: ClassVar[Prediction] = "v"
    weight: Annotated[Weight, Meta(description="w(t) in the loss.")] = "one"
