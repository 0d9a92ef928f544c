"""Draws of p_t: points of the path itself, without any simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem

if TYPE_CHECKING:
    from engine.experiment import Experiment

Floats = NDArray[np.float64]


def marginal(experiment: Experiment, t: float, n: int, rng: np.random.Generator) -> Floats:
    """n independent draws of x_t = a x0 + b x1 + gamma eps, (n, d), standardised coordinates.

    Raises Problem where source and data are paired and no closed form of their pairs is known: between two single Gaussians one is.
    """
    from engine.fields.exact import exact_refusal
    from engine.sources import source_law

    target = experiment.target
    frame, gaussian = target.frame(), experiment.gaussian_path()
    path = experiment.general_path()
    if gaussian is not None:
        data = frame.inward(target.sample(n, rng))
        return np.asarray(float(gaussian.alpha(t)) * data + float(gaussian.beta(t)) * rng.standard_normal(data.shape))
    a, b, latent = (float(weight(t)) for weight in (path.source_weight, path.data_weight, path.latent))
    source = source_law(experiment)
    if not (experiment.coupling.paired or experiment.path.paired):
        data = frame.inward(target.sample(n, rng))
        return np.asarray(a * source.sample(n, rng) + b * data + latent * rng.standard_normal(data.shape))
    reason = exact_refusal(experiment)
    if reason:
        raise Problem(reason)
    from engine.fields.pair_posterior import schrodinger_cross

    inner = target.density().moved(frame.shift, frame.scale)
    cross = schrodinger_cross(source.covariance, inner.covariance(), getattr(experiment.coupling, "sigma", 0.0))
    d = target.dimension
    covariance = a * a * source.covariance + b * b * inner.covariance() + a * b * (cross + cross.T) + latent**2 * np.eye(d)
    return rng.multivariate_normal(a * source.mean + b * inner.mean(), covariance, size=n, method="eigh")
