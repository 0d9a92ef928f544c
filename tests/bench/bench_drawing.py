"""100,000 particles at 800×800: our shaders against vispy's Markers, fed the same arrays at the same point size, frame by frame in turn.

Every frame shows another t. Markers has no notion of t, so it is given the interpolated positions (set_data); in the column "still"
it is only drawn again, which costs it no upload. Each frame ends with a read-back of one pixel, so that it is really finished.
Run: ``python -m tests.bench.bench_drawing [seconds]``.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec.structs import replace
from vispy import gloo

from shaders import colours
from shaders.offscreen import hidden_canvas
from shaders.painter import Painter
from shaders.scene import Axes, Histogram, Layers, Pane, PaneData, Particles, Scene, TargetLayer, Trails
from shaders.trajectory import positions_at

COUNT, SIDE, FRAMES, SIZE = 100_000, 800, 21, 4.0


def main(seconds: float = 12.0) -> dict[str, float]:
    """Frames a second of each way, and their ratios, printed and returned."""
    canvas = hidden_canvas(size=(SIDE, SIDE))
    canvas.set_current()
    data = flow()
    alone = Layers(
        target=TargetLayer(visible=False), trails=Trails(visible=False), axes=Axes(visible=False), particles=Particles(size=SIZE)
    )
    dense = replace(alone, particles=Particles(visible=False), histogram=Histogram(visible=True))
    ways = {
        "Markers": markers(canvas, data, moving=True),
        "Markers, still": markers(canvas, data, moving=False),
        "particles": painted(data, alone),
        "density": painted(data, dense),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for name, draw in ways.items():
        for t in np.linspace(0.0, 1.0, FRAMES):
            draw(float(t))
        spent[name].clear()
    rng, end = np.random.default_rng(0), time.perf_counter() + seconds
    while time.perf_counter() < end:
        t = float(rng.uniform())
        for name, draw in ways.items():
            start = time.perf_counter()
            draw(t)
            gloo.read_pixels((0, 0, 1, 1))
            spent[name].append(time.perf_counter() - start)
    frames, renderer = len(spent["particles"]), gloo.gl.glGetParameter(gloo.gl.GL_RENDERER)
    fps = {name: 1.0 / float(np.median(times)) for name, times in spent.items()}
    print(f"{COUNT:,} points of {SIZE:g} px at {SIDE}×{SIDE}, {renderer}, {os.cpu_count()} cores, medians of {frames} frames each in turn")
    for name, value in fps.items():
        print(f"  {name:16s}{value:8.1f} frames/s")
    ratios = {
        "particles / Markers": fps["particles"] / fps["Markers"],
        "particles / Markers, still": fps["particles"] / fps["Markers, still"],
        "density / Markers": fps["density"] / fps["Markers"],
        "density / Markers, still": fps["density"] / fps["Markers, still"],
    }
    for name, value in ratios.items():
        print(f"  {name:28s}{value:6.2f}")
    canvas.close()
    return ratios


def flow() -> PaneData:
    """Straight ways from a Gaussian to a ring."""
    rng = np.random.default_rng(0)
    start = rng.normal(size=(COUNT, 2))
    angle = rng.uniform(0, 2 * np.pi, COUNT)
    end = (1.5 + 0.1 * rng.normal(size=COUNT))[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    times = np.linspace(0.0, 1.0, FRAMES)
    positions = (1 - times)[:, None, None] * start + times[:, None, None] * end
    return PaneData(times=times, positions=positions.astype(np.float32))


def painted(data: PaneData, layers: Layers) -> Callable[[float], None]:
    """Our painter with some layers."""
    painter, scene = Painter(), Scene(panes=(Pane(layers=layers),))
    return lambda t: painter.draw(replace(scene, t=t), [data], (SIDE, SIDE))


def markers(canvas: Any, data: PaneData, moving: bool) -> Callable[[float], None]:
    """vispy's own visual, with the same colours, no edge, and the same view."""
    from vispy.visuals import MarkersVisual
    from vispy.visuals.transforms import STTransform

    visual = MarkersVisual(scaling="fixed")
    assert data.positions is not None
    tint = np.column_stack([colours.angle_colours(data.positions[0], True), np.full(COUNT, 0.8, np.float32)])
    visual.set_data(positions_at(data, 0.5), size=SIZE, edge_width=0, face_color=tint)
    visual.set_gl_state("additive", depth_test=False)
    visual.transform = STTransform(scale=(SIDE / 6, -SIDE / 6, 1), translate=(SIDE / 2, SIDE / 2))
    transforms = visual.transforms
    transforms.configure(canvas=canvas, viewport=(0, 0, SIDE, SIDE), fbo_size=(SIDE, SIDE))

    def draw(t: float) -> None:
        gloo.set_viewport(0, 0, SIDE, SIDE)
        gloo.clear(color="black")
        if moving:
            visual.set_data(positions_at(data, t), size=SIZE, edge_width=0, face_color=tint)
        visual.draw()

    return draw


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 12.0)
