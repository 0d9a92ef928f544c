"""Langevin samplers: ULA's known bias in closed form, MALA's lack of one, annealed Langevin and the corrector."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engine.brownian import BrownianPath
from engine.fields.base import score
from engine.fields.exact import exact_field
from engine.samplers import MALA, ULA, AnnealedLangevin, PredictorCorrector
from engine.samplers import langevin as module
from engine.samplers.base import Record
from engine.samplers.noise import normals
from engine.schedules import OT, VE, CondOT, VPCosine
from engine.simulation import simulate
from engine.targets import Mixture
from tests.engine.gaussian_field import GaussianField

V = 0.25
"""Variance of the data."""


def unit_noise(monkeypatch):
    """Particle 0 starts at 1 and is never pushed; particle k is pushed by 1 in the kth Langevin step, and starts at 0.

    A sampler that is linear in x then ends where the sum of squares is the variance of a run from N(0, 1): no sampling.
    """

    def normals(_brownian, _name, step, like):
        push = torch.zeros_like(like)
        push[step + 1] = 1.0
        return push

    monkeypatch.setattr(module, "normals", normals)


def start(n):
    x0 = torch.zeros(n + 1, 1, dtype=torch.float64)
    x0[0] = 1.0
    return x0


@pytest.mark.parametrize("h", [0.01, 0.1, 0.3])
def test_ula_has_its_known_bias(monkeypatch, h):
    unit_noise(monkeypatch)
    field = GaussianField(OT(sigma_min=0.01), "score", mean=(0.0,), std=V**0.5)
    total = V + 0.01**2  # p_1 is the data blurred by sigma_min
    n = 400
    variance = 1.0
    states = ULA(step_size=h).solve(field, start(n), list(range(n + 1)), BrownianPath(0, n + 1, 1))
    for state in states:
        variance = (1.0 - h / total) ** 2 * variance + 2.0 * h
        assert float((state**2).sum()) == pytest.approx(variance, rel=1e-12)
    assert variance == pytest.approx(total / (1.0 - h / (2.0 * total)), rel=1e-3)


def test_annealed_langevin_has_exact_moments(monkeypatch):
    unit_noise(monkeypatch)
    path = CondOT()
    field = GaussianField(path, "velocity", mean=(0.0,), std=V**0.5)
    sampler = AnnealedLangevin(steps=12, per_level=5, scale=0.2)
    times = [k / 12 for k in range(12)] + [0.999]
    variance = 1.0
    for level, state in enumerate(sampler.solve(field, start(60), times, BrownianPath(0, 61, 1))):
        before, t = times[level], times[level + 1]
        variance *= (t * t + (1.0 - t) ** 2) / (before**2 + (1.0 - before) ** 2)
        for _ in range(5):
            eta = 0.2 * (1.0 - t) ** 2
            variance = (1.0 - eta / (t * t * V + (1.0 - t) ** 2)) ** 2 * variance + 2.0 * eta
        assert float((state**2).sum()) == pytest.approx(variance, rel=1e-12)


class WithDensity(GaussianField):
    """log p_t of N(alpha m, S^2 I) besides."""

    def log_prob(self, x, t):
        total = float(self.path.alpha(t)) ** 2 * self.std**2 + float(self.path.beta(t)) ** 2
        away = x - float(self.path.alpha(t)) * torch.from_numpy(self.mean)
        return -0.5 * (away.square() / total + math.log(2.0 * math.pi * total)).sum(1)


def test_mala_has_no_bias_where_ula_has_one():
    # n = 40,000 coordinates (20,000 particles in d = 2), seed 3: the variance has a standard error of V sqrt(2 / 40,000) = 0.0018
    field = WithDensity(OT(sigma_min=0.01), "score", mean=(0.0, 0.0), std=V**0.5)
    total, h, se = V + 1e-4, 0.1, V * math.sqrt(2.0 / 40_000)
    x0 = torch.from_numpy(np.random.default_rng(3).standard_normal((20_000, 2)))
    record = Record()
    *_, last = MALA(step_size=h).solve(field, x0, list(range(61)), BrownianPath(3, 20_000, 2), record)
    assert float(last.square().mean()) == pytest.approx(total, abs=4.0 * se)
    share = float((record.remark or "").split(" %")[0])
    assert 60.0 < share < 99.0
    *_, biased = ULA(step_size=h).solve(field, x0, list(range(61)), BrownianPath(3, 20_000, 2))
    assert float(biased.square().mean()) == pytest.approx(total / (1.0 - h / (2.0 * total)), abs=5.0 * se)


MIXTURE = Mixture(means=((-1.0, 0.0), (1.0, 0.5), (0.0, -1.0)), covariances=(((0.1, 0.0), (0.0, 0.05)),) * 3, weights=(0.5, 0.3, 0.2))


@pytest.mark.parametrize("path", [VPCosine(), VE(), CondOT()], ids=lambda path: path.name)
@pytest.mark.parametrize(
    "sampler",
    [
        AnnealedLangevin(steps=100, per_level=10),
        PredictorCorrector(steps=100),
        PredictorCorrector(steps=100, predictor="ancestral", corrector_steps=2),
    ],
    ids=["annealed", "reverse-diffusion", "ancestral"],
)
def test_a_mixture_keeps_its_shares_and_moments(path, sampler):
    # n = 2,000, seed 11. Shares: standard error sqrt(w (1 - w) / n) = 0.011; mean 0.022, std 0.016; four of them, and 0.02 for the steps
    n = 2_000
    field = exact_field(MIXTURE, path, dtype=torch.float64)
    *_, last = simulate(field, sampler, n=n, seed=11)
    assert last.note is None
    assert last.evaluations == sampler.evaluations + (field.interval[1] < 1.0)
    x = last.x.numpy()
    means = MIXTURE.frame().inward(np.array(MIXTURE.means))
    nearest = np.argmin(((x[:, None] - means) ** 2).sum(2), axis=1)
    exact = MIXTURE.frame().inward(MIXTURE.sample(200_000, np.random.default_rng(0)))
    expected = np.bincount(np.argmin(((exact[:, None] - means) ** 2).sum(2), axis=1), minlength=3) / 200_000
    np.testing.assert_allclose(np.bincount(nearest, minlength=3) / n, expected, atol=4.0 * 0.011 + 0.02)
    np.testing.assert_allclose(x.mean(0), field.mean, atol=4.0 * 0.022 + 0.02)
    np.testing.assert_allclose(x.std(0), np.sqrt(np.diag(field.covariance)), atol=4.0 * 0.016 + 0.02)


def test_langevin_noise_depends_on_the_seed_and_the_particle_alone():
    field = WithDensity(OT(sigma_min=0.01), "score", mean=(0.0, 0.0), std=V**0.5)
    for sampler in (ULA(steps=5), MALA(steps=5), AnnealedLangevin(steps=3), PredictorCorrector(steps=3)):
        many, few, other = (list(simulate(field, sampler, n=n, seed=seed))[-1].x for n, seed in ((30, 1), (7, 1), (7, 2)))
        assert torch.equal(many[:7], few), sampler
        assert not torch.allclose(few, other)


def test_the_corrector_s_step_is_songs():
    """x + eta s + sqrt(2 eta) xi with eta = 2 (snr beta)^2 at the new time: Song 2011.13456, algorithm 4, for |xi| / |s| = beta."""
    field, brownian = GaussianField(CondOT(), std=0.3), BrownianPath(0, 50, 2)
    x0, times = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64), [0.4, 0.6]
    (predicted,) = PredictorCorrector(corrector_steps=0).solve(field, x0, times, brownian)
    (corrected,) = PredictorCorrector(corrector_steps=1, snr=0.2).solve(field, x0, times, brownian)
    eta = 2.0 * (0.2 * 0.4) ** 2
    expected = predicted + eta * score(field, predicted, 0.6) + (2.0 * eta) ** 0.5 * normals(brownian, "corrector", 0, predicted)
    assert float((corrected - expected).abs().max()) < 1e-12
