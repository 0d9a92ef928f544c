"""Time grids: exact ends, strictly increasing, and each where its source puts it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.choice import Problem
from engine.introspection import alternatives
from engine.overrides import sampler_from
from engine.paths import Path
from engine.samplers import Euler, EulerMaruyama, Heun
from engine.samplers.grids import KarrasGrid, QuadraticGrid, TimeGrid, UniformGrid
from engine.samplers.sigma import ReversalSigma
from engine.schedules import CondOT, Schedule
from engine.simulation import grid, refusal, simulate
from tests.engine.gaussian_field import GaussianField

GRIDS = [kind() for kind in alternatives(TimeGrid)] + [KarrasGrid(rho=1.0), KarrasGrid(rho=20.0)]
SCHEDULES = [kind() for kind in alternatives(Schedule)]


@pytest.mark.parametrize("kind", GRIDS, ids=repr)
@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
@settings(deadline=None)
@given(steps=st.integers(1, 400), low=st.sampled_from([0.0, 0.02]), high=st.sampled_from([0.999, 1.0]))
def test_ends_are_exact_and_times_increase(kind, path, steps, low, high):
    times = kind.times(low, high, steps, path)
    assert len(times) == steps + 1
    assert (times[0], times[-1]) == (low, high)
    assert all(type(t) is float for t in times)
    assert np.all(np.diff(times) > 0.0)


def test_uniform_and_quadratic_by_hand():
    assert UniformGrid().times(0.0, 1.0, 4, CondOT()) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert QuadraticGrid().times(0.0, 1.0, 4, CondOT()) == [0.0, 0.4375, 0.75, 0.9375, 1.0]


@pytest.mark.parametrize("path", SCHEDULES, ids=repr)
@pytest.mark.parametrize("rho", [1.0, 7.0])
def test_karras_levels_are_eq_5(path, rho):
    n = 20
    times = np.array(KarrasGrid(rho=rho).times(0.02, 0.999, n, path))
    levels = path.beta(times) / path.alpha(times)
    # 2206.00364, eq. 5, from the first level on, and a last step to t_max where it lies below sigma_min = 0.002
    first, last = min(levels[0], 80.0), max(levels[-1], 0.002)
    count = n if levels[-1] >= 0.002 else n - 1
    i = np.arange(1, count)
    expected = (first ** (1 / rho) + i / count * (last ** (1 / rho) - first ** (1 / rho))) ** rho
    np.testing.assert_allclose(levels[1:count], expected, rtol=1e-10)
    if count < n:
        assert levels[count] == pytest.approx(0.002, rel=1e-10)


def test_karras_is_refused_without_a_noise_level():
    class Plain(Path, frozen=True, kw_only=True):
        label = "Bridge"

    reason = "Karras's grid needs the noise level β/α of a Gaussian path, and Bridge has none."
    assert KarrasGrid().refusal(Plain()) == reason
    assert UniformGrid().refusal(Plain()) is None
    with pytest.raises(Problem, match="Bridge"):
        KarrasGrid().times(0.0, 1.0, 4, Plain())


@pytest.mark.parametrize("kind", [kind() for kind in alternatives(TimeGrid)], ids=repr)
def test_samplers_use_their_grid(kind):
    # n = 4,000, d = 2: standard error of the standard deviation 0.3/sqrt(2 * 8000) = 0.0024; the rest is the bias of 60 steps
    field = GaussianField(CondOT(), mean=(0.4, -0.2), std=0.3)
    for sampler in (Heun(steps=60, grid=kind), EulerMaruyama(steps=60, grid=kind, sigma=ReversalSigma())):
        assert refusal(field, sampler) is None
        states = list(simulate(field, sampler, n=4_000, seed=1))
        assert [state.t for state in states] == grid(field, sampler)
        assert float(states[-1].x.std()) == pytest.approx(0.424, abs=0.02)  # of both coordinates: 0.3 and +- 0.3 of the means


def test_names_for_the_command_line():
    assert sampler_from("heun", ["grid=karras", "grid.rho=3"]) == Heun(grid=KarrasGrid(rho=3.0))
    assert sampler_from("euler", ["grid=quadratic"]) == Euler(grid=QuadraticGrid())
