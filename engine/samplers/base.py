"""SamplerBase: what every sampler has, steps and a generator of states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.choice import Choice
from engine.samplers.grids import TimeGrid, UniformGrid

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath
    from engine.fields.base import Field


class SamplerBase(Choice, frozen=True, kw_only=True):
    """A way from t_min to t_max in ``steps`` steps."""

    stochastic: ClassVar[bool] = False
    evaluations_per_step: ClassVar[int] = 1

    steps: Annotated[int, Meta(ge=1, le=10_000, description="Steps from noise to data.", extra={"symbol": "N", "log": True})] = 50
    grid: Annotated[TimeGrid, Meta(description="Where the steps end.")] = UniformGrid()

    def solve(self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None) -> Iterator[Tensor]:
        """The state (n, d) after each step from times[k] to times[k + 1], starting at x0 (n, d); every state is a tensor of its own."""
        raise TypeError(f"{type(self).__name__} defines no solve")

    @property
    def evaluations(self) -> int:
        """Network evaluations of one run."""
        return self.steps * self.evaluations_per_step
