"""Samplers against exact moments, orders of convergence and the ancestral step (MATHS section 9, items 4, 5 and 7)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from engine.brownian import BrownianPath
from engine.samplers import RK4, Euler, EulerMaruyama, Heun, Midpoint
from engine.samplers.sde import ancestral_step, euler_maruyama_step, is_ancestral
from engine.samplers.sigma import ConstantSigma, ReversalSigma, SqrtSigma
from engine.schedules import CondOT, Trigonometric, VPCosine, VPLinear
from engine.simulation import grid
from tests.engine.gaussian_field import GaussianField, StubPath


def final_std(sampler, field) -> float:
    """Standard deviation at t = 1 of the sampler started from N(0, 1) in one dimension, exactly: its own code on unit inputs."""
    times = grid(field, sampler)
    x0 = torch.zeros(len(times), 1, dtype=torch.float64)
    x0[0] = 1.0
    *_, last = sampler.solve(field, x0, times, StubPath(times))
    return float((last**2).sum().sqrt())


def recursion(steps: int, std: float, sigma2) -> float:
    """Variance of Euler(-Maruyama) on CondOT to N(0, std^2), by hand: v <- (1 + h a)^2 v + sigma^2 h."""
    h, variance = 1.0 / steps, 1.0
    for k in range(steps):
        t = k * h
        total = t * t * std**2 + (1.0 - t) ** 2
        a = (t * std**2 - (1.0 - t)) / total - 0.5 * sigma2(t) / total
        variance = (1.0 + h * a) ** 2 * variance + sigma2(t) * h
    return variance**0.5


@pytest.mark.parametrize(
    ("sigma", "sigma2", "at_100", "at_1000"),
    [
        (None, lambda t: 0.0 * t, 0.29427, 0.29942),
        (ConstantSigma(scale=1.0), lambda t: 1.0 + 0.0 * t, 0.30270, 0.30026),
        (SqrtSigma(scale=1.0), lambda t: 1.0 - t, 0.29746, 0.29974),
        (ConstantSigma(scale=3.0), lambda t: 9.0 + 0.0 * t, 0.34558, 0.30374),
    ],
)
@pytest.mark.parametrize("prediction", ["velocity", "data"])
def test_linear_moments_are_exact(sigma, sigma2, at_100, at_1000, prediction):
    field = GaussianField(CondOT(), prediction, mean=(0.0,), std=0.3)
    field.interval = (0.0, 1.0)
    for steps, figure in ((100, at_100), (1000, at_1000)):
        sampler = Euler(steps=steps) if sigma is None else EulerMaruyama(steps=steps, sigma=sigma)
        if steps == 1000 and prediction == "data":
            continue
        found = final_std(sampler, field)
        assert found == pytest.approx(recursion(steps, 0.3, sigma2), abs=1e-12)
        assert found == pytest.approx(figure, abs=5.1e-6)


def slope(steps, errors) -> float:
    return -float(np.polyfit(np.log(steps), np.log(errors), 1)[0])


@pytest.mark.parametrize(("kind", "order"), [(Euler, 1), (Heun, 2), (RK4, 4)])
@pytest.mark.parametrize("path", [CondOT(), Trigonometric()], ids=repr)
@pytest.mark.parametrize("mean", [(0.5, -1.0), (0.5, -1.0, 0.2)], ids=["2d", "3d"])
def test_order_of_the_ode_samplers(kind, order, path, mean):
    field = GaussianField(path, mean=mean, std=0.7)
    x0 = torch.randn(50, len(mean), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    # the probability flow of a Gaussian: x_1 = m + std x_0, as alpha_0 = 0, beta_0 = 1
    exact = torch.tensor(mean, dtype=torch.float64) + field.std * x0
    steps = [64, 96, 128, 192]
    errors = []
    for n in steps:
        *_, last = kind(steps=n).solve(field, x0, grid(field, Euler(steps=n)))
        errors.append(float((last - exact).abs().max()))
    assert slope(steps, errors) == pytest.approx(order, abs=0.1)
    assert len(field.calls) == sum(steps) * kind.evaluations_per_step


@pytest.mark.parametrize("sigma", [ConstantSigma(scale=1.0), SqrtSigma(scale=1.5)], ids=repr)
def test_strong_order_of_euler_maruyama_is_one_on_a_shared_path(sigma):
    # sigma depends on t alone (additive noise), so the strong order is 1, and the 1/2 of multiplicative noise does not arise here.
    # n = 400 particles, seed 5, root mean square difference to 4,096 steps on the same Brownian path.
    field = GaussianField(CondOT(), mean=(0.5, -1.0), std=0.5)
    x0 = torch.randn(400, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def end(n):
        *_, last = EulerMaruyama(sigma=sigma).solve(field, x0, grid(field, Euler(steps=n)), BrownianPath(5, 400, 2))
        return last

    reference = end(4096)
    steps = [32, 64, 128, 256]
    errors = [float(((end(n) - reference) ** 2).mean().sqrt()) for n in steps]
    assert slope(steps, errors) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("path", [CondOT(), VPLinear(), VPCosine(), Trigonometric()], ids=repr)
@pytest.mark.parametrize("prediction", ["velocity", "noise", "score", "data"])
def test_ancestral_step_is_ddpms_posterior(path, prediction):
    t, end = 0.3, 0.45
    alpha, beta, alpha_, beta_ = (float(f(s)) for s in (t, end) for f in (path.alpha, path.beta))
    ratio = alpha / alpha_
    step_variance = beta**2 - ratio**2 * beta_**2  # of the forward (noising) step from end to t
    variance = step_variance * beta_**2 / beta**2
    x, data = 0.7, -0.3
    noise = (x - alpha * data) / beta
    mean = (ratio * beta_**2 * x + alpha_ * step_variance * data) / beta**2
    given = {
        "velocity": float(path.alpha_dot(t)) * data + float(path.beta_dot(t)) * noise,
        "noise": noise,
        "score": -noise / beta,
        "data": data,
    }
    a, b, c = ancestral_step(path, prediction, ReversalSigma(), t, end)
    assert a * x + b * given[prediction] == pytest.approx(mean, abs=1e-12)
    assert c**2 * (end - t) == pytest.approx(variance, abs=1e-12)
    # c = 0 is DDIM
    a, b, c = ancestral_step(path, prediction, ReversalSigma(scale=0.0), t, end)
    assert a * x + b * given[prediction] == pytest.approx(alpha_ * data + beta_ * noise, abs=1e-12)
    assert c == 0.0


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_both_reversal_steps_agree_to_first_order(scale):
    path, sigma, t = CondOT(), ReversalSigma(scale=scale), 0.4
    for h, bound in ((1e-3, 3e-4), (1e-4, 3e-6)):
        one, other = (f(path, "velocity", sigma, t, t + h) for f in (ancestral_step, euler_maruyama_step))
        assert abs(one[0] - other[0]) < bound
        assert abs(one[1] - other[1]) < bound
        assert one[2] == pytest.approx(other[2], rel=50 * h)


def test_which_steps_of_the_reversal_are_ancestral():
    sigma = ReversalSigma()
    # g^2 is 20 at t = 0 of VP linear: dt = 1/20 is the limit
    assert is_ancestral(VPLinear(), sigma, 0.0, 0.0501)
    assert not is_ancestral(VPLinear(), sigma, 0.0, 0.0499)
    assert is_ancestral(CondOT(), sigma, 0.0, 0.001)  # g_0 = inf
    for path in (CondOT(), VPLinear(), VPCosine(), Trigonometric()):
        times = np.linspace(0.0, 1.0, 201)
        kinds = [is_ancestral(path, sigma, t, end) for t, end in pairwise(times)]
        assert sum(kinds) <= 4
        assert not kinds[-1]  # the last noise is kept
        assert all(is_ancestral(path, sigma, t, t + 1.0001 / float(path.g2(t))) for t in (0.1, 0.3))
        assert is_ancestral(path, ReversalSigma(scale=5.0), 0.99, 0.995)
        assert not is_ancestral(path, ConstantSigma(scale=5.0), 0.0, 0.5)


def test_one_reversal_step_from_pure_noise_is_the_denoiser():
    field = GaussianField(CondOT(), mean=(0.5, -1.0))
    x0 = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    *_, last = EulerMaruyama(steps=1, sigma=ReversalSigma()).solve(field, x0, [0.0, 1.0], BrownianPath(0, 5, 2))
    torch.testing.assert_close(last, torch.tensor([[0.5, -1.0]], dtype=torch.float64).expand(5, 2))


@pytest.mark.parametrize("path", [CondOT(), VPLinear(), VPCosine(), Trigonometric()], ids=repr)
@pytest.mark.parametrize("scale", [0.7, 1.0, 4.0])
def test_reversal_reaches_a_narrow_gaussian(path, scale):
    # std 0.02: points, nearly. Exact moments, no sampling: the ancestral steps must hold where Euler-Maruyama multiplies by -10
    field = GaussianField(path, mean=(0.0,), std=0.02)
    errors = [abs(final_std(EulerMaruyama(steps=n, sigma=ReversalSigma(scale=scale)), field) - 0.02) for n in (100, 400)]
    assert errors[0] < 0.05
    assert errors[1] < 0.015


def test_denoise_last_leaves_out_the_last_noise_alone():
    field = GaussianField(CondOT())
    x0 = torch.zeros(200, 2, dtype=torch.float64)
    times = grid(field, Euler(steps=10))
    noisy, clean = (
        list(EulerMaruyama(sigma=ConstantSigma(), denoise_last=flag).solve(field, x0, times, BrownianPath(0, 200, 2)))
        for flag in (False, True)
    )
    for one, other in zip(noisy[:-1], clean[:-1], strict=True):
        assert torch.equal(one, other)
    w = BrownianPath(0, 200, 2)
    torch.testing.assert_close(noisy[-1] - clean[-1], torch.from_numpy(w.at(times[-1]) - w.at(times[-2])))


def test_states_are_fresh_tensors_without_gradient():
    field = GaussianField(CondOT())
    x0 = torch.ones(3, 2, dtype=torch.float64, requires_grad=True)
    for sampler in (Euler(), Midpoint(), Heun(), RK4(), EulerMaruyama()):
        states = list(sampler.solve(field, x0, grid(field, Euler(steps=4)), BrownianPath(0, 3, 2)))
        assert len({state.data_ptr() for state in states}) == 4
        assert not any(state.requires_grad for state in states)
    assert torch.is_grad_enabled()


def test_gradients_stay_on_between_the_steps():
    field = GaussianField(CondOT())
    for _ in Euler().solve(field, torch.ones(3, 2, dtype=torch.float64), grid(field, Euler(steps=3))):
        assert torch.is_grad_enabled()


def test_noise_without_a_brownian_path_is_an_error():
    with pytest.raises(ValueError, match="Brownian"):
        next(EulerMaruyama().solve(GaussianField(CondOT()), torch.zeros(1, 2, dtype=torch.float64), [0.0, 1.0]))
