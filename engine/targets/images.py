"""Picture files to pixels: PNG, JPEG and WebP by Pillow, the size checked before anything is decoded."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.arrays import Array
from engine.choice import Problem
from engine.targets.raster import Channel, Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 1 << 26
"""A picture with more pixels (67 million) is refused before decoding."""
LONG_SIDE = 512
"""A larger picture is reduced to this many cells along its longer side."""
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


def load_image(path: Path, channel: Channel | None = None) -> Image:
    """The picture as a target: turned as its EXIF says, reduced to at most 512 cells a side by averaging areas.

    Raises Problem for what is no picture, is broken, or is too large.
    """
    from PIL import Image as pillow
    from PIL import ImageOps, UnidentifiedImageError

    # Pillow's own limit would only warn, and with other numbers; ours comes before any pixel is decoded
    pillow.MAX_IMAGE_PIXELS = None
    try:
        with pillow.open(path, formats=FORMATS) as opened:
            width, height = opened.size
            if width * height > MOST_PIXELS:
                raise Problem(f"{path.name} is too large: {width:,} × {height:,} pixels; at most {MOST_PIXELS:,} pixels can be read")
            turned = ImageOps.exif_transpose(opened)
            pixels, original = _pixels(turned)
    except Problem:
        raise
    except UnidentifiedImageError:
        raise Problem(f"{path.name} cannot be read as a picture: it is broken or not PNG, JPEG or WebP") from None
    except _BROKEN as error:
        raise Problem(f"{path.name} is broken: {' '.join(str(error).split()) or type(error).__name__}") from None
    return Image(pixels=Array(pixels), channel=channel or "brightness", filename=path.name, original=original)


def _pixels(picture: Picture) -> tuple[NDArray[Any], tuple[int, int]]:
    """(h, w, channels) as uint8 or uint16, and the size before it was reduced; (0, 0) if it was not."""
    from PIL.Image import Resampling

    size = picture.size
    factor = max(size) / LONG_SIDE
    smaller = (max(1, round(size[0] / factor)), max(1, round(size[1] / factor)))
    if picture.mode.startswith("I") or picture.mode == "F":
        deep = picture.convert("F")
        if factor > 1:
            deep = deep.resize(smaller, Resampling.BOX)
        values = np.clip(np.rint(np.asarray(deep)), 0, 65535).astype(np.uint16)
    else:
        clear = picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info
        grey = picture.mode in ("1", "L", "LA", "La")
        plain = picture.convert(
            ("LA" if grey and picture.mode != "L" and picture.mode != "1" else "RGBA") if clear else "L" if grey else "RGB"
        )
        if factor > 1:
            plain = plain.resize(smaller, Resampling.BOX)
        values = np.asarray(plain)
    if values.ndim == 2:
        values = values[:, :, None]
    return values, size if factor > 1 else (0, 0)
