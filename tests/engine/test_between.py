"""Exact fields between any two laws, against the gradient of log p_t, the continuity equation, quadrature and textbook formulas."""

from __future__ import annotations

import math
from itertools import product

import msgspec
import numpy as np
import pytest
import torch

from engine.arrays import Array
from engine.choice import Problem
from engine.couplings import Independent, OptimalTransport, Schrodinger
from engine.densities.mixture import GaussianMixture
from engine.experiment import Experiment
from engine.fields.base import denoiser, drift, score, velocity
from engine.fields.between import MOST_PAIRS, BetweenField, evenly_thinned
from engine.fields.exact import ExactField, exact_field_of, exact_refusal
from engine.interpolants import Bridge, Interpolant, ProductLatent, RootLatent, SineLatent, ZeroLatent
from engine.paths import Path
from engine.randomness import generator
from engine.samplers.sigma import ConstantSigma, SqrtSigma
from engine.schedules import CondOT, Trigonometric, VPLinear
from engine.sources import StandardGaussian, source_law
from engine.targets import Checkerboard, EightGaussians, Helix, Mixture, Moons, Pinwheel, Points, TorusKnot
from engine.targets.raster import from_raster

DOUBLE = torch.float64
CROSS = ((0.5, 0.3), (0.3, 0.4))
ONE = Mixture(means=((1.0, -1.0),), covariances=(CROSS,), weights=(1.0,))
OTHER = Mixture(means=((-0.5, 0.2),), covariances=(((0.3, -0.1), (-0.1, 0.8)),), weights=(1.0,))
INK = np.zeros((3, 4), np.float32)
INK[0, 1], INK[1, 2], INK[2, 0] = 1.0, 2.0, 0.5
PAINTING = from_raster(INK, (-2.0, 3.0, 1.0, 2.5))
SQUARE = from_raster(INK.T + np.eye(4, 3, dtype=np.float32), (-1.0, 1.0, -1.0, 1.0))
STRETCHED = Points(values=Array(np.array([[0.0, 1.0], [2.0, 30.0], [3.0, -20.0], [1.0, 5.0]])), bandwidth=0.3)
ROOT, BRIDGE = Interpolant(gamma=RootLatent(a=0.7)), Bridge(sigma=0.4)

CASES: dict[str, Experiment] = {
    "moons to 8 Gaussians, straight": Experiment(source=Moons(), target=EightGaussians(std=1.0), path=CondOT()),
    "moons to 8 Gaussians, square root": Experiment(source=Moons(noise=0.2), target=EightGaussians(std=1.0), path=ROOT),
    "Mixture to pinwheel, quarter circle": Experiment(
        source=Mixture(), target=Pinwheel(), path=Interpolant(shape="trigonometric", gamma=SineLatent())
    ),
    "pinwheel to moons, product": Experiment(
        source=Pinwheel(), target=Moons(noise=0.3), path=Interpolant(shape="trigonometric", gamma=ProductLatent())
    ),
    "Gaussian to moons by way of zero": Experiment(target=Moons(noise=0.2), path=Interpolant(shape="encoder-decoder", gamma=SineLatent())),
    "mixture to moons by way of zero": Experiment(
        source=Mixture(), target=Moons(noise=0.2), path=Interpolant(shape="encoder-decoder", gamma=RootLatent())
    ),
    "moons to painting, bridge": Experiment(source=EightGaussians(radius=1.0, std=0.3), target=PAINTING, path=BRIDGE),
    "moons to checkerboard, straight": Experiment(
        source=EightGaussians(radius=1.0, std=0.5, modes=5), target=Checkerboard(), path=CondOT()
    ),
    "checkerboard to 8 Gaussians, bridge": Experiment(source=Checkerboard(), target=EightGaussians(), path=BRIDGE),
    "painting to 8 Gaussians, straight": Experiment(source=PAINTING, target=EightGaussians(std=1.5), path=VPLinear()),
    "Gaussian to checkerboard by way of zero": Experiment(
        target=Checkerboard(), path=Interpolant(shape="encoder-decoder", gamma=SineLatent())
    ),
    "Gaussian to mixture, square root": Experiment(target=Mixture(), path=ROOT),
    "Gaussian to painting, product": Experiment(target=PAINTING, path=Interpolant(shape="trigonometric", gamma=ProductLatent())),
    "Gaussian to checkerboard, bridge": Experiment(target=Checkerboard(), path=BRIDGE),
    "painting to checkerboard, straight": Experiment(source=PAINTING, target=Checkerboard(), path=CondOT()),
    "checkerboard to painting, bridge": Experiment(source=Checkerboard(), target=PAINTING, path=BRIDGE),
    "painting to painting, quarter circle": Experiment(
        source=PAINTING, target=SQUARE, path=Interpolant(shape="trigonometric", gamma=SineLatent())
    ),
    "painting to painting, product": Experiment(source=PAINTING, target=SQUARE, path=Interpolant(gamma=ProductLatent())),
    "painting to painting by way of zero": Experiment(
        source=PAINTING, target=SQUARE, path=Interpolant(shape="encoder-decoder", gamma=RootLatent())
    ),
    "slanting Gaussians to painting": Experiment(source=Mixture(), target=PAINTING, path=CondOT()),
    "painting to slanting Gaussians, bridge": Experiment(source=PAINTING, target=Mixture(), path=BRIDGE),
    "painting to stretched points": Experiment(source=PAINTING, target=STRETCHED, path=Interpolant(gamma=ProductLatent())),
    "helix to knot": Experiment(source=Helix(turns=1.0, noise=0.4), target=TorusKnot(noise=0.5), path=BRIDGE),
    "transport, straight": Experiment(source=ONE, target=OTHER, coupling=OptimalTransport()),
    "transport from noise, bridge": Experiment(target=OTHER, coupling=OptimalTransport(), path=BRIDGE),
    "transport, quarter circle": Experiment(source=ONE, target=OTHER, coupling=OptimalTransport(), path=Interpolant(shape="trigonometric")),
    "Schrödinger": Experiment(source=ONE, target=OTHER, coupling=Schrodinger(sigma=0.4), path=BRIDGE),
}


