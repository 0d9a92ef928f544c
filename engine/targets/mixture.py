"""Mixture: a Gaussian mixture whose means, covariances and weights the user edits."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from engine.choice import Problem
from engine.densities.classes import Classes, classes_of_mixture
from engine.densities.mixture import GaussianMixture
from engine.targets.base import TargetBase

Vector = tuple[float, ...]
Matrix = tuple[Vector, ...]


class Mixture(TargetBase, tag="mixture", frozen=True, kw_only=True):
    """A Gaussian mixture in two or three dimensions."""

    label: ClassVar[str] = "Gaussian mixture"
    summary: ClassVar[str] = "Gaussians of your own: means, covariances, weights."
    formula: ClassVar[str] = r"p = \sum_k w_k\,\mathcal{N}(\mu_k, \Sigma_k)"
    source: ClassVar[str] = "Pearson 1894"

    means: Annotated[
        tuple[Vector, ...], Meta(min_length=1, max_length=64, description="Centre of each Gaussian.", extra={"symbol": "μ"})
    ] = (
        (-1.5, -0.5),
        (1.5, -0.5),
        (0.0, 1.5),
    )
    covariances: Annotated[
        tuple[Matrix, ...], Meta(min_length=1, max_length=64, description="Covariance of each Gaussian.", extra={"symbol": "Σ"})
    ] = (
        ((0.30, 0.18), (0.18, 0.20)),
        ((0.30, -0.18), (-0.18, 0.20)),
        ((0.50, 0.0), (0.0, 0.06)),
    )
    weights: Annotated[
        Vector, Meta(min_length=1, max_length=64, description="Mass of each Gaussian; any positive numbers.", extra={"symbol": "w"})
    ] = (
        1.0,
        1.0,
        1.0,
    )

    def __post_init__(self) -> None:
        d = len(self.means[0])
        if d not in (2, 3):
            raise Problem(f"mixture: a mean needs two or three numbers, not {d}")
        if not len(self.means) == len(self.covariances) == len(self.weights):
            counts = f"{len(self.means)} means, {len(self.covariances)} covariances, {len(self.weights)} weights"
            raise Problem(f"mixture: {counts}; there must be as many of each")
        for k, (mean, covariance, weight) in enumerate(zip(self.means, self.covariances, self.weights, strict=True), start=1):
            if len(mean) != d or len(covariance) != d or any(len(row) != d for row in covariance):
                raise Problem(f"mixture, Gaussian {k}: the mean needs {d} numbers and the covariance {d} rows of {d}")
            matrix = np.array(covariance)
            if not (np.isfinite(mean).all() and np.isfinite(matrix).all()):
                raise Problem(f"mixture, Gaussian {k}: NaN or Inf")
            if not np.allclose(matrix, matrix.T, rtol=1e-9, atol=0.0) or np.linalg.eigvalsh(matrix)[0] <= 1e-12 * np.trace(matrix):
                raise Problem(f"mixture, Gaussian {k}: the covariance must be symmetric and positive definite")
            if not 0 <= weight < float("inf"):
                raise Problem(f"mixture, Gaussian {k}: the weight must be a number from 0 on, not {weight:g}")
        if sum(self.weights) <= 0:
            raise Problem("mixture: at least one weight must be above 0")

    @property
    def axis_names(self) -> tuple[str, ...]:
        return ("x", "y", "z")[: len(self.means[0])]

    def build(self) -> GaussianMixture:
        return GaussianMixture(self.means, covariances=self.covariances, weights=self.weights)

    def build_classes(self) -> Classes | None:
        k = len(self.means)
        return classes_of_mixture(self.build(), range(k), [f"Gaussian {i + 1}" for i in range(k)])
