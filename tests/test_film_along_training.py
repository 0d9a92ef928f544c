"""render --axis training, --step, --run: films of a real small training, and what is refused."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace as with_changes

import main as program
from engine import session
from engine.checkpoints import place
from engine.film import ffmpeg
from engine.past_run import PastRun
from engine.samplers import Euler
from engine.session import Session
from engine.targets import Moons
from gui.document import LabDocument, PaneSettings, decode_document, encode_document
from tests.test_render import pictures

QUICK = ["--set", "training.batch=32", "network.width=8", "network.depth=1"]
SIZE = ["--size", "320x180", "--fps", "10", "--particles", "300", "--theme", "dark"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of 150 steps that keeps one run of another network."""
    path = tmp_path_factory.mktemp("along") / "moons.pushforward"
    assert program.main(["train", "--target", "moons", "--steps", "150", "--seed", "5", "--out", str(path), *QUICK]) == 0
    loaded = session.load(path)
    assert loaded.state is not None
    other = replace(loaded.state, step=90, ema=loaded.checkpoints[10].ema)
    run = PastRun("abcdef", "an earlier one", 1.7e9, loaded.experiment, other)
    document = LabDocument(panes=(PaneSettings(sampler=Euler(steps=8), model="learned"),))
    session.save(replace(loaded, runs=(run,), scene=encode_document(document)), path)
    return path


def film(session_path: Path, out: Path, *options: str) -> list[np.ndarray]:
    assert program.main(["render", str(session_path), "--out", f"{out}/", *SIZE, *options]) == 0
    return pictures(out)


def test_a_film_along_the_training_goes_from_the_untrained_network_to_the_latest(trained: Path, tmp_path: Path) -> None:
    bare = ["--no-captions"]
    along = film(trained, tmp_path / "along", "--axis", "training", "--seconds", "1.2", "--hold-start", "0.2", "--hold-end", "0.3", *bare)
    assert len(along) == 12
    latest = film(trained, tmp_path / "t", "--seconds", "0.5", "--hold-end", "0.2", *bare)
    untrained = film(trained, tmp_path / "u", "--seconds", "0.5", "--hold-end", "0.2", "--step", "0", *bare)
    assert np.array_equal(along[-1], latest[-1]), "at t = 1 it ends where the ordinary film ends"
    assert np.array_equal(along[-1], along[-3])
    assert np.array_equal(along[0], along[1])
    assert np.array_equal(along[0], untrained[-1]), "and begins with the untrained network"
    moved = [float(np.abs(a.astype(int) - b.astype(int)).mean()) for a, b in pairwise(along[2:-3])]
    assert min(moved) > 0.0, "particles glide between the checkpoints"


def test_particles_glide_from_checkpoint_to_checkpoint(trained: Path, tmp_path: Path) -> None:
    rests = ["--hold-start", "0", "--hold-end", "0"]
    frames = film(trained, tmp_path / "f", "--axis", "training", "--seconds", "4", "--no-captions", *rests)
    late = frames[20:]  # 20 frames, and ten checkpoints from step 12 to 150: without a glide, half of them would repeat the one before
    assert all(not np.array_equal(a, b) for a, b in pairwise(late))


def test_at_a_t_in_the_middle(trained: Path, tmp_path: Path) -> None:
    options = ["--axis", "training", "--seconds", "0.4", "--no-captions", "--fit"]
    middle, start = film(trained, tmp_path / "m", "--at", "0.5", *options), film(trained, tmp_path / "s", "--at", "0", *options)
    assert not np.array_equal(middle[0], middle[-1])
    assert np.array_equal(start[0], start[-1]), "at t = 0 there is the same noise at every step"