def draws(experiment: Experiment, t: float, n: int, seed: int = 1) -> torch.Tensor:
    """x_t of independent ends, (n, d) float64: near enough to p_t for any coupling to be points where it is not negligible."""
    rng = generator(seed)
    x1 = experiment.target.frame().inward(experiment.target.sample(n, rng))
    x0 = source_law(experiment).sample(n, rng)
    return torch.as_tensor(np.asarray(experiment.general_path().point(t, x0, x1, rng.standard_normal(x1.shape))))


@pytest.mark.parametrize("name", CASES)
def test_score_is_the_gradient_and_mass_is_conserved(name: str) -> None:
    """s = grad log p_t to 1e-9; d_t log p + div u + u . grad log p = 0 to 1e-8, each relative to its terms."""
    experiment = CASES[name]
    assert exact_refusal(experiment) is None
    field = exact_field_of(experiment, dtype=DOUBLE)
    for time in (0.03, 0.31, 0.5, 0.69, 0.96):
        x = draws(experiment, time, 6).requires_grad_()
        t = torch.tensor(time, dtype=DOUBLE, requires_grad=True)
        log_p = field.log_prob(x, t)
        gradient = torch.autograd.grad(log_p.sum(), x, retain_graph=True)[0]
        assert ((field.score(x, t) - gradient).abs() / (1.0 + gradient.abs())).max() < 1e-9
        rate = torch.stack([torch.autograd.grad(value, t, retain_graph=True)[0] for value in log_p])
        u = field(x, t)
        parts = [torch.autograd.grad(u[:, k].sum(), x, retain_graph=True)[0][:, k] for k in range(field.dimension)]
        along = (u * gradient).sum(dim=1)
        size = 1.0 + rate.abs() + sum(part.abs() for part in parts) + along.abs()
        assert ((rate + sum(parts) + along).abs() / size).max() < 1e-8


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("name", CASES)
def test_everything_is_finite_to_both_ends_and_far_away(name: str, dtype: torch.dtype) -> None:
    field = exact_field_of(CASES[name], dtype=dtype)
    low, high = field.interval
    rng = generator(2)
    x = torch.as_tensor(np.concatenate([rng.standard_normal((20, field.dimension)) * scale for scale in (1.0, 4.0, 50.0)])).to(dtype)
    for t in (low, low + 1e-6, 0.01, 0.5, 0.9, 0.99, high):
        for values in (field(x, t), field.data(x, t), field.score(x, t), field.log_prob(x, t)):
            assert values.dtype == dtype
            bounded = values.ndim == 1 and name == "painting to checkerboard, straight"  # where no pair of points reaches, log 0
            assert (torch.isfinite(values) | (values == -math.inf) if bounded else torch.isfinite(values)).all()


