"""Where particles begin: draws of p_t at the first time of a field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.paths import GaussianPath
from engine.randomness import generator

if TYPE_CHECKING:
    from torch import Tensor

    from engine.experiment import Start
    from engine.fields.base import Field

Floats = NDArray[np.float64]


def start(field: Field, n: int, seed: int, mode: Start = "matched") -> Tensor:
    """Where n particles begin, (n, d), at the field's t_min.

    On a Gaussian path N(alpha m, alpha^2 C + beta^2 I) with the data's moments or, ``"standard"``, N(0, beta^2 I). Elsewhere a x0, x0
    of the field's source, and besides that N(b m, b^2 C + gamma^2 I): p_t itself but for the shape of b x1, where b is small;
    ``"standard"`` adds only the latent noise. The numbers of particle k depend on (seed, k) alone: samplers, step counts, n and
    path share them.
    """
    import torch

    t = field.interval[0]
    x = _gaussian(field, field.path, t, n, seed, mode) if isinstance(field.path, GaussianPath) else _general(field, t, n, seed, mode)
    return torch.from_numpy(x).to(field.device, field.dtype)


def _gaussian(field: Field, path: GaussianPath, t: float, n: int, seed: int, mode: Start) -> Floats:
    alpha, beta = float(path.alpha(t)), float(path.beta(t))
    normals = generator(seed, "start").standard_normal((n, field.dimension))
    if mode == "standard":
        return beta * normals
    return alpha * field.mean + _spread(normals, alpha**2 * field.covariance + beta**2 * np.eye(field.dimension))


def _general(field: Field, t: float, n: int, seed: int, mode: Start) -> Floats:
    a, b, latent = (float(weight(t)) for weight in (field.path.source_weight, field.path.data_weight, field.path.latent))
    x = a * field.source.start(n, seed)
    if mode == "standard":
        b = 0.0
    if b or latent:
        normals = generator(seed, "start", "latent").standard_normal((n, field.dimension))
        x = x + b * field.mean + _spread(normals, b**2 * field.covariance + latent**2 * np.eye(field.dimension))
    return x


def _spread(normals: Floats, covariance: Floats) -> Floats:
    """Normals (n, d) given a covariance (d, d) by its symmetric square root."""
    variances, axes = np.linalg.eigh(covariance)
    result: Floats = normals @ (axes * np.sqrt(np.maximum(variances, 0.0))) @ axes.T
    return result
