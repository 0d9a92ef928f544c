"""Networks told labels: which can be, what they are told, and that all of them train."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from engine.couplings import OptimalTransport
from engine.experiment import Experiment, Training
from engine.guidance import ClassifierFree, guide
from engine.interpolants import Interpolant
from engine.introspection import alternatives, tag_of
from engine.labels import LabelCondition
from engine.networks import MLP
from engine.objectives import Data, ImplicitScore, MarginalFlowMatching, Noise, Objective, Score, StochasticInterpolant, VPrediction
from engine.overrides import apply
from engine.paths import GaussianPath
from engine.samplers import Heun
from engine.schedules import VPCosine
from engine.simulation import simulate
from engine.targets import SwissRoll
from engine.training import Trainer
from tests.engine.test_guidance import SMALL, two_blobs


@pytest.mark.parametrize("objective", [Score(), Noise(), Data(), VPrediction(), StochasticInterpolant()], ids=lambda choice: choice.name)
def test_every_regression_takes_labels(objective: Objective) -> None:
    path = Interpolant() if objective.heads == 2 else VPCosine()
    experiment = replace(SMALL, objective=objective, path=path)
    assert experiment.refusal() is None
    trainer = Trainer(experiment)
    for step in trainer.run(until=20):
        assert np.isfinite(step.losses).all()
    field = guide(trainer.field(), experiment, ClassifierFree(scale=2.0), n=30, seed=0)
    *_, last = simulate(field, Heun(steps=4), n=30, seed=0)
    assert torch.isfinite(last.x).all()


def test_labels_are_told_and_now_and_then_hidden() -> None:
    """The last K + 1 inputs of a block are one-hot; the share of hidden ones is within 4 s.e. of the dropout, n = 8,192."""
    from engine.batches import Batches

    batches = Batches(SMALL, torch.device("cpu"))
    block = batches.block(0)
    columns = block.inputs[:, -3:].numpy()
    n = len(columns)
    assert columns.shape == (n, 3)
    assert np.array_equal(columns.sum(axis=1), np.ones(n))
    hidden = columns[:, 2].mean()
    assert abs(hidden - 0.2) < 4 * math.sqrt(0.16 / n)
    assert columns[:, 0].sum() / columns[:, :2].sum() == pytest.approx(0.75, abs=4 * math.sqrt(0.1875 / (0.8 * n)))
    again = Batches(SMALL, torch.device("cpu")).block(0)
    assert torch.equal(block.inputs, again.inputs)


@pytest.mark.parametrize(
    ("experiment", "says"),
    [
        (replace(SMALL, target=SwissRoll()), "Swiss roll carries no labels"),
        (replace(SMALL, coupling=OptimalTransport()), "pairs points without their labels"),
        (replace(SMALL, objective=ImplicitScore()), "trains without labels"),
        (replace(SMALL, objective=MarginalFlowMatching()), "trains without labels"),
    ],
)
def test_conditions_refused(experiment: Experiment, says: str) -> None:
    reason = experiment.refusal()
    assert reason is not None
    assert says in reason
    assert reason.endswith(".")


def test_the_condition_is_set_by_name() -> None:
    experiment = apply(Experiment(), ["condition=labels", "condition.dropout=0.25"])
    assert experiment.condition == LabelCondition(dropout=0.25)
    assert experiment.sizes()[0] == Experiment().sizes()[0] + 9
    assert isinstance(experiment.gaussian_path(), GaussianPath)


@pytest.mark.parametrize("objective", [tag_of(kind) for kind in alternatives(Objective)])
def test_labels_with_everything_else_train_or_are_refused(objective: str) -> None:
    """On four paths, two sources and two couplings: told labels it trains 2 steps to a finite loss, or a sentence says why not."""
    tiny = Experiment(target=two_blobs(), network=MLP(width=8, depth=1, space_features=2, time_features=2), training=Training(batch=16))
    trained_ones = 0
    for path in ("condot", "vp-cosine", "interpolant", "bridge"):
        for source in ("gaussian", "moons"):
            for coupling in ("independent", "optimal-transport"):
                sets = [f"path={path}", f"source={source}", f"coupling={coupling}", f"objective={objective}", "condition=labels"]
                experiment = apply(tiny, sets)
                reason = experiment.refusal()
                if reason is not None:
                    assert reason.endswith("."), sets
                    assert "\n" not in reason
                    continue
                trainer = Trainer(experiment)
                for step in trainer.run(until=2):
                    assert np.isfinite(step.losses).all(), sets
                assert torch.isfinite(trainer.field().with_label(1)(torch.zeros(3, 2), 0.5)).all(), sets
                trained_ones += 1
    takes = apply(tiny, [f"objective={objective}"]).objective.takes_labels
    assert (trained_ones > 0) == takes
