"""All combinations of path, source, coupling, objective and sampler: each trains and samples, or is refused with a reason.

Nothing here lists what goes with what: the unions are walked, so that whatever is added is covered. A combination that is not
refused trains 50 steps to finite losses with a tiny network; then every sampler carries 32 particles to finite places, or says why
not. The exact field of each law, where there is one, goes through every sampler too.
"""

from __future__ import annotations

import itertools
from typing import Any, cast

import msgspec
import numpy as np
import pytest
import torch

from engine import overrides
from engine.arrays import Array
from engine.choice import Choice, Problem
from engine.couplings import Coupling
from engine.experiment import Experiment, ProbabilityPath, Training
from engine.fields.base import Field
from engine.fields.exact import exact_field_of, exact_refusal
from engine.guidance import ClassifierFree, ClassifierGuidance, guide
from engine.interpolants import Bridge, Interpolant, Latent, Shape
from engine.introspection import alternatives, tag_of
from engine.labels import LabelCondition
from engine.networks import MLP
from engine.objectives import FlowMatching, Noise, Objective, StochasticInterpolant
from engine.reflow import Reflow, digest_of_ends
from engine.samplers import EulerMaruyama, Heun, Sampler, SamplerBase
from engine.samplers.grids import TimeGrid
from engine.samplers.needs import gaussian
from engine.samplers.sigma import Sigma
from engine.simulation import refusal, simulate
from engine.sources import StandardGaussian
from engine.targets import Mixture, Moons
from engine.training import Trainer

SMALL = MLP(width=16, depth=1, time_features=2, space_features=2)
BRIEF = Training(batch=32, threads=1)
TARGET = Mixture(means=((-1.0, 0.0), (1.0, 0.5)), covariances=(((0.1, 0.0), (0.0, 0.1)), ((0.1, 0.05), (0.05, 0.2))), weights=(1.0, 2.0))
SOURCES = (StandardGaussian(), Moons())
STEPS, PARTICLES = 50, 32


def _every(union: Any) -> list[type[Choice]]:
    return [cast(type[Choice], kind) for kind in alternatives(union)]


def _paths() -> list[Any]:
    """One of each path; of interpolants one of each shape and latent noise; of reflow one without pairs and one with some."""
    found: list[Any] = []
    for kind in _every(ProbabilityPath):
        if kind is Interpolant:
            shapes = msgspec.inspect.type_info(Shape)
            assert isinstance(shapes, msgspec.inspect.LiteralType)
            found += [Interpolant(shape=shape, gamma=gamma()) for shape in shapes.values for gamma in _every(Latent)]
        else:
            found.append(kind())
    return [*found, _with_pairs()]


def _with_pairs() -> Reflow:
    drawn = np.random.Generator(np.random.Philox(key=5)).standard_normal((256, 2, 2)).astype(np.float32)
    return Reflow(pairs=Array(drawn))


def _belonging(experiment: Experiment) -> Experiment:
    """The experiment, the pairs of its path marked as made for its own source and data."""
    path = experiment.path
    if not isinstance(path, Reflow) or path.pairs is None:
        return experiment
    return msgspec.structs.replace(experiment, path=msgspec.structs.replace(path, ends=digest_of_ends(experiment)))


def _couplings(path: Any) -> list[Any]:
    """One of each; a Schrödinger coupling of the bridge's own noise, and one of another."""
    found: list[Any] = []
    for kind in _every(Coupling):
        found.append(kind())
        if isinstance(path, Bridge) and "sigma" in kind.__struct_fields__:
            found.append(kind(sigma=path.sigma))
    return found


def _objective(kind: type[Choice]) -> Any:
    """An objective at its defaults, but quick."""
    quick = {"integration_steps": 4, "ode_steps": 4}
    return kind(**{name: value for name, value in quick.items() if name in kind.__struct_fields__})


def _label(choice: Any) -> str:
    pairs = ["with-pairs"] if getattr(choice, "pairs", None) is not None else []
    parts = [choice.name, *pairs] + [str(getattr(choice, name)) for name in ("shape",) if hasattr(choice, name)]
    gamma = getattr(choice, "gamma", None)
    return "-".join([*parts, gamma.name] if isinstance(gamma, Choice) else parts)


PATHS = _paths()
OBJECTIVES = [_objective(kind) for kind in _every(Objective)]
SAMPLERS = [kind(steps=min(6, kind().steps)) for kind in cast("list[type[SamplerBase]]", _every(Sampler))]


