"""Named shapes in the plane.

Each is a Gaussian mixture (curves by quadrature) or a raster of uniform squares, and is sampled from that closed form.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from engine.densities.cells import Cells
from engine.densities.classes import MOST_LABELS, Classes, classes_of_mixture
from engine.densities.mixture import GaussianMixture
from engine.targets.base import TargetBase
from engine.targets.quadrature import Curve, noisy_curves

Floats = NDArray[np.float64]

Noise = Annotated[
    float, Meta(ge=0.02, le=2, description="Standard deviation of the Gaussian noise around the curve.", extra={"symbol": "τ", "log": True})
]


def _numbered(noun: str, count: int) -> tuple[str, ...]:
    return tuple(f"{noun} {k + 1}" for k in range(count))


def _by_groups(mixture: GaussianMixture, names: tuple[str, ...]) -> Classes | None:
    """A label for each curve of a shape."""
    assert mixture.groups is not None
    return classes_of_mixture(mixture, mixture.groups, names)


class EightGaussians(TargetBase, tag="8gaussians", frozen=True, kw_only=True):
    """Equal isotropic Gaussians on a circle."""

    label: ClassVar[str] = "8 Gaussians"
    summary: ClassVar[str] = "Equal Gaussians evenly on a circle."
    formula: ClassVar[str] = r"p = \tfrac{1}{m}\sum_{k=1}^{m} \mathcal{N}(r\,(\cos\tfrac{2\pi k}{m}, \sin\tfrac{2\pi k}{m}),\ \tau^2 I)"
    source: ClassVar[str] = "torchcfm (radius 5, variance √0.1)"

    modes: Annotated[int, Meta(ge=1, le=64, description="How many Gaussians.", extra={"symbol": "m"})] = 8
    radius: Annotated[float, Meta(gt=0, le=100, description="Radius of the circle.", extra={"symbol": "r"})] = 5.0
    std: Annotated[float, Meta(ge=0.001, le=10, description="Standard deviation of each Gaussian.", extra={"symbol": "τ", "log": True})] = (
        0.562
    )

    def build(self) -> GaussianMixture:
        angle = 2.0 * math.pi * np.arange(self.modes) / self.modes
        return GaussianMixture(self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), stds=self.std)

    def build_classes(self) -> Classes | None:
        return classes_of_mixture(self.build(), range(self.modes), _numbered("Gaussian", self.modes))


class Moons(TargetBase, tag="moons", frozen=True, kw_only=True):
    """Two half circles that reach into each other."""

    label: ClassVar[str] = "Moons"
    summary: ClassVar[str] = "Two half circles that reach into each other."
    formula: ClassVar[str] = (
        r"r(\cos\theta, \sin\theta),\quad r(1-\cos\theta, \tfrac{g}{r}-\sin\theta),\quad \theta\in[0,\pi],\ +\,\mathcal{N}(0,\tau^2 I)"
    )
    source: ClassVar[str] = "scikit-learn make_moons"

    radius: Annotated[float, Meta(ge=0.5, le=10, description="Radius of both half circles.", extra={"symbol": "r"})] = 1.0
    gap: Annotated[
        float, Meta(ge=-2, le=2, description="Height of the lower moon's centre above the upper one's.", extra={"symbol": "g"})
    ] = 0.5
    noise: Noise = 0.05

    def build(self) -> GaussianMixture:
        r = self.radius

        def upper(u: Floats) -> Floats:
            return r * np.stack([np.cos(math.pi * u), np.sin(math.pi * u)], axis=1)

        def lower(u: Floats) -> Floats:
            return np.stack([r - r * np.cos(math.pi * u), self.gap - r * np.sin(math.pi * u)], axis=1)

        return noisy_curves([upper, lower], self.noise)

    def build_classes(self) -> Classes | None:
        return _by_groups(self.build(), ("upper moon", "lower moon"))


class Checkerboard(TargetBase, tag="checkerboard", frozen=True, kw_only=True):
    """Uniform on every second square of a board."""

    label: ClassVar[str] = "Checkerboard"
    summary: ClassVar[str] = "Uniform on every second square of a board."
    formula: ClassVar[str] = r"p = \tfrac{2}{m^2 a^2},\quad \text{on squares of side}\ a,\ i+j\ \text{even}"
    source: ClassVar[str] = "FFJORD 1810.01367"

    squares: Annotated[
        int, Meta(ge=2, le=32, multiple_of=2, description="Squares along a side, an even number.", extra={"symbol": "m"})
    ] = 4
    side: Annotated[float, Meta(gt=0, le=100, description="Side of one square.", extra={"symbol": "a"})] = 2.0

    def build(self) -> Cells:
        row, column = np.indices((self.squares, self.squares))
        half = 0.5 * self.squares * self.side
        return Cells((row + column) % 2 == 0, (-half, -half), (half, half))

    def build_classes(self) -> Classes | None:
        board = self.build()
        squares = np.argwhere(board.weights > 0)
        if len(squares) > MOST_LABELS:
            return None
        parts = []
        for row, column in squares:
            alone = np.zeros_like(board.weights)
            alone[row, column] = 1.0
            parts.append(Cells(alone, board.low, board.high))
        count = len(parts)
        return Classes(_numbered("square", count), np.full(count, 1.0 / count), tuple(parts), tuple(range(count)))


class Pinwheel(TargetBase, tag="pinwheel", frozen=True, kw_only=True):
    """Gaussian arms that bend with the radius."""

    label: ClassVar[str] = "Pinwheel"
    summary: ClassVar[str] = "Arms that bend the further out they reach."
    formula: ClassVar[str] = (
        r"2R(\theta)\,(\rho, \tau\xi),\quad \rho\sim\mathcal{N}(1, \sigma_\rho^2),\ \theta = \tfrac{2\pi k}{m} + c\,e^{\rho}"
    )
    source: ClassVar[str] = "FFJORD 1810.01367; Johnson 1603.06277"

    arms: Annotated[int, Meta(ge=2, le=16, description="How many arms.", extra={"symbol": "m"})] = 5
    radial: Annotated[float, Meta(ge=0.05, le=0.5, description="Spread along an arm.", extra={"symbol": "σ_ρ"})] = 0.3
    tangential: Annotated[float, Meta(ge=0.02, le=0.5, description="Spread across an arm.", extra={"symbol": "τ"})] = 0.1
    rate: Annotated[float, Meta(ge=-1, le=1, description="How much the arms bend.", extra={"symbol": "c"})] = 0.25

    def build(self) -> GaussianMixture:
        # N(1, s^2) along the arm is N(1, s^2 - h^2) at the nodes, blurred by N(0, h^2) along the arm's tangent, h = s / 2
        h = 0.5 * self.radial
        between = math.sqrt(self.radial**2 - h**2)
        rho = 1.0 + between * np.linspace(-3.5, 3.5, 25)
        mass = np.exp(-0.5 * ((rho - 1.0) / between) ** 2)
        means, covariances = [], []
        for arm in range(self.arms):
            angle = 2.0 * math.pi * arm / self.arms + self.rate * np.exp(rho)
            out = np.stack([np.cos(angle), np.sin(angle)], axis=1)
            across = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
            tangent = out + (rho * self.rate * np.exp(rho))[:, None] * across
            means.append(2.0 * rho[:, None] * out)
            covariances.append(
                4.0 * h**2 * tangent[:, :, None] * tangent[:, None, :] + 4.0 * self.tangential**2 * across[:, :, None] * across[:, None, :]
            )
        return GaussianMixture(np.concatenate(means), covariances=np.concatenate(covariances), weights=np.tile(mass, self.arms))

    def build_classes(self) -> Classes | None:
        mixture = self.build()
        return classes_of_mixture(mixture, np.repeat(np.arange(self.arms), mixture.count // self.arms), _numbered("arm", self.arms))


class SwissRoll(TargetBase, tag="swissroll", frozen=True, kw_only=True):
    """The planar section of the swiss roll, uniform in the angle."""

    label: ClassVar[str] = "Swiss roll"
    summary: ClassVar[str] = "A rolled-up line."
    formula: ClassVar[str] = (
        r"\tfrac{\theta}{5}(\cos\theta, \sin\theta),\quad \theta\in[\tfrac{3}{2}\pi, \tfrac{3}{2}\pi + 2\pi m],\ +\,\mathcal{N}(0,\tau^2 I)"
    )
    source: ClassVar[str] = "FFJORD 1810.01367; scikit-learn make_swiss_roll"

    turns: Annotated[float, Meta(ge=0.25, le=4, description="How many turns.", extra={"symbol": "m", "unit": "turns"})] = 1.5
    noise: Noise = 0.2

    def build(self) -> GaussianMixture:
        def roll(u: Floats) -> Floats:
            angle = math.pi * (1.5 + 2.0 * self.turns * u)
            points: Floats = 0.2 * angle[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            return points

        return noisy_curves([roll], self.noise)


class Rings(TargetBase, tag="rings", frozen=True, kw_only=True):
    """Concentric circles of equal mass."""

    label: ClassVar[str] = "Rings"
    summary: ClassVar[str] = "Concentric circles of equal mass."
    formula: ClassVar[str] = r"\tfrac{rk}{m}(\cos\theta, \sin\theta),\quad k\in\{1,\dots,m\},\ +\,\mathcal{N}(0,\tau^2 I)"
    source: ClassVar[str] = "FFJORD 1810.01367"

    rings: Annotated[int, Meta(ge=1, le=8, description="How many circles.", extra={"symbol": "m"})] = 3
    radius: Annotated[float, Meta(ge=0.5, le=10, description="Radius of the outermost circle.", extra={"symbol": "r"})] = 3.0
    noise: Noise = 0.1

    def build(self) -> GaussianMixture:
        def ring(radius: float) -> Curve:
            return lambda u: radius * np.stack([np.cos(2.0 * math.pi * u), np.sin(2.0 * math.pi * u)], axis=1)

        return noisy_curves([ring(self.radius * (k + 1) / self.rings) for k in range(self.rings)], self.noise)

    def build_classes(self) -> Classes | None:
        return _by_groups(self.build(), _numbered("ring", self.rings))


class SCurve(TargetBase, tag="s-curve", frozen=True, kw_only=True):
    """Two three-quarter circles joined to an S."""

    label: ClassVar[str] = "S-curve"
    summary: ClassVar[str] = "Two three-quarter circles joined to an S."
    formula: ClassVar[str] = (
        r"r(\sin\theta, \mathrm{sgn}(\theta)(\cos\theta - 1)),\quad |\theta|\le\tfrac{3}{2}\pi,\ +\,\mathcal{N}(0,\tau^2 I)"
    )
    source: ClassVar[str] = "scikit-learn make_s_curve, coordinates 0 and 2"

    radius: Annotated[float, Meta(ge=0.5, le=10, description="Radius of both bends.", extra={"symbol": "r"})] = 1.5
    noise: Noise = 0.075

    def build(self) -> GaussianMixture:
        def bends(u: Floats) -> Floats:
            angle = 3.0 * math.pi * (u - 0.5)
            return self.radius * np.stack([np.sin(angle), np.sign(angle) * (np.cos(angle) - 1.0)], axis=1)

        return noisy_curves([bends], self.noise)


class Spiral(TargetBase, tag="spiral", frozen=True, kw_only=True):
    """Archimedean arms from the centre outwards, uniform in arc length."""

    label: ClassVar[str] = "Spiral"
    summary: ClassVar[str] = "Arms that wind outwards from the centre."
    formula: ClassVar[str] = (
        r"\tfrac{r\theta}{2\pi m}(\cos(\theta + \phi_k), \sin(\theta + \phi_k)),\quad \theta\in[0, 2\pi m],\ +\,\mathcal{N}(0,\tau^2 I)"
    )
    source: ClassVar[str] = "FFJORD 1810.01367 (2spirals)"

    arms: Annotated[int, Meta(ge=1, le=6, description="How many arms.")] = 2
    turns: Annotated[float, Meta(ge=0.25, le=5, description="Turns of each arm.", extra={"symbol": "m", "unit": "turns"})] = 1.5
    radius: Annotated[float, Meta(ge=0.5, le=10, description="Where the arms end.", extra={"symbol": "r"})] = 3.0
    noise: Noise = 0.1

    def build(self) -> GaussianMixture:
        def arm(phase: float) -> Curve:
            def curve(u: Floats) -> Floats:
                angle = 2.0 * math.pi * self.turns * u + phase
                points: Floats = self.radius * u[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
                return points

            return curve

        return noisy_curves([arm(2.0 * math.pi * k / self.arms) for k in range(self.arms)], self.noise, by_length=True)

    def build_classes(self) -> Classes | None:
        return _by_groups(self.build(), _numbered("arm", self.arms))
