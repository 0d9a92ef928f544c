"""``info``: what a session file holds."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from engine import session
from engine.arrays import arrays_of, encode_array
from engine.cli.common import Arguments, command
from engine.overrides import name_of
from engine.past_run import PastRun
from engine.session import Session


def main(arguments: Sequence[str]) -> int:
    """Exit code."""
    return command(run, arguments)


def run(arguments: Sequence[str]) -> None:
    """Print what the file holds; raises Problem."""
    parser = Arguments("info", "What a session file holds: the experiment, how far it is trained, and with what.")
    parser.add_argument("session", metavar="S.pushforward")
    parser.add_argument("--json", action="store_true", help="everything, for scripts")
    asked = parser.parse_args(list(arguments))
    path = Path(asked.session)
    found = facts(session.load(path), path)
    if asked.json:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(f"{name:<12} {value}\n" for name, value in words(found)))


def facts(loaded: Session, path: Path) -> dict[str, Any]:
    """Everything, as JSON has it; arrays by digest, with their shapes beside."""
    experiment = loaded.experiment
    target = experiment.target
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "version": session.VERSION,
        "model": loaded.model,
        "trained": loaded.trained,
        "step": loaded.step,
        "seconds": loaded.seconds,
        "device": loaded.device,
        "threads": experiment.training.threads,
        "dimension": target.dimension,
        "axes": list(target.axis_names),
        "target": name_of(target),
        "labels": list(target.label_names),
        "source": name_of(experiment.source),
        "coupling": name_of(experiment.coupling),
        "path": name_of(experiment.path),
        "objective": name_of(experiment.objective),
        "network": name_of(experiment.network),
        "condition": name_of(experiment.condition),
        "parameters": experiment.parameters(),
        "loss": _recent(loaded),
        "losses": len(loaded.losses),
        "checkpoints": [checkpoint.step for checkpoint in loaded.checkpoints],
        "runs": [_run_facts(run) for run in loaded.runs],
        "scene": loaded.scene is not None,
        "arrays": {digest: f"{array.values.dtype}{list(array.values.shape)}" for digest, array in arrays_of(experiment).items()},
        "experiment": msgspec.to_builtins(experiment, enc_hook=encode_array),
        "versions": loaded.versions,
    }


def _run_facts(run: PastRun) -> dict[str, Any]:
    """A finished run; of its distances the last of each curve."""
    last = {}
    for row in run.distances.rows:
        last[run.distances.curves[int(row[1])], run.distances.names[int(row[2])]] = row
    return {
        "name": run.name,
        "key": run.key,
        "ended": datetime.fromtimestamp(run.when, UTC).isoformat(timespec="seconds"),
        "step": run.step,
        "seconds": run.seconds,
        "device": run.device,
        "losses": len(run.losses),
        "distances": [
            {"of": curve, "name": name, "step": int(row[0])}
            | {k: _number(v) for k, v in zip(("value", "floor", "spread"), row[3:6], strict=True)}
            for (curve, name), row in last.items()
        ],
        "experiment": msgspec.to_builtins(run.experiment, enc_hook=encode_array),
    }


def _number(value: float) -> float | None:
    """None where there is none."""
    return float(value) if math.isfinite(value) else None


def _run_words(run: dict[str, Any]) -> str:
    """``one: 30 steps in 2 s, 2023-11-14, w2 0.400 (network, floor 0.300), key ab12cd``."""
    parts = [f"{run['step']} steps in {run['seconds']:.0f} s", run["ended"][:10]]
    known = [one for one in run["distances"] if one["name"] == "w2" and one["value"] is not None]
    if known:
        floor = "" if known[-1]["floor"] is None else f", floor {known[-1]['floor']:.3f}"
        parts.append(f"w2 {known[-1]['value']:.3f} ({known[-1]['of']}{floor})")
    return f"{run['name']}: {', '.join(parts)}, key {run['key'][:8]}"


def _recent(loaded: Session) -> float | None:
    """The mean of the last hundred finite losses."""
    tail = loaded.losses[-100:, 1]
    mean = float(tail.mean()) if len(tail) else None
    return mean if mean is not None and abs(mean) < float("inf") else None


def words(found: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines that people read."""
    threads = f"{found['threads']} thread{'' if found['threads'] == 1 else 's'}"
    trained = f"{found['step']} steps in {found['seconds']:.0f} s on {found['device']}, {threads}"
    lines = [
        ("file", f"{found['file']} ({found['bytes']:,} bytes, version {found['version']})"),
        ("target", f"{found['target']} (d = {found['dimension']}: {', '.join(found['axes'])})"),
        ("source", found["source"]),
        ("coupling", found["coupling"]),
        ("path", found["path"]),
        ("objective", found["objective"]),
        ("network", f"{found['network']} ({found['parameters']:,} parameters)"),
        ("trained", trained if found["trained"] else "no: only the exact field can be shown"),
    ]
    if found["labels"]:
        told = ", told to the network" if found["condition"] != "unconditional" else ""
        lines.insert(2, ("labels", f"{', '.join(found['labels'])}{told}"))
    if found["loss"] is not None:
        lines.append(("loss", f"{found['loss']:.4g} (mean of the last {min(100, found['losses'])} steps)"))
    if found["checkpoints"]:
        lines.append(("checkpoints", ", ".join(str(step) for step in found["checkpoints"])))
    if found["runs"]:
        lines.append(("runs", str(len(found["runs"]))))
        lines += [("", _run_words(run)) for run in found["runs"]]
    lines.append(("written by", ", ".join(f"{name} {version}" for name, version in found["versions"].items())))
    return lines
