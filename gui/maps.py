"""Maps: densities and errors of a pane on a grid at time t: what is asked, and what comes back. No Qt here, and torch late.

Densities are in the user's units (p_user = p e^(-log det) of
the frame), errors in standardised ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.samplers import Euler
from gui.map_kinds import DENSITIES, KINDS, rounded_up, unit_of_density
from gui.runs import RunRequest
from shaders.scene import MapData, MapKind

Floats = NDArray[np.float64]
Box4 = tuple[float, float, float, float]
"""x_low, x_high, y_low, y_high, standardised coordinates."""
SEEN = 1e-3
"""Ends of the colour scale of an error are those where p_t is at least this share of its peak."""
DECADES = {True: 4.0, False: 3.0}
"""Of a logarithmic scale: of a density, and of an error."""


@dataclass(frozen=True)
class MapRequest:
    """Everything that decides a map; two equal requests give the same one."""

    run: RunRequest
    kind: MapKind
    t: float
    box: Box4
    size: tuple[int, int]
    """Cells along x and y."""

    @staticmethod
    def of(run: RunRequest, kind: MapKind, t: float, box: Box4, size: tuple[int, int]) -> MapRequest:
        """For what a pane shows, without what does not matter to this map: panes that show the same ask the same."""
        if kind == "particles":
            return MapRequest(run, kind, t, box, size)
        sampler = run.sampler if kind in ("grid", "residual") else Euler()
        snapshot = None if kind == "exact" else run.snapshot
        return MapRequest(replace(run, sampler=sampler, snapshot=snapshot, particles=1, seed=0), kind, t, box, size)

    def same_but(self, other: MapRequest | None) -> bool:
        """Whether only t and the training have gone on."""
        if other is None or (self.kind, self.box, self.size) != (other.kind, other.box, other.size):
            return False
        return self.run == other.run or self.run.same_but_newer(other.run)


@dataclass(frozen=True, eq=False)
class MapValues:
    """A map: what becomes ``shaders.scene.MapData`` once the ends of its scale are settled."""

    request: MapRequest
    t: float
    """The time that it is of: the one asked for, moved into the field's interval."""
    values: NDArray[np.float32]
    """(h, w), row 0 at the bottom; NaN where nothing is known."""
    box: Box4
    name: str
    unit: str
    top: float
    """Where its colour scale should end: of an error where data is; above 0."""
    whole: bool = True
    """Whether no finer one follows."""
    beside: MapValues | None = None
    """Of another kind, which the same work has given."""

    @property
    def diverging(self) -> bool:
        return self.request.kind in ("log-ratio", "residual")

    def ends(self, top: float, logarithmic: bool) -> tuple[float, float]:
        """The ends of a colour scale that reaches to ``top``."""
        if self.diverging:
            return -top, top
        return (top * 10.0 ** -DECADES[self.request.kind in DENSITIES], top) if logarithmic else (0.0, top)

    def data(self, top: float, logarithmic: bool, name: str = "") -> MapData:
        """For a pane."""
        low, high = self.ends(top, logarithmic)
        return MapData(
            values=self.values, box=self.box, low=low, high=high, name=name or self.name, unit=self.unit, diverging=self.diverging
        )


@dataclass(frozen=True)
class NoMap:
    """There is none, for the reason given."""

    request: MapRequest
    reason: str


class Truths:
    """Exact fields in double precision on the processor, of the last few laws; and what a film needs again at its next frame. Lives on the
    worker's thread."""

    KEPT = 4

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}
        self.evolutions: dict[MapRequest, Any] = {}
        """Of kind "grid", whole."""

    def of(self, run: RunRequest) -> Any:
        """The exact field of what the pane's particles should follow: the data's, or its part with the label asked for. Raises Problem."""
        import torch

        from engine.fields.exact import exact_field_of

        law = replace_target(run)
        if law not in self._kept:
            while len(self._kept) >= self.KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[law] = exact_field_of(law, "cpu", torch.float64)
        return self._kept[law]


def replace_target(run: RunRequest) -> Any:
    """The law whose p_t a pane should have."""
    import msgspec

    return run.law if run.reference == run.law.target else msgspec.structs.replace(run.law, target=run.reference)


def axes_in(box: Box4, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """The centres of the cells along x and y."""
    (x0, x1, y0, y1), (w, h) = box, size
    return x0 + (np.arange(w) + 0.5) * (x1 - x0) / w, y0 + (np.arange(h) + 0.5) * (y1 - y0) / h


def told(request: MapRequest, t: float, values: Floats, top: float, *, note: str = "", whole: bool = True, unit: str = "") -> MapValues:
    """``values`` (h, w); densities and residuals come in standardised units and leave in the user's."""
    frame, kind = request.run.target.frame(), KINDS[request.kind]
    if request.kind in DENSITIES or request.kind == "residual":
        values, top = values * math.exp(-frame.log_det), top * math.exp(-frame.log_det)
        unit = unit_of_density(request.run.target.axis_names) + (" per t" if request.kind == "residual" else "")
    name = f"{kind.legend}{note}"
    return MapValues(request, t, values.astype(np.float32), request.box, name, unit, max(rounded_up(top), 1e-30), whole)


def peak(density: Floats) -> float:
    """What nearly all mass is below: the top of a density's colours, which one bright cell does not decide."""
    flat = np.sort(density[np.isfinite(density)], axis=None)
    total = np.cumsum(flat)
    if not len(flat) or total[-1] <= 0:
        return 0.0
    return float(flat[np.searchsorted(total, 0.995 * total[-1])])


def spread_of(error: Floats, density: Floats) -> float:
    """What 99 of 100 cells are below where data is."""
    seen = np.isfinite(error) & (density >= SEEN * np.nanmax(density)) if np.isfinite(density).any() else np.isfinite(error)
    return float(np.quantile(np.abs(error[seen]), 0.99)) if seen.any() else 0.0
