"""The commands, called in this process: what they write, say and refuse. Two run as processes of their own, for signals."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

import main as program
from engine import session
from engine.cli.common import spread_sets
from engine.cli.sample import write
from engine.experiment import ProbabilityPath
from engine.history import History
from engine.introspection import alternatives, tag_of
from engine.targets import Moons
from tests.engine.session_files import small_session

ROOT = Path(__file__).parents[2]
QUICK = ["--set", "training.batch=32", "network.width=8", "network.depth=1"]


def run(arguments: Sequence[str | Path], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    capsys.readouterr()
    code = program.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def refused(arguments: Sequence[str | Path], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that exits with 2."""
    code, out, err = run(arguments, capsys)
    assert code == 2
    assert out == ""
    assert err.endswith("\n")
    assert err.count("\n") == 1
    return err.strip()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "moons.pushforward"
    assert program.main(["train", "--target", "moons", "--steps", "150", "--seed", "5", "--out", str(path), *QUICK]) == 0
    return path


def test_train_writes_a_session(trained: Path) -> None:
    found = session.load(trained)
    assert found.step == 150
    assert found.experiment.target == Moons()
    assert (found.experiment.training.seed, found.experiment.training.batch, found.experiment.network.width) == (5, 32, 8)
    assert np.array_equal(found.losses[:, 0], np.arange(1, 151))
    early = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 30, 40, 50, 60, 80]
    assert [checkpoint.step for checkpoint in found.checkpoints] == [*early, 100, 120]
    assert found.seconds > 0
    assert found.model == "learned"


def test_resumed_training_is_that_which_never_stopped_bit_for_bit(trained: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.pushforward", tmp_path / "b.pushforward"
    assert program.main(["train", "--target", "moons", "--steps", "67", "--seed", "5", "--out", str(first), *QUICK]) == 0
    assert program.main(["train", "--resume", str(first), "--steps", "83", "--out", str(second)]) == 0
    whole, parts = session.load(trained), session.load(second)
    assert whole.state is not None
    assert parts.state is not None
    for name in ("weights", "ema", "first", "second"):
        assert np.array_equal(getattr(whole.state, name), getattr(parts.state, name)), name
    assert np.array_equal(whole.losses, parts.losses)
    assert [one.step for one in whole.checkpoints] == [one.step for one in parts.checkpoints]
    assert all(np.array_equal(one.ema, other.ema) for one, other in zip(whole.checkpoints, parts.checkpoints, strict=True))


def test_training_by_the_clock_and_from_toml_and_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    np.savetxt(tmp_path / "data.csv", rng.normal(size=(30, 3)), delimiter=",", header="a,b,c", comments="")
    (tmp_path / "lab.toml").write_text('path = "ot"\n[network]\nwidth = 8\ndepth = 1\n[training]\nbatch = 16\n', encoding="utf-8")
    out = tmp_path / "s.pushforward"
    arguments = ["--experiment", tmp_path / "lab.toml", "--target", tmp_path / "data.csv", "--columns", "c,a", "--seconds", "0.3"]
    code, _, err = run(["train", *arguments, "--set", "path.sigma_min=0.1", "--out", out], capsys)
    assert code == 0, err
    assert "steps/s" in err
    found = session.load(out).experiment
    assert found.target.axis_names == ("c", "a")
    assert (found.path.name, found.training.batch) == ("ot", 16)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "train: the following arguments are required: --out"),
        (["--out", "{tmp}/s.pushforward"], "train: --target is missing"),
        (["--target", "mons", "--out", "{tmp}/s.pushforward"], "--target mons: there is no such file, and no shape of that name"),
        (["--target", "moons", "--out", "{tmp}/none/s.pushforward"], "cannot be written: No such file or directory"),
        (["--target", "moons", "--out", "{tmp}"], "cannot be written: it is a folder"),
        (["--target", "moons", "--out", "{tmp}/s", "--steps", "0"], "--steps 0: must be at least 1"),
        (["--target", "moons", "--out", "{tmp}/s", "--steps", "x"], "--steps x: must be a whole number"),
        (["--target", "moons", "--out", "{tmp}/s", "--seconds", "nan"], "--seconds nan: must be above 0"),
        (["--target", "moons", "--out", "{tmp}/s", "--seed", "-1"], "--seed: training.seed=-1: must be at least 0"),
        (["--target", "moons", "--out", "{tmp}/s", "--set", "training.batch=0"], "--set training.batch=0: must be at least 1"),
        (["--target", "moons", "--out", "{tmp}/s", "--set", "objective=v"], "v-prediction needs"),
        (["--target", "moons", "--out", "{tmp}/s", "--device", "tpu"], "device 'tpu'"),
        (["--target", "moons", "--out", "{tmp}/s", "--steps", "1", "--bogus"], "unrecognized arguments: --bogus"),
        (["--target", "moons", "--out", "{tmp}/s", "--columns", "a,b"], "columns and channels are for files"),
        (["--resume", "{tmp}/none", "--out", "{tmp}/s"], "there is no such file"),
        (["--resume", "{tmp}/none", "--target", "moons", "--out", "{tmp}/s"], "--target: --resume goes on"),
        (["--resume", "{tmp}/none", "--set", "path=ot", "--out", "{tmp}/s"], "--set path=ot: --resume goes on"),
        (["--experiment", "{tmp}/none.toml", "--out", "{tmp}/s"], "none.toml: cannot be read: No such file"),
    ],
)
def test_what_train_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert said in refused(["train", *(argument.format(tmp=tmp_path) for argument in arguments)], capsys)
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_is_no_number_stops_with_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--steps", "3000", *QUICK, "training.learning_rate=1", "training.weight_decay=1", "network.residual=false"]
    rng = np.random.default_rng(0)
    np.savetxt(tmp_path / "far.csv", rng.normal(size=(20, 2)) * 1e30, delimiter=",")
    code, _, err = run(["train", "--target", tmp_path / "far.csv", *arguments, "target.standardise=none", "--out", tmp_path / "s"], capsys)
    assert code == 2
    assert "not a finite number" in err.splitlines()[-1]


