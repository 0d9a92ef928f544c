"""Named shapes in space: curves and surfaces as Gaussian mixtures by quadrature."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from engine.densities.mixture import GaussianMixture
from engine.targets.base import TargetBase
from engine.targets.quadrature import MAX_NODES, along, bead_note, fibonacci_sphere, noisy_curves, polyline_length

Floats = NDArray[np.float64]

Noise = Annotated[
    float, Meta(ge=0.02, le=2, description="Standard deviation of the Gaussian noise around the shape.", extra={"symbol": "τ", "log": True})
]


class Helix(TargetBase, tag="helix", frozen=True, kw_only=True):
    """A screw line."""

    label: ClassVar[str] = "Helix"
    summary: ClassVar[str] = "A screw line."
    formula: ClassVar[str] = (
        r"(r\cos\theta,\ r\sin\theta,\ \tfrac{h\theta}{2\pi m} - \tfrac{h}{2}),\quad \theta\in[0, 2\pi m],\ +\,\mathcal{N}(0,\tau^2 I)"
    )
    source: ClassVar[str] = "Pushforward"
    axes: ClassVar[tuple[str, ...]] = ("x", "y", "z")

    turns: Annotated[float, Meta(ge=0.5, le=10, description="How many turns.", extra={"symbol": "m", "unit": "turns"})] = 3.0
    radius: Annotated[float, Meta(ge=0.2, le=10, description="Radius of the screw.", extra={"symbol": "r"})] = 1.0
    height: Annotated[float, Meta(ge=0.2, le=20, description="From end to end.", extra={"symbol": "h"})] = 3.0
    noise: Noise = 0.08

    def build(self) -> GaussianMixture:
        def screw(u: Floats) -> Floats:
            angle = 2.0 * math.pi * self.turns * u
            return np.stack([self.radius * np.cos(angle), self.radius * np.sin(angle), self.height * (u - 0.5)], axis=1)

        return noisy_curves([screw], self.noise)


class TorusKnot(TargetBase, tag="torus-knot", frozen=True, kw_only=True):
    """A (p, q) torus knot; (2, 3) is the trefoil."""

    label: ClassVar[str] = "Torus knot"
    summary: ClassVar[str] = "A closed line that winds p times round a torus's axis and q times through its hole; (2, 3) is the trefoil."
    formula: ClassVar[str] = (
        r"(\rho\cos p\theta,\ \rho\sin p\theta,\ r\sin q\theta),\quad \rho = R + r\cos q\theta,\ +\,\mathcal{N}(0,\tau^2 I)"
    )
    source: ClassVar[str] = "Rolfsen, Knots and Links"
    axes: ClassVar[tuple[str, ...]] = ("x", "y", "z")

    p: Annotated[int, Meta(ge=1, le=9, description="Turns round the axis.", extra={"symbol": "p"})] = 2
    q: Annotated[int, Meta(ge=1, le=9, description="Turns through the hole.", extra={"symbol": "q"})] = 3
    major: Annotated[float, Meta(ge=0.5, le=10, description="Radius of the torus.", extra={"symbol": "R"})] = 2.0
    minor: Annotated[float, Meta(ge=0.1, le=5, description="Radius of its tube.", extra={"symbol": "r"})] = 0.8
    noise: Noise = 0.12

    def build(self) -> GaussianMixture:
        def knot(u: Floats) -> Floats:
            angle = 2.0 * math.pi * u
            out = self.major + self.minor * np.cos(self.q * angle)
            return np.stack([out * np.cos(self.p * angle), out * np.sin(self.p * angle), self.minor * np.sin(self.q * angle)], axis=1)

        return noisy_curves([knot], self.noise, by_length=True)


class SphereShell(TargetBase, tag="sphere-shell", frozen=True, kw_only=True):
    """A noisy sphere."""

    label: ClassVar[str] = "Sphere shell"
    summary: ClassVar[str] = "The surface of a ball, with noise."
    formula: ClassVar[str] = r"r\,\omega + \mathcal{N}(0,\tau^2 I),\quad \omega\ \text{uniform on}\ S^2"
    source: ClassVar[str] = "Pushforward; nodes on a Fibonacci lattice (González 2010)"
    axes: ClassVar[tuple[str, ...]] = ("x", "y", "z")

    radius: Annotated[float, Meta(ge=0.5, le=10, description="Radius of the sphere.", extra={"symbol": "r"})] = 2.0
    noise: Noise = 0.25

    def build(self) -> GaussianMixture:
        # neighbours on a Fibonacci lattice of k nodes are at most 3.5 r / sqrt(k) apart
        count = min(MAX_NODES, max(64, math.ceil((3.5 * self.radius / (0.5 * self.noise)) ** 2)))
        note = bead_note(3.5 * self.radius / math.sqrt(count), self.noise)
        return GaussianMixture(self.radius * fibonacci_sphere(count), stds=self.noise, note=note)


class SwissRoll3D(TargetBase, tag="swissroll-3d", frozen=True, kw_only=True):
    """A rolled-up sheet, uniform in angle and height."""

    label: ClassVar[str] = "Swiss roll 3-D"
    summary: ClassVar[str] = "A rolled-up sheet."
    formula: ClassVar[str] = (
        r"(\tfrac{\theta}{5}\cos\theta,\ z,\ \tfrac{\theta}{5}\sin\theta),\quad \theta\in[\tfrac{3}{2}\pi, \tfrac{3}{2}\pi + 2\pi m],"
        r"\quad |z|\le\tfrac{h}{2},\ +\,\mathcal{N}(0,\tau^2 I)"
    )
    source: ClassVar[str] = "scikit-learn make_swiss_roll"
    axes: ClassVar[tuple[str, ...]] = ("x", "y", "z")

    turns: Annotated[float, Meta(ge=0.25, le=3, description="How many turns.", extra={"symbol": "m", "unit": "turns"})] = 1.5
    height: Annotated[float, Meta(ge=0.5, le=10, description="Width of the sheet.", extra={"symbol": "h"})] = 3.0
    noise: Noise = 0.3

    def build(self) -> GaussianMixture:
        def roll(u: Floats) -> Floats:
            angle = math.pi * (1.5 + 2.0 * self.turns * u)
            points: Floats = 0.2 * angle[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
            return points

        spacing = max(0.5 * self.noise, math.sqrt(polyline_length(roll) * self.height / MAX_NODES))
        nodes = along(roll, spacing)
        rows = max(2, math.ceil(self.height / spacing))
        heights = self.height * ((np.arange(rows) + 0.5) / rows - 0.5)
        places = np.empty((rows, len(nodes.places), 3))
        places[:, :, 0], places[:, :, 2] = nodes.places[:, 0], nodes.places[:, 1]
        places[:, :, 1] = heights[:, None]
        return GaussianMixture(
            places.reshape(-1, 3), stds=self.noise, weights=np.tile(nodes.masses, rows), note=bead_note(spacing, self.noise)
        )
