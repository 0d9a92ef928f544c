"""Objectives that learn the velocity and the latent noise side by side: two heads, so that s = -eta / gamma between any two laws.

The velocity's error has a weight of its own. On a bridge its target has the variance sigma^2 (1 - 2t)^2 / (4 t (1 - t)), whose mean over t
is infinite; what that noise in the gradients costs is seen in the samples: on the S-curve of Tong 2307.03672's table 2, all else equal
(2 seeds), W2 is 0.29 and 0.37 without a weight and 0.15 and 0.18 with the steady one.

The second half of the network stands for eta, or with ``second = "score"`` for s = -eta / gamma; the error that is minimised is that of eta
either way. Where gamma vanishes an error of eta becomes one of the score by 1 / gamma, one of the score stays what it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from engine.objectives.base import ObjectiveBase
from engine.objectives.weights import One, Steady
from engine.ops import Scalar
from engine.paths import Prediction

if TYPE_CHECKING:
    from engine.experiment import Experiment


class JointObjective(ObjectiveBase, frozen=True, kw_only=True):
    """E w(t) ||b_theta - d x_t/dt||^2 + c E ||eta_theta - eps||^2 over (x0, x1) of the coupling and eps ~ N(0, I)."""

    prediction: ClassVar[Prediction] = "velocity-and-noise"
    heads: ClassVar[int] = 2
    takes_labels: ClassVar[bool] = True

    noise_share: Annotated[
        float, Meta(gt=0, le=100, description="Weight of the noise's error beside the velocity's.", extra={"symbol": "c", "log": True})
    ] = 1.0
    weight: Annotated[One | Steady, Meta(description="w(t) of the velocity's error.")] = Steady()
    second: Annotated[
        Literal["noise", "score"],
        Meta(description="What the network's second half tells: the noise η, or the score, whose error does not grow at the two ends."),
    ] = "noise"

    def weigh_noise(self, path: Any, t: Scalar) -> Scalar:
        """c times what the law of t asks for: of the noise's squared error, elementwise."""
        return self.noise_share * self.time.factor(t, path.interval(self.prediction), path)


class StochasticInterpolant(JointObjective, tag="interpolant", frozen=True, kw_only=True):
    """E w(t) ||b_theta - (d_t I + gamma' eps)||^2 + c E ||eta_theta - eps||^2."""

    label: ClassVar[str] = "Stochastic interpolant"
    summary: ClassVar[str] = "Velocity and noise together, between any two distributions: an ODE and every SDE follow."
    formula: ClassVar[str] = (
        r"\mathbb{E}\,w(t)\,\|b_\theta(x_t, t) - (\partial_t I_t + \dot\gamma_t\varepsilon)\|^2 "
        r"+ c\,\mathbb{E}\,\|\eta_\theta(x_t, t) - \varepsilon\|^2"
    )
    source: ClassVar[str] = "Albergo 2303.08797"
    group: ClassVar[str] = "Velocity and noise"


class FlowAndScore(JointObjective, tag="flow-and-score", frozen=True, kw_only=True):
    """Score and flow matching without simulation on a Brownian bridge: E w(t) ||u_theta - u_t||^2 + c E ||lambda_t (s_theta - s_t)||^2.

    s_t = -eps / (sigma sqrt(t (1 - t))) is the score of the bridge between its two ends and lambda_t = sigma sqrt(t (1 - t)), so that the
    second part is E ||eta_theta - eps||^2 for s_theta = -eta_theta / lambda_t.
    """

    label: ClassVar[str] = "Score and flow matching [SF]²M"
    summary: ClassVar[str] = "Velocity and score of a Brownian bridge; with the Schrödinger coupling, those of the Schrödinger bridge."
    formula: ClassVar[str] = (
        r"\mathbb{E}\,w(t)\,\|u_\theta - u_t(x_t|x_0, x_1)\|^2 "
        r"+ c\,\mathbb{E}\,\lambda_t^2\|s_\theta - \nabla\log p_t(x_t|x_0,x_1)\|^2,\quad "
        r"\lambda_t = \sigma\sqrt{t(1-t)}"
    )
    source: ClassVar[str] = "Tong 2307.03672"
    group: ClassVar[str] = "Velocity and noise"

    def refusal(self, experiment: Experiment) -> str | None:
        from engine.interpolants import Bridge

        if not isinstance(experiment.path, Bridge):
            return "[SF]²M is score and flow matching on the Brownian bridge: choose that path, or the stochastic interpolant's objective."
        return super().refusal(experiment)
