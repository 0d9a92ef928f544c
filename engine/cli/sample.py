"""``sample``: draws from a session, in the user's units, float64."""

from __future__ import annotations

import csv
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine import overrides, session
from engine.catalogue import rows
from engine.choice import Problem
from engine.cli.common import Arguments, Progress, command, say, spread_sets, undisturbed
from engine.files import refuse_unwritable, replacing
from engine.guidance import Guidance, NoGuidance
from engine.samplers import Sampler
from engine.session import Session
from engine.session_runs import with_run

MOST = 10_000_000

DESCRIPTION = """\
Draw samples from a session with any sampler, in the units of the data: X.npy is float64 (count, d), X.csv has a header of axis names.
Without a session, --experiment FILE.toml --model exact samples from the field that a perfect network would learn.

The same session, seed, count and sampler give the same samples;
the first k of them are the same for any count, up to rounding."""


def main(arguments: Sequence[str]) -> int:
    """Exit code."""
    return command(run, arguments)


def run(arguments: Sequence[str]) -> None:
    """Sample as asked; raises Problem."""
    parser = Arguments("sample", DESCRIPTION)
    parser.add_argument("session", metavar="S.pushforward", nargs="?", help="a session, trained or not")
    parser.add_argument("--experiment", metavar="FILE.toml", help="in place of a session: settings without weights, with --model exact")
    names = ", ".join(row["name"] for row in rows(Sampler))
    parser.add_argument("--sampler", metavar="NAME", default="heun", help=f"{names} (main.py list samplers tells what each has to set)")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="the sampler's, such as sigma=sqrt; guidance.scale=2, guidance.y=1"
    )
    parser.add_argument("--guidance", default="none", metavar="NAME", help="none, classifier-free or classifier: towards a label")
    parser.add_argument("--steps", metavar="N", type=int)
    parser.add_argument("--count", metavar="N", type=int, default=1000)
    parser.add_argument("--seed", metavar="N", type=int, default=0)
    parser.add_argument("--model", choices=["learned", "exact"], help="the network (the default where there is one), or the exact field")
    parser.add_argument("--run", metavar="NAME", help="a finished run of the session's list instead of its present network (main.py info)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--out", metavar="X.npy|X.csv", required=True)
    asked = parser.parse_args(spread_sets(arguments))
    out = Path(asked.out)
    if out.suffix.lower() not in (".npy", ".csv"):
        raise Problem(f"--out {out}: samples are written as .npy or .csv")
    if not 1 <= asked.count <= MOST:
        raise Problem(f"--count {asked.count}: must be at least 1 and at most {MOST:,}")
    if not 0 <= asked.seed < 2**63:
        raise Problem(f"--seed {asked.seed}: must be at least 0 and below 2^63")
    of_guidance = [text for text in asked.set if text.startswith("guidance.")]
    sampler = overrides.sampler_from(asked.sampler, [text for text in asked.set if text not in of_guidance], asked.steps)
    guidance = guidance_from(asked.guidance, of_guidance)
    refuse_unwritable(out)
    loaded = _loaded(asked)
    samples = draw(loaded, sampler, asked.count, asked.seed, model=asked.model, device=asked.device, guidance=guidance)
    write(samples, loaded.experiment.target.axis_names, out)
    say(f"{asked.count} samples of {', '.join(loaded.experiment.target.axis_names)} in {out}")


def _loaded(asked: Namespace) -> Session:
    """The session asked for, or one without weights from a TOML file."""
    if (asked.session is None) == (asked.experiment is None):
        raise Problem("sample: give a session, or --experiment FILE.toml (see main.py sample --help)")
    if asked.session is not None:
        loaded = session.load(Path(asked.session))
        return loaded if asked.run is None else with_run(loaded, asked.run)
    if asked.run is not None:
        raise Problem("--run: only a session keeps runs")
    if asked.model == "learned":
        raise Problem("--model learned: an experiment has no trained network; train it first, or take --model exact")
    return Session(experiment=overrides.from_toml(Path(asked.experiment)))


class _Guided(Struct, frozen=True, kw_only=True):
    """What ``--guidance`` and ``--set guidance.…`` decide."""

    guidance: Guidance = NoGuidance()


def guidance_from(name: str, sets: Sequence[str] = ()) -> Guidance:
    """The guidance of that name with ``guidance.scale=2``, ``guidance.y=1``, … applied. Raises Problem."""
    try:
        named = overrides.apply(_Guided(), [f"guidance={name}"], flag="")  # type: ignore[arg-type]  # any struct does
    except Problem as problem:
        raise Problem(str(problem).replace(f"guidance={name}", f"--guidance {name}", 1)) from problem
    return cast(_Guided, overrides.apply(named, sets)).guidance


def draw(
    loaded: Session,
    sampler: Sampler,
    count: int,
    seed: int,
    *,
    model: str | None = None,
    device: str = "auto",
    guidance: Guidance | None = None,
) -> NDArray[np.float64]:
    """(count, d) samples in the user's units. Raises Problem."""
    with undisturbed():
        import torch  # noqa: F401  # by what follows
    from engine.field_of_session import field_of_session
    from engine.simulation import simulate, stiffness_note

    field = field_of_session(loaded, model, device)
    progress = Progress()
    if guidance is not None and not isinstance(guidance, NoGuidance):
        from engine.guidance import guide

        field = guide(field, loaded.experiment, guidance, n=count, seed=seed, told=lambda line: progress.show(line))
    last = None
    for last in simulate(field, sampler, n=count, seed=seed, start=loaded.experiment.start):
        progress.show(f"step {last.index} of {last.steps}", last=last.index == last.steps)
    assert last is not None
    for note in (getattr(field, "note", ""), stiffness_note(field, sampler), last.note):
        if note:
            say(f"note: {note}")
    cost = None if last.evaluations is None else f"{last.evaluations:,} evaluations of the field"
    for remark in (cost, last.remark):
        if remark:
            say(remark)
    samples = loaded.experiment.target.frame().outward(last.x.double().cpu().numpy())
    lost = int((~np.isfinite(samples).all(axis=1)).sum())
    if lost:
        raise Problem(f"{lost} of {count} samples are not finite numbers: {sampler.remedy}")
    return samples


def write(samples: NDArray[np.float64], names: Sequence[str], out: Path) -> None:
    """As NPY or CSV by the suffix, whole or not at all. Raises Problem."""
    with replacing(out) as temporary:
        if out.suffix.lower() == ".npy":
            with temporary.open("wb") as file:
                # not write_array, whose numbers go around Python's file: a full disk would have no name there
                whole = np.ascontiguousarray(samples)
                np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(whole))
                file.write(whole.data.cast("B"))
        else:
            with temporary.open("w", encoding="utf-8", newline="") as text:
                csv.writer(text, lineterminator="\n").writerow(names)
                np.savetxt(text, samples, fmt="%.17g", delimiter=",")
