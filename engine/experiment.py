"""Experiment: one frozen tree of choices, from the target to the training settings. The configuration is the mathematics."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from engine.networks import MLP
from engine.objectives import FlowMatching, Objective
from engine.schedules import CondOT, Schedule
from engine.targets import EightGaussians, Target

Start = Literal["matched", "standard"]


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
    ema: Annotated[float, Meta(ge=0, lt=1, description="Memory of the averaged weights; 0 shows the raw ones.")] = 0.999
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1, description="Names every random number of training.")] = 0
    threads: Annotated[
        int, Meta(ge=1, le=256, description="CPU threads of torch; part of what makes a run repeatable.", extra={"unit": "threads"})
    ] = 1


class Experiment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides what is trained."""

    target: Target = EightGaussians()
    path: Schedule = CondOT()
    start: Annotated[
        Start, Meta(description="Where samples begin: N(αm, α²C + β²I) with the data's mean and covariance, or the textbook's N(0, β²I).")
    ] = "matched"
    objective: Objective = FlowMatching()
    network: MLP = MLP()
    training: Training = Training()

    def refusal(self) -> str | None:
        """Why this combination cannot be trained, in one sentence; None if it can."""
        return self.path.refusal(self.objective.prediction)
