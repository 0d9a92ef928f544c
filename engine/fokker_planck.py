"""The Fokker-Planck equation on a grid: what a density becomes under any drift and noise, in one, two or three dimensions.

    dp/dt = -div(p b) + sigma_t^2 / 2  laplace p

by finite volumes: cell means change by what flows through their faces, nothing flows through the walls, and mass is kept to rounding.
Advection is upwind from linear reconstructions limited by van Leer's harmonic slope: second order in smooth parts and never negative.
(Scharfetter-Gummel and Chang-Cooper fluxes are upwind of first order where sigma vanishes, and the probability flow has sigma = 0.)
Diffusion is central. Time steps are Heun's, a mean of Euler steps (SSP), each so short that no cell can lose more than it holds: positive.
Sources: van Leer 1974; Shu & Osher 1988; LeVeque, Finite Volume Methods, 2002; MATHS section 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem

if TYPE_CHECKING:
    from torch import Tensor

    from engine.fields.base import Field
    from engine.samplers.sigma import Sigma

Floats = NDArray[np.float64]
Drift = Callable[[Floats, float], Floats]
"""b at points (n, d) and one time, (n, d)."""
COURANT = 0.9
"""Share of the longest positive step that is taken."""
SHORTEST = 1e-7
"""A step below this share of the interval is given up."""


@dataclass(frozen=True)
class Box:
    """A grid of equal cells on [low, high] in d = 1, 2 or 3 dimensions; arrays on it have the shape ``counts``, axis by axis."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def widths(self) -> Floats:
        """Sides of a cell, (d,)."""
        return np.asarray((np.array(self.high) - np.array(self.low)) / np.array(self.counts), dtype=np.float64)

    @property
    def volume(self) -> float:
        """Of a cell."""
        return float(np.prod(self.widths))

    @cached_property
    def centres(self) -> Floats:
        """(prod counts, d); the last axis runs fastest."""
        return self._points(None)

    @cached_property
    def faces(self) -> tuple[Floats, ...]:
        """For each axis the middles of the inner faces across it, (m, d)."""
        return tuple(self._points(axis) for axis in range(len(self.counts)))

    def axes(self, between: int | None = None) -> list[Floats]:
        """Places of the cells along each axis; of the inner faces along the axis ``between``."""
        places = enumerate(zip(self.low, self.counts, self.widths, strict=True))
        return [a + width * (np.arange(1, count) if axis == between else np.arange(count) + 0.5) for axis, (a, count, width) in places]

    def _points(self, between: int | None) -> Floats:
        return np.stack([part.ravel() for part in np.meshgrid(*self.axes(between), indexing="ij")], axis=1)

    def face_shape(self, axis: int) -> tuple[int, ...]:
        """Of an array over the inner faces across an axis."""
        return tuple(count - (k == axis) for k, count in enumerate(self.counts))


@dataclass(frozen=True, eq=False)
class GridStep:
    """The density after one time step."""

    t: float
    density: Floats
    """Cell means of p, shape ``counts``; never changed afterwards."""
    mass: float
    """The integral over the box."""
    wall: float
    """Mass in the outermost layer of cells: how much the walls may have held back."""
    steps: int
    """Time steps so far."""
    stored: bool
    """Whether t is one of the times asked for."""
    share: float
    """Of the time that is done."""


def drift_of(field: Field, sigma: Sigma | None = None) -> Drift:
    """u + sigma^2 s / 2 of a field as a function of numpy points; without sigma the velocity. Raises Problem where there is no score."""
    import torch

    from engine.fields.jacobian import anywhere, drift

    field = anywhere(field)

    def at(points: Floats, t: float) -> Floats:
        with torch.no_grad():
            x = torch.from_numpy(points).to(field.device, field.dtype)
            return np.asarray(drift(field, x, t, sigma).double().cpu().numpy(), dtype=np.float64)

    return at


def drift_on(box: Box, field: Field, sigma: Sigma | None = None) -> Drift:
    """The same on the faces of a box, where the closed form of an exact field is a few matrix products.

    So far from all data that p_t underflows nothing flows. Raises Problem where there is no score.
    """
    from engine.fields.jacobian import anywhere
    from engine.fields.on_axes import axes_of, drift_on_axes

    field, anyhow = anywhere(field), drift_of(field, sigma)
    faces = [(points, axes_of(box.axes(axis), field)) for axis, points in enumerate(box.faces)]

    def at(points: Floats, t: float) -> Floats:
        axes = next((axes for known, axes in faces if known is points), None)
        if axes is None:
            return anyhow(points, t)
        found = drift_on_axes(field, axes, t, sigma)
        return np.asarray(found.reshape(len(points), -1).double().cpu().numpy(), dtype=np.float64)

    return at


