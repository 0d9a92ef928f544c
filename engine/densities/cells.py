"""Cells: a density that is uniform on each cell of a raster."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.choice import Problem
from engine.densities.categorical import Categorical

Floats = NDArray[np.float64]


class Cells:
    """p(x) = w_ij / (sum w |cell|) in cell ij of an h x w raster on the rectangle [low, high].

    ``weights`` (h, w) with **row 0 at the bottom** (y low), column 0 at the left; ``low`` and ``high`` (2,) are (x, y). Raises
    Problem unless the weights are finite, nowhere negative and somewhere positive.
    """

    def __init__(self, weights: ArrayLike, low: ArrayLike, high: ArrayLike, note: str = "") -> None:
        own = np.asarray(weights, dtype=np.float64)
        if own.ndim != 2 or own.size == 0:
            raise Problem(f"a raster needs two axes, height and width; this has shape {own.shape}")
        self.low: Floats = np.asarray(low, dtype=np.float64)
        self.high: Floats = np.asarray(high, dtype=np.float64)
        if not (np.isfinite(self.low).all() and np.isfinite(self.high).all() and (self.high > self.low).all()):
            raise Problem("the rectangle of a raster needs finite edges, low below high")
        if not np.isfinite(own).all():
            raise Problem("the raster holds NaN or Inf")
        if own.min() < 0:
            raise Problem("the raster holds negative numbers")
        top = own.max()
        if top <= 0:
            raise Problem("the raster is empty")
        own = own / top
        self.weights: Floats = own / own.sum()
        self.note = note

    @property
    def dimension(self) -> int:
        """d = 2."""
        return 2

    @property
    def cell(self) -> Floats:
        """Width and height of a cell, (2,)."""
        h, w = self.weights.shape
        size: Floats = (self.high - self.low) / np.array([w, h])
        return size

    @cached_property
    def _index(self) -> Categorical:
        return Categorical(self.weights.ravel())

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """n independent draws, (n, 2): a cell, then a place in it."""
        row, column = np.divmod(self._index.draw(n, rng), self.weights.shape[1])
        x: Floats = rng.random((n, 2))
        x[:, 0] += column
        x[:, 1] += row
        x *= self.cell
        x += self.low
        # rounding may carry the last place of the last cell onto or past the edge
        return np.minimum(x, self.high, out=x)

    def log_prob(self, x: Floats) -> Floats:
        """log p(x), nats, (n,); -inf outside the raster and in empty cells. A cell holds its lower edges, the raster its upper ones too."""
        x = np.atleast_2d(np.asarray(x, dtype=np.float64))
        h, w = self.weights.shape
        size = np.array([w, h])
        place = np.floor((x - self.low) / self.cell)
        place = np.where(x == self.high, size - 1, place)
        inside = np.all((x >= self.low) & (x <= self.high), axis=1)
        column, row = np.clip(np.where(inside[:, None], place, 0), 0, size - 1).astype(np.int64).T
        with np.errstate(divide="ignore"):
            value = np.log(self.weights[row, column]) - np.log(self.cell).sum()
        result: Floats = np.where(inside, value, -np.inf)
        return result

    @cached_property
    def _moments(self) -> tuple[Floats, Floats]:
        h, w = self.weights.shape
        x = self.low[0] + (np.arange(w) + 0.5) * self.cell[0]
        y = self.low[1] + (np.arange(h) + 0.5) * self.cell[1]
        along, up = self.weights.sum(axis=0), self.weights.sum(axis=1)
        mean = np.array([along @ x, up @ y])
        x, y = x - mean[0], y - mean[1]
        mixed = float(y @ self.weights @ x)
        between = np.array([[along @ x**2, mixed], [mixed, up @ y**2]])
        return mean, between + np.diag(self.cell**2 / 12.0)

    def mean(self) -> Floats:
        """E[x], (2,)."""
        return self._moments[0].copy()

    def covariance(self) -> Floats:
        """Cov[x], (2, 2): between the cells' centres, plus cell^2 / 12 within each."""
        return self._moments[1].copy()

    def bounds(self) -> tuple[Floats, Floats]:
        """The smallest rectangle of cells that holds all mass: exact."""
        trimmed = self.trimmed()
        return trimmed.low.copy(), trimmed.high.copy()

    def moved(self, shift: Floats, scale: Floats) -> Cells:
        """The density of (x - shift) / scale, per axis."""
        return Cells(self.weights, (self.low - shift) / scale, (self.high - shift) / scale, self.note)

    def trimmed(self) -> Cells:
        """The same density without empty rows and columns at the rim."""
        rows = np.flatnonzero(self.weights.any(axis=1))
        columns = np.flatnonzero(self.weights.any(axis=0))
        first = np.array([columns[0], rows[0]])
        last = np.array([columns[-1], rows[-1]]) + 1
        part = self.weights[first[1] : last[1], first[0] : last[0]]
        return Cells(part, self.low + first * self.cell, self.low + last * self.cell, self.note)

    def pooled(self, factor: int) -> Cells:
        """The same masses on cells ``factor`` times as wide and high; missing rows and columns at the top and right are empty."""
        h, w = self.weights.shape
        rows, columns = -(-h // factor), -(-w // factor)
        full = np.zeros((rows * factor, columns * factor))
        full[:h, :w] = self.weights
        blocks = full.reshape(rows, factor, columns, factor).sum(axis=(1, 3))
        return Cells(blocks, self.low, self.low + self.cell * factor * np.array([columns, rows]), self.note)
