"""Training and sampling between any two laws: what f regresses, the loss against the exact field's, the two-head field, starts."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import pytest
import torch

from engine.batches import GeneralBatches, batches_of
from engine.choice import Problem
from engine.couplings import OptimalTransport, Schrodinger
from engine.experiment import Experiment, Training
from engine.fields.base import denoiser, drift, predict, score, velocity
from engine.fields.between import BetweenField
from engine.fields.exact import exact_field_of
from engine.fields.start import start
from engine.interpolants import Bridge, Interpolant, ProductLatent, RootLatent, SineLatent, ZeroLatent
from engine.networks import MLP
from engine.objectives import FlowAndScore, FlowMatching, StochasticInterpolant
from engine.objectives.weights import One
from engine.paths import Path
from engine.preconditioning import GeneralPreconditioning
from engine.randomness import generator
from engine.samplers import EulerMaruyama, Heun
from engine.samplers.sigma import ConstantSigma, SqrtSigma
from engine.schedules import CondOT, VPLinear
from engine.simulation import simulate, trajectory
from engine.sources import source_law
from engine.targets import EightGaussians, Mixture, Moons
from engine.training import Trainer

CPU, DOUBLE = torch.device("cpu"), torch.float64
NETWORK = MLP(width=48, depth=2)
PRODUCT = Interpolant(gamma=ProductLatent())
CASES = {
    "moons straight": Experiment(source=Moons(), network=NETWORK),
    "moons VP": Experiment(source=Moons(), path=VPLinear(), network=NETWORK),
    "moons interpolant": Experiment(source=Moons(), path=PRODUCT, objective=StochasticInterpolant(), network=NETWORK),
    "Gaussian interpolant": Experiment(path=Interpolant(), objective=StochasticInterpolant(), network=NETWORK),
    "moons by way of zero": Experiment(
        source=Moons(), path=Interpolant(shape="encoder-decoder", gamma=SineLatent()), objective=StochasticInterpolant(), network=NETWORK
    ),
    "Schrödinger": Experiment(
        source=Moons(), path=Bridge(sigma=0.5), coupling=Schrodinger(sigma=0.5), objective=FlowAndScore(), network=NETWORK
    ),
    "transport, plain": Experiment(
        source=Moons(),
        coupling=OptimalTransport(),
        path=Interpolant(shape="trigonometric", gamma=ZeroLatent()),
        network=MLP(width=16, depth=1, residual=False, space_features=0),
    ),
}


def small(experiment: Experiment, batch: int = 64) -> Experiment:
    return msgspec.structs.replace(experiment, training=Training(batch=batch))


@pytest.mark.parametrize("name", CASES)
def test_every_case_trains_and_resumes_bit_for_bit(name: str) -> None:
    trainer = Trainer(small(CASES[name]))
    for _ in trainer.run(until=40):
        pass
    assert np.isfinite(trainer.losses).all()
    middle = trainer.state()
    for _ in trainer.run(until=50):
        pass
    again = Trainer(small(CASES[name]), state=middle)
    for _ in again.run(until=50):
        pass
    assert np.array_equal(again.state().weights, trainer.state().weights)


@pytest.mark.parametrize("name", CASES)
def test_the_fast_path_is_the_plain_one_at_one_time_or_many(name: str) -> None:
    trainer = Trainer(small(CASES[name]))
    for _ in trainer.run(until=20):
        pass
    field = trainer.field()
    x = torch.as_tensor(generator(0).standard_normal((3000, 2))).float()
    for t in (*field.interval, 0.3, 0.5):
        fast, plain, many = field(x, t), field.plain(x, t), field(x, torch.full((3000,), t, dtype=DOUBLE))
        assert fast.shape == (3000, 2 * field.experiment.objective.heads)
        assert torch.isfinite(fast).all()
        assert float((fast - plain).abs().max()) <= 1e-5 * float(plain.abs().max())
        assert float((many - plain).abs().max()) <= 1e-5 * float(plain.abs().max())


@pytest.mark.parametrize(
    "path",
    [
        PRODUCT,
        Bridge(sigma=0.7),
        Interpolant(shape="trigonometric", gamma=SineLatent()),
        Interpolant(shape="encoder-decoder", gamma=RootLatent(a=1.0)),
        Interpolant(shape="trigonometric", gamma=ZeroLatent()),
    ],
    ids=str,
)
@pytest.mark.parametrize("second", ["noise", "score"])
def test_what_f_regresses_has_variance_one_and_nothing_to_do_with_x(path: Path, second: Literal["noise", "score"]) -> None:
    """n = 40,000 Gaussian pairs, seed 0: the standard error of a variance of one is 0.007, of a correlation 0.005.

    The noise's part is 1 + 0.01 / gamma^2, since the network's share of eta falls with gamma; where it tells the score, 1 / gamma^2.
    """
    rng = generator(0)
    n, v0, v1 = 40_000, 0.6, 2.5
    heads = 2 if path.has_latent_noise else 1
    pre = GeneralPreconditioning(path, heads, torch.tensor([1.0]).double(), v0, torch.tensor([-2.0]).double(), v1, second=second)
    x0, x1, eps = (torch.as_tensor(rng.standard_normal((n, 1))) for _ in range(3))
    x0, x1 = 1.0 + v0**0.5 * x0, -2.0 + v1**0.5 * x1
    for time in (0.02, 0.3, 0.8, 0.98):
        t = torch.full((n, 1), time, dtype=DOUBLE)
        x = path.point(t, x0, x1, eps)
        scale, skip, offset = pre.affine(t)
        f = (pre.value(t, x0, x1, eps) - offset - skip * x.repeat(1, heads)) / scale
        fallen = 1.0 / float(path.latent(time)) ** 2 if heads == 2 else 0.0
        near = 1.0 + 0.01 * fallen if second == "noise" else fallen
        for k, variance in enumerate((1.0, near)[:heads]):
            assert abs(float(f[:, k].mean())) < 0.03 * variance**0.5
            assert float(f[:, k].var()) == pytest.approx(variance, rel=0.04)
            assert abs(float(torch.corrcoef(torch.stack([f[:, k], x[:, 0]]))[0, 1])) < 0.02


def test_a_plain_networks_second_half_can_be_the_score_itself() -> None:
    """s = -f to the last bits, at the ends too, where that of a network that tells the noise grows as 1 / gamma."""
    x = torch.randn(32, 2, generator=torch.Generator().manual_seed(3))
    sizes = {}
    for second in ("noise", "score"):
        network = MLP(width=16, depth=1, residual=False, space_features=0)
        experiment = small(
            Experiment(source=Moons(), path=Bridge(sigma=0.7), objective=FlowAndScore(second=second), network=network, start="standard")
        )
        trainer = Trainer(experiment)
        for _ in trainer.run(until=30):  # at first the last layer is zero
            pass
        field, told = trainer.field(), []
        for t in (0.002, 0.3, 0.998):
            f = field._plain_network(field._embedding.both(x, torch.full((len(x),), t)).t())[:, 2:]
            told.append(float((score(field, x, t) + (f if second == "score" else f / field.path.latent(t))).abs().max()))
            sizes[second, t] = float(score(field, x, t).abs().max())
        assert max(told) < 1e-4 * sizes[second, 0.3]
    assert sizes["score", 0.002] < 3 * sizes["score", 0.3]
    assert sizes["noise", 0.002] > 5 * sizes["noise", 0.3]


def exact_block(
    experiment: Experiment, n: int, times: int
) -> tuple[GeneralBatches, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Batches, (t, x) of n draws at each of so many times, and what f regresses there with its weight, in float64."""
    batches = batches_of(experiment, CPU, DOUBLE)
    assert isinstance(batches, GeneralBatches)
    rng = generator(11)
    count = n * times
    x1 = batches.frame.inward(experiment.target.sample(count, rng))
    x0, eps = batches.source.sample(count, rng), rng.standard_normal((count, 2))
    low, high = experiment.interval()
    t = np.repeat(low + (high - low) * (np.arange(times) + 0.5) / times, n)
    block = batches.problem(0, x0, x1, eps, t)
    return (
        batches,
        torch.as_tensor(t),
        batches.path.point(torch.as_tensor(t)[:, None], *map(torch.as_tensor, (x0, x1, eps))),
        block.target,
        block.weight,
    )


