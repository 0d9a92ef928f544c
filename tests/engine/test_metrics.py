"""Distances against closed forms and against scipy's assignment (MATHS section 9, item 10)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from engine.choice import Problem
from engine.metrics import floor, sliced_w2, w2, w2_line
from engine.targets import EightGaussians


def bures(m1, c1, m2, c2) -> float:
    """W2 of two Gaussians: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2), rooted."""
    root = sqrtm(c1).real
    return math.sqrt(np.sum((m1 - m2) ** 2) + np.trace(c1 + c2 - 2.0 * sqrtm(root @ c2 @ root).real))


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("n", [1, 50, 300])
def test_w2_is_the_best_assignment(d, n):
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal((n, d)), 0.5 + 2.0 * rng.standard_normal((n, d))
    cost = cdist(x, y, "sqeuclidean")
    assert w2(x, y) == pytest.approx(math.sqrt(cost[linear_sum_assignment(cost)].mean()), abs=1e-9)
    assert w2(x, y) == pytest.approx(w2(y, x), abs=1e-9)
    assert w2(x, x) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("d", [2, 3])
def test_w2_of_gaussians_is_bures(d):
    # samples with exactly the moments m1, C1, and their image under the optimal (symmetric positive definite) map: no sampling error
    rng = np.random.default_rng(d)
    x = rng.standard_normal((200, d))
    x -= x.mean(0)
    x = x @ np.linalg.inv(np.linalg.cholesky(x.T @ x / 200)).T
    a, b = (np.eye(d) + 0.4 * (g + g.T) / 2 for g in rng.uniform(-1, 1, (2, d, d)))
    m1, m2 = rng.standard_normal((2, d))
    source = x @ a + m1
    image = (source - m1) @ (b @ b) + m2
    c1 = a @ a
    c2 = b @ b @ c1 @ b @ b
    assert w2(source, image) == pytest.approx(bures(m1, c1, m2, c2), abs=1e-9)


def test_w2_on_a_line_is_sorting():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 100, 1))
    assert w2(x, y) == pytest.approx(math.sqrt(np.mean((np.sort(x[:, 0]) - np.sort(y[:, 0])) ** 2)), abs=1e-9)
    assert math.sqrt(w2_line(x, y)[0]) == pytest.approx(w2(x, y), abs=1e-9)
    for n, m in ((100, 37), (60, 100), (1, 50)):
        assert math.sqrt(w2_line(x[:n], y[:m])[0]) == pytest.approx(w2(x[:n], y[:m]), abs=1e-9)


def test_sliced_w2():
    # one point against another: the mean over directions of (theta . c)^2 is |c|^2 / d; 20,000 directions, seed 0; the standard error
    # of that mean is |c|^2 sqrt(1/8) / sqrt(20,000) in d = 2 and |c|^2 sqrt(4/45) / sqrt(20,000) in d = 3
    for c, spread in ((np.array([[3.0, 4.0]]), 1.0 / 8.0), (np.array([[3.0, 4.0, 12.0]]), 4.0 / 45.0)):
        square = float((c**2).sum())
        found = sliced_w2(np.zeros_like(c), c, projections=20_000)
        assert abs(found**2 - square / c.shape[1]) < 4.0 * square * math.sqrt(spread / 20_000)
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 300, 2)) * [[[1.0, 1.0]], [[2.0, 0.5]]]
    assert sliced_w2(x, y) < w2(x, y)
    assert sliced_w2(x, y) == sliced_w2(x, y)
    assert sliced_w2(x, y, seed=1) != sliced_w2(x, y)
    assert sliced_w2(x[:100], y) > 0.0


def test_unequal_counts_weigh_alike():
    x = np.array([[0.0, 0.0], [2.0, 0.0]])
    assert w2(np.repeat(x, 3, axis=0), x) == pytest.approx(0.0, abs=1e-7)  # the root of a rounding error
    assert w2(np.array([[1.0, 0.0]]), x) == pytest.approx(1.0, abs=1e-12)


def test_what_is_no_number_is_refused():
    x = np.zeros((3, 2))
    bad = np.array([[0.0, np.nan], [1.0, 1.0]])
    for distance in (w2, sliced_w2):
        with pytest.raises(Problem, match="1 of them"):
            distance(x, bad)
        with pytest.raises(ValueError, match="points"):
            distance(x[0], x)


def test_floor_is_of_fresh_draws_in_standardised_coordinates():
    target = EightGaussians()
    found = floor(target, 200, repeats=3, seed=4)
    assert found == floor(target, 200, repeats=3, seed=4)
    assert (found.n, found.repeats) == (200, 3)
    assert found.spread > 0.0
    assert 0.05 < found.mean < 1.0
    assert floor(target, 800, repeats=3, seed=4).mean < found.mean
    assert floor(target, 200, repeats=1, seed=4).spread == 0.0
    assert floor(target, 200, repeats=3, seed=4, kind="sliced").mean < found.mean
