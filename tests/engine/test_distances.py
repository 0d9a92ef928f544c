"""Distances by pairs, on a grid and by modes, against closed forms; what is random states n, seed and standard errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gamma, i0e, i1e
from scipy.stats import norm

from engine.choice import Problem
from engine.densities.cells import Cells
from engine.densities.mixture import GaussianMixture
from engine.distances import (
    Lattice,
    absent,
    cell_masses,
    counts,
    coverage,
    energy_distance,
    estimate,
    js,
    kernels,
    kl,
    lattice_for,
    median_bandwidth,
    mmd2,
    modes_of,
    tv,
)
from engine.targets import EightGaussians, Mixture, Moons, SwissRoll


def kernel_mean(m: np.ndarray, variance: float, h: float) -> float:
    """E exp(-|z|^2 / 2h^2) of z ~ N(m, variance I)."""
    d = len(m)
    return (h * h / (h * h + variance)) ** (d / 2) * math.exp(-float(m @ m) / (2 * (h * h + variance)))


def length_mean(m: np.ndarray, variance: float) -> float:
    """E|z| of z ~ N(m, variance I): in two dimensions that of Rice; elsewhere for m = 0."""
    s, d = math.sqrt(variance), len(m)
    if d != 2:
        assert not m.any()
        return s * math.sqrt(2) * gamma((d + 1) / 2) / gamma(d / 2)
    q = float(m @ m) / (4 * variance)
    return s * math.sqrt(math.pi / 2) * ((1 + 2 * q) * i0e(q) + 2 * q * i1e(q))


CASES = [
    (np.zeros(2), 1.0, 1.0),
    (np.array([0.7, -0.4]), 1.0, 1.0),
    (np.array([0.3, 0.0]), 1.0, 0.4),
    (np.zeros(3), 1.0, 0.5),
]


@pytest.mark.parametrize(("m", "s", "r"), CASES)
def test_mmd_and_energy_of_gaussians_have_no_bias(m, s, r):
    # x ~ N(0, s^2 I), y ~ N(m, r^2 I): n = 40 against 30, 300 repeats, seed 1; within 4 standard errors of the closed form
    h, d, rng = 0.9, len(m), np.random.default_rng(1)
    zero = np.zeros(d)
    true_mmd = kernel_mean(zero, 2 * s * s, h) + kernel_mean(zero, 2 * r * r, h) - 2 * kernel_mean(m, s * s + r * r, h)
    true_energy = 2 * length_mean(m, s * s + r * r) - length_mean(zero, 2 * s * s) - length_mean(zero, 2 * r * r)
    found = []
    for _ in range(300):
        x, y = s * rng.standard_normal((40, d)), m + r * rng.standard_normal((30, d))
        found.append((mmd2(x, y, h), energy_distance(x, y)))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(300)
    assert abs(mean[0] - true_mmd) < 4 * error[0]
    assert abs(mean[1] - true_energy) < 4 * error[1]
    assert error[0] < 0.005  # tight enough for the U-statistic to be told from the mean over all pairs, which is 0.03 and more too high
    assert error[1] < 0.02


@given(st.floats(0.1, 20.0), st.floats(0.0, 6.28), st.floats(-5.0, 5.0), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_distances_move_turn_and_scale_as_they_should(scale, angle, shift, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((20, 2)), 0.5 + rng.standard_normal((15, 2))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    a, b = scale * x @ turn + shift, scale * y @ turn + shift
    assert energy_distance(a, b) == pytest.approx(scale * energy_distance(x, y), rel=1e-6, abs=1e-7 * scale)
    assert mmd2(a, b, 0.8 * scale) == pytest.approx(mmd2(x, y, 0.8), abs=1e-7)
    assert median_bandwidth(a) == pytest.approx(scale * median_bandwidth(x), rel=1e-6)
    assert energy_distance(x, y) == pytest.approx(energy_distance(y, x), abs=1e-12)
    assert mmd2(x, y, 0.8) == pytest.approx(mmd2(y[::-1], x[::-1], 0.8), abs=1e-12)


def test_chunks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 53, 3))
    whole = mmd2(x, y, 1.0), energy_distance(x, y)
    monkeypatch.setattr(kernels, "_CHUNK", 100)
    assert (mmd2(x, y, 1.0), energy_distance(x, y)) == pytest.approx(whole, abs=1e-12)


def test_the_bandwidth_of_equal_points_is_one():
    assert median_bandwidth(np.zeros((5, 2))) == 1.0
    assert median_bandwidth(np.zeros((1, 2))) == 1.0
    with pytest.raises(ValueError, match="two points"):
        energy_distance(np.zeros((1, 2)), np.zeros((4, 2)))


def test_divergences_of_discretised_gaussians():
    # on a fine grid they are those of N(0, 1) x N(0, 1) and N(m, 1) x N(0, 1): KL m^2/2, TV 2 Phi(m/2) - 1; JS by an integral
    m = 0.8
    lattice = Lattice(np.array([-8.0, -8.0]), np.array([9.0, 8.0]), (340, 16))
    one = GaussianMixture([[0.0, 0.0]], stds=1.0)
    other = GaussianMixture([[m, 0.0]], stds=1.0)
    p, q = cell_masses(one, lattice), cell_masses(other, lattice)
    assert kl(p, q) == pytest.approx(m * m / 2, rel=1e-3)
    assert tv(p, q) == pytest.approx(2 * norm.cdf(m / 2) - 1, rel=1e-3)
    x = np.linspace(-9, 10, 200_001)
    f, g = norm.pdf(x), norm.pdf(x, loc=m)
    half = 0.5 * (f + g)
    exact = float(np.trapezoid(0.5 * (f * np.log(f / half) + g * np.log(g / half)), x))
    assert js(p, q) == pytest.approx(exact, rel=1e-3)
    assert js(p, q) == pytest.approx(js(q, p), abs=1e-15)


@given(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4), st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4))
@settings(max_examples=50, deadline=None)
def test_divergences_keep_their_bounds(one, other):
    if sum(one) < 0.01:
        one = [1.0, 0.0, 0.0, 0.0]
    p, q = np.array(one) / sum(one), np.array(other) / sum(other)
    assert kl(p, q) >= -1e-12
    assert -1e-12 <= tv(p, q) <= 1.0 + 1e-12
    assert -1e-12 <= js(p, q) <= math.log(2.0) + 1e-12
    assert tv(p, q) <= math.sqrt(max(kl(p, q), 0.0) / 2) + 1e-9  # Pinsker
    assert kl(p, p) == 0.0
    assert tv(p, p) == js(p, p) == 0.0


def test_divergences_of_what_is_apart():
    p, q = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert kl(p, q) == math.inf
    assert tv(p, q) == 1.0
    assert js(p, q) == pytest.approx(math.log(2.0), abs=1e-15)


def test_masses_of_a_raster_are_exact():
    weights = np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 4.0]])
    cells = Cells(weights, [0.0, 0.0], [3.0, 2.0])
    own = cell_masses(cells, Lattice(np.zeros(2), np.array([3.0, 2.0]), (3, 2)))
    assert own == pytest.approx([0.1, 0.3, 0.2, 0.0, 0.0, 0.4, 0.0], abs=1e-15)  # x first, outside last
    half = cell_masses(cells, Lattice(np.array([0.5, 0.0]), np.array([1.5, 2.0]), (1, 1)))
    assert half == pytest.approx([0.05 + 0.15 + 0.1, 0.7], abs=1e-15)


def test_masses_of_full_covariances_are_those_of_parallel_ones():
    for d in (2, 3):
        means, stds = np.array([[0.2, -0.3, 0.1], [1.0, 0.5, -0.4]])[:, :d], np.array([[0.5, 0.8, 0.6], [0.3, 1.1, 0.7]])[:, :d]
        parallel = GaussianMixture(means, stds=stds, weights=[1, 3])
        full = GaussianMixture(means, covariances=np.stack([np.diag(s**2) for s in stds]), weights=[1, 3])
        lattice = lattice_for(parallel, 7)
        found = cell_masses(full, lattice)
        assert found == pytest.approx(cell_masses(parallel, lattice), abs=1e-8)
        assert found.sum() == pytest.approx(1.0, abs=1e-12)
    narrow = GaussianMixture([[0.0, 0.0], [1.0, 1.0]], covariances=[np.eye(2) * 1e-8] * 2)
    with pytest.raises(Problem, match="too narrow"):
        cell_masses(narrow, Lattice(np.zeros(2), np.ones(2), (4, 4)))


@pytest.mark.parametrize("target", [Moons(), EightGaussians(), Mixture(), SwissRoll()])
def test_histograms_of_draws_have_the_masses(target):
    # n = 40,000, seed 3: every share within 5 standard errors of its mass (1,025 cells), and chi^2 as it should be
    density, n = target.density(), 40_000
    lattice = lattice_for(density)
    q = cell_masses(density, lattice)
    independent = GaussianMixture.sample(density, n, np.random.default_rng(3))
    p = counts(independent, lattice)
    assert p.sum() == pytest.approx(1.0, abs=1e-12)
    assert np.all(np.abs(p - q) < 5 * np.sqrt(q * (1 - q) / n) + 3 / n)
    often = q * n > 5
    chi2 = float(np.sum((p - q)[often] ** 2 * n / q[often]))
    assert abs(chi2 - often.sum()) < 5 * math.sqrt(2 * often.sum())


def test_bare_points_are_counted_as_a_histogram_counts_them():
    points = np.random.default_rng(0).integers(0, 5, (40, 2)).astype(float)
    lattice = Lattice(np.zeros(2), np.full(2, 5.0), (5, 5))
    assert cell_masses(GaussianMixture(points, stds=0.0), lattice) == pytest.approx(counts(points, lattice), abs=1e-12)


def test_coverage_of_modes():
    target = Mixture(means=((-4.0, 0.0), (4.0, 0.0)), covariances=(((0.1, 0.0), (0.0, 0.1)),) * 2, weights=(1.0, 3.0))
    parts, weights = modes_of(target)
    assert weights == pytest.approx([0.25, 0.75])
    frame = target.frame()
    draws = frame.inward(target.sample(4_000, np.random.default_rng(0)))
    found = coverage(draws, parts, weights)
    # in two dimensions 1 - exp(-9/2) = 0.98889 is within 3 standard deviations; n = 4,000: four standard errors are 0.0066
    assert found.reached == 1.0
    assert abs(found.near - (1 - math.exp(-4.5))) < 0.0066
    assert sum(found.shares) == pytest.approx(found.near)
    right = draws[draws[:, 0] > 0]
    assert coverage(right, parts, weights).reached == 0.5
    assert coverage(draws + 100.0, parts, weights).reached == coverage(draws + 100.0, parts, weights).near == 0.0
    wider = coverage(draws, parts, weights, r=1.0)
    assert abs(wider.near - (1 - math.exp(-0.5))) < 4 * math.sqrt(0.61 * 0.39 / 4_000)


def test_modes_are_gaussians_or_labels():
    assert len(modes_of(Mixture())[0]) == 3
    assert len(modes_of(EightGaussians())[0]) == 8
    assert len(modes_of(Moons())[0]) == 2
    with pytest.raises(Problem, match="no modes"):
        modes_of(SwissRoll())


def test_an_estimate_never_stands_bare():
    found = estimate([1.0, 3.0], [0.5, 0.7], 10, "note")
    assert (found.value, found.floor, found.n, found.repeats) == (2.0, 0.6, 10, 2)
    assert found.spread == pytest.approx(math.sqrt(2))
    assert found.floor_spread == pytest.approx(0.1 * math.sqrt(2))
    assert estimate([1.0], [0.5], 10).spread is None
    assert estimate([math.inf], [0.5], 10).reason == "the distance is not a finite number."
    assert absent("why.").value is None
