"""Objectives that regress a prediction on its conditional value: E w(t) ||f_theta(x_t, t) - y||^2 (MATHS section 4)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.objectives.base import ObjectiveBase
from engine.objectives.weights import BetaSquared, One, Weight
from engine.paths import Prediction


class FlowMatching(ObjectiveBase, tag="flow-matching", frozen=True, kw_only=True):
    """E w(t) ||u_theta - u_t(x|z)||^2."""

    label: ClassVar[str] = "Flow matching"
    summary: ClassVar[str] = "Regress the velocity of each conditional path."
    formula: ClassVar[str] = r"\mathbb{E}\,w(t)\,\|u_\theta(x_t, t) - (\dot\alpha_t z + \dot\beta_t \varepsilon)\|^2"
    source: ClassVar[str] = "Lipman 2210.02747"
    prediction: ClassVar[Prediction] = "velocity"
    takes_labels: ClassVar[bool] = True
    weight: Annotated[Weight, Meta(description="w(t) in the loss.")] = One()


class Score(ObjectiveBase, tag="score", frozen=True, kw_only=True):
    """E lambda(t) ||s_theta + eps / beta||^2; lambda = beta^2 unless chosen otherwise."""

    label: ClassVar[str] = "Denoising score matching"
    summary: ClassVar[str] = "Regress the score of the noised data."
    formula: ClassVar[str] = r"\mathbb{E}\,\lambda(t)\,\|s_\theta(x_t, t) + \varepsilon/\beta_t\|^2"
    source: ClassVar[str] = "Vincent 2011; Song 2011.13456"
    prediction: ClassVar[Prediction] = "score"
    takes_labels: ClassVar[bool] = True
    weight: Annotated[Weight, Meta(description="λ(t) in the loss; without β² the times next to the data drown the rest.")] = BetaSquared()


class Noise(ObjectiveBase, tag="noise", frozen=True, kw_only=True):
    """E w(t) ||eps_theta - eps||^2."""

    label: ClassVar[str] = "Noise prediction"
    summary: ClassVar[str] = "Regress the noise that was mixed in."
    formula: ClassVar[str] = r"\mathbb{E}\,w(t)\,\|\varepsilon_\theta(x_t, t) - \varepsilon\|^2"
    source: ClassVar[str] = "Ho 2006.11239"
    prediction: ClassVar[Prediction] = "noise"
    takes_labels: ClassVar[bool] = True
    weight: Annotated[Weight, Meta(description="w(t) in the loss.")] = One()


class Data(ObjectiveBase, tag="data", frozen=True, kw_only=True):
    """E w(t) ||D_theta - z||^2."""

    label: ClassVar[str] = "Data prediction"
    summary: ClassVar[str] = "Regress the clean point: a denoiser."
    formula: ClassVar[str] = r"\mathbb{E}\,w(t)\,\|D_\theta(x_t, t) - z\|^2"
    source: ClassVar[str] = "Karras 2206.00364"
    prediction: ClassVar[Prediction] = "data"
    takes_labels: ClassVar[bool] = True
    weight: Annotated[Weight, Meta(description="w(t) in the loss.")] = One()


class VPrediction(ObjectiveBase, tag="v", frozen=True, kw_only=True):
    """E w(t) ||v_theta - (alpha eps - beta z)||^2; variance-preserving paths only."""

    label: ClassVar[str] = "v-prediction"
    summary: ClassVar[str] = "Regress α ε − β z: the velocity in the angle of a variance-preserving path."
    formula: ClassVar[str] = r"\mathbb{E}\,w(t)\,\|v_\theta(x_t, t) - (\alpha_t \varepsilon - \beta_t z)\|^2"
    source: ClassVar[str] = "Salimans & Ho 2202.00512"
    prediction: ClassVar[Prediction] = "v"
    takes_labels: ClassVar[bool] = True
    weight: Annotated[Weight, Meta(description="w(t) in the loss.")] = One()
