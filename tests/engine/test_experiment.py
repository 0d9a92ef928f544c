"""The experiment: which combinations are refused, and that every combination goes through ``--set``, TOML and JSON unchanged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from engine.choice import Choice, Problem
from engine.couplings import OptimalTransport, Schrodinger
from engine.experiment import Experiment
from engine.fields.exact import exact_refusal
from engine.interpolants import Bridge, Interpolant, ProductLatent, RootLatent, SineLatent, ZeroLatent
from engine.introspection import Parameter, parameters, tag_of
from engine.objectives import FlowAndScore, FlowMatching, Noise, Score, StochasticInterpolant, VPrediction
from engine.overrides import apply, from_toml
from engine.paths import EffectivePath, GaussianPath, TwoPoint
from engine.predictions import coefficients, convert, domain
from engine.schedules import OT, VE, CondOT, VPLinear
from engine.targets import Helix, Moons, Points

BRIDGE, MOONS, TRANSPORT = Bridge(sigma=0.5), Moons(), OptimalTransport()


@pytest.mark.parametrize(
    ("experiment", "said"),
    [
        (Experiment(source=Helix()), "The source has 3 axes and the data 2"),
        (Experiment(source=MOONS, path=VE()), "begins at"),
        (Experiment(coupling=TRANSPORT, path=VE()), "begins at"),
        (Experiment(source=MOONS, path=VPLinear(b_max=5.0)), "begins at"),
        (Experiment(source=MOONS, objective=Noise()), "the source is not Gaussian"),
        (Experiment(coupling=TRANSPORT, objective=Score()), "the coupling (Optimal transport) makes the noise depend on the data"),
        (Experiment(path=Interpolant(shape="encoder-decoder"), objective=Noise()), "nothing of the data is in x during the first half"),
        (Experiment(path=Interpolant(shape="encoder-decoder", gamma=ZeroLatent())), "t = ½"),
        (Experiment(path=Interpolant(), objective=VPrediction()), "variance preserving"),
        (Experiment(objective=StochasticInterpolant()), "γ > 0"),
        (Experiment(path=Interpolant(gamma=ZeroLatent()), objective=StochasticInterpolant()), "γ > 0"),
        (Experiment(path=Interpolant(), objective=FlowAndScore()), "Brownian bridge"),
        (Experiment(coupling=Schrodinger(sigma=0.5)), "Brownian bridge with the same σ"),
        (Experiment(coupling=Schrodinger(sigma=0.4), path=BRIDGE), "Brownian bridge with the same σ"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(experiment: Experiment, said: str) -> None:
    reason = experiment.refusal()
    assert reason is not None
    assert said in reason
    assert reason.endswith(".")
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("experiment", "scored"),
    [
        (Experiment(), True),
        (Experiment(path=VPLinear(), objective=Noise()), True),
        (Experiment(path=Interpolant(), objective=Noise()), True),
        (Experiment(path=BRIDGE, objective=Score()), True),
        (Experiment(path=Interpolant(shape="encoder-decoder", gamma=SineLatent())), False),
        (Experiment(path=Interpolant(shape="encoder-decoder", gamma=SineLatent()), objective=StochasticInterpolant()), True),
        (Experiment(source=MOONS), False),
        (Experiment(source=MOONS, path=VPLinear()), False),
        (Experiment(source=MOONS, path=BRIDGE), False),
        (Experiment(source=MOONS, path=BRIDGE, objective=FlowAndScore()), True),
        (Experiment(source=MOONS, coupling=TRANSPORT, path=Interpolant(gamma=ProductLatent()), objective=StochasticInterpolant()), True),
        (Experiment(coupling=TRANSPORT), False),
        (Experiment(coupling=TRANSPORT, path=OT()), False),
        (Experiment(coupling=Schrodinger(sigma=0.5), path=BRIDGE, objective=FlowAndScore()), True),
        (Experiment(coupling=Schrodinger(sigma=0.5), path=BRIDGE), False),
    ],
)
def test_what_can_be_trained_and_has_a_score(experiment: Experiment, scored: bool) -> None:
    assert experiment.refusal() is None
    reason = experiment.score_refusal()
    assert (reason is None) == scored
    if reason is not None:
        assert reason.endswith(".")
    field = experiment.field_path()
    # a score by the linear conversions is only had where they hold, or from the noise head
    assert scored == (isinstance(field, GaussianPath) or experiment.objective.heads == 2)
    low, high = experiment.interval()
    assert 0.0 <= low < high <= 1.0


def test_the_path_of_the_field() -> None:
    assert Experiment().field_path() == CondOT()
    assert Experiment(source=MOONS).field_path() == TwoPoint(schedule=CondOT())
    assert Experiment(path=BRIDGE).field_path() == EffectivePath(path=BRIDGE)
    assert Experiment(path=BRIDGE, objective=FlowAndScore()).field_path() == BRIDGE
    assert Experiment(path=Interpolant(gamma=ZeroLatent())).field_path() == CondOT()


PATHS = [
    Interpolant(shape=shape, gamma=gamma)
    for shape in ("linear", "trigonometric", "encoder-decoder")
    for gamma in (ZeroLatent(), RootLatent(a=0.7), ProductLatent(), SineLatent())
]


@pytest.mark.parametrize("path", [*PATHS, Bridge(sigma=0.3), TwoPoint(schedule=VPLinear())], ids=str)
def test_weights_and_their_slopes(path: Any) -> None:
    """Both ends, derivatives by differences (1e-6), gamma gamma_dot finite at the ends, and floats, numpy and torch alike."""
    import torch

    t = np.linspace(0.003, 0.997, 300)
    h = 1e-6
    for value, slope in (
        (path.source_weight, path.source_weight_dot),
        (path.data_weight, path.data_weight_dot),
        (path.latent, path.latent_dot),
        (lambda s: 0.5 * path.latent(s) ** 2, path.latent_latent_dot),
    ):
        found = slope(t) * np.ones_like(t)
        difference = (value(t + h) - value(t - h)) / (2 * h)
        assert (np.abs(found - difference) / (1.0 + np.abs(found))).max() < 1e-4
        exact = torch.as_tensor(t)
        assert np.abs(slope(exact).numpy() * np.ones_like(t) - found).max() < 1e-10 * (1.0 + np.abs(found).max())
        assert float(value(0.3)) == pytest.approx(float(value(torch.tensor(0.3, dtype=torch.float64))), abs=1e-14)
        assert math.isfinite(float(path.latent_latent_dot(0.0)))
        assert math.isfinite(float(path.latent_latent_dot(1.0)))
    if not isinstance(path, TwoPoint):
        for weight, ends in ((path.source_weight, (1.0, 0.0)), (path.data_weight, (0.0, 1.0)), (path.latent, (0.0, 0.0))):
            assert (float(weight(0.0)), float(weight(1.0))) == pytest.approx(ends, abs=1e-15)
    for prediction in ("velocity", "velocity-and-noise"):
        if path.refusal(prediction) is None:
            ends = np.array(path.interval(prediction))
            for slope in (path.source_weight_dot, path.data_weight_dot, path.latent_dot):
                assert np.isfinite(slope(ends) * np.ones(2)).all()


def values(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Values that a field of a struct may have."""
    if parameter.kind in ("choice", "table"):
        open_ = [kind for kind in parameter.alternatives if all(p.default is not msgspec.NODEFAULT for p in parameters(kind).values())]
        return st.one_of([structs(kind) for kind in open_])
    if parameter.kind == "bool":
        return st.booleans()
    if parameter.kind == "one of":
        return st.sampled_from(parameter.options)
    meta = parameter.meta
    if parameter.kind in ("float", "int") and meta is not None:
        low = meta.ge if meta.ge is not None else meta.gt if meta.gt is not None else -1e6
        high = meta.le if meta.le is not None else meta.lt if meta.lt is not None else 1e6

        def inside(v: float) -> bool:
            above = meta.gt is None or v > meta.gt
            return above and (meta.lt is None or v < meta.lt) and (not meta.multiple_of or v % meta.multiple_of == 0)

        if parameter.kind == "int":
            return st.integers(int(low), int(high)).filter(inside)
        return st.floats(low, high, allow_nan=False, allow_infinity=False).filter(inside)
    return st.just(parameter.default)


