"""Theme colours as the rgba that shapes and labels take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shaders.themes import rgb

Rgba = tuple[float, float, float, float]


def rgba(colour: str, alpha: float = 1.0) -> Rgba:
    """``#rrggbb`` with an opacity."""
    r, g, b = (float(c) for c in rgb(colour))
    return r, g, b, alpha


def rgba_of(colour: NDArray[np.float32], alpha: float = 1.0) -> Rgba:
    """Three channels with an opacity."""
    r, g, b = (float(c) for c in colour[:3])
    return r, g, b, alpha
