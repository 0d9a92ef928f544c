"""Colour maps as lookup tables: an even-lightness wheel for angles, perceptual maps for magnitudes, eight safe colours for regions."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shaders.themes import THEMES, Theme, rgb

Table = NDArray[np.float32]
"""(k, 3) or (k, 4) colours, each channel from 0 to 1."""

SAMPLED = {
    ("speed", True): ("plasma", 0.22, 1.0),
    ("speed", False): ("plasma", 0.82, 0.0),
    ("heat", True): ("magma", 0.12, 1.0),
    ("heat", False): ("cmocean:matter", 0.0, 1.0),
}
"""The parts of cmap's perceptual maps that are kept in ``maps.npy``, (4, 256, 3): the window has no time for a library of maps."""


STEPS = 1024
"""Colours of a map that is seen through floating point values."""


def oklch(lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue: NDArray[np.float64]) -> NDArray[np.float64]:
    """OKLCH (hue in radians) to linear sRGB, (…, 3), not clipped [Ottosson 2020, "A perceptual color space for image processing"]."""
    a, b = chroma * np.cos(hue), chroma * np.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return np.stack(
        [
            4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
        ],
        axis=-1,
    )


@lru_cache
def wheel(dark: bool, size: int = 256) -> Table:
    """A cyclic map of one lightness: hue 0 … 2π at the largest chroma (up to 0.17) that sRGB holds at that lightness, (size, 3)."""
    hue = np.linspace(0.0, 2 * np.pi, size, endpoint=False)
    lightness = np.full(size, 0.75 if dark else 0.56)
    chromas = np.linspace(0.0, 0.17, 86)
    inside = [((c := oklch(lightness, np.full(size, chroma), hue)) >= 0).all(-1) & (c <= 1).all(-1) for chroma in chromas]
    limit = chromas[np.cumprod(inside, axis=0).sum(0) - 1]
    window = np.hanning(size // 4 + 1)
    smooth = np.convolve(np.tile(limit, 3), window / window.sum(), "same")[size : 2 * size]
    return _encoded(oklch(lightness, np.minimum(limit, smooth), hue))


@lru_cache
def speed_map(dark: bool) -> Table:
    """Slow to fast: the part of a perceptual map that stands out from the background, (256, 3)."""
    return _sampled("speed", dark)


@lru_cache
def heat_map(dark: bool) -> Table:
    """Nothing to much: a perceptual map that starts at the stage's colour and fades in from it, (256, 4)."""
    colours = _sampled("heat", dark)
    ramp = np.linspace(0.0, 1.0, len(colours))
    return np.column_stack([colours, np.clip(ramp * 2.5, 0.0, 1.0)]).astype(np.float32)


@lru_cache
def density_map(dark: bool) -> Table:
    """Nothing to dense on a map: even steps of lightness from indigo over blue to pale green, fading in from the stage, (STEPS, 4)."""
    if dark:
        return _fading(_ramp((0.20, 0.95), (285.0, 245.0, 200.0, 165.0, 130.0), (0.06, 0.13, 0.12, 0.11, 0.06)), 2.5)
    return _fading(_ramp((0.97, 0.30), (165.0, 200.0, 235.0, 260.0, 280.0), (0.02, 0.09, 0.13, 0.14, 0.12)), 4.0)


@lru_cache
def error_map(dark: bool) -> Table:
    """No error to a large one: even steps of lightness from plum over red to pale yellow, fading in from the stage, (STEPS, 4)."""
    if dark:
        return _fading(_ramp((0.20, 0.95), (310.0, 355.0, 25.0, 60.0, 100.0), (0.06, 0.17, 0.18, 0.15, 0.08)), 2.5)
    return _fading(_ramp((0.97, 0.30), (95.0, 70.0, 40.0, 15.0, 340.0), (0.04, 0.12, 0.17, 0.17, 0.12)), 4.0)


@lru_cache
def diverging_map(dark: bool) -> Table:
    """Below and above zero: blue and orange of the same lightness about a neutral middle near the stage's colour, (STEPS, 4)."""
    away = np.abs(np.linspace(-1.0, 1.0, STEPS))
    hue = np.radians(np.where(np.linspace(-1.0, 1.0, STEPS) < 0, 245.0, 55.0))
    lightness = 0.25 + 0.57 * away if dark else 0.965 - 0.5 * away
    return _fading(_inside(lightness, 0.15 * away**0.75, hue), 2.5, np.maximum(away, 0.2))


@lru_cache
def stretch_map(dark: bool) -> Table:
    """Lines that are squeezed or stretched: as ``diverging_map``, but the middle is a grey that stands out from the stage, (STEPS, 3)."""
    away = np.abs(np.linspace(-1.0, 1.0, STEPS))
    hue = np.radians(np.where(np.linspace(-1.0, 1.0, STEPS) < 0, 245.0, 50.0))
    lightness = 0.55 + 0.2 * away if dark else 0.68 - 0.16 * away
    return _inside(lightness, 0.17 * away**0.8, hue)


@lru_cache
def contour_map(dark: bool, size: int = 256) -> Table:
    """Low to high lines: from a quiet blue grey to the theme's strongest, (size, 3)."""
    theme = THEMES["dark" if dark else "light"]
    ramp = np.linspace(0.0, 1.0, size, dtype=np.float32)[:, None]
    return (rgb("#7d93bd" if dark else "#64789c") * (1 - ramp) + rgb(theme.strong) * ramp).astype(np.float32)


@lru_cache
def velocity_map(dark: bool, size: int = 256) -> Table:
    """Magnitude of a velocity: the theme's α blue, from quiet to clear, (size, 3)."""
    return _towards(THEMES["dark" if dark else "light"].alpha, dark, size)


@lru_cache
def score_map(dark: bool, size: int = 256) -> Table:
    """Magnitude of a score: the theme's β orange, from quiet to clear, (size, 3)."""
    return _towards(THEMES["dark" if dark else "light"].beta, dark, size)


def regions(theme: Theme) -> Table:
    """Eight colours that remain apart for colour-blind eyes [Okabe & Ito 2008], the black one replaced by grey, (8, 3)."""
    last = "#c3cad6" if theme.dark else "#4a5361"
    yellow = "#f0e442" if theme.dark else "#b8a800"
    names = ("#e69f00", "#56b4e9", "#009e73", yellow, "#0072b2", "#d55e00", "#cc79a7", last)
    return np.stack([rgb(name) for name in names])


LABELS = {
    True: ("#7157ff", "#f9b000", "#06a46b", "#d25fbf", "#ffff78", "#60fdec", "#ff4a22", "#b6abb9"),
    False: ("#1943e1", "#d89226", "#00897c", "#f549ba", "#8e7c17", "#01a7ec", "#a5380d", "#4a5361"),
}
"""Blue, orange, green, pink, yellow, cyan, red and grey for dark and light: found by climbing to the largest of the smallest distances
in OKLab over normal, protanopic, deuteranopic and tritanopic sight [Machado 2009], with enough contrast to the stage."""


@lru_cache
def labels(theme: Theme) -> Table:
    """Eight colours of labels, the same names on dark and light, (8, 3)."""
    return np.stack([rgb(name) for name in LABELS[theme.dark]])


def look_up(table: Table, value: NDArray[np.floating]) -> Table:
    """Colours of values from 0 to 1 (clipped; not a number is 0), (n, channels)."""
    index = np.clip(np.nan_to_num(value) * len(table), 0, len(table) - 1).astype(np.intp)
    return np.asarray(table[index], dtype=np.float32)


def angle_colours(points: NDArray[np.floating], dark: bool) -> Table:
    """Colour of each point's angle in the plane of the first two axes around the mean, (n, 3)."""
    if not len(points):
        return np.zeros((0, 3), dtype=np.float32)
    x, y = (points[:, :2] - points[:, :2].mean(0)).T
    return look_up(wheel(dark), (np.arctan2(y, x) / (2 * np.pi)) % 1.0)


def _sampled(name: str, dark: bool) -> Table:
    table: Table = np.load(Path(__file__).parent / "maps.npy", allow_pickle=False)[list(SAMPLED).index((name, dark))]
    return table


def _towards(colour: str, dark: bool, size: int) -> Table:
    theme = THEMES["dark" if dark else "light"]
    quiet = 0.6 * rgb(colour) + 0.4 * rgb(theme.stage)
    clear = 0.65 * rgb(colour) + 0.35 * rgb(theme.strong)
    ramp = np.linspace(0.0, 1.0, size, dtype=np.float32)[:, None]
    return (quiet * (1 - ramp) + clear * ramp).astype(np.float32)


def _encoded(linear: NDArray[np.float64]) -> Table:
    """Linear sRGB as it is stored [IEC 61966-2-1]."""
    linear = np.clip(linear, 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).astype(np.float32)


def _inside(lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue: NDArray[np.float64]) -> Table:
    """OKLCH with as much of each chroma as sRGB holds, (k, 3)."""
    shares = np.linspace(0.0, 1.0, 65)
    inside = [((c := oklch(lightness, chroma * share, hue)) >= 0).all(-1) & (c <= 1).all(-1) for share in shares]
    share = shares[np.cumprod(inside, axis=0).sum(0) - 1]
    return _encoded(oklch(lightness, chroma * share, hue))


def _ramp(ends: tuple[float, float], hues: tuple[float, ...], chromas: tuple[float, ...], size: int = STEPS) -> Table:
    """Even steps of lightness between two ends, with hue (degrees, the short way round) and chroma through even knots, (size, 3)."""
    ramp, knots = np.linspace(0.0, 1.0, size), np.linspace(0.0, 1.0, len(hues))
    hue = np.interp(ramp, knots, np.unwrap(np.radians(hues)))
    return _inside(np.linspace(*ends, size), np.interp(ramp, knots, chromas), hue)


def _fading(table: Table, rate: float, ramp: NDArray[np.float64] | None = None) -> Table:
    """With an opacity that rises at ``rate`` until it is whole, (size, 4)."""
    ramp = np.linspace(0.0, 1.0, len(table)) if ramp is None else ramp
    return np.column_stack([table, np.clip(rate * ramp, 0.0, 1.0)]).astype(np.float32)
