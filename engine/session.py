"""Session: all of one's work in one file, ``*.pushforward``: a zip of JSON, npy and safetensors, without pickle.

========================================  ==========================================================================================
``session.json``                          format version, experiment (arrays by digest), model, steps, threads, device, versions
``scene.json``                            what the window shows; the engine keeps it without reading it
``arrays/<digest>.npy``                   the arrays of the experiment: painted raster, image, points
``weights.safetensors``                   ``weights`` and ``ema``, (P,) float32 each, flat
``optimiser.safetensors``                 ``first`` and ``second``, Adam's moments, (P,) float32 each
``checkpoints/<step>.safetensors``        ``ema`` along training
``losses.npy``                            (k, 2) float64: step, loss
========================================  ==========================================================================================

A file is written whole or not at all. A file is believed in nothing: names, sizes, versions, shapes, digests and numbers are checked.
"""

from __future__ import annotations

import io
import platform
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.archive import Archive, NotASession
from engine.arrays import Array, arrays_of, decoder_of_arrays, encode_array
from engine.choice import Problem
from engine.experiment import Experiment
from engine.files import replacing
from engine.objectives.old_names import modern
from engine.tensors import pack, unpack
from engine.training_state import Flat, TrainingState

VERSION = 1
SUFFIX = ".pushforward"

Model = Literal["learned", "exact"]

MIB = 1 << 20
LIMITS = {"session.json": 16 * MIB, "scene.json": 16 * MIB, "losses.npy": 512 * MIB}
"""Most bytes of a member; weights are held to what the network has, arrays to ``ARRAY_LIMIT``."""
ARRAY_LIMIT = 1024 * MIB
HEADER_LIMIT = 64 * 1024
MOST_CHECKPOINTS = 4096


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The averaged weights at one step of training."""

    step: int
    ema: Flat
    """(P,) float32."""


def no_losses() -> NDArray[np.float64]:
    """An empty loss history, (0, 2)."""
    return np.zeros((0, 2))


@dataclass(frozen=True, eq=False)
class Session:
    """What a session file holds."""

    experiment: Experiment
    scene: bytes | None = None
    """A JSON document that the window reads (gui.document)."""
    state: TrainingState | None = None
    """None before any training: then only the exact field can be shown."""
    checkpoints: tuple[Checkpoint, ...] = ()
    """In the order of their steps."""
    losses: NDArray[np.float64] = field(default_factory=no_losses)
    """(k, 2): step, loss; steps increase."""
    model: Model = "learned"
    """What was shown: the network or the exact field."""
    device: str = "cpu"
    """Where it was trained."""
    seconds: float = 0.0
    """Time spent in training, s."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of the software that wrote the file; filled in by ``load``."""

    @property
    def step(self) -> int:
        """Training steps done."""
        return 0 if self.state is None else self.state.step

    @property
    def trained(self) -> bool:
        return self.state is not None


class _Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """session.json."""

    format: Literal["pushforward"] = "pushforward"
    version: int
    experiment: msgspec.Raw
    model: Model
    step: int | None
    checkpoints: tuple[int, ...] = ()
    device: str = "cpu"
    threads: int = 1
    seconds: float = 0.0
    versions: dict[str, str] = {}


class _Version(msgspec.Struct, frozen=True):
    """As much of session.json as every version has."""

    format: str = ""
    version: int = 0


def save(session: Session, path: Path) -> None:
    """Write the session. If anything goes wrong the old file is untouched and nothing is left beside it: Problem, one line."""
    with replacing(Path(path)) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in _members(session):
            stored = zipfile.ZIP_STORED if name.endswith(".safetensors") else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), data, stored)


def _members(session: Session) -> list[tuple[str, bytes]]:
    state = session.state
    head = _Head(
        version=VERSION,
        experiment=msgspec.Raw(msgspec.json.encode(session.experiment, enc_hook=encode_array)),
        model=session.model,
        step=None if state is None else state.step,
        checkpoints=tuple(checkpoint.step for checkpoint in session.checkpoints),
        device=session.device,
        threads=session.experiment.training.threads,
        seconds=session.seconds,
        versions=_versions(),
    )
    members = [("session.json", msgspec.json.format(msgspec.json.encode(head), indent=1))]
    if session.scene is not None:
        members.append(("scene.json", session.scene))
    members += [(f"arrays/{digest}.npy", _npy(array.values)) for digest, array in sorted(arrays_of(session.experiment).items())]
    if state is not None:
        members.append(("weights.safetensors", pack({"weights": state.weights, "ema": state.ema})))
        members.append(("optimiser.safetensors", pack({"first": state.first, "second": state.second})))
    members += [(f"checkpoints/{checkpoint.step}.safetensors", pack({"ema": checkpoint.ema})) for checkpoint in session.checkpoints]
    members.append(("losses.npy", _npy(np.asarray(session.losses, dtype=np.float64).reshape(-1, 2))))
    return members


