"""The flow map: carried to the data and back it is the straight grid again; its colours are the determinant; and in a real window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from engine.arrays import Array
from engine.choice import Problem
from engine.experiment import Experiment
from engine.flow_map import carried, graded_times, grid_lines
from engine.samplers import EulerMaruyama, Heun
from engine.schedules import CondOT, VPCosine
from engine.targets import Checkerboard, EightGaussians, Mixture, Moons, Points
from gui.flow_maps import LIMITS, FlowMapRequest, FlowMaps, data_box, flow_maps, points_of, source_box
from gui.probe import data_of, field_of
from gui.runs import Fields, RunRequest, law_of
from tests.gui.test_lab import lab as lab  # the fixture: a whole lab on the screen
from tests.gui.test_lab import until, within

torch.set_num_threads(1)


def run_of(**changes: Any) -> RunRequest:
    return RunRequest(law_of(Experiment(**changes)), Heun(steps=10), None, particles=10, seed=0, device="cpu")


def computed(asked: FlowMapRequest, fields: Fields) -> FlowMaps:
    found = [*flow_maps(asked, fields)]
    shares = found[:-1]
    assert all(isinstance(share, float) and 0.0 <= share <= 1.0 for share in shares)
    assert shares == sorted(shares)
    assert isinstance(found[-1], FlowMaps)
    return found[-1]


@pytest.mark.parametrize("changes", [{"target": Mixture()}, {"target": Moons(), "path": VPCosine()}], ids=["mixture", "moons"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_carried_there_and_back_it_is_the_straight_grid(changes: dict[str, Any], direction: Any) -> None:
    """The lines at t = 0.7 taken back (or on) by a much finer solver to where the grid was laid."""
    fields, run = Fields(), run_of(**changes)
    maps = computed(FlowMapRequest.of(run, direction, 5), fields)
    field = field_of(run, fields)
    forward = direction == "forward"
    low, high = source_box(field) if forward else data_box(run)
    straight = grid_lines(low, high, 5, points_of(5))
    begin = field.interval[0 if forward else 1]
    there = np.isfinite(maps.stretch[0])
    assert there.mean() > (0.99 if forward else 0.5)  # what lies off the data is left out on the way back
    np.testing.assert_allclose(maps.at(begin).points[there], straight[there], atol=1e-5)
    assert np.all(maps.at(begin).stretch[there] == 0.0)
    t = float(maps.times[45])
    found = maps.at(t)
    # what was squeezed by more than e^3 is torn apart again: there the way back says nothing of single precision's digits
    there &= found.stretch > -3.0
    assert there.mean() > 0.3
    *_, (_, back) = carried(field, found.points[there].astype(np.float64), graded_times(t, begin, 200, 0.002))
    away = np.linalg.norm(back - straight[there], axis=-1)
    assert np.quantile(away, 0.99) < 0.02
    assert np.median(away) < 0.001


@pytest.mark.parametrize("t", [0.3, 0.6])
def test_its_colours_are_the_determinant(t: float) -> None:
    """log |dx/da x dx/db| by central differences along the two lines that cross at each inner place, whose error is of order h^2."""
    fields, run = Fields(), run_of(target=EightGaussians())
    lines = 65
    maps = computed(FlowMapRequest.of(run, "forward", lines), fields)
    found, low_high = maps.at(t), source_box(field_of(run, fields))
    per = (points_of(lines) - 1) // (lines - 1)
    h = (low_high[1] - low_high[0]) / (points_of(lines) - 1)
    grid = found.points.astype(np.float64)[:, ::per] if per > 1 else found.points.astype(np.float64)
    stretch = found.stretch[:, ::per]
    # lines along x come first, one for each y; then those along y, one for each x: both meet in the same lattice
    along = grid[:lines].transpose(1, 0, 2)  # [x, y]
    up = grid[lines:]
    np.testing.assert_allclose(along, up, atol=1e-4)
    np.testing.assert_allclose(stretch[:lines].T, stretch[lines:], atol=1e-3)
    by_x = (along[2:, 1:-1] - along[:-2, 1:-1]) / (2.0 * h[0] * per)
    by_y = (along[1:-1, 2:] - along[1:-1, :-2]) / (2.0 * h[1] * per)
    determinant = by_x[..., 0] * by_y[..., 1] - by_x[..., 1] * by_y[..., 0]
    assert np.all(determinant > 0.0)
    away = np.abs(np.log(determinant) - stretch[lines:][1:-1, 1:-1])
    assert away.max() < 0.05
    assert np.median(away) < 0.005
    assert np.ptp(stretch) > (0.5 if t > 0.5 else 0.05)  # there is something to see


def test_off_the_data_there_is_nothing_to_carry_back() -> None:
    """A board with gaps: its squares are kept, what lies between and is left comes from a sliver; of bare points nothing is kept."""
    run = run_of(target=Checkerboard())
    maps = computed(FlowMapRequest.of(run, "backward", 17), Fields())
    density, _ = data_of(run.target)
    straight = maps.points[-1]
    there = np.isfinite(maps.stretch[0])
    inked = np.isfinite(density.log_prob(straight[there].astype(np.float64)))
    assert 0.4 < there.mean() < 0.95
    assert inked.mean() > 0.8
    far = np.linalg.norm(maps.points[0][there], axis=-1)
    assert far.max() < 6.0
    rows = np.random.Generator(np.random.Philox(key=1)).standard_normal((40, 2))
    with pytest.raises(Problem, match="bare points"):
        computed(FlowMapRequest.of(run_of(target=Points(values=Array(rows))), "backward", 5), Fields())


def test_between_times_it_moves_straight_and_beyond_the_ends_it_rests() -> None:
    maps = computed(FlowMapRequest.of(run_of(target=Checkerboard(), path=CondOT()), "forward", 3), Fields())
    one, two = maps.at(float(maps.times[30])), maps.at(float(maps.times[31]))
    middle = maps.at(0.5 * float(maps.times[30] + maps.times[31]))
    np.testing.assert_allclose(middle.points, 0.5 * (one.points + two.points), atol=1e-6)
    np.testing.assert_allclose(maps.at(1.0).points, maps.points[-1], atol=1e-6)
    assert maps.limit in LIMITS
    assert np.isfinite(maps.points).all()
    assert np.isfinite(maps.stretch).all()


def test_panes_share_a_map_and_it_follows_t(lab: Any) -> None:
    """An ODE and an SDE pane on one field: one map is computed; t and layers move it without another."""
    until(lab, lambda: all(showing.latest.positions is not None for showing in lab.stage.showings))
    assert isinstance(lab.model.document.panes[1].sampler, EulerMaruyama)
    within(lab, lambda: lab.stage.seek(0.4))
    within(lab, lambda: lab.window.actions_["layer-flow_map"].trigger())
    until(lab, lambda: all(showing.latest.flow_lines is not None for showing in lab.stage.showings))
    one, two = (showing.latest.flow_lines for showing in lab.stage.showings)
    np.testing.assert_array_equal(one.points, two.points)
    assert len(lab.flow_maps._kept) == 1
    within(lab, lambda: lab.stage.seek(0.9))
    until(lab, lambda: lab.stage.showings[0].latest.flow_lines is not one)
    assert not np.allclose(lab.stage.showings[0].latest.flow_lines.points, one.points, atol=0.05)
    assert lab.flow_maps.computing is None
    layers = lab.model.document.scene.panes[1].layers
    lab.model.show_layers(1, replace(layers, flow_map=replace(layers.flow_map, direction="backward", lines=5)))
    until(lab, lambda: len(lab.flow_maps._kept) == 2)
    until(lab, lambda: len(lab.stage.showings[1].latest.flow_lines.points) == 10)
    within(lab, lambda: lab.window.actions_["layer-flow_map"].trigger())
    until(lab, lambda: all(showing.latest.flow_lines is None for showing in lab.stage.showings))
    assert not lab.stage.panes[0].progress.isVisible()


def test_a_map_that_is_cancelled_is_not_asked_for_again_by_itself(lab: Any) -> None:
    until(lab, lambda: all(showing.latest.positions is not None for showing in lab.stage.showings))
    layers = lab.model.document.scene.panes[0].layers
    asked = replace(layers, flow_map=replace(layers.flow_map, visible=True, lines=65))
    lab.model.show_layers(0, asked)
    until(lab, lambda: lab.flow_maps.computing is not None)
    job = lab.flow_maps._job
    until(lab, lambda: lab.stage.panes[0].progress.isVisible() or job.done)  # longer than 300 ms: it says so
    assert not job.done
    within(lab, lambda: lab.window.actions_["cancel-runs"].trigger())
    until(lab, lambda: job.done)
    assert job.future.cancelled()
    ticks = []
    lab.stage.ticked.connect(lambda: ticks.append(1))
    until(lab, lambda: len(ticks) > 5)
    assert lab.flow_maps.computing is None
    assert lab.stage.showings[0].latest.flow_lines is None
    assert not lab.stage.panes[0].progress.isVisible()
    lab.model.show_layers(0, layers)
    until(lab, lambda: len(ticks) > 10)
    lab.model.show_layers(0, replace(asked, flow_map=replace(asked.flow_map, lines=3)))
    until(lab, lambda: lab.stage.showings[0].latest.flow_lines is not None)
