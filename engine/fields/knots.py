"""Two rasters without latent noise: p_t is a polynomial between knots, and so what is known at the knots is known everywhere.

Along one axis, say y, the density K_y[j0, j1] of a pair of rows is a trapezoid whose corners lie where an edge of the one raster, times a,
meets an edge of the other, times b. Between two neighbours of these knots every K_y is linear in y, and with it

    T(y)[i0, i1] = sum M[j0, i0] K_y[j0, j1] N[j1, i1],

which is computed at the knots alone, for all points together. What a point x then adds is the sum of T(y) over the pairs of columns that
reach x: no more than two cells of the coarser raster for each cell of the finer. Without rounding this is ``RasterPair``'s own sum.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engine.chunks import by_chunks

_ROWS = 32


class End(NamedTuple):
    """One raster, weighed, as it looks from one axis."""

    masses: Tensor
    """(other cells, own cells)."""
    centres: Tensor
    """(own cells,) float64, not weighed."""
    size: float
    """Of a cell along this axis, not weighed."""
    other_centres: Tensor
    """(other cells,) float64."""
    other_size: float
    weight: float
    """a or b."""


class Knots:
    """What is asked along one axis: p, the mean of the end that weighs less, and -d log p, at many points and one time."""

    def __init__(self, source: End, target: End) -> None:
        self._source, self._target = source, target
        self._fine, self._coarse = sorted((source, target), key=lambda end: end.weight * end.size)
        edges = [_edges(end.other_centres, end.other_size) * end.weight for end in (source, target)]
        self._knots = (edges[0][:, None] + edges[1]).flatten().sort().values
        self._pairs = len(source.centres) * len(target.centres)
        self._table = self._at_knots()

    def moments(self, place: Tensor, other: Tensor, of_source: bool) -> tuple[Tensor, Tensor, Tensor]:
        """p, p E[x0 or x1|x] and -dp/dx, (n,) each, at coordinates ``place`` (n,) along this axis and ``other`` along the other one."""
        fine, coarse = self._fine, self._coarse
        f, g = fine.weight * fine.size, coarse.weight * coarse.size
        rest = (place.double()[:, None] - fine.weight * fine.centres - coarse.weight * coarse.centres[0]) / g
        below = rest.floor()
        inside = (rest - below).to(place.dtype) * g
        cell = below.long()[:, :, None] + torch.arange(2, device=place.device)
        z = torch.stack([inside, inside - g], dim=2)
        index = cell.clamp(0, len(coarse.centres) - 1)
        row = torch.arange(len(fine.centres), device=place.device)[:, None]
        first, second = (row, index) if fine is self._source else (index, row)
        values = self._between(other, first * len(self._target.centres) + second)
        values = torch.where(index == cell, values, 0.0) / (f * g)
        away = z.abs()
        shares = values * (0.5 * (f + g) - away).clamp(0.0, f)
        asked, width, opposite = (fine, f, g) if (fine is self._source) == of_source else (coarse, g, f)
        # given the pair, the asked end lies evenly on the part of its cell from which the opposite one reaches x
        high, low = (z + 0.5 * opposite).clamp(max=0.5 * width), (z - 0.5 * opposite).clamp(min=-0.5 * width)
        place_in = (0.5 / asked.weight) * (high + low)
        centres = asked.centres.to(place.dtype)
        moment = (shares * (place_in + (centres[:, None] if asked is fine else centres[index]))).sum(dim=(1, 2))
        falls = (away > 0.5 * (g - f)) & (away < 0.5 * (f + g))
        return shares.sum(dim=(1, 2)), moment, (values * z.sign() * falls).sum(dim=(1, 2))

    def _between(self, other: Tensor, pairs: Tensor) -> Tensor:
        """T at ``other`` (n,) for the pairs (n, ...) of columns."""
        knot = (torch.searchsorted(self._knots, other.detach().double().contiguous(), right=True) - 1).clamp(0, len(self._knots) - 2)
        begin, end = self._knots[knot], self._knots[knot + 1]
        share = ((other.double() - begin) / (end - begin).clamp(min=1e-300)).clamp(0.0, 1.0).to(self._table.dtype)
        index = knot[:, None, None] * self._pairs + pairs
        values = self._table.take(index)
        return torch.lerp(values, self._table.take(index + self._pairs), share[:, None, None])

    def _at_knots(self) -> Tensor:
        """T at every knot, flat: (knots, source columns, target columns)."""
        source, target = self._source, self._target
        dtype = source.masses.dtype
        f, g = source.weight * source.other_size, target.weight * target.other_size
        table = source.masses.new_empty(len(self._knots), self._pairs)
        opposite = (target.weight * target.other_centres).to(dtype)
        turned = source.masses.T.contiguous()

        def evaluate(some: slice) -> None:
            rest = (self._knots[some, None] - source.weight * source.other_centres).to(dtype)
            density = (rest[:, :, None] - opposite).abs_().neg_().add_(0.5 * (f + g)).clamp_(0.0, min(f, g)).div_(f * g)
            table[some] = (turned @ (density @ target.masses)).flatten(1)

        by_chunks(evaluate, len(table), _ROWS)
        return table.flatten()


def _edges(centres: Tensor, size: float) -> Tensor:
    return torch.cat([centres - 0.5 * size, centres[-1:] + 0.5 * size])
