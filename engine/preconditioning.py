"""How the network's output f becomes a prediction: a skip, a scale and an offset in closed form for each prediction.

Let z have mean m and variance v in each direction, y = x - alpha m and S^2 = alpha^2 v + beta^2 (the variance of x). Were the data
Gaussian, its denoiser would be D = m + (alpha v / S^2) y. The network f learns what is missing, in units of that Gaussian's own
uncertainty beta sqrt(v) / S, so that it is of order one at every time and on every path:

    D = m + (alpha v / S^2) y + (beta sqrt(v) / S) f

The other predictions follow from D and x by the identities of MATHS section 2, so one network means the same whichever
prediction it is trained by; the score s = -y / S^2 + (alpha sqrt(v) / (beta S)) f has its 1 / beta outside of f.
The conditional value that f regresses is (beta (z - m) - alpha v eps) / (S sqrt(v)), of variance one. After Karras 2206.00364.

With ``residual=False`` the network is plain: f is the prediction itself (for the score: s = f / beta).

``GeneralPreconditioning`` does the same for x = a x0 + b x1 + gamma eps between any two laws: see there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from engine.ops import Scalar, ones_like, sqrt
from engine.paths import GaussianPath, Path, Prediction

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Preconditioning:
    """prediction = shift * m + skip * (x - alpha m) + scale * f, coefficients of t alone."""

    path: GaussianPath
    prediction: Prediction
    variance: float
    """v: the mean variance of the data's coordinates, standardised units."""
    residual: bool = True

    def spread(self, t: Scalar) -> Scalar:
        """S_t: the standard deviation of x_t in each direction."""
        alpha, beta = self.path.alpha(t), self.path.beta(t)
        return sqrt(alpha * alpha * self.variance + beta * beta)

    def scale(self, t: Scalar) -> Scalar:
        """The factor of f."""
        path, kind = self.path, self.prediction
        if not self.residual:
            return 1.0 / path.beta(t) if kind == "score" else ones_like(t)
        alpha, beta = path.alpha(t), path.beta(t)
        unit = math.sqrt(self.variance) / self.spread(t)
        if kind == "velocity":
            return path.wronskian(t) * unit
        if kind == "score":
            return alpha / beta * unit
        if kind == "noise":
            return -alpha * unit
        if kind == "data":
            return beta * unit
        return -(alpha * alpha + beta * beta) * unit

    def skip(self, t: Scalar) -> Scalar:
        """The factor of y = x - alpha m."""
        if not self.residual:
            return ones_like(t) * 0.0
        path, kind, v = self.path, self.prediction, self.variance
        alpha, beta = path.alpha(t), path.beta(t)
        total = alpha * alpha * v + beta * beta
        if kind == "velocity":
            return (path.alpha_dot(t) * alpha * v + path.beta_beta_dot(t)) / total
        if kind == "score":
            return -1.0 / total
        if kind == "noise":
            return beta / total
        if kind == "data":
            return alpha * v / total
        return alpha * beta * (1.0 - v) / total

    def shift(self, t: Scalar) -> Scalar:
        """The factor of m."""
        if self.residual:
            if self.prediction == "velocity":
                return self.path.alpha_dot(t)
            if self.prediction == "data":
                return ones_like(t)
            if self.prediction == "v":
                return -self.path.beta(t)
        return ones_like(t) * 0.0

    def target(self, t: Scalar, z: Any, eps: Any, mean: Any) -> Any:
        """What f regresses at x_t = alpha z + beta eps, (n, d); t is (n, 1)."""
        path, kind = self.path, self.prediction
        alpha, beta = path.alpha(t), path.beta(t)
        if self.residual:
            root = math.sqrt(self.variance)
            return (beta * (z - mean) - alpha * self.variance * eps) / (self.spread(t) * root)
        if kind == "velocity":
            return path.conditional_velocity(t, eps, z)
        if kind == "score":
            return -eps
        if kind == "noise":
            return eps
        if kind == "data":
            return z
        return alpha * eps - beta * z


FINEST = 0.1
"""Where gamma is below this, standardised units, the network's part of eta falls with gamma: s = -eta / gamma stays of order 1 / FINEST."""


