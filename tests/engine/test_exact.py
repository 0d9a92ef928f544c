"""The exact field: score and velocity against autograd and the continuity equation, cells against brute force, ends and tails finite."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import ndtr

from engine.arrays import Array
from engine.densities.cells import Cells
from engine.densities.mixture import GaussianMixture
from engine.fields.cells_posterior import CellsPosterior
from engine.fields.exact import MOST_CELLS, MOST_POINTS, ExactField, exact_field
from engine.fields.mixture_posterior import FullCovariances, SharedCovariance, mixture_posterior
from engine.paths import END, GaussianPath
from engine.schedules import OT, CondOT, VPCosine
from engine.targets import Checkerboard, EightGaussians, Helix, Mixture, Moons, Pinwheel, Points, TargetBase
from engine.targets.raster import from_raster
from tests.engine.every import SCHEDULES

torch.set_num_threads(1)
DOUBLE = torch.float64
CPU = torch.device("cpu")


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed))


def ink(h: int = 12, w: int = 20) -> np.ndarray:
    return generator(3).random((h, w)) * (generator(4).random((h, w)) > 0.6)


TARGETS: dict[str, TargetBase] = {
    "points": Points(values=Array(generator(0).standard_normal((60, 2)) * [1.0, 20.0])),
    "kernels": Points(values=Array(generator(0).standard_normal((60, 3))), bandwidth=0.2),
    "8gaussians": EightGaussians(),
    "moons": Moons(),
    "mixture": Mixture(),
    "mixture per axis": Mixture(standardise="per-axis"),
    "pinwheel": Pinwheel(),
    "helix": Helix(),
    "checkerboard": Checkerboard(),
    "painting": from_raster(ink(), (-2.0, 3.0, 1.0, 2.5)),
}
PATHS: tuple[GaussianPath, ...] = (*SCHEDULES, OT(sigma_min=0.05))


def draws(target: TargetBase, field: ExactField, t: float, n: int) -> torch.Tensor:
    """x ~ p_t, (n, d) float64, seed 1."""
    rng = generator(1)
    z = target.frame().inward(target.sample(n, rng))
    return torch.as_tensor(float(field.path.alpha(t)) * z + float(field.path.beta(t)) * rng.standard_normal(z.shape))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_score_is_the_gradient_and_mass_is_conserved(name: str, path: GaussianPath) -> None:
    """s = grad log p_t to 1e-9; d_t log p + div u + u . grad log p = 0 to 1e-8, each relative to its terms; x = alpha D + beta E."""
    target = TARGETS[name]
    field = exact_field(target, path, dtype=DOUBLE)
    for time in (0.02, 0.3, 0.7, 0.97):
        x = draws(target, field, time, 6).requires_grad_()
        t = torch.tensor(time, dtype=DOUBLE, requires_grad=True)
        log_p = field.log_prob(x, t)
        gradient = torch.autograd.grad(log_p.sum(), x, retain_graph=True)[0]
        assert ((field.score(x, t) - gradient).abs() / (1.0 + gradient.abs())).max() < 1e-9
        rate = torch.stack([torch.autograd.grad(value, t, retain_graph=True)[0] for value in log_p])
        u = field(x, t)
        parts = [torch.autograd.grad(u[:, k].sum(), x, retain_graph=True)[0][:, k] for k in range(field.dimension)]
        along = (u * gradient).sum(dim=1)
        residual = rate + sum(parts) + along
        size = 1.0 + rate.abs() + sum(part.abs() for part in parts) + along.abs()
        assert (residual.abs() / size).max() < 1e-8
        with torch.no_grad():
            both = path.alpha(time) * field.data(x, time) + path.beta(time) * field.noise(x, time)
            assert torch.allclose(both, x, rtol=0.0, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_everything_is_finite_to_both_ends_and_far_away(name: str, path: GaussianPath, dtype: torch.dtype) -> None:
    field = exact_field(TARGETS[name], path, dtype=dtype)
    low, high = field.interval
    rng = generator(2)
    x = torch.as_tensor(np.concatenate([rng.standard_normal((40, field.dimension)) * scale for scale in (1.0, 4.0, 100.0)])).to(dtype)
    for t in (low, low + 1e-6, 0.01, 0.5, 0.9, 0.99, 1.0 - END, high):
        for values in (field(x, t), field.data(x, t), field.score(x, t), field.log_prob(x, t)):
            assert values.dtype == dtype
            assert torch.isfinite(values).all()
        assert field.data(x[:40], t).abs().max() < 12.0


@pytest.mark.parametrize("name", TARGETS)
def test_single_precision_agrees_with_double(name: str) -> None:
    """On draws of p_t and on a wide box, to 2e-3 of the velocity's size (worst at t = 0.999, where beta = 1e-3 amplifies rounding)."""
    target = TARGETS[name]
    single, double = exact_field(target, CondOT()), exact_field(target, CondOT(), dtype=DOUBLE)
    wide = torch.as_tensor(generator(5).random((60, double.dimension)) * 6.0 - 3.0)
    for t, tolerance in ((0.0, 1e-5), (0.1, 1e-5), (0.6, 1e-4), (0.95, 5e-4), (0.999, 2e-3)):
        x = torch.cat([draws(target, double, t, 60), wide]).float()
        exact = double(x.double(), t)
        assert ((single(x, t) - exact).abs() / (1.0 + exact.abs())).max() < tolerance


