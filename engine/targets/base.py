"""TargetBase: what is to be learned. Samplable from a named seed, in the user's units, with a closed-form density behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from engine.choice import Choice
from engine.densities.closed import ClosedDensity

Floats = NDArray[np.float64]
Standardise = Literal["none", "isotropic", "per-axis"]
StandardiseField = Annotated[
    Standardise, Meta(description="How the data is scaled inside: none, one factor for all axes, or one for each.")
]


@dataclass(frozen=True)
class Frame:
    """The affine map between the user's units and the standardised coordinates: x_std = (x - shift) / scale, per axis."""

    shift: Floats
    scale: Floats

    def inward(self, x: Floats) -> Floats:
        """User's units to standardised coordinates, (n, d)."""
        return (x - self.shift) / self.scale

    def outward(self, x: Floats) -> Floats:
        """Standardised coordinates to the user's units, (n, d), float64."""
        return np.asarray(x, dtype=np.float64) * self.scale + self.shift

    @property
    def log_det(self) -> float:
        """log |det d x_user / d x_std| = sum log scale: log p_user = log p_std - log_det."""
        return float(np.sum(np.log(self.scale)))


class TargetBase(Choice, frozen=True, kw_only=True):
    """A distribution on R^d. Subclasses give ``build()``; sampling, log_prob, moments and the frame follow from it."""

    axes: ClassVar[tuple[str, ...]] = ("x", "y")
    """Names of the axes, with unit where known, in the user's terms."""

    standardise: StandardiseField = "isotropic"

    def build(self) -> ClosedDensity:
        """Make the closed form behind the samples, in the user's units; ``density`` keeps it."""
        raise TypeError(f"{type(self).__name__} defines no density")

    def density(self) -> ClosedDensity:
        """The closed form behind the samples, in the user's units. The last few are kept; making one costs at most a second."""
        return _density_of(self)

    @property
    def axis_names(self) -> tuple[str, ...]:
        """One name an axis, in the user's terms."""
        return self.axes

    @property
    def note(self) -> str:
        """What a user should know about how this target was made, in one sentence; empty if nothing."""
        return self.density().note

    @property
    def dimension(self) -> int:
        """d, 2 or 3."""
        return len(self.axis_names)

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """n independent draws, (n, d) float64, in the user's units."""
        return self.density().sample(n, rng)

    def log_prob(self, x: Floats) -> Floats:
        """log p(x) in nats in the user's units, (n,); -inf outside the support."""
        return self.density().log_prob(x)

    def frame(self) -> Frame:
        """The standardisation that ``standardise`` asks for, from the exact mean and covariance."""
        density = self.density()
        mean, cov = density.mean(), density.covariance()
        d = len(mean)
        if self.standardise == "none":
            return Frame(np.zeros(d), np.ones(d))
        variance = np.diagonal(cov)
        if self.standardise == "isotropic":
            variance = np.full(d, variance.mean())
        return Frame(mean, np.sqrt(variance))


@lru_cache(maxsize=8)
def _density_of(target: TargetBase) -> ClosedDensity:
    return target.build()
