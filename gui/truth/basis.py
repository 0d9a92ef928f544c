"""Basis: what a measurement is of: the pane, its law, its sampler and the network it shows; and why it cannot be measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.choice import Problem
from engine.experiment import Experiment
from engine.guidance import Guidance, NoGuidance
from gui.document import counted, pane_title
from gui.runs import Snapshot

if TYPE_CHECKING:
    from gui.lab import Lab

UNTRAINED = "Nothing is trained yet: press Train in the lab, then measure."


@dataclass(frozen=True)
class Basis:
    """Two equal ones give the same numbers."""

    law: Experiment
    """Target, source, coupling, path and start."""
    sampler: Any
    snapshot: Snapshot | None
    """The network that the pane shows; None: the exact field."""
    network: Snapshot | None
    """The pane's network, or where it shows the exact field the one that is trained."""
    guidance: Guidance

    def exact_refusal(self) -> str | None:
        """Why there is no exact field to measure against, in one sentence."""
        from engine.fields.exact import exact_refusal

        return exact_refusal(self.law)

    def refusal(self) -> str | None:
        """Why nothing of this pane can be measured, in one sentence; None if something can."""
        if not isinstance(self.guidance, NoGuidance):
            return "This pane is steered towards a label, and the truth here is of all the data: take its guidance away to measure it."
        return self.exact_refusal()

    @property
    def words(self) -> str:
        """``"8 Gaussians · Heun, 50 steps · network at step 1 200"``."""
        model = "exact field" if self.snapshot is None else _step_words(self.snapshot)
        own = [self.sampler.words] if self.sampler.words else []
        return " · ".join([self.law.target.label, f"{self.sampler.label}, {counted(self.sampler.steps, 'step')}", *own, model])

    @property
    def field_words(self) -> str:
        """Of the network alone: ``"8 Gaussians · CondOT · network at step 1 200"``."""
        network = [] if self.network is None else [_step_words(self.network)]
        return " · ".join([self.law.target.label, self.law.path.label, *network])


def basis_of(lab: Lab, pane: int) -> Basis:
    """What pane ``pane`` shows, or should show, now."""
    request = lab.simulation.request_of(pane)
    network = request.snapshot if request.snapshot is not None else lab.training.snapshot
    return Basis(request.law, request.sampler, request.snapshot, network, request.guidance)


def pane_words(lab: Lab) -> list[str]:
    """The panes by number and name."""
    return [f"Pane {index + 1}: {pane_title(settings.sampler)}" for index, settings in enumerate(lab.model.document.panes)]


def must(reason: str | None) -> None:
    """Raises Problem with the reason, if there is one."""
    if reason:
        raise Problem(reason)


def _step_words(snapshot: Snapshot) -> str:
    return f"network at step {snapshot.step:,}".replace(",", "\u202f")
