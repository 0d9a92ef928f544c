"""Field: what has a prediction at every point and time, learned or exact; and the velocity, score and denoiser that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.paths import NO_SCORE, GaussianPath, Path, Prediction
from engine.predictions import coefficients, domain, drift_coefficients

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from engine.samplers.sigma import Sigma
    from engine.sources import SourceLaw


class Field(Protocol):
    """A prediction of ``path`` in standardised coordinates, with the moments of the data that a matched start needs."""

    @property
    def dimension(self) -> int:
        """d."""
        ...

    @property
    def path(self) -> Path:
        """The path whose marginals the field belongs to: a GaussianPath wherever its linear conversions hold, else one without them."""
        ...

    @property
    def source(self) -> SourceLaw:
        """The law of x0; looked at where the path is not Gaussian."""
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
        """The native prediction at x (n, d) and one time t, (n, d); (n, 2d) for "velocity-and-noise"."""
        ...


@runtime_checkable
class Scored(Protocol):
    """A field in closed form, which tells velocity, score and denoiser by itself on any path."""

    def velocity(self, x: Tensor, t: float) -> Tensor:
        """u_t(x), (n, d)."""
        ...

    def score(self, x: Tensor, t: float) -> Tensor:
        """grad log p_t(x), (n, d)."""
        ...

    def data(self, x: Tensor, t: float) -> Tensor:
        """D_t(x), (n, d)."""
        ...

    def velocity_and_score(self, x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        """Both by one evaluation."""
        ...


def predict(field: Field, x: Tensor, t: float, wanted: Prediction) -> Tensor:
    """The wanted prediction at x (n, d), shape (n, d). A t outside the interval on which it exists is moved to the nearest end of it.

    Raises Problem where the field does not tell it.
    """
    if not isinstance(field.path, GaussianPath):
        return _general(field, x, t, wanted)
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
    """s_t(x) = grad log p_t(x), (n, d). Raises Problem where ``score_refusal`` says so."""
    return predict(field, x, t, "score")


def denoiser(field: Field, x: Tensor, t: float) -> Tensor:
    """D_t(x) = E[x1 | x_t = x], (n, d).

    Where a velocity alone is known on a path with latent noise, D does not follow from it, and x + (1 - t) u stands for it: the last
    Euler step to the data.
    """
    return predict(field, x, t, "data")


def drift(field: Field, x: Tensor, t: float, sigma: Sigma) -> Tensor:
    """u_t(x) + sigma_t^2 s_t(x) / 2, (n, d), by one evaluation, with sigma^2 s in closed form where beta or gamma vanishes.

    Raises Problem where ``score_refusal`` says so.
    """
    path = field.path
    if isinstance(path, GaussianPath):
        low, high = domain(path, field.prediction, "velocity")
        t = min(max(t, low, field.interval[0]), high, field.interval[1])
        a, b = drift_coefficients(path, t, field.prediction, sigma)
        return x.mul(float(a)).add_(field(x, t), alpha=float(b))
    t = min(max(t, field.interval[0]), field.interval[1])
    if isinstance(field, Scored):
        u, s = field.velocity_and_score(x, t)
        return u.add(s, alpha=0.5 * float(sigma.sigma2(path, t)))
    must_have_score(field)
    both = field(x, t)
    return both[:, : field.dimension].sub(both[:, field.dimension :], alpha=0.5 * float(sigma.sigma2_over_latent(path, t)))


def score_refusal(field: Field) -> str | None:
    """Why this field tells no score, so that no SDE can be simulated, in one sentence; None if it does."""
    own = getattr(field, "score_refusal", None)
    reason: str | None = own() if own is not None else field.path.score_refusal()
    return reason


def rows_of(field: Field, rows: Tensor) -> Field:
    """The field for the particles ``rows`` (m,) alone: itself, unless each particle has a label of its own."""
    own = getattr(field, "at", None)
    found: Field = field if own is None else own(rows)
    return found


def must_have_score(field: Field) -> None:
    """Raises Problem with the reason where a learned field tells no score."""
    reason = score_refusal(field) or (None if field.prediction == "velocity-and-noise" else NO_SCORE)
    if reason:
        raise Problem(reason)


def _general(field: Field, x: Tensor, t: float, wanted: Prediction) -> Tensor:
    """Of a field without the conversions of a Gaussian path: its own velocity, and from its noise head the score and D."""
    t, d = min(max(t, field.interval[0]), field.interval[1]), field.dimension
    if isinstance(field, Scored) and wanted in ("velocity", "score", "data"):
        return field.velocity(x, t) if wanted == "velocity" else field.score(x, t) if wanted == "score" else field.data(x, t)
    value = field(x, t)
    u, eta = value[:, :d], value[:, d:] if field.prediction == "velocity-and-noise" else None
    if wanted == "velocity":
        return u
    if wanted == "velocity-and-noise" and eta is not None:
        return value
    if wanted == "data":
        return _data(field, x, t, u, eta)
    if wanted == "score":
        must_have_score(field)
    if wanted == "score" and eta is not None:
        return eta.mul(-1.0 / float(field.path.latent(t)))
    raise Problem(f"There is no {wanted} prediction along this path.")


def _data(field: Field, x: Tensor, t: float, u: Tensor, eta: Tensor | None) -> Tensor:
    path = field.path
    if eta is None and path.has_latent_noise:
        return x.add(u, alpha=1.0 - t)
    found = path.data_coefficients(t)
    if found is None:
        return x.new_tensor(field.mean).expand_as(x)
    p, q, r = (float(number) for number in found)
    result = x.mul(p).add_(u, alpha=q)
    return result if eta is None else result.add_(eta, alpha=r)
