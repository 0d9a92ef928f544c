"""Brushes: what one touch does to the raster. Pure numpy, on the touched rectangle only; coordinates in cells, y down.

A stroke keeps the raster as it was and the largest coverage each cell has had, so that going over the same place twice
within a stroke adds nothing, and a straight line can be drawn again elsewhere while it is dragged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import EllipsisType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Raster = NDArray[np.float32]
Tool = Literal["brush", "eraser", "gaussian", "blur"]
TOOLS: tuple[Tool, ...] = ("brush", "gaussian", "blur", "eraser")

GRID = 256.0
"""Touches are rounded to 1/256 of a cell: then mirrored and quarter-turned ones are exact mirror images, bit for bit."""


BELL_REACH = 2.2
"""Radii at which the Gaussian brush ends."""


@dataclass(frozen=True)
class Symmetry:
    """The copies of each touch: mirrored left to right, and turned by 360°/folds about the middle."""

    mirror: bool = False
    folds: int = 1

    def copies(self, x: float, y: float, side: float) -> list[tuple[float, float]]:
        """Every place that is touched with (x, y) on a canvas ``side`` cells wide, itself first."""
        middle = 0.5 * side
        dx, dy = x - middle, y - middle
        starts = [(dx, dy), (-dx, dy)] if self.mirror else [(dx, dy)]
        found = []
        for k in range(max(1, self.folds)):
            angle = 2.0 * math.pi * k / max(1, self.folds)
            c, s = math.cos(angle), math.sin(angle)
            for u, v in starts:
                found.append((middle + _snap(c * u - s * v), middle + _snap(s * u + c * v)))
        return found


def _snap(value: float) -> float:
    return round(value * GRID) / GRID


@dataclass(frozen=True)
class Rect:
    """A rectangle of cells, left and top included, right and bottom not."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def empty(self) -> bool:
        return self.right <= self.left or self.bottom <= self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows, columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def window(self) -> tuple[EllipsisType, slice, slice]:
        """The same of every layer."""
        return ..., *self.slices

    def united(self, other: Rect | None) -> Rect:
        if other is None or other.empty:
            return self
        if self.empty:
            return other
        return Rect(min(self.left, other.left), min(self.top, other.top), max(self.right, other.right), max(self.bottom, other.bottom))


NOWHERE = Rect(0, 0, 0, 0)


def _around(x: float, y: float, reach: float, side: int) -> Rect:
    left, top = max(0, math.floor(x - reach)), max(0, math.floor(y - reach))
    return Rect(left, top, min(side, math.ceil(x + reach) + 1), min(side, math.ceil(y + reach) + 1))


def _squared_distance(rect: Rect, x: float, y: float) -> Raster:
    dx = np.arange(rect.left, rect.right, dtype=np.float32) + np.float32(0.5 - x)
    dy = np.arange(rect.top, rect.bottom, dtype=np.float32) + np.float32(0.5 - y)
    return (dx * dx)[None, :] + (dy * dy)[:, None]


def disc(rect: Rect, x: float, y: float, radius: float) -> Raster:
    """1 inside, 0 outside, a soft edge of an eighth of the radius but at least one cell."""
    edge = max(1.0, 0.12 * radius)
    return np.clip((radius - np.sqrt(_squared_distance(rect, x, y))) / np.float32(edge) + np.float32(0.5), 0.0, 1.0, dtype=np.float32)


def bell(rect: Rect, x: float, y: float, radius: float) -> Raster:
    """A Gaussian of standard deviation radius / 2, cut where it is below 1/10,000."""

    def along(low: int, high: int, middle: float) -> Raster:
        away = np.arange(low, high) + (0.5 - middle)
        values = np.where(np.abs(away) <= BELL_REACH * radius, np.exp(-2.0 * (away / radius) ** 2), 0.0)
        return values.astype(np.float32)

    return along(rect.top, rect.bottom, y)[:, None] * along(rect.left, rect.right, x)[None, :]