def _is_a_reason(text: str) -> bool:
    return (
        "\n" not in text
        and len(text.split()) > 4
        and text[-1] == "."
        and (text[0].isupper() or text.startswith(("v-prediction", "[SF]²M")))
    )


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=_label)
@pytest.mark.parametrize("path", PATHS, ids=_label)
def test_each_combination_trains_and_samples_or_says_why_not(path: Any, objective: Any) -> None:
    for source, coupling in itertools.product(SOURCES, _couplings(path)):
        experiment = Experiment(
            target=TARGET, source=source, coupling=coupling, path=path, objective=objective, network=SMALL, training=BRIEF
        )
        experiment = _belonging(experiment)
        where = f"{_label(path)} {source.name} {coupling.name} {objective.name}"
        reason = experiment.refusal()
        if reason is not None:
            assert _is_a_reason(reason), f"{where}: {reason!r}"
            with pytest.raises(Problem) as caught:
                Trainer(experiment)
            assert str(caught.value) == reason
            continue
        trainer = Trainer(experiment)
        for _ in trainer.run(until=STEPS):
            pass
        assert len(trainer.losses) == STEPS, where
        assert np.isfinite(trainer.losses).all(), where
        _every_sampler(trainer.field(), where, experiment)


def _every_sampler(field: Field, where: str, experiment: Experiment | None = None) -> None:
    used = 0
    for sampler in SAMPLERS:
        reason = refusal(field, sampler)
        if experiment is not None:
            assert refusal(experiment, sampler) == reason, f"{where} {sampler.name}: said of the experiment and of its field"
            if sampler.needs == (gaussian,) and experiment.gaussian_path() is not None and experiment.objective.follows_path:
                assert reason is None, f"{where} {sampler.name}: one head or two, the path has Gaussian marginals"
        if reason is not None:
            assert _is_a_reason(reason), f"{where} {sampler.name}: {reason!r}"
            with pytest.raises(Problem):
                next(iter(simulate(field, sampler, n=PARTICLES, seed=0)))
            continue
        used += 1
        last = list(simulate(field, sampler, n=PARTICLES, seed=0))[-1]
        assert last.index == last.steps == sampler.steps, f"{where} {sampler.name}"
        assert bool(torch.isfinite(last.x).all()), f"{where} {sampler.name}"
    assert used > 0, f"{where}: no sampler can use this"


@pytest.mark.parametrize("path", PATHS, ids=_label)
def test_each_exact_field_is_carried_by_every_sampler_or_says_why_not(path: Any) -> None:
    for source, coupling in itertools.product(SOURCES, _couplings(path)):
        experiment = _belonging(Experiment(target=TARGET, source=source, coupling=coupling, path=path))
        where = f"{_label(path)} {source.name} {coupling.name} exact"
        reason = exact_refusal(experiment)
        if reason is not None:
            assert _is_a_reason(reason), f"{where}: {reason!r}"
            with pytest.raises(Problem):
                exact_field_of(experiment)
            continue
        _every_sampler(exact_field_of(experiment), where)


def _settings_of_samplers() -> list[SamplerBase]:
    """Every sampler with every time grid and every sigma_t that it can be given besides its own."""
    found: list[SamplerBase] = []
    for sampler in SAMPLERS:
        for name, union in (("grid", TimeGrid), ("sigma", Sigma)):
            if name not in sampler.__struct_fields__:
                continue
            others = [kind() for kind in _every(union) if kind is not type(getattr(sampler, name))]
            found += [msgspec.structs.replace(sampler, steps=min(3, sampler.steps), **{name: other}) for other in others]
    return found


@pytest.mark.parametrize("path", PATHS, ids=_label)
def test_each_grid_and_each_sigma_goes_with_each_path_or_says_why_not(path: Any) -> None:
    """On the exact field, and on a network of velocities, of velocities and noise, and of noise."""
    settings = _settings_of_samplers()
    assert {type(getattr(one, "sigma", None)) for one in settings} >= set(_every(Sigma)) - {type(EulerMaruyama().sigma)}
    for source in SOURCES:
        plain = _belonging(Experiment(target=TARGET, source=source, path=path, network=SMALL, training=BRIEF))
        learned = [msgspec.structs.replace(plain, objective=kind()) for kind in (FlowMatching, StochasticInterpolant, Noise)]
        fields: list[tuple[Experiment | None, Field]] = [(one, Trainer(one).field()) for one in learned if one.refusal() is None]
        fields += [(None, exact_field_of(plain))] if exact_refusal(plain) is None else []
        for (experiment, field), sampler in itertools.product(fields, settings):
            where = f"{_label(path)} {source.name} {field.prediction} {overrides.name_of(sampler)}"
            reason = refusal(field, sampler)
            if experiment is not None:
                assert refusal(experiment, sampler) == reason, where
            if reason is not None:
                assert _is_a_reason(reason), f"{where}: {reason!r}"
                with pytest.raises(Problem):
                    next(iter(simulate(field, sampler, n=4, seed=0)))
                continue
            *_, last = simulate(field, sampler, n=4, seed=0)
            assert bool(torch.isfinite(last.x).all()), where


