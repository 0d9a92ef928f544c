"""Conditions: whether the network is told the label of the data. Structs only; torch comes with engine.label_embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.choice import Choice

if TYPE_CHECKING:
    from engine.experiment import Experiment


class ConditionBase(Choice, frozen=True, kw_only=True):
    """What the network knows besides x and t."""

    conditional: ClassVar[bool] = False
    """Whether the network is fed a label."""

    def inputs(self, experiment: Experiment) -> int:
        """Numbers that the network is fed for it."""
        return 0

    def refusal(self, experiment: Experiment) -> str | None:
        """Why this experiment cannot be conditioned so, in one sentence; None if it can."""
        return None


class Unconditional(ConditionBase, tag="unconditional", frozen=True, kw_only=True):
    """f(x, t): one network for all the data."""

    label: ClassVar[str] = "Unconditional"
    summary: ClassVar[str] = "The network is told nothing but the point and the time; the default."
    formula: ClassVar[str] = r"f_\theta(x, t)"
    source: ClassVar[str] = "Ho 2006.11239"


class LabelCondition(ConditionBase, tag="labels", frozen=True, kw_only=True):
    """f(x, t, y), y one of K labels or, for a share of the draws, "no label": one network for p(x|y) and p(x)."""

    label: ClassVar[str] = "By label"
    summary: ClassVar[str] = "The network is told the label too; dropping it now and then teaches the same network what it is like without."
    formula: ClassVar[str] = r"f_\theta(x, t, y),\quad y \leftarrow \varnothing\ \text{with probability}\ p"
    source: ClassVar[str] = "Ho & Salimans 2207.12598; Chen, Tutorial on generative model, 4.3.2"
    conditional: ClassVar[bool] = True

    dropout: Annotated[
        float, Meta(ge=0.01, le=0.9, description="Share of the draws whose label is hidden from the network.", extra={"symbol": "p"})
    ] = 0.1

    def inputs(self, experiment: Experiment) -> int:
        """One for each label, and one for "no label"."""
        return experiment.target.classes + 1

    def refusal(self, experiment: Experiment) -> str | None:
        reason = experiment.target.label_refusal()
        if reason:
            return reason
        if experiment.coupling.paired or experiment.path.paired:
            how = experiment.path.label if experiment.path.paired else f"the coupling ({experiment.coupling.label})"
            return f"Labels are drawn with the data, and {how} pairs points without their labels: take the independent coupling."
        if not experiment.objective.takes_labels:
            return f"{experiment.objective.label} trains without labels: take an objective that regresses, such as flow matching."
        return None


Condition = Unconditional | LabelCondition
