"""render: a film of a session without a window, by the drawing code that the window has."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

import main as program
from engine import session
from engine.choice import Problem
from engine.experiment import Experiment
from engine.film import ffmpeg
from engine.session import Session
from engine.targets import Helix, Moons
from gui.document import decode_document, encode_document
from gui.recorder.timing import frame_times

ROOT = Path(__file__).parents[1]
SMALL = ["--size", "320x180", "--fps", "10", "--seconds", "0.6", "--particles", "300", "--pane", "heun:steps=8"]


def no_display() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}


def render(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """As a process of its own, with no display at all."""
    command = [sys.executable, str(ROOT / "main.py"), "render", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=no_display(), check=False)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("render") / "moons.pushforward"
    session.save(Session(experiment=Experiment(target=Moons())), path)
    return path


def pictures(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())]


def test_frames_are_the_same_bit_for_bit_and_move(untrained: Path, tmp_path: Path) -> None:
    for name in "ab":
        done = render([str(untrained), "--out", f"{tmp_path / name}/", *SMALL, "euler-maruyama:steps=12,sigma=constant", "--title", "Two"])
        assert done.returncode == 0, done.stderr
    first, second = pictures(tmp_path / "a"), pictures(tmp_path / "b")
    assert len(first) == 6
    assert all(picture.shape == (180, 320, 3) for picture in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert np.array_equal(first[4], first[5]), "the film rests at the end for a sixth of it"
    left, right = first[2][:, :160].astype(int), first[2][:, 160:].astype(int)
    assert np.abs(first[1].astype(int) - first[3]).mean() > 0.5
    assert left.std() > 5
    assert right.std() > 5


def test_an_mp4_and_a_gif_without_a_display(tmp_path: Path) -> None:
    path = tmp_path / "helix.pushforward"
    session.save(Session(experiment=Experiment(target=Helix())), path)
    for name, said in [("film.mp4", r"h264 .*320x180.* 10 fps"), ("film.gif", r"gif.*320x180.* 10 fps")]:
        done = render([str(path), "--out", str(tmp_path / name), *SMALL])
        assert done.returncode == 0, done.stderr
        words = subprocess.run([ffmpeg(), "-i", str(tmp_path / name)], capture_output=True, text=True, check=False).stderr
        assert re.search(said, words), words
        assert "00:00:00.60" in words


def test_the_session_s_own_panes_layers_and_theme_are_drawn(tmp_path: Path) -> None:
    plain = decode_document(None)
    pane = plain.scene.panes[0]
    arrows = replace(pane, layers=replace(pane.layers, velocity=replace(pane.layers.velocity, visible=True)))
    learned = tuple(replace(settings, model="learned") for settings in plain.panes)
    for name, panes, theme in [("plain", (pane, pane), "dark"), ("arrows", (arrows, pane), "dark"), ("light", (pane, pane), "light")]:
        document = replace(plain, panes=learned, particles=100, scene=replace(plain.scene, panes=panes, theme=theme))
        scene = encode_document(document)
        session.save(Session(experiment=Experiment(target=Moons()), scene=scene), tmp_path / "s.pushforward")
        options = ["--out", f"{tmp_path / name}/", "--size", "320x180", "--fps", "1", "--seconds", "1", "--hold-end", "0"]
        done = render([str(tmp_path / "s.pushforward"), *options])
        assert done.returncode == 0, done.stderr
    found = {name: pictures(tmp_path / name)[0].astype(int) for name in ("plain", "arrows", "light")}
    change = np.abs(found["arrows"] - found["plain"])
    assert change[:, :160].mean() > 1.0, "the arrows are drawn in the first pane"
    assert change[40:150, 165:].max() == 0, "and nowhere else"
    assert found["light"].mean() > 180 > 60 > found["plain"].mean()


@pytest.mark.skipif(os.name == "nt", reason="signals are not sent so there")
def test_a_film_of_a_session_without_a_stage_shows_what_its_model_can_drive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Optimal transport teaches a velocity only: the default pane with an SDE stays away, one that is asked for is refused."""
    trained, film = tmp_path / "s.pushforward", tmp_path / "film.gif"
    quick = ["--set", "coupling=optimal-transport", "training.batch=16", "network.width=8", "network.depth=1"]
    assert program.main(["train", "--target", "moons", "--steps", "2", "--out", str(trained), *quick]) == 0
    small = ["--size", "160x120", "--fps", "5", "--seconds", "1", "--particles", "50", "--out", str(film)]
    capsys.readouterr()
    assert program.main(["render", str(trained), *small]) == 0
    assert "pane 1 of 1" in capsys.readouterr().err
    assert film.exists()
    assert program.main(["render", str(trained), *small, "--pane", "heun", "--pane", "euler-maruyama"]) == 2
    assert "pane 2: An SDE needs the score" in capsys.readouterr().err


