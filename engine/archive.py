"""Archive: a zip read with distrust. Names, sizes and headers are looked at before anything is unpacked."""

from __future__ import annotations

import io
import math
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
        """An npy member; its header is held against its size before the array is made, and objects are refused."""
        data = self.read(name, limit)
        buffer = io.BytesIO(data)
        try:
            version = np.lib.format.read_magic(buffer)
            readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            if version not in readers:
                raise NotASession(f"{name} is an npy file of version {version}")
            shape, _, dtype = readers[version](buffer)
            if dtype.hasobject:
                raise NotASession(f"{name} holds Python objects, which are never read")
            if dtype.itemsize == 0 or math.prod(shape) * dtype.itemsize != len(data) - buffer.tell():
                raise NotASession(f"{name} does not hold what its header says")
            buffer.seek(0)
            return np.lib.format.read_array(buffer, allow_pickle=False)
        except NotASession:
            raise
        except (ValueError, TypeError, SyntaxError, OverflowError, EOFError, RecursionError, MemoryError) as error:
            raise NotASession(f"{name} is damaged") from error

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
