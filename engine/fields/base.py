"""Field: what has a prediction at every point and time, learned or exact; and the velocity, score and denoiser that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.paths import GaussianPath, Prediction
from engine.predictions import coefficients, domain

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Field(Protocol):
    """A prediction of ``path`` in standardised coordinates, with the moments of the data that a matched start needs."""

    @property
    def dimension(self) -> int:
        """d."""
        ...

    @property
    def path(self) -> GaussianPath:
        """The path whose marginals the field belongs to."""
        ...

    @property
    def prediction(self) -> Prediction:
        """What calling the field gives."""
        ...

    @property
    def interval(self) -> tuple[float, float]:
        """[t_min, t_max] on which it may be called."""
        ...

    @property
    def mean(self) -> NDArray[np.float64]:
        """E[z], (d,), standardised coordinates."""
        ...

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Cov[z], (d, d), standardised coordinates."""
        ...

    @property
    def device(self) -> torch.device | str:
        """Where x must be."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """What x must be."""
        ...

    def __call__(self, x: Tensor, t: float) -> Tensor:
        """The native prediction at x (n, d) and one time t, (n, d)."""
        ...


def predict(field: Field, x: Tensor, t: float, wanted: Prediction) -> Tensor:
    """The wanted prediction at x (n, d), shape (n, d). A t outside the interval on which it exists is moved to the nearest end of it."""
    low, high = domain(field.path, field.prediction, wanted)
    t = min(max(t, low, field.interval[0]), high, field.interval[1])
    value = field(x, t)
    if wanted == field.prediction:
        return value
    a, b = coefficients(field.path, t, field.prediction, wanted)
    return x.mul(float(a)).add_(value, alpha=float(b))


def velocity(field: Field, x: Tensor, t: float) -> Tensor:
    """u_t(x), (n, d)."""
    return predict(field, x, t, "velocity")


def score(field: Field, x: Tensor, t: float) -> Tensor:
    """s_t(x) = grad log p_t(x), (n, d)."""
    return predict(field, x, t, "score")


def denoiser(field: Field, x: Tensor, t: float) -> Tensor:
    """D_t(x) = E[z | x_t = x], (n, d)."""
    return predict(field, x, t, "data")
