"""The drift of any field together with its Jacobian or its divergence: for densities along the flow, flow maps and residuals.

Learned fields go through one forward pass with tangents, all others (exact, or of another make) through reverse automatic differentiation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.fields import base
from engine.fields.base import Field
from engine.fields.guided import GuidedField
from engine.fields.learned import LearnedField
from engine.paths import GaussianPath
from engine.predictions import coefficients, domain, drift_coefficients

if TYPE_CHECKING:
    from engine.samplers.sigma import Sigma


def anywhere(field: Field) -> Field:
    """A field for points that are no particles: where each particle asks for its own label, the one without a label."""
    found: Field = getattr(field, "anywhere", field)
    return found


def drift(field: Field, x: Tensor, t: float, sigma: Sigma | None = None) -> Tensor:
    """u_t(x) + sigma_t^2 s_t(x) / 2, (n, d); without ``sigma`` the velocity alone, which needs no score."""
    return base.velocity(field, x, t) if sigma is None else base.drift(field, x, t, sigma)


def drift_and_jacobian(field: Field, x: Tensor, t: float, sigma: Sigma | None = None) -> tuple[Tensor, Tensor]:
    """b_t(x) (n, d) and d b_i / d x_j (n, d, d) [n, i, j], without graph. Raises Problem where sigma needs a score that is not there."""
    field = anywhere(field)
    if isinstance(field, GuidedField):
        d = field.dimension

        def both(part: Field, rows: Tensor, time: float) -> Tensor:
            value, matrix = drift_and_jacobian(part, rows, time, sigma)
            return torch.cat([value, matrix.flatten(1)], dim=1)

        joined = field.combined(both, x, t)
        return joined[:, :d], joined[:, d:].view(-1, d, d)
    if isinstance(field, LearnedField):
        value, slopes = _learned(field, x, t, sigma, None)
        return value, slopes.permute(1, 2, 0)
    with torch.enable_grad():
        point = x.detach().requires_grad_()
        value = drift(field, point, t, sigma)
        rows = [torch.autograd.grad(value[:, i].sum(), point, retain_graph=i + 1 < x.shape[1])[0] for i in range(x.shape[1])]
    return value.detach(), torch.stack(rows, dim=1)


def drift_and_divergence(
    field: Field, x: Tensor, t: float, sigma: Sigma | None = None, probe: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """b_t(x) (n, d) and div b_t (n,): exact, or with a ``probe`` v (n, d) of mean 0 and covariance I Hutchinson's v . J v, unbiased."""
    field = anywhere(field)
    if probe is None:
        value, matrix = drift_and_jacobian(field, x, t, sigma)
        return value, matrix.diagonal(dim1=1, dim2=2).sum(dim=1)
    if isinstance(field, GuidedField):
        joined = field.combined(lambda part, rows, time: _joined(part, rows, time, sigma, probe), x, t)
        return joined[:, :-1], joined[:, -1]
    if isinstance(field, LearnedField):
        value, slopes = _learned(field, x, t, sigma, probe[None])
        return value, (slopes[0] * probe).sum(dim=1)
    with torch.enable_grad():
        point = x.detach().requires_grad_()
        value = drift(field, point, t, sigma)
        (pulled,) = torch.autograd.grad(value, point, probe)
    return value.detach(), (pulled * probe).sum(dim=1)


def _joined(field: Field, x: Tensor, t: float, sigma: Sigma | None, probe: Tensor) -> Tensor:
    value, divergence = drift_and_divergence(field, x, t, sigma, probe)
    return torch.cat([value, divergence[:, None]], dim=1)


def _learned(field: LearnedField, x: Tensor, t: float, sigma: Sigma | None, directions: Tensor | None) -> tuple[Tensor, Tensor]:
    """b (n, d) and its derivatives along the directions (k, n, d); None: the axes."""
    path, d = field.path, field.dimension
    along = directions if directions is not None else torch.eye(d, device=x.device, dtype=x.dtype)[:, None, :]
    if isinstance(path, GaussianPath):
        low, high = domain(path, field.prediction, "velocity")
        t = min(max(t, low, field.interval[0]), high, field.interval[1])
        native, slopes = field.along(x, t, directions)
        if sigma is None:
            a, b = coefficients(path, t, field.prediction, "velocity")
        else:
            a, b = drift_coefficients(path, t, field.prediction, sigma)
        return float(a) * x + float(b) * native, float(a) * along + float(b) * slopes
    t = min(max(t, field.interval[0]), field.interval[1])
    if sigma is not None:
        base.must_have_score(field)
    native, slopes = field.along(x, t, directions)
    if sigma is None:
        return native[:, :d], slopes[..., :d]
    half = 0.5 * float(sigma.sigma2_over_latent(path, t))
    return native[:, :d] - half * native[:, d:], slopes[..., :d] - half * slopes[..., d:]
