"""Path energy and straightness between Gaussians, where both have closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from engine.fields.exact import exact_field
from engine.metrics import normalised_path_energy, path_energy, straightness, w2
from engine.samplers import Euler
from engine.schedules import CondOT
from engine.simulation import Trajectory, simulate, trajectory
from engine.targets import Mixture

STD = 0.3


def whitened(n: int) -> np.ndarray:
    """n points in the plane with mean 0 and covariance I exactly: no sampling error in second moments."""
    x = np.random.default_rng(0).standard_normal((n, 2))
    x -= x.mean(axis=0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, bias=True))).T


def spread(t: float) -> float:
    """Standard deviation along CondOT from N(0, 1) to N(0, STD^2): the flow is x_0 times this."""
    return float(np.sqrt(t**2 * STD**2 + (1 - t) ** 2))


def spread_dot(t: float) -> float:
    return (t * STD**2 - (1 - t)) / spread(t)


ENERGY = 2 * quad(lambda t: spread_dot(t) ** 2, 0, 1)[0]
BENDING = 2 * quad(lambda t: (spread_dot(t) - (STD - 1)) ** 2, 0, 1)[0]


def test_closed_forms_of_flow_matching_between_gaussians() -> None:
    times = np.linspace(0, 1, 2001)
    positions = np.stack([whitened(500) * spread(t) for t in times])
    run = Trajectory(times, positions.astype(np.float32))
    assert path_energy(run) == pytest.approx(ENERGY, rel=1e-4)
    assert straightness(run) == pytest.approx(BENDING, rel=1e-3)
    assert pytest.approx(2 * (1 - STD) ** 2) == ENERGY - BENDING


def test_the_optimal_flow_is_straight_and_its_energy_is_w2_squared() -> None:
    times, x = np.linspace(0, 1, 11) ** 2, whitened(300)
    run = Trajectory(times, np.stack([x * (1 - t + t * STD) for t in times]).astype(np.float32))
    assert straightness(run) == pytest.approx(0.0, abs=1e-9)
    assert path_energy(run) == pytest.approx(2 * (1 - STD) ** 2, rel=1e-5)
    assert path_energy(run) == pytest.approx(w2(run.positions[0], run.positions[-1]) ** 2, rel=1e-5)
    assert normalised_path_energy(1.5, 1.0) == normalised_path_energy(0.5, 1.0) == 0.5


def test_of_a_simulated_flow() -> None:
    """The exact field, 400 Euler steps, n = 20,000, seed 0: mean squares scatter by 2 / sqrt(20,000 * 2), 1 %, and Euler adds 0.5 %."""
    gaussian = Mixture(means=((0.0, 0.0),), covariances=(((STD**2, 0.0), (0.0, STD**2)),), weights=(1.0,), standardise="none")
    run = trajectory(simulate(exact_field(gaussian, CondOT()), Euler(steps=400), n=20_000, seed=0, start="standard"))
    assert path_energy(run) == pytest.approx(ENERGY, rel=0.045)
    assert straightness(run) == pytest.approx(BENDING, rel=0.045)
