"""Session: all of one's work in one file, ``*.pushforward``: a zip of JSON, npy and safetensors, without pickle.

========================================  ==========================================================================================
``session.json``                          format version, experiment (arrays by digest), model, steps, threads, device, versions
``scene.json``                            what the window shows; the engine keeps it without reading it
``arrays/<digest>.npy``                   the arrays of the experiment: painted raster, image, points
``weights.safetensors``                   ``weights`` and ``ema``, (P,) float32 each, flat
``optimiser.safetensors``                 ``first`` and ``second``, Adam's moments, (P,) float32 each
``checkpoints/<step>.safetensors``        ``ema`` along training
``losses.npy``                            (k, 2) float64: step, loss
``distances.npy``                         (k, 9) float64: distances over training, where there are any
``runs/<n>.…``                            finished runs (engine.session_runs)
========================================  ==========================================================================================

A file is written whole or not at all. A file is believed in nothing: names, sizes, versions, shapes, digests and numbers are checked.
"""

from __future__ import annotations

import platform
import zipfile
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.archive import Archive, NotASession
from engine.arrays import Array, arrays_of, decoder_of_arrays, encode_array
from engine.checkpoint import Checkpoint
from engine.choice import Problem
from engine.experiment import Experiment
from engine.files import replacing
from engine.objectives.old_names import modern
from engine.past_run import Measured, PastRun
from engine.session_members import decode, flats, npy
from engine.session_members import losses as losses_of
from engine.session_runs import MOST_RUNS, Words, names_of, read_measured, read_runs, run_members
from engine.tensors import pack
from engine.training_state import TrainingState

VERSION = 2
"""1 had no runs and no distances over training."""
SUFFIX = ".pushforward"

Model = Literal["learned", "exact"]

MIB = 1 << 20
LIMITS = {"session.json": 16 * MIB, "scene.json": 16 * MIB, "losses.npy": 512 * MIB}
"""Most bytes of a member; weights are held to what the network has, arrays to ``ARRAY_LIMIT``."""
ARRAY_LIMIT = 1024 * MIB
MOST_CHECKPOINTS = 4096


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
    distances: Measured = field(default_factory=Measured)
    """Over the present training."""
    run: str = ""
    """The key by which the list of runs knows the present training; empty where it has none."""
    runs: tuple[PastRun, ...] = ()
    """Finished runs, the oldest first."""

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
    run: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{0,64}$")] = ""
    runs: Annotated[int, msgspec.Meta(ge=0, le=MOST_RUNS)] = 0
    curves: Words = ()
    distances: Words = ()


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
        run=session.run,
        runs=len(session.runs),
        curves=session.distances.curves,
        distances=session.distances.names,
    )
    members = [("session.json", msgspec.json.format(msgspec.json.encode(head), indent=1))]
    if session.scene is not None:
        members.append(("scene.json", session.scene))
    arrays = arrays_of((session.experiment, *(run.experiment for run in session.runs)))
    members += [(f"arrays/{digest}.npy", npy(array.values)) for digest, array in sorted(arrays.items())]
    if state is not None:
        members.append(("weights.safetensors", pack({"weights": state.weights, "ema": state.ema})))
        members.append(("optimiser.safetensors", pack({"first": state.first, "second": state.second})))
    members += [(f"checkpoints/{checkpoint.step}.safetensors", pack({"ema": checkpoint.ema})) for checkpoint in session.checkpoints]
    members.append(("losses.npy", npy(np.asarray(session.losses, dtype=np.float64).reshape(-1, 2))))
    if session.distances.curves:
        members.append(("distances.npy", npy(session.distances.rows)))
    return members + run_members(session.runs)


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
    experiment = decode(modern(head.experiment), Experiment, "the experiment", decoder_of_arrays(store))
    refusal = experiment.refusal()
    if refusal is not None:
        raise NotASession(f"its experiment cannot be: {refusal}")
    if head.threads != experiment.training.threads:
        raise NotASession("session.json contradicts itself about the number of threads")
    size = experiment.flat_length()
    return Session(
        experiment=experiment,
        scene=archive.read("scene.json", LIMITS["scene.json"]) if "scene.json" in archive.names else None,
        state=None if head.step is None else _state(archive, head.step, size),
        checkpoints=tuple(
            Checkpoint(step, flats(archive, f"checkpoints/{step}.safetensors", ("ema",), size)["ema"]) for step in head.checkpoints
        ),
        losses=losses_of(archive, "losses.npy", LIMITS["losses.npy"]),
        model=head.model,
        device=head.device,
        seconds=head.seconds,
        versions=head.versions,
        distances=read_measured(archive, "distances.npy", head.curves, head.distances) if head.curves else Measured(),
        run=head.run,
        runs=read_runs(archive, head.runs, store),
    )


def _head(text: bytes) -> _Head:
    seen = decode(text, _Version, "session.json")
    if seen.format != "pushforward":
        raise NotASession("session.json is not that of a Pushforward session")
    if seen.version > VERSION:
        raise NotASession(f"written by a newer Pushforward (session version {seen.version}; this one reads up to {VERSION})")
    if seen.version < 1:
        raise NotASession(f"there is no session version {seen.version}")
    head: _Head = decode(text, _Head, "session.json")
    steps = head.checkpoints
    if len(steps) > MOST_CHECKPOINTS or any(step < 0 for step in steps) or list(steps) != sorted(set(steps)):
        raise NotASession("session.json lists impossible checkpoints")
    if head.step is not None and head.step < 0:
        raise NotASession(f"session.json counts {head.step} training steps")
    return head


def _refuse_strangers(archive: Archive, head: _Head) -> None:
    known = {"session.json", "scene.json", "losses.npy"}
    if head.step is not None:
        known |= {"weights.safetensors", "optimiser.safetensors"}
    known |= names_of(head.runs) | ({"distances.npy"} if head.curves else set())
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
    weights = flats(archive, "weights.safetensors", ("weights", "ema"), size)
    moments = flats(archive, "optimiser.safetensors", ("first", "second"), size)
    if (moments["second"] < 0).any():
        raise NotASession("optimiser.safetensors holds negative second moments")
    return TrainingState(step=step, **weights, **moments)