def between_knots(drift: Drift, knots: Sequence[float]) -> Drift:
    """The drift asked at these times alone (increasing), and straight lines between them: for what is slow, a network on many faces.

    Its error is that of the trapezoid, h^2 / 8 of the second derivative in t; times go on from call to call, and a few are kept for each
    set of points.
    """
    kept: dict[int, dict[int, Floats]] = {}

    def at_knot(points: Floats, k: int) -> Floats:
        known = kept.setdefault(id(points), {})
        if k not in known:
            for old in [other for other in known if abs(other - k) > 2]:
                del known[old]
            known[k] = drift(points, float(knots[k]))
        return known[k]

    def at(points: Floats, t: float) -> Floats:
        k = int(np.clip(np.searchsorted(knots, t, side="right") - 1, 0, len(knots) - 2))
        share = (t - knots[k]) / (knots[k + 1] - knots[k])
        before, after = at_knot(points, k), at_knot(points, k + 1)
        return before + min(max(share, 0.0), 1.0) * (after - before)

    return at


def on_grid(box: Box, log_prob: Callable[[Floats], Floats], normalise: bool = True) -> Floats:
    """exp(log_prob) at the centres, shape ``counts``; scaled to mass one unless told otherwise. Raises Problem if it has no mass."""
    return _with_mass(box, np.exp(log_prob(box.centres)).reshape(box.counts), normalise)


def _with_mass(box: Box, density: Floats, normalise: bool) -> Floats:
    mass = float(density.sum()) * box.volume
    if not (math.isfinite(mass) and mass > 0.0):
        raise Problem("The density has no mass on the grid: choose a larger box or finer cells.")
    return density / mass if normalise else density


def exact_on_grid(box: Box, field: Field, t: float, normalise: bool = False) -> Floats:
    """p_t of an exact field at the centres, shape ``counts``. Raises Problem for a field without log p, or if it has no mass there."""
    from engine.fields.on_axes import axes_of, density_on_axes

    density = np.asarray(density_on_axes(field, axes_of(box.axes(), field), t).double().cpu().numpy(), dtype=np.float64)
    return _with_mass(box, density, normalise)


def evolve(box: Box, density: Floats, drift: Drift, variance: Callable[[float], float], times: Sequence[float]) -> Iterator[GridStep]:
    """The density (shape ``counts``) at times[0], then after every time step until times[-1]; the steps meet all of ``times``.

    ``variance`` is sigma_t^2. The step is chosen so that no cell loses more than it holds, at the drift of both its ends. Leave the loop
    to cancel. Raises Problem where the drift is not finite or makes the steps too short.
    """
    p, t, begin, end = np.array(density, dtype=np.float64), float(times[0]), float(times[0]), float(times[-1])
    yield _told(box, p, t, 0, True, 0.0)
    here, steps = _Flow(box, drift, variance, t), 0
    for target in times[1:]:
        while t < target:
            h = min(COURANT / here.rate if here.rate > 0.0 else math.inf, target - t)
            while True:
                later = target if h >= target - t else t + h
                there = _Flow(box, drift, variance, later)
                if (later - t) * there.rate <= 1.0:
                    break
                h = 0.7 * COURANT / there.rate if 0.7 * COURANT / there.rate > 0.5 * h else 0.5 * h
                if h < SHORTEST * (end - begin):
                    raise Problem(f"The drift grows so fast at t = {t:.4g} that the grid's steps become too short: end earlier.")
            h = later - t
            first = p + h * here.change(p)
            p = 0.5 * (p + first + h * there.change(first))
            t, here, steps = later, there, steps + 1
            yield _told(box, p, t, steps, t >= target, (t - begin) / (end - begin))


def _told(box: Box, p: Floats, t: float, steps: int, stored: bool, share: float) -> GridStep:
    inner = p[tuple(slice(1, -1) for _ in box.counts)]
    mass = float(p.sum()) * box.volume
    return GridStep(t, p, mass, mass - float(inner.sum()) * box.volume, steps, stored, share)


