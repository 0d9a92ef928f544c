"""Maps of a density or an error: values in floating point seen through a perceptual palette, and lines of equal value over them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from vispy import gloo
from vispy.gloo import gl

from shaders import blending, colours
from shaders.grids import OUTSIDE, Scale, filled, known, refined, scale_of
from shaders.programs import Program
from shaders.scene import Contours, DensityKind, HeatMap, MapData
from shaders.themes import Theme, rgb
from shaders.view import View

Box = tuple[float, float, float, float]
SPARE = 8
"""Textures that wait for the next map of their size: two for each of four panes."""
LINE = 1.2
"""Thickness of a contour in logical pixels."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A map on the card: places on its scale, and where they are known."""

    values: Any
    known: Any


class Sheets:
    """The maps on the card. While a pane plays, each new map is written into the texture that the one before it has left."""

    def __init__(self) -> None:
        self.exact = float_textures()
        """Whether places are kept as they are; else in sixteen bits."""
        self._used: dict[tuple[int, Scale], tuple[MapData, Sheet]] = {}
        self._spare: list[Any] = []
        self._whole = gloo.Texture2D(np.full((1, 1), 255, np.uint8), interpolation="nearest", wrapping="clamp_to_edge")

    @property
    def decode(self) -> tuple[float, float, float]:
        """Weights of red and alpha, and what is added, that make a place of a texel."""
        if self.exact:
            return 1.0, 0.0, 0.0
        span = 1.0 + 2.0 * OUTSIDE
        return span * 65280.0 / 65535.0, span * 255.0 / 65535.0, -OUTSIDE

    @property
    def count(self) -> int:
        """How many textures are kept, in use or waiting."""
        return len(self._spare) + sum(1 + (sheet.known is not self._whole) for _, sheet in self._used.values())

    def of(self, data: MapData, scale: Scale) -> Sheet:
        """The map's textures; written now if it is new."""
        key = id(data), scale
        if key not in self._used:
            mask = known(data.values)
            places = scale.place(data.values)
            if mask is not None:
                places = filled(places)
            there = self._whole if mask is None else self._texture(mask)
            self._used[key] = data, Sheet(self.written(refined(places)), there)
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
                self._spare += [texture for texture in (sheet.values, sheet.known) if texture is not self._whole]
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
        return gloo.Texture2D(data, interpolation="linear", wrapping="clamp_to_edge", **kind)


class MapsVisual:
    """Draws maps, their contours and the bars of their legends."""

    def __init__(self) -> None:
        self.sheets = Sheets()
        self._map, self._contours = Program("map", "raster"), Program("contours", "raster")
        corners = gloo.VertexBuffer(np.array([[0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.float32))
        for program in (self._map, self._contours):
            program["a_corner"] = corners
        self._palettes: dict[tuple[str, bool], Any] = {}
        self._ramp: Sheet | None = None

    def draw_map(self, view: View, style: HeatMap, theme: Theme, data: MapData) -> None:
        """The colours."""
        sheet = self.sheets.of(data, scale_of(data, style.scale))
        self._coloured(view.uniform, data.box, sheet, palette_of(style, data), theme, style.opacity)

    def draw_contours(self, view: View, style: Contours, theme: Theme, data: MapData) -> None:
        """The lines."""
        sheet = self.sheets.of(data, scale_of(data, style.scale))
        p = self._contours
        p["u_values"], p["u_known"], p["u_decode"] = sheet.values, sheet.known, self.sheets.decode
        p["u_palette"], p["u_edge"] = self._palette("contours", theme), tuple(float(c) for c in rgb(theme.stage))
        p["u_count"], p["u_half"] = float(style.lines + 1), 0.5 * LINE * view.pixel_ratio
        p["u_box"], p["u_opacity"] = tuple(map(float, data.box)), style.opacity
        p["u_world_to_clip"] = view.uniform
        blending.over()
        p.draw("triangle_strip")

    def draw_bar(self, view: View, bar: Box, palette: str, theme: Theme, opacity: float) -> None:
        """A palette from bottom to top on (left, right, bottom, top), physical pixels, y down."""
        if self._ramp is None:
            self._ramp = Sheet(self.sheets.written(np.linspace(0, 1, 256, dtype=np.float32)[:, None]), self.sheets._whole)
        pane = view.pane
        matrix = np.diag([2.0 / pane.width, -2.0 / pane.height, 0.0, 1.0]).astype(np.float32)
        matrix[3, :2] = -1.0 - 2.0 * pane.x / pane.width, 1.0 + 2.0 * pane.y / pane.height
        self._coloured(matrix, bar, self._ramp, palette, theme, opacity)

    def _coloured(self, matrix: NDArray[np.float32], box: Box, sheet: Sheet, palette: str, theme: Theme, opacity: float) -> None:
        p = self._map
        p["u_values"], p["u_known"], p["u_decode"] = sheet.values, sheet.known, self.sheets.decode
        p["u_palette"] = self._palette(palette, theme)
        p["u_box"], p["u_opacity"] = tuple(map(float, box)), opacity
        p["u_world_to_clip"] = matrix
        blending.over()
        p.draw("triangle_strip")

    def _palette(self, name: str, theme: Theme) -> Any:
        key = name, theme.dark
        if key not in self._palettes:
            table = np.round(PALETTES[name](theme.dark) * 255).astype(np.uint8)[None]
            self._palettes[key] = gloo.Texture2D(table, interpolation="linear", wrapping="clamp_to_edge")
        return self._palettes[key]


PALETTES = {
    "density": colours.density_map,
    "error": colours.error_map,
    "diverging": colours.diverging_map,
    "stretch": colours.stretch_map,
    "contours": colours.contour_map,
}


def palette_of(style: HeatMap, data: MapData) -> str:
    """Which colours a map has: what has a sign about a middle, a density, or how large an error is."""
    if data.diverging:
        return "diverging"
    return "density" if style.kind in get_args(DensityKind) else "error"


def packed(places: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Places as two bytes, (h, w, 2): interpolation of both parts is interpolation of the whole."""
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
