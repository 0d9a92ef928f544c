"""Optimal transport of batches against scipy, POT's public functions and the closed form of Gaussians (MATHS section 9, 8 and 10)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from engine import transport
from engine.choice import Problem
from engine.transport import best_permutation, draw_partners, entropic_plan, squared_distances


def clouds(n: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), 0.5 + 2.0 * rng.standard_normal((n, d)) * [3.0, 0.5, 1.0][:d]


def test_costs_are_squared_distances() -> None:
    x, y = clouds(40, 3)
    assert np.abs(squared_distances(x + 1e4, y + 1e4) - cdist(x, y, "sqeuclidean")).max() < 1e-9


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("n", [2, 17, 256])
def test_the_permutation_is_scipys_assignment(n: int, d: int) -> None:
    x, y = clouds(n, d, seed=n)
    found = best_permutation(x, y)
    assert np.array_equal(np.sort(found), np.arange(n))
    cost = cdist(x, y, "sqeuclidean")
    assert cost[np.arange(n), found].mean() == pytest.approx(cost[linear_sum_assignment(cost)].mean(), abs=1e-9)


def test_pots_compiled_solver_gives_what_its_public_function_gives() -> None:
    import ot

    x, y = clouds(100, 2)
    cost = squared_distances(x, y)
    plan = transport._simplex(cost)
    assert plan is not None
    assert np.array_equal(plan, ot.emd([], [], cost))


def test_without_pots_compiled_solver_scipy_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = clouds(64, 2)
    with_pot = best_permutation(x, y)
    monkeypatch.setattr(transport, "_simplex", lambda _: None)
    assert np.array_equal(best_permutation(x, y), with_pot)


def test_points_that_coincide_still_make_a_permutation() -> None:
    x, y = np.zeros((50, 2)), np.repeat([[0.0, 1.0], [1.0, 0.0]], 25, axis=0)
    assert np.array_equal(np.sort(best_permutation(x, y)), np.arange(50))


@pytest.mark.parametrize("sigma", [3.0, 1.0, 0.3, 0.1])
def test_the_entropic_plan_meets_its_marginals_and_its_form(sigma: float) -> None:
    """Rows to rounding, columns to the tolerance; log P + C / epsilon is a sum of a row's and a column's number."""
    x, y = clouds(80, 2)
    epsilon = 2.0 * sigma**2
    plan = entropic_plan(x, y, epsilon)
    assert np.abs(plan.sum(axis=1) * 80 - 1.0).max() < 1e-10
    assert np.abs(plan.sum(axis=0) * 80 - 1.0).mean() < 1e-4
    if sigma >= 1.0:
        rest = np.log(plan) + squared_distances(x, y) / epsilon
        assert np.abs(rest - rest[:1] - rest[:, :1] + rest[0, 0]).max() < 1e-8


def test_the_entropic_plan_is_pots() -> None:
    import ot

    x, y = clouds(60, 2)
    uniform = np.full(60, 1.0 / 60)
    other = ot.bregman.sinkhorn_log(uniform, uniform, squared_distances(x, y), 2.0, stopThr=1e-12, numItermax=10_000)
    assert np.abs(entropic_plan(x, y, 2.0, tolerance=1e-12) - other).max() < 1e-10


def test_little_noise_is_optimal_transport_and_much_is_independence() -> None:
    x, y = clouds(40, 2)
    best = squared_distances(x, y[best_permutation(x, y)]).diagonal().mean()
    cost = (entropic_plan(x, y, 0.02, tolerance=1e-3) * squared_distances(x, y)).sum()
    assert -1e-3 * best < cost - best < 0.02 * math.log(40)  # at most epsilon times the entropy that the permutation lacks
    assert np.abs(entropic_plan(x, y, 1e6, tolerance=1e-8) * 1600 - 1.0).max() < 1e-2


def test_sinkhorn_that_does_not_arrive_says_so() -> None:
    x, y = clouds(40, 2)
    with pytest.raises(Problem, match="too small"):
        entropic_plan(x, y, 1e-5, tolerance=1e-12, most=20)


def test_partners_are_drawn_from_the_plan() -> None:
    """20,000 draws of each of 4 rows, seed 0: every count within 4.5 standard errors."""
    plan = np.array([[0.2, 0.05, 0.0], [0.0, 0.0, 0.25], [0.1, 0.1, 0.05], [0.01, 0.2, 0.04]])
    n, rng = 20_000, np.random.default_rng(0)
    counts = sum(np.eye(3)[draw_partners(plan, rng)] for _ in range(n))
    share = plan / plan.sum(axis=1, keepdims=True)
    assert (np.abs(counts - n * share) <= 4.5 * np.sqrt(n * share * (1.0 - share))).all()


def test_entropic_plan_of_gaussians_has_the_bridges_covariance() -> None:
    """Between N(-+0.1, I) the bridge of noise sigma has Cov(x0, x1) = (sqrt(4 + sigma^4) - sigma^2) / 2 along each axis (MATHS 9.8).

    n = 1,024, 4 pairs of clouds, seed 0, sigma = 1. E[x0 x1] per axis and cloud scatters by 0.026 (measured); the plan of finite clouds
    is biased by less than a fifth of that.
    """
    rng, found = np.random.default_rng(0), []
    for _ in range(4):
        x, y = rng.standard_normal((1024, 2)) - 0.1, rng.standard_normal((1024, 2)) + 0.1
        plan = entropic_plan(x, y, 2.0)
        x, y = x - x.mean(axis=0), y - y.mean(axis=0)
        found += list(np.diagonal(x.T @ plan @ y))
    assert np.mean(found) == pytest.approx((math.sqrt(5.0) - 1.0) / 2.0, abs=4.0 * 0.026 / math.sqrt(8))
