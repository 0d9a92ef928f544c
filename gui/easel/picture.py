"""The ink as a picture: it glows on dark and stains on light; only what changed is mapped again.

One colour goes through a perceptual map. As soon as a second one is there, each shows in its own, mixed by how much ink there is of each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage

from gui.easel.brushes import Raster, Rect
from gui.theme import theme
from shaders.colours import heat_map, labels


def ink_table() -> NDArray[np.uint32]:
    """0xffRRGGBB for each amount of ink, from the empty canvas to full."""
    roles = theme()
    colours = np.asarray(heat_map(roles.dark), dtype=np.float64)
    opacity = colours[:, 3:]
    rgb = np.rint((colours[:, :3] * opacity + _ground() * (1.0 - opacity)) * 255).astype(np.uint32)
    return np.asarray(0xFF000000 | (rgb[:, 0] << 16) | (rgb[:, 1] << 8) | rgb[:, 2], dtype=np.uint32)


def _ground() -> NDArray[np.float64]:
    return np.array(QColor(theme().field).getRgb()[:3]) / 255.0


class Picture:
    """A QImage over a numpy array, kept up to date with the layers of ink (k, h, w)."""

    def __init__(self, layers: Raster) -> None:
        self._layers = layers
        self._pixels = np.zeros(layers.shape[-2:], dtype=np.uint32)
        self.peak = 1.0
        self.used: tuple[int, ...] = ()
        """The layers that hold ink."""
        self._table, self._colours = ink_table(), self._palette()
        h, w = self._pixels.shape
        self.image = QImage(self._pixels.data, w, h, 4 * w, QImage.Format.Format_RGB32)

    def _palette(self) -> NDArray[np.float32]:
        """What each layer's full ink adds to the ground, (k, 3), in steps of 1/255."""
        return ((labels(theme()) - _ground()) * 255.0).astype(np.float32)

    @property
    def many(self) -> bool:
        """Whether colours are shown: more than the first one is used."""
        return any(layer > 0 for layer in self.used)

    def retint(self) -> None:
        """After a change of theme."""
        self._table, self._colours = ink_table(), self._palette()
        self.refresh()

    def refresh(self, rect: Rect | None = None) -> None:
        """Map the cells in ``rect``, or all, again."""
        h, w = self._pixels.shape
        rows, columns = (rect or Rect(0, 0, w, h)).slices
        if self.many:
            self._pixels[rows, columns] = self._mixed(self._layers[list(self.used), rows, columns])
            return
        index = np.clip(self._layers[0, rows, columns] * (255.0 / self.peak), 0, 255).astype(np.uint8)
        self._pixels[rows, columns] = self._table[index]

    def _mixed(self, ink: Raster) -> NDArray[np.uint32]:
        """0xffRRGGBB of the used layers' ink (k, h, w): each colour by its share, as opaque as all the ink together."""
        total = ink.sum(axis=0)
        # the square root shows the tails of soft brushes as the map of one colour does
        strength = np.sqrt(np.minimum(total / np.float32(self.peak), 1.0)) / np.maximum(total, np.float32(1e-12))
        added = np.einsum("khw,kc->hwc", ink, self._colours[list(self.used)])
        ground = (_ground() * 255.0).astype(np.float32)
        rgb = np.clip(np.rint(added * strength[:, :, None] + ground), 0, 255).astype(np.uint32)
        return np.asarray(0xFF000000 | (rgb[:, :, 0] << 16) | (rgb[:, :, 1] << 8) | rgb[:, :, 2], dtype=np.uint32)
