"""Kernel estimate of a density from points in the plane, on a grid: a histogram of fine bins smoothed by two products of matrices."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem

Floats = NDArray[np.float64]
FINEST_BINS = 768
SHARES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.13)
"""Of Scott's width, which is right for one Gaussian and too wide for several apart: the best of these is taken."""
CHOOSING_BINS = 192
MOST_CHOOSING = 20_000
"""Points that the width is chosen by."""
FAR = 1e3
"""Points so far from the median have run away: they are still there, but widen no kernel."""


def kernel_estimate(
    points: NDArray[np.floating], box: tuple[float, float, float, float], size: tuple[int, int], widths: Floats | None = None
) -> tuple[Floats, Floats]:
    """Gaussian kernel estimate (h, w) of points (n, 2), and its widths along x and y: those given, else as ``chosen_widths`` has them.

    Points are shared out among bins no wider than a quarter of h, which a product of two matrices of Gaussians smooths: so it takes as
    long for 100,000 points as for 1,000. Points that are not finite do not count.
    """
    if widths is None:
        widths = chosen_widths(points)
    own: Floats = np.asarray(points[np.isfinite(points).all(axis=1)], dtype=np.float64)
    (x0, x1, y0, y1), n = box, len(own)
    kernels: list[Floats] = []
    places: list[tuple[Floats, int]] = []
    for axis, (low, high, count) in enumerate(((x0, x1, size[0]), (y0, y1, size[1]))):
        h = float(widths[axis])
        first, last = low - 5.0 * h, high + 5.0 * h
        bins = int(min(max(64, math.ceil(4.0 * (last - first) / h)), FINEST_BINS))
        step = (last - first) / bins
        centres = first + (np.arange(bins) + 0.5) * step
        cells = low + (np.arange(count) + 0.5) * (high - low) / count
        # sharing out between two bins adds step^2 / 6 to a kernel's variance
        narrow = math.sqrt(max(h * h - step * step / 6.0, 0.25 * h * h))
        kernels.append(np.exp(-0.5 * ((cells[:, None] - centres) / narrow) ** 2) / (narrow * math.sqrt(2.0 * math.pi)))
        places.append(((own[:, axis] - first) / step - 0.5, bins))
    return _product(kernels[1], _shared_out(places), kernels[0].T) / n, widths


def _product(*matrices: Floats) -> Floats:
    """By torch, which keeps to the threads that it is given: numpy's takes all there are, and threads that wait cost more than this."""
    import torch

    found: Floats = torch.linalg.multi_dot([torch.from_numpy(np.ascontiguousarray(matrix)) for matrix in matrices]).numpy()
    return found


def chosen_widths(points: NDArray[np.floating]) -> Floats:
    """The widths (2,) for points (n, 2), by ``kernel_widths`` of at most ``MOST_CHOOSING`` of them, times (n' / n)^(1/6).

    Points that are not finite, or that have run away, do not count. Raises Problem for fewer than two that do.
    """
    own: Floats = np.asarray(points[np.isfinite(points).all(axis=1)], dtype=np.float64)
    middle = np.median(own, axis=0) if len(own) else np.zeros(2)
    near = own[(np.abs(own - middle) < FAR).all(axis=1)]
    if len(near) < 2:
        raise Problem("A kernel estimate needs at least two particles.")
    chosen = near[:MOST_CHOOSING]
    widths: Floats = kernel_widths(chosen) * (len(chosen) / len(near)) ** (1.0 / 6.0)
    return widths


def kernel_widths(points: Floats) -> Floats:
    """h along each axis, (2,): c n^(-1/6) std_i with c <= 1 by least-squares cross-validation.

    That is the c of ``SHARES`` with the least integral f^2 - 2/n sum_i f_(-i)(x_i), the integrated squared error but for a constant. Both
    terms are sums over pairs of points, and so, by bins, sums over the power spectrum of their histogram; widths below half a bin are left
    out. Sources: Scott 1992 (the rule), Rudemo 1982 and Bowman 1984 (the choice).
    """
    n = len(points)
    scott: Floats = np.maximum(points.std(axis=0, ddof=1), 1e-6) * n ** (-1.0 / 6.0)
    low, high = (np.quantile(points, q, axis=0) + sign * 4.0 * scott for q, sign in ((0.002, -1.0), (0.998, 1.0)))
    steps = (high - low) / CHOOSING_BINS
    counts = _shared_out([((points[:, axis] - low[axis]) / steps[axis] - 0.5, CHOOSING_BINS) for axis in range(2)])
    total, area = float(counts.sum()), float((high - low).prod())
    power = np.abs(np.fft.fft2(counts)) ** 2
    waves = [2.0 * np.pi * np.fft.fftfreq(CHOOSING_BINS, step) for step in steps]

    def pairs(widths: Floats) -> float:
        """Sum over all pairs, each with itself too, of the Gaussian of these widths at their difference."""
        along, up = (np.exp(-0.5 * (wave * width) ** 2) for wave, width in zip(waves, widths, strict=True))
        return float(up @ power @ along) / area

    best, least = scott, np.inf
    for share in SHARES:
        h = share * scott
        if share < 1.0 and bool((h < 0.5 * steps).any()):
            break
        alone = total / (2.0 * np.pi * float(h.prod()))
        score = pairs(np.sqrt(2.0) * h) / total**2 - 2.0 * (pairs(h) - alone) / (total * (total - 1.0))
        if score < least:
            best, least = h, score
    return best


def _shared_out(places: list[tuple[Floats, int]]) -> Floats:
    """How much of the points is in each bin, (bins y, bins x): each point between the four bins around it."""
    (x, across), (y, up) = places
    inside = (x > -1) & (x < across) & (y > -1) & (y < up)
    x, y = x[inside] + 1.0, y[inside] + 1.0
    column, row = x.astype(np.int64), y.astype(np.int64)
    right, above = x - column, y - row
    wide = across + 2
    total = np.zeros((up + 2) * wide)
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = (above if dy else 1.0 - above) * (right if dx else 1.0 - right)
        total += np.bincount((row + dy) * wide + column + dx, weights=weight, minlength=len(total))
    result: Floats = total.reshape(up + 2, wide)[1:-1, 1:-1]
    return result
