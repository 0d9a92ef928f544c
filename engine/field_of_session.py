"""The field that a session shows: its network, or the exact one of its target. Imports torch when called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.choice import Problem
from engine.session import Session

if TYPE_CHECKING:
    from engine.fields.base import Field


def field_of_session(session: Session, model: str | None = None, device: str = "auto") -> Field:
    """``model`` is "learned" or "exact"; None takes the network where there is one. The session's number of threads is set.

    Raises Problem: a network is asked for and there is none, an unknown device, a target without an exact field.
    """
    import torch

    from engine.devices import resolve

    torch.set_num_threads(session.experiment.training.threads)
    place = resolve(device)
    if model == "exact" or (model is None and session.state is None):
        from engine.fields.exact import exact_field_of

        return exact_field_of(session.experiment, device=place)
    if session.state is None:
        raise Problem("this session has no trained network; take the exact field (--model exact), or train it")
    from engine.fields.learned import load_field

    return load_field(session.experiment, session.state, place)
