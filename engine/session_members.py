"""Members of a session file: how each kind of content is written, and read with distrust. Raises NotASession, one line."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.archive import Archive, NotASession
from engine.choice import Problem
from engine.tensors import unpack
from engine.training_state import Flat

HEADER_LIMIT = 64 * 1024
"""Most bytes of a safetensors header."""


def npy(values: NDArray[Any]) -> bytes:
    """The bytes of an npy file of version 1.0."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(values), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def decode(text: Any, kind: Any, what: str, hook: Callable[[type, Any], Any] | None = None) -> Any:
    """JSON as ``kind``; ``what`` names it when it cannot be read."""
    try:
        return msgspec.json.decode(text, type=kind, dec_hook=hook)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Problem) as error:
        raise NotASession(f"{what} cannot be read: {' '.join(str(error).split())}") from error


def flats(archive: Archive, name: str, wanted: tuple[str, ...], size: int) -> dict[str, Flat]:
    """The flat float32 vectors of one safetensors member, exactly ``wanted``, (size,) each, finite."""
    tensors = unpack(archive.read(name, 4 * size * len(wanted) + HEADER_LIMIT), name)
    if set(tensors) != set(wanted):
        raise NotASession(f"{name} holds {', '.join(sorted(tensors)) or 'nothing'} instead of {', '.join(wanted)}")
    for key, values in tensors.items():
        if values.shape != (size,) or values.dtype != np.float32:
            raise NotASession(f"{name}: {key} is {values.dtype}{list(values.shape)}, and the network has float32[{size}]")
        if not np.isfinite(values).all():
            raise NotASession(f"{name}: {key} has NaN or Inf in it")
    return tensors


def losses(archive: Archive, name: str, limit: int) -> NDArray[np.float64]:
    """(k, 2): step, loss. A loss may be anything, a step is finite."""
    rows = archive.npy(name, limit)
    if rows.dtype != np.float64 or rows.ndim != 2 or rows.shape[1] != 2 or not np.isfinite(rows[:, 0]).all():
        raise NotASession(f"{name} is not a table of steps and losses")
    return rows
