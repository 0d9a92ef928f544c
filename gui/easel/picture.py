"""The raster as a picture: ink glows on dark and stains on light, through a perceptual map; only what changed is mapped again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage

from gui.easel.brushes import Raster, Rect
from gui.theme import theme
from shaders.colours import heat_map


def ink_table() -> NDArray[np.uint32]:
    """0xffRRGGBB for each amount of ink, from the empty canvas to full."""
    roles = theme()
    colours = np.asarray(heat_map(roles.dark), dtype=np.float64)
    ground = np.array(QColor(roles.field).getRgb()[:3]) / 255.0
    opacity = colours[:, 3:]
    rgb = np.rint((colours[:, :3] * opacity + ground * (1.0 - opacity)) * 255).astype(np.uint32)
    return np.asarray(0xFF000000 | (rgb[:, 0] << 16) | (rgb[:, 1] << 8) | rgb[:, 2], dtype=np.uint32)


class Picture:
    """A QImage over a numpy array, kept up to date with a raster."""

    def __init__(self, raster: Raster) -> None:
        self._raster = raster
        self._pixels = np.zeros(raster.shape, dtype=np.uint32)
        self._table = ink_table()
        self.peak = 1.0
        h, w = raster.shape
        self.image = QImage(self._pixels.data, w, h, 4 * w, QImage.Format.Format_RGB32)

    def retint(self) -> None:
        """After a change of theme."""
        self._table = ink_table()
        self.refresh()

    def refresh(self, rect: Rect | None = None) -> None:
        """Map the cells in ``rect``, or all, again."""
        h, w = self._raster.shape
        rows, columns = (rect or Rect(0, 0, w, h)).slices
        index = np.clip(self._raster[rows, columns] * (255.0 / self.peak), 0, 255).astype(np.uint8)
        self._pixels[rows, columns] = self._table[index]