@pytest.mark.parametrize("name", CASES)
def test_single_precision_agrees_with_double(name: str) -> None:
    """Velocities at draws of p_t: 2e-3 of their size (worst next to an end whose law has edges, where 1e-3 divides the rounding)."""
    experiment = CASES[name]
    single, double = exact_field_of(experiment), exact_field_of(experiment, dtype=DOUBLE)
    for t in (double.interval[0], 0.1, 0.6, double.interval[1]):
        x = draws(experiment, t, 40).float()
        exact = double(x.double(), t)
        assert ((single(x, t) - exact).abs() / (1.0 + exact.abs())).max() < 2e-3


@pytest.mark.parametrize("name", [name for name in CASES if isinstance(exact_field_of(CASES[name]), BetweenField)])
def test_the_parts_of_x_add_up(name: str) -> None:
    """x = a E[x0|x] + b E[x1|x] + gamma eta, and D from (x, u, eta) by the path's coefficients."""
    experiment = CASES[name]
    field = exact_field_of(experiment, dtype=DOUBLE)
    path = field.path
    for t in (0.1, 0.5, 0.55, 0.9):
        x = draws(experiment, t, 20)
        first, second, pull = field.ends(x, t)
        eta = field.latent_noise(x, t)
        assert torch.allclose(float(path.latent(t)) * pull, eta)
        assert torch.allclose(
            float(path.source_weight(t)) * first + float(path.data_weight(t)) * second + float(path.latent(t)) * eta, x, atol=1e-9
        )
        found = path.data_coefficients(t)
        if found is None:
            assert t <= 0.5
            continue
        p, q, r = (float(number) for number in found)
        assert torch.allclose(p * x + q * field(x, t) + r * eta, second, atol=1e-8 * max(1.0, abs(p)))


def test_against_brute_force() -> None:
    """E[x1|x] and u by importance weights over 400,000 draws of both ends (n = 400,000, seed 3), to 4 standard errors."""
    experiment = CASES["moons to painting, bridge"]
    field, path, n = exact_field_of(experiment, dtype=DOUBLE), BRIDGE, 400_000
    rng = generator(3)
    x1 = experiment.target.frame().inward(experiment.target.sample(n, rng))
    x0 = source_law(experiment).sample(n, rng)
    for t in (0.3, 0.7):
        latent = path.latent(t)
        for x in draws(experiment, t, 4).numpy():
            away = x - path.source_weight(t) * x0 - path.data_weight(t) * x1
            weight = np.exp(-0.5 * (away**2).sum(axis=1) / latent**2)
            weight /= weight.sum()
            rate = path.source_weight_dot(t) * x0 + path.data_weight_dot(t) * x1 + path.latent_latent_dot(t) * away / latent**2
            place = torch.as_tensor(x)[None]
            for values, exact in ((x1, field.data(place, t)), (rate, field(place, t))):
                mean = weight @ values
                error = np.sqrt((weight**2) @ (values - mean) ** 2)
                assert (np.abs(mean - exact[0].numpy()) < 4.5 * error).all()


@pytest.mark.parametrize("path", [ROOT, BRIDGE, Interpolant(shape="trigonometric", gamma=SineLatent()), Interpolant(gamma=ProductLatent())])
def test_the_effective_gaussian_path_is_the_mixture_of_pairs(path: Path) -> None:
    """A Gaussian source: alpha = b, beta^2 = a^2 + gamma^2 gives the same u, s, D and log p as the general form does."""
    noise = Mixture(means=((0.0, 0.0),), covariances=(((1.0, 0.0), (0.0, 1.0)),), weights=(1.0,))
    target = Mixture(standardise="none")
    short = exact_field_of(Experiment(target=target, path=path), dtype=DOUBLE)
    long = exact_field_of(Experiment(target=target, source=noise, path=path), dtype=DOUBLE)
    assert isinstance(short, ExactField)
    assert isinstance(long, BetweenField)
    x = torch.as_tensor(generator(0).standard_normal((30, 2)))
    for t in (0.02, 0.4, 0.97):
        for one, other in ((velocity, velocity), (score, score), (denoiser, denoiser)):
            assert torch.allclose(one(short, x, t), other(long, x, t), rtol=1e-8, atol=1e-8)
        assert torch.allclose(short.log_prob(x, t), long.log_prob(x, t), rtol=1e-10, atol=1e-10)
        for sigma in (ConstantSigma(scale=0.7), SqrtSigma()):
            assert torch.allclose(drift(short, x, t, sigma), drift(long, x, t, sigma), rtol=1e-8, atol=1e-8)


