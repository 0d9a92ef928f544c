"""Experiment: one frozen tree of choices, from the target to the training settings. The configuration is the mathematics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from engine.couplings import Coupling, Independent
from engine.interpolants import Bridge, Interpolant
from engine.labels import Condition, Unconditional
from engine.networks import MLP
from engine.objectives import FlowMatching, Objective
from engine.paths import NO_SCORE, GaussianPath, Path, TwoPoint
from engine.reflow import Reflow
from engine.schedules import CondOT, Schedule
from engine.sources import Source, StandardGaussian
from engine.targets import EightGaussians, Target

if TYPE_CHECKING:
    import torch

    from engine.flat_mlp import FlatMLP

ProbabilityPath = Schedule | Interpolant | Bridge | Reflow

Start = Literal["matched", "standard"]
Rate = Literal["falling", "constant"]


class Training(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the network is trained: Adam on batches drawn afresh, an average of the weights for what is shown."""

    batch: Annotated[int, Meta(ge=1, le=1_000_000, description="Points drawn for each step.", extra={"log": True, "unit": "points"})] = 1024
    learning_rate: Annotated[float, Meta(gt=0, le=1, description="Adam's step size.", extra={"log": True, "symbol": "η"})] = 4e-3
    weight_decay: Annotated[float, Meta(ge=0, le=1, description="Decoupled weight decay (AdamW).", extra={"log": True})] = 0.0
    decay_steps: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            description="Steps over which the rate falls to a hundredth; 0: as 1/√(1 + step/2000), for any length.",
            extra={"unit": "steps"},
        ),
    ] = 0
    rate: Annotated[
        Rate, Meta(description="Whether the rate falls as decay_steps says, or stays, as many published protocols have it.")
    ] = "falling"
    points: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            description="Size of a fixed training set, gone through in a new order each epoch; 0: fresh draws at every step.",
            extra={"unit": "points"},
        ),
    ] = 0
    beta2: Annotated[
        float, Meta(ge=0, lt=1, description="Memory of Adam's squared gradients; torch's own default is 0.999.", extra={"symbol": "β₂"})
    ] = 0.99
    ema: Annotated[float, Meta(ge=0, lt=1, description="Memory of the averaged weights; 0 shows the raw ones.")] = 0.999
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Names every random number of training.")] = 0
    threads: Annotated[
        int, Meta(ge=1, le=256, description="CPU threads of torch; part of what makes a run repeatable.", extra={"unit": "threads"})
    ] = 1


