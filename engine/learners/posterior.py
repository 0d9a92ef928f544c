"""Batches whose targets are exact: E[. | x_t] instead of the value of one pair (z, eps).

What f regresses is linear in (z, eps) for every prediction, so its conditional mean is the same with D = E[z | x_t] and E = E[eps | x_t]
in their place: the same gradient in expectation, without the variance of the pair given x_t.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from engine.batches import Batches, Block
from engine.densities.mixture import GaussianMixture
from engine.fields.exact import exact_field
from engine.fields.mixture_posterior import mixture_posterior
from engine.paths import GaussianPath
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.experiment import Experiment

Posterior = Callable[[Tensor, float, float], tuple[Tensor, Tensor]]
"""(x, alpha, beta) -> (D, -score), (n, d) each."""
GROUPS = 128
"""Times in a block for which the posterior is computed."""


class PosteriorBatches(Batches):
    """Batches with exact targets.

    A posterior is computed for many points at one time, so the times drawn for a block are sorted, cut into at most 128 groups, and each
    group takes the time of one of its members drawn at random: every point's law of t stays what it was.
    """

    def __init__(self, experiment: Experiment, device: torch.device, posterior: Posterior, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(experiment, device, dtype)
        self._posterior = posterior

    def problem(self, first: int, z: Any, eps: Any, t: Any) -> Block:
        """The regression problem of given draws (z, eps (n, d), t (n,), numpy), with D and E in place of z and eps in its target."""
        groups = np.array_split(np.argsort(t, kind="stable"), min(GROUPS, len(t)))
        rng = generator(self.experiment.training.seed, "times", first)
        shared = np.empty_like(t)
        for rows in groups:
            shared[rows] = t[rows[rng.integers(len(rows))]]
        block = super().problem(first, z, eps, shared)
        path, pre = gaussian(self.experiment), self.preconditioning
        z, eps, times = (torch.from_numpy(values).to(device=self.device, dtype=self.dtype) for values in (z, eps, shared))
        x = path.point(times[:, None], eps, z)
        target = torch.empty_like(block.target)
        for rows in groups:
            where = torch.from_numpy(rows).to(self.device)
            t_here = float(shared[rows[0]])
            alpha, beta = float(path.alpha(t_here)), float(path.beta(t_here))
            data, pull = self._posterior(x[where], alpha, beta)
            target[where] = pre.target(times[rows[0]], data, beta * pull, self.mean)
        return replace(block, target=target)


def gaussian(experiment: Experiment) -> GaussianPath:
    """The Gaussian path of an experiment that was not refused."""
    path = experiment.gaussian_path()
    assert path is not None
    return path


def exact_posterior(experiment: Experiment, device: torch.device, dtype: torch.dtype = torch.float32) -> Posterior:
    """The posterior of the target itself."""
    field = exact_field(experiment.target, gaussian(experiment), device=device, dtype=dtype)
    posterior: Posterior = field.posterior
    return posterior


def silverman(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Silverman's bandwidth for points (n, d), one an axis: std (4 / ((d + 2) n))^(1 / (d + 4)), (d,). Silverman 1986, eq. 4.14."""
    n, d = points.shape
    return np.asarray(points.std(axis=0, ddof=1) * (4.0 / ((d + 2) * n)) ** (1.0 / (d + 4)))


def kernel_mixture(experiment: Experiment, points: int, bandwidth: float) -> GaussianMixture:
    """A kernel density estimate of ``points`` draws of the data, standardised coordinates; bandwidth 0: Silverman's."""
    drawn = experiment.target.frame().inward(experiment.target.sample(points, generator(experiment.training.seed, "kernel")))
    return GaussianMixture(drawn, stds=bandwidth if bandwidth > 0 else silverman(drawn))


def kernel_posterior(
    experiment: Experiment, points: int, bandwidth: float, device: torch.device, dtype: torch.dtype = torch.float32
) -> Posterior:
    """The posterior of a kernel density estimate: a mixture, so exact along the path."""
    return mixture_posterior(kernel_mixture(experiment, points, bandwidth), device, dtype)
