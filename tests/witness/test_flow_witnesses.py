"""Our paths, fields and samplers against torchcfm, torchdiffeq and torchsde."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from engine.brownian import BrownianPath
from engine.fields.base import score, velocity
from engine.fields.exact import exact_field
from engine.samplers import RK4, Euler, EulerMaruyama
from engine.samplers.sigma import ConstantSigma
from engine.schedules import OT, CondOT, Trigonometric, VPLinear
from engine.simulation import simulate
from engine.targets import EightGaussians

pytestmark = pytest.mark.witness
DOUBLE = torch.float64


def test_conditional_path_is_torchcfm_s() -> None:
    """torchcfm's matcher with sigma = 0 draws (t, x_t, u_t) of CondOT from the same x0 and x1: 1e-12."""
    from torchcfm.conditional_flow_matching import ConditionalFlowMatcher, TargetConditionalFlowMatcher

    torch.manual_seed(1)
    x0, x1 = torch.randn(64, 2, dtype=DOUBLE), torch.randn(64, 2, dtype=DOUBLE)
    t, xt, ut = ConditionalFlowMatcher(sigma=0.0).sample_location_and_conditional_flow(x0, x1)
    path = CondOT()
    torch.testing.assert_close(path.point(t[:, None], x0, x1), xt, rtol=0, atol=1e-12)
    torch.testing.assert_close(path.conditional_velocity(t[:, None], x0, x1), ut, rtol=0, atol=1e-12)
    # Lipman's path with sigma_min, as torchcfm gives it: u = (x1 - (1 - s) x) / (1 - (1 - s) t)
    matcher, lipman = TargetConditionalFlowMatcher(sigma=0.1), OT(sigma_min=0.1)
    point = lipman.point(t[:, None], x0, x1)
    expected = matcher.compute_conditional_flow(x0, x1, t, point)
    torch.testing.assert_close(lipman.conditional_velocity(t[:, None], x0, x1), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("path", [CondOT(), Trigonometric(), VPLinear()])
def test_ode_ends_where_torchdiffeq_does(path: Any) -> None:
    """RK4 with 400 steps and torchdiffeq's dopri5 at 1e-10 carry the same noise to the same points."""
    from torchdiffeq import odeint

    field = exact_field(EightGaussians(), path, dtype=DOUBLE)
    low, high = field.interval
    last = low + 0.9 * (high - low)  # short of the end, where the mixture's velocity is stiffest
    steps = list(simulate(field, RK4(steps=400), n=200, seed=3))
    state = next(step for step in steps if abs(step.t - last) < 1e-9)
    with torch.no_grad():
        there = odeint(
            lambda t, x: velocity(field, x, float(t)), steps[0].x, torch.tensor([low, last], dtype=DOUBLE), rtol=1e-10, atol=1e-10
        )
    torch.testing.assert_close(state.x, there[-1], rtol=0, atol=2e-6)


def test_euler_is_torchdiffeq_s_euler() -> None:
    """The same method on the same grid agrees to rounding: 1e-10."""
    from torchdiffeq import odeint

    field = exact_field(EightGaussians(), CondOT(), dtype=DOUBLE)
    steps = list(simulate(field, Euler(steps=20), n=100, seed=3))
    grid = torch.tensor([step.t for step in steps], dtype=DOUBLE)
    with torch.no_grad():
        there = odeint(lambda t, x: velocity(field, x, float(t)), steps[0].x, grid, method="euler")
    torch.testing.assert_close(torch.stack([step.x for step in steps]), there, rtol=0, atol=1e-10)


def test_euler_maruyama_is_torchsde_s_on_our_brownian_path() -> None:
    """torchsde's Euler, fed our Brownian path, takes the same steps: 1e-9."""
    import torchsde

    field = exact_field(EightGaussians(), CondOT(), dtype=DOUBLE)
    sampler, n, seed = EulerMaruyama(steps=32, sigma=ConstantSigma(scale=0.7)), 100, 5
    steps = list(simulate(field, sampler, n=n, seed=seed))
    grid = torch.tensor([step.t for step in steps], dtype=DOUBLE)
    brownian = BrownianPath(seed, n, 2)

    class Drift:
        noise_type, sde_type = "additive", "ito"

        def f(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return velocity(field, x, float(t)) + 0.5 * 0.49 * score(field, x, float(t))

        def g(self, _t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return 0.7 * torch.eye(2, dtype=DOUBLE).expand(len(x), 2, 2)

    class Path:
        shape, levy_area_approximation = (n, 2), "none"
        dtype, device = DOUBLE, torch.device("cpu")

        def __call__(self, a: Any, b: Any = None, **_: Any) -> torch.Tensor:
            return torch.from_numpy(brownian.at(float(b)) - brownian.at(float(a)))

    with torch.no_grad():
        there = torchsde.sdeint(Drift(), steps[0].x, grid, bm=Path(), method="euler", dt=float(grid[1] - grid[0]))
    ours = torch.stack([step.x for step in steps])
    # where the field ends before t = 1 our last state is its denoised one
    count = len(ours) if field.interval[1] == 1.0 else len(ours) - 1
    torch.testing.assert_close(ours[:count], there[:count], rtol=0, atol=1e-9)


def test_mixture_density_is_scipy_s() -> None:
    """log p of the eight Gaussians against scipy's multivariate_normal, summed by hand: 1e-10."""
    from scipy.special import logsumexp
    from scipy.stats import multivariate_normal

    target = EightGaussians()
    density = target.density()
    x = np.random.default_rng(2).normal(scale=3, size=(50, 2))
    logs = [
        np.log(w) + multivariate_normal(m, c).logpdf(x)
        for w, m, c in zip(density.weights, density.means, np.broadcast_to(density.covariances, (density.count, 2, 2)), strict=True)
    ]
    np.testing.assert_allclose(target.log_prob(x), logsumexp(logs, axis=0), rtol=0, atol=1e-10)
