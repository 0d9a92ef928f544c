"""Exact fields on whole grids: the products agree with the field's own answers at the points, in two and three dimensions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.arrays import Array
from engine.experiment import Experiment
from engine.fields.base import drift
from engine.fields.exact import exact_field_of
from engine.fields.on_axes import axes_of, density_on_axes, drift_on_axes, points_of, truth_on_axes
from engine.interpolants import Bridge, Interpolant, RootLatent
from engine.samplers.sigma import SqrtSigma
from engine.schedules import CondOT, VPLinear
from engine.targets import Checkerboard, EightGaussians, Helix, Mixture, Moons, Points
from engine.targets.raster import from_raster
from tests.engine.test_exact import ink

torch.set_num_threads(1)
PAINTING = from_raster(ink(), (-2.0, 3.0, 1.0, 2.5))
WIDTHS = Points(values=Array(np.random.default_rng(0).standard_normal((60, 3))), bandwidth=0.2, standardise="per-axis")
ALONG = Mixture(means=((-1.0, 0.0), (2.0, 1.0)), covariances=(((0.2, 0.0), (0.0, 0.5)), ((0.1, 0.0), (0.0, 0.3))), weights=(1.0, 3.0))
CASES = {
    "painting": Experiment(target=PAINTING),
    "painting, variance preserving": Experiment(target=PAINTING, path=VPLinear()),
    "checkerboard": Experiment(target=Checkerboard()),
    "curve": Experiment(target=Moons()),
    "curve in space": Experiment(target=Helix()),
    "points with widths": Experiment(target=WIDTHS),
    "Gaussians along the axes": Experiment(target=ALONG),
    "Gaussians across the axes": Experiment(target=Mixture()),
    "moons to Gaussians": Experiment(source=Moons(), target=EightGaussians(std=1.0), path=Interpolant(gamma=RootLatent(a=0.7))),
    "Gaussians to painting": Experiment(source=EightGaussians(radius=1.0, std=0.3), target=PAINTING, path=Bridge(sigma=0.4)),
    "painting to Gaussians": Experiment(source=PAINTING, target=EightGaussians(std=1.5), path=CondOT()),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("t", [0.0, 0.3, 0.8, 0.97])
def test_the_grid_agrees_with_the_points(name: str, t: float) -> None:
    """p_t to 1e-10 relative wherever it is above 1e-250; u_t and s_t to 1e-9 of their size; the drift of an SDE likewise."""
    field = exact_field_of(CASES[name], dtype=torch.float64)
    places = [np.linspace(-2.5, 3.0, count) for count in (9, 11, 5)[: field.dimension]]
    axes = axes_of(places, field)
    x, shape = points_of(axes), [len(axis) for axis in places]
    t = min(max(t, field.interval[0]), field.interval[1])
    want = field.log_prob(x, t).exp()
    truth = truth_on_axes(field, axes, t)
    there = want > 1e-240
    for found in (density_on_axes(field, axes, t), truth.density):
        assert list(found.shape) == shape
        assert ((found.reshape(-1) / want - 1.0).abs()[there] < 1e-10).all()
        assert (found.reshape(-1)[want < 1e-300] < 1e-290).all()
    sigma = SqrtSigma(scale=0.8)
    pairs = [(truth.velocity, field.velocity(x, t)), (truth.score, field.score(x, t))]
    pairs += [(drift_on_axes(field, axes, t), pairs[0][1]), (drift_on_axes(field, axes, t, sigma), drift(field, x, t, sigma))]
    for whole, right in pairs:
        assert ((whole.reshape(-1, len(places)) - right).abs() <= 1e-9 * (1.0 + right.abs()))[there].all()


def test_far_away_nothing_flows_and_nothing_is_claimed() -> None:
    """Where p_t underflows the velocity is NaN, and the drift that moves a density is 0."""
    field = exact_field_of(CASES["painting"], dtype=torch.float64)
    axes = axes_of([np.array([0.0, 60.0]), np.array([0.0, 60.0])], field)
    truth = truth_on_axes(field, axes, 0.9)
    assert torch.isfinite(truth.velocity[0, 0]).all()
    assert torch.isnan(truth.velocity[1, 1]).all()
    assert truth.density[1, 1] == 0.0
    assert (drift_on_axes(field, axes, 0.9)[1, 1] == 0.0).all()
