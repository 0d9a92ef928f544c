"""The Fokker-Planck solver against Ornstein-Uhlenbeck, the heat equation and exact mixtures; positive, mass kept, second order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.choice import Problem
from engine.densities.mixture import GaussianMixture
from engine.fields.exact import exact_field
from engine.fokker_planck import Box, Drift, GridStep, between_knots, drift_of, drift_on, evolve, exact_on_grid, on_grid, residual
from engine.samplers.sigma import ConstantSigma
from engine.schedules import CondOT
from engine.targets import Mixture

torch.set_num_threads(1)
BLOBS = Mixture(means=((-1.0, -0.4), (1.0, 0.5)), covariances=(((0.3, 0.1), (0.1, 0.2)), ((0.25, 0.0), (0.0, 0.35))), weights=(1.0, 2.0))


def square(half: float, count: int, d: int = 2) -> Box:
    return Box((-half,) * d, (half,) * d, (count,) * d)


def gaussian(mean: list[float], variance: float) -> GaussianMixture:
    return GaussianMixture([mean], covariances=[variance * np.eye(len(mean))])


def stored(box: Box, start: np.ndarray, drift: Drift, variance: float, times: list[float]) -> dict[float, GridStep]:
    steps = list(evolve(box, start, drift, lambda _: variance, times))
    assert min(step.density.min() for step in steps) > -1e-15
    assert max(abs(step.mass - steps[0].mass) for step in steps) < 1e-12
    assert steps[-1].share == 1.0
    return {step.t: step for step in steps if step.stored}


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("variance", [1.0, 0.0])
def test_ornstein_uhlenbeck_is_second_order(d: int, variance: float) -> None:
    """dX = -X dt + sigma dW from N(0.8, 0.4 I): mean and variance in closed form; L1 error at twice the cells a quarter."""
    errors = []
    for count in (40, 80):
        box = square(4.0, count, d)
        end = stored(box, on_grid(box, gaussian([0.8] * d, 0.4).log_prob), lambda x, _: -x, variance, [0.0, 0.25, 0.5])[0.5]
        truth = gaussian([0.8 * np.exp(-0.5)] * d, 0.4 * np.exp(-1.0) + 0.5 * variance * (1.0 - np.exp(-1.0)))
        errors.append(float(np.abs(end.density - on_grid(box, truth.log_prob)).sum() * box.volume))
        assert end.wall < 1e-3
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.35)


@pytest.mark.parametrize("d", [2, 3])
def test_the_heat_equation_is_a_wider_gaussian(d: int) -> None:
    """sigma = 1: D = 1/2, N(0, v I) becomes N(0, (v + 2 t D) I)."""
    box = square(4.0, 64 if d == 2 else 28, d)
    end = stored(box, on_grid(box, gaussian([0.0] * d, 0.5).log_prob), lambda x, _: np.zeros_like(x), 1.0, [0.0, 0.3])[0.3]
    assert np.abs(end.density - on_grid(box, gaussian([0.0] * d, 0.8).log_prob)).sum() * box.volume < (2e-3 if d == 2 else 1.5e-2)


def test_a_mixture_flows_as_its_closed_form_with_and_without_noise() -> None:
    """Total variation to the exact p_t at t = 1/4, 1/2, 3/4, 0.95 on 64 x 64 cells below 0.01; the SDE gives the same marginals."""
    field = exact_field(BLOBS, CondOT(), dtype=torch.float64)
    box, times = square(4.5, 64), [0.0, 0.25, 0.5, 0.75, 0.95]
    start = exact_on_grid(box, field, 0.0)
    found = {}
    for sigma in (None, ConstantSigma(scale=1.0)):
        steps = stored(box, start, drift_on(box, field, sigma), 0.0 if sigma is None else 1.0, times)
        assert sorted(steps) == times
        for t in times[1:]:
            truth = exact_on_grid(box, field, t)
            assert 0.5 * np.abs(steps[t].density - truth).sum() * box.volume < 0.01
            assert steps[t].wall < 1e-3
        found[sigma is None] = steps[0.95].density
    assert 0.5 * np.abs(found[True] - found[False]).sum() * box.volume < 0.015


def test_a_jump_stays_positive_and_moves() -> None:
    """A square of mass carried by constant drift: no undershoot, centre of mass to rounding of the grid."""
    box = square(2.0, 50, 2)
    start = on_grid(box, lambda x: np.where(np.abs(x + 0.5).max(axis=1) < 0.5, 0.0, -np.inf))
    end = stored(box, start, lambda x, _: np.ones_like(x), 0.0, [0.0, 0.5])[0.5]
    mean = end.density.ravel() @ box.centres * box.volume
    np.testing.assert_allclose(mean, start.ravel() @ box.centres * box.volume + 0.5, atol=1e-6)


@pytest.mark.parametrize("sigma", [None, ConstantSigma(scale=1.3)])
def test_the_residual_of_the_exact_drift_is_zero(sigma: ConstantSigma | None) -> None:
    field = exact_field(BLOBS, CondOT(), dtype=torch.float64)
    other = exact_field(Mixture(), CondOT(), dtype=torch.float64)
    box = square(3.0, 20)
    assert np.abs(residual(box, field, field, 0.6, sigma)).max() < 1e-8
    wrong = residual(box, field, other, 0.6, sigma)
    assert np.abs(wrong).max() > 1e-2
    # by differences on a fine grid, at the middle of the box
    fine = Box((-0.075, -0.075), (0.075, 0.075), (61, 61))
    h, dt, variance = float(fine.widths[0]), 1e-5, 0.0 if sigma is None else 1.3**2
    p = exact_on_grid(fine, field, 0.6)
    change = (exact_on_grid(fine, field, 0.6 + dt) - exact_on_grid(fine, field, 0.6 - dt)) / (2.0 * dt)
    flow = p[..., None] * drift_of(other, sigma)(fine.centres, 0.6).reshape(61, 61, 2)
    middle = (slice(1, -1), slice(1, -1))
    divergence = (flow[2:, 1:-1, 0] - flow[:-2, 1:-1, 0] + flow[1:-1, 2:, 1] - flow[1:-1, :-2, 1]) / (2.0 * h)
    laplace = (p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4.0 * p[middle]) / h**2
    found = residual(fine, field, other, 0.6, sigma)[middle]
    np.testing.assert_allclose(found, change[middle] + divergence - 0.5 * variance * laplace, atol=2e-4)


def test_no_mass_and_no_finite_drift_are_told() -> None:
    box = square(1.0, 8)
    with pytest.raises(Problem, match="no mass on the grid"):
        on_grid(box, lambda x: np.full(len(x), -np.inf))
    with pytest.raises(Problem, match="not finite"):
        list(evolve(box, np.ones((8, 8)), lambda x, _: np.full_like(x, np.inf), lambda _: 0.0, [0.5, 0.6]))


def test_a_drift_between_knots_moves_a_mixture_as_the_drift_itself() -> None:
    """129 knots closer together at both ends: total variation below 5e-4 to the density moved by the drift itself; each knot asked once."""
    field = exact_field(BLOBS, CondOT(), dtype=torch.float64)
    box, times = square(4.5, 48), [0.0, 0.5, 0.95]
    start, asked = exact_on_grid(box, field, 0.0), []
    drift, knots = drift_on(box, field), (0.475 - 0.475 * np.cos(np.linspace(0.0, np.pi, 129))).tolist()

    def counted(points: np.ndarray, t: float) -> np.ndarray:
        asked.append((id(points), t))
        return drift(points, t)

    own = stored(box, start, drift, 0.0, times)
    found = stored(box, start, between_knots(counted, knots), 0.0, times)
    for t in times[1:]:
        assert 0.5 * np.abs(found[t].density - own[t].density).sum() * box.volume < 5e-4
    assert len(asked) == len(set(asked)) <= 2 * 129