@pytest.mark.parametrize("path", PATHS, ids=_label)
def test_labels_and_guidance_go_with_each_path_and_objective_or_say_why_not(path: Any) -> None:
    """A network that is told labels trains, and classifier-free guidance samples from it; guidance by a classifier is there or refused."""
    for source, objective in itertools.product(SOURCES, OBJECTIVES):
        experiment = Experiment(
            target=TARGET, source=source, path=path, objective=objective, network=SMALL, training=BRIEF, condition=LabelCondition()
        )
        experiment, where = _belonging(experiment), f"{_label(path)} {source.name} {objective.name}"
        reason = experiment.refusal()
        if reason is not None:
            assert _is_a_reason(reason), f"{where}: {reason!r}"
            with pytest.raises(Problem):
                Trainer(experiment)
            continue
        trainer = Trainer(experiment)
        for _ in trainer.run(until=2):
            pass
        assert np.isfinite(trainer.losses).all(), where
        for y in (0, 2):
            field = guide(trainer.field(), experiment, ClassifierFree(scale=2.0, y=y), n=8, seed=0)
            *_, last = simulate(field, Heun(steps=2), n=8, seed=0)
            assert bool(torch.isfinite(last.x).all()), where
        for exact in (False, True):
            why = ClassifierGuidance().refusal(experiment, exact=exact)
            assert why is None or _is_a_reason(why), f"{where}: {why!r}"


def test_the_names_for_scripts() -> None:
    """What scripts may rely on."""
    paths = "condot ot vp-linear vp-cosine trigonometric ve sub-vp polynomial drawn interpolant bridge reflow"
    objectives = (
        "flow-matching marginal-flow-matching score noise data v explicit-score implicit-score sliced-score ddpm likelihood interpolant "
        "flow-and-score one-step"
    )
    samplers = (
        "euler midpoint heun rk4 dopri5 euler-maruyama stochastic-heun milstein reverse-sde ddpm ddim predictor-corrector karras "
        "dpm-solver annealed-langevin ula mala one-step"
    )
    for union, names in (
        (ProbabilityPath, paths),
        (Coupling, "independent optimal-transport schrodinger"),
        (Objective, objectives),
        (Sampler, samplers),
    ):
        assert set(names.split()) <= {tag_of(kind) for kind in alternatives(union)}


@pytest.mark.parametrize("path", [p for p in PATHS if "pairs" not in p.__struct_fields__], ids=_label)
@pytest.mark.parametrize("coupling", [kind() for kind in _every(Coupling)], ids=_label)
def test_the_command_line_says_the_same_as_the_form(path: Any, coupling: Any) -> None:
    """The experiment that ``--set`` makes is the very same, so that what is refused is the same as well."""
    for objective in OBJECTIVES:
        wanted = Experiment(path=path, coupling=coupling, objective=objective)
        sets = [f"{name}={value}" for name, value in _assignments({"path": path, "coupling": coupling, "objective": objective})]
        made = overrides.apply(Experiment(), sets)
        assert made == wanted
        assert made.refusal() == wanted.refusal()


def _assignments(tree: dict[str, Any]) -> list[tuple[str, str]]:
    """``[("path", "interpolant"), ("path.shape", "linear"), …]``."""
    found: list[tuple[str, str]] = []
    for name, value in tree.items():
        if not isinstance(value, Choice):
            continue
        found.append((name, value.name))
        default = type(value)()
        for key in value.__struct_fields__:
            inner = getattr(value, key)
            if isinstance(inner, Choice):
                found += [(f"{name}.{rest}", text) for rest, text in _assignments({key: inner})]
            elif inner != getattr(default, key):
                found.append((f"{name}.{key}", str(inner)))
    return found
