"""Every colour role of the lab, once: the shaders, the window and its style sheet all read this table."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from shaders.scene import ThemeName


class Theme(Struct, frozen=True, kw_only=True):
    """Colours as ``#rrggbb``. Text on background, panel, card or stage has a contrast of at least 4.5 to 1."""

    dark: bool
    background: str
    """Behind everything."""
    panel: str
    """Docks and bars."""
    card: str
    """Groups inside a dock."""
    stage: str
    """Inside a pane, behind the data."""
    field: str
    """Inside an input, a formula box or a canvas."""
    hover: str
    """A control under the pointer."""
    line: str
    """Borders and separators."""
    text: str
    dim: str
    """Captions, units, ticks."""
    strong: str
    """Titles and figures."""
    accent: str
    on_accent: str
    """Text on the accent."""
    selected: str
    """Background of what is switched on or selected."""
    alpha: str
    beta: str
    sigma: str
    good: str
    warning: str
    danger: str
    tint: str
    """The target's density behind the particles."""


THEMES: dict[ThemeName, Theme] = {
    "dark": Theme(
        dark=True,
        background="#0b0f15",
        panel="#10161f",
        card="#151d29",
        stage="#0d1219",
        field="#0d1219",
        hover="#1b2534",
        line="#1f2a39",
        text="#cfd6e1",
        dim="#8a97aa",
        strong="#ffffff",
        accent="#3c6cf1",
        on_accent="#ffffff",
        selected="#22345f",
        alpha="#7aa2ff",
        beta="#ff9d76",
        sigma="#7bd6a5",
        good="#7bd6a5",
        warning="#f2c46d",
        danger="#ff7b86",
        tint="#6d87ad",
    ),
    "light": Theme(
        dark=False,
        background="#f1f4f8",
        panel="#f8fafc",
        card="#ffffff",
        stage="#ffffff",
        field="#ffffff",
        hover="#e6ebf3",
        line="#d3dae5",
        text="#283243",
        dim="#5a6678",
        strong="#0b0f15",
        accent="#2f5be0",
        on_accent="#ffffff",
        selected="#dbe5fe",
        alpha="#2f5fd6",
        beta="#b04a17",
        sigma="#1b7148",
        good="#1b7148",
        warning="#8a5a00",
        danger="#b3202f",
        tint="#8fa3c2",
    ),
}


def rgb(colour: str) -> NDArray[np.float32]:
    """``#rrggbb`` as three numbers from 0 to 1, (3,)."""
    return np.array([int(colour[i : i + 2], 16) / 255.0 for i in (1, 3, 5)], dtype=np.float32)


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours, 1 to 21 [WCAG 2.2, relative luminance]."""

    def luminance(colour: str) -> float:
        c = rgb(colour).astype(float)
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(linear @ np.array([0.2126, 0.7152, 0.0722]))

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
