"""Runs every measurement, each in a process of its own, and prints one table. ``python -m tests.bench [NAME …]`` runs some."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

MEASUREMENTS = {
    "start": "time to a window that can be painted in, against a bare PySide6 + vispy window",
    "training": "training steps a second, against torchcfm's loop",
    "coupling": "training steps a second with optimal transport, against torchcfm's exact-OT loop",
    "sampling": "100,000 particles by 100 Heun steps, against torchdiffeq's odeint on the same network",
    "drawing": "100,000 particles a frame, against vispy's Markers",
    "painting": "a stroke on the easel, frame by frame",
    "live": "training behind two playing panes: frame intervals, and the speed that training keeps",
    "maps": "an exact density on a grid, and the model's own",
    "map_frames": "drawing a map, and the frames of two panes while maps are computed",
    "film": "a 6 s film of two panes, against ffmpeg alone on the same raw frames",
}


def main(names: list[str]) -> int:
    """Runs the named measurements (all, where none is named); the number that failed is the exit status."""
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"there is no measurement {unknown[0]!r}; there are {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    failed = 0
    for name in names or MEASUREMENTS:
        print(f"\n== {name}: {MEASUREMENTS[name]}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"tests.bench.bench_{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
