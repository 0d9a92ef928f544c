"""Models of two heads on samplers of Gaussian paths: the same as the exact field of the Gaussian path beside theirs, or refused."""

from __future__ import annotations

from typing import cast

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from engine.choice import Choice
from engine.couplings import OptimalTransport
from engine.experiment import Experiment, Training
from engine.fields.base import rows_of
from engine.fields.beside import BesideField
from engine.fields.exact import ExactField, exact_field_of
from engine.fields.guided import GuidedField
from engine.interpolants import Bridge, Interpolant, RootLatent, SineLatent
from engine.introspection import alternatives
from engine.networks import MLP
from engine.objectives import FlowAndScore, FlowMatching, StochasticInterpolant
from engine.paths import GaussianPath
from engine.samplers import DDIM, EulerMaruyama, Heun, Sampler, SamplerBase
from engine.samplers.grids import KarrasGrid
from engine.samplers.needs import density, gaussian
from engine.samplers.sigma import ReversalSigma
from engine.simulation import grid, refusal, simulate, stiffness_note
from engine.targets import Mixture, Moons
from engine.training import Trainer

PATHS = (Interpolant(), Interpolant(shape="trigonometric", gamma=SineLatent()), Interpolant(gamma=RootLatent(a=0.5)), Bridge(sigma=0.6))
SAMPLERS = [kind(steps=12) for kind in cast("list[type[SamplerBase]]", list(alternatives(Sampler)))]
ON_GAUSSIAN = [
    *(sampler for sampler in SAMPLERS if gaussian in sampler.needs),
    EulerMaruyama(sigma=ReversalSigma(), steps=12),
    Heun(grid=KarrasGrid(), steps=12),
]


class TwoHeads:
    """What a perfect network of two heads would say of ``field``: u and eta = -gamma s side by side, along the path itself."""

    prediction = "velocity-and-noise"

    def __init__(self, experiment: Experiment, field: ExactField) -> None:
        self.inner, self.path, self.source = field, experiment.general_path(), field.source
        self.interval = self.path.interval("velocity-and-noise")
        self.dimension, self.device, self.dtype = field.dimension, field.device, field.dtype
        self.mean, self.covariance = field.mean, field.covariance

    def gaussian_beside(self) -> GaussianPath:
        return self.inner.path

    def score_refusal(self) -> None:
        return

    def __call__(self, x: Tensor, t: float) -> Tensor:
        u, s = self.inner.velocity_and_score(x, t)
        return torch.cat([u, -float(self.path.latent(t)) * s], dim=1)


@pytest.mark.parametrize("path", PATHS, ids=str)
@pytest.mark.parametrize("sampler", ON_GAUSSIAN, ids=lambda sampler: f"{sampler.name} {sampler.grid.name}")
def test_it_goes_as_on_the_gaussian_path(path: Choice, sampler: SamplerBase) -> None:
    """Same start, same noise: 200 particles to 1e-9 of where the exact field of the Gaussian path takes them."""
    experiment = Experiment(target=Mixture(), path=path)
    exact = exact_field_of(experiment, dtype=torch.float64)
    assert isinstance(exact, ExactField)
    heads = TwoHeads(experiment, exact)
    exact.interval = heads.interval
    assert refusal(heads, sampler) is None
    assert grid(heads, sampler) == grid(exact, sampler)
    assert stiffness_note(heads, sampler) == stiffness_note(exact, sampler)
    runs = [list(simulate(field, sampler, n=200, seed=3)) for field in (heads, exact)]
    for one, other in zip(*runs, strict=True):
        assert one.t == other.t
        assert (one.x - other.x).abs().max() < 1e-9 * (1.0 + other.x.abs().max())


@pytest.mark.parametrize("objective", [StochasticInterpolant(), FlowAndScore()], ids=lambda objective: objective.name)
def test_what_is_allowed_and_what_is_not(objective: Choice) -> None:
    """Of a Gaussian source apart from the data everything but log p and averages; else the reasons that there were."""
    small = {"network": MLP(width=16, depth=1), "training": Training(batch=32), "objective": objective}
    free = Experiment(target=Moons(), path=Bridge(), **small)
    field = Trainer(free).field()
    for sampler in (*SAMPLERS, *ON_GAUSSIAN):
        refused = density in sampler.needs or sampler.name == "one-step"
        assert (refusal(free, sampler) is not None) == refused, sampler.name
        assert refusal(field, sampler) == refusal(free, sampler)
    assert isinstance(DDIM().runs_on(field), BesideField)
    assert Heun().runs_on(field) is field  # what runs along its own path stays there
    assert EulerMaruyama().runs_on(field) is field
    for other in (
        msgspec.structs.replace(free, source=Mixture()),
        msgspec.structs.replace(free, coupling=OptimalTransport()),
        msgspec.structs.replace(free, objective=StochasticInterpolant(), path=Interpolant(shape="encoder-decoder", gamma=SineLatent())),
    ):
        assert other.refusal() is None
        for sampler in ON_GAUSSIAN:
            reason = refusal(other, sampler)
            assert reason is not None
            assert reason.endswith(".")
            assert refusal(Trainer(other).field(), sampler) == reason
    assert Experiment(path=Bridge(), objective=FlowMatching()).gaussian_beside() is None  # it is on that path itself


def test_a_guided_model_keeps_its_labels() -> None:
    """DDIM with a label for each particle is the guided velocity of each, row by row, and of any part of the rows."""
    experiment = Experiment(target=Mixture(), path=Bridge())
    exact = exact_field_of(experiment, dtype=torch.float64)
    heads = [TwoHeads(experiment, exact), TwoHeads(experiment, exact)]
    labels = np.array([0, 1, 0, 1, 1])
    guided = GuidedField(heads[0], heads, 1.5, labels)
    assert refusal(guided, DDIM()) is None
    on = DDIM().runs_on(guided)
    x = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(on(x, 0.4), exact(x, 0.4))
    rows = torch.tensor([1, 4])
    assert torch.allclose(rows_of(on, rows)(x[rows], 0.4), exact(x[rows], 0.4))
    *_, last = simulate(guided, DDIM(steps=4), n=5, seed=0)
    assert torch.isfinite(last.x).all()
