"""Checkpoint: the averaged weights at one step of training."""

from __future__ import annotations

from dataclasses import dataclass

from engine.training_state import Flat


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The averaged weights at one step of training."""

    step: int
    ema: Flat
    """(P,) float32."""