def test_interpolants_without_latent_noise_are_the_schedules() -> None:
    assert Interpolant(gamma=ZeroLatent()).gaussian() == CondOT()
    assert Interpolant(shape="trigonometric", gamma=ZeroLatent()).gaussian() == Trigonometric()


def test_the_gaussian_schrodinger_bridge() -> None:
    """N(-0.1, I) to N(0.1, I): p_t = N(0.2 t - 0.1, (t (1 - t) sqrt(4 + sigma^4) + (1 - t)^2 + t^2) I), to 1e-12 (De Bortoli
    2106.01357)."""
    eye = ((1.0, 0.0), (0.0, 1.0))
    source = Mixture(means=((-0.1, -0.1),), covariances=(eye,), weights=(1.0,))
    target = Mixture(means=((0.1, 0.1),), covariances=(eye,), weights=(1.0,), standardise="none")
    for sigma in (0.1, 0.5, 1.0, 2.0):
        experiment = Experiment(source=source, target=target, coupling=Schrodinger(sigma=sigma), path=Bridge(sigma=sigma))
        field = exact_field_of(experiment, dtype=DOUBLE)
        for t in np.linspace(0.0, 1.0, 21):
            path = field.path
            mean, covariance = field.posterior.moments(float(path.source_weight(t)), float(path.data_weight(t)), float(path.latent(t)))
            variance = t * (1 - t) * math.sqrt(4 + sigma**4) + (1 - t) ** 2 + t**2
            assert np.abs(mean.numpy() - (0.2 * t - 0.1)).max() < 1e-12
            assert np.abs(covariance.numpy() - variance * np.eye(2)).max() < 1e-12


def test_the_schrodinger_bridge_solves_its_own_equation() -> None:
    """Its drift b = u + sigma^2 s / 2 is a gradient field of Brownian motion: x1 | x0 of the SDE has the coupling's covariance.

    For Gaussians the SDE dX = b dt + sigma dW is linear, and Cov(X_t, X_0) solves K' = J K: integrated by RK4, 2,000 steps, to 1e-6.
    """
    sigma = 0.4
    field = exact_field_of(CASES["Schrödinger"], dtype=DOUBLE)
    x = torch.zeros(1, 2, dtype=DOUBLE)

    def slope(t: float) -> np.ndarray:
        jacobian = torch.autograd.functional.jacobian(lambda x: field.velocity(x, t) + 0.5 * sigma**2 * field.score(x, t), x)
        return jacobian[0, :, 0, :].numpy()

    law = source_law(CASES["Schrödinger"])
    cross, steps = law.covariance.copy(), 400
    for k in range(steps):
        t, h = k / steps, 1 / steps
        k1 = slope(t) @ cross
        middle = slope(t + 0.5 * h)
        k2 = middle @ (cross + 0.5 * h * k1)
        k3 = middle @ (cross + 0.5 * h * k2)
        k4 = slope(t + h) @ (cross + h * k3)
        cross = cross + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    assert np.abs(cross.T - field.posterior._cross.numpy()).max() < 1e-6


def test_optimal_transport_of_gaussians_is_the_straight_map() -> None:
    """Along x_t = (1 - t) x0 + t T(x0) the velocity at x_t is T(x0) - x0, with T = C0^-1/2 (C0^1/2 C1 C0^1/2)^1/2 C0^-1/2, to 1e-12."""
    experiment = CASES["transport, straight"]
    field, law = exact_field_of(experiment, dtype=DOUBLE), source_law(experiment)
    values, vectors = np.linalg.eigh(law.covariance)
    half, back = (vectors * values**0.5) @ vectors.T, (vectors * values**-0.5) @ vectors.T
    inner, axes = np.linalg.eigh(half @ field.covariance @ half)
    transport = back @ (axes * np.sqrt(inner)) @ axes.T @ back
    x0 = generator(5).standard_normal((20, 2))
    x1 = field.mean + (x0 - law.mean) @ transport.T
    for t in (0.0, 0.3, 1.0):
        u = field(torch.as_tensor((1 - t) * x0 + t * x1), t).numpy()
        assert np.abs(u - (x1 - x0)).max() < 1e-11


