"""The flow map of a Gaussian, which is linear, against its closed form; grid lines; posterior weights that add up to the velocity."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.arrays import Array
from engine.choice import Problem
from engine.densities.cells import Cells
from engine.fields.cells_posterior import CellsPosterior
from engine.fields.exact import ExactField, exact_field
from engine.flow_map import carried, contributions, flow, graded_times, grid_lines
from engine.interpolants import Interpolant
from engine.schedules import CondOT, VPCosine
from engine.targets import Checkerboard, Mixture, Moons, Points
from tests.engine.gaussian_field import GaussianField

torch.set_num_threads(1)


@pytest.mark.parametrize("d", [2, 3])
def test_a_gaussian_is_carried_linearly(d: int) -> None:
    """x(t) = alpha m + (S_t / S_0)(x - alpha_0 m), S^2 = alpha^2 v + beta^2: J = S_t/S_0 1, forward and backward."""
    field = GaussianField(CondOT(), mean=(0.5,) * d, std=0.3)
    x = np.random.Generator(np.random.Philox(key=1)).standard_normal((9, d))
    *_, end = flow(field, x, 0.0, 0.8, 200)
    factor = np.sqrt(0.8**2 * 0.09 + 0.2**2)
    np.testing.assert_allclose(end.x, 0.8 * 0.5 + factor * x, atol=1e-7)
    np.testing.assert_allclose(end.jacobian, np.broadcast_to(factor * np.eye(d), (9, d, d)), atol=1e-7)
    np.testing.assert_allclose(end.log_det, d * np.log(factor), atol=1e-6)
    *_, back = flow(field, end.x, 0.8, 0.0, 200)
    np.testing.assert_allclose(back.x, x, atol=1e-6)
    np.testing.assert_allclose(back.log_det, -d * np.log(factor), atol=1e-6)


def test_the_determinant_is_the_integral_of_the_divergence() -> None:
    field = exact_field(Mixture(), CondOT(), dtype=torch.float64)
    x = np.random.Generator(np.random.Philox(key=1)).standard_normal((20, 2))
    *_, end = flow(field, x, 0.0, 0.9, 200)
    np.testing.assert_allclose(np.log(np.linalg.det(end.jacobian)), end.log_det, atol=1e-5)
    h = 1e-4
    *_, moved = flow(field, x + np.array([h, 0.0]), 0.0, 0.9, 200)
    *_, other = flow(field, x - np.array([h, 0.0]), 0.0, 0.9, 200)
    np.testing.assert_allclose(end.jacobian[:, :, 0], (moved.x - other.x) / (2.0 * h), atol=1e-4)


@pytest.mark.parametrize("d", [2, 3])
def test_grid_lines_are_straight(d: int) -> None:
    lines = grid_lines(np.full(d, -1.0), np.full(d, 1.0), 4, 7)
    assert lines.shape == (d * 4 ** (d - 1), 7, d)
    assert np.all((np.ptp(lines, axis=1) > 0.0).sum(axis=1) == 1)


@pytest.mark.parametrize("path", [CondOT(), VPCosine()], ids=lambda path: path.name)
@pytest.mark.parametrize("points", [True, False])
def test_contributions_add_up_to_the_velocity(path: CondOT, points: bool) -> None:
    rows = np.random.Generator(np.random.Philox(key=1)).standard_normal((30, 2))
    target = Points(values=Array(rows)) if points else Mixture()
    frame, t, x = target.frame(), 0.7, np.array([0.3, -0.4])
    density = target.density().moved(frame.shift, frame.scale)
    found = contributions(density, path, x, t, 100)
    field = exact_field(target, path, dtype=torch.float64)
    assert found.weights.sum() == pytest.approx(1.0)
    assert np.all(np.diff(found.weights) <= 0.0)
    np.testing.assert_allclose(found.weights @ found.velocities, field.velocity(torch.from_numpy(x[None]), t)[0], rtol=1e-9)
    np.testing.assert_allclose(found.paths(np.array([t]))[:, 0], np.broadcast_to(x, (len(found.index), 2)), atol=1e-12)
    if points:
        np.testing.assert_allclose(found.data, frame.inward(rows)[found.index], atol=1e-12)
    assert len(contributions(density, path, x, t, 2).index) == 2


def test_many_components_are_joined_to_blocks_with_the_same_mean() -> None:
    target, x, t = Moons(), np.array([0.3, -0.4]), 0.6
    frame = target.frame()
    density = target.density().moved(frame.shift, frame.scale)
    single, found = contributions(density, CondOT(), x, t, 10_000), contributions(density, CondOT(), x, t, 10_000, 9)
    assert found.count < 82 < single.count
    assert found.weights[:5].sum() > 2.0 * single.weights[:5].sum()
    assert found.weights.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(found.weights @ found.velocities, single.weights @ single.velocities, rtol=1e-12)
    np.testing.assert_allclose(found.paths(np.array([t]))[:, 0], np.broadcast_to(x, (len(found.index), 2)), atol=1e-12)


def test_the_velocity_alone_carries_as_the_flow_does() -> None:
    field = exact_field(Mixture(), CondOT(), dtype=torch.float64)
    x = np.random.Generator(np.random.Philox(key=1)).standard_normal((9, 2))
    times = graded_times(0.9, 0.0, 24)
    assert np.all(np.diff(times) < 0.0)
    assert (times[0], times[-1]) == (0.9, 0.0)
    assert -np.diff(times)[0] < -np.diff(times)[-1] / 2.0
    both = [*zip(carried(field, x, times), flow(field, x, 0.9, 0.0, times=times), strict=True)]
    assert len(both) == 25
    for (t, places), step in both:
        assert t == pytest.approx(step.t)
        np.testing.assert_allclose(places, step.x, atol=1e-12)


def test_forward_after_backward_is_the_identity_to_fourth_order() -> None:
    """The round trip's error falls by 2^4 and more with half the step; log p_start + log det is log p_t of the flow."""
    field = exact_field(Mixture(), CondOT(), dtype=torch.float64)
    x = np.random.Generator(np.random.Philox(key=1)).standard_normal((9, 2))
    errors = []
    for steps in (24, 48, 96):
        times = graded_times(0.9, 0.0, steps)
        *_, (_, begin) = carried(field, x, times)
        *_, (_, end) = carried(field, begin, times[::-1])
        errors.append(float(np.abs(end - x).max()))
    assert errors[1] < errors[0] / 12.0
    assert errors[2] < errors[1] / 12.0
    assert errors[2] < 2e-5
    *_, last = flow(field, x, 0.9, 0.0, times=times)
    law = field.log_prob(torch.from_numpy(x), 0.9).numpy(), field.log_prob(torch.from_numpy(last.x), 0.0).numpy()
    np.testing.assert_allclose(law[1] + last.log_det, law[0], atol=1e-5)


