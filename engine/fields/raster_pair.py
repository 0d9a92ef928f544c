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
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from engine.densities.cells import Cells
from engine.fields.raster_sums import PooledPair, in_chunks
from engine.fields.separable import Ends, EndsOnAxes
from engine.fields.waves import MOST_WAVES, SMALL, Waves, waves_needed
from engine.ops import Scalar, plain

MOST_PAIRS = 1_536
"""Pairs of columns, and pairs of rows, beyond which the rasters are pooled; a half of it where single points meet latent noise."""
FEWEST_CELLS = 12
"""Cells along a side below which no raster is pooled."""
MANY = 64
"""Points for which it pays to prepare what all of them share."""
_LEAST = {torch.float32: -65.0, torch.float64: -650.0}
"""log p below which products underflow."""
_WIDEN = 60


class RasterPair:
    """A raster at both ends, drawn independently (standardised coordinates).

    Without latent noise many points at one time are told by what happens at the knots (engine/fields/knots.py), under enough of it by
    waves, for which nothing is pooled (engine/fields/waves.py); both are the sum above, summed in another order.
    """

    def __init__(self, source: Cells, target: Cells, device: torch.device, dtype: torch.dtype) -> None:
        self._cells = source.trimmed(), target.trimmed()
        self._device, self._dtype = device, dtype
        self._pooled = lru_cache(maxsize=64)(self._build)
        self._waves: tuple[tuple[Any, ...], Waves] | None = None

    @property
    def pools(self) -> bool:
        """Whether the rasters have too many cells to be used as they are."""
        first, second = (int(max(cells.weights.shape)) for cells in self._cells)
        return first * second > MOST_PAIRS // 2

    def __call__(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Ends:
        """(E[x0|x], E[x1|x], -score) at x (n, 2).

        Where p is below every number of its precision, the ends are those of the least wider blur that is felt there.
        """
        found = self._mended(self._everywhere(x, a, b, latent), x, a, b, latent)
        return found[:, 1:3], found[:, 3:5], found[:, 5:7]

    def log_prob(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        """log p(x), nats, (n,); -inf where gamma = 0 and no pair of points reaches x."""
        found = self._everywhere(x, a, b, latent)
        return found[:, 0] if plain(latent) == 0.0 else self._mended(found, x, a, b, latent)[:, 0]

    def on_axes(self, axes: Sequence[Tensor], a: Scalar, b: Scalar, latent: Scalar, moments: bool = True) -> EndsOnAxes:
        """p, the ends and -score on a grid, and where they are known."""
        x, shape = torch.stack([part.flatten() for part in torch.meshgrid(*axes, indexing="ij")], dim=1), [len(axis) for axis in axes]
        found = self._everywhere(x, a, b, latent)
        known = (found[:, 0] > _LEAST[x.dtype]).view(shape)
        ends = tuple(found[:, k : k + 2].view(*shape, 2) for k in (1, 3, 5))
        return EndsOnAxes(found[:, 0].exp().view(shape), (ends[0], ends[1], ends[2]) if moments else None, known)

    def factors(self, a: Scalar, b: Scalar, most: int = MOST_PAIRS) -> tuple[int, int]:
        """By how many cells a side the two rasters are pooled where they weigh a and b."""
        counts = [max(cells.weights.shape) for cells in self._cells]
        sizes = [abs(plain(weight)) * float(cells.cell.max()) for weight, cells in zip((a, b), self._cells, strict=True)]
        found = [1, 1]
        while math.prod(-(-count // factor) for count, factor in zip(counts, found, strict=True)) > most:
            spare = [-(-count // (factor + 1)) >= FEWEST_CELLS for count, factor in zip(counts, found, strict=True)]
            first = spare[0] and (not spare[1] or sizes[0] * found[0] <= sizes[1] * found[1])
            found[0 if first else 1] += 1
        return found[0], found[1]

    def _build(self, first: int, second: int, dtype: torch.dtype) -> PooledPair:
        return PooledPair(self._cells[0].pooled(first), self._cells[1].pooled(second), self._device, dtype)

    def _everywhere(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        """log p, E[x0|x], E[x1|x] and -score side by side, (n, 7); log p may be lost where it is below ``_LEAST``."""
        moving = torch.is_grad_enabled() and any(isinstance(value, Tensor) and value.requires_grad for value in (a, b, latent))
        if moving or len(x) < MANY:
            return self._directly(x, a, b, latent)
        a, b, latent = plain(a), plain(b), plain(latent)
        if latent == 0.0:
            pooled = self._pooled(*self.factors(a, b), x.dtype)
            return pooled.by_knots(x, a, b)
        if waves_needed(*self._cells, a, b, latent, x.dtype) > MOST_WAVES:
            return self._directly(x, a, b, latent)
        waves, found = self._by_waves(x, a, b, latent)
        rest = (~waves).nonzero()[:, 0]
        return found.index_copy(0, rest, self._directly(x[rest], a, b, latent)) if len(rest) else found

    def _directly(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        """Each point by its own sum."""
        noisy = plain(latent) > 0.0
        pooled = self._pooled(*self.factors(a, b, MOST_PAIRS // 2 if noisy else MOST_PAIRS), x.dtype)
        graph = torch.is_grad_enabled() and any(isinstance(value, Tensor) and value.requires_grad for value in (x, a, b, latent))
        tables = noisy and not graph and x.dtype == torch.float32 and len(x) >= MANY
        kernels = [pooled.table(axis, a, b, latent) if tables else None for axis in range(2)]
        return in_chunks(lambda part: pooled.moments(part, a, b, latent, kernels), x, pooled.rows, graph)

    def _by_waves(self, x: Tensor, a: float, b: float, latent: float) -> tuple[Tensor, Tensor]:
        """Where waves tell enough, (n,), and what they tell, (n, 7)."""
        key, last = (a, b, latent, x.dtype), self._waves
        if last is None or last[0] != key:
            last = key, Waves(*self._cells, a, b, latent, self._device, x.dtype)
            self._waves = last
        waves, graph = last[1], torch.is_grad_enabled() and x.requires_grad
        sums = in_chunks(waves.moments, x, 512, graph)
        good = (sums[:, 0].detach() > SMALL[x.dtype] * waves.peak) & waves.inside(x)
        mass = torch.where(good, sums[:, 0], torch.ones_like(sums[:, 0]))[:, None]
        return good, torch.cat([mass.log(), waves.ends(x, sums / mass), sums[:, 1:3] / mass], dim=1)

    def _mended(self, found: Tensor, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        """With what is to be said of points that p hardly reaches."""
        faint = (~(found[:, 0].detach() > _LEAST[x.dtype])).nonzero()[:, 0]
        return found.index_copy(0, faint, self._faint(x[faint], a, b, latent).to(x.dtype)) if len(faint) else found

    def _faint(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        """The same for points that p hardly reaches, (n, 7): in double precision, the blur doubled until they are reached."""
        first, second = self.factors(a, b, MOST_PAIRS // 4)
        pooled = self._pooled(first, second, torch.float64)
        x, gamma = x.double(), plain(latent)
        cell = max(plain(a) * first * float(self._cells[0].cell.max()), plain(b) * second * float(self._cells[1].cell.max()))
        found = torch.full((len(x), 7), math.nan, device=x.device, dtype=x.dtype)
        left = torch.isfinite(x).all(dim=1).nonzero()[:, 0]
        low, high = (plain(a) * one + plain(b) * other for one, other in zip(*(cells.bounds() for cells in self._cells), strict=True))
        beyond = (x.detach() - x.detach().clamp(*(torch.as_tensor(edge).to(x) for edge in (low, high)))).norm(dim=1)
        for blur in [latent] * (gamma > 0.0) + [max(gamma, 0.5 * cell) * 2.0**k for k in range(_WIDEN)]:
            if not len(left):
                break
            asked = left[beyond[left] < 38.0 * plain(blur)]
            parts = torch.split(x[asked], pooled.rows)
            reached = torch.cat([pooled.moments(part, a, b, blur, [None, None]) for part in parts])
            good = reached[:, 0].detach() > _LEAST[torch.float64]
            if blur is not latent:
                reached = self._far(x[asked], reached, a, b, gamma, plain(blur))
            found = found.index_copy(0, asked[good], reached[good])
            left = left[~torch.isin(left, asked[good])]
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