def loss_of(
    batches: GeneralBatches, t: torch.Tensor, prediction: torch.Tensor, x: torch.Tensor, target: torch.Tensor, weight: torch.Tensor
) -> torch.Tensor:
    """The error of each row for a prediction of velocity and noise."""
    scale, skip, offset = batches.preconditioning.affine(t[:, None])
    return (weight * ((prediction - offset - skip * x.repeat(1, 2)) / scale - target) ** 2).sum(dim=1)


def both_exact(field: BetweenField, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Exact velocity and noise at times that are shared by many rows."""
    out = torch.empty(len(x), 4, dtype=x.dtype)
    for time in t.unique().tolist():
        rows = t == time
        out[rows] = torch.cat([field.velocity(x[rows], time), field.latent_noise(x[rows], time)], dim=1)
    return out


def test_the_loss_falls_towards_the_exact_fields() -> None:
    """8 Gaussians from moons by the interpolant's objective: loss(net) = loss(exact) + E|net - exact|^2.

    n = 20 times x 600 draws, seed 11. The cross term has mean zero; its standard error is computed. After 500 steps of
    training less than 0.4 of the first gap is left (seed 0: 0.2).
    """
    experiment = Experiment(
        source=Moons(),
        target=EightGaussians(),
        path=PRODUCT,
        objective=StochasticInterpolant(weight=One()),
        network=NETWORK,
        training=Training(batch=512),
    )
    batches, t, x, target, weight = exact_block(experiment, 600, 20)
    field = exact_field_of(experiment, dtype=DOUBLE)
    assert isinstance(field, BetweenField)
    exact = both_exact(field, x, t)
    floor = loss_of(batches, t, exact, x, target, weight)
    trainer = Trainer(experiment)

    def gap() -> tuple[float, float, float]:
        learned = trainer.field().plain(x.float(), t).double()
        more = loss_of(batches, t, learned, x, target, weight) - floor
        distance = (learned - exact).square().sum(dim=1)
        error = float((more - distance).std()) / len(x) ** 0.5
        assert abs(float((more - distance).mean())) < 4.0 * error
        return float(more.mean()), float(distance.mean()), error

    before, _, _ = gap()
    for _ in trainer.run(until=500):
        pass
    after, distance, error = gap()
    assert distance == pytest.approx(after, abs=4.0 * error)
    assert 0.0 < after < 0.4 * before


class TwoHeads:
    """An exact field that only tells what a network of two heads would: velocity and noise, (n, 2d)."""

    def __init__(self, field: BetweenField) -> None:
        self.inner = field
        self.prediction = "velocity-and-noise"
        self.interval = field.path.interval("velocity-and-noise")
        for name in ("path", "source", "mean", "covariance", "dimension", "device", "dtype"):
            setattr(self, name, getattr(field, name))

    def __call__(self, x: torch.Tensor, t: float) -> torch.Tensor:
        return torch.cat([self.inner.velocity(x, t), self.inner.latent_noise(x, t)], dim=1)

    def score_refusal(self) -> None:
        return None


@pytest.mark.parametrize(
    "path", [PRODUCT, Bridge(sigma=0.6), Interpolant(shape="encoder-decoder", gamma=SineLatent())], ids=lambda p: str(p)[:40]
)
def test_two_exact_heads_tell_score_denoiser_and_drift(path: Path) -> None:
    field = exact_field_of(Experiment(source=Moons(), path=path), dtype=DOUBLE)
    heads = TwoHeads(field)
    x = torch.as_tensor(generator(1).standard_normal((40, 2)))
    for t in (0.05, 0.3, 0.7, 0.95):
        assert torch.allclose(velocity(heads, x, t), velocity(field, x, t), rtol=1e-10)
        assert torch.allclose(score(heads, x, t), score(field, x, t), rtol=1e-8, atol=1e-8)
        assert torch.allclose(denoiser(heads, x, t), denoiser(field, x, t), rtol=1e-7, atol=1e-7)
        for sigma in (ConstantSigma(scale=0.5), SqrtSigma()):
            assert torch.allclose(drift(heads, x, t, sigma), drift(field, x, t, sigma), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("sampler", [Heun(steps=200), EulerMaruyama(steps=400, sigma=SqrtSigma(scale=1.0))], ids=["ode", "sde"])
@pytest.mark.parametrize("path", [PRODUCT, Bridge(sigma=0.6)], ids=["interpolant", "bridge"])
def test_exact_heads_carry_moons_to_eight_gaussians(path: Path, sampler: Heun | EulerMaruyama) -> None:
    """n = 4,000, seed 2: the share of each mode is 1/8 (s.e. 0.0052) and the spread in a mode is that of the target.

    The spread's tolerance is 4 standard errors (0.0063 each) and 2 % for the steps and the end at t = 0.999. Thinner moons would need finer
    first steps on the bridge, whose noise blurs them at once.
    """
    experiment = Experiment(source=Moons(noise=0.2), target=EightGaussians(std=0.8), path=path)
    field = TwoHeads(exact_field_of(experiment, dtype=DOUBLE))
    x = experiment.target.frame().outward(trajectory(simulate(field, sampler, n=4_000, seed=2), keep=2).positions[-1])
    angle = np.arange(8) * np.pi / 4
    centres = 5.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    mode = np.linalg.norm(x[:, None] - centres, axis=2).argmin(axis=1)
    shares = np.bincount(mode, minlength=8) / len(x)
    assert np.abs(shares - 0.125).max() < 4.0 * 0.0053
    spread = np.sqrt(((x - centres[mode]) ** 2).mean())
    # drawn by the target itself and cut into the same cells
    own = experiment.target.sample(200_000, generator(3))
    nearest = np.linalg.norm(own[:, None] - centres, axis=2).argmin(axis=1)
    assert spread == pytest.approx(np.sqrt(((own - centres[nearest]) ** 2).mean()), abs=4.0 * 0.0063 + 0.016)


def test_a_start_is_a_draw_of_the_source() -> None:
    """n = 20,000, seed 4: mean and covariance of the moons in the target's frame within 4 standard errors; row k is free of n."""
    experiment = Experiment(source=Moons(), path=CondOT())
    field, law = exact_field_of(experiment, dtype=DOUBLE), source_law(experiment)
    x = start(field, 20_000, 4).numpy()
    assert np.array_equal(start(field, 37, 4).numpy(), x[:37])
    assert not np.array_equal(start(field, 37, 5).numpy(), x[:37])
    centred = x - law.mean
    assert (np.abs(centred.mean(axis=0)) < 4.0 * x.std(axis=0) / 20_000**0.5).all()
    products = centred[:, :, None] * centred[:, None, :]
    assert (np.abs(products.mean(axis=0) - law.covariance) < 4.0 * products.std(axis=0) / 20_000**0.5).all()


def test_a_start_inside_the_interval_is_the_blurred_source() -> None:
    """At t = 0.001 of a bridge: variance a^2 C0 + b^2 C1 + gamma^2 (n = 20,000, seed 5, 4 standard errors); "standard" leaves b x1 out."""
    experiment = Experiment(source=Mixture(), path=Bridge(sigma=3.0), objective=FlowAndScore())
    trainer = Trainer(small(experiment))
    field, law = trainer.field(), source_law(experiment)
    t = field.interval[0]
    assert t == 1e-3
    x = start(field, 20_000, 5).double().numpy()
    variance = np.trace(law.covariance) * (1 - t) ** 2 + t**2 * np.trace(field.covariance) + 2 * 9.0 * t * (1 - t)
    values = ((x - (1 - t) * law.mean - t * field.mean) ** 2).sum(axis=1)
    assert abs(values.mean() - variance) < 4.0 * values.std() / 20_000**0.5
    plain = start(field, 20_000, 5, "standard").double().numpy()
    assert 0.0 < np.abs(plain - x).max() < 0.01


def test_what_a_velocity_alone_does_not_tell_is_refused() -> None:
    field = Trainer(small(CASES["moons straight"])).field()
    x = torch.zeros(3, 2)
    with pytest.raises(Problem, match="source is not Gaussian"):
        score(field, x, 0.5)
    with pytest.raises(Problem, match="source is not Gaussian"):
        drift(field, x, 0.5, ConstantSigma())
    with pytest.raises(Problem, match="no noise prediction"):
        predict(exact_field_of(CASES["moons straight"]), x, 0.5, "noise")
    with pytest.raises(Problem, match="source is not Gaussian"):
        next(iter(simulate(field, EulerMaruyama(), n=3, seed=0)))


def test_a_velocity_alone_tells_the_data_where_there_is_no_latent_noise() -> None:
    """D = x + (1 - t) u on straight lines."""
    field = exact_field_of(Experiment(source=Moons()), dtype=DOUBLE)
    x = torch.as_tensor(generator(1).standard_normal((10, 2)))
    p, q, r = field.path.data_coefficients(0.3)
    assert (float(p), float(q), float(r)) == pytest.approx((1.0, 0.7, 0.0))
    assert torch.allclose(x + 0.7 * field(x, 0.3), denoiser(field, x, 0.3), rtol=1e-10)


def test_a_gaussian_source_as_a_mixture_is_the_gaussian_source() -> None:
    """Flow matching from N(0, I) written as a mixture regresses the same velocity: S, skip and scale are those of the Gaussian path."""
    noise = Mixture(means=((0.0, 0.0),), covariances=(((1.0, 0.0), (0.0, 1.0)),), weights=(1.0,))
    target = Mixture(standardise="none")
    one = batches_of(Experiment(target=target, objective=FlowMatching()), CPU, DOUBLE)
    other = batches_of(Experiment(target=target, source=noise, objective=FlowMatching()), CPU, DOUBLE)
    t = torch.linspace(0.01, 0.99, 20, dtype=DOUBLE)[:, None]
    scale, skip, offset = other.preconditioning.affine(t)
    pre = one.preconditioning
    assert torch.allclose(scale, pre.scale(t).expand(-1, 2), rtol=1e-12)
    assert torch.allclose(skip, pre.skip(t).expand(-1, 2), rtol=1e-12, atol=1e-14)
    assert torch.allclose(offset, (pre.shift(t) - pre.skip(t) * pre.path.alpha(t)) * one.mean, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_f_at_its_target_is_the_conditional_rate_and_noise(name: str) -> None:
    """offset + skip x + scale target = (d x_t / dt, eps) to 1e-9 of their size, and the inputs are those of x."""
    experiment = CASES[name]
    batches = batches_of(experiment, CPU, DOUBLE)
    assert isinstance(batches, GeneralBatches)
    rng = generator(12)
    x0, x1, eps = rng.standard_normal((3, 200, 2))
    low, high = experiment.interval()
    times = np.linspace(max(low, 0.01), min(high, 0.99), 200)
    path, t = batches.path, torch.as_tensor(times)[:, None]
    block = batches.problem(0, x0, x1, eps if path.has_latent_noise else None, times)
    x = torch.as_tensor(np.asarray(path.point(times[:, None], x0, x1, eps)))
    scale, skip, offset = batches.preconditioning.affine(t)
    found = offset + skip * x.repeat(1, batches.preconditioning.heads) + scale * block.target
    rate = path.conditional_velocity(times[:, None], x0, x1, eps)
    exact = rate if batches.preconditioning.heads == 1 else np.concatenate([rate, eps], axis=1)
    assert np.abs(found.numpy() - exact).max() < 1e-9 * (1.0 + np.abs(exact).max())
    assert torch.allclose(block.inputs, batches.embedding.both(x, torch.as_tensor(times)).t(), atol=1e-9)
    assert block.inputs.shape[1] == experiment.sizes()[0]
