"""TargetBase: what is to be learned. Samplable from a named seed, in the user's units, with a closed-form density behind it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from engine.choice import Choice, Problem
from engine.densities.classes import Classes, Labels
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

    def build_classes(self) -> Classes | None:
        """Make the labelled parts of the density, in the user's units; None where there are not two to eight. Kept like ``density``."""
        return None

    def labelled(self) -> Classes | None:
        """The labelled parts: names, weights and densities; None without labels."""
        return _classes_of(self)

    @property
    def classes(self) -> int:
        """How many labels the data carries, 2 to 8; 0 for none."""
        found = self.labelled()
        return 0 if found is None else len(found.parts)

    @property
    def label_names(self) -> tuple[str, ...]:
        """What people call each label; empty without labels."""
        found = self.labelled()
        return () if found is None else found.names

    def unnamed(self) -> Self:
        """The same law, its labels without names of their own: what is to be compared where names do not matter."""
        return self

    def label_refusal(self) -> str | None:
        """Why nothing can depend on a label here, in one sentence; None if it can."""
        if self.classes:
            return None
        return f"{self.label} carries no labels: paint in two colours, load a table with a label column, or take a shape of 2 to 8 parts."

    def of_class(self, k: int) -> ClosedDensity:
        """p(x|k) in the user's units, k from 0. Raises Problem for a label that is not there."""
        found = self.labelled()
        if found is None or not 0 <= k < len(found.parts):
            raise Problem(self.label_refusal() or f"There is no label {k + 1}: this target has {self.classes}.")
        return found.parts[k]

    def sample_labelled(self, n: int, rng: np.random.Generator) -> tuple[Floats, Labels]:
        """n independent draws with their labels, (n, d) in the user's units and (n,) int64 from 0. Raises Problem without labels."""
        found = self.labelled()
        if found is None:
            raise Problem(str(self.label_refusal()))
        return found.sample(n, rng)

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


@lru_cache(maxsize=8)
def _classes_of(target: TargetBase) -> Classes | None:
    return target.build_classes()
