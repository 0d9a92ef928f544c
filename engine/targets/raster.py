"""Painting and Image: densities that are uniform on each cell of a raster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from engine.arrays import Array
from engine.choice import Problem
from engine.densities.cells import Cells
from engine.densities.classes import MOST_LABELS, Classes
from engine.targets.base import TargetBase

Floats = NDArray[np.float64]
MAX_SIDE = 4096

COLOUR_NAMES = ("blue", "orange", "green", "pink", "yellow", "cyan", "red", "grey")
"""What the eight label colours are called."""

LONGEST_NAME = 40
"""Characters of a label's name."""

Channel = Literal["brightness", "darkness", "alpha"]
Box = tuple[float, float, float, float]


class Painting(TargetBase, tag="painting", frozen=True, kw_only=True):
    """A painted density: a raster of uniform cells in a world rectangle."""

    label: ClassVar[str] = "Painting"
    summary: ClassVar[str] = "What is painted on the canvas: the more ink, the more mass. Colours are labels."
    formula: ClassVar[str] = r"p(x) = \frac{w_{ij}}{\sum w\ |\text{cell}|}\ \text{in cell}\ ij"
    source: ClassVar[str] = "Pushforward"

    raster: Annotated[Array, Meta(description="Ink, float32 (h, w), row 0 at the top; (K, h, w) with one layer for each colour.")]
    box: Annotated[Box, Meta(description="The canvas in the world: x low, x high, y low, y high.")] = (-1.0, 1.0, -1.0, 1.0)

    colours: Annotated[
        tuple[int, ...], Meta(max_length=8, description="Which of the eight label colours each layer has, from 0; empty: in order.")
    ] = ()

    names: Annotated[
        tuple[str, ...], Meta(max_length=8, description="What the label of each of the eight colours is called; empty: its colour.")
    ] = ()

    def __post_init__(self) -> None:
        values = self.raster.values
        if values.ndim not in (2, 3) or values.size == 0 or max(values.shape) > MAX_SIDE or values.dtype.kind not in "fiub":
            raise Problem(
                f"painting: a raster needs numbers in two axes of at most {MAX_SIDE:,} cells; this is {values.dtype} {values.shape}"
            )
        if values.ndim == 3 and len(values) > MOST_LABELS:
            raise Problem(f"painting: {len(values)} layers of colour; at most {MOST_LABELS} labels are possible")
        if self.colours and (
            len(self.colours) != len(self.layers)
            or len(set(self.colours)) < len(self.colours)
            or not all(0 <= colour < MOST_LABELS for colour in self.colours)
        ):
            raise Problem(f"painting: {len(self.layers)} layers need as many different colours from 0 to {MOST_LABELS - 1}")
        if not np.isfinite(values).all():
            raise Problem("painting: the raster holds NaN or Inf")
        if values.min() < 0:
            raise Problem("painting: the raster holds negative ink")
        if not values.any():
            raise Problem("the painting is empty: paint something first")
        if not all(layer.any() for layer in self.layers):
            raise Problem("painting: a layer of colour holds no ink")
        called = label_names(self.names)
        if len(set(called)) < len(called):
            twice = next(name for name in called if called.count(name) > 1)
            raise Problem(f"painting: two labels are called {twice!r}")
        if any(len(name) > LONGEST_NAME or not name.isprintable() for name in called):
            raise Problem(f"painting: the name of a label is one line of at most {LONGEST_NAME} characters")
        x_low, x_high, y_low, y_high = self.box
        if not (np.isfinite(self.box).all() and x_low < x_high and y_low < y_high):
            raise Problem(f"painting: the rectangle needs finite edges, low below high, not {self.box}")

    @property
    def layers(self) -> NDArray[Any]:
        """(K, h, w), K = 1 for a painting in one colour."""
        values = self.raster.values
        return values if values.ndim == 3 else values[None]

    @property
    def palette(self) -> tuple[int, ...]:
        """Which of the eight label colours each layer has."""
        return self.colours or tuple(range(len(self.layers)))

    def build(self) -> Cells:
        return self._cells(self.layers.sum(axis=0, dtype=np.float64))

    def build_classes(self) -> Classes | None:
        layers = self.layers
        if len(layers) < 2:
            return None
        masses = layers.sum(axis=(1, 2), dtype=np.float64)
        called = label_names(self.names)
        return Classes(
            tuple(called[colour] for colour in self.palette),
            masses / masses.sum(),
            tuple(self._cells(layer) for layer in layers),
            self.palette,
        )

    def unnamed(self) -> Self:
        return msgspec.structs.replace(self, names=()) if self.names else self

    def _cells(self, ink: NDArray[Any]) -> Cells:
        x_low, x_high, y_low, y_high = self.box
        return Cells(ink[::-1], (x_low, y_low), (x_high, y_high))


