"""The average velocity of a flow between two times, and how a network's output becomes one.

    u(x, r, t) = (x_t - x_r) / (t - r),   x_r = x,   r <= t        (u(x, t, t) is the velocity itself)

Were the data Gaussian with mean m and variance v in each direction, the flow from r to t would be x_t = alpha_t m + (S_t / S_r) y with
y = x - alpha_r m and S^2 = alpha^2 v + beta^2, so

    u = (alpha_t - alpha_r) / (t - r) m + (S_t / S_r - 1) / (t - r) y + scale f,

and the network f learns what is missing; scale is the velocity's own (see engine.preconditioning), averaged over [r, t] by Simpson's
rule. At r = t this is the network's velocity.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.embedding import Embedding
from engine.preconditioning import Preconditioning

CLOSE = 1e-4
"""Times closer than this are taken as one: their difference quotients are derivatives at the middle, to within the square of it."""


@dataclass(frozen=True)
class AverageVelocity:
    """u = known + scale f, and what the network is fed: the point at r, the features of r and those of t."""

    embedding: Embedding
    mean: Tensor

    @property
    def preconditioning(self) -> Preconditioning:
        """Of the velocity."""
        return self.embedding.preconditioning

    def inputs(self, x: Tensor, r: Tensor, t: Tensor) -> Tensor:
        """(n, inputs) for x (n, d), r and t (n,)."""
        return torch.cat([self.embedding.both(x, r), self.embedding.time(t)]).t()

    def known(self, x: Tensor, r: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(known (n, d), scale (n, 1)) for x (n, d), r and t (n,); all in double precision, or the quotients lose their digits."""
        pre, r, t = self.preconditioning, r[:, None], t[:, None]
        path, gap, middle = pre.path, t - r, 0.5 * (r + t)
        close = gap < CLOSE
        over = torch.where(close, torch.ones_like(gap), gap)
        here, there, mean = pre.spread(r), pre.spread(t), self.mean.to(x)
        shift = torch.where(close, path.alpha_dot(middle), (path.alpha(t) - path.alpha(r)) / over)
        skip = torch.where(close, pre.skip(middle), (there - here) / (here * over))
        scale = (pre.scale(r) + 4.0 * pre.scale(middle) + pre.scale(t)) / 6.0
        return shift * mean + skip * (x - path.alpha(r) * mean), scale


@dataclass(frozen=True)
class OneTime:
    """An embedding of one time for a network that is fed two: both the same, so that its output is the velocity."""

    embedding: Embedding

    def point(self, x: Tensor, t: Tensor) -> Tensor:
        """As the embedding's own."""
        return self.embedding.point(x, t)

    def time(self, t: Tensor) -> Tensor:
        """The time's features twice."""
        features = self.embedding.time(t)
        return torch.cat([features, features])

    def both(self, x: Tensor, t: Tensor) -> Tensor:
        """All that the network is fed, (inputs, n), for x (n, d), t (n,)."""
        return torch.cat([self.point(x, t), self.time(t)])