@pytest.mark.parametrize("path", [CondOT(), VPCosine()], ids=lambda path: path.name)
@pytest.mark.parametrize("t", [0.01, 0.4, 0.7, 0.97])
@pytest.mark.parametrize("across", [0, 7])
def test_cells_of_a_painting_add_up_to_the_velocity(path: CondOT, t: float, across: int) -> None:
    """E[u | x] = sum over cells of p(cell | x) E[u | x, cell], in the ink, beside it and far from it; cells or blocks of them."""
    rng = np.random.Generator(np.random.Philox(key=1))
    density = Cells(rng.random((40, 60)) * (rng.random((40, 60)) > 0.3), (-1.5, -1.0), (1.5, 1.0))
    field = _of(density, path)
    for x in np.array([[0.3, -0.4], [1.2, 1.4], [-3.5, 2.0]]):
        found = contributions(density, path, x, t, 10_000, across)
        assert found.count == (np.count_nonzero(density.trimmed().weights) if across == 0 else 7 * 5)
        assert found.weights.sum() == pytest.approx(1.0, abs=1e-12)
        assert np.all(np.diff(found.weights) <= 0.0)
        u = field.velocity(torch.from_numpy(x[None]), t)[0].numpy()
        np.testing.assert_allclose(found.weights @ found.velocities, u, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.paths(np.array([t]))[:, 0], np.broadcast_to(x, (len(found.index), 2)), atol=1e-9)


def test_a_cell_of_a_painting_by_quadrature() -> None:
    """One cell's weight and means against sums over a fine lattice of z in it."""
    density = Cells(np.array([[1.0, 3.0], [2.0, 0.0]]), (-1.0, -1.0), (1.0, 1.0))
    path, t, x = CondOT(), 0.6, np.array([0.35, -0.2])
    found = contributions(density, path, x, t)
    fine = (np.arange(2_000) + 0.5) / 2_000
    masses, means = [], []
    for low, weight in (((-1.0, -1.0), 1.0), ((0.0, -1.0), 3.0), ((-1.0, 0.0), 2.0)):
        along = [np.exp(-0.5 * ((x[axis] - 0.6 * (low[axis] + fine)) / 0.4) ** 2) for axis in range(2)]
        masses.append(weight * along[0].mean() * along[1].mean())
        means.append([low[axis] + (along[axis] @ fine) / along[axis].sum() for axis in range(2)])
    assert set(found.index) == {0, 1, 2}
    np.testing.assert_allclose(found.weights, (np.array(masses) / sum(masses))[found.index], rtol=1e-6)
    np.testing.assert_allclose(found.data, np.array(means)[found.index], atol=1e-6)


def _of(density: Cells, path: CondOT) -> ExactField:
    posterior = CellsPosterior(density, torch.device("cpu"), torch.float64)
    return ExactField(path, posterior, density.mean(), density.covariance(), smooth=False, device=torch.device("cpu"), dtype=torch.float64)


def test_an_arrival_and_a_path_without_gaussians_are_refused() -> None:
    with pytest.raises(Problem, match="painting itself"):
        contributions(Checkerboard().density(), CondOT(), np.zeros(2), 1.0)
    with pytest.raises(Problem, match="Gaussian paths only"):
        contributions(Checkerboard().density(), Interpolant(), np.zeros(2), 0.5)
    target = Points(values=Array(np.random.Generator(np.random.Philox(key=1)).standard_normal((5, 2))))
    with pytest.raises(Problem, match="bare points"):
        contributions(target.density(), CondOT(), np.zeros(2), 1.0)