class _Flow:
    """What flows through the faces at one time."""

    def __init__(self, box: Box, drift: Drift, variance: Callable[[float], float], t: float) -> None:
        self._box, self._half = box, 0.5 * float(variance(t))
        self._speeds = [drift(points, t)[:, axis].reshape(box.face_shape(axis)) for axis, points in enumerate(box.faces)]
        # what a cell can lose in unit time, over what it holds: a reconstruction is at most twice the mean
        loss = np.zeros(box.counts)
        for axis, (speed, width) in enumerate(zip(self._speeds, box.widths, strict=True)):
            low, high = _halves(axis, len(box.counts))
            loss[low] += 2.0 * np.maximum(speed, 0.0) / width
            loss[high] += 2.0 * np.maximum(-speed, 0.0) / width
            loss += 2.0 * self._half / width**2
        self.rate = float(loss.max())
        if not math.isfinite(self.rate):
            raise Problem(f"The drift or the noise is not finite at t = {t:.4g}: begin later, or end earlier.")

    def change(self, p: Floats) -> Floats:
        """dp/dt, shape ``counts``."""
        result, d = np.zeros_like(p), p.ndim
        for axis, (speed, width) in enumerate(zip(self._speeds, self._box.widths, strict=True)):
            low, high = _halves(axis, d)
            step = p[high] - p[low]
            slope = np.zeros_like(p)
            before, after = step[low], step[high]
            product, total = before * after, before + after
            alike = product > 0.0
            inner = tuple(slice(1, -1) if k == axis else slice(None) for k in range(d))
            # half of van Leer's slope 2ab/(a + b)
            slope[inner] = np.divide(product, total, out=np.zeros_like(product), where=alike)
            flux = np.where(speed > 0.0, speed * (p[low] + slope[low]), speed * (p[high] - slope[high]))
            flux -= (self._half / width) * step
            flux /= width
            result[low] -= flux
            result[high] += flux
        return result


def _halves(axis: int, d: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """All but the last, and all but the first, along an axis."""
    whole = [slice(None)] * d
    low, high = list(whole), list(whole)
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return tuple(low), tuple(high)


def residual(box: Box, exact: Field, field: Field, t: float, sigma: Sigma | None = None) -> Floats:
    """dp/dt + div(p b) - sigma^2/2 laplace p at the centres, shape ``counts``: p of the exact field, b = u + sigma^2 s / 2 of ``field``.

    Zero where the field is the exact one. By automatic differentiation, not on the grid: p (d log p/dt + div b + b . s - sigma^2/2 (div s +
    |s|^2)), s the exact score. In standardised units of p per unit of time.
    """
    import torch

    whole = torch.from_numpy(box.centres).to(exact.device, exact.dtype)
    parts = [residual_at(exact, field, x, t, sigma) for x in torch.split(whole, 4_096)]
    return np.asarray(torch.cat(parts).double().cpu().numpy().reshape(box.counts), dtype=np.float64)


def residual_at(exact: Any, field: Field, x: Tensor, t: float, sigma: Sigma | None = None) -> Tensor:
    """The same at points x (n, d) of the exact field's precision, (n,)."""
    import torch

    from engine.fields.jacobian import drift_and_divergence

    b, divergence = (part.to(x) for part in drift_and_divergence(field, x.to(field.device, field.dtype), t, sigma))
    with torch.enable_grad():
        # one time for all, and yet a derivative for each: d log p / dt = the tangent of the scalar time along the rows
        scalar = torch.tensor(t, device=x.device, dtype=x.dtype, requires_grad=True)
        log_p = exact.log_prob(x, scalar)
        free = torch.zeros_like(log_p, requires_grad=True)
        (pulled,) = torch.autograd.grad(log_p, scalar, free, create_graph=True)
        (rate,) = torch.autograd.grad(pulled, free)
        point = x.detach().requires_grad_()
        s = exact.score(point, t)
        half = 0.0 if sigma is None else 0.5 * float(sigma.sigma2(field.path, t))
        spread = torch.zeros_like(log_p)
        if half:
            for axis in range(x.shape[1]):
                spread = spread + torch.autograd.grad(s[:, axis].sum(), point, retain_graph=True)[0][:, axis]
    s = s.detach()
    total = rate + divergence + (b * s).sum(dim=1) - half * (spread + (s * s).sum(dim=1))
    result: Tensor = (log_p.exp() * total).detach()
    return result
