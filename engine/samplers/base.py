"""SamplerBase: what every sampler has: steps, a time grid, its needs and a generator of states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.choice import Choice
from engine.samplers.grids import TimeGrid, UniformGrid
from engine.samplers.needs import Need, OnPath, beside, path_of

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath
    from engine.experiment import Experiment
    from engine.fields.base import Field


@dataclass
class Record:
    """What only the run itself can tell; a sampler fills it in before its last state."""

    evaluations: int | None = None
    """Function evaluations of the field, of one particle, where they do not follow from the number of steps."""
    note: str | None = None
    """What went wrong, in one sentence."""
    remark: str | None = None
    """What is worth knowing, in a few words."""


class SamplerBase(Choice, frozen=True, kw_only=True):
    """A way from t_min to t_max in ``steps`` steps."""

    group: ClassVar[str] = "ODE"
    stochastic: ClassVar[bool] = False
    """Whether it draws random numbers on the way, from a BrownianPath (which also names the seed)."""
    evaluations_per_step: ClassVar[int] = 1
    order: ClassVar[float] = 1.0
    """Order of convergence on smooth fields: of the error at the end for an ODE, the strong order for an SDE; 0 where there is none."""
    needs: ClassVar[tuple[Need, ...]] = ()
    """What the experiment or field must have (engine.samplers.needs)."""
    remedy: ClassVar[str] = "take more steps, or less noise"
    """What to do where particles are lost."""

    steps: Annotated[int, Meta(ge=1, le=10_000, description="Steps from noise to data.", extra={"symbol": "N", "log": True})] = 50
    grid: Annotated[TimeGrid, Meta(description="Where the steps end.")] = UniformGrid()

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        """The state (n, d) after each step from times[k] to times[k + 1], starting at x0 (n, d); every state is a tensor of its own."""
        raise TypeError(f"{type(self).__name__} defines no solve")

    def refusal(self, subject: Experiment | Field) -> str | None:
        """Why this sampler cannot be used on this experiment's network, or on this field, in one sentence; None if it can.

        What a model of two heads does not give along its own path, it may give along the Gaussian one beside it.
        """
        reason, other = self.refusal_on(subject), beside(subject)
        return reason if reason is None or other is None or self.refusal_on(other) is not None else None

    def refusal_on(self, subject: Experiment | Field | OnPath) -> str | None:
        """The same of the subject's own path alone."""
        for need in self.needs:
            reason = need(subject, self.label)
            if reason:
                return reason
        return self.grid.refusal(path_of(subject))

    def runs_on(self, field: Field) -> Field:
        """The field itself, or, where only that will do, the one of the Gaussian path beside it."""
        from engine.fields.beside import BesideField

        other = beside(field)
        if other is None or self.refusal_on(field) is None or self.refusal_on(other) is not None:
            return field
        return BesideField(field, other.path)

    @property
    def noisy(self) -> bool:
        """Whether these settings add noise on the way; without it the sampler follows the probability flow."""
        return self.stochastic

    @property
    def evaluations(self) -> int | None:
        """Function evaluations of one run of ``solve``; None if only the run can tell (``Record.evaluations``)."""
        return self.steps * self.evaluations_per_step

    @property
    def words(self) -> str:
        """What a caption says besides the steps, e.g. ``"η = 0.5"``; may be empty."""
        return ""
