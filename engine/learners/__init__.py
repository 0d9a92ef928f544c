"""Learners: from an objective to the losses and gradients of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from engine.experiment import Experiment
    from engine.flat_mlp import FlatMLP
    from engine.learners.base import Learner


def learner(experiment: Experiment, network: FlatMLP, device: torch.device) -> Learner:
    """The learner of the experiment's objective; it leaves its gradients in ``network.gradient``."""
    return experiment.objective.learner(experiment, network, device)
