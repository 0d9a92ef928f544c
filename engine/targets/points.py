"""Points: a table of numbers as a target, with an optional Gaussian on every point."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.arrays import Array
from engine.targets.base import Standardise, TargetBase


class Points(TargetBase, tag="points", frozen=True, kw_only=True):
    """The empirical distribution of a table, smoothed by a Gaussian kernel if ``bandwidth`` > 0."""

    label: ClassVar[str] = "Points"
    summary: ClassVar[str] = "The rows of a table, each with the same mass."
    formula: ClassVar[str] = r"p = \tfrac{1}{n}\sum_{k} \mathcal{N}(z_k,\ h^2\,\mathrm{diag}(\mathrm{var}))"
    source: ClassVar[str] = "Parzen 1962 (kernel density)"

    values: Annotated[Array, Meta(description="The rows, float64 (n, d), in the table's units.")]
    columns: Annotated[tuple[str, ...], Meta(description="Names of the axes.")] = ()
    bandwidth: Annotated[
        float,
        Meta(
            ge=0,
            le=2,
            description="Standard deviation of the Gaussian on every point, as a share of the data's own spread; 0 for bare points.",
            extra={"symbol": "h", "unit": "std"},
        ),
    ] = 0.0
    filename: Annotated[str, Meta(description="Where the table came from.")] = ""
    standardise: Annotated[
        Standardise, Meta(description="How the data is scaled inside: none, one factor for all axes, or one for each.")
    ] = "per-axis"
