"""Maps on the card: textures of floating point places that are written anew while time goes on, and which parts of them are to be drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vispy import gloo
from vispy.gloo import gl

from shaders.grids import OUTSIDE, OVERSHOOT, Scale, filled, known, refined
from shaders.scene import MapData

SPARE = 8
"""Textures that wait for the next map of their size: two for each of four panes."""
TILE = 2
"""Cells along a side of the parts that are drawn or left out."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """One map on the card."""

    values: Any
    """Texture of places on its scale."""
    known: Any = None
    """Texture of where they are known; None: everywhere."""
    lowest: NDArray[np.float32] | None = None
    """(rows, columns) smallest place in each tile and the tiles around it; None where the parts are not asked for."""
    highest: NDArray[np.float32] | None = None
    cells: tuple[int, int] = (1, 1)
    """(h, w) of the map's own cells."""
    texels: tuple[int, int] = (1, 1)
    """(h, w) of the texture."""


class Sheets:
    """While a pane plays, each new map is written into the texture that the one before it has left."""

    def __init__(self) -> None:
        self.exact = float_textures()
        """Whether places are kept as they are; else in sixteen bits."""
        self._used: dict[tuple[int, Scale, bool], tuple[MapData, Sheet]] = {}
        self._spare: list[Any] = []

    @property
    def count(self) -> int:
        """How many textures are kept, in use or waiting."""
        return len(self._spare) + sum(1 + (sheet.known is not None) for _, sheet in self._used.values())

    def of(self, data: MapData, scale: Scale, finer: bool = True) -> Sheet:
        """The map's textures, written now if it is new; ``finer``: with three cells for each, if it is coarse."""
        key = id(data), scale, finer
        if key not in self._used:
            mask = known(data.values)
            places = scale.place(data.values)
            places = places if mask is None else filled(places)
            fine = refined(places) if finer else places
            there = None if mask is None else self._texture(mask)
            (h, w), texels = places.shape, (fine.shape[0], fine.shape[1])
            self._used[key] = data, Sheet(self.written(fine), there, *tiles(places), cells=(h, w), texels=texels)
        return self._used[key][1]

    def written(self, places: NDArray[np.float32]) -> Any:
        """A texture of places."""
        return self._texture(np.ascontiguousarray(places) if self.exact else packed(places))

    def sweep(self, alive: Iterable[Any]) -> None:
        """What belongs to maps that are not among these waits for others of its size, or is given back."""
        ids = {id(array) for array in alive}
        for key, (owner, sheet) in list(self._used.items()):
            if id(owner) not in ids:
                del self._used[key]
                self._spare += [texture for texture in (sheet.values, sheet.known) if texture is not None]
        for texture in self._spare[:-SPARE]:
            texture.delete()
        del self._spare[:-SPARE]

    def _texture(self, data: NDArray[Any]) -> Any:
        shape = data.shape if data.ndim == 3 else (*data.shape, 1)
        real = data.dtype == np.float32
        for k, texture in enumerate(self._spare):
            if texture.shape == shape and (texture.internalformat == "r32f") == real:
                del self._spare[k]
                texture.set_data(data)
                return texture
        kind = {"format": "red", "internalformat": "r32f"} if real else {}
        smooth = "nearest" if shape[2] == 2 else "linear"
        return gloo.Texture2D(data, interpolation=smooth, wrapping="clamp_to_edge", **kind)


def tiles(places: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What places in each tile of TILE × TILE cells, and between them, are not below and not above: by those around it, and overshoot."""
    h, w = (-(-n // TILE) * TILE for n in places.shape)
    whole = np.pad(places, ((0, h - places.shape[0]), (0, w - places.shape[1])), mode="edge") if places.shape != (h, w) else places
    out = []
    for function in (np.minimum, np.maximum):
        part = function.reduce(function.reduce(whole.reshape(-1, TILE, w), axis=1).reshape(h // TILE, -1, TILE), axis=2)
        for axis in (0, 1):
            padded = np.pad(part, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
            first, middle, last = (padded.take(range(k, k + part.shape[axis]), axis=axis) for k in range(3))
            part = function(function(first, middle), last)
        out.append(part)
    margin = OVERSHOOT * (out[1] - out[0])
    return out[0] - margin, out[1] + margin


def quads(chosen: NDArray[np.bool_], cells: tuple[int, int]) -> NDArray[np.float32]:
    """Corners (n, 2) of two triangles for each run of chosen tiles in a row, from (0, 0) to (1, 1) over a map of so many cells."""
    edge = np.diff(np.pad(chosen, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, left = np.nonzero(edge == 1)
    right = np.nonzero(edge == -1)[1]
    x0, x1 = (np.minimum(TILE * side, cells[1]) / cells[1] for side in (left, right))
    y0, y1 = (np.minimum(TILE * side, cells[0]) / cells[0] for side in (rows, rows + 1))
    corners = np.stack([x0, y0, x1, y0, x0, y1, x0, y1, x1, y0, x1, y1], axis=1)
    return corners.reshape(-1, 2).astype(np.float32)


def packed(places: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Places as two bytes, high and low, (h, w, 2)."""
    whole = np.round((places + OUTSIDE) / (1.0 + 2.0 * OUTSIDE) * 65535.0).astype(np.uint16)
    return np.stack([whole >> 8, whole & 255], axis=-1).astype(np.uint8)


def float_textures() -> bool:
    """Whether the driver has textures of floating point numbers."""
    version = str(gl.glGetParameter(gl.GL_VERSION))
    if "ES" in version:
        return False
    number = re.search(r"(\d+)\.\d+", version)
    if number is not None and int(number[1]) >= 3:
        return True
    words = str(gl.glGetParameter(gl.GL_EXTENSIONS)).split()
    return "GL_ARB_texture_float" in words and "GL_ARB_texture_rg" in words
