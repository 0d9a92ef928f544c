"""Loads the GLSL of the folder ``glsl``, each file once, and holds GPU copies of arrays by identity."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from vispy import gloo

FOLDER = Path(__file__).parent / "glsl"


@lru_cache
def source(name: str) -> str:
    """The text of one GLSL file, e.g. ``"particles.vert"``."""
    return (FOLDER / name).read_text(encoding="ascii")


class Program:
    """``name.vert`` and ``name.frag``, which may be told ``words`` to #define.

    What is as it was at the last draw, as most of a frame is, is not sent again.
    """

    def __init__(self, name: str, words: Iterable[str] = ()) -> None:
        defined = "".join(f"#define {word}\n" for word in words)
        self._program = gloo.Program(source(f"{name}.vert"), defined + source(f"{name}.frag"))
        self._sent: dict[str, Any] = {}

    def __setitem__(self, name: str, value: Any) -> None:
        """A uniform (number, tuple or array), or the buffer of an attribute."""
        state = value.tobytes() if isinstance(value, np.ndarray) else value
        before = self._sent.get(name)
        if before is not state and (type(before) is not type(state) or before != state):
            self._program[name] = value
            self._sent[name] = state

    def bind(self, buffer: Any) -> None:
        """All attributes from one structured buffer."""
        self._program.bind(buffer)

    def draw(self, mode: str, indices: Any = None) -> None:
        """Draws now, with the state that is set."""
        self._program.draw(mode, indices)


class Keep:
    """What was made from an array, kept while the array is in use. Arrays are never changed in place, so identity is the key."""

    def __init__(self, limit_bytes: int = 256 << 20) -> None:
        self._limit = limit_bytes
        self._made: dict[tuple[Any, ...], tuple[tuple[Any, ...], Any, int]] = {}
        self._total = 0
        self._alive: frozenset[int] = frozenset()

    def get(self, arrays: Any, key: tuple[Any, ...], make: Callable[[], Any], size: int = 0) -> Any:
        """What ``make()`` gave for this array (or tuple of arrays) and key the last time; made now if it is new. ``size`` in bytes."""
        owners = arrays if isinstance(arrays, tuple) else (arrays,)
        full = (*(id(owner) for owner in owners), *key)
        found = self._made.pop(full, None)
        if found is None:
            found = (owners, make(), size)
            self._total += size
        self._made[full] = found
        while self._total > self._limit and len(self._made) > 4:
            self._total -= self._made.pop(next(iter(self._made)))[2]
        return found[1]

    def sweep(self, alive: Iterable[Any]) -> None:
        """Forget what was made from arrays that are neither among these nor made from them."""
        now = frozenset(id(array) for array in alive)
        if now == self._alive:
            return
        self._alive, ids = now, set(now)
        for key, (owners, made, size) in list(self._made.items()):
            if all(id(owner) in ids for owner in owners):
                ids.add(id(made))
            else:
                del self._made[key]
                self._total -= size


def vec3(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Points of two or three dimensions as float32 (n, 3), z = 0 where there is none; what is not finite goes far outside."""
    out = np.zeros((len(points), 3), dtype=np.float32)
    out[:, : points.shape[1]] = points
    if not np.isfinite(out).all():
        np.nan_to_num(out, copy=False, nan=1e6, posinf=1e6, neginf=-1e6)
    return out
