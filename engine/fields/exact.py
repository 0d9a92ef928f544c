"""ExactField: the velocity, score, denoiser and log p_t of a target along a Gaussian path, in closed form (MATHS section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.choice import Problem
from engine.densities.cells import Cells
from engine.densities.mixture import GaussianMixture
from engine.fields.between import BetweenField, between_field, between_refusal
from engine.fields.cells_posterior import CellsPosterior
from engine.fields.mixture_posterior import FullCovariances, SharedCovariance, mixture_posterior
from engine.fields.separable import OnAxes
from engine.ops import Scalar
from engine.paths import END, GaussianPath, Prediction
from engine.sources import SourceLaw

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.targets import TargetBase

Floats = NDArray[np.float64]
MOST_POINTS = 20_000
"""A larger point set is thinned to this many for the exact field; the note says so."""
MOST_CELLS = 256
"""A raster with more cells along a side is pooled by whole cells for the exact field; the note says so."""


class ExactField:
    """The field that a perfect network would learn, in standardised coordinates; a ``Field`` whose native prediction is the velocity.

    u = alpha_dot D + beta_dot E = alpha_dot D - beta beta_dot s, from D and s that are each computed without dividing by a vanishing
    alpha or beta. Where the data has edges or bare points and beta_1 = 0, the velocity is infinite off the data at t = 1, and the
    interval ends a little before; ``x`` is always (n, d), t a number (a 0-dimensional tensor where its derivative is wanted).
    """

    prediction: Prediction = "velocity"

    def __init__(
        self,
        path: GaussianPath,
        posterior: SharedCovariance | FullCovariances | CellsPosterior,
        mean: Floats,
        covariance: Floats,
        *,
        smooth: bool,
        device: torch.device,
        dtype: torch.dtype,
        note: str = "",
    ) -> None:
        self.path = path
        self.source = SourceLaw(GaussianMixture(np.zeros((1, len(mean))), stds=1.0), True)
        self.mean = mean
        self.covariance = covariance
        self.dimension = len(mean)
        self.device = device
        self.dtype = dtype
        self.note = note
        self._posterior = posterior
        low, high = path.interval("velocity")
        if not smooth and float(path.beta(1.0)) == 0.0:
            high = min(high, 1.0 - END)
        self.interval: tuple[float, float] = (low, high)

    def __call__(self, x: Tensor, t: Scalar) -> Tensor:
        """u_t(x), (n, d)."""
        return self.velocity(x, t)

    def velocity(self, x: Tensor, t: Scalar) -> Tensor:
        """u_t(x), (n, d)."""
        data, pull = self._posterior(x, self.path.alpha(t), self.path.beta(t))
        result: Tensor = self.path.alpha_dot(t) * data + self.path.beta_beta_dot(t) * pull
        return result

    def score(self, x: Tensor, t: Scalar) -> Tensor:
        """grad log p_t(x), (n, d)."""
        return -self._posterior(x, self.path.alpha(t), self.path.beta(t))[1]

    def data(self, x: Tensor, t: Scalar) -> Tensor:
        """D_t(x) = E[z | x_t = x], (n, d)."""
        return self._posterior(x, self.path.alpha(t), self.path.beta(t))[0]

    def noise(self, x: Tensor, t: Scalar) -> Tensor:
        """E_t(x) = E[eps | x_t = x], (n, d)."""
        beta = self.path.beta(t)
        result: Tensor = beta * self._posterior(x, self.path.alpha(t), beta)[1]
        return result

    def velocity_and_score(self, x: Tensor, t: Scalar) -> tuple[Tensor, Tensor]:
        """u_t(x) and grad log p_t(x), (n, d) each."""
        data, pull = self._posterior(x, self.path.alpha(t), self.path.beta(t))
        return self.path.alpha_dot(t) * data + self.path.beta_beta_dot(t) * pull, -pull

    def posterior(self, x: Tensor, alpha: Scalar, beta: Scalar) -> tuple[Tensor, Tensor]:
        """D and -score, (n, d) each, of alpha z + beta eps."""
        return self._posterior(x, alpha, beta)

    def on_axes(self, axes: Sequence[Tensor], t: Scalar, moments: bool = True) -> tuple[OnAxes, Tensor | None] | None:
        """p_t, D and -score on the grid of the axes, and u_t; None where the posterior is not separable."""
        if not self._posterior.separable:
            return None
        found = self._posterior.on_axes(axes, self.path.alpha(t), self.path.beta(t), moments)
        if found.data is None:
            return found, None
        return found, self.path.alpha_dot(t) * found.data + self.path.beta_beta_dot(t) * found.pull

    def score_refusal(self) -> None:
        """None: the score is known."""
        return

    def log_prob(self, x: Tensor, t: Scalar) -> Tensor:
        """log p_t(x), nats in standardised coordinates, (n,)."""
        return self._posterior.log_prob(x, self.path.alpha(t), self.path.beta(t))


def exact_field(
    target: TargetBase, path: GaussianPath, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> ExactField:
    """The exact field of ``target`` along ``path``, in the target's standardised coordinates.

    More than 20,000 points are thinned by a fixed draw, and a raster beyond 256 cells a side is pooled; ``note`` then says
    so. The moments are always those of all the data.
    """
    frame = target.frame()
    density = target.density()
    where = torch.device(device)
    scale = np.outer(frame.scale, frame.scale)
    mean, covariance = frame.inward(density.mean()), density.covariance() / scale
    inner = density.moved(frame.shift, frame.scale)
    note = ""
    posterior: SharedCovariance | FullCovariances | CellsPosterior
    if isinstance(inner, Cells):
        h, w = inner.weights.shape
        if max(h, w) > MOST_CELLS:
            inner = inner.pooled(-(-max(h, w) // MOST_CELLS))
            note = f"the exact field pools {w} × {h} cells to {inner.weights.shape[1]} × {inner.weights.shape[0]}"
        posterior, smooth = CellsPosterior(inner, where, dtype), False
    else:
        if inner.count > MOST_POINTS:
            note = f"the exact field uses {MOST_POINTS:,} of {inner.count:,} points"
            inner = inner.thinned(MOST_POINTS, np.random.Generator(np.random.Philox(key=20_000)))
        posterior, smooth = mixture_posterior(inner, where, dtype), inner.smooth
    return ExactField(path, posterior, mean, covariance, smooth=smooth, device=where, dtype=dtype, note=note)


def exact_refusal(experiment: Experiment) -> str | None:
    """Why this experiment has no exact field, in one sentence; None if it has one. The objective and the network do not matter."""
    reason = experiment.path_refusal()
    return reason or (between_refusal(experiment) if experiment.gaussian_path() is None else None)


def exact_field_of(
    experiment: Experiment, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> ExactField | BetweenField:
    """The field that a perfect network of this experiment would learn. Raises Problem where ``exact_refusal`` says so."""
    reason, path = exact_refusal(experiment), experiment.gaussian_path()
    if reason:
        raise Problem(reason)
    if path is None:
        return between_field(experiment, torch.device(device), dtype)
    return exact_field(experiment.target, path, device=device, dtype=dtype)
