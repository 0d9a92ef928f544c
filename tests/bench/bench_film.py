"""How long a 6 s 1920×1080 60 fps film of two panes takes, against ffmpeg alone encoding the same raw frames with the same options."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.film import encode, ffmpeg

SIZE, FPS, SECONDS = (1920, 1080), 60.0, 6.0


def raw_frames(film: Path) -> Iterator[np.ndarray]:
    """The film's own frames, decoded again."""
    width, height = SIZE
    command = [ffmpeg(), "-loglevel", "error", "-i", str(film), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while len(frame := process.stdout.read(width * height * 3)) == width * height * 3:
            yield np.frombuffer(frame, np.uint8).reshape(height, width, 3)


def main() -> None:
    """Trains a small network, films it, then encodes the film's own frames again."""
    with tempfile.TemporaryDirectory() as folder:
        session, film, again = Path(folder, "s.pushforward"), Path(folder, "film.mp4"), Path(folder, "again.mp4")
        run = [sys.executable, "main.py"]
        subprocess.run(
            [*run, "train", "--target", "8gaussians", "--steps", "500", "--out", str(session)], check=True, stderr=subprocess.DEVNULL
        )
        begin = time.perf_counter()
        options = ["--size", f"{SIZE[0]}x{SIZE[1]}", "--fps", f"{FPS:g}", "--seconds", f"{SECONDS:g}"]
        subprocess.run([*run, "render", str(session), "--out", str(film), *options], check=True, stderr=subprocess.DEVNULL)
        whole = time.perf_counter() - begin
        begin = time.perf_counter()
        count = sum(1 for _ in raw_frames(film))
        decoding = time.perf_counter() - begin
        begin = time.perf_counter()
        for _ in encode(raw_frames(film), size=SIZE, fps=FPS, out=again, format="mp4"):
            pass
        encoding = time.perf_counter() - begin - decoding
        print(f"film of two panes, {count} frames: {whole:.1f} s (start, sampling, drawing, encoding); {film.stat().st_size / 1e6:.1f} MB")
        print(f"ffmpeg alone on the same raw frames: {encoding:.1f} s on 2 threads (decoding them, {decoding:.1f} s, is taken off)")
        print(f"ratio {whole / encoding:.2f}")


if __name__ == "__main__":
    main()
