"""Archive: a zip read with distrust. Names, sizes and headers are looked at before anything is unpacked."""

from __future__ import annotations

import math
import re
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.files import reason

MOST_MEMBERS = 10_000
MOST_BYTES = 8 << 30
CHUNK = 1 << 20

MAGIC = b"\x93NUMPY"
NPY = re.compile(
    MAGIC + rb"\x01\x00(?P<length>[\x00-\xff]{2})"
    rb"\{'descr': '(?P<descr>[<>](?:f[248]|[iu][248])|[|][iub]1)', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>(?:[0-9]{1,12}, ?){0,3}(?:[0-9]{1,12})?)\), ?\} *\n",
    re.DOTALL,
)
"""The head of an npy file of version 1.0 with plain numbers in at most four dimensions, as numpy writes it. numpy's own reader
evaluates the header as a Python literal and mends those of Python 2; nothing here does."""

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, RuntimeError, ValueError, OverflowError, KeyError, IndexError)
"""What zipfile raises on damaged input (RuntimeError: encrypted members; NotImplementedError is one)."""


class NotASession(Problem):
    """What is wrong inside the file, in one line; the file's name is put before it by the caller."""


class Archive:
    """``with Archive(path) as archive: archive.read("session.json", limit)``. Raises NotASession."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Archive:
        try:
            self._zip = zipfile.ZipFile(self._path)
        except FileNotFoundError as error:
            raise NotASession("there is no such file") from error
        except OSError as error:
            raise NotASession(f"cannot be read: {reason(error)}") from error
        except DAMAGE as error:
            raise NotASession("not a Pushforward session, or one that was cut short") from error
        try:
            self._members = self._checked(self._zip.infolist())
        except NotASession:
            self._zip.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def names(self) -> frozenset[str]:
        """The members, folders aside."""
        return frozenset(self._members)

    @staticmethod
    def _checked(infos: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
        if len(infos) > MOST_MEMBERS:
            raise NotASession(f"it has {len(infos)} members, more than any session")
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            name = info.filename
            if not is_plain(name):
                raise NotASession(f"it holds the unsafe name {name!r}")
            if name in members:
                raise NotASession(f"it holds {name!r} twice")
            if info.flag_bits & 0x1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise NotASession(f"{name!r} is encrypted or packed in a way that sessions are not")
            members[name] = info
        total = sum(info.file_size for info in members.values())
        if total > MOST_BYTES:
            largest = max(members.values(), key=lambda info: info.file_size)
            raise NotASession(f"it would unpack to {total / 1e9:.1f} GB ({largest.filename!r} alone to {largest.file_size / 1e9:.1f} GB)")
        return members

    def read(self, name: str, limit: int) -> bytes:
        """All of a member, at most ``limit`` bytes whatever its header says."""
        info = self._info(name)
        if info.file_size > limit:
            raise NotASession(f"{name} has {info.file_size:,} bytes, more than the {limit:,} that it can have")
        data = bytearray()
        try:
            with self._zip.open(info) as member:
                while chunk := member.read(min(CHUNK, limit + 1 - len(data))):
                    data += chunk
                    if len(data) > limit:
                        raise NotASession(f"{name} unpacks to more than the {limit:,} bytes that it can have")
        except NotASession:
            raise
        except OSError as error:
            raise NotASession(f"{name} cannot be read: {reason(error)}") from error
        except DAMAGE as error:
            raise NotASession(f"{name} is damaged") from error
        if len(data) != info.file_size:
            raise NotASession(f"{name} is damaged")
        return bytes(data)

    def npy(self, name: str, limit: int) -> NDArray[Any]:
        """An npy member of plain numbers; its header is held against its size before the array is made."""
        data = self.read(name, limit)
        found = NPY.match(data)
        if found is None:
            objects = data.startswith(MAGIC) and b"|O" in data[:128]
            raise NotASession(f"{name} holds Python objects, which are never read" if objects else f"{name} is damaged")
        dtype = np.dtype(found["descr"].decode("ascii"))
        shape = tuple(int(length) for length in found["shape"].decode("ascii").split(",") if length.strip())
        header = int.from_bytes(found["length"], "little")
        if math.prod(shape) * dtype.itemsize != len(data) - 10 - header or found.end() > 10 + header:
            raise NotASession(f"{name} does not hold what its header says")
        return np.frombuffer(data, dtype, offset=10 + header).reshape(shape, order="F" if found["fortran"] == b"True" else "C").copy()

    def _info(self, name: str) -> zipfile.ZipInfo:
        if name not in self._members:
            raise NotASession(f"{name} is missing")
        return self._members[name]


def is_plain(name: str) -> bool:
    """A relative path that stays inside: no drive, no backslash, no empty, ``.`` or ``..`` part, no control character."""
    parts = name.split("/")
    return (
        name.isprintable()
        and "\\" not in name
        and ":" not in name
        and not PurePosixPath(name).is_absolute()
        and not {"", ".", ".."} & set(parts)
    )