def test_sample_writes_the_data_s_own_units(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("x.npy", "x.csv"):
        arguments = ["--sampler", "heun", "--steps", "20", "--count", "300", "--seed", "1", "--model", "exact"]
        code, _, err = run(["sample", trained, *arguments, "--out", tmp_path / name], capsys)
        assert code == 0, err
    samples = np.load(tmp_path / "x.npy", allow_pickle=False)
    assert samples.shape == (300, 2)
    assert samples.dtype == np.float64
    drawn = Moons().sample(20_000, np.random.default_rng(0))
    # n = 300, seed 1: the means differ by at most four standard errors (the draw's own is a tenth of it)
    assert np.all(np.abs(samples.mean(axis=0) - drawn.mean(axis=0)) < 4 * drawn.std(axis=0) / np.sqrt(300))
    with (tmp_path / "x.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["x", "y"]
    assert np.array_equal(np.array(rows[1:], dtype=np.float64), samples)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.csv", "x.npy"]


def test_the_network_is_sampled_and_settings_reach_the_sampler(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {}
    for name, extra in {"ode": [], "sde": ["sigma=constant", "sigma.scale=0.5"], "none": ["sigma=constant", "sigma.scale=0"]}.items():
        sampler = ["--sampler", "euler"] if name == "ode" else ["--sampler", "euler-maruyama", "--set", *extra]
        code, _, err = run(["sample", trained, *sampler, "--steps", "10", "--count", "50", "--out", tmp_path / f"{name}.npy"], capsys)
        assert code == 0, err
        found[name] = np.load(tmp_path / f"{name}.npy")
    assert np.abs(found["ode"] - found["sde"]).max() > 0.05
    np.testing.assert_allclose(found["none"], found["ode"], atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "{tmp}/x.txt"], "samples are written as .npy or .csv"),
        (["--out", "{tmp}/x.npy", "--sampler", "magic"], "there is no sampler 'magic'"),
        (["--out", "{tmp}/x.npy", "--count", "0"], "--count 0: must be at least 1"),
        (["--out", "{tmp}/x.npy", "--seed", "-3"], "--seed -3: must be at least 0"),
        (["--out", "{tmp}/x.npy", "--steps", "0"], "--steps 0: must be at least 1"),
        (["--out", "{tmp}/x.npy", "--set", "sigma=sqrt"], "--set sigma=sqrt: there is no 'sigma' in sampler heun"),
        (["--out", "{tmp}/none/x.npy"], "No such file or directory"),
    ],
)
def test_what_sample_refuses(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert said in refused(["sample", trained, *(argument.format(tmp=tmp_path) for argument in arguments)], capsys)
    assert list(tmp_path.iterdir()) == []


def test_an_untrained_session_has_no_network_to_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session.save(session.Session(experiment=small_session().experiment), tmp_path / "s")
    assert "no trained network" in refused(["sample", tmp_path / "s", "--model", "learned", "--out", tmp_path / "x.npy"], capsys)
    assert "no training to go on from" in refused(["train", "--resume", tmp_path / "s", "--out", tmp_path / "t"], capsys)


def test_info(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["info", trained], capsys)
    assert code == 0
    assert "moons" in out
    assert "150 steps" in out
    code, out, _ = run(["info", trained, "--json"], capsys)
    found = json.loads(out)
    assert (code, found["step"], found["dimension"], found["axes"], found["path"]) == (0, 150, 2, ["x", "y"], "condot")
    assert (found["source"], found["coupling"]) == ("gaussian", "independent")
    assert found["experiment"]["training"]["batch"] == 32
    assert "there is no such file" in refused(["info", trained.parent / "none"], capsys)


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["list"], capsys)
    assert code == 0
    for name in ("8gaussians", "vp-cosine", "sigma_min", "flow-matching", "euler-maruyama", "sigma.scale"):
        assert name in out
    code, out, _ = run(["list", "paths", "--json"], capsys)
    assert [row["name"] for row in json.loads(out)] == [tag_of(kind) for kind in alternatives(ProbabilityPath)]
    every = {"targets", "sources", "paths", "couplings", "objectives", "samplers", "conditions", "guidances"}
    assert set(json.loads(run(["list", "--json"], capsys)[1])) == every
    assert "there is no list of 'colours'" in refused(["list", "colours"], capsys)


