"""Adapting: when one choice makes the experiment impossible, those that follow it in the order of thought give way. No Qt here."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from msgspec.structs import replace

from engine.couplings import Coupling
from engine.experiment import Experiment, ProbabilityPath
from engine.introspection import alternatives
from engine.objectives import Objective
from engine.sources import StandardGaussian

FOLLOWERS: dict[str, tuple[str, ...]] = {
    "target": ("source", "path", "objective"),
    "source": ("coupling", "path", "objective"),
    "coupling": ("path", "objective"),
    "path": ("coupling", "objective"),
}
"""Which parts may give way to a change of each; an objective gives way to all and nothing gives way to it: it is refused instead."""
UNIONS: dict[str, Any] = {"source": StandardGaussian, "coupling": Coupling, "path": ProbabilityPath, "objective": Objective}


def adapted(experiment: Experiment, changed: str) -> Experiment | None:
    """The experiment with as few other parts changed as make it possible; itself where it is; None where nothing helps."""
    if experiment.refusal() is None:
        return experiment
    followers = FOLLOWERS.get(changed, ())
    for part in followers:
        for option in _options(experiment, part, getattr(experiment, changed)):
            candidate = replace(experiment, **{part: option})
            if candidate.refusal() is None:
                return candidate
    for first, second in ((a, b) for a, b in product(followers, followers) if followers.index(a) < followers.index(b)):
        for one in _options(experiment, first, getattr(experiment, changed)):
            half = replace(experiment, **{first: one})
            for other in _options(half, second, one):
                candidate = replace(half, **{second: other})
                if candidate.refusal() is None:
                    return candidate
    return None


def words(before: Experiment, after: Experiment, reason: str) -> str:
    """``"Objective is now Flow matching: …"``, with the reason; empty where nothing gave way."""
    changed = [part for part in UNIONS if getattr(before, part) != getattr(after, part)]
    if not changed:
        return ""
    parts = [f"{part} is now {getattr(after, part).label}" for part in changed]
    sentence = " and ".join(parts)
    return f"{sentence[:1].upper()}{sentence[1:]}. {reason}"


def _options(experiment: Experiment, part: str, chosen: Any) -> Iterator[Any]:
    """What the part may become: itself with the numbers that ``chosen`` shares, then the other alternatives, likewise."""
    present = getattr(experiment, part)
    kinds = [type(present), *(kind for kind in alternatives(UNIONS[part]) if kind is not type(present))]
    for kind in kinds:
        own = {name: getattr(present, name) for name in kind.__struct_fields__} if kind is type(present) else {}
        try:
            yield kind(**{**own, **_shared(kind, chosen)})
        except TypeError:  # one that needs data of its own, such as the pairs of a trained model
            continue


def _shared(kind: Any, chosen: Any) -> dict[str, Any]:
    return {name: getattr(chosen, name) for name in ("sigma",) if name in kind.__struct_fields__ and hasattr(chosen, name)}