def test_an_mp4_and_back(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.mp4"
    assert program.main(["render", str(trained), "--out", str(out), *SIZE, "--seconds", "1", "--axis", "training", "--loop"]) == 0
    probed = subprocess.run([ffmpeg(), "-i", str(out), "-f", "null", "-"], capture_output=True, text=True, check=True)
    assert "320x180" in probed.stderr
    assert "frame=   10" in probed.stderr


def test_captions_say_the_step_and_the_run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shaders import captions

    seen: list[tuple[str, int | None]] = []
    header, surround = captions.header, captions.surround
    monkeypatch.setattr(captions, "header", lambda pane, words, *rest: (seen.append((words.caption, None)), header(pane, words, *rest))[1])
    monkeypatch.setattr(captions, "surround", lambda scene, *rest: (seen.append(("", scene.step)), surround(scene, *rest))[1])
    film(trained, tmp_path / "a", "--axis", "training", "--seconds", "1", "--at", "0.5")
    steps = [step for _words, step in seen if step is not None]
    assert (steps[0], steps[-1]) == (0, 150)
    assert steps == sorted(steps)
    assert place(steps[len(steps) // 2]) == pytest.approx(place(150) / 2, rel=0.25), "evenly in log step"
    assert "training step 0 at t = 0.50 · 8 steps · 8 evaluations" in {words for words, _step in seen}
    seen.clear()
    film(trained, tmp_path / "b", "--seconds", "0.3", "--step", "52")
    assert {words for words, _step in seen} - {""} == {"training step 50 · 8 steps · 8 evaluations"}
    seen.clear()
    film(trained, tmp_path / "c", "--seconds", "0.3", "--run", "an earlier one")
    assert {words for words, _step in seen} - {""} == {"an earlier one · 8 steps · 8 evaluations"}


def test_a_distance_is_shown_only_where_it_is_of_the_network_that_is_shown(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shaders import captions

    loaded = session.load(trained)
    document = decode_document(loaded.scene)
    measured = tuple(with_changes(pane, metric="W₂ 0.1 · floor 0.1", network="training step 50") for pane in document.scene.panes)
    document = with_changes(document, scene=with_changes(document.scene, panes=measured))
    path = tmp_path / "measured.pushforward"
    session.save(replace(loaded, scene=encode_document(document)), path)
    seen: set[str] = set()
    header = captions.header
    monkeypatch.setattr(captions, "header", lambda pane, words, *rest: (seen.add(words.metric), header(pane, words, *rest))[1])
    for options, metric in ((["--step", "50"], "W₂ 0.1 · floor 0.1"), ([], ""), (["--step", "3"], ""), (["--axis", "training"], "")):
        seen.clear()
        film(path, tmp_path / "-".join(["f", *options]), "--seconds", "0.3", *options)
        assert seen == {metric}, options


def test_a_pane_with_a_run_stays_what_it_is(trained: Path, tmp_path: Path) -> None:
    loaded = session.load(trained)
    pane = PaneSettings(sampler=Euler(steps=8), model="learned")
    two = LabDocument(panes=(pane, PaneSettings(sampler=Euler(steps=8), model="learned", run="abcdef")))
    path = tmp_path / "two.pushforward"
    session.save(replace(loaded, scene=encode_document(two)), path)
    along = film(path, tmp_path / "f", "--axis", "training", "--seconds", "0.6", "--no-captions")
    left, right = [picture[:, :158] for picture in along], [picture[:, 162:] for picture in along]
    assert not np.array_equal(left[0], left[-1])
    assert np.array_equal(right[0], right[-1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--at", "0.5"], "--at: goes with --axis training"),
        (["--axis", "training", "--at", "2"], "--at 2: must be from 0 to 1"),
        (["--axis", "training", "--step", "3"], "--step: a film along the training shows all of them"),
        (["--step", "-3"], "--step -3: must be at least 0"),
        (["--axis", "training", "--model", "exact"], "the exact field has no training steps"),
        (["--run", "no"], "--run no: there is no such run; the session has “an earlier one”"),
        (["--run", "an earlier one", "--axis", "training"], "keeps no checkpoints to go along of that run"),
    ],
)
def test_what_is_refused(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert program.main(["render", str(trained), "--out", str(tmp_path / "f.mp4"), *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_untrained_session_has_no_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from engine.experiment import Experiment

    session.save(Session(experiment=Experiment(target=Moons())), tmp_path / "s.pushforward")
    assert program.main(["render", str(tmp_path / "s.pushforward"), "--out", str(tmp_path / "f.mp4"), "--axis", "training"]) == 2
    assert "no pane shows the trained network" in capsys.readouterr().err
