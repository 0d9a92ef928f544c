"""Objectives: what the network is asked to predict, and how its errors are weighed. ``Objective`` is the union of all."""

from __future__ import annotations

from engine.objectives.base import ObjectiveBase, ObjectiveCore
from engine.objectives.regression import Data, FlowMatching, Noise, Score, VPrediction

Objective = FlowMatching | Score | Noise | Data | VPrediction

__all__ = ["Data", "FlowMatching", "Noise", "Objective", "ObjectiveBase", "ObjectiveCore", "Score", "VPrediction"]
