"""Maps of a density or an error: values in floating point seen through a perceptual palette, and lines of equal value over them."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from vispy import gloo

from shaders import blending, colours
from shaders.grids import scale_of
from shaders.programs import Program
from shaders.scene import Contours, DensityKind, HeatMap, MapData
from shaders.sheets import TILE, Sheet, Sheets, quads
from shaders.themes import Theme, rgb
from shaders.view import View

Box = tuple[float, float, float, float]
LINE = 1.2
"""Thickness of a contour in logical pixels."""
COARSE = 5.0
"""Cells of more physical pixels than this are drawn from a finer grid: straight pieces would be seen."""
UNSEEN = 0.002
"""Below this opacity, half a step of eight bits, a colour is left out."""
WHOLE = np.array([[0, 0], [1, 0], [0, 1], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
PALETTES = {
    "density": colours.density_map,
    "error": colours.error_map,
    "diverging": colours.diverging_map,
    "stretch": colours.stretch_map,
}


class MapsVisual:
    """Draws maps, their contours and the bars of their legends; of each map only the parts where there is something to see."""

    def __init__(self) -> None:
        self.sheets = Sheets()
        self._programs: dict[tuple[str, ...], Program] = {}
        self._palettes: dict[tuple[str, bool], tuple[Any, float, float]] = {}
        self._corners: Any = None
        self._ramp: Sheet | None = None

    def draw(self, view: View, theme: Theme, shown: tuple[HeatMap, MapData] | None, lines: tuple[Contours, MapData] | None) -> None:
        """A map, and contours over it; in one go where they are of the same values."""
        if shown and lines and shown[1] is lines[1] and scale_of(shown[1], shown[0].scale) == scale_of(lines[1], lines[0].scale):
            self._draw(view, theme, shown[1], shown[0], lines[0])
            return
        if shown:
            self._draw(view, theme, shown[1], shown[0], None)
        if lines:
            self._draw(view, theme, lines[1], None, lines[0])

    def draw_bar(self, view: View, bar: Box, palette: str, theme: Theme, opacity: float) -> None:
        """A palette from bottom to top on (left, right, bottom, top), physical pixels, y down."""
        if self._ramp is None:
            self._ramp = Sheet(self.sheets.written(np.linspace(0, 1, 256, dtype=np.float32)[:, None]), texels=(256, 1))
        pane = view.pane
        matrix = np.diag([2.0 / pane.width, -2.0 / pane.height, 0.0, 1.0]).astype(np.float32)
        matrix[3, :2] = -1.0 - 2.0 * pane.x / pane.width, 1.0 + 2.0 * pane.y / pane.height
        p = self._program(("COLOURS",))
        p["u_palette"], p["u_opacity"] = self._palette(palette, theme)[0], opacity
        self._go(p, self._ramp, matrix, bar, WHOLE)

    def _draw(self, view: View, theme: Theme, data: MapData, shown: HeatMap | None, lines: Contours | None) -> None:
        style = shown or lines
        if style is None:
            return
        cell = (data.box[1] - data.box[0]) / data.values.shape[1] * view.scale
        sheet = self.sheets.of(data, scale_of(data, style.scale), cell > COARSE)
        words = [word for word, there in (("COLOURS", shown), ("LINES", lines), ("HOLES", sheet.known)) if there is not None]
        p = self._program(tuple(words))
        if shown is not None:
            palette, first, last = self._palette(palette_of(shown, data), theme)
            p["u_palette"], p["u_opacity"] = palette, shown.opacity
        else:
            first, last = np.inf, -np.inf
        if lines is not None:
            p["u_count"], p["u_half"] = float(lines.lines + 1), 0.5 * LINE * view.pixel_ratio
            p["u_strength"] = lines.opacity
            table = colours.contour_map(theme.dark)
            for name, colour in (("u_low", table[0]), ("u_high", table[-1]), ("u_edge", rgb(theme.stage))):
                p[name] = tuple(float(c) for c in colour)
        self._go(p, sheet, view.uniform, data.box, self._parts(view, sheet, data.box, (first, last), lines))

    def _parts(self, view: View, sheet: Sheet, box: Box, clear: tuple[float, float], lines: Contours | None) -> NDArray[np.float32]:
        """Where there is a colour, or a line is near. ``clear``: between which places the palette is seen."""
        low, high = sheet.lowest, sheet.highest
        if low is None or high is None or TILE * (box[1] - box[0]) / sheet.cells[1] * view.scale < 5 * view.pixel_ratio:
            return WHOLE
        chosen = np.zeros(low.shape, dtype=bool)
        if clear[1] > clear[0]:
            chosen = (high >= clear[0]) & (low <= clear[1])
        if lines is not None:
            below, above = (np.clip(np.floor(part * (lines.lines + 1)), 0, lines.lines) for part in (low, high))
            chosen |= above > below
        return quads(chosen, sheet.cells)

    def _go(self, p: Program, sheet: Sheet, matrix: NDArray[np.float32], box: Box, corners: NDArray[np.float32]) -> None:
        if not len(corners):
            return
        if self._corners is None:
            self._corners = gloo.VertexBuffer(corners)
        else:
            self._corners.set_data(corners)
        p["a_corner"] = self._corners
        p["u_values"] = sheet.values
        if not self.sheets.exact:
            p["u_cells"] = (float(sheet.texels[1]), float(sheet.texels[0]))
        if sheet.known is not None:
            p["u_known"] = sheet.known
        p["u_box"], p["u_world_to_clip"] = tuple(map(float, box)), matrix
        blending.over()
        p.draw("triangles")

    def _program(self, words: tuple[str, ...]) -> Program:
        if words not in self._programs:
            self._programs[words] = Program("map", words if self.sheets.exact else (*words, "PACKED"))
        return self._programs[words]

    def _palette(self, name: str, theme: Theme) -> tuple[Any, float, float]:
        """The texture, premultiplied, and between which places it can be seen."""
        key = name, theme.dark
        if key not in self._palettes:
            table = PALETTES[name](theme.dark)
            if table.shape[1] == 3:
                table = np.column_stack([table, np.ones(len(table))])
            seen = np.nonzero(table[:, 3] >= UNSEEN)[0]
            table = np.column_stack([table[:, :3] * table[:, 3:], table[:, 3]])
            texture = gloo.Texture2D(np.round(table * 255).astype(np.uint8)[None], interpolation="nearest", wrapping="clamp_to_edge")
            first, last = seen[0] / len(table), (seen[-1] + 1) / len(table)
            self._palettes[key] = texture, (first if first > 0 else -np.inf), (last if last < 1 else np.inf)
        return self._palettes[key]


def palette_of(style: HeatMap, data: MapData) -> str:
    """Which colours a map has: what has a sign about a middle, a density, or how large an error is."""
    if data.diverging:
        return "diverging"
    return "density" if style.kind in get_args(DensityKind) else "error"
