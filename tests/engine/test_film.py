"""Films by the real encoders: what comes out is decoded again by ffmpeg and looked at."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import film
from engine.choice import Problem
from engine.film import Format, encode, ffmpeg, format_of, frame_rate

SIZE = (96, 64)
COUNT = 12


def frames(count: int = COUNT, size: tuple[int, int] = SIZE) -> Iterator[np.ndarray]:
    """A bright square on dark blue that moves three pixels a frame."""
    for k in range(count):
        picture = np.zeros((size[1], size[0], 3), dtype=np.uint8)
        picture[:] = (11, 14, 20)
        picture[20:40, 3 * k + 4 : 3 * k + 24] = (230, 120, 40)
        yield picture


def make(out: Path, form: Format, fps: float = 25.0) -> list[int]:
    return list(encode(frames(), size=SIZE, fps=fps, out=out, format=form))


def described(path: Path) -> str:
    return subprocess.run([ffmpeg(), "-hide_banner", "-i", str(path)], capture_output=True, text=True, timeout=30, check=False).stderr


def decoded(path: Path) -> np.ndarray:
    command = [ffmpeg(), "-v", "error", "-i", str(path), "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    raw = subprocess.run(command, capture_output=True, timeout=30, check=True).stdout
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, SIZE[1], SIZE[0], 3)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("mp4", [r"Video: h264 .*yuv420p\(tv, bt709", "96x64", "25 fps", "00:00:00.48"]),
        ("webm", [r"Video: vp9 .*yuv420p\(tv, bt709", "96x64", "25 fps", "00:00:00.48"]),
        ("gif", ["Video: gif", "96x64", "25 fps", "00:00:00.48"]),
    ],
)
def test_each_format_holds_the_frames_that_went_in(tmp_path: Path, form: Format, said: list[str]) -> None:
    out = tmp_path / f"film.{form}"
    assert make(out, form)[-1] == COUNT
    words = described(out)
    for pattern in said:
        assert re.search(pattern, words), words
    found = decoded(out).astype(int)
    wanted = np.stack(list(frames())).astype(int)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).mean() < 4.0, "colours are those that went in, up to compression (a wrong matrix is off by 10 and more)"
    assert np.abs(found[5, 25:35, 25:30] - wanted[5, 25:35, 25:30]).max() < 20
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_mp4_can_be_played_before_it_is_loaded(tmp_path: Path) -> None:
    make(tmp_path / "film.mp4", "mp4")
    content = (tmp_path / "film.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_a_folder_of_pngs_is_exact(tmp_path: Path) -> None:
    out = tmp_path / "film"
    assert make(out, "png") == list(range(1, COUNT + 1))
    assert sorted(path.name for path in out.iterdir()) == [f"frame-{k:05d}.png" for k in range(COUNT)]
    for k, picture in enumerate(frames()):
        with Image.open(out / f"frame-{k:05d}.png") as image:
            assert np.array_equal(np.asarray(image), picture)
    with pytest.raises(Problem, match="not empty"):
        make(out, "png")
    assert len(list(out.iterdir())) == COUNT


@pytest.mark.parametrize("form", ["mp4", "gif", "webm"])
def test_the_same_frames_give_the_same_file(tmp_path: Path, form: Format) -> None:
    for name in "ab":
        make(tmp_path / f"{name}.{form}", form)
    assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes()


@pytest.mark.parametrize("form", film.FORMATS)
def test_cancelling_leaves_what_was_there_and_nothing_else(tmp_path: Path, form: Format) -> None:
    out = tmp_path / ("film" if form == "png" else f"film.{form}")
    if form != "png":
        out.write_bytes(b"old")
    running = encode(frames(1000), size=SIZE, fps=25, out=out, format=form)
    assert [next(running) for _ in range(3)] == [1, 2, 3]
    running.close()
    assert [path.name for path in tmp_path.iterdir()] == ([] if form == "png" else [out.name])
    if form != "png":
        assert out.read_bytes() == b"old"


@pytest.mark.parametrize("form", film.FORMATS)
def test_an_error_in_the_frames_leaves_nothing(tmp_path: Path, form: Format) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield from frames(2)
        raise Problem("the context is gone")

    with pytest.raises(Problem, match="the context is gone"):
        list(encode(broken(), size=SIZE, fps=25, out=tmp_path / "film", format=form))
    assert list(tmp_path.iterdir()) == []


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"\[64, 98, 3\] does not fit a film of 96x64"):
        list(encode(frames(size=(98, 64)), size=SIZE, fps=25, out=tmp_path / "film.mp4", format="mp4"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "fps", "form", "said"),
    [
        ((97, 64), 25, "mp4", "even numbers for MP4"),
        ((96, 65), 25, "webm", "even numbers for WEBM"),
        ((0, 64), 25, "gif", "from 2 to 16384"),
        ((96, 99_999), 25, "png", "from 2 to 16384"),
        ((96, 64), 0, "mp4", "at least 1"),
        ((96, 64), float("nan"), "mp4", "at least 1"),
    ],
)
def test_impossible_films(tmp_path: Path, size: tuple[int, int], fps: float, form: Format, said: str) -> None:
    with pytest.raises(Problem, match=said):
        next(encode(frames(), size=size, fps=fps, out=tmp_path / "film", format=form))


def test_an_odd_gif_is_possible(tmp_path: Path) -> None:
    assert list(encode(frames(size=(97, 65)), size=(97, 65), fps=25, out=tmp_path / "film.gif", format="gif"))[-1] == COUNT


def test_formats_by_name() -> None:
    assert [format_of(Path(name), name) for name in ("a.mp4", "b.GIF", "c.webm", "folder/", "folder", "x.mp4/")] == [
        "mp4",
        "gif",
        "webm",
        "png",
        "png",
        "png",
    ]
    with pytest.raises(Problem, match=r"a film is \.mp4"):
        format_of(Path("a.avi"))


def test_a_gif_plays_whole_hundredths_of_a_second() -> None:
    assert [frame_rate(fps, "gif") for fps in (60, 50, 30, 25, 10)] == [50, 50, pytest.approx(100 / 3), 25, 10]
    assert frame_rate(60, "mp4") == 60


def test_ffmpeg_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHFORWARD_FFMPEG", str(tmp_path / "none"))
    with pytest.raises(Problem, match="there is no such program; a folder of PNGs needs none"):
        make(tmp_path / "film.mp4", "mp4")
    monkeypatch.delenv("PUSHFORWARD_FFMPEG")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)  # as if it were not installed
    with pytest.raises(Problem, match="no ffmpeg was found"):
        make(tmp_path / "film.mp4", "mp4")
    assert list(tmp_path.iterdir()) == []
    make(tmp_path / "film", "png")


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for ffmpeg")
def test_an_encoder_that_dies_says_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It floods its errors first (more than a pipe holds), reads a little, complains and goes."""
    script = tmp_path / "ffmpeg"
    flood = "head -c 300000 /dev/zero | tr '\\0' 'x' >&2"
    script.write_text(f"#!/bin/sh\n{flood}\nhead -c 50000 >/dev/null\necho >&2\necho 'the disk burns' >&2\nexit 3\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PUSHFORWARD_FFMPEG", str(script))
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(Problem, match=r"^ffmpeg stopped: the disk burns$"):
        list(encode(frames(500), size=SIZE, fps=25, out=out / "film.mp4", format="mp4"))
    assert list(out.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root on Linux")
@pytest.mark.parametrize("form", ["mp4", "gif", "png"])
def test_a_full_disk(tmp_path: Path, form: Format) -> None:
    """A real disk of 48 kB, and frames of noise that no encoder makes small."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(tmp_path)], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    rng = np.random.default_rng(0)
    noise = (rng.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8) for _ in range(60))
    try:
        with pytest.raises(Problem, match="No space left on device"):
            list(encode(noise, size=SIZE, fps=25, out=tmp_path / "film", format=form))
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for ffmpeg")
def test_ffmpeg_s_last_words_name_no_address(tmp_path: Path) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\necho '[out#0/mp4 @ 0x5602e9c38b00] Error closing file: No space left on device' >&2\nexit 1\n")
    script.chmod(0o755)
    with pytest.raises(Problem, match=r"^ffmpeg stopped: Error closing file: No space left on device$"):
        list(film._wait([str(script)]))