def test_a_gaussian_has_the_textbook_denoiser() -> None:
    covariance = np.array([[0.5, 0.3], [0.3, 0.4]])
    target = Mixture(means=((1.0, -1.0),), covariances=(tuple(map(tuple, covariance.tolist())),), weights=(2.0,), standardise="none")
    field = exact_field(target, VPCosine(), dtype=DOUBLE)
    x = generator(0).standard_normal((5, 2))
    for t in (0.2, 0.8):
        a, b = float(field.path.alpha(t)), float(field.path.beta(t))
        gain = a * covariance @ np.linalg.inv(a * a * covariance + b * b * np.eye(2))
        mean = np.array([1.0, -1.0])
        assert np.allclose(field.data(torch.as_tensor(x), t).numpy(), mean + (x - a * mean) @ gain.T, rtol=1e-12)


def test_shared_and_full_covariances_agree() -> None:
    rng = generator(6)
    mixture = GaussianMixture(rng.standard_normal((30, 3)), stds=(0.2, 0.3, 0.1), weights=rng.random(30))
    shared = mixture_posterior(mixture, CPU, DOUBLE)
    full = mixture_posterior(
        GaussianMixture(mixture.means, covariances=np.repeat(mixture.covariances, 30, 0), weights=mixture.weights), CPU, DOUBLE
    )
    assert isinstance(shared, SharedCovariance)
    assert isinstance(full, FullCovariances)
    x = torch.as_tensor(2.0 * rng.standard_normal((50, 3)))
    for alpha, beta in ((0.0, 1.0), (0.5, 0.5), (0.9, 0.1), (1.0, 0.0)):
        for one, other in zip(shared(x, alpha, beta), full(x, alpha, beta), strict=True):
            assert torch.allclose(one, other, rtol=1e-9, atol=1e-9)
        assert torch.allclose(shared.log_prob(x, alpha, beta), full.log_prob(x, alpha, beta), rtol=1e-9)


def test_direct_differences_agree_with_products() -> None:
    """In float32 the products serve while the variance is large; either way the answer is the double one's."""
    mixture = GaussianMixture(generator(7).standard_normal((200, 2)), stds=0.0)
    single, double = SharedCovariance(mixture, CPU, torch.float32), SharedCovariance(mixture, CPU, DOUBLE)
    x = torch.as_tensor(generator(8).standard_normal((50, 2))).float()
    assert single._by_products(0.5, 0.5, torch.float32)
    assert not single._by_products(0.99, 0.01, torch.float32)
    for alpha, beta in ((0.5, 0.5), (0.9, 0.1), (0.99, 0.01)):
        assert torch.allclose(single(x, alpha, beta)[0].double(), double(x.double(), alpha, beta)[0], atol=2e-3)
        assert torch.allclose(single.log_prob(x, alpha, beta).double(), double.log_prob(x.double(), alpha, beta), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 1.0), (0.1, 0.9), (0.5, 0.5), (0.9, 0.1), (0.95, 0.05)])
