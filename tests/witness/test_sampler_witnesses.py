"""Our samplers against torchdiffeq, zuko, torchsde, diffusers' schedulers and azula, on the exact field of the eight Gaussians."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from engine.brownian import BrownianPath
from engine.fields.base import drift, predict, velocity
from engine.fields.exact import exact_field
from engine.samplers import DDIM, DDPM, DormandPrince, DPMSolver, Heun, Karras, Midpoint, StochasticHeun
from engine.samplers.general import GeometricBrownianMotion, euler_maruyama, milstein
from engine.samplers.sigma import ConstantSigma
from engine.schedules import CondOT, VPLinear
from engine.targets import EightGaussians

pytestmark = pytest.mark.witness
DOUBLE = torch.float64
X0 = torch.from_numpy(np.random.default_rng(0).standard_normal((100, 2)))


def exact(path: Any) -> Any:
    return exact_field(EightGaussians(), path, dtype=DOUBLE)


def solve(sampler: Any, field: Any, times: list[float], brownian: Any = None) -> torch.Tensor:
    return torch.stack([X0, *sampler.solve(field, X0, times, brownian)])


@pytest.mark.parametrize(("ours", "theirs"), [(Midpoint(), "midpoint"), (Heun(), "heun2")])
def test_fixed_step_methods_are_torchdiffeq_s(ours: Any, theirs: str) -> None:
    """The same method on the same grid: 1e-10."""
    from torchdiffeq import odeint

    field, times = exact(CondOT()), [k / 40 for k in range(41)]
    with torch.no_grad():
        there = odeint(lambda t, x: velocity(field, x, float(t)), X0, torch.tensor(times, dtype=DOUBLE), method=theirs)
    torch.testing.assert_close(solve(ours, field, times), there, rtol=0, atol=1e-10)


@pytest.mark.parametrize("path", [CondOT(), VPLinear()], ids=repr)
def test_dormand_prince_is_torchdiffeq_s_and_zuko_s(path: Any) -> None:
    """Both at tolerances of 1e-9, ours with a step for every particle and theirs one for all: 1e-6, at the stored times too."""
    from torchdiffeq import odeint
    from zuko.utils import odeint as zuko_odeint

    field = exact(path)
    times = [0.0, 0.25, 0.5, 0.75, 0.99]
    ours = solve(DormandPrince(rtol=1e-9, atol=1e-9), field, times)
    with torch.no_grad():
        there = odeint(lambda t, x: velocity(field, x, float(t)), X0, torch.tensor(times, dtype=DOUBLE), rtol=1e-9, atol=1e-9)
        end = zuko_odeint(lambda t, x: velocity(field, x, float(t)), X0, 0.0, 0.99, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(ours, there, rtol=0, atol=1e-6)
    torch.testing.assert_close(ours[-1], end, rtol=0, atol=1e-6)


class OurBrownianPath:
    """Our W where torchsde asks for one."""

    shape, levy_area_approximation = (100, 2), "none"
    dtype, device = DOUBLE, torch.device("cpu")

    def __init__(self, brownian: BrownianPath) -> None:
        self._brownian = brownian

    def __call__(self, a: Any, b: Any = None, **_: Any) -> torch.Tensor:
        return torch.from_numpy(self._brownian.at(float(b)) - self._brownian.at(float(a)))


def test_stochastic_heun_is_torchsde_s_on_our_brownian_path() -> None:
    """torchsde's Heun for the Stratonovich equation, short of the end, where ours changes its step: 1e-9."""
    import torchsde

    field, sigma = exact(CondOT()), ConstantSigma(scale=0.7)
    times = [k / 64 for k in range(49)]

    class Equation:
        noise_type, sde_type = "diagonal", "stratonovich"

        def f(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return drift(field, x, float(t), sigma)

        def g(self, _t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return torch.full_like(x, 0.7)

    with torch.no_grad():
        there = torchsde.sdeint(
            Equation(), X0, torch.tensor(times, dtype=DOUBLE), bm=OurBrownianPath(BrownianPath(5, 100, 2)), method="heun", dt=1 / 64
        )
    ours = solve(StochasticHeun(sigma=sigma), field, times, BrownianPath(5, 100, 2))
    torch.testing.assert_close(ours[:-1], there[:-1], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("step", "method"), [(euler_maruyama, "euler"), (milstein, "milstein")])
def test_steps_on_geometric_brownian_motion_are_torchsde_s(step: Any, method: str) -> None:
    """Multiplicative noise, Ito: 1e-10."""
    import torchsde

    ours, w = GeometricBrownianMotion(mu=0.3, sigma=0.6), BrownianPath(2, 100, 2)

    class Equation(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def f(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return ours.drift(x, float(t))

        def g(self, t: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return ours.diffusion(x, float(t))

    x0, times = X0.abs() + 0.5, [k / 32 for k in range(33)]
    with torch.no_grad():
        there = torchsde.sdeint(Equation(), x0, torch.tensor(times, dtype=DOUBLE), bm=OurBrownianPath(w), method=method, dt=1 / 32)
    x = x0
    for t, end in pairwise(times):
        x = step(ours, x, t, end - t, torch.from_numpy(w.at(end) - w.at(t)))
    torch.testing.assert_close(x, there[-1], rtol=0, atol=1e-10)


CHAIN, STRIDE = 1_000, 20
"""DDPM's chain of 1,000 betas, of which the schedulers below visit every 20th."""


class TheirSchedule(VPLinear, tag="test-their-schedule", frozen=True, kw_only=True):
    """alpha at t = 1 - k/50 read from the betas of diffusers, so that both stand on the same numbers; t = 1 is no noise at all."""

    def alpha(self, t: Any) -> Any:
        return float(np.sqrt(self._bars()[round((1.0 - float(t)) * CHAIN)]))

    def beta(self, t: Any) -> Any:
        return float(np.sqrt(1.0 - self._bars()[round((1.0 - float(t)) * CHAIN)]))

    def _bars(self) -> Any:
        return np.concatenate([[1.0], np.cumprod(1.0 - np.linspace(1e-4, 0.02, CHAIN))])

    def interval(self, prediction: Any) -> tuple[float, float]:
        return 0.0, 1.0


class TheirField:
    """A noise prediction that bends, on their schedule."""

    path, prediction, interval, dimension = TheirSchedule(), "noise", (0.0, 1.0), 2

    def __call__(self, x: torch.Tensor, t: float) -> torch.Tensor:
        return self.path.beta(t) * x + 0.3 * torch.sin(2.0 * x)


def their_times() -> list[float]:
    return [1.0 - (CHAIN - STRIDE * k) / CHAIN for k in range(CHAIN // STRIDE + 1)]


def their_scheduler(kind: Any, **settings: Any) -> Any:
    scheduler = kind(
        num_train_timesteps=CHAIN, trained_betas=np.linspace(1e-4, 0.02, CHAIN), timestep_spacing="trailing", clip_sample=False, **settings
    )
    scheduler.alphas_cumprod = torch.from_numpy(TheirSchedule()._bars()[1:])
    scheduler.betas, scheduler.one = 1.0 - scheduler.alphas_cumprod, torch.tensor(1.0, dtype=DOUBLE)
    scheduler.set_timesteps(CHAIN // STRIDE)
    return scheduler


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim_is_diffusers_(eta: float) -> None:
    """DDIMScheduler with eta, fed our noise: 1e-9."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    scheduler = their_scheduler(DDIMScheduler, set_alpha_to_one=True)
    scheduler.final_alpha_cumprod = torch.tensor(1.0, dtype=DOUBLE)
    field, times, w = TheirField(), their_times(), BrownianPath(4, 100, 2)
    x = X0
    for (t, end), k in zip(pairwise(times), scheduler.timesteps.tolist(), strict=True):
        assert round((1.0 - t) * CHAIN) == k + 1
        noise = torch.from_numpy(w.at(end) - w.at(t)) / (end - t) ** 0.5
        x = scheduler.step(field(x, t), k, x, eta=eta, variance_noise=noise).prev_sample
    torch.testing.assert_close(solve(DDIM(eta=eta), field, times, w)[-1], x, rtol=0, atol=1e-9)


def test_ddpm_is_diffusers_(monkeypatch: pytest.MonkeyPatch) -> None:
    """DDPMScheduler with its fixed_small variance, fed our noise: 1e-9 (the last step draws none in either)."""
    from diffusers.schedulers import scheduling_ddpm

    scheduler = their_scheduler(scheduling_ddpm.DDPMScheduler, variance_type="fixed_small")
    field, times, w = TheirField(), their_times(), BrownianPath(4, 100, 2)
    drawn: list[torch.Tensor] = []
    monkeypatch.setattr(scheduling_ddpm, "randn_tensor", lambda *_args, **_settings: drawn[-1])
    x = X0
    for (t, end), k in zip(pairwise(times), scheduler.timesteps.tolist(), strict=True):
        drawn.append(torch.from_numpy(w.at(end) - w.at(t)) / (end - t) ** 0.5)
        x = scheduler.step(field(x, t), k, x).prev_sample
    torch.testing.assert_close(solve(DDPM(), field, times, w)[-1], x, rtol=0, atol=1e-9)


def azula_denoiser(field: Any) -> Any:
    from azula.denoise import Denoiser, DiracPosterior
    from azula.noise import Schedule

    class Levels(Schedule):
        """Our alpha and beta; their time runs from 1, noise, to 0."""

        def __call__(self, s: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            t = 1.0 - float(s)
            return tuple(torch.tensor(float(f(t)), dtype=DOUBLE) for f in (field.path.alpha, field.path.beta))

    class Ours(Denoiser):
        schedule = Levels()

        def forward(self, x: torch.Tensor, s: torch.Tensor, **_: Any) -> Any:
            return DiracPosterior(predict(field, x, 1.0 - float(s), "data"))

    return Ours()


@pytest.mark.parametrize(
    ("name", "sampler"), [("DDIMSampler", DDIM()), ("EulerSampler", DPMSolver(solver_order=1)), ("HeunSampler", Karras(s_churn=0.0))]
)
def test_deterministic_samplers_are_azula_s(name: str, sampler: Any) -> None:
    """DDIM, its Euler and its Heun (both in the noise level), step by step; ours ends Heun with Euler's step, so it is left out: 1e-10."""
    import azula.sample

    field = exact(VPLinear())
    times = [0.02 + 0.95 * k / 30 for k in range(31)]
    theirs = getattr(azula.sample, name)(azula_denoiser(field))
    x, states = X0, [X0]
    with torch.no_grad():
        for t, end in pairwise(times):
            x = theirs.step(x, torch.tensor(1.0 - t, dtype=DOUBLE), torch.tensor(1.0 - end, dtype=DOUBLE))
            states.append(x)
    torch.testing.assert_close(solve(sampler, field, times, BrownianPath(0, 100, 2))[:-1], torch.stack(states)[:-1], rtol=0, atol=1e-9)
