"""Points: a table of numbers as a target, with an optional Gaussian on every point."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from engine.arrays import Array
from engine.choice import Problem
from engine.densities.classes import MOST_LABELS, Classes, classes_of_mixture
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
    labels: Annotated[Array | None, Meta(description="The label of each row, whole numbers from 0, (n,).")] = None
    names: Annotated[tuple[str, ...], Meta(max_length=8, description="What each label is called in the table.")] = ()
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

        self._check_labels(name)

    def _check_labels(self, name: str) -> None:
        labels = None if self.labels is None else self.labels.values
        if labels is None:
            if self.names:
                raise Problem(f"{name}: names of labels, and no labels")
            return
        if labels.shape != (len(self.values.values),) or labels.dtype.kind not in "iu":
            raise Problem(f"{name}: labels need one whole number for each of the {len(self.values.values)} rows, not {labels.shape}")
        if not 2 <= len(self.names) <= MOST_LABELS or not np.array_equal(np.unique(labels), np.arange(len(self.names))):
            raise Problem(f"{name}: labels must be 0 … K − 1, each of them there, with K names, K from 2 to {MOST_LABELS}")

    @property
    def axis_names(self) -> tuple[str, ...]:
        return self.columns or ("x", "y", "z")[: self.values.values.shape[1]]

    def build(self) -> GaussianMixture:
        values = self.values.values.astype(np.float64)
        variance = values.var(axis=0)
        if self.standardise != "per-axis":
            variance = np.full_like(variance, variance.mean())
        return GaussianMixture(values, stds=self.bandwidth * np.sqrt(variance))

    def build_classes(self) -> Classes | None:
        return None if self.labels is None else classes_of_mixture(self.build(), self.labels.values, self.names)
