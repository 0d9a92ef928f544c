"""Objectives: what the network is asked to predict, and how its errors are weighed. ``Objective`` is the union of all."""

from __future__ import annotations

from engine.objectives.base import ObjectiveBase, ObjectiveCore
from engine.objectives.ddpm import DDPM
from engine.objectives.joint import FlowAndScore, StochasticInterpolant
from engine.objectives.likelihood import Likelihood
from engine.objectives.marginal import MarginalFlowMatching
from engine.objectives.one_step import OneStep
from engine.objectives.regression import Data, FlowMatching, Noise, Score, VPrediction
from engine.objectives.score_matching import ExplicitScore, ImplicitScore, SlicedScore

Objective = (
    FlowMatching
    | MarginalFlowMatching
    | Score
    | Noise
    | Data
    | VPrediction
    | ExplicitScore
    | ImplicitScore
    | SlicedScore
    | DDPM
    | Likelihood
    | StochasticInterpolant
    | FlowAndScore
    | OneStep
)

__all__ = [
    "DDPM",
    "Data",
    "ExplicitScore",
    "FlowAndScore",
    "FlowMatching",
    "ImplicitScore",
    "Likelihood",
    "MarginalFlowMatching",
    "Noise",
    "Objective",
    "ObjectiveBase",
    "ObjectiveCore",
    "OneStep",
    "Score",
    "SlicedScore",
    "StochasticInterpolant",
    "VPrediction",
]
