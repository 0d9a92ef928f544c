"""The drift's Jacobian by a forward pass with tangents, against autograd through the network's plain path, float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.experiment import Experiment
from engine.fields import base, tangents
from engine.fields.guided import guided_field
from engine.fields.jacobian import drift_and_divergence, drift_and_jacobian
from engine.fields.learned import LearnedField
from engine.interpolants import Interpolant
from engine.labels import LabelCondition
from engine.networks import MLP
from engine.objectives import FlowMatching, Noise, StochasticInterpolant
from engine.samplers.sigma import ConstantSigma
from engine.targets import EightGaussians, Helix, Mixture, Moons

torch.set_num_threads(1)
NETWORK = MLP(width=16, depth=3)
CASES = {
    "velocity": Experiment(target=Mixture(), network=NETWORK),
    "3-D": Experiment(target=Helix(), network=NETWORK),
    "noise, plain": Experiment(objective=Noise(), network=MLP(width=16, depth=2, residual=False, space_features=0)),
    "interpolant": Experiment(
        target=Moons(), source=EightGaussians(), path=Interpolant(), objective=StochasticInterpolant(), network=NETWORK
    ),
    "labels": Experiment(target=Moons(), condition=LabelCondition(), network=NETWORK),
    "gelu": Experiment(objective=FlowMatching(), network=MLP(width=16, depth=2, activation="gelu")),
}


def field_of(experiment: Experiment) -> LearnedField:
    network = experiment.build(dtype=torch.float64)
    rng = np.random.default_rng(np.random.Philox(key=5))
    for weight, bias in network.layers:
        weight.copy_(torch.from_numpy(rng.standard_normal(tuple(weight.shape)) / np.sqrt(weight.shape[1])))
        bias.copy_(torch.from_numpy(rng.standard_normal(tuple(bias.shape))))
    return LearnedField(experiment, network.weights)


class Plain:
    """The same network by its differentiable path."""

    def __init__(self, field: LearnedField) -> None:
        self._field = field

    def __getattr__(self, name: str) -> object:
        return getattr(self._field, name)

    def __call__(self, x: torch.Tensor, t: float) -> torch.Tensor:
        return self._field.plain(x, t)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("sigma", [None, ConstantSigma(scale=0.7)], ids=["ode", "sde"])
def test_the_jacobian_is_that_of_autograd(name: str, sigma: ConstantSigma | None) -> None:
    field = field_of(CASES[name])
    x = torch.from_numpy(np.random.default_rng(np.random.Philox(key=2)).standard_normal((7, field.dimension)))
    if sigma is not None and base.score_refusal(field):
        sigma = None
    for t in (0.2, 0.9):
        value, matrix = drift_and_jacobian(field, x, t, sigma)
        plain_value, plain_matrix = drift_and_jacobian(Plain(field), x, t, sigma)  # type: ignore[arg-type]
        torch.testing.assert_close(value, plain_value, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(matrix, plain_matrix, rtol=1e-9, atol=1e-9)
        probe = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(3))
        hutchinson = torch.einsum("ni,nij,nj->n", probe, matrix, probe)
        for subject in (field, Plain(field)):
            found = drift_and_divergence(subject, x, t, sigma, probe)[1]  # type: ignore[arg-type]
            torch.testing.assert_close(found, hutchinson, rtol=1e-9, atol=1e-9)


def test_a_guided_field_guides_its_jacobian() -> None:
    field = field_of(CASES["labels"])
    guided = guided_field(field, [field.with_label(0), field.with_label(1)], 1.5, 1)
    x = torch.from_numpy(np.random.default_rng(np.random.Philox(key=2)).standard_normal((5, 2)))
    free, given = drift_and_jacobian(field, x, 0.5)[1], drift_and_jacobian(field.with_label(1), x, 0.5)[1]
    torch.testing.assert_close(drift_and_jacobian(guided, x, 0.5)[1], -0.5 * free + 1.5 * given)


def test_many_rows_at_once_are_as_a_chunk_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an accelerator all rows go together: 1,300 of them as in chunks of 512, and nothing of that size is kept."""
    field = field_of(next(iter(CASES.values())))
    x = torch.from_numpy(np.random.default_rng(np.random.Philox(key=2)).standard_normal((1_300, field.dimension)))
    chunked = drift_and_jacobian(field, x, 0.6)
    monkeypatch.setattr(tangents, "by_chunks", lambda work, rows, _size: work(slice(0, rows)))
    for found, want in zip(drift_and_jacobian(field, x, 0.6), chunked, strict=True):
        torch.testing.assert_close(found, want, rtol=1e-12, atol=1e-12)
