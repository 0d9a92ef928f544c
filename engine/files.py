"""Files that are either whole or not there: written beside their place under another name, then moved into it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine.choice import Problem


@contextlib.contextmanager
def replacing(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """A temporary file (or folder) beside ``path``; when the block ends well it is flushed to disk and takes ``path``'s place in one step.

    However else the block ends, the temporary is removed and what was at ``path`` stays as it was. A folder replaces nothing but an
    empty folder. Raises Problem with one line for anything that the system refuses (a read-only folder, a full disk).
    """
    path = Path(os.path.realpath(path))  # through a link, so that the link stays one
    temporary: Path | None = None
    try:
        if path.is_dir() and not folder:
            raise Problem(f"{path}: cannot be written: it is a folder")
        if folder:
            refuse_full(path)
            temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
            temporary.chmod(0o777 & ~_umask())
        else:
            handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".part{path.suffix}", dir=path.parent)
            os.close(handle)
            temporary = Path(name)
            temporary.chmod(path.stat().st_mode & 0o777 | 0o200 if path.exists() else 0o666 & ~_umask())
        yield temporary
        if not folder:
            _flush(temporary)
        elif path.is_dir():
            path.rmdir()
        os.replace(temporary, path)
        temporary = None
        _flush(path.parent)
    except OSError as error:
        raise Problem(f"{path}: cannot be written: {reason(error)}{' (the old file is untouched)' if path.is_file() else ''}") from error
    finally:
        if temporary is not None:
            if folder:
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    temporary.unlink()


def refuse_full(path: Path) -> None:
    """Raise Problem if ``path`` is a file, or a folder with something in it."""
    if path.is_dir() and any(path.iterdir()):
        raise Problem(f"{path}: the folder is not empty, and nothing in it is overwritten")
    if path.exists() and not path.is_dir():
        raise Problem(f"{path}: is a file, not a folder")


def refuse_unwritable(path: Path, *, folder: bool = False) -> None:
    """Raise Problem now, before long work, if a file (or folder) could not be written at ``path`` later."""
    with contextlib.suppress(_Enough), replacing(path, folder=folder):
        raise _Enough


class _Enough(Exception):
    """Leaves ``replacing`` without replacing anything."""


def reason(error: OSError) -> str:
    """``"No space left on device"``: the system's words without number and path."""
    return error.strerror or str(error) or type(error).__name__


def _flush(path: Path) -> None:
    """To the disk, not only to the system's cache; a folder where the system allows it."""
    try:
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:
        if path.is_dir():  # Windows opens no folders
            return
        raise
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():
            raise
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
