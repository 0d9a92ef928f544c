"""The work behind maps, for the worker's thread: generators of short slices. No Qt here; torch is imported when it runs.

The exact field is asked in double precision on the processor, by whole grids.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.densities.kernel import chosen_widths, kernel_estimate
from gui.evolution import Evolution, evolve
from gui.map_kinds import GUIDED, NO_NETWORK, diffusion_of
from gui.maps import MapRequest, MapValues, NoMap, Truths, axes_in, peak, spread_of, told
from gui.probe import field_of
from gui.runs import Fields
from shaders.scene import PaneData
from shaders.trajectory import positions_at

if TYPE_CHECKING:
    from engine.fields.base import Field

Floats = NDArray[np.float64]
STEPS = 50
"""Of Heun over the whole interval, for the model's own density."""
ROWS, ROWS_EXACT = 2_048, 512
"""Points in one slice of the work."""
COARSE = 4
"""A first glimpse of what takes long has so many times fewer cells along each side."""
FEWEST = 24
"""Cells that a glimpse has at least along its shorter side."""
REACHED = 1e-9
"""An error is shown where p_t is at least this share of its peak: farther out no particle comes, and no network has learned anything."""
THERE = 1e-6
"""A ratio of densities is shown where either is at least this share of its peak."""
Slices = Generator["float | MapValues | NoMap | None", None, None]


def draw(request: MapRequest, fields: Fields, truths: Truths, data: PaneData | None = None) -> Slices:
    """Slices of one map: yields the fraction done, coarser maps before the whole one, or why there is none.

    ``data`` holds the particles that kind "particles" is about. Of kind "grid" the whole evolution is made at the first time, and kept.
    """
    work = {
        "particles": lambda: _particles(request, data),
        "exact": lambda: _exact(request, truths),
        "model": lambda: _model(request, fields, truths),
        "log-ratio": lambda: _model(request, fields, truths),
        "residual": lambda: _residual(request, fields, truths),
        "grid": lambda: _grid(request, fields, truths),
    }
    try:
        if request.run.reason:
            raise Problem(request.run.reason)
        if request.kind in ("velocity-error", "score-error", "angle"):
            yield from _error(request, fields, truths)
        else:
            yield from work[request.kind]()
    except Problem as problem:
        yield NoMap(request, str(problem))


def _exact(request: MapRequest, truths: Truths) -> Slices:
    field = truths.of(request.run)
    yield None
    density, t = exact_density(field, request)
    note = f" of label {request.run.reference.index + 1}" if hasattr(request.run.reference, "index") else ""
    yield told(request, t, density, peak(density), note=note)


def exact_density(field: Any, request: MapRequest) -> tuple[Floats, float]:
    """p_t (h, w) of an exact field, standardised units, and the time it is of."""
    from engine.fields.on_axes import axes_of, density_on_axes

    t = min(max(request.t, field.interval[0]), field.interval[1])
    found = density_on_axes(field, axes_of(axes_in(request.box, request.size), field), t)
    return np.ascontiguousarray(found.numpy().T), t


def _particles(request: MapRequest, data: PaneData | None) -> Slices:
    if data is None or data.positions is None:
        raise Problem("There are no particles yet.")
    points = positions_at(data, request.t)
    yield None
    widths = chosen_widths(points)
    yield None
    density, _ = kernel_estimate(points, request.box, request.size, widths)
    scale = float(np.exp(np.mean(np.log(widths)))) if len(widths) else 0.0
    yield told(request, request.t, density, peak(density), note=f", h\u00a0=\u00a0{scale:.2g}\u00a0std")


