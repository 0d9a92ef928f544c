"""Painting: what a frame costs, from the mouse's positions to the repainted pixels, by tool in a real window, in one colour and eight.

A stroke goes round the canvas at 60 frames a second with eight positions a frame, as a fast hand with a good mouse gives them.
Run: ``python -m tests.bench.bench_painting [seconds a tool]`` with a display.
"""

from __future__ import annotations

import math
import os
import sys
import time

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QUndoStack
from PySide6.QtWidgets import QApplication

from gui.easel.brushes import TOOLS
from gui.easel.canvas import COLOURS
from gui.easel.easel import Easel
from gui.theme import apply_theme

FRAME, POSITIONS = 1 / 60, 8


def main(seconds: float = 2.0) -> dict[str, float]:
    """Milliseconds of work a frame, the 99th percentile, by tool and symmetry, printed and returned."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    apply_theme(app, "dark")
    easel = Easel(QUndoStack())
    easel.resize(512, 512)
    easel.show()
    found: dict[str, float] = {}
    print(f"a frame of {POSITIONS} positions on a canvas of 512×512 pixels, {os.cpu_count()} cores; 16.7 ms is 60 frames a second")
    for tool in TOOLS:
        for folds in (1, 6):
            easel.set_tool(tool)
            easel.set_size(0.3)
            easel.set_symmetry(mirror=folds > 1, folds=folds)
            spent = _painted(app, easel, seconds)
            name = f"{tool}, {2 * folds if folds > 1 else 1} copies"
            found[name] = 1e3 * float(np.quantile(spent, 0.99))
            print(f"  {name:22} median {1e3 * float(np.median(spent)):5.2f} ms   p99 {found[name]:5.2f} ms")
    easel.set_symmetry(mirror=False, folds=1)
    for tool in TOOLS:
        for k in range(COLOURS):
            easel.set_colour(k)
            easel.set_tool("brush")
            easel.begin(QPointF(60 + 50 * k, 60))
            easel.move_to(QPointF(60 + 50 * k, 450))
            easel.end()
        easel.set_tool(tool)
        spent = _painted(app, easel, seconds)
        name = f"{tool}, {COLOURS} colours"
        found[name] = 1e3 * float(np.quantile(spent, 0.99))
        print(f"  {name:22} median {1e3 * float(np.median(spent)):5.2f} ms   p99 {found[name]:5.2f} ms")
    easel.close()
    return found


def _painted(app: QApplication, easel: Easel, seconds: float) -> list[float]:
    spent, k = [], 0
    easel.begin(QPointF(256, 56))
    for frame in range(round(seconds / FRAME)):
        start = time.perf_counter()
        for _ in range(POSITIONS):
            k += 1
            angle = k * 2 * math.pi / 480
            easel.move_to(QPointF(256 + 200 * math.sin(angle), 256 - 200 * math.cos(angle)))
        easel._advance()
        app.processEvents()
        spent.append(time.perf_counter() - start)
        if frame % 120 == 119:
            easel.end()
            easel.begin(QPointF(256, 56))
        time.sleep(max(0.0, FRAME - (time.perf_counter() - start)))
    easel.end()
    return spent


if __name__ == "__main__":
    main(*(float(word) for word in sys.argv[1:]))
