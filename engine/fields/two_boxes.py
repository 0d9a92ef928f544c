"""The law of s + r + latent noise on a line, s and r uniform on boxes of widths f and g about 0, and what it says of s and r.

With xi = z/gamma, delta = f/gamma, eta = g/gamma, and Psi'' = phi, Psi(z) = z Phi(z) + phi(z), the density is a second difference

    k(z) = [Psi(xi + (delta + eta)/2) - Psi(xi + (delta - eta)/2)
            - Psi(xi - (delta - eta)/2) + Psi(xi - (delta + eta)/2)] / (delta eta gamma)

and a trapezoid where gamma = 0. Where a box is narrow against gamma the difference would cancel, and Gauss-Legendre nodes serve. Every
form is evaluated at -|z|, where the tail keeps its digits. Source: MATHS section 2, carried to two boxes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.ops import Scalar, plain

NARROW = 0.1
"""A box below this share of gamma is summed by nodes: its error is far below rounding, and that of the difference above it too."""
_NODES, _SHARES = (tuple((0.5 * values).tolist()) for values in np.polynomial.legendre.leggauss(5))
_PHI_0 = 1.0 / math.sqrt(2.0 * math.pi)
_ROOT_HALF = math.sqrt(0.5)


class Boxes(NamedTuple):
    """Of one place z, elementwise."""

    density: Tensor
    """k(z)."""
    pull: Tensor
    """-k'(z)."""
    first: Tensor
    """k(z) E[s | z] / f: between -k/2 and k/2."""
    second: Tensor
    """k(z) E[r | z] / g."""


def two_boxes(z: Tensor, f: Scalar, g: Scalar, latent: Scalar) -> Boxes:
    """``Boxes`` at z, of any shape, for f > 0 and g > 0, or either 0 where the latent noise is not."""
    if plain(latent) == 0.0:
        return _trapezoid(z, f, g)
    if plain(f) < plain(g):
        density, pull, second, first = two_boxes(z, g, f, latent)
        return Boxes(density, pull, first, second)
    side = torch.where(z > 0, -1.0, 1.0).to(z.dtype)
    xi, delta, eta = z * side / latent, f / latent, g / latent
    if plain(eta) >= NARROW:
        found = _differences(xi, delta, eta)
    else:
        inner = _one_box if plain(delta) >= NARROW else _no_box
        parts = [inner(xi - eta * node, delta) for node in _NODES]
        density, pull, first = (_sum([share * part[k] for share, part in zip(_SHARES, parts, strict=True)]) for k in range(3))
        second = _sum([share * node * part[0] for share, node, part in zip(_SHARES, _NODES, parts, strict=True)])
        found = Boxes(density, pull, first, second)
    return Boxes(found.density / latent, found.pull * side / (latent * latent), found.first * side / latent, found.second * side / latent)


def _trapezoid(z: Tensor, f: Scalar, g: Scalar) -> Boxes:
    half_f, half_g = (0.5 * torch.as_tensor(width, device=z.device, dtype=z.dtype) for width in (f, g))
    high, low = torch.minimum(half_f, z + half_g), torch.maximum(-half_f, z - half_g)
    density = (high - low).clamp(min=0.0) / (f * g)
    middle = 0.5 * (high + low)
    slope = ((z > half_g - half_f).to(z.dtype) - (z < half_f - half_g).to(z.dtype)) * (density > 0)
    return Boxes(density, slope / (f * g), density * middle / f, density * (z - middle) / g)


def _phi(z: Tensor) -> Tensor:
    density: Tensor = torch.exp(-0.5 * z * z) * _PHI_0
    return density


def _below(z: Tensor) -> Tensor:
    """Phi(z), its lower tail to full precision."""
    below: Tensor = 0.5 * torch.special.erfc(-_ROOT_HALF * z)
    return below


def _sum(parts: list[Tensor]) -> Tensor:
    return torch.stack(parts).sum(dim=0)


def _differences(xi: Tensor, delta: Scalar, eta: Scalar) -> Boxes:
    """Both boxes wide: all four corners, in units of gamma, at xi <= 0; first and second are divided by their own widths."""
    outer, inner = 0.5 * (delta + eta), 0.5 * (delta - eta)
    corners = [xi + outer, xi + inner, xi - inner, xi - outer]
    phi, below = [_phi(z) for z in corners], [_below(z) for z in corners]
    ramp = [z * b + p for z, b, p in zip(corners, below, phi, strict=True)]
    bowl = [0.5 * ((z * z + 1.0) * b + z * p) for z, b, p in zip(corners, below, phi, strict=True)]
    over = 1.0 / (delta * eta)
    density = ((ramp[0] - ramp[1]) - (ramp[2] - ramp[3])) * over
    slope = ((below[0] - below[1]) - (below[2] - below[3])) * over
    # integral of s Phi(c - s) over a box of width w: bowl(c + w/2) - bowl(c - w/2) - w/2 [ramp(c + w/2) + ramp(c - w/2)]
    curve = (bowl[0] - bowl[1]) - (bowl[2] - bowl[3])
    first = (curve - 0.5 * delta * ((ramp[0] - ramp[1]) + (ramp[2] - ramp[3]))) * over / delta
    second = (curve - 0.5 * eta * ((ramp[0] - ramp[2]) + (ramp[1] - ramp[3]))) * over / eta
    return Boxes(density, -slope, first, second)


def _one_box(xi: Tensor, delta: Scalar) -> tuple[Tensor, Tensor, Tensor]:
    """Density, -slope and the moment of one wide box, in units of gamma."""
    high, low = xi + 0.5 * delta, xi - 0.5 * delta
    phi_high, phi_low, above, below = _phi(high), _phi(low), _below(high), _below(low)
    density = (above - below) / delta
    ramps = (high * above + phi_high) - (low * below + phi_low)
    return density, (phi_low - phi_high) / delta, (ramps - 0.5 * delta * (above + below)) / (delta * delta)


def _no_box(xi: Tensor, delta: Scalar) -> tuple[Tensor, Tensor, Tensor]:
    """The same of a narrow one, by nodes."""
    places = [xi - delta * node for node in _NODES]
    parts = [share * _phi(place) for share, place in zip(_SHARES, places, strict=True)]
    return (
        _sum(parts),
        _sum([part * place for part, place in zip(parts, places, strict=True)]),
        _sum([part * node for part, node in zip(parts, _NODES, strict=True)]),
    )
