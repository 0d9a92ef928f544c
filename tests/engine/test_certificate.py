"""Girsanov's KL against closed forms, weights that average to one, and the chain on a trained network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.certificate import certificate, certificate_times, path_kl
from engine.choice import Problem
from engine.experiment import Experiment, Training
from engine.fields.exact import exact_field_of
from engine.fields.learned import load_field
from engine.fokker_planck import Box
from engine.networks import MLP
from engine.samplers.sigma import SineSigma, SqrtSigma
from engine.targets import Mixture
from engine.training import Trainer

torch.set_num_threads(1)
N = 4_000


def normals(n: int, d: int = 2) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=1)).standard_normal((n, d))


@pytest.mark.parametrize("d", [2, 3])
def test_a_constant_difference_has_its_closed_form(d: int) -> None:
    """|c|^2 T / (2 sigma^2), no chance in it; n = 4,000, seed 0: weights average to 1 within 4 s.e."""
    c = np.full(d, 0.4)
    *_, end = path_kl(normals(N, d), lambda x, _: -x, lambda x, _: -x + c, lambda _: 1.5, np.linspace(0.0, 0.8, 41))
    assert end.kl == pytest.approx(0.16 * d * 0.8 / 3.0, rel=1e-12)
    assert end.kl_error < 1e-12
    assert 0.0 < end.weight_error < 0.05
    assert abs(end.weight - 1.0) < 4.0 * end.weight_error
    assert 0.5 * N < end.effective < N


def test_two_ornstein_uhlenbeck_processes() -> None:
    """dX = -X dt + sqrt 2 dW is stationary at N(0, I): KL = (k - k')^2 d T / 4; Euler-Maruyama's variance is 1/(1 - h/2)."""
    *_, end = path_kl(normals(N), lambda x, _: -x, lambda x, _: -1.5 * x, lambda _: 2.0, np.linspace(0.0, 1.0, 101))
    assert abs(end.kl - 0.25 * 2.0 / 4.0) < 4.0 * end.kl_error + 0.005 * 0.125
    assert abs(end.weight - 1.0) < 4.0 * end.weight_error


def test_equal_drifts_are_not_told_apart_and_no_noise_is_refused() -> None:
    *_, end = path_kl(normals(50), lambda x, _: -x, lambda x, _: -x, lambda _: 0.0, np.linspace(0.0, 1.0, 11))
    assert (end.kl, end.weight) == (0.0, 1.0)
    with pytest.raises(Problem, match="KL is infinite"):
        list(path_kl(normals(50), lambda x, _: -x, lambda x, _: x, lambda _: 0.0, np.linspace(0.0, 1.0, 11)))
    times = certificate_times(0.0, 0.01, 20)
    np.testing.assert_allclose((1.0 - times)[[0, 10, 20]], [1.0, 0.1, 0.01])


def test_the_chain_holds_on_a_small_network() -> None:
    experiment = Experiment(target=Mixture(), network=MLP(width=16, depth=2), training=Training(batch=128, learning_rate=1e-2, ema=0.9))
    trainer = Trainer(experiment)
    for step in trainer.run():
        if step.step >= 200:
            break
    learned, exact = load_field(experiment, trainer.state()), exact_field_of(experiment)
    box = Box((-4.0, -4.0), (4.0, 4.0), (72, 72))
    work, shares = certificate(exact, learned, SqrtSigma(), box, delta=0.1, n=500, steps=60), []
    while True:
        try:
            shares.append(next(work))
        except StopIteration as stop:
            found = stop.value
            break
    assert shares == sorted(shares)
    assert found.t == pytest.approx(0.9)
    assert 0.0 < found.tv < found.pinsker < found.path_bound
    assert found.holds
    assert 0.0 < found.path_kl_error < 0.2 * found.path_kl
    assert found.tv_error < 0.02
    assert abs(found.weight - 1.0) < 4.0 * found.weight_error
    assert np.all(np.diff(found.growth) >= 0.0)
    assert found.per_decade is not None
    assert found.wall < 1e-3
    with pytest.raises(Problem, match="KL is infinite"):
        list(certificate(exact, learned, SineSigma(), box, n=10))
