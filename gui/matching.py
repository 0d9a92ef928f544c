"""Match evaluations: the steps at which every other pane costs as much as one of them. No Qt here."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from engine.evaluations import with_evaluations
from gui.document import PaneSettings, counted


@dataclass(frozen=True)
class Matched:
    """The panes as they should be (None: nothing changes), and one sentence about it."""

    panes: tuple[PaneSettings, ...] | None
    sentence: str


def matched(panes: tuple[PaneSettings, ...], index: int, budget: int | None) -> Matched:
    """All panes with about ``budget`` function evaluations, that of pane ``index``; who cannot be matched is named."""
    name = panes[index].sampler.label
    if len(panes) == 1:
        return Matched(None, "There is no other pane to match.")
    if budget is None:
        return Matched(None, f"{name} has not run yet: its evaluations are known after the run.")
    made, exact, near, stubborn = [], True, [], []
    for place, pane in enumerate(panes):
        other = pane.sampler if place == index else with_evaluations(pane.sampler, budget)
        if other is None:
            stubborn.append(pane.sampler.label)
        elif place != index:
            near.append(f"{other.label} {counted(other.steps, 'step')} ({other.evaluations})")
            exact = exact and other.evaluations == budget
        made.append(pane if other is None else replace(pane, sampler=other))
    left = f" {' and '.join(stubborn)}: the run decides how many it takes." if stubborn else ""
    if not near:
        return Matched(None, f"Nothing to match.{left}")
    how = "now have" if exact else "now have about"
    sentence = f"All panes {how} {counted(budget, 'evaluation')}, as {name} has: {', '.join(near)}.{left}"
    return Matched(tuple(made) if tuple(made) != panes else None, sentence)
