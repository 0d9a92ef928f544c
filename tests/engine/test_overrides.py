"""--set, TOML and the catalogue: read off the structs, in any order, with errors that repeat what was written."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalogue import KINDS, catalogue
from engine.choice import Problem
from engine.cli.sample import guidance_from
from engine.couplings import OptimalTransport
from engine.experiment import Experiment
from engine.interpolants import Interpolant, RootLatent, SineLatent
from engine.introspection import alternatives, parameters, tag_of
from engine.objectives import Score
from engine.objectives.weights import SNR, One
from engine.overrides import apply, from_toml, name_of, sampler_from, target_from
from engine.samplers import EulerMaruyama, Heun, Sampler
from engine.samplers.sigma import ReversalSigma
from engine.schedules import OT, VPLinear
from engine.targets import Mixture, Moons, Points

BASE = Experiment()
OBJECTIVES = ", ".join(map(tag_of, parameters(Experiment)["objective"].alternatives))
PATHS = ", ".join(map(tag_of, parameters(Experiment)["path"].alternatives))


def test_numbers_words_and_alternatives() -> None:
    sets = ["path=vp-linear", "path.b_max=12.5", "objective=score", "objective.weight=snr", "network.width=64", "training.seed=9"]
    found = apply(BASE, [*sets, "start=standard", "network.residual=false", "target=moons", "target.standardise=none"])
    assert found.path == VPLinear(b_max=12.5)
    assert found.objective == Score(weight=SNR())
    assert (found.network.width, found.network.depth, found.network.residual) == (64, BASE.network.depth, False)
    assert (found.training.seed, found.training.batch) == (9, BASE.training.batch)
    assert found.target == Moons(standardise="none")
    assert found.start == "standard"


def test_the_order_does_not_matter() -> None:
    sets = ["path.sigma_min=0.1", "path=ot", "training.batch=4"]
    found = {apply(BASE, order) for order in itertools.permutations(sets)}
    assert found == {apply(BASE, ["path=ot", "path.sigma_min=0.1", "training.batch=4"])}
    assert found.pop().path == OT(sigma_min=0.1)


def test_an_alternative_starts_from_its_defaults_and_a_later_value_wins() -> None:
    there = apply(BASE, ["path=ot", "path.sigma_min=0.1"])
    assert apply(there, ["path.sigma_min=0.2"]).path == OT(sigma_min=0.2)
    assert apply(there, ["path=ot"]).path == OT()
    assert apply(there, ["path.type=ot"]).path == OT()
    assert apply(there, ["path.sigma_min=0.2", "path.sigma_min=0.3"]).path == OT(sigma_min=0.3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path.sigma_min=0.1", "there is no 'sigma_min' in path condot; it has no settings (ot, ve have it)"),
        ("path=otto", f"there is no path 'otto'; there are {PATHS}"),
        ("objective=flow", f"there is no objective 'flow'; there are {OBJECTIVES}"),
        (
            "objective.weights=snr",
            "there is no 'weights' in objective flow-matching; it has time, weight",
        ),
        (
            "nothing=1",
            "there is no 'nothing' in the experiment; it has target, source, coupling, path, start, objective, network, "
            "condition, training",
        ),
        ("training=3", "training has settings, such as training.batch=…"),
        ("training.batch=0", "must be at least 1 and at most 1,000,000"),
        ("training.batch=2.5", "must be a whole number, at least 1 and at most 1,000,000"),
        ("training.batch=many", "must be a whole number, at least 1 and at most 1,000,000"),
        ("training.batch.x=1", "'batch' is a whole number, at least 1 and at most 1,000,000, with nothing below it"),
        ("training.learning_rate=nan", "must be a number, above 0 and at most 1"),
        ("training.learning_rate=inf", "must be a number, above 0 and at most 1"),
        ("training.ema=1", "must be at least 0 and below 1"),
        ("network.residual=perhaps", "must be true or false"),
        ("start=late", "must be one of matched, standard"),
        ("target=painting", "target painting needs raster, and is made by giving a file: --target FILE"),
        ("source=image", "source image needs pixels, and is made by giving a file: source=FILE"),
        ("path", "write KEY=VALUE, such as path.sigma_min=0.1"),
        ("=3", "write KEY=VALUE, such as path.sigma_min=0.1"),
        ("path..x=3", "write KEY=VALUE, such as path.sigma_min=0.1"),
    ],
)
def test_mistakes_repeat_what_was_written(text: str, said: str) -> None:
    with pytest.raises(Problem) as caught:
        apply(BASE, [text])
    assert str(caught.value) == f"--set {text}: {said}"


def test_the_mistake_of_the_brief() -> None:
    with pytest.raises(Problem) as caught:
        apply(BASE, ["path=ot", "path.sigma_mim=0.1"])
    assert str(caught.value) == "--set path.sigma_mim=0.1: there is no 'sigma_mim' in path ot; it has sigma_min"


@given(st.lists(st.text(max_size=30), max_size=3))
def test_any_text_is_applied_or_refused(sets: list[str]) -> None:
    try:
        apply(BASE, sets)
    except Problem:
        return
    assert not sets


def test_samplers() -> None:
    assert sampler_from("heun", [], 7) == Heun(steps=7)
    found = sampler_from("euler-maruyama", ["sigma.scale=0.5", "sigma=reversal", "denoise_last=true"], 20)
    assert found == EulerMaruyama(steps=20, sigma=ReversalSigma(scale=0.5), denoise_last=True)
    assert name_of(found) == "euler-maruyama:steps=20,sigma=reversal,sigma.scale=0.5,denoise_last=true"
    name, _, settings = name_of(found).partition(":")
    assert sampler_from(name, settings.split(",")) == found
    for name, sets, steps, said in [
        ("huen", [], None, f"there is no sampler 'huen'; there are {', '.join(tag_of(kind) for kind in alternatives(Sampler))}"),
        ("heun", ["sigma=sqrt"], None, "--set sigma=sqrt: there is no 'sigma' in sampler heun; it has steps, grid"),
        ("heun", [], 0, "--steps 0: must be at least 1 and at most 10,000"),
        ("euler-maruyama", ["sigma.scale=-1"], None, "--set sigma.scale=-1: must be at least 0 and at most 20"),
    ]:
        with pytest.raises(Problem) as caught:
            sampler_from(name, sets, steps)
        assert str(caught.value) == said


def test_toml(tmp_path: Path) -> None:
    file = tmp_path / "lab.toml"
    file.write_text(
        'path = "ot"\nstart = "standard"\n[objective]\ntype = "score"\nweight = "one"\n[training]\nbatch = 64\n', encoding="utf-8"
    )
    found = from_toml(file)
    assert (found.path, found.start, found.objective, found.training.batch) == (OT(), "standard", Score(weight=One()), 64)
    file.write_text(
        '[path]\nsigma_min = 0.2\ntype = "ot"\n[target]\ntype = "mixture"\nmeans = [[0, 0]]\nweights = [1]\n'
        "covariances = [[[1, 0], [0, 1]]]\n",
        encoding="utf-8",
    )
    found = from_toml(file)
    assert found.path == OT(sigma_min=0.2)
    assert found.target == Mixture(means=((0.0, 0.0),), weights=(1.0,), covariances=(((1.0, 0.0), (0.0, 1.0)),))


def test_toml_targets_by_name_and_by_file_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "lab.toml"
    file.write_text('target = "moons"\n', encoding="utf-8")
    assert from_toml(file).target == Moons()
    np.savetxt(tmp_path / "data.csv", np.random.default_rng(0).normal(size=(9, 2)), delimiter=",", header="a,b", comments="")
    file.write_text('target = "data.csv"\n', encoding="utf-8")
    found = from_toml(file).target
    assert isinstance(found, Points)
    assert found.axis_names == ("a", "b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path = ", "not TOML"),
        ("[path]\nsigma = 1", "path.sigma=1: there is no 'sigma' in path condot"),
        ("training = 3", "training=3: training has settings"),
        ("[training]\nbatch = 0", "training.batch=0: must be at least 1"),
        ("[training]\nbatch = true", "training.batch=True: must be a whole number"),
        ('target = "none.csv"', "there is no such file"),
        ("[target]\ntype = 'mixture'\nmeans = 3", "target.means=3: must be"),
    ],
)
def test_mistakes_in_toml_name_the_file_and_the_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "lab.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Problem) as caught:
        from_toml(file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_toml_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    for name, said in [("none.toml", "No such file"), ("bytes.toml", "UTF-8"), (".", "directory|Permission denied")]:
        with pytest.raises(Problem, match=said):
            from_toml(tmp_path / name)


def test_sources_by_name_and_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = apply(BASE, ["source.noise=0.1", "source=moons", "coupling=optimal-transport", "path=interpolant", "path.gamma=sine"])
    assert found.source == Moons(noise=0.1)
    assert found.coupling == OptimalTransport()
    assert found.path == Interpolant(gamma=SineLatent())
    assert apply(found, ["source=gaussian", "path.gamma=sqrt", "path.gamma.a=0.5"]).path == Interpolant(gamma=RootLatent(a=0.5))
    np.savetxt(tmp_path / "data.csv", np.random.default_rng(0).normal(size=(9, 2)), delimiter=",", header="a,b", comments="")
    file = tmp_path / "lab.toml"
    file.write_text('[source]\ntype = "data.csv"\nbandwidth = 0.2\n', encoding="utf-8")
    found = from_toml(file)
    assert isinstance(found.source, Points)
    assert found.source.bandwidth == 0.2
    monkeypatch.chdir(tmp_path)
    assert apply(BASE, ["source=data.csv", "source.bandwidth=0.2"]).source == found.source
    assert apply(BASE, ["target=data.csv"]).target.axis_names == ("a", "b")
    said = (
        r"^--set source=none\.csv: there is no source 'none\.csv'; there are gaussian, 8gaussians.*; or the path of a file that is there$"
    )
    with pytest.raises(Problem, match=said):
        apply(BASE, ["source=none.csv"])
    with pytest.raises(Problem, match=r"^--set path=data\.csv: there is no path 'data\.csv'; there are condot.*, reflow$"):
        apply(BASE, ["path=data.csv"])


def test_targets_by_name() -> None:
    assert target_from("moons") == Moons()
    assert target_from("mixture") == Mixture()
    with pytest.raises(Problem, match=r"^--target mons: there is no such file, and no shape of that name; did you mean moons\?$"):
        target_from("mons")
    with pytest.raises(Problem, match=r"the shapes are 8gaussians, .*, mixture$"):
        target_from("nothing")
    with pytest.raises(Problem, match="are for files"):
        target_from("moons", channel="alpha")


def test_the_catalogue_is_json_and_its_names_can_be_set() -> None:
    keys = ("target", "source", "path", "coupling", "objective", "sampler", "condition", "guidance")
    for kind, key in zip(KINDS, keys, strict=True):
        rows = catalogue(kind)
        assert json.loads(json.dumps(rows, allow_nan=False)) == rows
        for row in rows:
            assert row["label"], row["name"]
            assert row["summary"].endswith("."), row["name"]
            assert row["formula"], row["name"]
            needed = any(parameter["required"] for parameter in row["parameters"])
            if key == "sampler":
                assert sampler_from(row["name"]).name == row["name"]
            elif key == "guidance":
                assert guidance_from(row["name"]).name == row["name"]
            elif not needed:
                assert name_of(getattr(apply(BASE, [f"{key}={row['name']}"]), key)) == row["name"]
            for parameter in row["parameters"]:
                assert parameter["description"], (row["name"], parameter["name"])
    sigma = next(row for row in catalogue("paths") if row["name"] == "ot")["parameters"][0]
    assert sigma["bounds"] == {"ge": 1e-4, "le": 0.5}
    assert sigma["unit"] == "std"
    with pytest.raises(Problem, match="there is no list of 'colours'"):
        catalogue("colours")


def test_where_a_setting_of_another_alternative_is() -> None:
    with pytest.raises(Problem, match=r"there is no 'sigma_min' in path condot; it has no settings \(ot, ve have it\)$"):
        apply(BASE, ["path.sigma_min=0.1"])


def test_words_for_what_is_wrong_in_a_toml_file(tmp_path: Path) -> None:
    file = tmp_path / "e.toml"
    file.write_text('target = "nofile.png"')
    with pytest.raises(Problem, match=r"e\.toml: target=nofile\.png: there is no such file"):
        from_toml(file)
    file.write_text('[target]\ntype = "mixture"\nmeans = [[0, 0], [3, "a"]]')
    with pytest.raises(Problem, match=r"must be a list of numbers$"):
        from_toml(file)
