"""Error parts: what ``engine.error_sources`` finds: means with their standard errors, and their paired differences."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.means import Mean
from engine.mode_masses import ModeMasses

if TYPE_CHECKING:
    from engine.samplers import SamplerBase

NAMES = {
    "floor": "Fresh draws of the data",
    "ideal": "Exact field, fine solver",
    "solver": "Exact field, this pane's solver",
    "network": "Network, fine solver",
    "pane": "This pane: network and its solver",
}
"""What people call each set of points; in this order."""


@dataclass(frozen=True)
class Rung:
    """The pane's solver on the exact field at some number of steps."""

    steps: int
    evaluations: int | None
    part: Mean
    """Its W2 less that of the fine solver on the same field."""
    off: float
    """How far the particles end from where the fine solver brings them, RMS, standardised units; NaN where it is that solver itself."""


@dataclass(frozen=True)
class Sources:
    """What is known so far; a new one after every slice of work."""

    n: int
    repeats: int
    learned: bool
    """Whether the pane shows a network; else its field is the exact one and all of its error the solver's."""
    sampler: SamplerBase
    w2: dict[str, Mean] = field(default_factory=dict)
    """By the names of ``NAMES``."""
    absent: dict[str, str] = field(default_factory=dict)
    """Why some of them cannot be."""
    fine: str = ""
    """The fine solver in words."""
    fine_change: float = math.nan
    """By how much its mean W2 changed when its steps were doubled last."""
    ladder: tuple[Rung, ...] = ()
    ladder_reason: str = ""
    modes: ModeMasses | None = None
    modes_reason: str = ""
    fraction: float = 0.0
    doing: str = ""

    def part(self, name: str) -> Mean | None:
        """What "network", "solver" or "pane" (both) adds to the ideal, paired; None where one of the two is not known."""
        if name not in self.w2 or "ideal" not in self.w2:
            return None
        return self.w2[name].minus(self.w2["ideal"])

    @property
    def ends(self) -> Mean | None:
        """What the ends of the path and the fine solver add to the floor: as good as nothing where p_0 is the start and the data smooth."""
        return self.w2["ideal"].minus(self.w2["floor"]) if {"ideal", "floor"} <= set(self.w2) else None


def sources_refusal(sampler: SamplerBase) -> str | None:
    """Why the errors of this sampler cannot be told apart, in one sentence; None if they can."""
    if sampler.group == "Langevin":
        return (
            f"{sampler.label} has no fine solver to be compared with: it walks about p at one time, and only more and smaller steps help."
        )
    return None
