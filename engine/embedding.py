"""Embedding: what the network is fed, [point, sines and cosines of the point, sines and cosines of the time].

With y = x - alpha m, S_t the standard deviation of x_t and v the data's variance, in units of sqrt(v):

    point             y / S                            of variance one at every time
    place             q = alpha sqrt(v) y / S^2        where the data point probably is, to within r = beta / S
    its features      exp(-w^2 r^2 / 2) sin(w q), and the same with cos: the mean of sin(w (q + r xi)), xi ~ N(0, 1)
    time              tau = (2 / pi) atan(alpha sqrt(v) / beta), and sin(pi k tau), cos(pi k tau), k = 1 ... K

So fine features fade in as the noise fades out, instead of feeding the network noise. Sources: Tancik 2006.10739;
Barron 2103.13415 (the mean over a Gaussian). ``GeneralEmbedding`` does the same between any two laws, and adds the features of where
the source point probably was if the source has a shape of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.networks import MLP
from engine.ops import sqrt
from engine.preconditioning import GeneralPreconditioning, Preconditioning

LOWEST, HIGHEST = 0.7, 24.0
"""Frequencies w of the space features, radians per standard deviation of the data, spaced geometrically between these."""


def _on_numpy(x: Tensor) -> bool:
    """numpy's single-precision sine is nearly three times as fast as torch's."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not x.requires_grad


def _sin(x: Tensor) -> Tensor:
    return torch.from_numpy(np.sin(x.numpy())) if _on_numpy(x) else torch.sin(x)


def _cos(x: Tensor) -> Tensor:
    return torch.from_numpy(np.cos(x.numpy())) if _on_numpy(x) else torch.cos(x)


@dataclass(frozen=True)
class Embedding:
    """Fits one network struct on one path; ``mean`` is the data's, (d,). Results have a row for each feature: (features, n)."""

    network: MLP
    preconditioning: Preconditioning
    mean: Tensor

    def point(self, x: Tensor, t: Tensor) -> Tensor:
        """The point and its features, (d (1 + 2K), n); x is (n, d), t is (n,), or () for one time shared by all."""
        pre = self.preconditioning
        alpha, beta, spread = pre.path.alpha(t), pre.path.beta(t), pre.spread(t)
        rows = x.t().contiguous()  # (d, n)
        around = rows - self.mean[:, None] * alpha
        near = around / spread if self.network.residual else rows
        count = self.network.space_features
        if not count:
            return near
        frequencies = torch.from_numpy(np.geomspace(LOWEST, HIGHEST, count)).to(self.mean)[:, None]
        place = around * (alpha * math.sqrt(pre.variance) / (spread * spread))
        fade = torch.exp(-0.5 * (frequencies * (beta / spread)) ** 2)  # (K, n), or (K, 1)
        angle = place[:, None, :] * frequencies  # (d, K, n)
        sines, cosines = _sin(angle) * fade, _cos(angle) * fade
        return torch.cat([near, sines.view(-1, len(x)), cosines.view(-1, len(x))])

    def time(self, t: Tensor) -> Tensor:
        """The time's features, (max(1, 2K), n) for t (n,)."""
        count = self.network.time_features
        if not count:
            return t[None]
        path = self.preconditioning.path
        root = math.sqrt(self.preconditioning.variance)
        harmonics = torch.arange(1, count + 1, device=t.device, dtype=t.dtype)
        angle = 2.0 * harmonics[:, None] * torch.atan2(path.alpha(t) * root, path.beta(t))
        return torch.cat([_sin(angle), _cos(angle)])

    def both(self, x: Tensor, t: Tensor) -> Tensor:
        """All that the network is fed, (inputs, n), for x (n, d), t (n,)."""
        return torch.cat([self.point(x, t), self.time(t)])


@dataclass(frozen=True)
class GeneralEmbedding:
    """The same for x = a x0 + b x1 + gamma eps: y = x - mu, and the place of x1 is b sqrt(v1) y / S^2 to within sqrt(1 - b^2 v1 / S^2)."""

    network: MLP
    preconditioning: GeneralPreconditioning
    source_features: bool
    """Whether the place of x0 is fed too: a sqrt(v0) y / S^2 to within sqrt(1 - a^2 v0 / S^2)."""

    def point(self, x: Tensor, t: Tensor) -> Tensor:
        """The point and its features, (d (1 + 2K) or d (1 + 4K), n); x is (n, d), t is (n,), or (1,) for one time shared by all."""
        pre = self.preconditioning
        total = pre.spread2(t)
        around = (x - pre.centre(t[:, None])).t()
        parts = [around / sqrt(total) if self.network.residual else x.t().contiguous()]
        count = self.network.space_features
        if count:
            frequencies = torch.from_numpy(np.geomspace(LOWEST, HIGHEST, count)).to(pre.mean)[:, None]
            ends = [(pre.path.data_weight(t), pre.variance)]
            if self.source_features:
                ends.append((pre.path.source_weight(t), pre.source_variance))
            for weight, variance in ends:
                rest = (1.0 - weight * weight * variance / total).clamp(min=0.0)
                fade = torch.exp(-0.5 * frequencies**2 * rest)
                angle = (around * (weight * math.sqrt(variance) / total)).contiguous()[:, None, :] * frequencies
                parts += [(_sin(angle) * fade).reshape(-1, len(x)), (_cos(angle) * fade).reshape(-1, len(x))]
        return torch.cat(parts)

    def time(self, t: Tensor) -> Tensor:
        """The time's features, (max(1, 2K), n) for t (n,)."""
        count = self.network.time_features
        if not count:
            return t[None]
        pre = self.preconditioning
        harmonics = torch.arange(1, count + 1, device=t.device, dtype=t.dtype)
        angle = 2.0 * harmonics[:, None] * pre.path.angle(t, pre.source_variance, pre.variance)
        return torch.cat([_sin(angle), _cos(angle)])

    def both(self, x: Tensor, t: Tensor) -> Tensor:
        """All that the network is fed, (inputs, n), for x (n, d), t (n,)."""
        return torch.cat([self.point(x, t), self.time(t)])
