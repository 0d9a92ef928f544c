"""Undo of a stroke: only the tiles that it touched, before and after."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtGui import QUndoCommand

from gui.easel.brushes import NOWHERE, Raster, Rect

TILE = 32

Tiles = dict[tuple[int, ...], tuple[Raster, Raster]]
"""By (top, left), or by (layer, top, left)."""


def differing_tiles(before: Raster, after: Raster) -> Tiles:
    """The tiles in which two rasters of the same size, or any of their layers, differ, with copies of both."""
    found: Tiles = {}
    for layer in np.ndindex(before.shape[:-2]):
        if layer and np.array_equal(before[layer], after[layer]):
            continue
        for top in range(0, before.shape[-2], TILE):
            for left in range(0, before.shape[-1], TILE):
                place = (*layer, slice(top, top + TILE), slice(left, left + TILE))
                if not np.array_equal(before[place], after[place]):
                    found[(*layer, top, left)] = (before[place].copy(), after[place].copy())
    return found


class RasterCommand(QUndoCommand):
    """A change of the raster that has already happened when it is pushed. ``tell(rect)`` is called after each later undo or redo."""

    def __init__(self, label: str, raster: Raster, tiles: Tiles, tell: Callable[[Rect], None]) -> None:
        super().__init__(label)
        self._raster, self._tiles, self._tell = raster, tiles, tell
        self._done = True

    @property
    def bytes(self) -> int:
        """Memory held."""
        return sum(before.nbytes + after.nbytes for before, after in self._tiles.values())

    def undo(self) -> None:
        self._put(0)

    def redo(self) -> None:
        if self._done:
            self._done = False
        else:
            self._put(1)

    def _put(self, which: int) -> None:
        rect = NOWHERE
        for (*layer, top, left), pair in self._tiles.items():
            tile = pair[which]
            self._raster[*layer, top : top + tile.shape[0], left : left + tile.shape[1]] = tile
            rect = Rect(left, top, left + tile.shape[1], top + tile.shape[0]).united(rect)
        self._tell(rect)
