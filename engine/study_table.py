"""The table of a solver study: one row a run, columns named with their units, as CSV or as text for a spreadsheet."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from engine.choice import Problem
from engine.files import replacing
from engine.study import Study

COLUMNS = (
    "sampler",
    "steps",
    "evaluations (per particle)",
    "end-point error (RMS, standardised units)",
    "slope (last three runs)",
    "W2 to the target (standardised units)",
    "W2 floor (standardised units)",
    "time (s)",
)


def rows(study: Study) -> list[list[str]]:
    """One row for each run, numbers with 9 significant figures; empty where there is no number."""
    found = []
    for curve, label in enumerate(labels(study)):
        for point in study.of(curve):
            found.append(
                [
                    label,
                    str(point.sampler.steps),
                    _number(point.evaluations),
                    _number(point.error),
                    _number(study.slope(curve)),
                    _number(point.w2),
                    _number(study.w2_floor),
                    f"{point.seconds:.3g}",
                ]
            )
    return found


def labels(study: Study) -> list[str]:
    """The samplers by name; where two share one, with the words of their sigma or a number."""
    plain = [sampler.label for sampler in study.samplers]
    made: list[str] = []
    for label, sampler in zip(plain, study.samplers, strict=True):
        sigma = getattr(sampler, "sigma", None)
        name = f"{label}, {sigma.label}" if plain.count(label) > 1 and sigma is not None else label
        made.append(name if name not in made else f"{name} ({made.count(name) + 1})")
    return made


def text(study: Study) -> str:
    """Tabs between columns: what a spreadsheet takes from the clipboard."""
    return "\n".join("\t".join(row) for row in [list(COLUMNS), *rows(study)]) + "\n"


def write_csv(study: Study, path: Path) -> None:
    """The table with its header; written whole or not at all. Raises Problem."""
    if not study.points:
        raise Problem("There is no result yet.")
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows([COLUMNS, *rows(study)])
    with replacing(path) as temporary:
        temporary.write_text(made.getvalue(), encoding="utf-8")


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.9g}"
