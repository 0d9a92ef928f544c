"""Film: frames in, an encoder's pipe out. MP4 (H.264), GIF, WebM (VP9) by ffmpeg, a folder of PNGs by Pillow.

The encoder is told to keep nothing of the time or place (``bitexact``), and has a fixed number of threads: the same frames give the
same file on the same machine. A film is written beside its place and moved there when it is whole.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import IO, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.files import reason, replacing

Format = Literal["mp4", "gif", "webm", "png"]
FORMATS: tuple[Format, ...] = get_args(Format)
Frame = NDArray[np.uint8]
"""(h, w, 3), row 0 at the top."""

THREADS = max(1, min(16, os.cpu_count() or 1))
"""The encoders' threads: what they write depends on it, so it is fixed for a machine whatever else runs there."""
GIF_FPS = 50.0
"""A GIF counts hundredths of a second, and players slow down below two of them."""
LARGEST = 16_384
PLACE = r"^\[[^\]]* @ 0x[0-9a-f]+\] "
"""Which of its parts ffmpeg speaks of, by its address."""
QUIET = ["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]
BITEXACT = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
BT709 = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
TO_YUV = "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int+bitexact,format=yuv420p"
SETPARAMS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"


def format_of(out: Path, text: str | None = None) -> Format:
    """The format that a file's name asks for; a name without suffix, or ending in a slash, is a folder of PNGs. Raises Problem."""
    suffix = out.suffix.lower().lstrip(".")
    if (text or str(out)).endswith(("/", os.sep)) or not suffix:
        return "png"
    for known in ("mp4", "gif", "webm"):
        if suffix == known:
            return known
    raise Problem(f"{out}: a film is .mp4, .gif, .webm or a folder (name ending in /) of PNGs, not .{suffix}")


def check(size: tuple[int, int], fps: float, form: Format) -> None:
    """Raise Problem if no film of this size and speed can be made."""
    width, height = size
    if width < 2 or height < 2 or width > LARGEST or height > LARGEST:
        raise Problem(f"--size {width}x{height}: width and height must be from 2 to {LARGEST}")
    if form in ("mp4", "webm") and (width % 2 or height % 2):
        raise Problem(f"--size {width}x{height}: width and height must be even numbers for {form.upper()}")
    if not 1.0 <= fps <= 240.0:
        raise Problem(f"--fps {fps:g}: must be at least 1 and at most 240")


def frame_rate(fps: float, form: Format) -> float:
    """The frames a second that the format really plays: a GIF's are 100/k, at most 50."""
    if form != "gif":
        return fps
    return 100.0 / max(round(100.0 / fps), round(100.0 / GIF_FPS))


def encode(frames: Iterable[Frame], *, size: tuple[int, int], fps: float, out: Path, format: Format) -> Generator[int, None, None]:
    """Encode ``frames`` (each (h, w, 3) uint8 of ``size`` = (w, h)) into ``out``; yields how many are in, after each.

    ``fps`` should be ``frame_rate(fps, format)``. Closing the generator cancels: nothing is left behind. Raises Problem: an impossible
    size, no ffmpeg, ffmpeg's own words when it dies, a full disk.
    """
    check(size, fps, format)
    if format == "png":
        yield from _png_folder(frames, size, out)
        return
    program = ffmpeg()
    with replacing(out) as temporary:
        if format == "gif":
            yield from _gif(program, frames, size, fps, temporary)
        else:
            yield from _pipe(frames, size, [program, *_raw(size, fps), *_ENCODERS[format], *BITEXACT, str(temporary)])
        if temporary.stat().st_size == 0:
            raise Problem(f"{out}: ffmpeg wrote nothing")


def _gif(program: str, frames: Iterable[Frame], size: tuple[int, int], fps: float, out: Path) -> Generator[int, None, None]:
    """One palette for the whole film needs all of it first: it waits in a lossless file, not in memory.

    The dither is ordered, not diffused: what stands still in the film stands still in the GIF.
    """
    with tempfile.TemporaryDirectory(prefix=f".{out.stem.strip('.')}.", dir=out.parent) as folder:
        whole, palette = Path(folder, "whole.mkv"), Path(folder, "palette.png")
        lossless = ["-c:v", "libx264rgb", "-qp", "0", "-preset", "ultrafast", "-threads", str(THREADS), "-f", "matroska"]
        count = 0
        for count in _pipe(frames, size, [program, *_raw(size, fps), *lossless, str(whole)]):
            yield count
        rest = ["-filter_complex_threads", "1", "-lavfi"]
        looked = [program, *QUIET, "-i", str(whole), "-vf", "palettegen=stats_mode=full", "-frames:v", "1", "-update", "1", str(palette)]
        mapped = [*rest, "paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle", "-loop", "0", "-f", "gif", *BITEXACT, str(out)]
        for command in (looked, [program, *QUIET, "-i", str(whole), "-i", str(palette), *mapped]):
            for _ in _wait(command):
                yield count


def _png_folder(frames: Iterable[Frame], size: tuple[int, int], out: Path) -> Generator[int, None, None]:
    from PIL import Image

    with replacing(out, folder=True) as folder:
        for count, frame in enumerate(frames):
            Image.fromarray(_checked(frame, size)).save(folder / f"frame-{count:05d}.png", compress_level=4)
            yield count + 1


_ENCODERS: dict[str, list[str]] = {
    "mp4": [
        *["-vf", f"{TO_YUV},{SETPARAMS}", "-c:v", "libx264", "-preset", "faster", "-crf", "17", "-threads", str(THREADS)],
        *[*BT709, "-movflags", "+faststart", "-f", "mp4"],
    ],
    "webm": [
        *["-vf", f"{TO_YUV},{SETPARAMS}", "-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0"],
        *["-deadline", "good", "-cpu-used", "4", "-row-mt", "1", "-threads", str(THREADS), *BT709, "-f", "webm"],
    ],
}


def _raw(size: tuple[int, int], fps: float) -> list[str]:
    """ffmpeg's options for frames on its standard input."""
    rate = Fraction(fps).limit_denominator(1001)
    what = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", f"{rate.numerator}/{rate.denominator}"]
    return [*QUIET, *what, "-i", "pipe:0", "-an"]


def _start(command: list[str], errors: IO[bytes], stdin: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=errors, **_apart())
    except OSError as error:
        raise Problem(f"{command[0]}: ffmpeg does not start: {reason(error)}") from error


def _wait(command: list[str]) -> Generator[None, None, None]:
    """Run ffmpeg on files; yields some times a second, and kills it if closed."""
    with tempfile.TemporaryFile() as errors:
        process = _start(command, errors, subprocess.DEVNULL)
        try:
            while process.poll() is None:
                yield
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        _check_end(errors, process.returncode)


def _pipe(frames: Iterable[Frame], size: tuple[int, int], command: list[str]) -> Generator[int, None, None]:
    """Feed the frames to ffmpeg's standard input. Its errors go to an unnamed file, so that no pipe can fill up and stop it."""
    with tempfile.TemporaryFile() as errors:
        process = _start(command, errors, subprocess.PIPE)
        assert process.stdin is not None
        finished = False
        try:
            for count, frame in enumerate(frames):
                try:
                    process.stdin.write(_checked(frame, size).data.cast("B"))
                except OSError as error:
                    process.wait()
                    raise Problem(_died(errors, process.returncode)) from error
                yield count + 1
            finished = True
        finally:
            if not finished:
                process.kill()
            _close(process.stdin)
            code = process.wait()
        _check_end(errors, code)


def _apart() -> dict[str, Any]:
    """Ctrl-C in the terminal is ours to handle: ffmpeg must not see it."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError:
        return  # what was left in the buffer had nowhere to go; the exit status says why


def _check_end(errors: IO[bytes], code: int) -> None:
    """Raises Problem unless the film is whole. Some versions of ffmpeg end with 0 although the disk was full."""
    if code != 0 or _telling(_lines(errors)):
        raise Problem(_died(errors, code))


def _lines(errors: IO[bytes]) -> list[str]:
    errors.seek(0)
    return [line.strip() for line in errors.read()[-20_000:].decode("utf-8", "replace").splitlines() if line.strip()]


def _telling(lines: list[str]) -> list[str]:
    return [line for line in lines if "No space left" in line or "Permission denied" in line]


def _died(errors: IO[bytes], code: int | None) -> str:
    lines = _lines(errors)
    said = (_telling(lines) or lines or [f"exit status {code}"])[-1]
    return f"ffmpeg stopped: {re.sub(PLACE, '', said)}"


def _checked(frame: Frame, size: tuple[int, int]) -> Frame:
    if frame.shape != (size[1], size[0], 3) or frame.dtype != np.uint8:
        raise Problem(f"a frame of {frame.dtype}{list(frame.shape)} does not fit a film of {size[0]}x{size[1]}")
    return np.ascontiguousarray(frame)


def ffmpeg() -> str:
    """The encoder: ``$PUSHFORWARD_FFMPEG`` if set, the system's if it can do H.264 and VP9, else imageio-ffmpeg's. Raises Problem."""
    named = os.environ.get("PUSHFORWARD_FFMPEG")
    if named is not None:
        found = shutil.which(named)
        if found is None:
            raise Problem(f"PUSHFORWARD_FFMPEG={named}: there is no such program; a folder of PNGs needs none")
        return found
    system = shutil.which("ffmpeg")
    if system is not None and _complete(system):
        return system
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise Problem("no ffmpeg was found: install it, or record a folder of PNGs, which needs none") from error


@cache
def _complete(program: str) -> bool:
    """Whether it brings the encoders and filters that films need."""
    try:
        listed = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return "libx264" in listed.stdout and "libvpx-vp9" in listed.stdout
