"""Array: an immutable, content-addressed numpy array that a frozen struct can hold.

In JSON it is only its digest; the bytes travel beside (``arrays/<digest>.npy`` in a session file).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem


class Array:
    """A read-only array, equal and hashed by its content."""

    __slots__ = ("_values", "digest")

    def __init__(self, values: Any) -> None:
        own = np.ascontiguousarray(values).copy()
        if own.dtype.hasobject:
            raise Problem("An array of Python objects cannot be kept.")
        own.setflags(write=False)
        self._values: NDArray[Any] = own
        head = f"{own.dtype.str}{own.shape}".encode()
        self.digest: str = hashlib.sha256(head + own.tobytes()).hexdigest()[:32]

    @property
    def values(self) -> NDArray[Any]:
        """The read-only numpy array."""
        return self._values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Array) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Array({self._values.dtype}{list(self._values.shape)}, {self.digest[:8]})"


def encode_array(value: Any) -> Any:
    """msgspec ``enc_hook``: an Array becomes ``{"array": digest}``."""
    if isinstance(value, Array):
        return {"array": value.digest}
    raise msgspec.ValidationError(f"a {type(value).__name__} cannot be written to a file")


def decoder_of_arrays(store: Mapping[str, Array]) -> Any:
    """A msgspec ``dec_hook`` that looks digests up in ``store``; raises Problem for one that is not there."""

    def decode(kind: type, value: Any) -> Any:
        if kind is Array:
            digest = value.get("array") if isinstance(value, dict) else None
            if not isinstance(digest, str) or digest not in store:
                raise Problem(f"the array {digest!r} is not in the file")
            return store[digest]
        raise Problem(f"cannot read a {kind.__name__}")

    return decode


def arrays_of(tree: Any) -> dict[str, Array]:
    """Every Array in a tree of structs, by digest."""
    found: dict[str, Array] = {}

    def walk(node: Any) -> None:
        if isinstance(node, Array):
            found[node.digest] = node
        elif isinstance(node, msgspec.Struct):
            for name in node.__struct_fields__:
                walk(getattr(node, name))
        elif isinstance(node, (tuple, list)):
            for item in node:
                walk(item)

    walk(tree)
    return found
