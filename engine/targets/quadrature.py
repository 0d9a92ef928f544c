"""Curves and surfaces with Gaussian noise as Gaussian mixtures: nodes at most half a noise std apart (MATHS section 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.densities.mixture import GaussianMixture

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]
"""u in [0, 1], (m,), to points, (m, d)."""

MAX_NODES = 4096
_FINE = 4096


@dataclass(frozen=True)
class Nodes:
    """Quadrature nodes (k, d), their masses (k,) and how far neighbours are apart."""

    places: Floats
    masses: Floats
    spacing: float


def polyline_length(curve: Curve) -> float:
    """Length of a curve, from a fine polyline."""
    return float(np.linalg.norm(np.diff(curve(np.linspace(0.0, 1.0, _FINE + 1)), axis=0), axis=1).sum())


def along(curve: Curve, spacing: float, *, by_length: bool = False) -> Nodes:
    """Nodes evenly along a curve: the middles of arcs at most ``spacing`` long.

    The mass of an arc is its share of u, or of the length if ``by_length``.
    """
    u = np.linspace(0.0, 1.0, _FINE + 1)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve(u), axis=0), axis=1))])
    count = max(2, int(np.ceil(length[-1] / spacing)))
    places = curve(np.interp((np.arange(count) + 0.5) * length[-1] / count, length, u))
    if by_length:
        masses = np.full(count, 1.0 / count)
    else:
        masses = np.diff(np.interp(np.arange(count + 1) * length[-1] / count, length, u))
    return Nodes(places, masses, float(length[-1] / count))


def noisy_curves(curves: Sequence[Curve], noise: float, *, by_length: bool = False, proportional: bool = False) -> GaussianMixture:
    """Equal masses on each curve (or in proportion to length), blurred by N(0, noise^2 I).

    Beyond 4,096 nodes the spacing grows instead, and the density's note says so once the beads could be seen (1.5 stds apart).
    """
    lengths = [polyline_length(curve) for curve in curves]
    spacing = max(0.5 * noise, sum(lengths) / MAX_NODES)
    parts = [along(curve, spacing, by_length=by_length) for curve in curves]
    shares = lengths if proportional else [1.0] * len(parts)
    weights = np.concatenate([share * part.masses for share, part in zip(shares, parts, strict=True)])
    groups = np.repeat(np.arange(len(parts)), [len(part.places) for part in parts])
    places = np.concatenate([part.places for part in parts])
    return GaussianMixture(places, stds=noise, weights=weights, note=bead_note(spacing, noise), groups=groups)


def bead_note(spacing: float, noise: float) -> str:
    """What to tell the user when nodes are so far apart that the shape becomes beads."""
    return f"noise {noise:g} is so small here that the shape is a row of {MAX_NODES:,} beads" if spacing > 1.5 * noise else ""


def fibonacci_sphere(count: int) -> Floats:
    """``count`` nearly even points on the unit sphere, (count, 3) (González 2010)."""
    i = np.arange(count) + 0.5
    z = 1.0 - 2.0 * i / count
    angle = np.pi * (1.0 + np.sqrt(5.0)) * i
    flat = np.sqrt(1.0 - z * z)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], axis=1)
