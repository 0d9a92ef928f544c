"""How a layer meets what lies below it. Each leaves the picture opaque."""

from __future__ import annotations

from vispy import gloo

from shaders.themes import Theme


def glow(theme: Theme) -> None:
    """Light on dark: 1 − (1 − a)(1 − b), which adds up but never clips; ink on light: a · b. Neither depends on the order."""
    if theme.dark:
        gloo.set_state(blend=True, depth_test=False, cull_face=False, blend_func=("one_minus_dst_color", "one", "zero", "one"))
    else:
        gloo.set_state(blend=True, depth_test=False, cull_face=False, blend_func=("zero", "src_color", "zero", "one"))


def over() -> None:
    """Plain paint with premultiplied alpha."""
    gloo.set_state(blend=True, depth_test=False, cull_face=False, blend_func=("one", "one_minus_src_alpha", "zero", "one"))
