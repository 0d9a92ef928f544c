"""ClosedDensity: the two kinds of density whose marginals along a Gaussian path are known exactly (MATHS section 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from engine.densities.cells import Cells
    from engine.densities.mixture import GaussianMixture

Floats = NDArray[np.float64]


class ClosedDensity(Protocol):
    """What a target is made of: a Gaussian mixture (points and curves included) or a raster of uniform cells."""

    @property
    def note(self) -> str:
        """What was approximated, in one sentence; empty if nothing."""
        ...

    @property
    def dimension(self) -> int:
        """d."""
        ...

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """n independent draws, (n, d)."""
        ...

    def log_prob(self, x: Floats) -> Floats:
        """log p(x), nats, (n,)."""
        ...

    def mean(self) -> Floats:
        """E[x], (d,)."""
        ...

    def covariance(self) -> Floats:
        """Cov[x], (d, d)."""
        ...

    def bounds(self) -> tuple[Floats, Floats]:
        """Lowest and highest corner of a box that holds all but a negligible part, (d,) each."""
        ...

    def moved(self, shift: Floats, scale: Floats) -> GaussianMixture | Cells:
        """The density of (x - shift) / scale, per axis."""
        ...
