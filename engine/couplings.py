"""Couplings: how points of the source are paired with points of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from engine.choice import Choice

if TYPE_CHECKING:
    from engine.experiment import Experiment

Floats = NDArray[np.float64]

Reuse = Annotated[
    int,
    Meta(
        ge=1,
        le=1_000,
        description="How many steps use one pairing, each with fresh t and ε. Up to 16 changed neither W₂ nor path energy on 8 Gaussians.",
        extra={"unit": "steps"},
    ),
]
Together = Annotated[
    int,
    Meta(
        ge=2,
        le=2_048,
        description="How many points are paired at a time; the work grows as the power 2.4, a larger batch is paired in parts.",
        extra={"unit": "points", "log": True},
    ),
]


class CouplingBase(Choice, frozen=True, kw_only=True):
    """A joint law of (x0, x1) with the two given marginals."""

    paired: ClassVar[bool] = True
    """Whether x0 and x1 are dependent."""

    def refusal(self, experiment: Experiment) -> str | None:
        """Why this coupling does not go with the rest of the experiment, in one sentence; None if it does."""
        return None

    def match(self, x0: Floats, x1: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Pairs (x0, x1), (n, d) float64 each, of points that were drawn apart."""
        return x0, x1


class Independent(CouplingBase, tag="independent", frozen=True, kw_only=True):
    """x0 and x1 drawn apart."""

    label: ClassVar[str] = "Independent"
    summary: ClassVar[str] = "Source and data are drawn apart; the default."
    formula: ClassVar[str] = r"\nu = p_0 \otimes p_1"
    source: ClassVar[str] = "Lipman 2210.02747"
    paired: ClassVar[bool] = False


class OptimalTransport(CouplingBase, tag="optimal-transport", frozen=True, kw_only=True):
    """The permutation of a batch with the least sum of ||x0 - x1||^2."""

    label: ClassVar[str] = "Optimal transport"
    summary: ClassVar[str] = "Within each batch, the pairing with the least sum of squared distances."
    formula: ClassVar[str] = r"\min_{\pi}\ \sum_i \|x_0^i - x_1^{\pi(i)}\|^2"
    source: ClassVar[str] = "Tong 2302.00482; Pooladian 2304.14772"

    batch: Together = 256
    reuse: Reuse = 4

    def match(self, x0: Floats, x1: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """A permutation of x1: each point is used once."""
        from engine.transport import best_permutation

        return x0, x1[best_permutation(x0, x1)]


class Schrodinger(CouplingBase, tag="schrodinger", frozen=True, kw_only=True):
    """Entropic optimal transport of a batch with epsilon = 2 sigma^2: the ends of a Schrödinger bridge of noise sigma."""

    label: ClassVar[str] = "Schrödinger"
    summary: ClassVar[str] = "Entropic transport within each batch: how Brownian motion would most likely have linked the two."
    formula: ClassVar[str] = r"\min_{\pi}\ \mathbb{E}_\pi\|x_0 - x_1\|^2 + 2\sigma^2\,\mathrm{KL}(\pi\,|\,p_0\otimes p_1)"
    source: ClassVar[str] = "Tong 2307.03672"

    sigma: Annotated[
        float,
        Meta(
            ge=0.05,
            le=3,
            description="Noise of the Brownian motion, in standardised units: that of the bridge.",
            extra={"symbol": "σ", "log": True},
        ),
    ] = 0.5
    batch: Together = 256
    reuse: Reuse = 4

    def match(self, x0: Floats, x1: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Every x0 once, each with a partner drawn from its row of the entropic plan; epsilon = 2 sigma^2."""
        from engine.transport import draw_partners, entropic_plan

        return x0, x1[draw_partners(entropic_plan(x0, x1, 2.0 * self.sigma**2, tolerance=1e-3), rng)]

    def refusal(self, experiment: Experiment) -> str | None:
        from engine.interpolants import Bridge

        if isinstance(experiment.path, Bridge) and experiment.path.sigma == self.sigma:
            return None
        return f"The Schrödinger coupling with σ = {self.sigma:g} belongs to the Brownian bridge with the same σ, and to no other path."


Coupling = Independent | OptimalTransport | Schrodinger