@dataclass(frozen=True)
class GeneralPreconditioning:
    """The same for x = a x0 + b x1 + gamma eps with x0 of mean m0 and variance v0 and x1 of mean m1 and variance v1 in each direction.

    Were both Gaussian and independent, x would have mean mu = a m0 + b m1 and variance S^2 = a^2 v0 + b^2 v1 + gamma^2, and

        u = a' m0 + b' m1 + (a a' v0 + b b' v1 + gamma gamma') / S^2 (x - mu) + k f
        eta = gamma / S^2 (x - mu) + l f,    k^2 = sum_{i<j} v_i v_j (w_i' w_j - w_i w_j')^2 / S^2,    l^2 = 1 - gamma^2 / S^2

    with weights w = (a, b, gamma) of variances v = (v0, v1, 1) (Lagrange's identity: k^2 is what is left of the variance of u given x).
    The network's share of eta is besides reduced by gamma / sqrt(gamma^2 + 0.1^2), so that the score that follows is bounded at the
    ends, or by gamma where it tells the score itself (``second``).
    """

    path: Path
    heads: int
    """1: the velocity. 2: the velocity and eta side by side."""
    source_mean: Tensor
    source_variance: float
    mean: Tensor
    variance: float
    residual: bool = True
    second: Literal["noise", "score"] = "noise"
    """What the network's second half tells: with "score" its share of eta has the factor gamma itself."""

    def centre(self, t: Tensor) -> Tensor:
        """mu_t, (n, d) for t (n, 1)."""
        centre: Tensor = self.path.source_weight(t) * self.source_mean + self.path.data_weight(t) * self.mean
        return centre

    def spread2(self, t: Scalar) -> Scalar:
        """S_t^2."""
        a, b, latent = self.path.source_weight(t), self.path.data_weight(t), self.path.latent(t)
        return a * a * self.source_variance + b * b * self.variance + latent * latent

    def affine(self, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(scale, skip, offset) of prediction = offset + skip x + scale f, each (n, heads d), for t (n, 1)."""
        import torch

        d = len(self.mean)
        if not self.residual:
            scale = torch.ones(len(t), self.heads * d, device=t.device, dtype=t.dtype)
            zero = torch.zeros_like(scale)
            if self.heads == 2 and self.second == "score":
                scale[:, d:] = self.path.latent(t)
            return scale, zero, zero
        path, v0, v1 = self.path, self.source_variance, self.variance
        a, b, a_dot, b_dot = path.source_weight(t), path.data_weight(t), path.source_weight_dot(t), path.data_weight_dot(t)
        total, centre = self.spread2(t), self.centre(t)
        skip = (a_dot * a * v0 + b_dot * b * v1 + path.latent_latent_dot(t)) / total
        left = v0 * v1 * (a_dot * b - a * b_dot) ** 2
        if path.has_latent_noise:
            latent, latent_dot = path.latent(t), path.latent_dot(t)
            left = left + v0 * (a_dot * latent - a * latent_dot) ** 2 + v1 * (b_dot * latent - b * latent_dot) ** 2
        scales, skips = [(left / total).sqrt()], [skip]
        offsets = [a_dot * self.source_mean + b_dot * self.mean - skip * centre]
        if self.heads == 2:
            latent = path.latent(t)
            skip = latent / total
            near = latent if self.second == "score" else latent * (latent * latent + FINEST * FINEST).rsqrt()
            scales.append(((a * a * v0 + b * b * v1) / total).sqrt() * near)
            skips.append(skip)
            offsets.append(-skip * centre)
        return torch.cat([s.expand(-1, d) for s in scales], 1), torch.cat([s.expand(-1, d) for s in skips], 1), torch.cat(offsets, 1)

    def value(self, t: Tensor, x0: Tensor, x1: Tensor, eps: Tensor | None) -> Tensor:
        """The conditional velocity, and besides it eps where there are two heads: (n, heads d)."""
        import torch

        u: Tensor = self.path.conditional_velocity(t, x0, x1, eps)
        return u if self.heads == 1 or eps is None else torch.cat([u, eps], dim=1)
