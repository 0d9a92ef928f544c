"""p_t, velocity and score of an exact field on a whole grid at once: the closed forms are separable, so that matrix products do.

On the grid of places axes[0] x axes[1] (x axes[2]) a component's Gaussian is a product of one factor for each axis, and so is its mean over
a raster's cell: (n_0 + n_1) k factors and one product with the weights take the place of n_0 n_1 k exponentials. Arrays have the shape
(n_0, n_1, ...), axis by axis, as those of ``engine.fokker_planck.Box``. Where a field has no separable form (full covariances, interpolants
between two laws), its own answers at the points do. Source: MATHS section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from engine.choice import Problem
from engine.fields import base

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.fields.base import Field
    from engine.fields.separable import OnAxes
    from engine.samplers.sigma import Sigma


class Truth(NamedTuple):
    """What an exact field tells on a grid at one time, standardised units."""

    density: Tensor
    """(n_0, n_1, ...) p_t; 0 where it underflows."""
    velocity: Tensor
    """(n_0, n_1, ..., d) u_t; NaN so far from all data that nothing was to be divided by."""
    score: Tensor
    """(n_0, n_1, ..., d) grad log p_t, likewise."""


def axes_of(places: Sequence[NDArray[np.float64]], field: Field) -> list[Tensor]:
    """The axes of a grid as the field wants them."""
    return [torch.from_numpy(np.ascontiguousarray(axis)).to(field.device, field.dtype) for axis in places]


def points_of(axes: Sequence[Tensor]) -> Tensor:
    """The grid's points, (n_0 n_1 ..., d); the last axis runs fastest."""
    return torch.stack([part.reshape(-1) for part in torch.meshgrid(*axes, indexing="ij")], dim=1)


@torch.no_grad()
def density_on_axes(field: Field, axes: Sequence[Tensor], t: float) -> Tensor:
    """p_t on the grid, standardised units; 0 where it underflows. t is moved into the field's interval.

    Raises Problem for a field without log p.
    """
    own = getattr(field, "log_prob", None)
    if own is None:
        raise Problem("Only an exact field tells p in closed form.")
    t = _inside(field, t)
    found = _on_axes(field, axes, t, False)
    if found is not None:
        return found[0].density
    result: Tensor = own(points_of(axes), t).exp().view([len(axis) for axis in axes])
    return result


@torch.no_grad()
def truth_on_axes(field: Field, axes: Sequence[Tensor], t: float) -> Truth:
    """p_t, u_t and s_t of an exact field on the grid. t is moved into its interval. Raises Problem for a field without log p."""
    t, shape, d = _inside(field, t), [len(axis) for axis in axes], len(axes)
    found = _on_axes(field, axes, t, True)
    if found is not None and found[1] is not None and found[0].pull is not None:
        known = found[0].known[..., None]
        return Truth(found[0].density, torch.where(known, found[1], torch.nan), torch.where(known, -found[0].pull, torch.nan))
    x = points_of(axes)
    u, s = field.velocity_and_score(x, t) if isinstance(field, base.Scored) else (base.velocity(field, x, t), base.score(field, x, t))
    return Truth(density_on_axes(field, axes, t), u.view(*shape, d), s.view(*shape, d))


@torch.no_grad()
def drift_on_axes(field: Field, axes: Sequence[Tensor], t: float, sigma: Sigma | None = None) -> Tensor:
    """u_t + sigma_t^2 s_t / 2 of any field on the grid, (n_0, n_1, ..., d); without ``sigma`` the velocity, which needs no score.

    Of an exact field it is 0 so far from all data that nothing can be there (p_t below 1e-25, in double precision 1e-250).
    """
    t = _inside(field, t)
    found = _on_axes(field, axes, t, True)
    if found is None or found[1] is None or found[0].pull is None:
        x = points_of(axes)
        at = base.velocity(field, x, t) if sigma is None else base.drift(field, x, t, sigma)
        return at.view(*(len(axis) for axis in axes), len(axes))
    drift = found[1] if sigma is None else found[1] - 0.5 * float(sigma.sigma2(field.path, t)) * found[0].pull
    return torch.where(found[0].known[..., None], drift, torch.zeros_like(drift))


def _inside(field: Field, t: float) -> float:
    return min(max(t, field.interval[0]), field.interval[1])


def _on_axes(field: Field, axes: Sequence[Tensor], t: float, moments: bool) -> tuple[OnAxes, Tensor | None] | None:
    own = getattr(field, "on_axes", None)
    found: tuple[OnAxes, Tensor | None] | None = None if own is None else own(axes, t, moments)
    return found
