"""The Brownian path: its law, and that it is a function of (seed, particle, t) alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kstest

from engine.brownian import BrownianPath
from engine.randomness import generator


def test_covariance_is_min_s_t():
    # n = 20,000 particles in d = 2: 40,000 values, seed 11; the standard error of the mean of W_s W_t is sqrt((s t + min^2) / 40,000)
    path = BrownianPath(11, 20_000, 2)
    times = [1e-3, 0.05, 0.25, 0.2500001, 1.0 / 3.0, 0.5, 0.77, 0.999, 1.0]
    values = [path.at(t).ravel() for t in times]
    for i, s in enumerate(times):
        assert abs(values[i].mean()) < 4.0 * math.sqrt(s / 40_000)
        for j, t in enumerate(times):
            error = math.sqrt((s * t + min(s, t) ** 2) / 40_000)
            assert abs(np.mean(values[i] * values[j]) - min(s, t)) < 4.0 * error, (s, t)


def test_coordinates_and_particles_are_independent():
    w = BrownianPath(12, 20_000, 3).at(0.6) / math.sqrt(0.6)
    for a, b in ((w[:, 0], w[:, 1]), (w[:, 1], w[:, 2]), (w[:-1, 0], w[1:, 0])):
        assert abs(np.mean(a * b)) < 4.0 / math.sqrt(len(a))  # standard error 1/sqrt(n)


@pytest.mark.parametrize("steps", [50, 200, 1000])
def test_increments_are_independent_normals(steps):
    # n = 1,000 values of each of ~30 increments, seed 13; Kolmogorov-Smirnov at p > 1e-3
    path = BrownianPath(13, 500, 2)
    starts = range(0, steps, max(1, steps // 30))
    rows = np.array([(path.at((k + 1) / steps) - path.at(k / steps)).ravel() * math.sqrt(steps) for k in starts])
    assert kstest(rows.ravel(), "norm").pvalue > 1e-3
    correlation = np.mean(rows[:-1] * rows[1:], axis=1)
    assert np.max(np.abs(correlation)) < 4.5 / math.sqrt(rows.shape[1])


def test_values_depend_on_no_other_query():
    times = [k / 37 for k in range(38)] + [0.123, 0.1230001, 1.0, 0.5]
    forward = {t: BrownianPath(3, 7, 2).at(t) for t in times}
    one = BrownianPath(3, 7, 2)
    for t in np.random.default_rng(0).permutation(times * 2):
        np.testing.assert_array_equal(one.at(float(t)), forward[float(t)])


def test_a_coarse_grid_sees_the_fine_path():
    coarse, fine = BrownianPath(4, 10, 2), BrownianPath(4, 10, 2)
    steps = np.array([fine.at(k / 200) for k in range(201)])
    for k in range(51):
        np.testing.assert_array_equal(coarse.at(k / 50), steps[4 * k])


def test_the_first_particles_do_not_depend_on_n():
    for t in (0.1, 0.3721, 1.0):
        np.testing.assert_array_equal(BrownianPath(8, 1003, 2).at(t)[:17], BrownianPath(8, 17, 2).at(t))


def test_seed_matters_and_the_ends_are_right():
    assert not np.any(BrownianPath(0, 5, 2).at(0.0))
    assert not np.allclose(BrownianPath(0, 5, 2).at(0.5), BrownianPath(1, 5, 2).at(0.5))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        BrownianPath(0, 5, 2).at(1.0 + 1e-9)


def test_quadratic_variation_is_t():
    # 2,000 increments of 20 values: the sum of squares is 1 with standard deviation sqrt(2/2,000) for each; n = 20, 4 s.e. of the mean
    path = BrownianPath(21, 10, 2)
    w = np.array([path.at(k / 2000) for k in range(2001)])
    assert abs(np.mean(np.sum(np.diff(w, axis=0) ** 2, axis=0)) - 1.0) < 4.0 * math.sqrt(2.0 / 2000 / 20)


def test_named_generators_are_stable_and_distinct():
    assert generator(7, "start").integers(0, 2**32, 3).tolist() == generator(7, "start").integers(0, 2**32, 3).tolist()
    names = [(7, "a"), (8, "a"), (7, "b"), (7, "a", 0), (7, "a", 1), (7, "a", "0"), (7, "a0"), (7, 0), (7, "0")]
    assert len({int(generator(*name).integers(0, 2**63)) for name in names}) == len(names)
    # the key is part of every session file: it must not change
    assert generator(0, "start").bytes(8).hex() == PINNED
    with pytest.raises(TypeError, match="float"):
        generator(0, 0.5)  # type: ignore[arg-type]


PINNED = "0fd3d4b369898225"