def _error(request: MapRequest, fields: Fields, truths: Truths) -> Slices:
    import torch

    from engine.error_maps import angle_between
    from engine.fields import base
    from engine.fields.on_axes import axes_of, points_of, truth_on_axes

    field, exact = learned_field(request, fields), truths.of(request.run)
    if request.kind == "score-error":
        reason = base.score_refusal(field)
        if reason:
            raise Problem(reason)
    yield None
    t = both_times(request.t, field, exact)
    xs, ys = axes_of(axes_in(request.box, request.size), exact)
    errors, densities = [], []
    for k, column in enumerate(torch.split(xs, max(ROWS // len(ys), 1))):
        with torch.no_grad():
            x = points_of([column, ys]).to(field.device, field.dtype)
            own = (base.score if request.kind == "score-error" else base.velocity)(field, x, t).to("cpu", torch.float64).numpy()
        truth = truth_on_axes(exact, [column, ys], t)
        right = (truth.score if request.kind == "score-error" else truth.velocity).reshape(-1, 2).numpy()
        errors.append(np.degrees(angle_between(own, right)) if request.kind == "angle" else np.linalg.norm(own - right, axis=1))
        densities.append(truth.density.numpy().ravel())
        yield (k + 1) * len(column) / (len(xs) + len(column))
    error, density = (np.concatenate(parts).reshape(request.size).T for parts in (errors, densities))
    error = np.where(density > REACHED * np.nanmax(density), error, np.nan)
    unit = {"angle": "degrees", "velocity-error": "std per t", "score-error": "per std"}[request.kind]
    yield told(request, t, error, spread_of(error, density), unit=unit)


def learned_field(request: MapRequest, fields: Fields) -> Any:
    """The network whose errors are asked for. Raises Problem where there is none, or where guidance moves it."""
    from engine.guidance import NoGuidance

    if request.run.snapshot is None:
        raise Problem(NO_NETWORK)
    if not isinstance(request.run.guidance, NoGuidance):
        raise Problem(GUIDED)
    return field_of(request.run, fields)


def both_times(t: float, *fields: Any) -> float:
    """t, moved into what all fields allow."""
    for field in fields:
        t = min(max(t, field.interval[0]), field.interval[1])
    return t


def _model(request: MapRequest, fields: Fields, truths: Truths) -> Slices:
    """The model's own density and its ratio to the exact one, the one that is asked for with the other beside it: coarse at first."""
    asked_ratio = request.kind == "log-ratio"
    field = learned_field(request, fields) if asked_ratio else field_of(request.run, fields)
    exact = truths.of(request.run) if asked_ratio or _has_ratio(request) else None
    yield None
    w, h = request.size
    # of a low picture no glimpse so coarse that it would show what is not there
    factor = min(COARSE, min(w, h) // FEWEST)
    coarse, glimpse = (w // max(factor, 1), h // max(factor, 1)), 1.0 / max(factor, 1) ** 2
    sizes = [(coarse, 0.0, glimpse), (request.size, glimpse, 1.0)] if factor > 1 else [(request.size, 0.0, 1.0)]
    for size, begin, end in sizes:
        part = replace(request, size=size)
        log_p, t = yield from _log_prob(part, field, begin, end)
        log_p = log_p.reshape(size).T
        density = np.exp(np.minimum(log_p, 80.0))
        found = told(
            replace(request, kind="model"),
            t,
            density,
            peak(density),
            whole=size == request.size,
            note="" if size == request.size else ", coarse",
        )
        if exact is not None:
            ratio = _ratio(replace(part, kind="log-ratio", t=t), request, log_p, density, exact, found.whole)
            found = replace(ratio, beside=found) if asked_ratio else replace(found, beside=ratio)
        yield found


def _has_ratio(request: MapRequest) -> bool:
    """Whether there is a truth to hold the model's density against."""
    from engine.fields.exact import exact_refusal
    from engine.guidance import NoGuidance

    run = request.run
    return run.snapshot is not None and isinstance(run.guidance, NoGuidance) and exact_refusal(run.law) is None


def _ratio(part: MapRequest, request: MapRequest, log_p: Floats, density: Floats, exact: Any, whole: bool) -> MapValues:
    """log p_theta - log p, nats, where either density is more than next to nothing."""
    truth, _ = exact_density(exact, part)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = log_p - np.log(truth)
    there = (truth > THERE * np.nanmax(truth)) | (density > THERE * np.nanmax(density))
    error = np.where(there & np.isfinite(error), error, np.nan)
    return told(
        replace(request, kind="log-ratio"),
        part.t,
        error,
        spread_of(error, truth),
        whole=whole,
        unit="nats",
        note="" if whole else ", coarse",
    )


def _log_prob(request: MapRequest, field: Field, begin: float, end: float) -> Generator[float, None, tuple[Floats, float]]:
    """log p_t at the cells, x by x (w h,), standardised units, and the time it is of."""
    from engine.likelihood import DensitySolver, log_prob

    xs, ys = axes_in(request.box, request.size)
    points = np.stack([part.ravel() for part in np.meshgrid(xs, ys, indexing="ij")], axis=1)
    rows = ROWS if request.run.snapshot is not None else ROWS_EXACT
    slices = log_prob(field, points, request.t, DensitySolver(steps=STEPS), start=request.run.law.start, rows=rows)
    while True:
        try:
            yield begin + (end - begin) * next(slices)
        except StopIteration as stop:
            return stop.value.values, stop.value.t


def _grid(request: MapRequest, fields: Fields, truths: Truths) -> Slices:
    key = replace(request, t=0.0, box=(0.0, 1.0, 0.0, 1.0), size=(1, 1))
    if key not in truths.evolutions:
        for value in evolve(request, fields, truths):
            if isinstance(value, Evolution):
                if value.whole:
                    while len(truths.evolutions) >= Truths.KEPT:
                        del truths.evolutions[next(iter(truths.evolutions))]
                    truths.evolutions[key] = value
            else:
                yield value
    if key in truths.evolutions:
        yield truths.evolutions[key].at(request.t, request)


def _residual(request: MapRequest, fields: Fields, truths: Truths) -> Slices:
    import torch

    from engine.fields.on_axes import axes_of, points_of
    from engine.fokker_planck import residual_at

    field, exact = learned_field(request, fields), truths.of(request.run)
    sigma, reason = diffusion_of(request.run.sampler)
    if reason:
        raise Problem(reason)
    t = both_times(request.t, field, exact)
    yield None
    x = points_of(axes_of(axes_in(request.box, request.size), exact))
    parts = []
    for k, part in enumerate(torch.split(x, ROWS_EXACT)):
        parts.append(residual_at(exact, field, part, t, sigma))
        yield (k + 1) * ROWS_EXACT / (len(x) + ROWS_EXACT)
    found = torch.cat(parts).numpy().reshape(request.size).T
    density, _ = exact_density(exact, replace(request, t=t))
    yield told(request, t, found, spread_of(found, density))
