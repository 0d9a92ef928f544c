"""Maximum likelihood of a continuous normalising flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from engine.objectives.base import ObjectiveCore
from engine.paths import Prediction

if TYPE_CHECKING:
    import torch

    from engine.experiment import Experiment
    from engine.flat_mlp import FlatMLP
    from engine.learners.base import Learner

Solver = Literal["euler", "midpoint", "rk4"]


class Likelihood(ObjectiveCore, tag="likelihood", frozen=True, kw_only=True):
    """E -log p_1(x1), p_1 the law of the ODE's end from N(0, I): no path is learned, only where it ends.

    The loss is in nats in the user's units. That of the ODE is at least the data's entropy; that of few steps may fall below it, by the
    solver's errors: take more steps or more smoothness then. With SELU, whose derivative jumps, the gradient of the divergence misses
    the jumps, as it does in published work that uses it.
    """

    label: ClassVar[str] = "Maximum likelihood"
    summary: ClassVar[str] = "The data's log-likelihood through the ODE, as normalising flows are trained; slow, and without a score."
    formula: ClassVar[str] = r"-\mathbb{E}\log p_1(x_1),\quad \log p_1(x_1) = \log p_0(x_0) - \int_0^1 \nabla\cdot u_\theta(x_t, t)\,dt"
    source: ClassVar[str] = "Chen 1806.07366; Grathwohl 1810.01367; Finlay 2002.02798"
    group: ClassVar[str] = "Likelihood"
    prediction: ClassVar[Prediction] = "velocity"
    follows_path: ClassVar[bool] = False

    solver: Annotated[Solver, Meta(description="How the ODE is solved in training; rk4 is the classic rule.")] = "rk4"
    steps: Annotated[
        int, Meta(ge=1, le=1_000, description="Steps of the solver, all of them differentiated.", extra={"symbol": "N", "log": True})
    ] = 5

    smoothness: Annotated[
        float,
        Meta(
            ge=0,
            le=10,
            description="Weight of ∫‖∇u‖² dt, which keeps the flow smooth enough for these steps; 0: the likelihood alone.",
            extra={"symbol": "λ", "log": True},
        ),
    ] = 0.05

    def refusal(self, experiment: Experiment) -> str | None:
        path = experiment.gaussian_path()
        if path is None:
            return "Maximum likelihood starts from a standard Gaussian drawn independently of the data."
        if path.interval("velocity") != (0.0, 1.0) or abs(float(path.alpha(0.0))) > 1e-6 or abs(float(path.beta(0.0)) - 1.0) > 1e-6:
            return f"Maximum likelihood needs a velocity on all of [0, 1] from N(0, I), which {path.label} has not: choose CondOT."
        if not getattr(experiment.target.density(), "smooth", True):
            return "The likelihood of bare points has no upper bound: give them a bandwidth above 0."
        return super().refusal(experiment)

    def score_refusal(self) -> str | None:
        return "Maximum likelihood fixes where the flow ends and no path to it, so its velocity tells no score: take an ODE sampler."

    def passes(self, dimension: int) -> int:
        return 2 * (1 + dimension) * self.steps * {"euler": 1, "midpoint": 2, "rk4": 4}[self.solver]

    def learner(self, experiment: Experiment, network: FlatMLP, device: torch.device) -> Learner:
        from engine.learners.likelihood import LikelihoodLearner

        return LikelihoodLearner(experiment, network, device, self)
