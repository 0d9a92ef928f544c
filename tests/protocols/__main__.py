"""``make protocols``: runs the cells that are missing, cheapest first, one JSON line for each, and writes the table.

python -m tests.protocols [--seeds 2] [--minutes M] [--only TEXT] [--jobs K] [--epochs E --results FILE]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from tests.protocols.cells import EPOCHS, METHODS, PROBLEMS, possible, run
from tests.protocols.table import table

HERE = Path(__file__).parent
MINUTES = {
    "truth": 0.6,
    "memory": 0.6,
    "law of SF2M-Exact": 1.0,
    "its law as coded": 1.0,
    "exact": 1.5,
    "I-CFM": 0.8,
    "FM": 0.8,
    "rectified flow": 1.6,
    "SF2M-I": 1.3,
    "OT-CFM": 7.0,
    "SF2M-Exact": 7.5,
}
"""About what a cell takes on one core of 2026."""
Key = tuple[str, str, int]


def read(path: Path) -> list[dict[str, Any]]:
    """The finished cells; a last line that was cut off is dropped."""
    cells = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            cells.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return cells


def missing(cells: list[dict[str, Any]], seeds: int, only: str, epochs: int) -> list[Key]:
    """Cells to run, seed by seed, the cheapest first."""
    done = {(cell["problem"], cell["method"], cell["seed"]) for cell in cells if cell["epochs"] == epochs}
    keys = [(p, m, seed) for seed in range(seeds) for m in METHODS for p in PROBLEMS if possible(p, m) and only in f"{p} {m} {seed}"]
    return [key for key in keys if key not in done]


def main() -> None:
    """Runs cells side by side until none is left or the time is up."""
    parser = argparse.ArgumentParser(prog="tests.protocols", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="how many seeds, from 0")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no cell that would end later")
    parser.add_argument("--only", default="", help='cells whose "problem method seed" holds this text')
    parser.add_argument("--reuse", type=int, default=1, help="steps that share a pairing of optimal transport")
    parser.add_argument("--jobs", type=int, default=max(1, os.cpu_count() or 1), help="cells side by side")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="fewer to try it out; with --results elsewhere")
    parser.add_argument("--results", type=Path, default=HERE / "results.jsonl")
    asked = parser.parse_args()
    if asked.epochs != EPOCHS and asked.results == HERE / "results.jsonl":
        parser.error("--epochs other than the protocol's needs --results FILE")
    cells = read(asked.results)
    queue = missing(cells, asked.seeds, asked.only, asked.epochs)
    end = time.monotonic() + 60.0 * asked.minutes
    minutes = sum(MINUTES[key[1]] for key in queue) / asked.jobs
    print(f"{len(cells)} cells done, {len(queue)} to do, about {minutes:.0f} minutes", flush=True)
    failed: list[str] = []
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    running: dict[Future[dict[str, Any]], Key] = {}
    with ProcessPoolExecutor(asked.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        while queue or running:
            while queue and len(running) < asked.jobs:
                key = queue.pop(0)
                if time.monotonic() + 60.0 * MINUTES[key[1]] * asked.epochs / EPOCHS < end:
                    running[pool.submit(run, *key, asked.epochs, asked.reuse)] = key
            for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                key = running.pop(future)
                try:
                    cell = future.result()
                except Exception as error:  # noqa: BLE001  # the others go on; it is told at the end
                    failed.append(f"{' '.join(map(str, key))}: {type(error).__name__}: {error}")
                    continue
                with asked.results.open("a") as lines:
                    lines.write(json.dumps(cell, ensure_ascii=False) + "\n")
                numbers = {name: value for name, value in cell.items() if name not in ("problem", "method", "seed", "n")}
                print(" ".join(map(str, key)), numbers, flush=True)
    asked.results.with_name("TABLE.md").write_text(table(read(asked.results)))
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
