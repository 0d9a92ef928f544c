"""Trails: where each of the first particles has just been, fading with age."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shaders.particles import exposure, particle_colours
from shaders.programs import Keep, vec3
from shaders.ribbons import RibbonsVisual
from shaders.scene import ColourBy, PaneData, Trails
from shaders.themes import Theme
from shaders.trajectory import moment, positions_at
from shaders.view import View

SEGMENTS = 8
FULL, LEAST = 40.0, 1.0


class TrailsVisual:
    """Draws ribbons through the positions at up to SEGMENTS + 1 past times."""

    def __init__(self, ribbons: RibbonsVisual, keep: Keep) -> None:
        self._ribbons = ribbons
        self._keep = keep

    def draw(self, view: View, style: Trails, theme: Theme, data: PaneData, t: float, colour: ColourBy) -> None:
        if data.positions is None or data.times is None or not data.positions.size or not style.count:
            return
        times = past(data.times, t, style.length)
        if len(times) < 2:
            return
        lines = history(data, times, style.count)
        table = particle_colours(self._keep, data, colour, theme, moment(data.times, t).here)[: len(lines)]
        light = dwell(lines, view) * style.opacity * exposure(view, 6.0, len(lines)) * 2.4
        age = ((t - times) / style.length).clip(0.0, 1.0).astype(np.float32)
        rough = light > 0
        few = np.array([0, len(times) // 2, len(times) - 1])
        smooth = rough & (deviation(lines, few) * view.scale < 0.6)
        rough &= ~smooth
        for which, knots in ((smooth, few), (rough, np.arange(len(times)))):
            young = 1.0 - age[knots]
            rgba = np.empty((int(which.sum()), len(knots), 4), dtype=np.float32)
            rgba[..., :3] = table[which, None]
            rgba[..., 3] = np.minimum(light[which, None] * young**1.5, 1.0)
            self._ribbons.draw(view, theme, lines[which][:, knots], 0.7 + 0.9 * young, rgba, "glow")


def dwell(lines: NDArray[np.float32], view: View) -> NDArray[np.float32]:
    """Brightness of each trail, (count,): less, the longer its way on the screen; 1 up to FULL logical pixels, 0 below LEAST.

    So a rough path, which is long, does not outshine a smooth one, and what would hide under its particle is not drawn.
    """
    way = np.sqrt((np.diff(lines, axis=1) ** 2).sum(2)).sum(1) * (view.scale / view.pixel_ratio)
    return np.asarray(np.where(way >= LEAST, (FULL / np.maximum(way, FULL)) ** 1.5, 0.0), dtype=np.float32)


def deviation(lines: NDArray[np.float32], knots: NDArray[np.intp]) -> NDArray[np.float32]:
    """How far each line, half-way between three knots (first, middle, last), is at most from the straight way between them, (count,)."""
    far = np.zeros(len(lines), dtype=np.float32)
    for start, end in pairwise(knots):
        if end - start > 1:
            k = (start + end) // 2
            share = np.float32((k - start) / (end - start))
            off = lines[:, k] - (lines[:, start] * (1 - share) + lines[:, end] * share)
            far = np.maximum(far, (off**2).sum(1))
    return np.asarray(np.sqrt(far), dtype=np.float32)


def past(times: NDArray[np.float64], t: float, length: float) -> NDArray[np.float64]:
    """Times from the tail to the head. All but the head and the very end lie on a fixed grid, so that a rough path does not crawl."""
    t = float(np.clip(t, times[0], times[-1]))
    step = length / SEGMENTS
    start = max(float(times[0]), t - length)
    inner = np.arange(np.floor(start / step) + 1, np.ceil(t / step)) * step
    inner = inner[(inner > start + 1e-9) & (inner < t - 1e-9)]
    return np.concatenate([[start], inner, [t]]) if t > start else np.array([t])


def history(data: PaneData, times: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """Positions of the first ``count`` particles at each time, (count, k, 3)."""
    lines = np.stack([positions_at(data, float(s), count) for s in times], axis=1)
    return vec3(lines.reshape(-1, lines.shape[2])).reshape(*lines.shape[:2], 3)
