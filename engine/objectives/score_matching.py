"""Score matching without conditional scores: explicit (against a known score), implicit and sliced (by the divergence)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from engine.objectives.base import ObjectiveBase
from engine.objectives.weights import BetaSquared, Weight
from engine.paths import Prediction

if TYPE_CHECKING:
    import torch

    from engine.experiment import Experiment
    from engine.flat_mlp import FlatMLP
    from engine.learners.base import Learner

Truth = Literal["exact", "kernel"]
Probe = Literal["rademacher", "gaussian"]
Lambda = Annotated[Weight, Meta(description="λ(t) in the loss.")]
JUMPS = frozenset({"selu"})
"""Activations whose derivative jumps."""


def smooth_refusal(label: str, experiment: Experiment) -> str | None:
    """Why the network's activation does not serve a divergence, in one sentence."""
    name = experiment.network.activation
    if name in JUMPS:
        return f"{label} needs a smooth activation, and {name.upper()}'s derivative jumps: the gradient of its divergence misses the jumps."
    return None


class ExplicitScore(ObjectiveBase, tag="explicit-score", frozen=True, kw_only=True):
    """E lambda(t) ||s_theta - grad log p_t(x)||^2 with the exact score, or that of a kernel density estimate noised along the path."""

    label: ClassVar[str] = "Explicit score matching"
    summary: ClassVar[str] = "Regress the score itself: exact, or that of a kernel density estimate of a sample."
    formula: ClassVar[str] = r"\mathbb{E}\,\lambda(t)\,\|s_\theta(x_t, t) - \nabla\log p_t(x_t)\|^2"
    source: ClassVar[str] = "Hyvärinen 2005; Vincent 2011, section 2"
    group: ClassVar[str] = "Score matching"
    prediction: ClassVar[Prediction] = "score"
    weight: Lambda = BetaSquared()
    truth: Annotated[Truth, Meta(description="Whose score: the distribution's, or a kernel density estimate's of a sample.")] = "exact"
    points: Annotated[int, Meta(ge=2, le=20_000, description="Size of the sample behind the estimate.", extra={"log": True})] = 1_000
    bandwidth: Annotated[
        float,
        Meta(ge=0, le=5, description="Width of the kernel; 0: by Silverman's rule, per axis.", extra={"symbol": "h", "unit": "std"}),
    ] = 0.0

    def refusal(self, experiment: Experiment) -> str | None:
        if experiment.gaussian_path() is None:
            return "Explicit score matching needs the score in closed form, known for a Gaussian source drawn independently of the data."
        return super().refusal(experiment)

    def learner(self, experiment: Experiment, network: FlatMLP, device: torch.device) -> Learner:
        from engine.learners.posterior import PosteriorBatches, exact_posterior, kernel_posterior
        from engine.learners.regression import RegressionLearner

        if self.truth == "exact":
            posterior = exact_posterior(experiment, device, network.dtype)
        else:
            posterior = kernel_posterior(experiment, self.points, self.bandwidth, device, network.dtype)
        return RegressionLearner(experiment, network, device, PosteriorBatches(experiment, device, posterior, network.dtype))


class ImplicitScore(ObjectiveBase, tag="implicit-score", frozen=True, kw_only=True):
    """E lambda(t) (||s_theta||^2 + 2 div s_theta): explicit score matching less a constant, by parts, without knowing the score.

    The divergence is exact, by d Jacobian-vector products. What is shown as the loss has lambda ||eps / beta||^2 added, free of theta,
    so that it estimates the same number as denoising score matching.
    """

    label: ClassVar[str] = "Implicit score matching"
    summary: ClassVar[str] = "The score from points alone: its divergence takes the place of the answer."
    formula: ClassVar[str] = r"\mathbb{E}\,\lambda(t)\,(\|s_\theta(x_t, t)\|^2 + 2\,\nabla\cdot s_\theta(x_t, t))"
    source: ClassVar[str] = "Hyvärinen 2005"
    group: ClassVar[str] = "Score matching"
    prediction: ClassVar[Prediction] = "score"
    weight: Lambda = BetaSquared()

    def refusal(self, experiment: Experiment) -> str | None:
        return smooth_refusal(self.label, experiment) or super().refusal(experiment)

    def passes(self, dimension: int) -> int:
        return 2 * (1 + dimension)

    def learner(self, experiment: Experiment, network: FlatMLP, device: torch.device) -> Learner:
        from engine.learners.divergence import DivergenceLearner

        return DivergenceLearner(experiment, network, device)


class SlicedScore(ObjectiveBase, tag="sliced-score", frozen=True, kw_only=True):
    """E lambda(t) (||s||^2 + 2 v . J v) for random v with E v v^T = I; without variance reduction (v . s)^2 in place of ||s||^2."""

    label: ClassVar[str] = "Sliced score matching"
    summary: ClassVar[str] = "Implicit score matching along random directions: one derivative in any dimension."
    formula: ClassVar[str] = r"\mathbb{E}\,\lambda(t)\,(\|s_\theta\|^2 + 2\,v^{\top} \nabla s_\theta\, v),\quad \mathbb{E}\,v v^{\top} = I"
    source: ClassVar[str] = "Song 1905.07088"
    group: ClassVar[str] = "Score matching"
    prediction: ClassVar[Prediction] = "score"
    weight: Lambda = BetaSquared()
    probe: Annotated[Probe, Meta(description="The law of v: signs ±1, or normals.")] = "rademacher"
    probes: Annotated[int, Meta(ge=1, le=16, description="Directions drawn for each point.")] = 1
    variance_reduction: Annotated[bool, Meta(description="‖s‖² exactly, instead of (v·s)².")] = True

    def refusal(self, experiment: Experiment) -> str | None:
        return smooth_refusal(self.label, experiment) or super().refusal(experiment)

    def passes(self, dimension: int) -> int:
        return 2 * (1 + self.probes)

    def learner(self, experiment: Experiment, network: FlatMLP, device: torch.device) -> Learner:
        from engine.learners.divergence import SlicedLearner

        return SlicedLearner(experiment, network, device, self)