class Experiment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides what is trained."""

    target: Target = EightGaussians()
    source: Source = StandardGaussian()
    coupling: Coupling = Independent()
    path: ProbabilityPath = CondOT()
    start: Annotated[
        Start, Meta(description="Where samples begin: N(αm, α²C + β²I) with the data's mean and covariance, or the textbook's N(0, β²I).")
    ] = "matched"
    objective: Objective = FlowMatching()
    network: MLP = MLP()
    condition: Annotated[Condition, Meta(description="Whether the network is told the labels of the data.")] = Unconditional()
    training: Training = Training()

    @property
    def gaussian_source(self) -> bool:
        """Whether x0 ~ N(0, I)."""
        return isinstance(self.source, StandardGaussian)

    def gaussian_path(self) -> GaussianPath | None:
        """The Gaussian path with the same p_t: for a Gaussian source drawn independently of the data; else None."""
        return self.path.gaussian() if self.gaussian_source and not self.coupling.paired else None

    def field_path(self) -> Path:
        """The path of the learned field: the Gaussian one wherever its linear conversions hold, else one without them."""
        gaussian = self.gaussian_path() if self.objective.heads == 1 and self.objective.follows_path else None
        return gaussian if gaussian is not None else self.general_path()

    def gaussian_beside(self) -> GaussianPath | None:
        """The Gaussian path with the marginals of a model of two heads (engine/fields/beside.py); None where there is none."""
        return self.gaussian_path() if self.objective.heads > 1 else None

    def general_path(self) -> Path:
        """The path without the conversions of a Gaussian one."""
        return TwoPoint(schedule=self.path) if isinstance(self.path, GaussianPath) else self.path

    def interval(self) -> tuple[float, float]:
        """[t_min, t_max] on which the network is trained and solved."""
        return self.field_path().interval(self.objective.prediction)

    def refusal(self) -> str | None:
        """Why this combination cannot be trained, in one sentence; None if it can."""
        return (
            self.path_refusal()
            or self._law_refusal()
            or self.field_path().refusal(self.objective.prediction)
            or self.objective.refusal(self)
            or self.condition.refusal(self)
        )

    def path_refusal(self) -> str | None:
        """Why there is no such path between this source and target, whatever is learned along it, in one sentence; None if there is."""
        return self._ends_refusal() or self.path.refusal("velocity") or self.coupling.refusal(self) or self.path.combination_refusal(self)

    def _ends_refusal(self) -> str | None:
        """Whether source and data can be the two ends of the path."""
        if not isinstance(self.source, StandardGaussian) and self.source.dimension != self.target.dimension:
            return f"The source has {self.source.dimension} axes and the data {self.target.dimension}: they need the same."
        if (self.gaussian_source and not self.coupling.paired) or not isinstance(self.path, GaussianPath):
            return None
        alpha, beta = float(self.path.alpha(0.0)), float(self.path.beta(0.0))
        if alpha > AT_SOURCE or abs(beta - 1.0) > AT_SOURCE:
            return (
                f"{self.path.label} begins at {beta:.3g} x₀ + {alpha:.3g} x₁, not at the source x₀: "
                "another source, or a paired one, needs a path that begins there."
            )
        return None

    def _law_refusal(self) -> str | None:
        """Whether what is predicted has a meaning for this source and coupling."""
        prediction = self.objective.prediction
        if prediction in ("velocity", "velocity-and-noise") or self.gaussian_path() is not None:
            return None
        why = (
            "the source is not Gaussian"
            if not self.gaussian_source
            else f"the coupling ({self.coupling.label}) makes the noise depend on the data"
            if self.coupling.paired
            else "nothing of the data is in x during the first half of this path"
        )
        return f"{self.objective.label} needs a Gaussian source drawn independently of the data, and {why}: learn a velocity instead."

    def score_refusal(self) -> str | None:
        """Why the learned model has no score, so that no SDE can be simulated, in one sentence; None if it has one."""
        own = self.objective.score_refusal()
        if own or self.objective.heads > 1 or self.gaussian_path() is not None:
            return own
        if not self.gaussian_source:
            return f"The source is not Gaussian. {NO_SCORE}"
        return NO_SCORE

    def extra_inputs(self) -> int:
        """Numbers that the network is fed besides the point, its features and the time's: of where a shaped source point was; the label."""
        source = 0 if self.gaussian_source else 2 * self.network.space_features * self.target.dimension
        second = max(1, 2 * self.network.time_features) if self.objective.second_time else 0
        return source + second + self.condition.inputs(self)

    def sizes(self) -> tuple[int, ...]:
        """Units of the network layer by layer."""
        return self.network.sizes(self.target.dimension, self.objective.heads, self.extra_inputs())

    def parameters(self) -> int:
        """How many weights and biases."""
        return self.network.parameters(self.target.dimension, self.objective.heads, self.extra_inputs())

    def flat_length(self) -> int:
        """Numbers in the flat vector that holds them."""
        return self.network.flat_length(self.target.dimension, self.objective.heads, self.extra_inputs())

    def build(self, device: torch.device | str = "cpu", dtype: torch.dtype | None = None) -> FlatMLP:
        """The network with all weights zero; ``FlatMLP.initialise`` draws them."""
        return self.network.build(self.target.dimension, device, dtype, heads=self.objective.heads, extra=self.extra_inputs())


AT_SOURCE = 0.01
"""How far the weights of x1 and x0 at t = 0 may be from 0 and 1 for the start to be called the source (VP linear has 0.0066)."""
