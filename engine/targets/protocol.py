"""The data of published protocols, exactly as their code draws them, so that their numbers can be met. Not standardised.

A: Tong 2307.03672, table 2. B: the notebooks of torchcfm. The shapes of the same name in ``engine.targets.planar`` are the lab's own.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from engine.densities.even import EvenCurves
from engine.densities.mixture import GaussianMixture
from engine.targets.base import StandardiseField, TargetBase
from engine.targets.quadrature import noisy_curves

Floats = NDArray[np.float64]


def upper_moon(u: Floats) -> Floats:
    """scikit-learn's outer half circle, u in [0, 1]."""
    return np.stack([np.cos(math.pi * u), np.sin(math.pi * u)], axis=1)


def lower_moon(u: Floats) -> Floats:
    """scikit-learn's inner half circle, u in [0, 1]."""
    return np.stack([1.0 - np.cos(math.pi * u), 0.5 - np.sin(math.pi * u)], axis=1)


MOONS = (upper_moon, lower_moon)


class ProtocolTarget(TargetBase, frozen=True, kw_only=True):
    """Data of a published protocol: nothing to set but the standardisation."""

    standardise: StandardiseField = "none"


def ring_of_eight(radius: float, std: float) -> GaussianMixture:
    """Eight equal Gaussians on a circle."""
    angle = 0.25 * math.pi * np.arange(8)
    return GaussianMixture(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), stds=std)


class EightGaussiansA(ProtocolTarget, tag="protocol-a-8gaussians", frozen=True, kw_only=True):
    """Radius 5, standard deviation 1."""

    label: ClassVar[str] = "Protocol A: 8 Gaussians"
    summary: ClassVar[str] = "Radius 5, standard deviation 1; the mode of each point is drawn apart."
    formula: ClassVar[str] = r"p = \tfrac{1}{8}\sum_{k} \mathcal{N}(5\,(\cos\tfrac{\pi k}{4}, \sin\tfrac{\pi k}{4}),\ I)"
    source: ClassVar[str] = "Tong 2307.03672, table 2"

    def build(self) -> GaussianMixture:
        return ring_of_eight(5.0, 1.0)


class WideEightGaussiansA(ProtocolTarget, tag="protocol-a-8gaussians-wide", frozen=True, kw_only=True):
    """Radius 12, standard deviation 1.5: the end of moons -> 8 Gaussians."""

    label: ClassVar[str] = "Protocol A: wide 8 Gaussians"
    summary: ClassVar[str] = "Radius 12, standard deviation 1.5: where the scaled moons go."
    formula: ClassVar[str] = r"p = \tfrac{1}{8}\sum_{k} \mathcal{N}(12\,(\cos\tfrac{\pi k}{4}, \sin\tfrac{\pi k}{4}),\ 1.5^2 I)"
    source: ClassVar[str] = "Tong 2307.03672, table 2"

    def build(self) -> GaussianMixture:
        return ring_of_eight(12.0, 1.5)


class MoonsA(ProtocolTarget, tag="protocol-a-moons", frozen=True, kw_only=True):
    """make_moons with noise 0.05, times 2, minus 1; points on an even grid of the angle, a stratified draw."""

    label: ClassVar[str] = "Protocol A: moons"
    summary: ClassVar[str] = "scikit-learn's moons, noise 0.05, times 2, minus 1; drawn on its even grid."
    formula: ClassVar[str] = r"x = 2\,(m(\theta) + 0.05\,\xi) - 1,\quad \theta\ \text{even on}\ [0,\pi]"
    source: ClassVar[str] = "Tong 2307.03672, table 2; scikit-learn make_moons"

    def build(self) -> EvenCurves:
        return EvenCurves(MOONS, 0.05, np.full(2, 2.0), np.full(2, -1.0))


class WideMoonsA(ProtocolTarget, tag="protocol-a-moons-wide", frozen=True, kw_only=True):
    """make_moons with noise 0.1, minus the mean and over the standard deviation of all its numbers together, times 7."""

    label: ClassVar[str] = "Protocol A: wide moons"
    summary: ClassVar[str] = "The moons that are the source of moons → 8 Gaussians: noise 0.1, scaled to a standard deviation of 7."
    formula: ClassVar[str] = r"x = 7\,\frac{m(\theta) + 0.1\,\xi - \bar m}{s},\quad \bar m, s\ \text{of both coordinates together}"
    source: ClassVar[str] = "Tong 2307.03672, table 2; De Bortoli 2106.01357"

    def build(self) -> EvenCurves:
        plain = noisy_curves(MOONS, 0.1)
        mean = plain.mean()
        centre = float(mean.mean())
        std = math.sqrt(float(np.diagonal(plain.covariance()).mean() + ((mean - centre) ** 2).mean()))
        return EvenCurves(MOONS, 0.1, np.full(2, 7.0 / std), np.full(2, -7.0 * centre / std))


