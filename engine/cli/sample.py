"""``sample``: draws from a session, in the user's units, float64."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine import overrides, session
from engine.choice import Problem
from engine.cli.common import Arguments, Progress, command, say, spread_sets, undisturbed
from engine.files import refuse_unwritable, replacing
from engine.samplers import Sampler
from engine.session import Session

MOST = 10_000_000

DESCRIPTION = """\
Draw samples from a session with any sampler, in the units of the data: X.npy is float64 (count, d), X.csv has a header of axis names.

The same session, seed, count and sampler give the same samples;
the first k of them are the same for any count, up to rounding."""


def main(arguments: Sequence[str]) -> int:
    """Exit code."""
    return command(run, arguments)


def run(arguments: Sequence[str]) -> None:
    """Sample as asked; raises Problem."""
    parser = Arguments("sample", DESCRIPTION)
    parser.add_argument("session", metavar="S.pushforward")
    parser.add_argument("--sampler", default="heun", help="euler, heun, rk4 or euler-maruyama")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="the sampler's, such as sigma=sqrt or sigma.scale=0.5"
    )
    parser.add_argument("--steps", metavar="N", type=int)
    parser.add_argument("--count", metavar="N", type=int, default=1000)
    parser.add_argument("--seed", metavar="N", type=int, default=0)
    parser.add_argument("--model", choices=["learned", "exact"], help="the network (the default where there is one), or the exact field")
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
    sampler = overrides.sampler_from(asked.sampler, asked.set, asked.steps)
    refuse_unwritable(out)
    loaded = session.load(Path(asked.session))
    samples = draw(loaded, sampler, asked.count, asked.seed, model=asked.model, device=asked.device)
    write(samples, loaded.experiment.target.axis_names, out)
    say(f"{asked.count} samples of {', '.join(loaded.experiment.target.axis_names)} in {out}")


def draw(
    loaded: Session, sampler: Sampler, count: int, seed: int, *, model: str | None = None, device: str = "auto"
) -> NDArray[np.float64]:
    """(count, d) samples in the user's units. Raises Problem."""
    with undisturbed():
        import torch  # noqa: F401  # by what follows
    from engine.field_of_session import field_of_session
    from engine.simulation import simulate, stiffness_note

    field = field_of_session(loaded, model, device)
    progress = Progress()
    last = None
    for last in simulate(field, sampler, n=count, seed=seed, start=loaded.experiment.start):
        progress.show(f"step {last.index} of {last.steps}", last=last.index == last.steps)
    assert last is not None
    for note in (getattr(field, "note", ""), stiffness_note(field, sampler), last.note):
        if note:
            say(f"note: {note}")
    samples = loaded.experiment.target.frame().outward(last.x.double().cpu().numpy())
    lost = int((~np.isfinite(samples).all(axis=1)).sum())
    if lost:
        raise Problem(f"{lost} of {count} samples are not finite numbers: take more steps, or less noise (sigma.scale)")
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
