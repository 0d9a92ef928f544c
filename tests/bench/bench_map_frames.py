"""Maps: what drawing one costs, and the frames of a window while such maps are computed behind it.

Drawing: heat map, contours and legend at 640×500, processor time of a frame with and without them. Window: two playing panes that both
show the model's own density, which is asked for again and again; the intervals between frames, and those of the same window without maps.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
from msgspec.structs import replace

SIZE, CELLS = (640, 500), (128, 100)
BOX = (-4.0, 4.0, -3.2, 3.2)
WARM_UP, WINDOW_SECONDS = 8.0, 20.0


def drawing() -> None:
    """Processor time of frames: all threads, until the card (or what stands for it) has finished."""
    from vispy import gloo

    from shaders.offscreen import Offscreen
    from shaders.painter import Page
    from shaders.scene import Contours, HeatMap, Layers, MapData, Pane, PaneData, Particles, Scene, Trails

    x, y = np.meshgrid(np.linspace(*BOX[:2], CELLS[0]), np.linspace(*BOX[2:], CELLS[1]))
    moons = np.exp(-8 * (np.hypot(x + 0.6, y + 0.3) - 1.1) ** 2) + np.exp(-8 * (np.hypot(x - 0.6, y - 0.3) - 1.1) ** 2)
    bare = Layers(particles=Particles(visible=False), trails=Trails(visible=False))
    shown = replace(bare, map=HeatMap(visible=True), contours=Contours(visible=True))
    maps = [MapData(moons.astype(np.float32), BOX, 0.0, 1.2 + 0.001 * k, "exact p_t", "per unit²") for k in range(60)]
    with Offscreen(SIZE) as off:
        off.render(Scene(panes=(Pane(),)), [PaneData()])  # the context is the current one from now on
        page = Page(SIZE)
        page.target.activate()
        spent: dict[str, float] = {}
        for name, layers, arrays in (("nothing", bare, maps[:1] * 60), ("still", shown, maps[:1] * 60), ("changing", shown, maps)):
            scene, times = Scene(panes=(Pane(layers=layers),)), []
            for data in arrays[:5] + arrays:
                start = time.process_time()
                off.painter.draw(scene, [PaneData(map=data, contours=data)], SIZE)
                gloo.finish()
                times.append(time.process_time() - start)
            spent[name] = 1000 * float(np.quantile(times[5:], 0.1))
        renderer = gloo.gl.glGetParameter(gloo.gl.GL_RENDERER)
    still, changing = (spent[name] - spent["nothing"] for name in ("still", "changing"))
    print(f"map, contours and legend at {SIZE[0]}×{SIZE[1]}, {renderer}: {still:.1f} ms of processor time a frame (goal: 4)")
    print(f"  with a new map at every frame {changing:.1f} ms; a frame without them takes {spent['nothing']:.1f} ms")


def window(shown: bool = True) -> None:
    """Prints how many maps came in the time, then the frame intervals in seconds; not ``shown``: the same window without maps."""
    import qasync
    from PySide6.QtCore import QTimer

    from gui.app import _collect_here, make_app

    app = make_app()
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    from engine.experiment import Experiment, Training
    from engine.networks import MLP
    from gui.document import LabDocument
    from gui.lab import Lab
    from gui.lab_window import LabWindow
    from gui.model import LabModel, LabState
    from gui.preferences import Preferences
    from gui.stage import clock
    from gui.theme import apply_theme
    from shaders.scene import HeatMap

    apply_theme(app, "dark")
    document = LabDocument(particles=6_000)
    panes = tuple(replace(pane, layers=replace(pane.layers, map=HeatMap(visible=shown, kind="model"))) for pane in document.scene.panes)
    document = replace(
        document, scene=replace(document.scene, panes=panes), panes=tuple(replace(p, model="learned") for p in document.panes)
    )
    experiment = Experiment(network=MLP(width=128, depth=3), training=Training(batch=1024, threads=1))
    model, preferences = LabModel(LabState(experiment=experiment, document=document)), Preferences()
    lab = Lab(LabWindow(model, preferences), model, preferences)
    _collect_here(app)
    clock.HOLD_SECONDS = 0.0
    frames: list[float] = []
    maps: list[float] = []
    seen: list[object] = [None]
    lab.window.resize(1280, 800)

    def drawn() -> None:
        frames.append(time.perf_counter())
        now = lab.stage.showings[0].latest.map
        if now is not seen[0]:
            seen[0] = now
            maps.append(frames[-1])

    def begin() -> None:
        lab.training.snapshot_taken.disconnect(begin)
        lab.training.stop()
        QTimer.singleShot(int(1000 * (WARM_UP + WINDOW_SECONDS)), lab.window.close)

    lab.stage.first_drawn.connect(lambda: (lab.start(), lab.training.start()))
    lab.stage.panes[0].canvas.drawn.connect(drawn)
    lab.training.snapshot_taken.connect(begin)
    lab.window.may_close = lambda: True
    lab.window.show()
    finished = asyncio.Event()
    app.lastWindowClosed.connect(finished.set)
    with loop:
        loop.run_until_complete(finished.wait())
        lab.close()
    last = frames[-1]
    inside = np.array([t for t in frames if last - t <= WINDOW_SECONDS])
    print(sum(last - t <= WINDOW_SECONDS for t in maps))
    print(" ".join(f"{gap:.5f}" for gap in np.diff(inside)))


def child(name: str) -> list[str]:
    """The lines that a child prints."""
    with tempfile.TemporaryDirectory() as state:
        environment = {**os.environ, "PUSHFORWARD_STATE": state, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.bench.bench_map_frames", name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout:
        sys.exit(done.stderr)
    return done.stdout.splitlines()


def main() -> None:
    """The drawing, then the window with maps and without."""
    print("\n".join(child("drawing")))
    for name in ("window", "bare"):
        count, gaps = child(name)
        intervals = 1000.0 * np.array([float(gap) for gap in gaps.split()])
        p50, p99 = np.percentile(intervals, [50, 99])
        behind = "without maps" if name == "bare" else f"while {count} maps of the model's density came in {WINDOW_SECONDS:.0f} s"
        rate = 1000.0 / intervals.mean()
        print(
            f"two playing panes {behind}: {rate:.1f} frames a second; p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {intervals.max():.0f} ms"
        )
    print("goal: p99 at most 50 ms with maps")


PARTS: dict[str, Callable[[], None]] = {"drawing": drawing, "window": window, "bare": lambda: window(False)}

if __name__ == "__main__":
    PARTS.get(sys.argv[-1], main)()
