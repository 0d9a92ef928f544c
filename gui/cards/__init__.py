"""Cards: one for each thing to decide, in the order of thought: target, source, path, objective, network, training.

Each has ``set_experiment(experiment)`` (says nothing) and the signal ``edited(experiment)`` with the whole new tree.
"""

from gui.cards.card import Card
from gui.cards.choices import NetworkCard, ObjectiveCard, PathCard, TrainingCard
from gui.cards.sampler import SamplerForm
from gui.cards.source import SourceCard
from gui.cards.target import TargetCard

__all__ = ["Card", "NetworkCard", "ObjectiveCard", "PathCard", "SamplerForm", "SourceCard", "TargetCard", "TrainingCard"]
