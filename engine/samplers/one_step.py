"""Jumps by the average velocity of a one-step model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from engine.samplers.base import Record, SamplerBase
from engine.samplers.needs import Need, average

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath
    from engine.fields.base import Field


class OneStep(SamplerBase, tag="one-step", frozen=True, kw_only=True):
    """x_t = x_r + (t - r) u(x_r, r, t), u the velocity averaged over [r, t] along the flow: exact for an exact u, however few the jumps."""

    label: ClassVar[str] = "One step"
    summary: ClassVar[str] = "Jumps from noise to data at once, by a model that learned the average velocity."
    formula: ClassVar[str] = r"x_t = x_r + (t - r)\,\bar u(x_r, r, t),\quad \bar u = \frac{1}{t-r}\int_r^t u_\tau(x_\tau)\,d\tau"
    source: ClassVar[str] = "Geng 2505.13447"
    group: ClassVar[str] = "One step"
    order: ClassVar[float] = 0.0
    needs: ClassVar[tuple[Need, ...]] = (average,)
    remedy: ClassVar[str] = "train longer"

    steps: Annotated[int, Meta(ge=1, le=10_000, description="Jumps from noise to data.", extra={"symbol": "N", "log": True})] = 1

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        import torch

        model: Any = field
        x = x0
        for t, end in pairwise(times):
            with torch.no_grad():
                x = x.add(model.average(x, t, end), alpha=end - t)
            yield x
