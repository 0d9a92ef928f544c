"""Embedding: what the network is fed, [point, sines and cosines of the point, sines and cosines of the time].

With y = x - alpha m, S_t the standard deviation of x_t and v the data's variance, in units of sqrt(v):

    point             y / S                            of variance one at every time
    place             q = alpha sqrt(v) y / S^2        where the data point probably is, to within r = beta / S
    its features      exp(-w^2 r^2 / 2) sin(w q), and the same with cos: the mean of sin(w (q + r xi)), xi ~ N(0, 1)
    time              tau = (2 / pi) atan(alpha sqrt(v) / beta), and sin(pi k tau), cos(pi k tau), k = 1 ... K

So fine features fade in as the noise fades out, instead of feeding the network noise. Sources: Tancik 2006.10739;
Barron 2103.13415 (the mean over a Gaussian).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.networks import MLP
from engine.preconditioning import Preconditioning

LOWEST, HIGHEST = 0.7, 32.0
"""Frequencies w of the space features, radians per standard deviation of the data, spaced geometrically between these."""


@dataclass(frozen=True)
class Embedding:
    """Fits one network struct on one path; ``mean`` is the data's, (d,)."""

    network: MLP
    preconditioning: Preconditioning
    mean: Tensor

    def frequencies(self) -> Tensor:
        """w, (K,)."""
        frequencies: Tensor = torch.from_numpy(np.geomspace(LOWEST, HIGHEST, self.network.space_features)).to(self.mean)
        return frequencies

    def point(self, x: Tensor, t: Tensor) -> Tensor:
        """The point and its features, (n, d (1 + 2K)); t is (n, 1), or () for one time shared by all."""
        pre = self.preconditioning
        near: Tensor
        alpha, beta = pre.path.alpha(t), pre.path.beta(t)
        if self.network.residual:
            spread = pre.spread(t)
            near = (x - alpha * self.mean) / spread
        else:
            spread, near = pre.spread(t), x
        if not self.network.space_features:
            return near
        frequencies = self.frequencies()
        root = math.sqrt(pre.variance)
        place = (x - alpha * self.mean) * (alpha * root / (spread * spread))
        fade = torch.exp(-0.5 * (frequencies * (beta / spread)) ** 2)  # (n, K) or (K,)
        angle = place.unsqueeze(-1) * frequencies  # (n, d, K)
        fade = fade.unsqueeze(-2)
        n = len(x)
        return torch.cat([near, (torch.sin(angle) * fade).view(n, -1), (torch.cos(angle) * fade).view(n, -1)], 1)

    def time(self, t: Tensor) -> Tensor:
        """The time's features, (n, max(1, 2K)) for t (n, 1); (1, ...) for t ()."""
        t = t.view(-1, 1)
        count = self.network.time_features
        if not count:
            return t
        path = self.preconditioning.path
        root = math.sqrt(self.preconditioning.variance)
        angle = 2.0 * torch.atan2(path.alpha(t) * root, path.beta(t)) * torch.arange(1, count + 1, device=t.device, dtype=t.dtype)
        return torch.cat([torch.sin(angle), torch.cos(angle)], 1)

    def both(self, x: Tensor, t: Tensor) -> Tensor:
        """(n, inputs) for x (n, d), t (n, 1)."""
        return torch.cat([self.point(x, t), self.time(t)], 1)
