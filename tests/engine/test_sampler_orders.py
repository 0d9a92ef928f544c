"""Orders of convergence by slope (MATHS section 9.5): exponential integrators, Dormand-Prince, Karras, and SDEs on one Brownian path."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.brownian import BrownianPath
from engine.samplers import DDIM, DPMSolver, EulerMaruyama, Karras, Midpoint, Milstein, StochasticHeun
from engine.samplers.adaptive import STAGES, combined, dormand_prince_step
from engine.samplers.general import GeometricBrownianMotion, euler_maruyama, milstein, stochastic_heun
from engine.samplers.sigma import ConstantSigma, SqrtSigma
from engine.schedules import CondOT, Trigonometric, VPLinear
from tests.engine.gaussian_field import GaussianField

LOW, HIGH = 0.1, 0.9
MEAN = torch.tensor((0.5, -1.0), dtype=torch.float64)


def slope(steps, errors) -> float:
    return -float(np.polyfit(np.log(steps), np.log(errors), 1)[0])


def field_and_flow(path, std=0.7):
    """Gaussian data, 50 starts, and where the probability flow carries them from LOW to HIGH: (x - alpha m) / S is constant."""
    field = GaussianField(path, mean=(0.5, -1.0), std=std)
    x0 = torch.randn(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    scales = [float(path.alpha(t)) ** 2 * field.std**2 + float(path.beta(t)) ** 2 for t in (LOW, HIGH)]
    exact = float(path.alpha(HIGH)) * MEAN + (x0 - float(path.alpha(LOW)) * MEAN) * (scales[1] / scales[0]) ** 0.5
    return field, x0, exact


def times(n):
    return [LOW + (HIGH - LOW) * k / n for k in range(n)] + [HIGH]


@pytest.mark.parametrize(
    ("sampler", "order"),
    [(Midpoint(), 2), (DDIM(), 1), (DPMSolver(solver_order=1), 1), (DPMSolver(), 2), (Karras(s_churn=0.0), 2)],
    ids=repr,
)
@pytest.mark.parametrize("path", [CondOT(), VPLinear(), Trigonometric()], ids=repr)
def test_order_between_the_ends(sampler, order, path):
    if isinstance(sampler, Midpoint) and isinstance(path, CondOT):
        pytest.skip("where S^2 is quadratic in t the midpoint rule's leading error cancels: its order is 3")
    field, x0, exact = field_and_flow(path)
    steps, errors = [320, 480, 640, 960], []
    for n in steps:
        *_, last = sampler.solve(field, x0, times(n), BrownianPath(0, 50, 2))
        errors.append(float((last - exact).abs().max()))
    assert slope(steps, errors) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize(("path", "std"), [(CondOT(), 0.25), (Trigonometric(), 0.15)], ids=repr)
def test_dormand_prince_is_of_order_five_at_fixed_steps(path, std):
    field, x0, exact = field_and_flow(path, std)
    steps, errors = [64, 96, 128], []
    for n in steps:
        x, h = x0, (HIGH - LOW) / n
        k = field(x, LOW)
        for t in times(n)[:-1]:
            slopes = dormand_prince_step(field, x, t, h, k)
            x, k = x + h * combined(STAGES[6], slopes), slopes[6]
        torch.testing.assert_close(k, field(x, HIGH))  # first same as last
        errors.append(float((x - exact).abs().max()))
    assert slope(steps, errors) == pytest.approx(5.0, abs=0.1)


@pytest.mark.parametrize(("step", "order"), [(euler_maruyama, 0.5), (milstein, 1.0), (stochastic_heun, 1.0)])
def test_strong_order_on_geometric_brownian_motion(step, order):
    # n = 4,000 paths, seed 3; root mean square error at t = 1 against the exact solution on the same W.
    # Its standard error over paths is about 2 % at each of the four step sizes, on shared paths: 0.03 of slope
    sde, n = GeometricBrownianMotion(mu=0.5, sigma=0.8), 4_000
    x0 = torch.ones(n, 1, dtype=torch.float64)
    brownian = BrownianPath(3, n, 1)
    fine = [torch.from_numpy(brownian.at(k / 512)) for k in range(513)]
    exact = sde.exact(x0, 1.0, fine[512])
    steps, errors = [64, 128, 256, 512], []
    for count in steps:
        x, stride = x0, 512 // count
        for k in range(count):
            x = step(sde, x, k / count, 1.0 / count, fine[(k + 1) * stride] - fine[k * stride])
        errors.append(float((x - exact).square().mean().sqrt()))
    assert slope(steps, errors) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("sigma", [ConstantSigma(scale=1.0), SqrtSigma(scale=1.5)], ids=repr)
@pytest.mark.parametrize("kind", [StochasticHeun, Milstein])
def test_strong_order_with_additive_noise_is_one(kind, sigma):
    # n = 400 particles, seed 5, against 4,096 Euler-Maruyama steps on the same Brownian path
    field = GaussianField(CondOT(), mean=(0.5, -1.0), std=0.5)
    x0 = torch.randn(400, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def end(sampler, n):
        *_, last = sampler.solve(field, x0, times(n), BrownianPath(5, 400, 2))
        return last

    reference = end(EulerMaruyama(sigma=sigma), 8192)
    steps = [16, 32, 64, 128]
    errors = [float((end(kind(sigma=sigma), n) - reference).square().mean().sqrt()) for n in steps]
    # its constant is smaller than Euler-Maruyama's, and its steps in t are second order where the noise is small: never below 1
    assert slope(steps, errors) == pytest.approx(1.0, abs=0.1)


def test_milstein_is_euler_maruyama_where_the_noise_does_not_depend_on_x():
    field, x0, _ = field_and_flow(CondOT())
    ends = [list(kind().solve(field, x0, times(20), BrownianPath(1, 50, 2)))[-1] for kind in (Milstein, EulerMaruyama)]
    assert torch.equal(*ends)
    gbm = GeometricBrownianMotion(mu=0.1, sigma=0.5)
    dw = torch.full((3, 1), 0.3, dtype=torch.float64)
    x = torch.ones(3, 1, dtype=torch.float64)
    torch.testing.assert_close(milstein(gbm, x, 0.0, 0.01, dw) - euler_maruyama(gbm, x, 0.0, 0.01, dw), 0.5 * 0.25 * (dw**2 - 0.01))


def test_little_noise_makes_stochastic_heun_second_order():
    # sigma = 0 : Heun's rule, but for the last step, which is two of Euler's
    field, x0, exact = field_and_flow(CondOT())
    steps, errors = [64, 96, 128, 192], []
    for n in steps:
        *_, last = StochasticHeun(sigma=ConstantSigma(scale=0.0)).solve(field, x0, times(n), BrownianPath(0, 50, 2))
        errors.append(float((last - exact).abs().max()))
    assert slope(steps, errors) == pytest.approx(2.0, abs=0.1)
