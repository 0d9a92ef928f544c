"""The posterior of both ends of x = a x0 + b x1 + gamma eps between two rasters of uniform cells, in closed form.

A pair of cells adds to x along each axis two uniform boxes and the latent noise (engine/fields/two_boxes.py), and axes are separable
within a pair. With K_x[i0, i1] and K_y[j0, j1] the densities at x of columns i0, i1 and of rows j0, j1, and M, N the masses of the rasters,

    p_t(x) = sum M[j0, i0] N[j1, i1] K_y[j0, j1] K_x[i0, i1] = sum K_x o (M^T K_y N) = sum K_y o (M K_x N^T),

and likewise E[x0|x], E[x1|x] and the score with the first moments of one axis in the place of its K: four products of matrices a point.

A raster weighs in x by its cells times a or b. Where both have so many cells that a point costs too much, each is pooled by whole cells
as fits the time: finely where it weighs much, coarsely where it weighs little, so that what is pooled together lies close together in x.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from engine.chunks import by_chunks
from engine.densities.cells import Cells
from engine.fields.two_boxes import Boxes, two_boxes
from engine.ops import Scalar, plain

Ends = tuple[Tensor, Tensor, Tensor]
"""(E[x0|x], E[x1|x], -score), (n, d) each."""
MOST_PAIRS = 1_024
"""Pairs of columns, and pairs of rows, beyond which the rasters are pooled."""
FEWEST_CELLS = 24
"""Cells along a side below which no raster is pooled."""
_ENTRIES = 1 << 16
"""Pairs of columns in one chunk of points: what fits the cache."""
_TABLE = 8_192
_REACH = 9.0
"""How many gamma beyond its boxes a pair is felt in single precision (e^-40)."""
_WIDEN = 60


class RasterPair:
    """A raster at both ends, drawn independently (standardised coordinates)."""

    def __init__(self, source: Cells, target: Cells, device: torch.device, dtype: torch.dtype) -> None:
        self._source, self._target = source.trimmed(), target.trimmed()
        self._device, self._dtype = device, dtype
        self._pooled = lru_cache(maxsize=64)(self._build)

    @property
    def pools(self) -> bool:
        """Whether the rasters have too many cells to be used as they are."""
        return max(self._sides(0)) * max(self._sides(1)) > MOST_PAIRS

    def __call__(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Ends:
        """(E[x0|x], E[x1|x], -score) at x (n, 2).

        Where p is below every number of its precision, the ends are those of the least wider blur that is felt there.
        """
        found = self._everywhere(x, a, b, latent)
        return found[:, 1:3], found[:, 3:5], found[:, 5:7]

    def log_prob(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        """log p(x), nats, (n,); -inf where gamma = 0 and no pair of points reaches x."""
        return self._everywhere(x, a, b, latent)[:, 0]

    def factors(self, a: Scalar, b: Scalar) -> tuple[int, int]:
        """By how many cells a side the two rasters are pooled where they weigh a and b."""
        weighs, counts = (abs(plain(a)), abs(plain(b))), (max(self._sides(0)), max(self._sides(1)))
        sizes = [weight * float(cells.cell.max()) for weight, cells in zip(weighs, (self._source, self._target), strict=True)]
        found = [1, 1]
        while math.prod(-(-count // factor) for count, factor in zip(counts, found, strict=True)) > MOST_PAIRS:
            spare = [-(-count // (factor + 1)) >= FEWEST_CELLS for count, factor in zip(counts, found, strict=True)]
            first = spare[0] and (not spare[1] or sizes[0] * found[0] <= sizes[1] * found[1])
            found[0 if first else 1] += 1
        return found[0], found[1]

    def _sides(self, end: int) -> tuple[int, ...]:
        return (self._source, self._target)[end].weights.shape

    def _build(self, first: int, second: int, dtype: torch.dtype) -> _Pooled:
        return _Pooled(self._source.pooled(first), self._target.pooled(second), self._device, dtype)

    def _everywhere(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        """log p, E[x0|x], E[x1|x] and -score side by side, (n, 7)."""
        pooled = self._pooled(*self.factors(a, b), x.dtype)
        graph = torch.is_grad_enabled() and any(isinstance(value, Tensor) and value.requires_grad for value in (x, a, b, latent))
        single = x.dtype == torch.float32 and not graph
        kernels = [pooled.table(axis, a, b, latent) if single and plain(latent) > 0.0 else None for axis in range(2)]
        rows = max(8, _ENTRIES // pooled.pairs) * (1 if x.device.type == "cpu" else 64)
        if graph:
            found = torch.cat([pooled.moments(part, a, b, latent, kernels) for part in torch.split(x, rows)])
        else:
            found = x.new_empty(len(x), 7)

            def evaluate(some: slice) -> None:
                found[some] = pooled.moments(x[some], a, b, latent, kernels)

            by_chunks(evaluate, len(x), rows)
        faint = (~(found[:, 0].detach() > (-65.0 if x.dtype == torch.float32 else -650.0))).nonzero()[:, 0]
        return found.index_copy(0, faint, self._faint(x[faint], a, b, latent).to(x.dtype)) if len(faint) else found

    def _faint(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        """The same for points that p hardly reaches, (n, 7): in double precision, the blur doubled until they are reached."""
        first, second = self.factors(a, b)
        pooled = self._pooled(first, second, torch.float64)
        x, gamma = x.double(), plain(latent)
        cell = max(plain(a) * first * float(self._source.cell.max()), plain(b) * second * float(self._target.cell.max()))
        found = torch.full((len(x), 7), math.nan, device=x.device, dtype=x.dtype)
        left = torch.isfinite(x).all(dim=1).nonzero()[:, 0]
        for blur in [latent] * (gamma > 0.0) + [max(gamma, 0.5 * cell) * 2.0**k for k in range(_WIDEN)]:
            if not len(left):
                break
            parts = torch.split(x[left], max(1, _ENTRIES // pooled.pairs))
            reached = torch.cat([pooled.moments(part, a, b, blur, [None, None]) for part in parts])
            good = reached[:, 0].detach() > -650.0
            if blur is not latent:
                reached = self._far(x[left], reached, a, b, gamma, plain(blur))
            found = found.index_copy(0, left[good], reached[good])
            left = left[~good]
        return found

    def _far(self, x: Tensor, reached: Tensor, a: Scalar, b: Scalar, gamma: float, blur: float) -> Tensor:
        """What a wider blur tells, turned to the blur gamma: the ends stay, what is left of x is noise."""
        away = x - a * reached[:, 1:3] - b * reached[:, 3:5]
        squares = (away * away).sum(dim=1)
        if gamma == 0.0:
            log_p, pull = torch.full_like(squares, -math.inf), away / blur**2
        else:
            log_p = reached[:, 0] + 0.5 * squares * (blur**-2 - gamma**-2) + 2.0 * math.log(blur / gamma)
            pull = away / gamma**2
        return torch.cat([log_p[:, None], reached[:, 1:5], pull], dim=1)


class _Pooled:
    """Both rasters at one pooling, as tensors."""

    def __init__(self, source: Cells, target: Cells, device: torch.device, dtype: torch.dtype) -> None:
        self._masses = [torch.as_tensor(np.ascontiguousarray(cells.weights), device=device, dtype=dtype) for cells in (source, target)]
        self._sizes = [[float(cells.cell[axis]) for cells in (source, target)] for axis in range(2)]
        self._centres = [
            [
                torch.as_tensor(cells.low[axis] + cells.cell[axis] * (np.arange(cells.weights.shape[1 - axis]) + 0.5)).to(device, dtype)
                for cells in (source, target)
            ]
            for axis in range(2)
        ]
        self.pairs = max(len(first) * len(second) for first, second in self._centres)

    def moments(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar, tables: list[_Table | None]) -> Tensor:
        """log p, E[x0|x], E[x1|x], -score, (n, 7), of a chunk of points."""
        both = []
        for axis in range(2):
            first, second = self._centres[axis]
            z = (x[:, axis, None] - a * first)[:, :, None] - b * second
            table = tables[axis]
            both.append(table(z) if table is not None else two_boxes(z, a * self._sizes[axis][0], b * self._sizes[axis][1], latent))
        masses, other = self._masses
        along, up = both
        weight_x = masses.T @ (up.density @ other)
        weight_y = (masses @ along.density) @ other.T
        columns: list[Tensor] = []
        mass = (weight_x * along.density).sum(dim=(1, 2))
        over = 1.0 / mass
        for axis, (boxes, weight) in enumerate(((along, weight_x), (up, weight_y))):
            shares = weight * boxes.density
            (first, second), (width, height) = self._centres[axis], self._sizes[axis]
            columns.append((shares.sum(dim=2) @ first + width * (weight * boxes.first).sum(dim=(1, 2))) * over)
            columns.append((shares.sum(dim=1) @ second + height * (weight * boxes.second).sum(dim=(1, 2))) * over)
            columns.append((weight * boxes.pull).sum(dim=(1, 2)) * over)
        x0, x1, pull_x, y0, y1, pull_y = columns
        return torch.stack([mass.log(), x0, y0, x1, y1, pull_x, pull_y], dim=1)

    def table(self, axis: int, a: Scalar, b: Scalar, latent: Scalar) -> _Table:
        """The functions of one axis at one time, tabulated: all points and pairs share them."""
        f, g = a * self._sizes[axis][0], b * self._sizes[axis][1]
        device = self._masses[0].device
        return _Table(
            lambda z: two_boxes(z.to(device), f, g, latent), 0.5 * (plain(f) + plain(g)) + _REACH * plain(latent), self._masses[0]
        )


class _Table:
    """``Boxes`` by linear interpolation, for single precision: two numbers each of a value and its step, read together."""

    def __init__(self, exact: Callable[[Tensor], Boxes], reach: float, like: Tensor) -> None:
        values = torch.stack(exact(torch.linspace(-reach, reach, _TABLE + 1, dtype=torch.float64)), dim=1)
        values[0] = values[-1] = 0.0
        self._both = torch.cat([values[:-1], values[1:] - values[:-1]], dim=1).to(like)
        self._scale, self._shift = _TABLE / (2.0 * reach), 0.5 * _TABLE

    def __call__(self, z: Tensor) -> Boxes:
        place = (z * self._scale).add_(self._shift).clamp_(0.0, _TABLE * (1.0 - 1e-7))
        index = place.int()
        read = torch.nn.functional.embedding(index, self._both)
        found = torch.addcmul(read[..., :4], read[..., 4:], (place - index)[..., None])
        return Boxes(*found.unbind(-1))
