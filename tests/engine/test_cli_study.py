"""``study``: the solver study as a command, held against the study itself; what it writes, says and refuses."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine import overrides, session, study_table
from engine.experiment import Experiment
from engine.samplers import Heun
from engine.session import Session
from engine.study import StudySettings, study
from tests.engine.test_cli import refused, run

ROOT = Path(__file__).parents[2]
QUICK = ["--particles", "50", "--fewest", "8", "--most", "64"]
TOML = 'target = "mixture"\npath = "trigonometric"\n'


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    path = tmp_path / "e.toml"
    path.write_text(TOML, encoding="utf-8")
    return path


def test_numbers_are_those_of_the_study(experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "study.csv"
    asked = ["study", "--experiment", experiment, "--samplers", "euler, heun,ddim:eta=0.5", "--out", out, "--json", *QUICK]
    code, told, err = run(asked, capsys)
    assert code == 0, err
    assert err.rstrip().endswith("100 %")
    found = json.loads(told)
    assert found["about"] == {"coordinates": "standardised", "model": "exact", "particles": 50, "fewest": 8, "most": 64, "seed": 0}
    samplers = [curve["sampler"] for curve in found["samplers"]]
    assert [sampler["type"] for sampler in samplers] == ["euler", "heun", "ddim"]
    assert samplers[2]["eta"] == 0.5
    assert [curve["measure"] for curve in found["samplers"]] == ["flow", "flow", "none"]
    heun = found["samplers"][1]
    assert [one["evaluations"] for one in heun["runs"]] == [8, 16, 32, 64]
    assert [one["steps"] for one in heun["runs"]] == [4, 8, 16, 32]
    assert 1.5 < heun["slope"] < 2.6
    assert 0.8 < found["samplers"][0]["slope"] < 1.2
    assert found["samplers"][2]["slope"] is None  # noise of its own: no end point to be held against
    assert all(one["error"] is None and one["w2"] > 0 for one in found["samplers"][2]["runs"])
    *_, whole = study(overrides.from_toml(experiment), [Heun()], StudySettings(particles=50, fewest=8, most=64))
    assert [one["error"] for one in heun["runs"]] == pytest.approx([point.error for point in whole.of(0)], rel=1e-9)
    assert found["w2_floor"] == pytest.approx(whole.w2_floor, rel=1e-12)
    with out.open(encoding="utf-8", newline="") as file:
        head, *rows = list(csv.reader(file))
    assert tuple(head) == study_table.COLUMNS
    assert len(rows) == sum(len(curve["runs"]) for curve in found["samplers"])
    assert float(next(row for row in rows if row[0] == heun["label"])[3]) == pytest.approx(heun["runs"][0]["error"], rel=1e-8)


def test_a_table_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a session, and of a shape with --set."""
    path = tmp_path / "s.pushforward"
    session.save(Session(experiment=Experiment(target=overrides.target_from("moons"))), path)
    code, told, err = run(["study", path, "--samplers", "euler", *QUICK], capsys)
    assert code == 0, err
    lines = told.splitlines()
    assert lines[0].split() == ["steps", "NFE", "error", "slope", "W2", "seconds"]
    assert [line.split()[:3] for line in lines[1:5]] == [["Euler", str(n), str(n)] for n in (8, 16, 32, 64)]
    assert "W2 floor" in told
    code, told, err = run(
        ["study", "--target", "mixture", "--set", "path=vp-linear", "target.standardise=none", "--samplers", "ddpm", *QUICK], capsys
    )
    assert code == 0, err
    assert "–" in told.splitlines()[1]
    assert told.splitlines()[-1].startswith("–:")
    assert math.isfinite(float(told.splitlines()[1].split()[-2]))


def test_one_line_says_what_is_wrong(experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for asked, said in (
        ([], "give one of a session"),
        (["--target", "moons", "--experiment", experiment], "give one of a session"),
        (["--target", "moon"], "moons"),
        (["--target", "moons", "--samplers", "heum"], "heun"),
        (["--target", "moons", "--samplers", "heun,"], "there is no sampler ''"),
        (["--target", "moons", "--samplers", "ddim:eta=2"], "--samplers ddim:eta=2"),
        (["--target", "moons", "--samplers", "heun:steps=4"], "--fewest and --most"),
        (["--target", "moons", "--most", "0"], "--most 0: must be at least 1"),
        (["--target", "moons", "--particles", "7"], "--particles 7: must be at least 50"),
        (["--target", "moons", "--fewest", "64", "--most", "8"], "are more than the most"),
        (["--target", "moons", "--most", "many"], "--most many: must be a whole number"),
        (["--target", "moons", "--samplers", "one-step"], "one-step"),
        (["--target", "moons", "--out", tmp_path / "no" / "where.csv"], "no"),
        (["--target", "moons", "--set", "coupling=optimal-transport"], "there is no exact field to study"),
        (["--target", "moons", "--set", "source=moons", "--samplers", "ddim"], "Gaussian path"),
        ([tmp_path / "none.pushforward"], "none.pushforward"),
    ):
        assert said in refused(["study", *asked], capsys), asked


def test_interrupted_it_stops_and_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "study.csv"
    command = [sys.executable, "main.py", "study", "--target", "moons", "--most", "10000", "--particles", "2000", "--out", str(out)]
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert not out.exists()
