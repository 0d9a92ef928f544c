"""A trained network with its derivatives along directions of x, in one forward pass: what exact divergences and flow maps need.

The point's features move with their own coordinate alone, and d sin = w cos, d cos = -w sin, so the derivatives of the features are the
features themselves, exchanged and scaled. Layer by layer a direction costs one more product (engine/learners/tangents.py).
"""

from __future__ import annotations

import math
import threading
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.chunks import by_chunks
from engine.embedding import HIGHEST, LOWEST, Embedding, GeneralEmbedding
from engine.learners.tangents import activate_with_slope

ROWS = 512
"""Rows evaluated together, so that a layer and its tangents stay in the cache."""
Layers = list[tuple[Tensor, Tensor]]


class _Desk:
    """Memory for one chunk, kept by each thread: a matrix of its own for every product would cost more than the product, in page faults."""

    def __init__(self, widths: list[int], k: int, rows: int, x: Tensor) -> None:
        self.key = (tuple(widths), k, rows, x.dtype, x.device)
        self._k, self._widths, wide = k, widths, max(widths)
        self._one = [x.new_empty(rows * wide) for _ in range(4)]
        self._many = [x.new_empty(k * rows * wide) for _ in range(3)]

    def sums(self, layer: int, m: int) -> Tensor:
        """(m, width) of a layer; the one before it stays as it is."""
        return self._one[layer % 2][: m * self._widths[layer]].view(m, -1)

    def slopes(self, layer: int, m: int) -> Tensor:
        """(k, m, width) of a layer, likewise."""
        return self._many[layer % 2][: self._k * m * self._widths[layer]].view(self._k, m, -1)

    def activated(self, layer: int, m: int) -> tuple[Tensor, Tensor, Tensor]:
        """(m, width), (m, width) and (k, m, width) for phi, phi' and the derivatives of phi."""
        width = self._widths[layer]
        a, slope = (part[: m * width].view(m, width) for part in self._one[2:])
        return a, slope, self._many[2][: self._k * m * width].view(self._k, m, width)


_desks = threading.local()


def _desk(layers: Layers, k: int, rows: int, x: Tensor) -> _Desk:
    """The thread's own, made anew where it does not fit; of more rows than a chunk has, one that nobody keeps."""
    widths = [len(bias) for _, bias in layers]
    if rows > ROWS:
        return _Desk(widths, k, rows, x)
    found: _Desk | None = getattr(_desks, "own", None)
    if found is None or found.key != (tuple(widths), k, ROWS, x.dtype, x.device):
        found = _desks.own = _Desk(widths, k, ROWS, x)
    return found


class Rates(NamedTuple):
    """How fast the features move with the point at one time."""

    near: float
    """Of the point itself."""
    angles: list[float]
    """Of each block of features, before their frequencies."""


def rates_of(embedding: Embedding | GeneralEmbedding, t: float) -> Rates:
    """d(point)/dx and, for each block, d(place)/dx at one time."""
    residual, time = embedding.network.residual, torch.tensor([t], dtype=torch.float64)
    if isinstance(embedding, Embedding):
        own = embedding.preconditioning
        spread = float(own.spread(time))
        return Rates(1.0 / spread if residual else 1.0, [float(own.path.alpha(time)) * math.sqrt(own.variance) / spread**2])
    pre = embedding.preconditioning
    total = float(pre.spread2(time))
    ends = [(float(pre.path.data_weight(t)), pre.variance)]
    if embedding.source_features:
        ends.append((float(pre.path.source_weight(t)), pre.source_variance))
    return Rates(1.0 / math.sqrt(total) if residual else 1.0, [weight * math.sqrt(variance) / total for weight, variance in ends])


def network_along(
    embedding: Embedding | GeneralEmbedding, layers: Layers, activation: str, bias: Tensor, x: Tensor, t: float, directions: Tensor | None
) -> tuple[Tensor, Tensor]:
    """f (n, out) and its derivatives (k, n, out) along ``directions`` (k, 1 or n, d); None: along the d axes.

    ``bias`` is the first layer's with the time's part added, ``t`` the one time of all rows.
    """
    rates, (n, d) = rates_of(embedding, t), x.shape
    count, out = embedding.network.space_features, len(layers[-1][1])
    time = torch.tensor([t], device=x.device, dtype=x.dtype)
    first = layers[0][0]
    used = d * (1 + 2 * count * len(rates.angles)) if count else d
    bare = first[:, :used].contiguous()
    frequencies = torch.from_numpy(np.geomspace(LOWEST, HIGHEST, max(count, 1))).to(x)[:count]
    # (d, 2 K, width) for each block: the rows of an axis's sines and cosines
    parts = [
        bare[:, d + 2 * d * count * b : d + 2 * d * count * (b + 1)].reshape(-1, 2, d, count).permute(2, 1, 3, 0).reshape(d, 2 * count, -1)
        for b in range(len(rates.angles) if count else 0)
    ]
    k = d if directions is None else len(directions)
    value, slopes = x.new_empty(n, out), x.new_empty(k, n, out)

    def evaluate(rows: slice) -> None:
        point = x[rows]
        m = len(point)
        desk = _desk(layers, k, m, x)
        features = embedding.point(point, time)
        z, dz = desk.sums(0, m), (bare[:, :d].t() * rates.near)[:, None, :].expand(d, m, -1)
        torch.addmm(bias, features.t(), bare.t(), out=z)
        for b, part in enumerate(parts):
            waves = features[d + 2 * d * count * b : d + 2 * d * count * (b + 1)].view(2, d, count, -1)
            turn = (frequencies * rates.angles[b])[:, None]
            dz = torch.baddbmm(dz, torch.cat([waves[1] * turn, waves[0] * -turn], dim=1).transpose(1, 2), part)
        if directions is not None:
            along = directions if directions.shape[1] == 1 else directions[:, rows]
            dz = torch.einsum("knd,dnw->knw", along.expand(-1, m, -1), dz)
        for index, (weight, shift) in enumerate(layers[1:], 1):
            a, slope, moved = desk.activated(index - 1, m)
            activate_with_slope(activation, z, a, slope)
            torch.mul(dz, slope, out=moved)
            z, dz = desk.sums(index, m), desk.slopes(index, m)
            torch.addmm(shift, a, weight.t(), out=z)
            torch.mm(moved.view(k * m, -1), weight.t(), out=dz.view(k * m, -1))
        value[rows], slopes[:, rows] = z, dz

    if x.device.type == "cpu":
        by_chunks(evaluate, n, ROWS)
    elif n:
        evaluate(slice(None))
    return value, slopes
