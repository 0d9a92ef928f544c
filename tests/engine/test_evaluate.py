"""All distances of a really trained small network, and of the exact field; the command that prints them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import main as program
from engine.couplings import OptimalTransport
from engine.distances.truth import Truth
from engine.evaluation import NAMES, evaluate, excess_of, nll_of, sample_distances
from engine.experiment import Experiment
from engine.fields.exact import exact_field_of
from engine.likelihood import HeldOut
from engine.metrics import w2
from engine.objectives import FlowMatching
from engine.randomness import generator
from engine.targets import Checkerboard, Helix, Mixture, SwissRoll
from tests.engine.test_cli import refused, run

ROOT = Path(__file__).parents[2]
ASKED = ("w2", "sliced_w2", "mmd", "energy", "kl", "tv", "js", "nll", "fisher")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("evaluate") / "m.pushforward"
    quick = ["--set", "training.batch=128", "network.width=16", "network.depth=2"]
    assert program.main(["train", "--target", "mixture", "--steps", "200", "--seed", "5", "--out", str(path), *quick]) == 0
    return path


def last(steps):
    return list(steps)[-1]


def draws(target, n, seed, repeats=4):
    return [target.frame().inward(target.sample(n, generator(seed, "test", k))) for k in range(repeats)]


@pytest.mark.parametrize("target", [Mixture(), Checkerboard(), Helix()])
def test_draws_of_the_truth_are_at_the_floor(target):
    # n = 300, 4 repeats: the means of value and floor differ by at most 5 standard errors of their difference
    found = last(sample_distances(target, draws(target, 300, 1), seed=2)).distances
    for name, one in found.items():
        if one.value is None:
            assert one.reason
            continue
        error = np.hypot(one.spread, one.floor_spread) / 2
        assert abs(one.value - one.floor) <= 5 * error + 1e-9, name
        assert one.n == 300
    for name in ("mmd", "energy"):  # unbiased
        assert abs(found[name].floor) < 5 * found[name].floor_spread / 2 + 0.003


def test_what_is_moved_away_is_seen_by_all():
    target = Mixture()
    found = last(sample_distances(target, [batch + 0.7 for batch in draws(target, 300, 1)], seed=2)).distances
    for name in ("w2", "sliced_w2", "mmd", "energy", "kl", "tv", "js"):
        one = found[name]
        assert one.value - one.floor > 5 * np.hypot(one.spread, one.floor_spread) / 2, name
    assert found["w2"].value == pytest.approx(0.7 * np.sqrt(2), rel=0.1)
    assert found["near"].value < 0.9 < found["near"].floor


@pytest.mark.parametrize("target", [Mixture(), Helix()])
def test_a_truth_that_is_kept_changes_no_number_and_is_computed_once(target, monkeypatch):
    first, second = draws(target, 200, 1, 2), draws(target, 200, 3, 2)
    truth = Truth(target, 200, seed=2)
    last(sample_distances(target, first, truth=truth))
    plain = last(sample_distances(target, second, seed=2)).distances
    made = []
    monkeypatch.setattr("engine.metrics.w2", lambda x, y: made.append(len(x)) or w2(x, y))
    assert last(sample_distances(target, second, truth=truth)).distances == plain
    assert made == [200] * 4  # of the samples alone: the floors are there
    with pytest.raises(ValueError, match="200 points"):
        next(sample_distances(target, draws(target, 100, 1), truth=truth))


def test_a_held_out_likelihood_is_the_same_in_both_units_but_for_the_volume():
    found = HeldOut(2.5, 0.1, 2.0, 0.2, 0.5, 0.05, None, 400, 1.0)
    one = nll_of(found, 1.5)
    assert (one.value, one.floor, one.spread, one.floor_spread, one.n, one.repeats) == (1.0, 0.5, 0.1, 0.2, 400, 1)
    above = excess_of(found)
    assert (above.value, above.error, above.floor, above.n) == (0.5, 0.05, 0.0, 400)
    bare = nll_of(HeldOut(2.5, 0.1, None, None, None, None, "It has no density.", 400, 1.0), 0.0)
    assert bare.floor is None
    assert "It has no density" in bare.note
    assert excess_of(HeldOut(2.5, 0.1, None, None, None, None, "It has no density.", 400, 1.0)).reason == "It has no density."


def test_what_does_not_apply_says_why():
    board = Checkerboard()
    found = last(sample_distances(board, [batch + 0.5 for batch in draws(board, 50, 1)])).distances
    assert found["kl"].value is None
    assert "no mass" in found["kl"].reason
    assert found["js"].value is not None
    assert "no modes" in last(sample_distances(SwissRoll(), draws(SwissRoll(), 50, 1))).distances["modes"].reason
    broken = draws(board, 50, 1)
    broken[1][3, 0] = np.nan
    found = last(sample_distances(board, broken)).distances
    assert {one.reason for one in found.values()} == {"1 of 200 samples are not finite numbers."}
    experiment = Experiment(coupling=OptimalTransport())
    field = exact_field_of(Experiment(), dtype=torch.float64)
    found = last(evaluate(field, experiment, draws(experiment.target, 30, 1), repeats=2)).distances
    assert tuple(found) == tuple(NAMES)
    assert found["fisher"].value is None
    assert "closed form" in found["fisher"].reason


def test_a_single_batch_is_held_against_several_draws():
    target = Mixture()
    states = list(sample_distances(target, draws(target, 100, 1, repeats=1), seed=2, repeats=3))
    assert states[-1].distances["w2"].repeats == 3
    fractions = [state.fraction for state in states]
    assert fractions == sorted(fractions)


def test_evaluate_prints_every_distance(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", trained, "--sampler", "euler", "--steps", "10", "--count", "150", "--seed", "1"]
    code, out, err = run([*arguments, "--json"], capsys)
    assert code == 0, err
    found = json.loads(out)
    assert set(ASKED) <= set(found)
    assert found.pop("about")["coordinates"] == "standardised"
    for name, one in found.items():
        assert {"value", "floor", "spread", "n", "reason"} <= set(one), name
        assert (one["value"] is None) == (one["reason"] is not None), name
    assert found["fisher"]["value"] > 0.1
    assert found["fisher"]["floor"] == 0
    assert found["w2"]["value"] > 0
    assert found["nll"]["value"] > found["nll"]["floor"]
    assert "samples" not in err
    again = json.loads(run([*arguments, "--json"], capsys)[1])
    assert again["w2"] == found["w2"]
    code, out, _ = run([*arguments, "--set", "grid=quadratic"], capsys)
    assert code == 0
    assert "standardised coordinates" in out.splitlines()[0]
    assert all(label in out for label in NAMES.values())


def test_evaluate_of_the_exact_field_needs_no_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lab.toml").write_text('target = "mixture"\n', encoding="utf-8")
    arguments = ["evaluate", "--experiment", tmp_path / "lab.toml", "--model", "exact", "--steps", "20", "--count", "100", "--json"]
    code, out, err = run(arguments, capsys)
    assert code == 0, err
    found = json.loads(out)
    assert found["fisher"]["value"] < 1e-6
    # the same draws for both: what is left between them is the solver's
    assert found["nll"]["value"] == pytest.approx(found["nll"]["floor"], abs=0.02)
    assert found["about"]["model"] == "exact"
    assert FlowMatching().name == "flow-matching"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "evaluate: give a session, or --experiment"),
        (["{tmp}/none"], "there is no such file"),
        (["{s}", "--count", "9"], "--count 9: must be at least 10 and at most 10,000"),
        (["{s}", "--repeats", "1"], "--repeats 1: must be at least 2 and at most 20"),
        (["{s}", "--seed", "-1"], "--seed -1: must be at least 0"),
        (["{s}", "--sampler", "eular"], "eular"),
        (["{s}", "--steps", "0"], "steps"),
        (["--experiment", "{tmp}/none.toml"], "none.toml: cannot be read"),
        (["--experiment", "{tmp}/none.toml", "--model", "learned"], "--model learned: an experiment has no trained network"),
    ],
)
def test_what_evaluate_refuses(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert said in refused(["evaluate", *(argument.format(tmp=tmp_path, s=trained) for argument in arguments)], capsys)


def test_evaluate_ends_when_interrupted(trained: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "main.py", "evaluate", str(trained), "--count", "10000", "--repeats", "20", "--steps", "100"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.readline()  # the first line of progress: it is at work
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "interrupted" in err
    assert "Traceback" not in err
