"""Islands: the separate blobs of a raster. Every point belongs to the nearest one, so that their shares add up to one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.densities.cells import Cells

Floats = NDArray[np.float64]
INK = 0.1
"""An island is made of touching cells (corners count) with more than this share of the deepest ink."""
LEAST = 0.01
"""One with less of the mass is no island."""
MOST = 32


@dataclass(frozen=True, eq=False)
class Islands:
    """Which of k islands each cell of a raster is nearest to."""

    density: Cells
    nearest: NDArray[np.int64]
    """(h, w), from 0; largest island first."""
    weights: Floats
    """(k,), adding up to 1."""
    centres: Floats
    """(k, 2) centres of mass, in the raster's coordinates."""

    def shares(self, points: NDArray[np.floating]) -> Floats:
        """The share of the points (n, 2) that is nearest to each, (k,); what is outside of the raster goes with the cell at its edge."""
        h, w = self.nearest.shape
        place = (np.asarray(points, dtype=np.float64) - self.density.low) / self.density.cell
        column, row = (np.clip(np.nan_to_num(place[:, k]), 0, size - 1).astype(np.int64) for k, size in enumerate((w, h)))
        found: Floats = np.bincount(self.nearest[row, column], minlength=len(self.weights)) / len(place)
        return found


def islands_of(density: Cells) -> Islands:
    """The islands of a raster, in the coordinates of ``density``. Raises Problem where it is one piece, or more than 32."""
    from scipy.ndimage import distance_transform_edt, label

    ink = density.weights > INK * density.weights.max()
    pieces, count = label(ink, structure=np.ones((3, 3)))
    masses = np.bincount(pieces.ravel(), weights=density.weights.ravel(), minlength=count + 1)
    masses[0] = 0.0
    order = [k for k in np.argsort(-masses) if masses[k] > LEAST * density.weights.sum()]
    if not 2 <= len(order) <= MOST:
        what = "one piece" if len(order) < 2 else f"{len(order)} pieces"
        raise Problem(f"the painting is {what}, without labels: there are no modes to count.")
    rank = np.full(count + 1, -1)
    rank[order] = np.arange(len(order))
    named = rank[pieces]
    _, (row, column) = distance_transform_edt(named < 0, sampling=density.cell[::-1], return_indices=True)
    nearest = named[row, column].astype(np.int64)
    weights = np.bincount(nearest.ravel(), weights=density.weights.ravel(), minlength=len(order))
    rows, columns = np.indices(nearest.shape)
    places = density.low + density.cell * (np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5)
    each = np.stack(
        [np.average(places[nearest.ravel() == k], axis=0, weights=density.weights.ravel()[nearest.ravel() == k]) for k in range(len(order))]
    )
    return Islands(density, nearest, weights / weights.sum(), each)
