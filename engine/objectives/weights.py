"""Weights w(t) of the squared errors, as structs.

``one``, ``steady``, ``beta-squared`` and ``snr`` multiply the error of whatever the objective predicts. The others are stated in the
literature for one prediction, and mean the same loss for all: an error of the prediction is c times that of the data prediction,

    c = 1 (data), alpha^2 / beta^2 (noise), alpha^2 / beta^4 (score), W^2 / beta^2 (velocity), 1 / beta^2 (v),

W = alpha_dot beta - alpha beta_dot, so that a weight w_D of the data prediction's error is w_D / c for another. beta is taken as at
least 0.001, so that no weight is infinite.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from engine.choice import Choice
from engine.ops import Scalar, at_least, at_most, ones_like

LEAST_BETA = 1e-3


class WeightBase(Choice, frozen=True, kw_only=True):
    """w(t) for a prediction on a Gaussian path."""

    def weight(self, path: Any, t: Scalar, prediction: str) -> Scalar:
        """w(t), elementwise."""
        raise TypeError(f"{type(self).__name__} defines no weight")

    def refusal(self, path: Any) -> str | None:
        """Why this weight cannot be used on this path, in one sentence; None if it can."""
        from engine.paths import GaussianPath

        if not isinstance(path, GaussianPath):
            return f"The weight “{self.label}” is a function of a Gaussian path's α and β, which this path has not."
        return None


def _alpha_beta(path: Any, t: Scalar) -> tuple[Scalar, Scalar]:
    return path.alpha(t), at_least(path.beta(t), LEAST_BETA)


def _from_noise(path: Any, t: Scalar, prediction: str, weight: Scalar) -> Scalar:
    """w of the prediction, from the weight of the noise prediction's error."""
    alpha, beta = _alpha_beta(path, t)
    if prediction == "noise":
        return weight
    if prediction == "score":
        return weight * beta * beta
    if prediction == "data":
        return weight * (alpha / beta) ** 2
    if prediction == "v":
        return weight * alpha * alpha
    return weight * (alpha / path.wronskian(t)) ** 2


class One(WeightBase, tag="one", frozen=True, kw_only=True):
    """w = 1."""

    label: ClassVar[str] = "One"
    summary: ClassVar[str] = "All errors alike."
    formula: ClassVar[str] = r"w(t) = 1"
    source: ClassVar[str] = "Lipman 2210.02747; L_simple of Ho 2006.11239"

    def weight(self, path: Any, t: Scalar, prediction: str) -> Scalar:
        return ones_like(t)

    def refusal(self, path: Any) -> str | None:
        return None


class BetaSquared(WeightBase, tag="beta-squared", frozen=True, kw_only=True):
    """w = beta^2."""

    label: ClassVar[str] = "β²"
    summary: ClassVar[str] = "The noise's variance: a score's errors in units of the noise."
    formula: ClassVar[str] = r"w(t) = \beta_t^2"
    source: ClassVar[str] = "Song & Ermon 1907.05600"

    def weight(self, path: Any, t: Scalar, prediction: str) -> Scalar:
        beta = path.beta(t)
        return beta * beta


class SNR(WeightBase, tag="snr", frozen=True, kw_only=True):
    """w = alpha^2 / beta^2."""

    label: ClassVar[str] = "SNR"
    summary: ClassVar[str] = "The signal-to-noise ratio: mostly the times next to the data."
    formula: ClassVar[str] = r"w(t) = \alpha_t^2 / \beta_t^2"
    source: ClassVar[str] = "Salimans & Ho 2202.00512"

    def weight(self, path: Any, t: Scalar, prediction: str) -> Scalar:
        alpha, beta = _alpha_beta(path, t)
        return (alpha / beta) ** 2


