"""Marginal flow matching: regress the marginal velocity itself, which this lab has in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.objectives.base import ObjectiveBase
from engine.objectives.weights import One, Weight
from engine.paths import Prediction

if TYPE_CHECKING:
    import torch

    from engine.experiment import Experiment
    from engine.flat_mlp import FlatMLP
    from engine.learners.base import Learner


class MarginalFlowMatching(ObjectiveBase, tag="marginal-flow-matching", frozen=True, kw_only=True):
    """E w(t) ||u_theta - u_t(x)||^2 with the exact u_t: the gradient of flow matching in expectation, and less variance."""

    label: ClassVar[str] = "Marginal flow matching"
    summary: ClassVar[str] = "Regress the exact velocity of the whole distribution: the same gradient on average, less noise in it."
    formula: ClassVar[str] = r"\mathbb{E}\,w(t)\,\|u_\theta(x_t, t) - u_t(x_t)\|^2,\quad u_t(x) = \mathbb{E}[u_t(x|z)\,|\,x_t = x]"
    source: ClassVar[str] = "Lipman 2210.02747, theorem 2"
    prediction: ClassVar[Prediction] = "velocity"
    weight: Annotated[Weight, Meta(description="w(t) in the loss.")] = One()

    def refusal(self, experiment: Experiment) -> str | None:
        if experiment.gaussian_path() is None:
            return "Marginal flow matching needs the velocity in closed form, known for a Gaussian source drawn independently of the data."
        return super().refusal(experiment)

    def learner(self, experiment: Experiment, network: FlatMLP, device: torch.device) -> Learner:
        from engine.learners.posterior import PosteriorBatches, exact_posterior
        from engine.learners.regression import RegressionLearner

        batches = PosteriorBatches(experiment, device, exact_posterior(experiment, device, network.dtype), network.dtype)
        return RegressionLearner(experiment, network, device, batches)
