"""From the start of the process to the first painted frame: the lab, which can then be painted in, and a bare PySide6 + vispy window."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

REPEATS = 7
BARE = """
import sys, time
from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow
QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
app = QApplication([])
from vispy import app as vispy_app, gloo
vispy_app.use_app("pyside6")
canvas = vispy_app.Canvas(keys=None, size=(400, 400), show=False)
def draw(event):
    gloo.clear("black")
    QTimer.singleShot(0, lambda: (print(time.time() - float(sys.argv[1]), flush=True), app.quit()))
canvas.events.draw.connect(draw)
window = QMainWindow()
window.setCentralWidget(canvas.native)
window.resize(1280, 800)
window.show()
app.exec()
"""
LAB = """
import sys, time
import engine.experiment, vispy.gloo  # as main does, which would find PySide6 imported already here
from gui import app
from PySide6.QtWidgets import QApplication
before = app.show_first
def painted(window):
    before(window)
    print(time.time() - float(sys.argv[1]), flush=True)
    assert "torch" not in sys.modules
    easel = window.controls.target.easel
    assert easel.isVisible() and not easel.locked and not easel.visibleRegion().isEmpty()
    QApplication.closeAllWindows()
app.show_first = painted
import main
main.main([])
"""
MOVING = """
import sys, time
from gui import simulation_control
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
before = simulation_control.SimulationControl._read_pane
def read(self, index, pane):
    before(self, index, pane)
    if pane.shown is not None:
        print(time.time() - float(sys.argv[1]), flush=True)
        simulation_control.SimulationControl._read_pane = before
        QTimer.singleShot(0, QApplication.closeAllWindows)
simulation_control.SimulationControl._read_pane = read
from gui.app import open_lab
open_lab(None)
"""


def seconds(code: str) -> float:
    """One start, measured by the child on the parent's clock."""
    with tempfile.TemporaryDirectory() as state:
        # every window from bytecode that is kept, as on any ordinary machine
        environment = {**os.environ, "PUSHFORWARD_STATE": state, "PYTHONDONTWRITEBYTECODE": ""}
        done = subprocess.run([sys.executable, "-c", code, str(time.time())], env=environment, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout:
        sys.exit(done.stderr or "the window printed nothing")
    return float(done.stdout.split()[0])


def main() -> None:
    """Alternates the windows, so that a slow spell of the machine hits all."""
    for code in (BARE, LAB, MOVING):
        seconds(code)  # caches warm
    rows = [(seconds(BARE), seconds(LAB), seconds(MOVING)) for _ in range(REPEATS)]
    bare, lab, moving = (statistics.median(column) for column in zip(*rows, strict=True))
    ratio = statistics.median(row[1] / row[0] for row in rows)
    print(f"bare PySide6 + vispy window {bare:.2f} s; the lab's window {lab:.2f} s; ratio {ratio:.2f} (goal: at most 1.5)")
    print(f"first particles moving after {moving:.2f} s (goal: 3 s)")


if __name__ == "__main__":
    main()
