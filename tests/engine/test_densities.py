"""Mixtures and cells against other witnesses: scipy, chi-square, integrals, the categorical draw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2, multivariate_normal

from engine.choice import Problem
from engine.densities.categorical import Categorical
from engine.densities.cells import Cells
from engine.densities.mixture import GaussianMixture


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed))


def test_mixture_against_scipy() -> None:
    rng = generator(0)
    for d in (2, 3):
        means = rng.standard_normal((4, d))
        root = rng.standard_normal((4, d, d))
        covariances = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(d)
        weights = np.array([1.0, 2.0, 3.0, 4.0])
        x = 2.0 * rng.standard_normal((50, d))
        dense = sum(w / 10.0 * multivariate_normal(m, c).pdf(x) for w, m, c in zip(weights, means, covariances, strict=True))
        mixture = GaussianMixture(means, covariances=covariances, weights=weights)
        assert np.allclose(mixture.log_prob(x), np.log(dense), rtol=1e-10)
        stds = rng.random((4, d)) + 0.2
        diagonal = GaussianMixture(means, stds=stds, weights=weights)
        full = GaussianMixture(means, covariances=diagonal.covariances, weights=weights)
        assert np.allclose(diagonal.log_prob(x), full.log_prob(x), rtol=1e-10)
        assert np.allclose(diagonal.covariance(), full.covariance())


def test_mixture_moves_and_thins() -> None:
    rng = generator(1)
    mixture = GaussianMixture(rng.standard_normal((100, 2)), stds=0.1, weights=rng.random(100))
    shift, scale = np.array([1.0, -2.0]), np.array([3.0, 0.5])
    x = rng.standard_normal((20, 2))
    moved = mixture.moved(shift, scale)
    assert np.allclose(moved.log_prob((x - shift) / scale), mixture.log_prob(x) + np.log(scale).sum())
    assert mixture.thinned(100, rng) is mixture
    fewer = mixture.thinned(10, rng)
    assert fewer.count == 10
    assert fewer.note == "10 of 100 points"
    assert {tuple(m) for m in fewer.means} <= {tuple(m) for m in mixture.means}


@pytest.mark.parametrize("uniform", [False, True])
def test_raster_draws_fill_cells_in_proportion(uniform: bool) -> None:
    """Chi-square over 6 x 7 cells of a 6 x 10 raster, n = 50,000, seed 7; refused below probability 1e-4."""
    weights = np.ones((6, 10)) if uniform else generator(2).random((6, 10))
    weights[:, 7:] = 0.0
    cells = Cells(weights, (-1.0, 0.0), (4.0, 3.0))
    n = 50_000
    x = cells.sample(n, generator(7))
    counts = np.histogram2d(x[:, 1], x[:, 0], bins=(6, 10), range=((0.0, 3.0), (-1.0, 4.0)))[0]
    assert counts[:, 7:].sum() == 0
    expected = n * cells.weights[:, :7]
    statistic = float(((counts[:, :7] - expected) ** 2 / expected).sum())
    assert statistic < chi2.isf(1e-4, 41)
    # the place in the cell is uniform too: its mean is 1/2 with standard error 1/sqrt(12 n) = 0.0013
    assert np.allclose(np.mean((x - cells.low) / cells.cell % 1.0, axis=0), 0.5, atol=4.5 * 0.0013)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.floats(0.0, 1e6, width=32)))
def test_any_raster_is_empty_or_a_density(weights: np.ndarray) -> None:
    if weights.max() <= 0:
        with pytest.raises(Problem, match="empty"):
            Cells(weights, (0.0, 0.0), (1.0, 2.0))
        return
    cells = Cells(weights, (0.0, 0.0), (1.0, 2.0))
    x = cells.sample(200, generator(0))
    assert np.isfinite(cells.log_prob(x)).all()
    low, high = cells.bounds()
    assert np.all((x >= low) & (x <= high))
    h, w = weights.shape
    centres = np.stack(np.meshgrid((np.arange(w) + 0.5) / w, 2.0 * (np.arange(h) + 0.5) / h), axis=-1)
    values = np.exp(cells.log_prob(centres.reshape(-1, 2)))
    assert values.sum() * 2.0 / (h * w) == pytest.approx(1.0)
    trimmed = cells.trimmed()
    assert np.allclose(trimmed.mean(), cells.mean())
    assert np.allclose(trimmed.covariance(), cells.covariance())
    assert np.allclose(trimmed.log_prob(x), cells.log_prob(x))


def test_cells_hold_their_edges() -> None:
    cells = Cells([[1.0, 0.0], [0.0, 3.0]], (0.0, 0.0), (2.0, 2.0))
    corners = np.array([[0.0, 0.0], [2.0, 2.0], [1.0, 1.0], [2.0, 0.0], [-1e-9, 0.0], [2.1, 2.0]])
    assert np.allclose(np.exp(cells.log_prob(corners)), [0.25, 0.75, 0.75, 0.0, 0.0, 0.0])
    assert np.allclose(cells.mean(), [0.25 * 0.5 + 0.75 * 1.5] * 2)


def test_covariance_of_cells_counts_their_own_width() -> None:
    uniform = Cells(np.ones((3, 5)), (-1.0, 0.0), (4.0, 6.0))
    assert np.allclose(uniform.covariance(), np.diag([5.0**2 / 12.0, 6.0**2 / 12.0]), atol=1e-12)
    cells = Cells([[1.0, 2.0], [0.0, 3.0]], (0.0, 0.0), (2.0, 2.0))
    x = cells.sample(200_000, generator(4))
    # standard error of a variance of about 0.3 at n = 200,000: below 0.001
    assert np.allclose(cells.covariance(), np.cov(x.T), atol=0.005)


def test_pooling_keeps_masses_and_mean() -> None:
    weights = generator(3).random((7, 5))
    cells = Cells(weights, (0.0, 0.0), (5.0, 7.0))
    pooled = cells.pooled(3)
    assert pooled.weights.shape == (3, 2)
    assert pooled.weights[0, 0] == pytest.approx(cells.weights[:3, :3].sum())
    assert np.allclose(pooled.cell, 3.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.0, 1.0, width=32), min_size=1, max_size=40).filter(lambda w: sum(w) > 0), st.integers(0, 1000))
def test_categorical_is_the_inverse_of_the_cumulated_masses(weights: list[float], seed: int) -> None:
    draw = Categorical(np.array(weights))
    index = draw.draw(300, generator(seed))
    assert all(weights[k] > 0 for k in set(index.tolist()))
    if not draw.uniform:
        slow = np.searchsorted(draw.cumulative, generator(seed).random(300), side="right")
        assert np.array_equal(index, slow)
