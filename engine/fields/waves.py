"""Two rasters under latent noise as a sum of waves: p_t is smooth, its Fourier transform is known exactly and falls as exp(-gamma^2 k^2/2).

x = a x0 + b x1 + gamma eps has the transform A(a k) B(b k) exp(-gamma^2 |k|^2/2), where a raster's is, over columns i and rows j,

    A(k) = sum M[j, i] e^(-i k_x x_i) sinc(k_x w/2) e^(-i k_y y_j) sinc(k_y h/2),

and that of x1 p(x1) is i dB/dk. On a box that holds p with all its tails, p is the Fourier series with these coefficients, and what is
left out beyond |k| = cut/gamma is of the size e^(-cut^2/2). A point costs a product with the matrix of coefficients, however many cells
there are. Sums of waves have an absolute error: where p is a small share of its peak they do not serve. Source: MATHS sections 2 and 3.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.densities.cells import Cells

MOST_WAVES = 200
"""More along an axis are not worth their while."""
_CUT = {torch.float32: 6.0, torch.float64: 8.6}
SMALL = {torch.float32: 1e-3, torch.float64: 1e-6}
"""Share of the peak below which p is not known well enough to be divided by."""
_HEAVY = 0.3
"""Weight of an end from which its mean follows from the other's."""
_LOOK = 96
Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


def waves_needed(source: Cells, target: Cells, a: float, b: float, latent: float, dtype: torch.dtype) -> int:
    """Positive frequencies along the longer axis."""
    cut = _CUT[dtype]
    return math.ceil(float(_box(source, target, a, b, latent, cut)[1].max()) * cut / (2.0 * math.pi * latent))


class Waves:
    """p, its gradient and the ends at one time, for weights a, b >= 0 and gamma > 0."""

    def __init__(self, source: Cells, target: Cells, a: float, b: float, latent: float, device: torch.device, dtype: torch.dtype) -> None:
        low, width = _box(source, target, a, b, latent, _CUT[dtype])
        count = waves_needed(source, target, a, b, latent, dtype)
        self._weights = a, b, latent**2
        self._told = [0, 1] if max(a, b) < _HEAVY else [0] if a < b else [1]
        waves = [2.0 * math.pi / width[axis] * np.arange(-count if axis == 1 else 0, count + 1) for axis in range(2)]
        noise = [np.exp(-0.5 * (latent * wave) ** 2) for wave in waves]
        rows = [_transforms(cells, weight, waves) for cells, weight in ((source, a), (target, b))]
        whole = (noise[1][:, None] * noise[0]) / (width[0] * width[1])
        whole[:, 1:] *= 2.0  # waves along -k_x are the conjugates of those along k_x
        matrices = [whole * rows[0][0] * rows[1][0]]
        for end in self._told:
            matrices += [whole * rows[1 - end][0] * part for part in rows[end][1:]]
        # Re sum C e^(i k_x x) e^(i k_y y), with k_y from -count to count folded to cosines and sines
        self._matrix = torch.as_tensor(np.stack([_real(matrix, count) for matrix in matrices])).to(device, dtype)
        self._waves = [torch.as_tensor(wave[-count - 1 :]).to(device) for wave in waves]
        self._low, self._width = torch.as_tensor(low).to(device), torch.as_tensor(width).to(device)
        look = [torch.linspace(0.0, 1.0, _LOOK, dtype=torch.float64, device=device) * width[axis] + low[axis] for axis in range(2)]
        along, up = (self._basis(look[axis].to(dtype), axis)[0] for axis in range(2))
        self.peak = float((up @ self._matrix[0] @ along.T).max())

    def inside(self, x: Tensor) -> Tensor:
        """Whether x lies where the series is p, (n,)."""
        place = (x.detach() - self._low) / self._width
        return ((place >= 0.0) & (place <= 1.0)).all(dim=1)

    def moments(self, x: Tensor) -> Tensor:
        """p, -grad p (2), and p E[x0|x], p E[x1|x] (2 or 4: what is told of them), at x (n, 2)."""
        along, along_slope = self._basis(x[:, 0], 0)
        up, up_slope = self._basis(x[:, 1], 1)
        once = up @ self._matrix[0]
        density, slope = (once * along).sum(dim=1), (once * along_slope).sum(dim=1)
        slope_up = ((up_slope @ self._matrix[0]) * along).sum(dim=1)
        return torch.stack([density, -slope, -slope_up, *(((up @ matrix) * along).sum(dim=1) for matrix in self._matrix[1:])], dim=1)

    def ends(self, x: Tensor, moments: Tensor) -> Tensor:
        """E[x0|x] and E[x1|x], (n, 4), from the moments over p: where one weighs enough, it follows from the other."""
        a, b, variance = self._weights
        if len(self._told) == 2:
            return moments[:, 3:7]
        pull, told = moments[:, 1:3], moments[:, 3:5]
        if self._told == [0]:
            return torch.cat([told, (x - a * told - variance * pull) / b], dim=1)
        return torch.cat([(x - b * told - variance * pull) / a, told], dim=1)

    def _basis(self, place: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        """cos k x and sin k x, (n, 2 waves), and their slopes."""
        waves = self._waves[axis].to(place.dtype)
        angle = place[:, None] * waves
        cos, sin = angle.cos(), angle.sin()
        return torch.cat([cos, sin], dim=1), torch.cat([-sin * waves, cos * waves], dim=1)


def _box(source: Cells, target: Cells, a: float, b: float, latent: float, cut: float) -> tuple[Floats, Floats]:
    """Low corner and widths of the box outside which nothing is left of p."""
    low, high = a * source.low + b * target.low, a * source.high + b * target.high
    return low - cut * latent, high - low + 2.0 * cut * latent


def _transforms(cells: Cells, weight: float, waves: list[Floats]) -> tuple[Complex, Complex, Complex]:
    """Of the raster's p, x p and y p at the frequencies weight k, (k_y, k_x)."""
    parts: list[tuple[Complex, Complex]] = []
    for axis in range(2):
        size, n = float(cells.cell[axis]), cells.weights.shape[1 - axis]
        centres = cells.low[axis] + size * (np.arange(n) + 0.5)
        frequency = weight * waves[axis]
        half = 0.5 * size * frequency
        sinc = np.sinc(half / math.pi)
        small = np.abs(half) < 0.02
        safe = np.where(small, 1.0, half)
        slope = np.where(small, half * (-1.0 / 3.0 + half**2 / 30.0 - half**4 / 840.0), (safe * np.cos(safe) - np.sin(safe)) / safe**2)
        turn: Complex = np.exp(-1j * np.outer(centres, frequency))
        plain: Complex = turn * sinc
        moment: Complex = turn * (centres[:, None] * sinc + 0.5j * size * slope)
        parts.append((plain, moment))
    (plain_x, moment_x), (plain_y, moment_y) = parts
    along = cells.weights @ plain_x
    return plain_y.T @ along, plain_y.T @ (cells.weights @ moment_x), moment_y.T @ along


def _real(matrix: Complex, count: int) -> Floats:
    """R with Re sum_k C[k_y, k_x] e^(i (k_x x + k_y y)) = [cos k_y y, sin k_y y] R [cos k_x x, sin k_x x], k_y >= 0."""
    above, below = matrix[count:].copy(), matrix[count::-1].copy()
    below[0] = 0.0
    even, odd = above + below, above - below
    # Re (E cos + i O sin)(cos + i sin) of the angles in y, then x
    return np.block([[even.real, -even.imag], [-odd.imag, -odd.real]])
