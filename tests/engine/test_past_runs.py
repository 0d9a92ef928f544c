"""Finished runs in a session file: what goes in comes out, arrays are there once, and damage is refused in one line."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as with_changes

import main as program
from engine import session
from engine.choice import Problem
from engine.networks import MLP
from engine.objectives import FlowMatching
from engine.past_run import MOST_LOSSES, Measured, PastRun, run_named, thinned_losses
from engine.session import Session
from engine.session_runs import with_run
from engine.tensors import pack, unpack
from engine.training_state import TrainingState
from tests.engine.session_files import Members, edit_head, rewritten, small_session


def past_run(key: str = "ab12cd", name: str = "one", *, width: int = 4, step: int = 30, seed: int = 0) -> PastRun:
    rng = np.random.default_rng(seed)
    experiment = with_changes(small_session().experiment, network=MLP(width=width, depth=1), objective=FlowMatching())
    flat = [rng.normal(size=experiment.flat_length()).astype(np.float32) for _ in range(4)]
    rows = np.array([[10, 0, 0, 0.5, 0.3, 0.01, np.nan, 1000, 4], [30, 1, 0, 0.4, 0.3, 0.01, 0.01, 1000, 4]], dtype=np.float64)
    return PastRun(
        key=key,
        name=name,
        when=1_700_000_000.5,
        experiment=experiment,
        state=TrainingState(step, flat[0], flat[1], flat[2], np.abs(flat[3])),
        losses=np.array([[1.0, 0.5], [step, 0.25]]),
        seconds=2.5,
        device="cuda:0",
        distances=Measured(("Heun, 50 steps", "network"), ("w2",), rows),
    )


def with_runs(*runs: PastRun) -> Session:
    return replace(small_session(), runs=runs, run="ab12cd", distances=runs[0].distances if runs else Measured())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "whole.pushforward"
    session.save(with_runs(past_run(), past_run("ef", "two", width=7)), path)
    return path


def same(one: PastRun, other: PastRun) -> None:
    for name in ("key", "name", "when", "experiment", "step", "seconds", "device"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("weights", "ema", "first", "second"):
        assert np.array_equal(getattr(one.state, name), getattr(other.state, name)), name
    assert np.array_equal(one.losses, other.losses)
    same_distances(one.distances, other.distances)


def same_distances(one: Measured, other: Measured) -> None:
    assert (one.curves, one.names) == (other.curves, other.names)
    assert np.array_equal(one.rows, other.rows, equal_nan=True)


def test_runs_come_back(whole: Path) -> None:
    before, after = with_runs(past_run(), past_run("ef", "two", width=7)), session.load(whole)
    assert after.run == "ab12cd"
    assert len(after.runs) == 2
    for one, other in zip(before.runs, after.runs, strict=True):
        same(one, other)
    same_distances(before.distances, after.distances)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.text("0123456789abcdef", min_size=1, max_size=64), st.text(min_size=1, max_size=200)),
        max_size=5,
        unique_by=lambda t: t[0],
    ),
    st.integers(0, 2**53),
    st.floats(0, 4e9),
)
def test_any_names_keys_and_times_come_back(tmp_path: Path, named: list[tuple[str, str]], step: int, when: float) -> None:
    runs = tuple(replace(past_run(key, name, step=step, seed=n), when=when) for n, (key, name) in enumerate(named))
    path = tmp_path / "any.pushforward"
    session.save(replace(small_session(), runs=runs), path)
    for one, other in zip(runs, session.load(path).runs, strict=True):
        same(one, other)


def test_an_array_that_runs_share_is_stored_once(whole: Path) -> None:
    with zipfile.ZipFile(whole) as archive:
        names = archive.namelist()
    assert sum(name.startswith("arrays/") for name in names) == 1
    assert {name for name in names if name.startswith("runs/")} == {
        f"runs/{n}{end}" for n in (0, 1) for end in (".json", ".safetensors", "-losses.npy", "-distances.npy")
    }


def test_a_file_of_version_1_opens(tmp_path: Path) -> None:
    session.save(small_session(), tmp_path / "new.pushforward")

    def older(members: Members) -> None:
        head = json.loads(members["session.json"])
        for name in ("run", "runs", "curves", "distances"):
            del head[name]
        members["session.json"] = json.dumps(head | {"version": 1}).encode()

    loaded = session.load(rewritten(tmp_path / "new.pushforward", tmp_path / "old.pushforward", older))
    assert loaded.step == 7
    assert loaded.runs == ()
    assert len(loaded.distances.rows) == 0


def run_head(**changes: Any) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        members["runs/0.json"] = json.dumps(json.loads(members["runs/0.json"]) | changes).encode()

    return change


def drop(name: str) -> Callable[[Members], None]:
    return lambda members: members.pop(name) and None


def put(name: str, data: bytes) -> Callable[[Members], None]:
    return lambda members: members.__setitem__(name, data)


def with_nan(members: Members) -> None:
    vectors = unpack(members["runs/0.safetensors"], "")
    vectors["ema"][3] = np.nan
    members["runs/0.safetensors"] = pack(vectors)


def negative(members: Members) -> None:
    vectors = unpack(members["runs/0.safetensors"], "")
    vectors["second"][0] = -1.0
    members["runs/0.safetensors"] = pack(vectors)


def unknown_curve(members: Members) -> None:
    head = json.loads(members["runs/0.json"])
    members["runs/0.json"] = json.dumps(head | {"curves": head["curves"][:1]}).encode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (run_head(key="../x"), "runs/0.json cannot be read"),
        (run_head(name=""), "runs/0.json cannot be read"),
        (run_head(name="x" * 201), "runs/0.json cannot be read"),
        (run_head(step=-1), "runs/0.json cannot be read"),
        (run_head(key="ef"), "two of its runs have the same key"),
        (run_head(more=1), "runs/0.json cannot be read"),
        (run_head(experiment={"path": {"type": "magic"}}), "the experiment of runs/0.json cannot be read"),
        (run_head(experiment={"network": {"type": "mlp", "width": 9}}), "and the network has float32["),
        (put("runs/0.json", b"{"), "runs/0.json cannot be read"),
        (put("runs/1.safetensors", b"no"), "runs/1.safetensors is damaged"),
        (drop("runs/1.safetensors"), "runs/1.safetensors is missing"),
        (drop("runs/0-losses.npy"), "runs/0-losses.npy is missing"),
        (drop("runs/0-distances.npy"), "runs/0-distances.npy is missing"),
        (drop("distances.npy"), "distances.npy is missing"),
        (put("runs/0-losses.npy", b"\x93NUMPY"), "runs/0-losses.npy is damaged"),
        (put("runs/2.json", b"{}"), "it holds 'runs/2.json', which a session does not have"),
        (with_nan, "runs/0.safetensors: ema has NaN or Inf in it"),
        (negative, "runs/0.safetensors holds negative second moments"),
        (unknown_curve, "runs/0-distances.npy speaks of distances that are not named"),
        (lambda members: edit_head(members, runs=257), "session.json cannot be read"),
        (lambda members: edit_head(members, runs=3), "runs/2.json is missing"),
        (lambda members: edit_head(members, run="No"), "session.json cannot be read"),
        (lambda members: edit_head(members, version=3), "newer Pushforward"),
    ],
)
def test_damage_is_refused_in_one_line(whole: Path, tmp_path: Path, change: Callable[[Members], None], said: str) -> None:
    path = rewritten(whole, tmp_path / "bad.pushforward", change)
    with pytest.raises(Problem) as caught:
        session.load(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.integers(1, 20_000), st.integers(4, 400))
def test_losses_are_thinned_to_a_curve_of_the_same_shape(count: int, most: int) -> None:
    steps = np.arange(1.0, count + 1)
    rows = np.column_stack([steps, 3.0 / np.sqrt(steps)])
    thin = thinned_losses(rows, most)
    assert len(thin) <= most
    assert thin[-1, 0] == count
    assert (np.diff(thin[:, 0]) > 0).all()
    assert thin[:, 1].max() <= 3.0 * (1 + 1e-12)
    assert thin[:, 1].min() >= rows[-1, 1] * (1 - 1e-12)


def test_few_losses_stay_as_they_are() -> None:
    rows = np.array([[1.0, 2.0], [2.0, np.inf], [3.0, np.nan]])
    assert np.array_equal(thinned_losses(rows), rows, equal_nan=True)
    assert len(thinned_losses(np.ones((10 * MOST_LOSSES, 2)) * np.arange(1, 10 * MOST_LOSSES + 1)[:, None])) <= MOST_LOSSES


def test_a_run_is_found_by_name_or_key() -> None:
    runs = (past_run("ab12cd", "one"), past_run("ab12ff", "two"), past_run("cd34", "two"))
    assert run_named(runs, "one") is runs[0]
    assert run_named(runs, "ab12f") is runs[1]
    for name, said in [
        ("two", "2 runs have that name"),
        ("ab12", "2 runs"),
        ("ab1", "no such run; the session has “one”, “two”"),
        ("x", "no such run"),
    ]:
        with pytest.raises(Problem, match=said):
            run_named(runs, name)
    with pytest.raises(Problem, match="keeps no runs"):
        run_named((), "one")


def test_a_run_may_take_the_place_of_the_present_one(whole: Path) -> None:
    found = with_run(session.load(whole), "two")
    assert (found.run, found.step, found.experiment.network.width) == ("ef", 30, 7)
    assert found.checkpoints == ()


def test_info_tells_the_runs(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["info", str(whole)]) == 0
    out = capsys.readouterr().out
    assert "runs         2\n" in out
    assert "one: 30 steps in 2 s, 2023-11-14, w2 0.400 (network, floor 0.300), key ab12cd" in out
    assert program.main(["info", str(whole), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["runs"]
    assert [run["name"] for run in found] == ["one", "two"]
    assert found[1]["experiment"]["network"]["width"] == 7


def test_samples_of_a_run(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, options in [("present", []), ("one", ["--run", "one"]), ("two", ["--run", "two"])]:
        out = str(tmp_path / f"{name}.npy")
        assert program.main(["sample", str(whole), "--steps", "4", "--count", "5", "--out", out, *options]) == 0, capsys.readouterr().err
    drawn = {name: np.load(tmp_path / f"{name}.npy") for name in ("present", "one", "two")}
    assert not np.allclose(drawn["one"], drawn["two"])
    assert not np.allclose(drawn["one"], drawn["present"])
    assert program.main(["sample", str(whole), "--run", "three", "--out", str(tmp_path / "x.npy")]) == 2
    assert "--run three: there is no such run" in capsys.readouterr().err
