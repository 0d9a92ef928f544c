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
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="for scripts: also formulas, sources and help")
    how.add_argument("--markdown", action="store_true", help="a table with sources, for documents")
    asked = parser.parse_args(list(arguments))
    kinds = KINDS if asked.kind is None else (asked.kind,)
    found = {kind: catalogue(kind) for kind in kinds}
    if asked.json:
        sys.stdout.write(json.dumps(found if asked.kind is None else found[asked.kind], indent=2, ensure_ascii=False) + "\n")
        return
    if asked.markdown:
        sys.stdout.write("\n".join(table(kinds)))
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


def table(kinds: Sequence[str]) -> list[str]:
    """The lines of a Markdown table: name, what it is, where it comes from; what is chosen inside of a choice follows it, indented."""
    lines = ["| name | what | source |", "|---|---|---|"]
    targets = {row["name"] for row in catalogue("targets")}
    for kind in kinds:
        lines.append(f"| **{kind}** | | |")
        said: set[str] = set()
        for row in catalogue(kind):
            if kind == "sources" and row["name"] in targets:
                continue
            lines.append(f"| `{row['name']}` | {row['summary']} | {row['source']} |")
            for parameter in row["parameters"]:
                if parameter["name"] in said or not parameter.get("alternatives"):
                    continue
                said.add(parameter["name"])
                for inner in parameter["alternatives"]:
                    lines.append(f"| &emsp;`{parameter['name']}={inner['name']}` | {inner['summary']} | {inner['source']} |")
        if kind == "sources":
            lines.append("| every target | From one painting to another, from cloud to cloud. | |")
    return [*lines, ""]


def _words(parameter: dict[str, Any]) -> str:
    """``sigma_min = 0.01   from 0.0001 to 0.5``."""
    default = "(from a file)" if parameter["required"] else parameter["default"]
    text = f"{parameter['name']} = {str(default).lower() if isinstance(default, bool) else default}"
    if "options" in parameter:
        return f"{text}   one of {', '.join(parameter['options'])}"
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    bounds = ", ".join(f"{signs[name]} {bound:g}" for name, bound in parameter["bounds"].items())
    return f"{text}   {bounds}".rstrip()
