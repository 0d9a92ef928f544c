"""The sums over pairs of cells of two rasters, at points and one time: what ``RasterPair`` (engine/fields/raster_pair.py) is made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from engine.chunks import by_chunks
from engine.densities.cells import Cells
from engine.fields.knots import End, Knots
from engine.fields.two_boxes import Boxes, two_boxes
from engine.ops import Scalar, plain

_ENTRIES = 1 << 16
"""Pairs of columns in one chunk of points: what fits the cache."""
_NODES = 8_192
_REACH = 9.0
"""How many gamma beyond its boxes a pair is felt in single precision (e^-40)."""


def in_chunks(work: Callable[[Tensor], Tensor], x: Tensor, rows: int, graph: bool) -> Tensor:
    """``work`` (n, 7 or 5) on chunks of points, on all threads unless derivatives are kept."""
    if x.device.type != "cpu":
        rows *= 64
    if graph or not len(x):
        return torch.cat([work(part) for part in torch.split(x, rows)])
    found: list[Tensor | None] = [None] * -(-len(x) // rows)

    def evaluate(some: slice) -> None:
        found[some.start // rows] = work(x[some])

    by_chunks(evaluate, len(x), rows)
    return torch.cat([part for part in found if part is not None])


class PooledPair:
    """Both rasters at one pooling, as tensors."""

    def __init__(self, source: Cells, target: Cells, device: torch.device, dtype: torch.dtype) -> None:
        self._masses = [torch.as_tensor(np.ascontiguousarray(cells.weights), device=device, dtype=dtype) for cells in (source, target)]
        self._sizes = [[float(cells.cell[axis]) for cells in (source, target)] for axis in range(2)]
        self._exact_centres = [
            [
                torch.as_tensor(cells.low[axis] + cells.cell[axis] * (np.arange(cells.weights.shape[1 - axis]) + 0.5)).to(device)
                for cells in (source, target)
            ]
            for axis in range(2)
        ]
        self._centres = [[centres.to(dtype) for centres in pair] for pair in self._exact_centres]
        self._last: tuple[tuple[float, float], list[Knots]] | None = None
        self.rows = max(8, _ENTRIES // max(len(first) * len(second) for first, second in self._centres))
        """Points of a chunk."""

    def moments(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar, tables: list[Table | None]) -> Tensor:
        """log p, E[x0|x], E[x1|x], -score, (n, 7), of a chunk of points."""
        both = []
        for axis in range(2):
            table = tables[axis]
            centres, place = self._exact_centres[axis] if table is None else self._centres[axis], x[:, axis, None]
            z = ((place.double() if table is None else place) - a * centres[0])[:, :, None] - b * centres[1]
            # a second difference needs double precision
            found = table(z) if table is not None else two_boxes(z, a * self._sizes[axis][0], b * self._sizes[axis][1], latent)
            both.append(Boxes(*(part.to(x.dtype) for part in found)))
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

    def by_knots(self, x: Tensor, a: float, b: float) -> Tensor:
        """The same for any number of points where gamma = 0 (engine/fields/knots.py)."""
        last = self._last
        if last is None or last[0] != (a, b):
            last = (a, b), [Knots(*self._ends(axis, (a, b))) for axis in range(2)]
            self._last = last
        knots = last[1]

        def moments(part: Tensor) -> Tensor:
            (mass, far_x, pull_x), (_, far_y, pull_y) = (
                knots[axis].moments(part[:, axis], part[:, 1 - axis], of_source=a < b) for axis in range(2)
            )
            far, pull = torch.stack([far_x, far_y], dim=1) / mass[:, None], torch.stack([pull_x, pull_y], dim=1) / mass[:, None]
            near = (part - min(a, b) * far) / max(a, b)
            return torch.cat([mass.log()[:, None], *((far, near) if a < b else (near, far)), pull], dim=1)

        rows = max(16, (_ENTRIES // 2) // max(len(centres) for pair in self._centres for centres in pair))
        return in_chunks(moments, x, rows, torch.is_grad_enabled() and x.requires_grad)

    def _ends(self, axis: int, weights: tuple[float, float]) -> list[End]:
        return [
            End(
                self._masses[k] if axis == 0 else self._masses[k].T.contiguous(),
                self._exact_centres[axis][k],
                self._sizes[axis][k],
                self._exact_centres[1 - axis][k],
                self._sizes[1 - axis][k],
                weights[k],
            )
            for k in range(2)
        ]

    def table(self, axis: int, a: Scalar, b: Scalar, latent: Scalar) -> Table:
        """The functions of one axis at one time, tabulated: all points and pairs share them."""
        f, g = a * self._sizes[axis][0], b * self._sizes[axis][1]
        device = self._masses[0].device
        return Table(lambda z: two_boxes(z.to(device), f, g, latent), 0.5 * (plain(f) + plain(g)) + _REACH * plain(latent), self._masses[0])


class Table:
    """``Boxes`` by linear interpolation, for single precision: two numbers each of a value and its step, read together."""

    def __init__(self, exact: Callable[[Tensor], Boxes], reach: float, like: Tensor) -> None:
        values = torch.stack(exact(torch.linspace(-reach, reach, _NODES + 1, dtype=torch.float64)), dim=1)
        values[0] = values[-1] = 0.0
        self._both = torch.cat([values[:-1], values[1:] - values[:-1]], dim=1).to(like)
        self._scale, self._shift = _NODES / (2.0 * reach), 0.5 * _NODES

    def __call__(self, z: Tensor) -> Boxes:
        place = (z * self._scale).add_(self._shift).clamp_(0.0, _NODES * (1.0 - 1e-7))
        index = place.int()
        read = torch.nn.functional.embedding(index, self._both)
        found = torch.addcmul(read[..., :4], read[..., 4:], (place - index)[..., None])
        return Boxes(*found.unbind(-1))