def test_words_after_set_belong_to_it() -> None:
    assert spread_sets(["s", "--set", "a=1", "b=2", "--steps", "3", "c=4"]) == ["s", "--set", "a=1", "--set", "b=2", "--steps", "3", "c=4"]
    assert spread_sets(["--set", "a=1", "s", "--set"]) == ["--set", "a=1", "s", "--set"]


def test_history_counts_losses_and_keeps_checkpoints() -> None:
    history = History()
    for step in range(10, 1001, 10):
        history.add(step, [0.5] * 10)
        if step == history.due(step - 1):
            history.keep(step, lambda step=step: np.full(2, step, dtype=np.float32))
    early = [10, 20, 30, 40, 50, 60, 80]
    assert [one.step for one in history.checkpoints] == [*early, 100, 120, 160, 200, 250, 300, 400, 500, 600, 800, 1000]
    assert history.checkpoints[-1].ema[0] == 1000
    assert np.array_equal(history.losses[:, 0], np.arange(1, 1001))
    assert history.recent() == 0.5
    history.add(1003, [3.5, 6.5, 9.5])
    assert (history.recent(2), history.recent(4)) == (8.0, 5.0)
    assert History().recent() is None


@pytest.mark.skipif(os.name == "nt", reason="signals are not sent so there")
def test_ctrl_c_keeps_what_was_learned(tmp_path: Path) -> None:
    out = tmp_path / "s.pushforward"
    arguments = ["train", "--target", "moons", "--seconds", "300", "--out", str(out), *QUICK]
    process = subprocess.Popen([sys.executable, str(ROOT / "main.py"), *arguments], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("step ")  # the first slice is done
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    step = session.load(out).step
    assert step > 0
    assert f"{step} steps are saved in {out}" in rest.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.skipif(os.name == "nt", reason="signals are not sent so there")
def test_ctrl_c_while_sampling_leaves_no_half_file(trained: Path, tmp_path: Path) -> None:
    arguments = ["sample", str(trained), "--steps", "10000", "--count", "5000", "--out", str(tmp_path / "x.npy")]
    process = subprocess.Popen([sys.executable, str(ROOT / "main.py"), *arguments], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("step 0")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert rest.splitlines()[-1] == "interrupted"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_output_to_a_full_disk_is_one_line(trained: Path) -> None:
    for arguments in (["list"], ["info", str(trained)]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([sys.executable, str(ROOT / "main.py"), *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 2
        assert done.stderr == "cannot be read or written: No space left on device\n"


def test_sample_says_what_went_wrong_on_the_way(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wild = ["--sampler", "euler-maruyama", "--set", "sigma=constant", "sigma.scale=20", "--steps", "2", "--count", "100"]
    code, _, err = run(["sample", trained, *wild, "--out", tmp_path / "wild.npy"], capsys)
    assert code == 0
    assert "note: dt·σ²/(2 Var) is" in err
    assert "standard deviations from the data" in err
    code, _, err = run(["sample", trained, "--sampler", "heun", "--count", "100", "--out", tmp_path / "calm.npy"], capsys)
    assert (code, "note" in err) == (0, False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_npy_samples_to_a_full_disk_are_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.cli.sample.replacing", lambda _out: nullcontext(Path("/dev/full")))
    with pytest.raises(OSError, match="No space left on device"):
        write(np.zeros((1000, 2)), ("x", "y"), tmp_path / "x.npy")


@pytest.mark.parametrize("module", ["numpy", "torch"])
def test_ctrl_c_during_the_imports_is_one_line(module: str, trained: Path, tmp_path: Path) -> None:
    """SIGINT arrives in the middle of the import of numpy (before the command runs), or of torch (which must not be left half imported)."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background job ignores it from birth
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module + '.version'!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    arguments = ["sample", str(trained), "--out", str(tmp_path / "x.npy")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(ROOT / "main.py"), *arguments], capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
    assert not (tmp_path / "x.npy").exists()


def test_readme_lists_what_there_is() -> None:
    """The table of README is the one that ``list --markdown`` prints."""
    from engine.catalogue import KINDS
    from engine.cli.catalogue import table

    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("<!-- list -->\n")[2].partition("<!-- end of list -->")[0]
    assert shown.strip() == "\n".join(table(KINDS)).strip()


def test_sample_of_an_experiment_without_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, out = tmp_path / "moons.toml", tmp_path / "x.npy"
    settings.write_text('target = "moons"\npath = "vp-cosine"\n', encoding="utf-8")
    common = ["sample", "--experiment", str(settings), "--count", "50", "--out", str(out)]
    code, _, said = run([*common, "--model", "exact", "--sampler", "dopri5", "--set", "rtol=1e-4", "--steps", "3"], capsys)
    assert code == 0
    assert np.load(out).shape == (50, 2)
    assert "evaluations a particle" in said
    code, _, said = run([*common, "--sampler", "mala", "--set", "step_size=0.001", "--steps", "5"], capsys)
    assert code == 0
    assert "% accepted" in said
    assert "--model exact" in refused([*common, "--model", "learned"], capsys)
    assert "one-step objective" in refused([*common, "--sampler", "one-step"], capsys)
    assert "--experiment" in refused(["sample", "--out", str(out)], capsys)
    assert "--experiment" in refused(["sample", "s.pushforward", "--experiment", str(settings), "--out", str(out)], capsys)
    for name in ("karras", "predictor-corrector", "annealed-langevin"):
        code, _, _ = run([*common, "--sampler", name, "--steps", "3"], capsys)
        assert code == 0