class TruncatedSNR(WeightBase, tag="truncated-snr", frozen=True, kw_only=True):
    """max(SNR, 1) for the data prediction, the same loss for the others."""

    label: ClassVar[str] = "Truncated SNR"
    summary: ClassVar[str] = "Noise prediction's weighting, but never less than data prediction's own."
    formula: ClassVar[str] = r"w_D(t) = \max(\alpha_t^2 / \beta_t^2,\ 1)"
    source: ClassVar[str] = "Salimans & Ho 2202.00512, section 4"

    def weight(self, path: Any, t: Scalar, prediction: str) -> Scalar:
        alpha, beta = _alpha_beta(path, t)
        if prediction == "data":
            return at_least((alpha / beta) ** 2, 1.0)
        return _from_noise(path, t, prediction, at_least((beta / at_least(alpha, LEAST_BETA)) ** 2, 1.0))


class MinSNR(WeightBase, tag="min-snr", frozen=True, kw_only=True):
    """min(SNR, limit) for the data prediction, the same loss for the others."""

    label: ClassVar[str] = "Min-SNR"
    summary: ClassVar[str] = "The signal-to-noise ratio up to a limit, so that no time drowns the rest."
    formula: ClassVar[str] = r"w_D(t) = \min(\alpha_t^2 / \beta_t^2,\ \gamma)"
    source: ClassVar[str] = "Hang 2303.09556"

    limit: Annotated[float, Meta(gt=0, le=1000, description="The greatest weight.", extra={"symbol": "γ", "log": True})] = 5.0

    def weight(self, path: Any, t: Scalar, prediction: str) -> Scalar:
        alpha, beta = _alpha_beta(path, t)
        ratio = (alpha / beta) ** 2
        if prediction == "data":
            return at_most(ratio, self.limit)
        return _from_noise(path, t, prediction, at_most(self.limit / at_least(ratio, LEAST_BETA**2), 1.0))


class LikelihoodWeight(WeightBase, tag="likelihood", frozen=True, kw_only=True):
    """g^2 for the score, the same loss for the others; half its integral over t bounds -log p in nats, up to a constant free of theta."""

    label: ClassVar[str] = "Likelihood, g²"
    summary: ClassVar[str] = "The weight under which the loss bounds the negative log-likelihood."
    formula: ClassVar[str] = r"w_s(t) = g_t^2 = 2 \beta_t (\dot\alpha_t \beta_t - \alpha_t \dot\beta_t) / \alpha_t"
    source: ClassVar[str] = "Song 2101.09258, theorem 1"

    def weight(self, path: Any, t: Scalar, prediction: str) -> Scalar:
        alpha, beta = _alpha_beta(path, t)
        if prediction == "velocity":
            return 2.0 * alpha / (beta * path.wronskian(t))  # 4 / g^2, as u - u* = g^2 (s - s*) / 2
        return _from_noise(path, t, prediction, 2.0 * path.wronskian(t) / (at_least(alpha, LEAST_BETA) * beta))


class Steady(WeightBase, tag="steady", frozen=True, kw_only=True):
    """w = 1 / (1 + (noise's speed)^2): gamma_dot between any two laws, beta_dot on a Gaussian path.

    On a Brownian bridge the conditional velocity's variance sigma^2 (1 - 2t)^2 / (4 t (1 - t)) has no finite mean over t; with this weight
    it is at most 1 at every t, and for sigma = 1 the weight is 4 t (1 - t).
    """

    label: ClassVar[str] = "Steady"
    summary: ClassVar[str] = "Less where the noise changes so fast that the regressed velocity has no bound."
    formula: ClassVar[str] = r"w(t) = 1 / (1 + \dot\gamma_t^2)"
    source: ClassVar[str] = "Pushforward"

    def weight(self, path: Any, t: Scalar, prediction: str) -> Scalar:
        from engine.paths import GaussianPath

        gaussian = isinstance(path, GaussianPath)
        scale, product = (path.beta(t), path.beta_beta_dot(t)) if gaussian else (path.latent(t), path.latent_latent_dot(t))
        square = scale * scale
        return at_least(square, LEAST_BETA**4) / at_least(square + product * product, LEAST_BETA**4)

    def refusal(self, path: Any) -> str | None:
        return None


Weight = One | Steady | BetaSquared | SNR | TruncatedSNR | MinSNR | LikelihoodWeight