class SCurveA(ProtocolTarget, tag="protocol-a-s-curve", frozen=True, kw_only=True):
    """make_s_curve with noise 0.05, coordinates 0 and 2, times 1.5; independent draws."""

    label: ClassVar[str] = "Protocol A: S-curve"
    summary: ClassVar[str] = "scikit-learn's S-curve from the side, noise 0.05, times 1.5."
    formula: ClassVar[str] = r"x = 1.5\,(\sin\theta, \mathrm{sgn}(\theta)(\cos\theta - 1)) + 0.075\,\xi,\quad |\theta|\le\tfrac{3}{2}\pi"
    source: ClassVar[str] = "Tong 2307.03672, table 2; scikit-learn make_s_curve"

    def build(self) -> GaussianMixture:
        def bends(u: Floats) -> Floats:
            angle = 3.0 * math.pi * (u - 0.5)
            return 1.5 * np.stack([np.sin(angle), np.sign(angle) * (np.cos(angle) - 1.0)], axis=1)

        return noisy_curves([bends], 0.075)


class EightGaussiansB(ProtocolTarget, tag="protocol-b-8gaussians", frozen=True, kw_only=True):
    """Radius 5, standard deviation 0.1^(1/4): the square root of 0.1 is passed as a covariance."""

    label: ClassVar[str] = "Protocol B: 8 Gaussians"
    summary: ClassVar[str] = "Radius 5, variance √0.1, so standard deviation 0.562; entropy 3.765 nats."
    formula: ClassVar[str] = r"p = \tfrac{1}{8}\sum_{k} \mathcal{N}(5\,(\cos\tfrac{\pi k}{4}, \sin\tfrac{\pi k}{4}),\ \sqrt{0.1}\, I)"
    source: ClassVar[str] = "torchcfm, sample_8gaussians"

    def build(self) -> GaussianMixture:
        return ring_of_eight(5.0, 0.1**0.25)


class SheetMoons(GaussianMixture):
    """Two arcs on an even grid, each point moved by one U(0, 0.2) along (1, 1), then x <- scale x + shift.

    Drawn exactly. The density, infinite where a band folds over, is that of small Gaussians: the covariance of each cell of the two bands
    and a blur of 0.02.
    """

    ALONG, ACROSS, SLIP, BLUR = 200, 16, 0.2, 0.02

    def __init__(self, scale: Floats, shift: Floats) -> None:
        u = (np.arange(self.ALONG) + 0.5) / self.ALONG
        slips = self.SLIP * (np.arange(self.ACROSS) + 0.5) / self.ACROSS
        step = self.SLIP / self.ACROSS * np.ones(2)
        means, covariances = [], []
        for moon in MOONS:
            tangent = (moon(u + 1e-4) - moon(u - 1e-4)) / (2e-4 * self.ALONG)
            cell = (tangent[:, :, None] * tangent[:, None, :] + np.outer(step, step)) / 12.0 + self.BLUR**2 * np.eye(2)
            means.append((moon(u)[:, None, :] + slips[:, None]).reshape(-1, 2))
            covariances.append(np.repeat(cell, self.ACROSS, axis=0))
        super().__init__(
            np.concatenate(means) * scale + shift,
            covariances=np.concatenate(covariances) * np.outer(scale, scale),
            note="the density is blurred a little where the bands fold over; the points are exact",
        )
        self._scale, self._shift = scale, shift

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """n points, (n, 2), in a random order."""
        x = np.concatenate([upper_moon(np.linspace(0.0, 1.0, n // 2)), lower_moon(np.linspace(0.0, 1.0, n - n // 2))])
        moved: Floats = (rng.permutation(x) + self.SLIP * rng.random((n, 1))) * self._scale + self._shift
        return moved

    def moved(self, shift: Floats, scale: Floats) -> SheetMoons:
        return SheetMoons(self._scale / scale, (self._shift - shift) / scale)


class MoonsB(ProtocolTarget, tag="protocol-b-moons", frozen=True, kw_only=True):
    """torchdyn's moons: an even grid, and one U(0, 0.2) added to both coordinates of a point; times 3, minus 1."""

    label: ClassVar[str] = "Protocol B: moons"
    summary: ClassVar[str] = "torchdyn's moons: one uniform shift is shared by both coordinates of a point; times 3, minus 1."
    formula: ClassVar[str] = r"x = 3\,(m(\theta) + U\,(1, 1)) - 1,\quad U\sim\mathcal{U}(0, 0.2),\ \theta\ \text{even on}\ [0,\pi]"
    source: ClassVar[str] = "torchcfm, sample_moons; torchdyn generate_moons"

    def build(self) -> SheetMoons:
        return SheetMoons(np.full(2, 3.0), np.full(2, -1.0))


PROTOCOLS: tuple[type[ProtocolTarget], ...] = (
    EightGaussiansA,
    WideEightGaussiansA,
    MoonsA,
    WideMoonsA,
    SCurveA,
    EightGaussiansB,
    MoonsB,
)
