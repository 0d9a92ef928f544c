"""Words to pixels, by Pillow. The fonts come with the packages, so that a film has the same letters on every machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Weight = Literal["regular", "bold"]
Font = ImageFont.FreeTypeFont

FILES: dict[Weight, tuple[tuple[str, str], ...]] = {
    "regular": (
        ("vispy", "util/fonts/data/OpenSans-Regular.ttf"),
        ("ziafont", "fonts/DejaVuSans.ttf"),
        ("ziamath", "fonts/STIXTwoMath-Regular.ttf"),
    ),
    "bold": (
        ("vispy", "util/fonts/data/OpenSans-Bold.ttf"),
        ("ziafont", "fonts/DejaVuSans.ttf"),
        ("ziamath", "fonts/STIXTwoMath-Regular.ttf"),
    ),
}
"""Package and file, best first; a sign that one has not is taken from the next."""
SUBSCRIPT = re.compile(r"((?<!\w)[^\W_]|∂)_([^\W_]{1,2})(?!\w)")
SMALL, LOW = 0.72, 0.18
"""Size and depth of a subscript, in those of the line."""


@dataclass(frozen=True, eq=False)
class Ink:
    """A line of text: coverage (h, w) uint8; the baseline is ``ascent`` pixels below the top; ``advance`` is its width for layout."""

    mask: NDArray[np.uint8]
    ascent: int
    advance: float


@lru_cache
def fonts(weight: Weight, size: int) -> tuple[Font, ...]:
    """The fonts of a weight at so many pixels an em; Pillow's own one comes last and is always there."""
    found: list[Font] = []
    for package, name in FILES[weight]:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            path = Path(folder) / name
            if path.is_file():
                found.append(ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC))
    last = ImageFont.load_default(size)
    return (*found, last) if isinstance(last, ImageFont.FreeTypeFont) else tuple(found)


@lru_cache(maxsize=4096)
def font_for(sign: str, weight: Weight, size: int) -> Font:
    """The first font that has this sign; the first one of all if none has."""
    choice = fonts(weight, size)
    for font in choice:
        if sign.isspace() or _glyph(font, sign) != _glyph(font, "\U0010fffe"):
            return font
    return choice[0]


def _glyph(font: Font, sign: str) -> tuple[bytes, tuple[int, int]]:
    mask = font.getmask(sign)
    return bytes(mask), mask.size


@dataclass(frozen=True)
class Part:
    """Signs of one font, and by how many pixels they stand below the line."""

    text: str
    font: Font
    drop: int = 0


def runs(text: str, weight: Weight, size: int) -> list[Part]:
    """The text cut where the font changes. A lone letter's subscript (``p_t``, ``u_θ``) is set small and low, without the line."""
    out: list[Part] = []
    begin = 0
    for found in SUBSCRIPT.finditer(text):
        out += _plain(text[begin : found.start()] + found[1], weight, size, 0)
        out += _plain(found[2], weight, max(round(SMALL * size), 1), round(LOW * size))
        begin = found.end()
    return out + _plain(text[begin:], weight, size, 0)


def _plain(text: str, weight: Weight, size: int, drop: int) -> list[Part]:
    out: list[Part] = []
    for sign in text:
        font = font_for(sign, weight, size)
        if out and out[-1].font is font:
            out[-1] = Part(out[-1].text + sign, font, drop)
        else:
            out.append(Part(sign, font, drop))
    return out


@lru_cache(maxsize=2048)
def width(text: str, weight: Weight, size: int) -> float:
    """Width in pixels."""
    return float(sum(part.font.getlength(part.text) for part in runs(text, weight, size)))


@lru_cache(maxsize=1024)
def ink(text: str, weight: Weight, size: int) -> Ink:
    """Draw one line of text."""
    advance = width(text, weight, size)
    ascent, descent = round(1.15 * size), round(0.4 * size)
    image = Image.new("L", (int(advance) + 4, ascent + descent))
    pen, draw = 1.0, ImageDraw.Draw(image)
    for part in runs(text, weight, size):
        draw.text((pen, ascent + part.drop), part.text, font=part.font, fill=255, anchor="ls")
        pen += part.font.getlength(part.text)
    return Ink(np.asarray(image, dtype=np.uint8), ascent, advance)


def elide(text: str, weight: Weight, size: int, room: float) -> str:
    """The text, or as much of it as fits into ``room`` pixels, with an ellipsis."""
    if width(text, weight, size) <= room:
        return text
    keep = len(text)
    while keep > 0 and width(text[:keep].rstrip() + "…", weight, size) > room:
        keep -= 1
    return text[:keep].rstrip() + "…" if keep else ""
