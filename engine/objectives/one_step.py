"""One step from noise to data: a network of the average velocity between any two times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from engine.objectives.base import ObjectiveBase
from engine.objectives.weights import One, Weight
from engine.paths import Prediction

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from engine.experiment import Experiment
    from engine.fields.learned import LearnedField
    from engine.flat_mlp import FlatMLP
    from engine.learners.base import Learner


class OneStep(ObjectiveBase, tag="one-step", frozen=True, kw_only=True):
    """Mean flow: E w(r) ||u_theta(x, r, t) - sg[v + (t - r) (v . grad u_theta + d_r u_theta)]||^2 for r <= t, x = x_r.

    The average velocity u(x_r, r, t) = 1/(t - r) int_r^t u_tau(x_tau) dtau obeys (t - r) u = int_r^t u_tau dtau along the flow.
    Differentiated in r along it, with dx_r/dr = u_r and t held: -u + (t - r) du/dr = -u_r, that is u = u_r + (t - r) du/dr. Given x_r, the
    conditional velocity v has mean u_r, and du/dr is linear in it, so that v may stand for u_r in the target (sg: held fixed), which
    is of r = now, t = then. The paper runs time from data at 0 to noise at 1: its t is our r, its r our t, its v is -v, and its
    u = v - (t - r) du/dt is this one with both signs turned.
    """

    label: ClassVar[str] = "One step (mean flow)"
    summary: ClassVar[str] = "The velocity averaged between any two times: samples in a single jump, or any ODE sampler at equal times."
    formula: ClassVar[str] = (
        r"\mathbb{E}\,\|u_\theta(x_r, r, t) - \mathrm{sg}[\,v + (t - r)(v\cdot\nabla u_\theta + \partial_r u_\theta)]\|^2,\quad "
        r"v = \dot\alpha_r z + \dot\beta_r \varepsilon"
    )
    source: ClassVar[str] = "Geng 2505.13447"
    group: ClassVar[str] = "One step"
    prediction: ClassVar[Prediction] = "velocity"
    second_time: ClassVar[bool] = True

    weight: Annotated[Weight, Meta(description="w(r) in the loss.")] = One()
    jumps: Annotated[
        float, Meta(ge=0, le=1, description="Share of the draws with r < t; the rest, r = t, is flow matching.", extra={"symbol": "p"})
    ] = 0.75
    whole: Annotated[float, Meta(ge=0, le=1, description="Share of the jumps that go all the way to the data.")] = 0.4
    power: Annotated[
        float,
        Meta(ge=0, le=2, description="Squared errors e are divided by (e + 0.001)^q: above 0, outliers count less.", extra={"symbol": "q"}),
    ] = 0.75

    def refusal(self, experiment: Experiment) -> str | None:
        if experiment.gaussian_path() is None:
            return "One-step training needs a Gaussian source drawn independently of the data."
        return super().refusal(experiment)

    def learner(self, experiment: Experiment, network: FlatMLP, device: torch.device) -> Learner:
        from engine.learners.mean_flow import MeanFlowLearner

        return MeanFlowLearner(experiment, network, device, self)

    def field(self, experiment: Any, weights: Tensor) -> LearnedField:
        from engine.fields.mean_flow import MeanFlowField

        return MeanFlowField(experiment, weights)
