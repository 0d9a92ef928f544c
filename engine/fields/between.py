"""BetweenField: velocity, score, eta, denoiser and log p_t of x = a x0 + b x1 + gamma eps between two known laws, in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from engine.choice import Problem
from engine.densities.cells import Cells
from engine.densities.mixture import GaussianMixture
from engine.fields.cells_posterior import CellsPosterior
from engine.fields.lines import in_lines, nodes_of
from engine.fields.pair_posterior import CellsPair, GaussianPair, PairPosterior, mixture_pair, schrodinger_cross
from engine.fields.raster_pair import RasterPair
from engine.fields.separable import EndsOnAxes, OnAxes
from engine.ops import Scalar
from engine.paths import END, Path, Prediction
from engine.sources import SourceLaw, source_law

if TYPE_CHECKING:
    from engine.densities.closed import ClosedDensity
    from engine.experiment import Experiment

MOST_PAIRS = 20_000
"""More pairs of components than this are thinned; the note says so."""
MOST_CELLS = 256
"""A raster with more cells along a side is pooled by whole cells."""
FEWEST_CELLS = 48
"""Cells along a side below which no raster is pooled to make room for Gaussians."""
RASTER_WORK = 1 << 20
"""Cells times Gaussians opposite, beyond which the Gaussians are thinned (to no fewer than 16)."""
POOLED = "the exact field pools the cells of both rasters: finely at the end that is near in time, coarsely at the other"


class BetweenField:
    """The field that a perfect network would learn, in standardised coordinates, on a path without the conversions of a Gaussian one.

    u = a' E[x0|x] + b' E[x1|x] + gamma gamma' (-s), from three conditional means that are each computed without dividing by a vanishing
    weight. The interval ends a little before an end whose law has edges or bare points. ``x`` is (n, d), t a number (a 0-dimensional
    tensor where its derivative is wanted).
    """

    prediction: Prediction = "velocity"

    def __init__(
        self,
        path: Path,
        posterior: PairPosterior,
        source: SourceLaw,
        mean: np.ndarray,
        covariance: np.ndarray,
        *,
        interval: tuple[float, float],
        device: torch.device,
        dtype: torch.dtype,
        note: str = "",
    ) -> None:
        self.path = path
        self.posterior = posterior
        self.source = source
        self.mean = mean
        self.covariance = covariance
        self.interval = interval
        self.dimension = len(mean)
        self.device = device
        self.dtype = dtype
        self.note = note

    def ends(self, x: Tensor, t: Scalar) -> tuple[Tensor, Tensor, Tensor]:
        """E[x0|x], E[x1|x] and -score, (n, d) each."""
        path = self.path
        return self.posterior(x, path.source_weight(t), path.data_weight(t), path.latent(t))

    def on_axes(self, axes: Sequence[Tensor], t: Scalar, moments: bool = True) -> tuple[OnAxes, Tensor | None] | None:
        """p_t, E[x1|x] and -score on the grid of the axes, and u_t; None where the posterior is not separable."""
        own, path = getattr(self.posterior, "on_axes", None), self.path
        if own is None:
            return None
        found: EndsOnAxes = own(axes, path.source_weight(t), path.data_weight(t), path.latent(t), moments)
        if found.ends is None:
            return OnAxes(found.density, None, None, found.known), None
        first, second, pull = found.ends
        u = path.source_weight_dot(t) * first + path.data_weight_dot(t) * second + path.latent_latent_dot(t) * pull
        return OnAxes(found.density, second, pull, found.known), u

    def __call__(self, x: Tensor, t: Scalar) -> Tensor:
        """u_t(x), (n, d)."""
        return self.velocity(x, t)

    def velocity(self, x: Tensor, t: Scalar) -> Tensor:
        """u_t(x) = E[dx_t/dt | x], (n, d)."""
        return self.velocity_and_score(x, t)[0]

    def velocity_and_score(self, x: Tensor, t: Scalar) -> tuple[Tensor, Tensor]:
        """u_t(x) and grad log p_t(x), (n, d) each."""
        path, (first, second, pull) = self.path, self.ends(x, t)
        u = path.source_weight_dot(t) * first + path.data_weight_dot(t) * second + path.latent_latent_dot(t) * pull
        return u, -pull

    def score(self, x: Tensor, t: Scalar) -> Tensor:
        """grad log p_t(x), (n, d)."""
        return -self.ends(x, t)[2]

    def data(self, x: Tensor, t: Scalar) -> Tensor:
        """D_t(x) = E[x1 | x_t = x], (n, d)."""
        return self.ends(x, t)[1]

    def latent_noise(self, x: Tensor, t: Scalar) -> Tensor:
        """eta_t(x) = E[eps | x_t = x], (n, d)."""
        eta: Tensor = self.path.latent(t) * self.ends(x, t)[2]
        return eta

    def score_refusal(self) -> None:
        """None: the score is known."""
        return

    def log_prob(self, x: Tensor, t: Scalar) -> Tensor:
        """log p_t(x), nats in standardised coordinates, (n,)."""
        path = self.path
        return self.posterior.log_prob(x, path.source_weight(t), path.data_weight(t), path.latent(t))


def between_refusal(experiment: Experiment) -> str | None:
    """Why no closed form is known between this source and target, in one sentence; None if one is."""
    source, target = source_law(experiment).density, experiment.target.density()
    if experiment.path.paired:
        return "Stored pairs have no closed form between them: take the learned field."
    if experiment.coupling.paired:
        if _single(source) and _single(target):
            return None
        return (
            f"With the {experiment.coupling.label} coupling the field is known in closed form only between two single Gaussians: "
            "take the learned field."
        )
    return None


def between_field(experiment: Experiment, device: torch.device, dtype: torch.dtype) -> BetweenField:
    """The exact field of an experiment whose path is not Gaussian. Raises Problem where ``between_refusal`` says so."""
    reason = between_refusal(experiment)
    if reason:
        raise Problem(reason)
    frame, source = experiment.target.frame(), source_law(experiment)
    target = experiment.target.density().moved(frame.shift, frame.scale)
    posterior, note = _posterior(experiment, source.density, target, device, dtype)
    path = experiment.general_path()
    return BetweenField(
        path,
        posterior,
        source,
        target.mean(),
        target.covariance(),
        interval=_interval(path, source.density, target),
        device=device,
        dtype=dtype,
        note=note,
    )


def _posterior(
    experiment: Experiment, source: ClosedDensity, target: ClosedDensity, device: torch.device, dtype: torch.dtype
) -> tuple[PairPosterior, str]:
    if experiment.coupling.paired:
        cross = schrodinger_cross(source.covariance(), target.covariance(), getattr(experiment.coupling, "sigma", 0.0))
        means, covariances = (source.mean(), target.mean()), (source.covariance(), target.covariance())
        note = "the exact field is that of the coupling of the whole distributions, which large batches approach"
        return GaussianPair(means, covariances, cross, device, dtype), note
    if isinstance(source, GaussianMixture) and isinstance(target, GaussianMixture):
        first, second = _fewer_pairs(source, target)
        note = f"the exact field uses {first.count:,} × {second.count:,} of {source.count:,} × {target.count:,} Gaussians"
        return mixture_pair(first, second, device, dtype), note if (first, second) != (source, target) else ""
    if isinstance(source, Cells) and isinstance(target, Cells):
        pair = RasterPair(source, target, device, dtype)
        return pair, POOLED if pair.pools else ""
    cells, mixture = (target, source) if isinstance(target, Cells) else (source, target)
    assert isinstance(cells, Cells)
    assert isinstance(mixture, GaussianMixture)
    fewer_cells, fewer, note = _opposite(cells, mixture)
    return CellsPair(CellsPosterior(fewer_cells, device, dtype), fewer, isinstance(target, Cells), device, dtype), note


def _opposite(cells: Cells, mixture: GaussianMixture) -> tuple[Cells, GaussianMixture, str]:
    """A raster and a mixture of axis-parallel Gaussians opposite it, few enough to be worked with, and what was left out."""
    (h, w), count, notes = cells.weights.shape, mixture.count, []
    line = nodes_of(mixture)
    # Gaussians along slanting axes are sums of round ones: the raster is made coarser before any of them is left out
    most = MOST_CELLS if line == 1 else max(FEWEST_CELLS, min(MOST_CELLS, int((RASTER_WORK / (count * line)) ** 0.5)))
    if max(h, w) > most:
        cells = cells.pooled(-(-max(h, w) // most))
        notes.append(f"the exact field pools {w} × {h} cells to {cells.weights.shape[1]} × {cells.weights.shape[0]}")
    fewer = evenly_thinned(mixture, max(16, RASTER_WORK // (cells.weights.size * line)))
    if fewer is not mixture:
        notes.append(f"the exact field uses {fewer.count:,} of {count:,} Gaussians")
    return cells, in_lines(fewer), "; ".join(notes)


def _single(density: ClosedDensity) -> bool:
    return isinstance(density, GaussianMixture) and density.count == 1 and density.smooth


def _smooth(density: ClosedDensity) -> bool:
    return isinstance(density, GaussianMixture) and density.smooth


def _interval(path: Path, source: ClosedDensity, target: ClosedDensity) -> tuple[float, float]:
    """All of [0, 1], short of an end where the law has edges or points, or where a weight changes infinitely fast."""
    finite = [bool(np.isfinite(float(path.source_weight_dot(t)) + float(path.data_weight_dot(t)))) for t in (0.0, 1.0)]
    return 0.0 if _smooth(source) and finite[0] else END, 1.0 if _smooth(target) and finite[1] else 1.0 - END


def _fewer_pairs(source: GaussianMixture, target: GaussianMixture) -> tuple[GaussianMixture, GaussianMixture]:
    if source.count * target.count <= MOST_PAIRS:
        return source, target
    smaller = min(source.count, target.count, int(MOST_PAIRS**0.5))
    larger = MOST_PAIRS // smaller
    return (
        (evenly_thinned(source, smaller), evenly_thinned(target, larger))
        if source.count <= target.count
        else (evenly_thinned(source, larger), evenly_thinned(target, smaller))
    )


def evenly_thinned(mixture: GaussianMixture, most: int) -> GaussianMixture:
    """At most ``most`` components, at even steps of the mass in their order (along a curve, evenly); itself if it has no more."""
    if mixture.count <= most:
        return mixture
    edges = np.cumsum(mixture.weights)
    chosen, counts = np.unique(np.searchsorted(edges, (np.arange(most) + 0.5) / most * edges[-1]), return_counts=True)
    if mixture.stds is not None:
        stds = mixture.stds if len(mixture.stds) == 1 else mixture.stds[chosen]
        return GaussianMixture(mixture.means[chosen], stds=stds, weights=counts)
    covariances = np.broadcast_to(mixture.covariances, (mixture.count, mixture.dimension, mixture.dimension))[chosen]
    return GaussianMixture(mixture.means[chosen], covariances=covariances, weights=counts)
