"""Simulation: starts, steps, trajectories, refusals and warnings."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from engine.choice import Problem
from engine.couplings import OptimalTransport
from engine.experiment import Experiment
from engine.fields.exact import exact_field_of
from engine.interpolants import Interpolant, ProductLatent
from engine.samplers import Euler, EulerMaruyama, Heun
from engine.samplers.sigma import ConstantSigma, ReversalSigma, SineSigma, SqrtSigma
from engine.schedules import OT, CondOT, VPCosine, VPLinear
from engine.simulation import grid, refusal, simulate, start, stiffness_note, trajectory
from engine.targets import EightGaussians, Mixture, Moons
from tests.engine.gaussian_field import GaussianField


def test_matched_start_has_the_moments_of_x_at_t_min():
    # n = 100,000, seed 2: each entry of the covariance has a standard error below sqrt(2/n) = 0.0045
    field = GaussianField(VPLinear(b_max=4.0), mean=(1.0, -2.0))
    field.covariance = np.array([[2.0, 0.8], [0.8, 0.5]])
    x = start(field, 100_000, 2).numpy()
    alpha, beta = float(field.path.alpha(0.0)), float(field.path.beta(0.0))
    np.testing.assert_allclose(x.mean(0), alpha * field.mean, atol=4.0 / 100_000**0.5 * 1.5)
    np.testing.assert_allclose(np.cov(x.T), alpha**2 * field.covariance + beta**2 * np.eye(2), atol=4.0 * 0.0045)
    plain = start(field, 100_000, 2, "standard").numpy()
    np.testing.assert_allclose(plain.mean(0), 0.0, atol=4.0 / 100_000**0.5)
    np.testing.assert_allclose(np.cov(plain.T), beta**2 * np.eye(2), atol=4.0 * 0.0045)


def test_starts_are_shared_and_do_not_depend_on_n():
    velocity, noise = GaussianField(CondOT()), GaussianField(VPCosine(), "velocity")
    assert torch.equal(start(velocity, 10, 5), start(noise, 10, 5))
    assert torch.equal(start(velocity, 10, 5), start(velocity, 1000, 5)[:10])
    assert not torch.equal(start(velocity, 10, 5), start(velocity, 10, 6))
    assert start(GaussianField(CondOT(), mean=(0.0,) * 3, dtype=torch.float32), 4, 0).dtype == torch.float32


def test_steps_are_typed_frozen_and_complete():
    field = GaussianField(CondOT())
    steps = list(simulate(field, Heun(steps=8), n=5, seed=0))
    assert [step.index for step in steps] == list(range(9))
    assert [step.t for step in steps] == pytest.approx(np.linspace(0.0, 1.0, 9))
    assert {step.steps for step in steps} == {8}
    with pytest.raises(AttributeError):
        steps[0].t = 0.5  # type: ignore[misc]
    assert torch.equal(steps[0].x, start(field, 5, 0))


def test_the_last_state_is_the_denoised_one_where_the_interval_ends_before_1():
    field = GaussianField(VPLinear(), "data")
    sampler = Euler(steps=4)
    steps = list(simulate(field, sampler, n=5, seed=0))
    *_, raw = sampler.solve(field, start(field, 5, 0), grid(field, sampler))
    assert field.interval[1] == 0.999
    assert steps[-1].t == 1.0
    torch.testing.assert_close(steps[-1].x, field(raw, 0.999))
    assert grid(field, sampler)[-1] == 0.999


def test_same_seed_same_run_and_a_prefix_for_fewer_particles():
    field = GaussianField(CondOT())
    runs = [[step.x for step in simulate(field, EulerMaruyama(steps=20), n=n, seed=s)] for n, s in ((30, 1), (30, 1), (7, 1), (30, 2))]
    for one, two, few, other in zip(*runs, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one[:7], few)
        assert not torch.allclose(one, other)


def test_samplers_of_different_steps_share_their_brownian_path():
    field = GaussianField(CondOT(), std=0.5)
    ends = {
        (n, seed): list(simulate(field, EulerMaruyama(steps=n, sigma=ConstantSigma(scale=2.0)), n=500, seed=seed))[-1].x
        for n, seed in ((50, 1), (200, 1), (200, 2))
    }
    same, other = ((ends[50, 1] - ends[200, seed]).square().mean().sqrt() for seed in (1, 2))
    assert same < 0.25 * other


def test_leaving_the_loop_stops_the_work():
    field = GaussianField(CondOT())
    for step in simulate(field, Euler(steps=1000), n=5, seed=0):
        if step.index == 3:
            break
    assert len(field.calls) == 3


def test_trajectory_keeps_at_most_so_many_times_and_always_the_ends():
    field = GaussianField(CondOT())
    for steps, keep, expected in ((10, 100, 11), (10, 4, 4), (100, 30, 30), (1, 5, 2), (7, 1, 2)):
        run = trajectory(simulate(field, Euler(steps=steps), n=6, seed=0), keep=keep)
        assert len(run.times) == len(run.positions) == expected
        assert (run.times[0], run.times[-1]) == (0.0, 1.0)
        assert np.all(np.diff(run.times) > 0)
        assert run.positions.dtype == np.float32
        assert run.positions.shape == (expected, 6, 2)
    full = list(simulate(field, Euler(steps=10), n=6, seed=0))
    kept = trajectory(full, keep=4)
    for t, x in zip(kept.times, kept.positions, strict=True):
        np.testing.assert_array_equal(x, full[round(t * 10)].x.numpy().astype(np.float32))
    with pytest.raises(ValueError, match="at least one"):
        trajectory([])


class NoScore(CondOT, tag="test-no-score", frozen=True, kw_only=True):
    """A path along which no score is known."""

    def score_refusal(self):
        return "An SDE needs a score; this interpolant has γ = 0 and its source is not Gaussian."


def test_an_sde_without_a_score_is_refused_with_the_reason():
    field = GaussianField(NoScore())
    assert refusal(field, Euler()) is None
    assert "needs a score" in (refusal(field, EulerMaruyama()) or "")
    with pytest.raises(Problem, match="needs a score"):
        simulate(field, EulerMaruyama(), n=3, seed=0)


def test_an_experiment_is_refused_for_its_prediction():
    from engine.experiment import Experiment
    from engine.objectives import VPrediction

    assert refusal(Experiment(), EulerMaruyama()) is None
    assert "variance preserving" in (refusal(Experiment(objective=VPrediction()), Euler()) or "")


def test_stiffness_is_noted_from_two_upward():
    field = GaussianField(OT(sigma_min=0.3), std=1e-9)  # the smallest variance is 0.09, at t = 1
    assert stiffness_note(field, Heun(steps=1)) is None
    assert stiffness_note(field, EulerMaruyama(steps=200, sigma=SqrtSigma())) is None
    beta2 = (1.0 - 0.7 * 0.99) ** 2
    sigma = (4.0 * beta2 * 100) ** 0.5  # at the last of 100 steps, dt sigma^2 / (2 Var) = 2
    assert stiffness_note(field, EulerMaruyama(steps=100, sigma=ConstantSigma(scale=0.999 * sigma))) is None
    note = stiffness_note(field, EulerMaruyama(steps=100, sigma=ConstantSigma(scale=1.01 * sigma)))
    assert note is not None
    assert "stable only below 2" in note
    assert "103 steps" in note
    assert stiffness_note(GaussianField(CondOT(), std=0.1), EulerMaruyama(steps=50, sigma=ReversalSigma(scale=5.0))) is None


def test_stiffness_is_noted_between_any_two_laws():
    """x = (1 - t) x0 + t x1 + gamma eps: its least variance is (1 - t)^2 + 0.04 t^2 + gamma^2 along the second axis."""
    wide, narrow = (
        Mixture(means=((0.0, 0.0),), covariances=(((4.0, 0.0), (0.0, v)),), weights=(1.0,), standardise="none") for v in (1, 0.04)
    )
    experiment = Experiment(target=narrow, source=wide, path=Interpolant(gamma=ProductLatent()))
    field = exact_field_of(experiment, dtype=torch.float64)
    t = np.arange(100) / 100
    worst = np.max(0.01 / (2.0 * ((1 - t) ** 2 + 0.04 * t**2 + (t * (1 - t)) ** 2)))
    sigma = (2.0 / worst) ** 0.5
    assert stiffness_note(field, EulerMaruyama(steps=100, sigma=ConstantSigma(scale=0.999 * sigma))) is None
    note = stiffness_note(field, EulerMaruyama(steps=100, sigma=ConstantSigma(scale=1.01 * sigma)))
    assert note is not None
    assert "103 steps" in note
    paired = Experiment(target=narrow, source=wide, path=Interpolant(gamma=ProductLatent()), coupling=OptimalTransport())
    assert stiffness_note(exact_field_of(paired, dtype=torch.float64), EulerMaruyama(steps=100, sigma=ConstantSigma(scale=9.0))) is not None


def test_lost_particles_are_noted():
    field = GaussianField(CondOT(), std=0.02)
    *_, bad = simulate(field, EulerMaruyama(steps=30, sigma=ConstantSigma(scale=4.0)), n=50, seed=0)
    assert bad.note is not None
    assert "standard deviations" in bad.note
    *_, good = simulate(field, Heun(), n=50, seed=0)
    assert good.note is None


def test_structs_and_simulation_import_without_torch():
    code = "import sys, engine.experiment, engine.samplers, engine.simulation, engine.brownian, engine.metrics, engine.fields.base; "
    code += "print([m for m in ('torch', 'ot', 'scipy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_particles_lost_at_a_narrow_source_are_told_of_a_sigma_that_begins_at_zero() -> None:
    """n = 200, seed 0: the score of thin moons is steep at t = 0, and sigma = sqrt(1 - t) is not zero there."""
    experiment = Experiment(source=Moons(noise=0.02), target=EightGaussians())
    field = exact_field_of(experiment)
    *_, last = simulate(field, EulerMaruyama(steps=100), n=200, seed=0)
    assert last.note is not None
    assert "sin(πt)" in last.note
    *_, last = simulate(field, EulerMaruyama(steps=100, sigma=SineSigma()), n=200, seed=0)
    assert last.note is None
