"""Films of maps, contours and flow maps: repeatable, moving with t, and a reason where one cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from engine import session
from engine.experiment import Experiment
from engine.samplers import Heun
from engine.session import Session
from engine.targets import Helix, Moons
from gui.document import PaneSettings, decode_document, encode_document
from gui.recorder.process import SIMULATING, fraction_of
from shaders.scene import Contours, FlowMap, HeatMap, Layers, Particles, TargetLayer, Trails

ROOT = Path(__file__).parents[1]
QUIET = Layers(target=TargetLayer(visible=False), particles=Particles(visible=False), trails=Trails(visible=False))


def saved(path: Path, *layers: Layers, target: object = None) -> Path:
    """An untrained session whose panes show these layers."""
    document = decode_document(None)
    pane = document.scene.panes[0]
    scene = replace(document.scene, panes=tuple(replace(pane, layers=one) for one in layers))
    document = replace(document, scene=scene, panes=(PaneSettings(sampler=Heun(steps=6)),) * len(layers), particles=100)
    session.save(Session(experiment=Experiment(target=target or Moons()), scene=encode_document(document)), path)
    return path


def film(path: Path, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "main.py"), "render", str(path), "--out", f"{out}/", "--size", "480x240", "--fps", "8"]
    return subprocess.run([*command, "--seconds", "0.5", "--progress"], capture_output=True, text=True, timeout=120, check=False)


def pictures(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)).astype(int) for path in sorted(folder.iterdir())]


def test_a_film_of_an_exact_density_and_a_flow_map_is_the_same_bit_for_bit_and_moves(tmp_path: Path) -> None:
    density = replace(QUIET, map=HeatMap(visible=True, kind="exact", scale="log"), contours=Contours(visible=True, kind="exact"))
    path = saved(tmp_path / "a.pushforward", density, replace(QUIET, flow_map=FlowMap(visible=True, lines=5)))
    said = []
    for name in "ab":
        done = film(path, tmp_path / name)
        assert done.returncode == 0, done.stderr
        said.append(done.stderr)
    first, second = pictures(tmp_path / "a"), pictures(tmp_path / "b")
    assert all((one == other).all() for one, other in zip(first, second, strict=True))
    for half in (slice(0, 240), slice(240, 480)):
        assert np.abs(first[0][30:200, half] - first[-1][30:200, half]).max() > 60
    lines = [line for line in said[0].splitlines() if "flow map of pane 2" in line]
    assert lines
    assert all(fraction_of(line) is not None for line in lines)


def test_one_map_of_two_layers_is_worked_out_and_drawn_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.cli.common import Progress
    from gui import map_work
    from gui.recorder.film_maps import FilmMaps
    from gui.recorder.panes import Panes

    both = replace(QUIET, map=HeatMap(visible=True, kind="exact"), contours=Contours(visible=True, kind="exact"))
    loaded = session.load(saved(tmp_path / "a.pushforward", both, both))
    document = decode_document(loaded.scene)
    panes = Panes(loaded, document, "cpu", Progress())
    calls = []
    work = map_work.draw
    monkeypatch.setattr(map_work, "draw", lambda *given: (calls.append(given[0]), work(*given))[1])
    from shaders.layout import layout, plot_area
    from shaders.view import view

    rects = layout(document.scene, (640, 320), 1.0)
    views = [view(document.scene.camera, rect, plot_area(rect, document.scene, i, 1.0), 2) for i, rect in enumerate(rects)]
    assert isinstance(panes._maps, FilmMaps)
    found = panes._maps.at(replace(document.scene, t=0.5), views, panes.data, 1.0, "frame 1 of 2")
    assert len(calls) == 1, "two panes and two layers ask for the same"
    assert found[0].map is found[0].contours is found[1].map
    again = panes._maps.at(replace(document.scene, t=0.5), views, panes.data, 1.0, "frame 1 of 2")
    assert np.array_equal(again[0].map.values, found[0].map.values)


def test_a_map_that_cannot_be_ends_the_film_with_its_reason(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pushforward", replace(QUIET, map=HeatMap(visible=True, kind="velocity-error")))
    done = film(path, tmp_path / "film")
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("render: pane 1: velocity error")
    assert "choose the learned network" in last
    assert "Traceback" not in done.stderr


def test_in_space_a_film_leaves_them_away(tmp_path: Path) -> None:
    layers = replace(
        QUIET, particles=Particles(), map=HeatMap(visible=True), contours=Contours(visible=True), flow_map=FlowMap(visible=True)
    )
    done = film(saved(tmp_path / "a.pushforward", layers, target=Helix()), tmp_path / "film")
    assert done.returncode == 0, done.stderr


def test_progress_of_a_map_within_a_frame_is_understood() -> None:
    assert fraction_of("frame 3 of 10: the model's own density of pane 1, 40 %") == pytest.approx(SIMULATING + 0.3 * (1 - SIMULATING))
    assert fraction_of("frame 3 of 10") == fraction_of("frame 3 of 10: flow map of pane 2, 1 %")
    assert fraction_of("frames: 3") is None