def test_cells_are_the_limit_of_a_dense_mixture(alpha: float, beta: float) -> None:
    """24 Gauss-Legendre atoms a cell and axis integrate the posterior of cells of up to three betas to 1e-7."""
    cells = Cells(ink(), (-1.0, -0.5), (1.5, 0.9))
    nodes, shares = np.polynomial.legendre.leggauss(24)
    h, w = cells.weights.shape
    x = cells.low[0] + cells.cell[0] * (np.arange(w)[:, None] + 0.5 + 0.5 * nodes).ravel()
    y = cells.low[1] + cells.cell[1] * (np.arange(h)[:, None] + 0.5 + 0.5 * nodes).ravel()
    weights = np.kron(cells.weights, np.outer(shares, shares))
    atoms = GaussianMixture(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2), stds=0.0, weights=weights.ravel())
    dense = SharedCovariance(atoms, CPU, DOUBLE)
    posterior = CellsPosterior(cells, CPU, DOUBLE)
    places = torch.as_tensor(1.5 * generator(9).standard_normal((40, 2)))
    for one, other in zip(posterior(places, alpha, beta), dense(places, alpha, beta), strict=True):
        assert torch.allclose(one, other, rtol=1e-6, atol=1e-7)
    assert torch.allclose(posterior.log_prob(places, alpha, beta), dense.log_prob(places, alpha, beta), rtol=1e-7, atol=1e-7)


def test_cells_against_differences_of_the_normal_distribution() -> None:
    cells = Cells(ink(), (-1.0, -0.5), (1.5, 0.9))
    alpha, beta = 0.97, 0.03
    h, w = cells.weights.shape
    places = cells.sample(30, generator(10))
    edges = [cells.low[k] + cells.cell[k] * np.arange(count + 1) for k, count in enumerate((w, h))]
    along, up = (-np.diff(ndtr((places[:, k, None] - alpha * edges[k]) / beta), axis=1) / (alpha * cells.cell[k]) for k in range(2))
    brute = np.log(np.einsum("ni,ij,nj->n", up, cells.weights, along))
    posterior = CellsPosterior(cells, CPU, DOUBLE)
    assert np.allclose(posterior.log_prob(torch.as_tensor(places), alpha, beta).numpy(), brute, rtol=1e-10)


