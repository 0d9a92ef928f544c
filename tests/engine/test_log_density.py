"""log p by the change of variables, against mixtures known in closed form; mass, Hutchinson, held-out likelihood with its floor."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

import numpy as np
import pytest
import torch

from engine.arrays import Array
from engine.experiment import Experiment
from engine.fields.exact import exact_field, exact_field_of
from engine.interpolants import Interpolant
from engine.likelihood import DensitySolver, grid_points, held_out, log_prob, start_log_prob
from engine.schedules import CondOT, VPLinear
from engine.targets import EightGaussians, Mixture, Points, TargetBase

torch.set_num_threads(1)
DOUBLE = torch.float64
SPATIAL = Mixture(
    means=((-1.0, 0.0, 0.5), (1.0, 0.5, -0.5)),
    covariances=(((0.3, 0.1, 0.0), (0.1, 0.2, 0.0), (0.0, 0.0, 0.4)), ((0.2, 0.0, 0.0), (0.0, 0.3, 0.1), (0.0, 0.1, 0.2))),
    weights=(1.0, 2.0),
)
T = TypeVar("T")


def finished(work: Generator[float, None, T]) -> T:
    shares = []
    while True:
        try:
            shares.append(next(work))
        except StopIteration as stop:
            assert shares == sorted(shares)
            assert shares[-1] == pytest.approx(1.0)
            return stop.value


@pytest.mark.parametrize("target", [Mixture(), SPATIAL], ids=["2-D", "3-D"])
@pytest.mark.parametrize("t", [0.5, 1.0])
def test_a_mixture_has_its_own_density(target: TargetBase, t: float) -> None:
    field = exact_field(target, CondOT(), dtype=DOUBLE)
    rng = np.random.Generator(np.random.Philox(key=1))
    x = target.frame().inward(target.sample(60, rng))
    found = finished(log_prob(field, x, t, DensitySolver(method="adaptive", tolerance=1e-8)))
    own = field.log_prob(torch.from_numpy(x), t).numpy()
    assert np.abs(found.values - own).max() < 1e-5
    if t == 1.0:
        assert np.abs(found.values - target.frame().log_det - target.log_prob(target.frame().outward(x))).max() < 1e-5


def test_fixed_steps_converge_with_their_order() -> None:
    target = Mixture()
    field = exact_field(target, CondOT(), dtype=DOUBLE)
    x = target.frame().inward(target.sample(40, np.random.Generator(np.random.Philox(key=1))))
    own = field.log_prob(torch.from_numpy(x), 1.0).numpy()
    for method, order, coarse in (("heun", 2, 100), ("rk4", 4, 50)):
        errors = [
            np.abs(finished(log_prob(field, x, 1.0, DensitySolver(method=method, steps=n))).values - own).mean()
            for n in (coarse, 2 * coarse)
        ]
        assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.5)


def test_another_source_and_another_start() -> None:
    experiment = Experiment(target=Mixture(), source=EightGaussians(), path=Interpolant())
    field = exact_field_of(experiment, dtype=DOUBLE)
    x = np.random.Generator(np.random.Philox(key=1)).standard_normal((30, 2))
    found = finished(log_prob(field, x, 0.7, DensitySolver(method="adaptive", tolerance=1e-8)))
    assert np.abs(found.values - field.log_prob(torch.from_numpy(x), 0.7).numpy()).max() < 1e-5
    # VP linear begins at alpha = 0.0066: the textbook's start has not the data's part
    vp = exact_field(Mixture(), VPLinear(), dtype=DOUBLE)
    beta = float(vp.path.beta(vp.interval[0]))
    standard = start_log_prob(vp, torch.from_numpy(x), "standard").numpy()
    np.testing.assert_allclose(standard, -0.5 * (x**2).sum(axis=1) / beta**2 - np.log(2.0 * np.pi * beta**2), rtol=1e-12)


def test_the_density_has_mass_one() -> None:
    """exp(log p) on 96 x 96 cells over +-4.5 standard deviations, Heun, 50 steps."""
    target = Mixture()
    field = exact_field(target, CondOT())
    low, high = np.full(2, -4.5), np.full(2, 4.5)
    found = finished(log_prob(field, grid_points(low, high, (96, 96)), 0.9, DensitySolver(steps=50)))
    assert np.exp(found.values).sum() * (9.0 / 96) ** 2 == pytest.approx(1.0, abs=1e-3)


def test_hutchinson_is_unbiased() -> None:
    """n = 4,000 probes at one point, within 4 standard errors."""
    field = exact_field(Mixture(), CondOT(), dtype=DOUBLE)
    x = np.tile([[0.4, -0.2]], (4_000, 1))
    exact = finished(log_prob(field, x[:1], 0.8)).values[0]
    found = finished(log_prob(field, x, 0.8, DensitySolver(divergence="hutchinson"), seed=3)).values
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert error > 0.0
    assert abs(found.mean() - exact) < 4.0 * error


def test_held_out_likelihood_of_the_truth_is_its_floor() -> None:
    """The exact field: excess 0 within 4 s.e. and the solver's 2e-3; the entropy of the eight Gaussians is 3.765 nats at radius 5."""
    target = EightGaussians()
    field = exact_field(target, CondOT(), dtype=DOUBLE)
    found = finished(held_out(field, target, n=500, seed=2, solver=DensitySolver(method="rk4", steps=100)))
    assert found.floor is not None
    assert found.excess is not None
    assert found.excess_error is not None
    assert abs(found.excess) < 2e-3 + 4.0 * found.excess_error
    assert found.value == pytest.approx(found.floor + found.excess)
    assert 0.0 < found.standard_error < 0.2


def test_bare_points_have_no_floor() -> None:
    target = Points(values=Array(np.random.Generator(np.random.Philox(key=1)).standard_normal((20, 2))))
    found = finished(held_out(exact_field(target, CondOT()), target, n=20))
    assert found.floor is None
    assert found.reason == "Bare points have no density: give them a bandwidth above 0."


@pytest.mark.parametrize("divergence", ["exact", "hutchinson"])
def test_points_solved_a_few_at_a_time_are_the_same(divergence: str) -> None:
    """Slices of 7 of 40 points give what all together give, and the shares still rise to one."""
    target = Mixture()
    field = exact_field(target, CondOT(), dtype=DOUBLE)
    x = target.frame().inward(target.sample(40, np.random.Generator(np.random.Philox(key=1))))
    solver = DensitySolver(steps=10, divergence=divergence)  # type: ignore[arg-type]  # one of two words
    whole, parts = (finished(log_prob(field, x, 0.8, solver, rows=rows)) for rows in (None, 7))
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-12)
    np.testing.assert_allclose(parts.starts, whole.starts, rtol=1e-12)