def _npy(values: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(values), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("torch", "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def load(path: Path) -> Session:
    """Read and check a session file. Raises Problem, one line that names the file and what is wrong in it."""
    path = Path(path)
    try:
        with Archive(path) as archive:
            return _read(archive)
    except NotASession as error:
        raise Problem(f"{path}: {error}") from error


def _read(archive: Archive) -> Session:
    head = _head(archive.read("session.json", LIMITS["session.json"]))
    _refuse_strangers(archive, head)
    arrays = {name[len("arrays/") : -len(".npy")]: name for name in archive.names if name.startswith("arrays/")}
    store = {digest: _array(archive, name, digest) for digest, name in arrays.items()}
    experiment = _decode(modern(head.experiment), Experiment, "the experiment", decoder_of_arrays(store))
    refusal = experiment.refusal()
    if refusal is not None:
        raise NotASession(f"its experiment cannot be: {refusal}")
    if head.threads != experiment.training.threads:
        raise NotASession("session.json contradicts itself about the number of threads")
    size = experiment.flat_length()
    losses = archive.npy("losses.npy", LIMITS["losses.npy"])
    if losses.dtype != np.float64 or losses.ndim != 2 or losses.shape[1] != 2 or not np.isfinite(losses[:, 0]).all():
        raise NotASession("losses.npy is not a table of steps and losses")
    return Session(
        experiment=experiment,
        scene=archive.read("scene.json", LIMITS["scene.json"]) if "scene.json" in archive.names else None,
        state=None if head.step is None else _state(archive, head.step, size),
        checkpoints=tuple(
            Checkpoint(step, _flats(archive, f"checkpoints/{step}.safetensors", ("ema",), size)["ema"]) for step in head.checkpoints
        ),
        losses=losses,
        model=head.model,
        device=head.device,
        seconds=head.seconds,
        versions=head.versions,
    )


def _head(text: bytes) -> _Head:
    seen = _decode(text, _Version, "session.json")
    if seen.format != "pushforward":
        raise NotASession("session.json is not that of a Pushforward session")
    if seen.version > VERSION:
        raise NotASession(f"written by a newer Pushforward (session version {seen.version}; this one reads up to {VERSION})")
    if seen.version < 1:
        raise NotASession(f"there is no session version {seen.version}")
    head: _Head = _decode(text, _Head, "session.json")
    steps = head.checkpoints
    if len(steps) > MOST_CHECKPOINTS or any(step < 0 for step in steps) or list(steps) != sorted(set(steps)):
        raise NotASession("session.json lists impossible checkpoints")
    if head.step is not None and head.step < 0:
        raise NotASession(f"session.json counts {head.step} training steps")
    return head


def _decode(text: Any, kind: Any, what: str, hook: Callable[[type, Any], Any] | None = None) -> Any:
    try:
        return msgspec.json.decode(text, type=kind, dec_hook=hook)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Problem) as error:
        raise NotASession(f"{what} cannot be read: {' '.join(str(error).split())}") from error


def _refuse_strangers(archive: Archive, head: _Head) -> None:
    known = {"session.json", "scene.json", "losses.npy"}
    if head.step is not None:
        known |= {"weights.safetensors", "optimiser.safetensors"}
    known |= {f"checkpoints/{step}.safetensors" for step in head.checkpoints}
    for name in archive.names:
        if name not in known and not (name.startswith("arrays/") and name.endswith(".npy")):
            raise NotASession(f"it holds {name!r}, which a session does not have")


def _array(archive: Archive, name: str, digest: str) -> Array:
    array = Array(archive.npy(name, ARRAY_LIMIT))
    if array.digest != digest:
        raise NotASession(f"{name} is damaged: its content does not match its name")
    if array.values.dtype.kind not in "fuib" or not np.isfinite(array.values).all():
        raise NotASession(f"{name} holds values that are not finite numbers")
    return array


def _state(archive: Archive, step: int, size: int) -> TrainingState:
    weights = _flats(archive, "weights.safetensors", ("weights", "ema"), size)
    moments = _flats(archive, "optimiser.safetensors", ("first", "second"), size)
    if (moments["second"] < 0).any():
        raise NotASession("optimiser.safetensors holds negative second moments")
    return TrainingState(step=step, **weights, **moments)


def _flats(archive: Archive, name: str, wanted: tuple[str, ...], size: int) -> dict[str, Flat]:
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
