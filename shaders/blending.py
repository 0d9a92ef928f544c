"""How a layer meets what lies below it, where blending is on. Each leaves the picture opaque."""

from __future__ import annotations

from vispy import gloo

from shaders.themes import Theme


def glow(theme: Theme) -> None:
    """Light on dark: 1 − (1 − a)(1 − b), which adds up in any order and never clips. On light ink, which covers what it lies on.

    (Ink that multiplies would not depend on the order either, but turns black, and with it all hues, where particles are dense.)
    """
    if theme.dark:
        gloo.set_blend_func("one_minus_dst_color", "one", "zero", "one")
    else:
        over()


def over() -> None:
    """Plain paint with premultiplied alpha."""
    gloo.set_blend_func("one", "one_minus_src_alpha", "zero", "one")
