"""A Gaussian of any shape as a row of narrower ones that are as wide in every direction: what a raster can be blurred by, axis by axis.

With C = sum_k lambda_k v_k v_k^T and lambda the least of them, N(m, C) is N(0, lambda I) spread along the other axes by N(0, lambda_k -
lambda). The spread is summed by nodes at even steps: the trapezoid rule converges for a Gaussian as exp(-2 pi^2 v / h^2), v the variance
of the place on the row given the point, so steps of h = sqrt(v) leave 3e-9. Source: MATHS section 2, "named shapes are mixtures too".
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.densities.mixture import GaussianMixture

Floats = NDArray[np.float64]
_TAIL = 6.0
"""Standard deviations of the spread at which the row ends."""


def in_lines(mixture: GaussianMixture) -> GaussianMixture:
    """The mixture itself where its Gaussians are axis-parallel, else one of isotropic Gaussians with the same density to 1e-8."""
    if mixture.stds is not None:
        return mixture
    means, stds, weights = [], [], []
    for k, (variances, axes) in enumerate(_shapes(mixture)):
        least = variances[0]
        steps = [_row(variance - least, least) for variance in variances]
        places = np.stack([place.ravel() for place in np.meshgrid(*(places for places, _ in steps), indexing="ij")], axis=1)
        share = np.prod(np.meshgrid(*(shares for _, shares in steps), indexing="ij"), axis=0).ravel()
        means.append(mixture.means[k] + places @ axes.T)
        stds.append(np.full(places.shape, math.sqrt(least)))
        weights.append(mixture.weights[k] * share)
    return GaussianMixture(np.concatenate(means), stds=np.concatenate(stds), weights=np.concatenate(weights), note=mixture.note)


def nodes_of(mixture: GaussianMixture) -> int:
    """How many isotropic Gaussians stand for one of the mixture, at most."""
    if mixture.stds is not None:
        return 1
    return max(
        math.prod(len(_row(variance - variances[0], variances[0])[0]) for variance in variances) for variances, _ in _shapes(mixture)
    )


def _shapes(mixture: GaussianMixture) -> list[tuple[Floats, Floats]]:
    """Variances, least first, and axes (d, d) as columns, of every component."""
    shared = np.broadcast_to(mixture.covariances, (mixture.count, mixture.dimension, mixture.dimension))
    return [(values, axes) for values, axes in zip(*np.linalg.eigh(shared), strict=True)]


def _row(spread: float, least: float) -> tuple[Floats, Floats]:
    """Places and shares of nodes for N(0, spread) seen through N(0, least)."""
    if spread <= 1e-12 * least:
        return np.zeros(1), np.ones(1)
    step = math.sqrt(spread * least / (spread + least))
    count = math.ceil(_TAIL * math.sqrt(spread) / step)
    places: Floats = step * np.arange(-count, count + 1, dtype=np.float64)
    shares: Floats = np.exp(-0.5 * places**2 / spread)
    return places, shares / shares.sum()
