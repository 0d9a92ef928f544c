"""Samplers that must be the same in other words (MATHS section 9.7), to 1e-10, and the exact variance of each step on a Gaussian."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from engine.brownian import BrownianPath
from engine.predictions import convert
from engine.samplers import DDIM, DDPM, DPMSolver, EulerMaruyama, Karras, PredictorCorrector, ReverseSDE
from engine.samplers.ancestral import forward_variance, posterior_variance
from engine.samplers.sigma import ReversalSigma
from engine.schedules import VE, CondOT, Polynomial, SubVP, Trigonometric, VPCosine, VPLinear
from engine.simulation import grid
from tests.engine.gaussian_field import GaussianField, StubPath

PATHS = [CondOT(), VPLinear(), VPCosine(), Trigonometric(), VE(), SubVP(), Polynomial()]
PREDICTIONS = ["velocity", "noise", "score", "data"]
X0 = torch.randn(40, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


class Bent(GaussianField):
    """A field that is not linear in x: of two points, by the noise that a Gaussian field would give plus a bend."""

    def __call__(self, x, t):
        plain = GaussianField(self.path, "noise", mean=tuple(self.mean), std=self.std)
        plain.interval = self.interval
        noise = plain(x, t) + 0.3 * torch.sin(2.0 * x) * float(self.path.alpha(t))
        return convert(self.path, x, t, noise, "noise", self.prediction)


def run(sampler, field, times, seed=7):
    *_, last = sampler.solve(field, X0, times, BrownianPath(seed, len(X0), 2))
    return last


def inside(n):
    """Away from both ends, where x/alpha and beta/alpha are finite."""
    return [0.05 + 0.9 * k / n for k in range(n + 1)]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_ddim_without_noise_is_euler_in_x_over_alpha(path, prediction):
    field, times = Bent(path, prediction), inside(23)
    y = X0 / float(path.alpha(times[0]))
    for t, end in pairwise(times):
        alpha, level, next_level = float(path.alpha(t)), *(float(path.beta(s)) / float(path.alpha(s)) for s in (t, end))
        noise = convert(path, alpha * y, t, field(alpha * y, t), prediction, "noise")
        y = y + (next_level - level) * noise
    scale = float(path.alpha(times[-1]))
    torch.testing.assert_close(run(DDIM(), field, times) / scale, y, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_ddim_with_all_the_noise_is_ddpm(path, prediction):
    field, times = Bent(path, prediction), inside(23)
    ddim = run(DDIM(eta=1.0), field, times)
    torch.testing.assert_close(ddim, run(DDPM(), field, times), atol=1e-10, rtol=1e-10)
    ancestral = PredictorCorrector(predictor="ancestral", corrector_steps=0)
    torch.testing.assert_close(ddim, run(ancestral, field, times), atol=1e-10, rtol=1e-10)
    assert (ddim - run(DDIM(eta=0.5), field, times)).abs().max() > 0.01


def test_ddpm_is_ho_s_algorithm_2():
    """In its own discrete notation, with noise prediction: x' = (x - beta_k / sqrt(1 - abar) eps) / sqrt(alpha_k) + sigma_k xi."""
    path, times, seed = VPLinear(), inside(30), 7
    field = Bent(path, "noise")
    w = BrownianPath(seed, len(X0), 2)
    for variance in ("posterior", "forward"):
        x = X0
        for t, end in pairwise(times):
            abar, abar_before = float(path.alpha(t)) ** 2, float(path.alpha(end)) ** 2
            alpha_k = abar / abar_before
            beta_k = 1.0 - alpha_k
            sigma2 = beta_k if variance == "forward" else (1.0 - abar_before) / (1.0 - abar) * beta_k
            if variance == "forward" and end == times[-1]:
                sigma2 = 0.0
            xi = torch.from_numpy(w.at(end) - w.at(t)) / math.sqrt(end - t)
            x = (x - beta_k / math.sqrt(1.0 - abar) * field(x, t)) / math.sqrt(alpha_k) + math.sqrt(sigma2) * xi
        torch.testing.assert_close(run(DDPM(variance=variance), field, times, seed), x, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_dpm_solver_of_order_1_is_ddim(path, prediction):
    field, times = Bent(path, prediction), inside(23)
    ddim = run(DDIM(), field, times)
    torch.testing.assert_close(run(DPMSolver(solver_order=1), field, times), ddim, atol=1e-10, rtol=1e-10)
    assert (ddim - run(DPMSolver(), field, times)).abs().max() > 1e-4


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_karras_without_churn_is_heun_in_the_noise_level(path, prediction):
    field, times = Bent(path, prediction), inside(23)

    def slope(y, t):
        alpha = float(path.alpha(t))
        return convert(path, alpha * y, t, field(alpha * y, t), prediction, "noise")

    y = X0 / float(path.alpha(times[0]))
    for t, end in pairwise(times):
        h = float(path.beta(end)) / float(path.alpha(end)) - float(path.beta(t)) / float(path.alpha(t))
        first = slope(y, t)
        y = y + h * first if end == times[-1] else y + 0.5 * h * (first + slope(y + h * first, end))
    scale = float(path.alpha(times[-1]))
    torch.testing.assert_close(run(Karras(s_churn=0.0), field, times) / scale, y, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_karras_with_churn_is_edm_s_algorithm_2(path):
    field, times, seed = Bent(path, "noise"), inside(20), 9
    sampler = Karras(s_churn=4.0, s_min=0.2, s_max=5.0, s_noise=1.01)
    w = BrownianPath(seed, len(X0), 2)
    grid_of_times = np.linspace(0.05, 0.95, 400_001)
    levels = np.asarray(path.beta(grid_of_times)) / np.asarray(path.alpha(grid_of_times))

    def noise(y, t):
        alpha = float(path.alpha(t))
        return field(alpha * y, t)

    y, churned = X0 / float(path.alpha(times[0])), 0
    for t, end in pairwise(times):
        level, next_level = (float(path.beta(s)) / float(path.alpha(s)) for s in (t, end))
        gamma = min(4.0 / 20, math.sqrt(2.0) - 1.0) if 0.2 <= level <= 5.0 else 0.0
        raised = min(level * (1.0 + gamma), levels[0])
        churned += raised > level
        xi = torch.from_numpy(w.at(end) - w.at(t)) / math.sqrt(end - t)
        y = y + 1.01 * math.sqrt(max(0.0, raised**2 - level**2)) * xi
        when = float(np.interp(-raised, -levels, grid_of_times))
        first = noise(y, when)
        ahead = y + (next_level - raised) * first
        y = ahead if end == times[-1] else y + 0.5 * (next_level - raised) * (first + noise(ahead, end))
    assert churned > 3
    # the time of a level is interpolated here, bisected there: 1e-6
    torch.testing.assert_close(run(sampler, field, times, seed) / float(path.alpha(times[-1])), y, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_reverse_sde_is_euler_maruyama_with_the_reversal_s_sigma(path):
    field, times = Bent(path, "noise"), inside(40)
    assert torch.equal(run(ReverseSDE(), field, times), run(EulerMaruyama(sigma=ReversalSigma()), field, times))
    assert torch.equal(run(ReverseSDE(), field, times), run(PredictorCorrector(corrector_steps=0), field, times))


@pytest.mark.parametrize("path", [CondOT(), VPLinear(), VPCosine(), VE()], ids=lambda path: path.name)
@pytest.mark.parametrize(
    ("sampler", "share"),
    [(DDIM(steps=50), 0.0), (DDIM(steps=50, eta=0.6), 0.36), (DDPM(steps=50), 1.0), (DPMSolver(steps=50, solver_order=1), 0.0)],
)
def test_linear_moments_are_exact(path, sampler, share):
    """The variance along the run, by the samplers' own code on unit inputs, against the recursion written by hand: 1e-12."""
    field = GaussianField(path, "data", mean=(0.0,), std=0.3)
    times = grid(field, sampler)
    x0 = torch.zeros(len(times), 1, dtype=torch.float64)
    x0[0] = 1.0
    variance = 1.0
    for (t, end), state in zip(pairwise(times), sampler.solve(field, x0, times, StubPath(times)), strict=True):
        alpha, beta, alpha_, beta_ = (float(f(s)) for s in (t, end) for f in (path.alpha, path.beta))
        gain = alpha * 0.09 / (alpha**2 * 0.09 + beta**2)  # D = gain x
        added = share * posterior_variance(path, t, end)
        factor = alpha_ * gain + math.sqrt(beta_**2 - added) * (1.0 - alpha * gain) / beta
        variance = factor**2 * variance + added
        assert float((state**2).sum()) == pytest.approx(variance, rel=1e-12, abs=1e-12)
    assert forward_variance(path, times[3], times[4]) > posterior_variance(path, times[3], times[4]) > 0.0
