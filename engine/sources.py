"""Sources: the law of x0. A standard Gaussian in the inner coordinates, or any target, brought inside by the data's own frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.choice import Choice
from engine.densities.closed import ClosedDensity
from engine.densities.mixture import GaussianMixture
from engine.randomness import generator
from engine.targets import Target

if TYPE_CHECKING:
    from engine.experiment import Experiment

Floats = NDArray[np.float64]
BLOCK = 1_024
"""Points of a start are drawn in blocks of this many, each with a name of its own: point k does not depend on how many are drawn."""


class StandardGaussian(Choice, frozen=True, kw_only=True, tag="gaussian"):
    """x0 ~ N(0, I) in standardised coordinates."""

    label: ClassVar[str] = "Gaussian"
    summary: ClassVar[str] = "Standard normal noise in the data's own scale; the default."
    formula: ClassVar[str] = r"x_0 \sim \mathcal{N}(0, I)"
    source: ClassVar[str] = "Sohl-Dickstein 1503.03585"


Source = StandardGaussian | Target


@dataclass(frozen=True, eq=False)
class SourceLaw:
    """The law of x0 in standardised coordinates."""

    density: ClosedDensity
    standard: bool
    """Whether it is N(0, I)."""

    @property
    def mean(self) -> Floats:
        """E[x0], (d,)."""
        return self.density.mean()

    @property
    def covariance(self) -> Floats:
        """Cov[x0], (d, d)."""
        return self.density.covariance()

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """n independent draws, (n, d)."""
        return rng.standard_normal((n, self.density.dimension)) if self.standard else self.density.sample(n, rng)

    def start(self, n: int, seed: int) -> Floats:
        """n draws of which the k-th depends on (seed, k) alone, (n, d)."""
        if self.standard:
            return generator(seed, "start").standard_normal((n, self.density.dimension))
        blocks = [self.density.sample(BLOCK, generator(seed, "start", k)) for k in range(-(-n // BLOCK))]
        return np.concatenate(blocks)[:n] if blocks else np.zeros((0, self.density.dimension))


def source_law(experiment: Experiment) -> SourceLaw:
    """The experiment's source, moved into the standardised coordinates of its target."""
    if isinstance(experiment.source, StandardGaussian):
        return SourceLaw(GaussianMixture(np.zeros((1, experiment.target.dimension)), stds=1.0), True)
    frame = experiment.target.frame()
    return SourceLaw(experiment.source.density().moved(frame.shift, frame.scale), False)
