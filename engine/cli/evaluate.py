"""``evaluate``: every distance between a session's samples and the truth, as a table or as JSON."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine import overrides, session
from engine.catalogue import rows
from engine.certify import DELTA, LARGEST, SMALLEST
from engine.choice import Problem
from engine.cli.common import Arguments, Progress, command, spread_sets, undisturbed
from engine.cli.sample import draw
from engine.samplers import Sampler
from engine.session import Session

if TYPE_CHECKING:
    from engine.cli.truth import Told
    from engine.distances import Estimate
    from engine.evaluation import Evaluation

FEWEST, MOST = 10, 10_000
MOST_REPEATS = 20

DESCRIPTION = """\
How far a session's samples are from the truth, by every distance there is. All are in standardised coordinates, natural logarithms.

value: mean over the repeats, each with its own samples and its own draws of the truth. floor: the same between two
draws of the truth. spread: standard deviation of one repeat. n: points on each side of one.
What does not apply is null, with its reason."""


def main(arguments: Sequence[str]) -> int:
    """Exit code."""
    return command(run, arguments)


def run(arguments: Sequence[str]) -> None:
    """Evaluate as asked; raises Problem."""
    parser = Arguments("evaluate", DESCRIPTION)
    parser.add_argument("session", metavar="S.pushforward", nargs="?", help="a session, trained or not")
    parser.add_argument("--experiment", metavar="FILE.toml", help="in place of a session: settings without weights, with --model exact")
    names = ", ".join(row["name"] for row in rows(Sampler))
    parser.add_argument("--sampler", metavar="NAME", default="heun", help=f"{names} (main.py list samplers tells what each has to set)")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="the sampler's, such as sigma=sqrt")
    parser.add_argument("--steps", metavar="N", type=int)
    parser.add_argument("--count", metavar="N", type=int, default=2000, help="samples in each repeat")
    parser.add_argument("--repeats", metavar="N", type=int, default=4, help="how often all is repeated, with other samples and draws")
    parser.add_argument("--seed", metavar="N", type=int, default=0)
    parser.add_argument("--model", choices=["learned", "exact"], help="the network (the default where there is one), or the exact field")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--sources", action="store_true", help="also what of the distance is the network's, and what the solver's")
    parser.add_argument("--certificate", action="store_true", help="also TV, KL and path KL of the network's SDE; for SDE samplers")
    parser.add_argument("--delta", metavar="D", type=float, help="the certificate is for t up to 1 − D (default 0.05)")
    parser.add_argument("--json", action="store_true", help="for scripts: all numbers, with what was chosen for each")
    asked = parser.parse_args(spread_sets(arguments))
    if not FEWEST <= asked.count <= MOST:
        raise Problem(f"--count {asked.count}: must be at least {FEWEST} and at most {MOST:,}")
    if not 2 <= asked.repeats <= MOST_REPEATS:
        raise Problem(f"--repeats {asked.repeats}: must be at least 2 and at most {MOST_REPEATS}")
    if not 0 <= asked.seed < 2**63:
        raise Problem(f"--seed {asked.seed}: must be at least 0 and below 2^63")
    if asked.delta is not None and not asked.certificate:
        raise Problem("--delta: belongs to --certificate")
    if asked.delta is not None and not SMALLEST <= asked.delta <= LARGEST:
        raise Problem(f"--delta {asked.delta:g}: must be at least {SMALLEST:g} and at most {LARGEST:g}")
    sampler = overrides.sampler_from(asked.sampler, asked.set, asked.steps)
    loaded = _loaded(asked)
    found = measure(loaded, sampler, asked)
    model = asked.model or ("learned" if loaded.trained else "exact")
    more = _more(loaded, sampler, asked, learned=model == "learned")
    if asked.json:
        about = {
            "coordinates": "standardised",
            "logarithms": "natural",
            "model": model,
            "sampler": asked.sampler,
            "steps": sampler.steps,
            "count": asked.count,
            "repeats": asked.repeats,
            "seed": asked.seed,
        }
        whole: dict[str, Any] = {name: msgspec.to_builtins(one) for name, one in found.distances.items()}
        for name, (entry, reason, _lines) in more.items():
            whole |= {name: entry, f"{name}_reason": reason}
        whole["about"] = about
        sys.stdout.write(json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return
    head = (
        f"{model} model · {sampler.label}, {sampler.steps:,} steps · {asked.repeats} × {asked.count:,} samples · standardised coordinates"
    )
    parts = [line for _entry, _reason, lines in more.values() for line in ["", *lines]]
    sys.stdout.write("\n".join([head, "", *table(found.distances), *parts]) + "\n")


def _more(loaded: Session, sampler: Sampler, asked: Namespace, *, learned: bool) -> dict[str, Told]:
    """What is asked for besides the distances, by its name."""
    if not (asked.sources or asked.certificate):
        return {}
    from engine.cli.truth import certificate_of, sources_of
    from engine.field_of_session import field_of_session

    model, found = field_of_session(loaded, asked.model, asked.device), {}
    if asked.sources:
        found["sources"] = sources_of(loaded, model, sampler, learned, asked.count, asked.repeats, asked.seed)
    if asked.certificate:
        delta = DELTA if asked.delta is None else asked.delta
        found["certificate"] = certificate_of(loaded, model, sampler, learned, delta, asked.seed)
    return found


def measure(loaded: Session, sampler: Sampler, asked: Namespace) -> Evaluation:
    """Samples, and all distances of them. Raises Problem."""
    with undisturbed():
        import torch  # noqa: F401  # by what follows
    from engine.evaluation import evaluate
    from engine.field_of_session import field_of_session

    samples = draw(loaded, sampler, asked.count * asked.repeats, asked.seed, model=asked.model, device=asked.device)
    frame = loaded.experiment.target.frame()
    batches = [frame.inward(samples[k * asked.count : (k + 1) * asked.count]) for k in range(asked.repeats)]
    field, progress, found = field_of_session(loaded, asked.model, asked.device), Progress(), None
    for found in evaluate(field, loaded.experiment, batches, seed=asked.seed, repeats=asked.repeats):
        progress.show(f"{100 * found.fraction:.0f} % · {found.doing}" if found.doing else f"{100 * found.fraction:.0f} %")
    assert found is not None
    progress.show("100 %", last=True)
    return found


def _loaded(asked: Namespace) -> Session:
    """The session asked for, or one without weights from a TOML file."""
    if (asked.session is None) == (asked.experiment is None):
        raise Problem("evaluate: give a session, or --experiment FILE.toml (see main.py evaluate --help)")
    if asked.session is not None:
        return session.load(Path(asked.session))
    if asked.model == "learned":
        raise Problem("--model learned: an experiment has no trained network; train it first, or take --model exact")
    return Session(experiment=overrides.from_toml(Path(asked.experiment)))


def table(distances: dict[str, Estimate]) -> list[str]:
    """Lines for people: a row for each distance, and below them what was chosen, and why some are missing."""
    from engine.evaluation import NAMES

    lines = [f"{'':<18} {'value':>11} {'floor':>11} {'spread':>11} {'n':>7}"]
    notes = []
    for name, one in distances.items():
        label = NAMES[name]
        if one.value is None:
            lines.append(f"{label:<18} {'–':>11}")
            notes.append(f"{label}: {one.reason}")
            continue
        lines.append(f"{label:<18} {_number(one.value):>11} {_number(one.floor):>11} {_number(one.spread):>11} {one.n:>7,}")
        if one.note:
            notes.append(f"{label}: {one.note}.")
    return [*lines, "", *notes]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
