"""Painting and Image: densities that are uniform on each cell of a raster."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from engine.arrays import Array
from engine.targets.base import TargetBase

Channel = Literal["brightness", "darkness", "alpha"]
Box = tuple[float, float, float, float]


class Painting(TargetBase, tag="painting", frozen=True, kw_only=True):
    """A painted density: a raster of uniform cells in a world rectangle."""

    label: ClassVar[str] = "Painting"
    summary: ClassVar[str] = "What is painted on the canvas: the more ink, the more mass."
    formula: ClassVar[str] = r"p(x) = \frac{w_{ij}}{\sum w\ |\text{cell}|}\ \text{in cell}\ ij"
    source: ClassVar[str] = "Pushforward"

    raster: Annotated[Array, Meta(description="Ink, float32 (h, w), row 0 at the top.")]
    box: Annotated[Box, Meta(description="The canvas in the world: x low, x high, y low, y high.")] = (-1.0, 1.0, -1.0, 1.0)


class Image(TargetBase, tag="image", frozen=True, kw_only=True):
    """A picture as a density on [-1, 1] x [-h/w, h/w], y up."""

    label: ClassVar[str] = "Image"
    summary: ClassVar[str] = "A picture: its brightness, darkness or opacity is the density."
    formula: ClassVar[str] = r"p(x) \propto \text{channel of the pixel at}\ x\in[-1,1]\times[-\tfrac{h}{w},\tfrac{h}{w}]"
    source: ClassVar[str] = "Pushforward"

    pixels: Annotated[Array, Meta(description="Decoded pixels, uint8 or uint16, (h, w, channels): L, LA, RGB or RGBA, row 0 at the top.")]
    channel: Annotated[Channel, Meta(description="What is density: how bright, how dark, or how opaque a pixel is.")] = "brightness"
    filename: Annotated[str, Meta(description="Where the picture came from.")] = ""
    original: Annotated[tuple[int, int], Meta(description="Width and height in the file; (0, 0) if it was not reduced.")] = (0, 0)
