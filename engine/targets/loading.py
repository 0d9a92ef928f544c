"""From a file to a target. What cannot be read is a Problem of one line that names the file and the place in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.choice import Problem
from engine.targets import Target
from engine.targets.raster import Channel
from engine.targets.tables import load_npy, load_text

_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_MAX_BYTES = 1 << 30


def load_target(path: Path, *, columns: Sequence[str] | None = None, channel: Channel | None = None, label: str | None = None) -> Target:
    """A picture (PNG, JPEG, WebP) or a table (CSV, TSV, NPY), told apart by content, as a target.

    ``columns`` names two or three columns of a table (by header, or by number from 1), ``label`` the one that holds labels (at most
    eight, words or numbers); ``channel`` says what of a picture is density. Raises Problem for everything that cannot be read.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise Problem(f"{path.name} is a folder, not a file")
        with path.open("rb") as file:
            head = file.read(1024)
            size = path.stat().st_size
            kind = _kind(path, head)
            if size > _MAX_BYTES:
                raise Problem(f"{path.name} is too large: {size / 2**20:,.0f} MiB; at most {_MAX_BYTES >> 20:,} MiB can be read")
            data = b"" if kind == "image" else head + file.read()
    except FileNotFoundError:
        raise Problem(f"{path}: there is no such file") from None
    except OSError as error:
        raise Problem(f"{path}: {error.strerror or error}") from None
    if kind == "image":
        if columns or label:
            raise Problem(f"{path.name} is a picture; {'columns' if columns else 'label columns'} are for tables")
        from engine.targets.images import load_image

        return load_image(path, channel)
    if channel:
        raise Problem(f"{path.name} is a table; a channel is for pictures")
    return (load_npy if kind == "npy" else load_text)(data, path.name, columns, label)


def _kind(path: Path, head: bytes) -> str:
    """Image, npy or text, by content; the suffix only words the refusal."""
    if not head:
        raise Problem(f"{path.name} is empty")
    if head.startswith(b"\x89PNG\r\n\x1a\n") or head.startswith(b"\xff\xd8\xff") or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "image"
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith(b"PK\x03\x04"):
        raise Problem(f"{path.name} is an archive; give one picture (PNG, JPEG, WebP) or one table (CSV, TSV, NPY)")
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\x00" in head and not wide:
        raise Problem(f"{path.name} is neither a picture (PNG, JPEG, WebP) nor a table (CSV, TSV, NPY)")
    if path.suffix.lower() in _IMAGE_SUFFIXES:
        raise Problem(f"{path.name} is not a picture: its content is text")
    if path.suffix.lower() == ".npy":
        raise Problem(f"{path.name} is not an NPY file: its content is text")
    return "text"
