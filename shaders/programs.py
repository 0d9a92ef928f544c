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


def program(name: str, fragment: str | None = None) -> Any:
    """A program of ``name.vert`` and ``name.frag`` (or another fragment shader)."""
    return gloo.Program(source(f"{name}.vert"), source(f"{fragment or name}.frag"))


class Keep:
    """What was made from an array, kept while the array is in use. Arrays are never changed in place, so identity is the key."""

    def __init__(self, limit_bytes: int = 256 << 20) -> None:
        self._limit = limit_bytes
        self._made: dict[tuple[Any, ...], tuple[tuple[Any, ...], Any, int]] = {}

    def get(self, arrays: Any, key: tuple[Any, ...], make: Callable[[], Any], size: int = 0) -> Any:
        """What ``make()`` gave for this array (or tuple of arrays) and key the last time; made now if it is new. ``size`` in bytes."""
        owners = arrays if isinstance(arrays, tuple) else (arrays,)
        full = (*(id(owner) for owner in owners), *key)
        found = self._made.pop(full, None)
        if found is None:
            found = (owners, make(), size)
        self._made[full] = found
        total = sum(entry[2] for entry in self._made.values()) if size else 0
        while total > self._limit and len(self._made) > 4:
            total -= self._made.pop(next(iter(self._made)))[2]
        return found[1]

    def sweep(self, alive: Iterable[Any]) -> None:
        """Forget what was made from arrays that are neither among these nor made from them."""
        ids = {id(array) for array in alive}
        for key, (owners, made, _) in list(self._made.items()):
            if all(id(owner) in ids for owner in owners):
                ids.add(id(made))
            else:
                del self._made[key]


def vec3(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Points of two or three dimensions as float32 (n, 3), z = 0 where there is none; what is not finite goes far outside."""
    out = np.zeros((len(points), 3), dtype=np.float32)
    out[:, : points.shape[1]] = points
    if not np.isfinite(out).all():
        np.nan_to_num(out, copy=False, nan=1e6, posinf=1e6, neginf=-1e6)
    return out
