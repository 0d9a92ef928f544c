"""Theme colours as the rgba that shapes and labels take."""

from __future__ import annotations

from shaders.themes import rgb

Rgba = tuple[float, float, float, float]


def rgba(colour: str, alpha: float = 1.0) -> Rgba:
    """``#rrggbb`` with an opacity."""
    r, g, b = (float(c) for c in rgb(colour))
    return r, g, b, alpha
