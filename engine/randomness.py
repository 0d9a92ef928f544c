"""Named random numbers: every draw comes from a seed and a name, never from a global state."""

from __future__ import annotations

import hashlib

import numpy as np


def philox(seed: int, *names: str | int) -> np.random.Philox:
    """The counter-based bit generator that (seed, names) names: Philox keyed by 128 bits of BLAKE2b of both.

    Raises TypeError for a name that is neither a string nor an integer.
    """
    parts: list[str] = []
    for name in (int(seed), *names):
        if not isinstance(name, str | int | np.integer):
            raise TypeError(f"A random number is named by strings and integers, not by {type(name).__name__}.")
        text = name if isinstance(name, str) else str(int(name))
        parts.append(f"{'s' if isinstance(name, str) else 'i'}{len(text)}:{text}")
    digest = hashlib.blake2b("".join(parts).encode(), digest_size=16).digest()
    return np.random.Philox(key=int.from_bytes(digest, "little"))


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A generator that depends on (seed, names) alone: the same on every run and machine.

    ``generator(7, "start")`` and ``generator(7, "batch", 3)`` are independent streams. Draws of shape (n, d) fill row by
    row, so the first k rows do not depend on n.
    """
    return np.random.Generator(philox(seed, *names))