def test_terminating_leaves_nothing(untrained: Path, tmp_path: Path) -> None:
    arguments = [str(untrained), "--out", str(tmp_path / "film.mp4"), *SMALL, "--seconds", "60", "--progress"]
    command = [sys.executable, str(ROOT / "main.py"), "render", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=no_display())
    assert process.stderr is not None
    while not process.stderr.readline().startswith("frame "):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert rest.splitlines()[-1] == "interrupted"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "{tmp}/f.avi"], "a film is .mp4, .gif, .webm or a folder"),
        (["--out", "{tmp}/f.mp4", "--size", "big"], "--size big: write WIDTHxHEIGHT"),
        (["--out", "{tmp}/f.mp4", "--size", "321x180"], "must be even numbers for MP4"),
        (["--out", "{tmp}/f.mp4", "--fps", "0"], "--fps 0: must be at least 1"),
        (["--out", "{tmp}/f.mp4", "--seconds", "0"], "--seconds 0: must be above 0"),
        (["--out", "{tmp}/f.mp4", "--seconds", "1", "--hold-end", "2"], "leave no time to move"),
        (["--out", "{tmp}/f.mp4", "--pane", "magic"], "there is no sampler 'magic'"),
        (["--out", "{tmp}/f.mp4", "--pane", "heun:sigma=sqrt"], "--pane heun: sigma=sqrt: there is no 'sigma' in sampler heun"),
        (["--out", "{tmp}/f.mp4", "--pane", "heun", "heun", "heun", "heun", "rk4"], "5 panes, and there can be 4"),
        (["--out", "{tmp}/f.mp4", "--particles", "0"], "--particles 0: must be at least 1 and at most 1,000,000"),
        (["--out", "{tmp}/f.mp4", "--seed", "-1"], "--seed -1: must be at least 0"),
        (["--out", "{tmp}/f.mp4", "--seconds", "long"], "--seconds long: must be a number"),
        (["--out", ""], "--out: must name a film or a folder"),
        (["--out", "{tmp}/f.mp4", "--model", "learned"], "has no trained network"),
        (["--out", "{tmp}/none/f.mp4"], "No such file or directory"),
    ],
)
def test_what_render_refuses(untrained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert program.main(["render", str(untrained), *(argument.format(tmp=tmp_path) for argument in arguments)]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_clock_of_a_film() -> None:
    assert frame_times(1.0, 4, 0.0, 0.0) == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert frame_times(2.0, 4, 0.5, 0.5) == pytest.approx([0, 0, 0, 1 / 3, 2 / 3, 1, 1, 1])
    assert frame_times(1.0, 6, 0.0, 0.0, ping_pong=True) == pytest.approx([0, 0.5, 1, 0.75, 0.5, 0.25])
    for ping_pong in (False, True):
        for seconds, fps, start, end in [(6.0, 60, 0.5, 1.0), (2.5, 24, 0.0, 0.3), (0.1, 30, 0.0, 0.0)]:
            times = frame_times(seconds, fps, start, end, ping_pong)
            assert len(times) == round(seconds * fps)
            assert min(times) >= 0.0
            assert max(times) == 1.0
    with pytest.raises(Problem, match="at least 0"):
        frame_times(1.0, 30, -1.0, 0.0)
