"""Mixture: a Gaussian mixture whose means, covariances and weights the user edits."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

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