def smoothed(raster: Raster, rect: Rect) -> Raster:
    """The rectangle (of every layer) after two binomial filters (1, 4, 6, 4, 1)/16 per axis; edges repeat."""
    side = raster.shape[-1]
    wide = Rect(max(0, rect.left - 2), max(0, rect.top - 2), min(side, rect.right + 2), min(side, rect.bottom + 2))
    pads = (
        *[(0, 0)] * (raster.ndim - 2),
        (2 - (rect.top - wide.top), 2 - (wide.bottom - rect.bottom)),
        (2 - (rect.left - wide.left), 2 - (wide.right - rect.right)),
    )
    a = np.pad(raster[wide.window], pads, mode="edge")
    rows = a[..., :-4, :] + 4 * a[..., 1:-3, :] + 6 * a[..., 2:-2, :] + 4 * a[..., 3:-1, :] + a[..., 4:, :]
    both = rows[..., :-4] + 4 * rows[..., 1:-3] + 6 * rows[..., 2:-2] + 4 * rows[..., 3:-1] + rows[..., 4:]
    return np.asarray(both * np.float32(1.0 / 256.0), dtype=np.float32)


class Stroke:
    """One stroke on a square raster, or on all layers (k, h, w) of one alike, from press to release.

    ``radius`` in cells; ``flow`` from 0 to 1.
    """

    def __init__(self, raster: Raster, tool: Tool, radius: float, flow: float, symmetry: Symmetry) -> None:
        self.raster = raster
        self.base = raster.copy()
        self.tool, self.radius, self.flow, self.symmetry = tool, max(0.6, radius), flow, symmetry
        self._coverage = np.zeros(raster.shape[-2:], dtype=np.float32)
        self._touched = NOWHERE
        self._last: tuple[float, float, float] | None = None

    @property
    def spacing(self) -> float:
        """Cells between touches."""
        return max(0.7, self.radius * (0.34 if self.tool == "blur" else 0.2))

    def to(self, x: float, y: float, pressure: float = 1.0) -> Rect:
        """Go on to (x, y) with touches on the way; the rectangle that changed."""
        dirty = NOWHERE
        if self._last is None:
            dirty = self._touch(x, y, pressure)
            self._last = (x, y, pressure)
        else:
            x0, y0, p0 = self._last
            steps = math.floor(math.hypot(x - x0, y - y0) / self.spacing)
            length = math.hypot(x - x0, y - y0)
            for k in range(1, steps + 1):
                share = k * self.spacing / length
                place = (x0 + share * (x - x0), y0 + share * (y - y0), p0 + share * (pressure - p0))
                dirty = self._touch(*place).united(dirty)
                self._last = place
        self._settle(dirty)
        return dirty

    def restart(self) -> Rect:
        """Take everything back, to begin again elsewhere; the rectangle that changed."""
        undone = self._touched
        self.raster[undone.window] = self.base[undone.window]
        self._coverage[undone.slices] = 0.0
        self._touched, self._last = NOWHERE, None
        return undone

    def _touch(self, x: float, y: float, pressure: float) -> Rect:
        dirty = NOWHERE
        radius = self.radius * (0.4 + 0.6 * pressure)
        flow = np.float32(self.flow * pressure)
        reach = BELL_REACH * radius if self.tool == "gaussian" else radius + max(1.0, 0.12 * radius)
        for cx, cy in self.symmetry.copies(x, y, float(self.raster.shape[-1])):
            rect = _around(cx, cy, reach, self.raster.shape[-1])
            if rect.empty:
                continue
            dirty = rect.united(dirty)
            if self.tool == "blur":
                here = self.raster[rect.window]
                here += flow * bell(rect, cx, cy, 0.8 * radius) * (smoothed(self.raster, rect) - here)
            else:
                shape = bell(rect, cx, cy, radius) if self.tool == "gaussian" else disc(rect, cx, cy, radius)
                here = self._coverage[rect.slices]
                np.maximum(here, flow * shape, out=here)
        self._touched = dirty.united(self._touched)
        return dirty

    def _settle(self, rect: Rect) -> None:
        """The raster from what it was and the coverage; a blur has already worked in place."""
        if rect.empty or self.tool == "blur":
            return
        base, cover = self.base[rect.window], self._coverage[rect.slices]
        if self.tool == "eraser":
            self.raster[rect.window] = base * (1.0 - cover)
        else:
            # towards full ink, never away from it where a loaded density is above 1
            self.raster[rect.window] = base + cover * np.maximum(1.0 - base, 0.0)