def test_a_score_by_conversion_would_be_wrong_under_transport() -> None:
    """N(0, 1) to N(0, 0.09) by transport at t = 1/2: x = 0.65 x0, so s = -x / 0.4225 = -2.37 x; (alpha u - alpha' x)/(beta W) is -3.08 x.

    So an SDE is refused there with that reason.
    """
    small = Mixture(means=((0.0, 0.0),), covariances=(((0.09, 0.0), (0.0, 0.09)),), weights=(1.0,), standardise="none")
    experiment = Experiment(target=small, coupling=OptimalTransport())
    field = exact_field_of(experiment, dtype=DOUBLE)
    x = torch.as_tensor(generator(6).standard_normal((10, 2)))
    assert torch.allclose(field.score(x, 0.5), -x / 0.4225, rtol=1e-12)
    assert abs(1 / 0.4225 - 2.37) < 0.005
    path = CondOT()
    converted = (path.alpha(0.5) * field(x, 0.5) - path.alpha_dot(0.5) * x) / (path.beta(0.5) * path.wronskian(0.5))
    assert torch.allclose(converted, -3.0769230769 * x, rtol=1e-8)
    reason = experiment.score_refusal()
    assert reason is not None
    assert "drawn independently" in reason
    assert experiment.gaussian_path() is None


def test_which_have_no_closed_form() -> None:
    for experiment, said in (
        (Experiment(source=Moons(), coupling=OptimalTransport()), "two single Gaussians"),
        (Experiment(target=Moons(), coupling=OptimalTransport(), path=BRIDGE), "two single Gaussians"),
        (Experiment(path=Interpolant(shape="encoder-decoder", gamma=ZeroLatent())), "t = ½"),
        (Experiment(source=Helix()), "3 axes and the data 2"),
    ):
        reason = exact_refusal(experiment)
        assert reason is not None
        assert said in reason
        assert reason.endswith(".")
        with pytest.raises(Problem):
            exact_field_of(experiment)


def test_thinning_is_even_and_said() -> None:
    mixture = GaussianMixture(np.arange(1000.0)[:, None] * [1.0, 0.0], stds=1.0)
    fewer = evenly_thinned(mixture, 100)
    assert fewer.count == 100
    assert np.abs(np.diff(fewer.means[:, 0]) - 10.0).max() <= 1.0 + 1e-9
    assert evenly_thinned(mixture, 1000) is mixture
    heavy = GaussianMixture([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]], stds=1.0, weights=[0.98, 0.01, 0.01])
    assert evenly_thinned(heavy, 2).count == 1
    many = exact_field_of(Experiment(source=Moons(noise=0.02), target=Moons(noise=0.03), path=BRIDGE))
    assert "Gaussians" in many.note
    assert len(many.posterior._log_weights) <= MOST_PAIRS


def test_a_thinned_curve_is_nearly_the_same_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes half a noise std apart, thinned to two stds apart: velocities to 5 % of their size (rms over 200 draws of p_t)."""
    experiment = Experiment(source=Moons(noise=0.1), target=EightGaussians(), path=CondOT())
    full = exact_field_of(experiment, dtype=DOUBLE)
    count = len(full.posterior._log_weights)
    monkeypatch.setattr("engine.fields.between.MOST_PAIRS", count // 4)
    fewer = exact_field_of(experiment, dtype=DOUBLE)
    assert full.note == ""
    assert len(fewer.posterior._log_weights) == pytest.approx(count // 4, rel=0.05)
    for t in (0.0, 0.2, 0.6):
        x = draws(experiment, t, 200)
        exact = full(x, t)
        assert ((fewer(x, t) - exact).norm(dim=1) / (1.0 + exact.norm(dim=1))).square().mean() < 0.05**2


def test_couplings_and_sources_of_one_field_do_not_mix_up() -> None:
    """The independent coupling of two Gaussians is not the transport: the mixture's field and the joint Gaussian's differ."""
    independent = msgspec.structs.replace(CASES["transport, straight"], coupling=Independent())
    x = torch.as_tensor(generator(7).standard_normal((5, 2)))
    one, other = exact_field_of(independent, dtype=DOUBLE), exact_field_of(CASES["transport, straight"], dtype=DOUBLE)
    assert (one(x, 0.5) - other(x, 0.5)).abs().max() > 0.1
    for t, a in product((0.0, 1.0), (one, other)):
        assert torch.allclose(a.log_prob(x, t), (one if a is other else other).log_prob(x, t), rtol=1e-9)
    assert isinstance(Experiment().source, StandardGaussian)
