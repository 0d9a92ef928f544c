"""The law that [SF]2M-Exact learns, in closed form, without a network: Brownian bridges between pairs of minibatch optimal transport.

Given K pairs, x_t is a mixture of K Gaussians of the means (1 - t) x0 + t x1 and the variance sigma^2 t (1 - t), so that the regression's
answer is a posterior mean: u_t(x) = E[x1 - x0 + c_t (x - mean) | x], where the paper has c_t = (1 - 2t) / (2 t (1 - t)) and the authors'
code sigma (1 - 2t) / sqrt(t (1 - t)). The path energy of either is what a network that learned it perfectly would have.
Source: Tong 2307.03672, (8) and torchcfm's SchrodingerBridgeConditionalFlowMatcher.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor

from engine.randomness import generator
from engine.sources import source_law

MINIBATCHES, BATCH, PARTICLES = 20, 512, 2_000
FIRST, LAST, STEPS = 0.02, 0.98, 96
"""Nearer to the ends K pairs are K separate points, and the field is that of their memory."""
SIGMA = 1.0


def pairs(asked: Any, seed: int) -> tuple[Tensor, Tensor]:
    """Ends of 20 x 512 pairs, each minibatch paired by exact optimal transport, float32 (K, d)."""
    rng, source = generator(seed, "pairs"), source_law(asked)
    begins, ends = [], []
    for _ in range(MINIBATCHES):
        x0, x1 = source.sample(BATCH, rng), asked.target.sample(BATCH, rng)
        rows, columns = linear_sum_assignment(cdist(x0, x1, "sqeuclidean"))
        begins.append(x0[rows])
        ends.append(x1[columns])
    return torch.from_numpy(np.concatenate(begins)).float(), torch.from_numpy(np.concatenate(ends)).float()


def energy(asked: Any, seed: int, *, as_coded: bool) -> float:
    """The integral of E ||u||^2 along the ODE, by Euler from x at t = 0.02; at both ends, left out, the mean square of the pairs."""
    x0, x1 = pairs(asked, seed)
    torch_rng = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(x0), (PARTICLES,), generator=torch_rng)
    noise = torch.randn(PARTICLES, x0.shape[1], generator=torch_rng)
    x = (1 - FIRST) * x0[chosen] + FIRST * x1[chosen] + SIGMA * math.sqrt(FIRST * (1 - FIRST)) * noise
    total = (1 - LAST + FIRST) * float((x1 - x0).square().sum(1).mean())
    step = (LAST - FIRST) / STEPS
    for k in range(STEPS):
        t = FIRST + k * step
        means, variance = (1 - t) * x0 + t * x1, SIGMA**2 * t * (1 - t)
        posterior = torch.softmax(-torch.cdist(x, means).square() / (2 * variance), dim=1)
        mean, slope = (posterior @ torch.cat([means, x1 - x0], dim=1)).split(x0.shape[1], dim=1)
        pull = SIGMA**2 * (1 - 2 * t) / math.sqrt(variance) if as_coded else (1 - 2 * t) / (2 * t * (1 - t))
        u = slope + pull * (x - mean)
        total += step * float(u.square().sum(1).mean())
        x = x + step * u
    return total