def structs(kind: type[Struct]) -> st.SearchStrategy[Struct]:
    """Structs of one kind, any fields."""
    given_ = {name: values(parameter) for name, parameter in parameters(kind).items()}

    def build(fields: dict[str, Any]) -> Struct:
        try:
            return kind(**fields)
        except (Problem, msgspec.ValidationError):
            return kind()

    return st.fixed_dictionaries(given_).map(build)


def flat(struct: Struct, trail: str = "") -> Iterator[str]:
    """Every field as ``--set`` takes it."""
    for name, parameter in parameters(type(struct)).items():
        value = getattr(struct, name)
        if isinstance(value, Struct):
            if tag_of(type(value)):
                yield f"{trail}{name}={tag_of(type(value))}"
            yield from flat(value, f"{trail}{name}.")
        elif parameter.kind == "list":
            yield f"{trail}{name}={json.dumps(msgspec.to_builtins(value))}"
        elif value is not None:
            yield f"{trail}{name}={str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else value}"


def toml(table: dict[str, Any], trail: str = "") -> str:
    """A table as TOML."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict) and value is not None]
    parts = [f"[{trail}{key}]\n{toml(value, f'{trail}{key}.')}" for key, value in table.items() if isinstance(value, dict)]
    return "\n".join([*lines, *parts])


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
    ],
)
@given(experiment=structs(Experiment))
def test_any_experiment_survives_set_toml_and_json(experiment: Experiment, tmp_path: Path) -> None:
    assume(isinstance(experiment, Experiment))
    assert apply(Experiment(), list(flat(experiment))) == experiment
    file = tmp_path / "e.toml"
    file.write_text(toml(msgspec.to_builtins(experiment)), encoding="utf-8")
    assert from_toml(file) == experiment
    assert msgspec.json.decode(msgspec.json.encode(experiment), type=Experiment) == experiment


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
)
@given(experiment=structs(Experiment))
def test_any_experiment_is_allowed_or_refused_in_a_sentence(experiment: Experiment) -> None:
    for reason in (experiment.refusal(), experiment.score_refusal()):
        assert reason is None or (reason.endswith(".") and "\n" not in reason)
    if experiment.refusal() is None:
        low, high = experiment.interval()
        assert 0.0 <= low < high <= 1.0
        assert experiment.sizes()[-1] == experiment.objective.heads * experiment.target.dimension
        assert experiment.flat_length() >= experiment.parameters()


def test_sources_from_files_hold_arrays() -> None:
    points = Points(values=__import__("engine.arrays", fromlist=["Array"]).Array(np.random.default_rng(0).normal(size=(50, 2))))
    experiment = Experiment(source=points, target=Moons())
    assert experiment.refusal() is None
    assert exact_refusal(experiment) is None
    assert isinstance(experiment.path, Choice)
    assert isinstance(experiment.objective, FlowMatching)


EFFECTIVE = [path.gaussian() for path in [*PATHS, Bridge(sigma=0.3), Bridge(sigma=2.0)] if path.gaussian() is not None]


@pytest.mark.parametrize("path", EFFECTIVE, ids=str)
def test_conversions_on_the_effective_gaussian_path(path: GaussianPath) -> None:
    """Every prediction from every other against the definitions, and back, to 1e-10 on [1e-3, 1 - 1e-3]; finite on its intervals."""
    t = np.linspace(1e-3, 1 - 1e-3, 301)[:, None]
    z, e = np.random.default_rng(3).standard_normal((2, len(t), 3))
    alpha, beta = path.alpha(t), path.beta(t)
    values_ = {"velocity": path.alpha_dot(t) * z + path.beta_dot(t) * e, "score": -e / beta, "noise": e, "data": z}
    x = alpha * z + beta * e
    for given_, wanted in product(values_, repeat=2):
        found = convert(path, x, t, values_[given_], given_, wanted)
        a, b = coefficients(path, t, given_, wanted)
        size = 1.0 + np.abs(a * x) + np.abs(b * values_[given_])
        assert (np.abs(found - values_[wanted]) / size).max() < 1e-10, (given_, wanted)
        back = convert(path, x, t, found, wanted, given_)
        a, b = coefficients(path, t, wanted, given_)
        size = 1.0 + np.abs(a * x) + np.abs(b * found)
        assert (np.abs(back - values_[given_]) / size).max() < 1e-10, (given_, wanted)
        ends = np.array(domain(path, given_, wanted))
        assert all(np.isfinite(number * np.ones(2)).all() for number in coefficients(path, ends, given_, wanted))
    # x_t of the interpolant has the variance of the effective path: a^2 + gamma^2
    if isinstance(path, EffectivePath):
        assert np.allclose(beta**2, path.path.source_weight(t) ** 2 + path.path.latent(t) ** 2, rtol=1e-12)
