"""How the network's output f becomes a prediction: a skip, a scale and an offset in closed form for each prediction.

Let z have mean m and variance v in each direction, y = x - alpha m and S^2 = alpha^2 v + beta^2 (the variance of x). Were the data
Gaussian, its denoiser would be D = m + (alpha v / S^2) y. The network f learns what is missing, in units of that Gaussian's own
uncertainty beta sqrt(v) / S, so that it is of order one at every time and on every path:

    D = m + (alpha v / S^2) y + (beta sqrt(v) / S) f

The other predictions follow from D and x by the identities of MATHS section 2, so one network means the same whichever
prediction it is trained by; the score s = -y / S^2 + (alpha sqrt(v) / (beta S)) f has its 1 / beta outside of f.
The conditional value that f regresses is (beta (z - m) - alpha v eps) / (S sqrt(v)), of variance one. After Karras 2206.00364.

With ``residual=False`` the network is plain: f is the prediction itself (for the score: s = f / beta).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from engine.ops import Scalar, ones_like, sqrt
from engine.paths import GaussianPath, Prediction


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
