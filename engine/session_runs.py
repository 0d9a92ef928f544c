"""The finished runs in a session file: ``runs/<n>.json``, ``runs/<n>.safetensors``, ``runs/<n>-losses.npy``, ``runs/<n>-distances.npy``.

Arrays of their experiments lie with those of the session, by digest, each once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from engine.archive import Archive, NotASession
from engine.arrays import Array, decoder_of_arrays, encode_array
from engine.experiment import Experiment
from engine.objectives.old_names import modern
from engine.past_run import Measured, PastRun, run_named
from engine.session_members import decode, flats, losses, npy
from engine.tensors import pack
from engine.training_state import TrainingState

if TYPE_CHECKING:
    from engine.session import Session

MOST_RUNS = 256
MIB = 1 << 20
HEAD_LIMIT, LOSSES_LIMIT, DISTANCES_LIMIT = 16 * MIB, 64 * MIB, 64 * MIB
VECTORS = ("weights", "ema", "first", "second")

Key = Annotated[str, Meta(pattern=r"^[0-9a-f]{1,64}$")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Words = Annotated[tuple[Annotated[str, Meta(max_length=1_000)], ...], Meta(max_length=1_000)]


class _RunHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """runs/<n>.json."""

    key: Key
    name: Name
    when: float
    step: Annotated[int, Meta(ge=0)]
    seconds: float
    device: str
    experiment: msgspec.Raw
    curves: Words = ()
    distances: Words = ()


def names_of(count: int) -> set[str]:
    """The members of so many runs."""
    ends = (".json", ".safetensors", "-losses.npy", "-distances.npy")
    return {f"runs/{n}{end}" for n in range(count) for end in ends}


def run_members(runs: Sequence[PastRun]) -> list[tuple[str, bytes]]:
    """Names and contents, in the order of the list."""
    members = []
    for n, run in enumerate(runs):
        head = _RunHead(
            key=run.key,
            name=run.name,
            when=run.when,
            step=run.step,
            seconds=run.seconds,
            device=run.device,
            experiment=msgspec.Raw(msgspec.json.encode(run.experiment, enc_hook=encode_array)),
            curves=run.distances.curves,
            distances=run.distances.names,
        )
        members += [
            (f"runs/{n}.json", msgspec.json.format(msgspec.json.encode(head), indent=1)),
            (f"runs/{n}.safetensors", pack({name: getattr(run.state, name) for name in VECTORS})),
            (f"runs/{n}-losses.npy", npy(run.losses.reshape(-1, 2))),
            (f"runs/{n}-distances.npy", npy(run.distances.rows)),
        ]
    return members


def read_runs(archive: Archive, count: int, store: Mapping[str, Array]) -> tuple[PastRun, ...]:
    """The first ``count`` runs of a file; ``store`` has its arrays by digest."""
    runs = tuple(_read_run(archive, n, store) for n in range(count))
    if len({run.key for run in runs}) != count:
        raise NotASession("two of its runs have the same key")
    return runs


def _read_run(archive: Archive, n: int, store: Mapping[str, Array]) -> PastRun:
    name = f"runs/{n}.json"
    head: _RunHead = decode(archive.read(name, HEAD_LIMIT), _RunHead, name)
    experiment: Experiment = decode(modern(head.experiment), Experiment, f"the experiment of {name}", decoder_of_arrays(store))
    refusal = experiment.refusal()
    if refusal is not None:
        raise NotASession(f"the experiment of {name} cannot be: {refusal}")
    vectors = flats(archive, f"runs/{n}.safetensors", VECTORS, experiment.flat_length())
    if (vectors["second"] < 0).any():
        raise NotASession(f"runs/{n}.safetensors holds negative second moments")
    return PastRun(
        key=head.key,
        name=head.name,
        when=head.when,
        experiment=experiment,
        state=TrainingState(step=head.step, **vectors),
        losses=losses(archive, f"runs/{n}-losses.npy", LOSSES_LIMIT),
        seconds=head.seconds,
        device=head.device,
        distances=read_measured(archive, f"runs/{n}-distances.npy", head.curves, head.distances),
    )


def read_measured(archive: Archive, name: str, curves: tuple[str, ...], names: tuple[str, ...]) -> Measured:
    """A table of distances over training, whose curves and distances have these names."""
    found = Measured(curves, names, archive.npy(name, DISTANCES_LIMIT))
    reason = found.refusal()
    if reason is not None:
        raise NotASession(f"{name} {reason}")
    return found


def with_run(session: Session, name: str) -> Session:
    """The session as if a run of its list were the present one. Raises Problem where there is none of that name."""
    run = run_named(session.runs, name)
    return replace(
        session,
        experiment=run.experiment,
        state=run.state,
        checkpoints=(),
        losses=run.losses,
        model="learned",
        device=run.device,
        seconds=run.seconds,
        run=run.key,
        distances=run.distances,
    )
