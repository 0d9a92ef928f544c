"""Every (schedule, prediction) pair through both ends, by the ODE and by every SDE, in float32: all finite, and right for a right field."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from engine.fields.exact import exact_field
from engine.samplers import RK4, Euler, EulerMaruyama, Heun
from engine.samplers.sigma import ReversalSigma, SqrtSigma
from engine.schedules import OT, Polynomial
from engine.simulation import simulate
from engine.targets import Mixture
from tests.engine.every import SCHEDULES as PLAIN
from tests.engine.every import SIGMAS as KINDS
from tests.engine.gaussian_field import GaussianField

SCHEDULES = [*PLAIN, OT(sigma_min=1e-4), Polynomial(n=0.5)]
PAIRS = [(s, p) for s, p in product(SCHEDULES, ("velocity", "score", "noise", "data", "v")) if s.refusal(p) is None]
SIGMAS = [*KINDS, ReversalSigma(scale=3.0), ReversalSigma(scale=0.0)]
MEAN = (0.4, -0.2)
MODES = ("matched", "standard")


class ConstantField(GaussianField):
    """What a network may say before it has learned anything."""

    def __call__(self, x, t):
        return torch.full_like(x, 0.5)


def samplers(steps):
    return [kind(steps=steps) for kind in (Euler, Heun, RK4)] + [EulerMaruyama(steps=steps, sigma=sigma) for sigma in SIGMAS]


@pytest.mark.parametrize(("path", "prediction"), PAIRS, ids=lambda value: value if isinstance(value, str) else value.name)
@pytest.mark.parametrize("steps", [1, 2, 25])
def test_all_finite(path, prediction, steps):
    for sampler, kind, mode in product(samplers(steps), (GaussianField, ConstantField), MODES):
        field = kind(path, prediction, mean=MEAN, std=0.3, dtype=torch.float32)
        states = list(simulate(field, sampler, n=20, seed=3, start=mode))
        assert len(states) == steps + 1
        assert all(torch.isfinite(state.x).all() for state in states), (sampler, kind)
        assert states[-1].t == 1.0


@pytest.mark.parametrize(("path", "prediction"), PAIRS, ids=lambda value: value if isinstance(value, str) else value.name)
def test_a_right_field_is_carried_to_the_data(path, prediction):
    # n = 2,000 in d = 2, seed 3: standard error of the mean 0.007, of the standard deviation 0.005; the rest is the bias of the steps
    # VE falls by e^7.6 in one unit of time: Euler's relative error is 7.6^2 / (2 N), 29 % of the way at N = 100
    for sampler in samplers(500 if path.name == "ve" else 100):
        field = GaussianField(path, prediction, mean=MEAN, std=0.3, dtype=torch.float32)
        *_, last = simulate(field, sampler, n=2_000, seed=3)
        assert last.note is None
        torch.testing.assert_close(last.x.mean(0), torch.tensor(MEAN), atol=0.03, rtol=0.0)
        torch.testing.assert_close(last.x.std(0), torch.tensor([0.3, 0.3]), atol=0.03, rtol=0.0, msg=lambda text, s=sampler: f"{s}: {text}")


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_the_exact_field_of_a_gaussian_keeps_its_moments(path):
    # n = 4,000 in d = 2, seed 2: standard error of a mean 0.016 std, of a variance 0.022, of a covariance 0.016; 4 of them, and the steps
    target = Mixture(means=((1.0, -2.0),), covariances=(((1.0, 0.6), (0.6, 0.5)),), weights=(1.0,))
    field = exact_field(target, path)
    density, frame = target.density(), target.frame()
    mean = (density.mean() - frame.shift) / frame.scale
    covariance = density.covariance() / np.outer(frame.scale, frame.scale)
    steps = 1_600 if path.name == "ve" else 400  # see above
    for sampler in (Heun(steps=100), EulerMaruyama(steps=400, sigma=ReversalSigma()), EulerMaruyama(steps=steps, sigma=SqrtSigma())):
        *_, last = simulate(field, sampler, n=4_000, seed=2)
        x = last.x.double().numpy()
        assert last.note is None
        np.testing.assert_allclose(x.mean(0), mean, atol=0.08, err_msg=str(sampler))
        np.testing.assert_allclose(np.cov(x.T), covariance, atol=0.1, err_msg=str(sampler))


@pytest.mark.parametrize(("path", "prediction"), PAIRS, ids=lambda value: value if isinstance(value, str) else value.name)
def test_float32_follows_float64(path, prediction):
    for sampler in samplers(30):
        one, other = (
            list(simulate(GaussianField(path, prediction, mean=MEAN, std=0.3, dtype=dtype), sampler, n=50, seed=1))[-1].x.double()
            for dtype in (torch.float32, torch.float64)
        )
        torch.testing.assert_close(one, other, atol=2e-4, rtol=0.0, msg=lambda text, s=sampler: f"{s}: {text}")
