"""Names of runs, and in words what one run's settings have that another's have not. No Qt here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from engine.arrays import Array
from engine.choice import Choice
from engine.experiment import Experiment
from engine.past_run import PastRun


def auto_name(experiment: Experiment, taken: Iterable[str] = ()) -> str:
    """``"condot · flow-matching · 3×128"``, with a number behind it where that name is taken."""
    network = experiment.network
    parts = [experiment.path.name, experiment.objective.name, f"{network.depth}×{network.width}"]
    if experiment.coupling.paired:
        parts.insert(1, experiment.coupling.name)
    name, there = " · ".join(parts), set(taken)
    if name not in there:
        return name
    return next(numbered for n in range(2, len(there) + 3) if (numbered := f"{name} ({n})") not in there)


def differences(mine: Experiment, other: Experiment) -> list[str]:
    """What ``mine`` has where ``other`` has something else: ``["path: Trigonometric", "batch 512"]``; empty where they are the same."""
    return _differences(mine, other, "")


def _differences(mine: Any, other: Any, name: str) -> list[str]:
    if mine == other:
        return []
    if isinstance(mine, Choice) and type(mine) is not type(other):
        return [f"{_spaced(name)}: {mine.label}"]
    if isinstance(mine, msgspec.Struct) and type(mine) is type(other):
        found: list[str] = []
        for field in mine.__struct_fields__:
            found += _differences(getattr(mine, field), getattr(other, field), field)
        return found if found and not any("other values" in part for part in found) else [f"{_spaced(name)}: another {_kind(mine)}"]
    if isinstance(mine, Array | tuple | list | dict):
        return ["other values"]
    return [f"{_spaced(name)} {_value(mine)}"]


def _kind(value: Any) -> str:
    return value.label.lower() if isinstance(value, Choice) else "one"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def difference_words(run: PastRun, present: Experiment) -> str:
    """One line for the list."""
    found = differences(run.experiment, present)
    return " · ".join(found) if found else "as now"
