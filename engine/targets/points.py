"""Points: a table of numbers as a target, with an optional Gaussian on every point."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from engine.arrays import Array
from engine.choice import Problem
from engine.densities.mixture import GaussianMixture
from engine.targets.base import StandardiseField, TargetBase


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
    standardise: StandardiseField = "per-axis"

    def __post_init__(self) -> None:
        values, name = self.values.values, self.filename or "points"
        if values.ndim != 2 or values.shape[1] not in (2, 3) or values.dtype.kind not in "fiu":
            raise Problem(f"{name}: points need shape (n, 2) or (n, 3), real numbers; this is {values.dtype} {values.shape}")
        if self.columns and len(self.columns) != values.shape[1]:
            raise Problem(f"{name}: {len(self.columns)} column names for {values.shape[1]} columns")
        if len(values) < 2:
            raise Problem(f"{name} has {'one row' if len(values) else 'no rows'}; a target needs at least two")
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise Problem(f"{name}, row {row + 1}, column {self.axis_names[column]}: {values[row, column]} is not a finite number")
        low, high = values.min(axis=0), values.max(axis=0)
        largest = np.maximum(np.abs(low), np.abs(high))
        if largest.max() > 1e100:
            raise Problem(f"{name}, column {self.axis_names[int(largest.argmax())]}: {largest.max():g} is too large; at most 1e100")
        flat = high - low <= 1e-12 * largest
        if flat.all():
            raise Problem(f"{name}: all {len(values):,} rows are equal; a target needs some spread")
        if flat.any():
            axis = int(flat.argmax())
            raise Problem(f"{name}, column {self.axis_names[axis]}: every row is {low[axis]:g}; a target needs some spread along each axis")

    @property
    def axis_names(self) -> tuple[str, ...]:
        return self.columns or ("x", "y", "z")[: self.values.values.shape[1]]

    def build(self) -> GaussianMixture:
        values = self.values.values.astype(np.float64)
        variance = values.var(axis=0)
        if self.standardise != "per-axis":
            variance = np.full_like(variance, variance.mean())
        return GaussianMixture(values, stds=self.bandwidth * np.sqrt(variance))
