"""What all objectives have: a prediction, a law of t, a weight w(t), refusals, and the learner that trains by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta

from engine.choice import Choice
from engine.objectives.times import Floats32, Interval, TimeSampler, UniformTime
from engine.objectives.weights import Weight
from engine.ops import Scalar, ones_like
from engine.paths import Prediction

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from engine.experiment import Experiment
    from engine.fields.learned import LearnedField
    from engine.flat_mlp import FlatMLP
    from engine.learners.base import Learner


class ObjectiveCore(Choice, frozen=True, kw_only=True):
    """An objective that says itself how its times are drawn. Subclasses choose among the methods."""

    group: ClassVar[str] = "Regression"
    prediction: ClassVar[Prediction] = "velocity"
    """What the network predicts natively."""
    heads: ClassVar[int] = 1
    """Vectors of length d that the network puts out."""
    follows_path: ClassVar[bool] = True
    """Whether what is learned has the marginals of the experiment's path, so that conversions between predictions hold."""
    takes_labels: ClassVar[bool] = False
    """Whether its batches tell the network the labels of the data."""
    second_time: ClassVar[bool] = False
    """Whether the network is fed a second time r besides t."""

    def times(self, interval: Interval, batch: int, steps: int, rng: np.random.Generator, path: Any = None) -> Floats32:
        """t of ``steps`` batches, (steps, batch), on the closed interval; evenly spread unless the objective says otherwise."""
        return UniformTime().draw(interval, batch, steps, rng, path)

    def weigh(self, path: Any, t: Scalar) -> Scalar:
        """w(t) of the squared error, elementwise."""
        return ones_like(t)

    def refusal(self, experiment: Experiment) -> str | None:
        """Why this objective cannot train this experiment, in one sentence; None if it can. The path's own reason comes first."""
        return None

    def score_refusal(self) -> str | None:
        """Why a network trained by this tells no score although the path is Gaussian, in one sentence; None if it does."""
        return None

    def passes(self, dimension: int) -> int:
        """Passes through the network that one step keeps in memory at a time."""
        return 1

    def learner(self, experiment: Experiment, network: FlatMLP, device: torch.device) -> Learner:
        """What computes the losses and gradients of training: a regression on batches drawn ahead."""
        from engine.learners.regression import RegressionLearner

        return RegressionLearner(experiment, network, device)

    def field(self, experiment: Any, weights: Tensor) -> LearnedField:
        """The field of a network trained by this, with the given flat weights (kept, not copied)."""
        from engine.fields.learned import LearnedField

        return LearnedField(experiment, weights)


class ObjectiveBase(ObjectiveCore, frozen=True, kw_only=True):
    """An objective whose times are drawn by a law of the user's choice."""

    time: Annotated[TimeSampler, Meta(description="How t is drawn in training.")] = UniformTime()

    def times(self, interval: Interval, batch: int, steps: int, rng: np.random.Generator, path: Any = None) -> Floats32:
        """t of ``steps`` batches, (steps, batch), on the closed interval, by the law chosen."""
        return self.time.draw(interval, batch, steps, rng, path)

    def weigh(self, path: Any, t: Scalar) -> Scalar:
        """w(t) times what the law of t asks for: elementwise."""
        weight: Weight | None = getattr(self, "weight", None)
        value = ones_like(t) if weight is None else weight.weight(path, t, self.prediction)
        return value * self.time.factor(t, path.interval(self.prediction), path)

    def refusal(self, experiment: Experiment) -> str | None:
        weight: Weight | None = getattr(self, "weight", None)
        path = experiment.field_path()
        return self.time.refusal(path) or (weight.refusal(path) if weight is not None else None)
