"""SamplerBase: what every sampler has, steps and a generator of states."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.choice import Choice


class SamplerBase(Choice, frozen=True, kw_only=True):
    """A way from t_min to t_max in ``steps`` steps."""

    stochastic: ClassVar[bool] = False
    evaluations_per_step: ClassVar[int] = 1

    steps: Annotated[int, Meta(ge=1, le=10_000, description="Steps from noise to data.", extra={"symbol": "N", "log": True})] = 50

    @property
    def evaluations(self) -> int:
        """Network evaluations of one run."""
        return self.steps * self.evaluations_per_step
