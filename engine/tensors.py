"""Flat float arrays to and from the safetensors format, in memory and without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from engine.archive import NotASession


def pack(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of a safetensors file."""
    return bytes(safetensors.numpy.save({name: np.ascontiguousarray(values) for name, values in tensors.items()}))


def unpack(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file, writable copies; raises NotASession that names the member."""
    try:
        loaded = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise NotASession(f"{name} is damaged") from error
    return {key: values.copy() for key, values in loaded.items()}