def label_names(names: Sequence[str]) -> tuple[str, ...]:
    """What the labels of the eight colours are called: their own names, or the colours'."""
    return tuple(names[k] if k < len(names) and names[k] else colour for k, colour in enumerate(COLOUR_NAMES))


def from_raster(raster: ArrayLike, box: Box = (-1.0, 1.0, -1.0, 1.0)) -> Painting:
    """A Painting of ``raster``, (h, w) or (K, h, w), row 0 at the top, on the world rectangle ``box``. Raises Problem for an empty one."""
    return Painting(raster=Array(np.asarray(raster, dtype=np.float32)), box=box)


class Image(TargetBase, tag="image", frozen=True, kw_only=True):
    """A picture as a density on [-1, 1] x [-h/w, h/w], y up."""

    label: ClassVar[str] = "Image"
    summary: ClassVar[str] = "A picture: its brightness, darkness or opacity is the density."
    formula: ClassVar[str] = r"p(x) \propto \text{channel of the pixel at}\ x,\quad x\in[-1,1]\times[-\tfrac{h}{w},\tfrac{h}{w}]"
    source: ClassVar[str] = "Pushforward"

    pixels: Annotated[Array, Meta(description="Decoded pixels, uint8 or uint16, (h, w, channels): L, LA, RGB or RGBA, row 0 at the top.")]
    channel: Annotated[Channel, Meta(description="What is density: how bright, how dark, or how opaque a pixel is.")] = "brightness"
    filename: Annotated[str, Meta(description="Where the picture came from.")] = ""
    original: Annotated[tuple[int, int], Meta(description="Width and height in the file; (0, 0) if it was not reduced.")] = (0, 0)

    def __post_init__(self) -> None:
        values, name = self.pixels.values, self.filename or "image"
        if (
            values.ndim != 3
            or values.shape[2] not in (1, 2, 3, 4)
            or values.size == 0
            or values.dtype.kind != "u"
            or max(values.shape) > MAX_SIDE
        ):
            raise Problem(f"{name}: pixels need shape (h, w, 1 to 4), unsigned integers; this is {values.dtype} {values.shape}")
        if self.mass(self.channel).any() and not self._opaque(self.channel):
            return
        others: tuple[Channel, ...] = ("brightness", "darkness", "alpha")
        able = [f"channel={other}" for other in others if other != self.channel and not self._opaque(other) and self.mass(other).any()]
        hint = f"; try {' or '.join(able)}" if able else ""
        if self._opaque(self.channel):
            raise Problem(f"{name} has no alpha channel: every pixel is opaque{hint}")
        seen = {"brightness": "black", "darkness": "white", "alpha": "transparent"}[self.channel]
        if not self.mass("alpha").all() and self.channel != "alpha":
            seen += " or transparent"
        raise Problem(f"{name} has no {self.channel}: every pixel is {seen}{hint}")

    @property
    def note(self) -> str:
        if self.original == (0, 0):
            return ""
        h, w = self.pixels.values.shape[:2]
        return f"reduced from {self.original[0]:,} × {self.original[1]:,} pixels to {w} × {h} cells"

    def mass(self, channel: Channel) -> Floats:
        """Density of each pixel, not normalised, (h, w) in [0, 1], row 0 at the top.

        A transparent pixel has neither brightness nor darkness.
        """
        values = self.pixels.values
        unit = values.astype(np.float64) / np.iinfo(values.dtype).max
        colours = unit[:, :, : 3 if values.shape[2] >= 3 else 1]
        opacity = unit[:, :, -1] if values.shape[2] in (2, 4) else np.ones(values.shape[:2])
        if channel == "alpha":
            return opacity
        # ITU-R BT.601 luma, of the stored values
        luma = colours @ np.array([0.299, 0.587, 0.114]) if colours.shape[2] == 3 else colours[:, :, 0]
        result: Floats = (luma if channel == "brightness" else 1.0 - luma) * opacity
        # weights that sum to 1 only up to rounding would leave traces of ink in pure white
        result[result < 1e-9] = 0.0
        return result

    def _opaque(self, channel: Channel) -> bool:
        return channel == "alpha" and self.pixels.values.shape[2] not in (2, 4)

    def build(self) -> Cells:
        h, w = self.pixels.values.shape[:2]
        return Cells(self.mass(self.channel)[::-1], (-1.0, -h / w), (1.0, h / w))
