"""What a pane's job does: which network it is about, its slices, and what only the run can tell. No Qt here."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Protocol

from engine.experiment import Experiment
from gui.document import PaneSettings, counted
from gui.runs import Fields, Refused, Run, RunRequest, Snapshot, run, target_data
from shaders.scene import PaneData

FEW = 1_000
"""Particles of the first glimpse that an empty pane gets."""

RunOf = Callable[[str], tuple[Experiment, Snapshot] | None]
"""The experiment and the network of a finished run, by its key; None where there is none."""


class Telling(Protocol):
    """Who is told how far a run is."""

    fraction: float


def network_of(
    settings: PaneSettings, experiment: Experiment, snapshot: Snapshot | None, run_of: RunOf
) -> tuple[Experiment, Snapshot | None, str]:
    """(experiment, network, reason): whose law and which weights a pane shows; the reason, if it cannot, in one sentence."""
    if settings.model == "exact":
        return experiment, None, ""
    if settings.run is None:
        return experiment, snapshot, ""
    found = run_of(settings.run)
    if found is None:
        return experiment, None, "The run that was shown here is no longer in the list."
    own, mine = found[0].target.dimension, experiment.target.dimension
    if own != mine:
        return experiment, None, f"This run is in {own} dimensions and the stage in {mine}: restore the run to look at it."
    return (*found, "")


def slices(
    pane: Telling, request: RunRequest, fields: Fields, *, few_first: bool, own_target: bool = False
) -> Generator[Run | Refused | None, None, None]:
    """The job of a pane. One that shows nothing yet gets a few of its particles at once; they are the first of those that follow."""
    pane.fraction = 0.0
    backdrop = None
    if own_target and not request.reason:
        backdrop = target_data(request.law.target, request.law.source)
        yield None
    if few_first:
        for value in run(replace(request, particles=FEW), fields):
            yield _with(value, backdrop) if isinstance(value, Run | Refused) else None
    for value in run(request, fields):
        if isinstance(value, float):
            pane.fraction = value
        yield _with(value, backdrop) if isinstance(value, Run | Refused) else None


def _with(value: Run | Refused, backdrop: PaneData | None) -> Run | Refused:
    return replace(value, backdrop=backdrop) if isinstance(value, Run) and backdrop is not None else value


def measured_words(run: Run) -> str:
    """What only the run could tell, for the caption: ``"86 evaluations"``; empty where the sampler knows it beforehand."""
    if run.remark or run.request.sampler.evaluations is not None:
        return run.remark
    return "" if run.evaluations is None else counted(run.evaluations, "evaluation")
