"""What a sampler needs of the experiment or field it is used on. Each need is a function that says why it is not met, or None if it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.choice import Problem
from engine.paths import GaussianPath, Path

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.fields.base import Field

Need = Callable[[Any, str], str | None]
"""(experiment or field, the sampler's label) -> one sentence, or None."""


def path_of(subject: Experiment | Field | OnPath) -> Path:
    """The path of the field: of an experiment, that of its network."""
    own = getattr(subject, "field_path", None)
    found: Path = subject.path if own is None else own()
    return found


class OnPath:
    """An experiment's network as that of a Gaussian path alone: what ``BesideField`` is of its field."""

    def __init__(self, path: GaussianPath) -> None:
        self.path = path


def beside(subject: Experiment | Field) -> OnPath | None:
    """What a model of two heads is besides, where its path has the marginals of a Gaussian one."""
    own = getattr(subject, "gaussian_beside", None)
    path: GaussianPath | None = None if own is None else own()
    return None if path is None else OnPath(path)


def gaussian_path(subject: Experiment | Field) -> GaussianPath:
    """The Gaussian path of a subject that ``gaussian`` has nothing against. Raises Problem for another."""
    path = path_of(subject)
    if not isinstance(path, GaussianPath):
        raise Problem(f"{path.label} is not a Gaussian path.")
    return path


def score(subject: Experiment | Field, label: str) -> str | None:  # noqa: ARG001  # all needs have one form
    """s_t = grad log p_t."""
    own = getattr(subject, "score_refusal", subject.path.score_refusal)
    reason: str | None = own()
    return reason


def gaussian(subject: Experiment | Field, label: str) -> str | None:
    """x = alpha D + beta E: a standard normal source, independent of the data."""
    if isinstance(path_of(subject), GaussianPath):
        return None
    return (
        f"{label} needs a Gaussian path: a schedule, or a path that has the same marginals, from a Gaussian source independent of the data."
    )


def density(subject: Experiment | Field, label: str) -> str | None:
    """log p_t, which only an exact field has."""
    if getattr(subject, "log_prob", None) is not None:
        return None
    return f"{label} needs log p to accept or reject, and a network gives none: use the exact model, or ULA."


def average(subject: Experiment | Field, label: str) -> str | None:
    """The velocity averaged over a time interval, which only a one-step model has."""
    objective = getattr(subject, "objective", None)
    if getattr(subject, "average", None) is not None or getattr(objective, "second_time", False):
        return None
    return f"{label} jumps with the average velocity, which only a model trained with the one-step objective gives."
