"""``study``: the error of chosen samplers against their function evaluations, on the exact field, as a table, CSV or JSON."""

from __future__ import annotations

import json
import math
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine import overrides, session, study_table
from engine.catalogue import rows
from engine.choice import Problem
from engine.cli.common import Arguments, Progress, command, spread_sets, undisturbed
from engine.experiment import Experiment
from engine.files import refuse_unwritable
from engine.introspection import parameters
from engine.samplers import Sampler
from engine.study import Study, StudySettings, measure

if TYPE_CHECKING:
    from engine.samplers import SamplerBase

SAMPLERS = "euler,midpoint,heun,rk4"
DESCRIPTION = """\
How fast the error of samplers falls with their function evaluations, on the exact field: no network, so that all error is the solver's.

error: root mean square distance between where a particle arrives and where it should, from the same start, in standardised
coordinates; of an SDE on the same Brownian path. slope: the order, over the last three runs. W2: to draws of the target; floor: what
such draws have among themselves. NFE: function evaluations of a particle."""


def main(arguments: Sequence[str]) -> int:
    """Exit code."""
    return command(run, arguments)


def run(arguments: Sequence[str]) -> None:
    """Study as asked; raises Problem."""
    parser = Arguments("study", DESCRIPTION)
    names = ", ".join(row["name"] for row in rows(Sampler))
    parser.add_argument("session", metavar="S.pushforward", nargs="?", help="a session, trained or not: its target, source and path")
    parser.add_argument("--experiment", metavar="FILE.toml", help="in place of a session: settings")
    parser.add_argument("--target", metavar="FILE|SHAPE", help="in place of a session: an image, a table of points, or a shape")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="the experiment's, such as path=vp-linear")
    parser.add_argument(
        "--samplers",
        metavar="A,B,…",
        default=SAMPLERS,
        help=f"({SAMPLERS}) some of {names}; with settings as in euler-maruyama:sigma=sin:sigma.scale=0.5",
    )
    for name, parameter in parameters(StudySettings).items():
        text = parameter.meta.description if parameter.meta is not None else ""
        parser.add_argument(f"--{name}", metavar="N", type=int, default=parameter.default, help=f"{text} ({parameter.default})")
    parser.add_argument("--out", metavar="F.csv", help="also write the table, a row for each run")
    parser.add_argument("--json", action="store_true", help="for scripts: all numbers, with what was chosen for each")
    asked = parser.parse_args(spread_sets(arguments))
    settings = _settings(asked)
    samplers = [_sampler(text.strip()) for text in asked.samplers.split(",")]
    experiment = _experiment(asked)
    if asked.out is not None:
        refuse_unwritable(Path(asked.out))
    found = studied(experiment, samplers, settings)
    if asked.out is not None:
        study_table.write_csv(found, Path(asked.out))
    if asked.json:
        sys.stdout.write(json.dumps(_for_scripts(found, settings), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    else:
        sys.stdout.write("\n".join(table(found)) + "\n")


def studied(experiment: Experiment, samplers: Sequence[SamplerBase], settings: StudySettings) -> Study:
    """All runs, with progress. Raises Problem."""
    with undisturbed():
        import torch  # noqa: F401  # by what follows
    from engine.fields.exact import exact_refusal
    from engine.study import study

    if reason := exact_refusal(experiment):
        raise Problem(f"there is no exact field to study: {reason}")
    progress, runs = Progress(), study(experiment, samplers, settings)
    found = next(runs)  # what the field refuses is said before any progress
    for found in runs:
        progress.show(f"{100 * found.fraction:.0f} % · {found.doing}" if found.doing else f"{100 * found.fraction:.0f} %")
    progress.show("100 %", last=True)
    return found


def table(study: Study) -> list[str]:
    """Lines for people: a row for each run."""
    names = study_table.labels(study)
    width = max(len(name) for name in names)
    lines = [f"{'':<{width}} {'steps':>7} {'NFE':>9} {'error':>11} {'slope':>6} {'W2':>9} {'seconds':>8}"]
    for curve, name in enumerate(names):
        slope = study.slope(curve)
        for point in study.of(curve):
            order = "" if slope is None or point is not study.of(curve)[-1] else f"{slope:.2f}"
            lines.append(
                f"{name:<{width}} {point.sampler.steps:>7,} {point.evaluations:>9,.0f} {_number(point.error):>11} {order:>6} "
                f"{_number(point.w2):>9} {point.seconds:>8.2f}"
            )
    lines += ["", f"W2 floor {_number(study.w2_floor)} · standardised coordinates"]
    if any(measure(sampler) == "none" for sampler in study.samplers):
        lines.append("–: a sampler with noise of its own has no end point that it should reach; its W2 tells.")
    return lines


def _settings(asked: Namespace) -> StudySettings:
    """Within their bounds. Raises Problem."""
    for name, parameter in parameters(StudySettings).items():
        value, meta = getattr(asked, name), parameter.meta
        low, high = (None, None) if meta is None else (meta.ge, meta.le)
        if (low is not None and value < low) or (high is not None and value > high):
            raise Problem(f"--{name} {value}: must be at least {low:,} and at most {high:,}")
    settings = StudySettings(**{name: getattr(asked, name) for name in parameters(StudySettings)})
    try:
        settings.budgets()
    except Problem as problem:
        raise Problem(f"--fewest {asked.fewest} --most {asked.most}: {problem}") from problem
    return settings


def _sampler(text: str) -> Sampler:
    """``heun`` or ``ddim:eta=0.5``. Raises Problem."""
    name, *sets = text.split(":")
    if any("steps" in word.split("=")[0] for word in sets):
        raise Problem(f"--samplers {text}: the numbers of steps follow from --fewest and --most")
    try:
        return overrides.sampler_from(name, sets, flag="")
    except Problem as problem:
        raise Problem(f"--samplers {text}: {problem}") from problem


def _experiment(asked: Namespace) -> Experiment:
    """Of the session, the file or the shape, with what ``--set`` changes. Raises Problem."""
    given = [asked.session, asked.experiment, asked.target]
    if sum(one is not None for one in given) != 1:
        raise Problem("study: give one of a session, --experiment FILE.toml and --target SHAPE (see main.py study --help)")
    if asked.session is not None:
        experiment = session.load(Path(asked.session)).experiment
    elif asked.experiment is not None:
        experiment = overrides.from_toml(Path(asked.experiment))
    else:
        experiment = msgspec.structs.replace(Experiment(), target=overrides.target_from(asked.target))
    return overrides.apply(experiment, asked.set)


def _for_scripts(study: Study, settings: StudySettings) -> dict[str, Any]:
    curves = []
    for curve, (sampler, label) in enumerate(zip(study.samplers, study_table.labels(study), strict=True)):
        runs = [
            {
                "steps": point.sampler.steps,
                "evaluations": _known(point.evaluations),
                "error": _known(point.error),
                "w2": _known(point.w2),
                "seconds": point.seconds,
            }
            for point in study.of(curve)
        ]
        chosen = {name: value for name, value in msgspec.to_builtins(sampler).items() if name not in ("steps", "rtol", "atol")}
        curves.append({"sampler": chosen, "label": label, "measure": measure(sampler), "slope": _known(study.slope(curve)), "runs": runs})
    about = {"coordinates": "standardised", "model": "exact", **msgspec.to_builtins(settings)}
    return {
        "samplers": curves,
        "w2_floor": _known(study.w2_floor),
        "reference_error": _known(study.reference_error),
        "about": about,
    }


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"