def test_far_form_agrees_with_the_products() -> None:
    """Where both can be computed; early (nodes) and late (erfc), in both axes."""
    posterior = CellsPosterior(Cells(ink(40, 60), (-1.5, -1.0), (1.5, 1.0)), CPU, DOUBLE)
    for alpha, beta in ((0.2, 0.8), (0.6, 0.4), (0.9, 0.1), (0.99, 0.01)):
        x = torch.as_tensor(Cells(ink(40, 60), (-1.5, -1.0), (1.5, 1.0)).sample(50, generator(11)) * alpha) + 3.0 * beta
        for one, other in zip(posterior._moments(x, alpha, beta), posterior._far_moments(x, alpha, beta), strict=True):
            assert torch.allclose(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_tails_of_one_cell_against_quadrature(dtype: torch.dtype) -> None:
    """E[z | x] for z uniform on [-1, 1]^2 and x up to 3000 betas away: a truncated normal's mean, by scipy's quad."""
    posterior = CellsPosterior(Cells([[1.0]], (-1.0, -1.0), (1.0, 1.0)), CPU, dtype)
    alpha, beta = 0.98, 0.01
    for place in (0.3, 0.97, 1.2, 3.0, 30.0):
        nearest = min(place / alpha, 1.0)

        def share(z: float, power: int, place: float = place, nearest: float = nearest) -> float:
            return z**power * np.exp(((place - alpha * nearest) ** 2 - (place - alpha * z) ** 2) / (2.0 * beta**2))

        start = max(-1.0, nearest - 0.2)
        mass, moment = (quad(share, start, 1.0, args=(k,), points=[nearest - 1e-3], epsabs=0.0, epsrel=1e-11, limit=400)[0] for k in (0, 1))
        x = torch.tensor([[place, 0.0], [0.0, -place]], dtype=dtype)
        data = posterior(x, alpha, beta)[0].double()
        assert data[0, 0] == pytest.approx(moment / mass, abs=2e-6 if dtype == torch.float32 else 1e-9)
        assert data[1, 1] == pytest.approx(-moment / mass, abs=2e-6 if dtype == torch.float32 else 1e-9)
        expected = (
            np.log(mass / 2.0)
            - (place - alpha * nearest) ** 2 / (2.0 * beta**2)
            - np.log(np.sqrt(2.0 * np.pi) * beta)
            - np.log(2.0 * alpha)
        )
        assert posterior.log_prob(x[:1], alpha, beta).item() == pytest.approx(expected, rel=2e-5)


def test_gradients_pass_through_the_far_form() -> None:
    field = exact_field(from_raster(ink()), CondOT(), dtype=DOUBLE)
    x = torch.tensor([[9.0, -7.0], [0.1, 0.2]], dtype=DOUBLE, requires_grad=True)
    gradient = torch.autograd.grad(field.log_prob(x, 0.99).sum(), x)[0]
    assert torch.allclose(gradient, field.score(x, 0.99), rtol=1e-9)


@pytest.mark.parametrize("t", [0.3, 0.9])
def test_marginal_integrates_to_one(t: float) -> None:
    """Midpoint rule on 400 x 400 cells of [-6, 6]^2."""
    axis = (torch.arange(400, dtype=DOUBLE) + 0.5) / 400 * 12.0 - 6.0
    grid = torch.cartesian_prod(axis, axis)
    for name in ("painting", "mixture", "checkerboard"):
        field = exact_field(TARGETS[name], CondOT(), dtype=DOUBLE)
        assert field.log_prob(grid, t).exp().sum().item() * (12.0 / 400) ** 2 == pytest.approx(1.0, abs=1e-3)


def test_at_the_data_the_marginal_is_the_target() -> None:
    for name in ("mixture", "moons", "kernels"):
        target = TARGETS[name]
        field = exact_field(target, CondOT(), dtype=DOUBLE)
        assert field.interval == (0.0, 1.0)
        x = target.sample(20, generator(12))
        inner = torch.as_tensor(target.frame().inward(x))
        assert np.allclose(field.log_prob(inner, 1.0).numpy(), target.log_prob(x) + target.frame().log_det, rtol=1e-8, atol=1e-8)
        assert torch.allclose(field(inner, 1.0), field(inner, 1.0 - 1e-9), atol=1e-5)
    field = exact_field(TARGETS["checkerboard"], CondOT(), dtype=DOUBLE)
    assert field.interval == (0.0, 1.0 - END)
    frame = TARGETS["checkerboard"].frame()
    centre = torch.as_tensor(frame.inward(np.array([[1.0, 1.0]])))
    inside = TARGETS["checkerboard"].log_prob(np.array([[1.0, 1.0]]))[0] + frame.log_det
    # beta = 0.001 is far below the square's side of 0.9: only alpha^-2 is left of the blur
    assert field.log_prob(centre, 0.999).item() == pytest.approx(inside - 2.0 * np.log(0.999), abs=1e-9)


def test_at_the_noise_the_denoiser_is_the_mean() -> None:
    for name in ("points", "mixture", "painting"):
        field = exact_field(TARGETS[name], CondOT(), dtype=DOUBLE)
        x = torch.as_tensor(generator(13).standard_normal((10, 2)))
        assert torch.allclose(field.data(x, 0.0), torch.as_tensor(field.mean).expand(10, 2), atol=1e-12)
        assert torch.allclose(field(x, 0.0), torch.as_tensor(field.mean) - x, atol=1e-12)


def test_many_points_and_cells_are_thinned_and_say_so() -> None:
    values = generator(14).standard_normal((MOST_POINTS + 5_000, 2)) + 7.0
    field = exact_field(Points(values=Array(values)), CondOT())
    assert field.note == "the exact field uses 20,000 of 25,000 points"
    assert np.allclose(field.mean, 0.0, atol=1e-12)
    assert np.allclose(np.diagonal(field.covariance), 1.0)
    again = exact_field(Points(values=Array(values)), CondOT())
    x = torch.zeros(3, 2)
    assert torch.equal(field(x, 0.5), again(x, 0.5))
    fine = np.kron(ink(), np.ones((30, 30)))
    pooled = exact_field(from_raster(fine), CondOT(), dtype=DOUBLE)
    assert "600 × 360" in pooled.note
    whole = CellsPosterior(from_raster(fine).density().moved(from_raster(fine).frame().shift, from_raster(fine).frame().scale), CPU, DOUBLE)
    x = torch.as_tensor(generator(15).standard_normal((20, 2)))
    assert torch.allclose(pooled.data(x, 0.6), whole(x, 0.6, 0.4)[0], atol=0.5 * 3.5 / MOST_CELLS)
    assert exact_field(Moons(), CondOT()).note == ""


def test_a_point_that_ran_away_is_not_a_number_and_harms_no_other() -> None:
    field = exact_field(Checkerboard(), CondOT())
    x = torch.tensor([[0.1, 0.2], [float("nan"), 0.0], [float("inf"), 0.0], [400.0, 0.0]])
    found = field.score(x, 0.9)
    assert torch.equal(found[[0, 3]], field.score(x[[0, 3]], 0.9))
    assert not torch.isfinite(found[1:3]).all(dim=1).any()
