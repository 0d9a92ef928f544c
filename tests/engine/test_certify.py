"""A certificate with a box and a beginning chosen for it; what it refuses; and both truths on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import main as program
from engine.certificate_box import WIDEST, certificate_begin, certificate_box
from engine.certify import certify, no_sigma, sigma_of
from engine.choice import Problem
from engine.experiment import Experiment
from engine.fields.exact import exact_field_of
from engine.interpolants import Interpolant, SineLatent
from engine.marginals import marginal
from engine.randomness import generator
from engine.samplers import Euler, EulerMaruyama, ReverseSDE
from engine.samplers.sigma import ReversalSigma, SqrtSigma
from engine.schedules import VE
from engine.targets import Mixture, Moons
from tests.engine.test_cli import refused, run

torch.set_num_threads(1)


def certified(field, experiment, sigma, **settings):
    shares, work = [], certify(field, experiment, sigma, **settings)
    while True:
        try:
            shares.append(next(work))
        except StopIteration as stop:
            assert shares == sorted(shares)
            return stop.value


def test_the_exact_field_is_certified_as_exact() -> None:
    """The path KL between single and double precision is rounding; what is left of TV is the grid's own error, and is named as that."""
    experiment = Experiment(target=Mixture())
    found = certified(exact_field_of(experiment), experiment, SqrtSigma(), delta=0.2, n=200, cells=40)
    assert found.path_kl < 1e-8
    assert found.tv <= found.tv_error + 1e-6
    assert found.holds
    assert found.note == ""
    assert found.t == pytest.approx(0.8)
    assert len(found.growth_error) == len(found.times)


def test_where_sigma_is_infinite_or_the_noise_too_wide_it_begins_later() -> None:
    plain = exact_field_of(Experiment(target=Mixture()))
    assert certificate_begin(plain, SqrtSigma()) == 0.0
    assert certificate_begin(plain, ReversalSigma()) == pytest.approx(0.01)
    wide = Experiment(target=Mixture(), path=VE())
    field = exact_field_of(wide)
    begin = certificate_begin(field, SqrtSigma())
    assert float(field.path.beta(begin)) == pytest.approx(WIDEST, rel=1e-6)
    found = certified(field, wide, SqrtSigma(), delta=0.2, n=100, cells=24)
    assert found.times[0] == pytest.approx(begin)


@pytest.mark.parametrize(
    "experiment", [Experiment(target=Mixture()), Experiment(target=Mixture(), source=Moons(), path=Interpolant(gamma=SineLatent()))]
)
def test_the_box_holds_all_of_p(experiment: Experiment) -> None:
    """Of 20,000 fresh draws at each of five times at most 1 in 1,000 is outside; seed 9."""
    box = certificate_box(experiment, 0.0, 0.95)
    for t in np.linspace(0.0, 0.95, 5).tolist():
        x = marginal(experiment, t, 20_000, generator(9, "box", round(100 * t)))
        assert np.mean((x < box.low) | (x > box.high)) < 1e-3


def test_what_has_no_certificate_says_why() -> None:
    assert sigma_of(Euler()) is None
    assert sigma_of(EulerMaruyama()) == SqrtSigma()
    assert sigma_of(ReverseSDE()) == ReversalSigma()
    assert "KL of their path measures is infinite" in no_sigma(Euler())
    experiment = Experiment(target=Mixture())
    field = exact_field_of(experiment)
    with pytest.raises(Problem, match=r"δ is 0\.3: must be at least"):
        next(certify(field, experiment, SqrtSigma(), delta=0.3))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certify") / "m.pushforward"
    quick = ["--set", "training.batch=128", "network.width=16", "network.depth=2"]
    assert program.main(["train", "--target", "mixture", "--steps", "150", "--seed", "5", "--out", str(path), *quick]) == 0
    return path


def test_evaluate_tells_sources_and_certificate(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["evaluate", trained, "--steps", "8", "--count", "60", "--repeats", "3"]
    plain = json.loads(run([*common, "--sampler", "euler", "--json"], capsys)[1])
    code, out, err = run([*common, "--sampler", "euler", "--sources", "--certificate", "--json"], capsys)
    assert code == 0, err
    found = json.loads(out)
    assert set(found) - set(plain) == {"sources", "sources_reason", "certificate", "certificate_reason"}
    assert {name: found[name] for name in plain} == plain
    assert found["certificate"] is None
    assert "Take an SDE sampler" in found["certificate_reason"]
    sources = found["sources"]
    assert set(sources["w2"]) == {"floor", "ideal", "solver", "network", "pane"}
    paired = sources["w2"]["network"]["value"] - sources["w2"]["ideal"]["value"]
    assert sources["added"]["network"]["value"] == pytest.approx(paired)
    assert sources["conclusion"]
    assert [rung["steps"] for rung in sources["steps"]] == [4, 8, 16]
    assert len(sources["modes"]["names"]) == len(sources["modes"]["weights"]) == 3
    code, out, err = run([*common, "--sampler", "euler-maruyama", "--certificate", "--delta", "0.2"], capsys)
    assert code == 0, err
    assert "Certificate of the SDE with σ = √(1−t), t from 0 to 1 − δ = 0.8" in out
    assert "√(KL_path/2)" in out


def test_evaluate_refuses_what_belongs_to_nothing(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--delta: belongs to --certificate" in refused(["evaluate", trained, "--delta", "0.1"], capsys)
    said = refused(["evaluate", trained, "--certificate", "--delta", "0.5"], capsys)
    assert "--delta 0.5: must be at least 0.0001 and at most 0.2" in said
