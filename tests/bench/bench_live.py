"""Training behind two playing panes: the intervals between frames, and the share of its windowless speed that training keeps.

3×128, batch 1024, one thread of torch; two panes of 10,000 particles (Heun 50, Euler–Maruyama 200) that renew themselves.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

WINDOW_SECONDS, ALONE_SECONDS, WARM_UP = 20.0, 8.0, 6.0


def experiment() -> object:
    """The same training for both."""
    from engine.experiment import Experiment, Training
    from engine.networks import MLP

    return Experiment(network=MLP(width=128, depth=3), training=Training(batch=1024, threads=1))


def alone() -> None:
    """Prints steps a second of the training without a window."""
    from engine.training import Trainer

    trainer = Trainer(experiment())  # type: ignore[arg-type]
    begin, first = time.perf_counter(), None
    for step in trainer.run():
        now = time.perf_counter()
        if first is None and now - begin > 1.0:
            first = (now, step.step)
        if first is not None and now - first[0] > ALONE_SECONDS:
            print((step.step - first[1]) / (now - first[0]))
            return


def window() -> None:
    """Prints steps a second in the window, then the frame intervals in seconds."""
    import qasync
    from PySide6.QtCore import QTimer

    from gui.app import _collect_here, make_app

    app = make_app()
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    from gui.document import LabDocument
    from gui.lab import Lab
    from gui.lab_window import LabWindow
    from gui.model import LabModel, LabState
    from gui.preferences import Preferences
    from gui.stage import clock
    from gui.theme import apply_theme

    apply_theme(app, "dark")
    state = LabState(experiment=experiment(), document=LabDocument(particles=10_000))  # type: ignore[arg-type]
    model, preferences = LabModel(state), Preferences()
    lab = Lab(LabWindow(model, preferences), model, preferences)
    _collect_here(app)
    clock.HOLD_SECONDS = 0.0  # play rests at the end of each run, and draws nothing then: that is no late frame
    frames: list[float] = []
    counts: list[tuple[float, int]] = []
    lab.window.resize(1280, 800)
    lab.stage.first_drawn.connect(lambda: (lab.start(), lab.training.start()))
    lab.stage.panes[0].canvas.drawn.connect(lambda: frames.append(time.perf_counter()))

    def count() -> None:
        work = lab.training.work
        counts.append((time.perf_counter(), 0 if work is None else work.step))

    def begin() -> None:
        """Once the first weights are shown, and settled."""
        lab.training.snapshot_taken.disconnect(begin)
        QTimer.singleShot(int(1000 * WARM_UP), count)
        QTimer.singleShot(int(1000 * (WARM_UP + WINDOW_SECONDS)), lambda: (count(), lab.window.close()))

    lab.training.snapshot_taken.connect(begin)
    lab.window.may_close = lambda: True
    lab.window.show()
    finished = asyncio.Event()
    app.lastWindowClosed.connect(finished.set)
    with loop:
        loop.run_until_complete(finished.wait())
        lab.close()
    (t0, s0), (t1, s1) = counts
    print((s1 - s0) / (t1 - t0))
    inside = np.array([t for t in frames if t0 <= t <= t1])
    print(" ".join(f"{gap:.5f}" for gap in np.diff(inside)))


def child(name: str) -> list[str]:
    """The lines that a child prints."""
    with tempfile.TemporaryDirectory() as state:
        environment = {**os.environ, "PUSHFORWARD_STATE": state, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.bench_live", name], env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode or not done.stdout:
        sys.exit(done.stderr)
    return done.stdout.splitlines()


def main() -> None:
    """Without the window, with it, without it again: one ratio."""
    first = float(child("alone")[0])
    rate, gaps = child("window")
    last = float(child("alone")[0])
    intervals = 1000.0 * np.array([float(gap) for gap in gaps.split()])
    free = 0.5 * (first + last)
    p50, p99 = np.percentile(intervals, [50, 99])
    print(
        f"frames: {1000.0 / intervals.mean():.1f} a second; p50 {p50:.0f} ms, p99 {p99:.0f} ms (goal: 50), longest {intervals.max():.0f} ms"
    )
    print(f"training on 1 thread: {float(rate):.0f} steps/s behind the window, {free:.0f} without one")
    print(f"ratio {float(rate) / free:.2f} (goal: at least 0.5)")


if __name__ == "__main__":
    {"alone": alone, "window": window}.get(sys.argv[-1], main)()
