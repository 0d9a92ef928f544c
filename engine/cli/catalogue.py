"""``list``: the targets, sources, paths, couplings, objectives and samplers there are, by the names that ``--set`` takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from engine.catalogue import KINDS, catalogue
from engine.cli.common import Arguments, command


def main(arguments: Sequence[str]) -> int:
    """Exit code."""
    return command(run, arguments)


def run(arguments: Sequence[str]) -> None:
    """Print the lists; raises Problem."""
    parser = Arguments("list", "What there is to choose from, by the names that --set takes, with parameters and their bounds.")
    parser.add_argument("kind", nargs="?", metavar="|".join(KINDS))
    parser.add_argument("--json", action="store_true", help="for scripts: also formulas, sources and help")
    asked = parser.parse_args(list(arguments))
    kinds = KINDS if asked.kind is None else (asked.kind,)
    found = {kind: catalogue(kind) for kind in kinds}
    if asked.json:
        sys.stdout.write(json.dumps(found if asked.kind is None else found[asked.kind], indent=2, ensure_ascii=False) + "\n")
        return
    for kind, rows in found.items():
        if asked.kind is None:
            sys.stdout.write(f"{kind}\n")
        known = {row["name"] for row in found.get("targets", [])} if kind == "sources" else set()
        for row in rows:
            if row["name"] in known:
                continue  # said once, among the targets
            sys.stdout.write(f"  {row['name']:<18} {row['summary']}\n")
            for parameter in row["parameters"]:
                sys.stdout.write(f"      {_words(parameter)}\n")
                for alternative in parameter.get("alternatives", []):
                    for inner in alternative["parameters"]:
                        sys.stdout.write(f"          {alternative['name']}: {parameter['name']}.{_words(inner)}\n")
        if known:
            sys.stdout.write("  and every target\n")


def _words(parameter: dict[str, Any]) -> str:
    """``sigma_min = 0.01   from 0.0001 to 0.5``."""
    default = "(from a file)" if parameter["required"] else parameter["default"]
    text = f"{parameter['name']} = {str(default).lower() if isinstance(default, bool) else default}"
    if "options" in parameter:
        return f"{text}   one of {', '.join(parameter['options'])}"
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    bounds = ", ".join(f"{signs[name]} {bound:g}" for name, bound in parameter["bounds"].items())
    return f"{text}   {bounds}".rstrip()
