"""Real pixels of the other layers: trails, target, heat map, fields, axes, words."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from shaders import layout
from shaders.fields import integrate, nodes, sample
from shaders.rasters import histogram, levels, smooth
from shaders.scene import Axes, Camera, Histogram, Pane, PaneData, Particles, TargetLayer, Trails, VectorField
from shaders.trails import SEGMENTS, dwell, history, past
from shaders.view import view
from tests.shaders.conftest import BARE, centroid, moving, scene, still

TRAILS = replace(BARE, trails=Trails(length=0.3, opacity=1.0))


def square(side: int = 200, extent: float = 2.0, camera: Camera | None = None):
    rect = layout.Rect(0, 0, side, side)
    return view(camera or Camera(extent=extent), rect, rect, 2)


def test_trail_lies_behind_the_motion_and_fades(render):
    data = moving([(-1.5, 0.0)], [(1.5, 0.0)])
    light = np.abs(render(scene(TRAILS, t=0.5), data) - render(scene(TRAILS), PaneData())).sum(-1)
    x, y = centroid(light)
    assert x < 99
    assert abs(y - 80) < 1
    along = light.sum(0)
    assert along[95:99].sum() > 2 * along[75:79].sum() > 0
    assert light[:, 102:].sum() == 0


def test_no_trail_at_the_start_and_none_beyond_the_count(render):
    data = moving([(-1.0, 0.5), (-1.0, -0.5)], [(1.0, 0.5), (1.0, -0.5)])
    empty = render(scene(TRAILS), PaneData())
    assert (render(scene(TRAILS, t=0.0), data) == empty).all()
    few = replace(BARE, trails=Trails(length=0.3, opacity=1.0, count=1))
    light = np.abs(render(scene(few, t=0.5), data) - empty).sum(-1)
    assert light[:78].sum() > 0
    assert light[82:].sum() == 0


@pytest.mark.parametrize("t", [0.0, 0.013, 0.5, 0.777, 1.0])
def test_past_times_increase_to_now_and_inner_ones_stay_when_time_goes_on(t):
    times = np.linspace(0.0, 1.0, 51)
    ages = past(times, t, 0.12)
    assert ages[-1] == t
    assert (np.diff(ages) > 0).all()
    assert len(ages) <= SEGMENTS + 2
    assert ages[0] == pytest.approx(max(0.0, t - 0.12))
    later = past(times, min(t + 0.002, 1.0), 0.12)
    assert len(set(np.round(ages[1:-1], 9)) - set(np.round(later, 9))) <= 1


def test_history_of_a_straight_way_is_straight():
    data = moving([(-1.0, 0.5, 0.0)], [(1.0, 0.5, 2.0)])
    times = np.array([0.1, 0.25, 0.4])
    assert history(data, times, 5)[0] == pytest.approx(np.array([[-0.8, 0.5, 0.2], [-0.5, 0.5, 0.5], [-0.2, 0.5, 0.8]]), abs=1e-6)


def test_long_ways_are_dimmer():
    short, long = np.zeros((2, 3, 3), np.float32)
    short[:, 0], long[:, 0] = [0, 0.05, 0.1], [0, 3, 6]
    first, second = dwell(np.stack([short, long]), square())
    assert first == 1.0
    assert second < 0.1


def test_target_is_where_its_box_is_and_the_right_way_up(render):
    target = np.zeros((40, 40), np.float32)
    target[30:35, 10:15] = 1.0  # row 0 is at the bottom: y from 0.5 to 0.75 of [-1, 1], x from -0.5 to -0.25
    sc = scene(replace(BARE, target=TargetLayer(opacity=1.0)))
    light = np.abs(render(sc, PaneData(target=target, target_box=(-1, 1, -1, 1))) - render(sc, PaneData())).sum(-1)
    x, y = centroid(light)
    scale = 140 / 4  # 160 less two margins of 10, for 2 · extent = 4 units
    assert x == pytest.approx(100 - 0.375 * scale, abs=0.5)
    assert y == pytest.approx(80 - 0.625 * scale, abs=0.5)


def test_heat_map_is_where_the_particles_are(render):
    rng = np.random.default_rng(0)
    points = rng.normal([0.8, -0.6], 0.1, size=(3000, 2))
    sc = scene(replace(BARE, histogram=Histogram(visible=True)))
    light = np.abs(render(sc, still(list(points))) - render(sc, PaneData())).sum(-1)
    scale = 140 / 4
    assert centroid(light) == pytest.approx((100 + 0.8 * scale, 80 + 0.6 * scale), abs=1.0)


def test_histogram_counts_everything_that_is_visible_and_nothing_else():
    seen = square(200)
    points = np.array([[0.0, 0.0], [0.0, 0.0], [1.3, -1.2], [9.0, 0.0], [np.nan, 0.0]], np.float32)
    counts, box = histogram(points, seen, 50)
    assert counts.sum() == pytest.approx(3.0)
    assert box[0] <= -2
    assert box[1] >= 2
    assert box[2] <= -2
    assert box[3] >= 2
    cell = (box[1] - box[0]) / counts.shape[1]
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    assert abs(box[0] + (column + 0.5) * cell) <= cell
    assert abs(box[2] + (row + 0.5) * cell) <= cell


def test_cells_stay_in_place_when_the_view_moves():
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    one, box = histogram(points, square(camera=Camera(extent=5.0)), 40)
    other, moved = histogram(points, square(camera=Camera(extent=5.0, center=(0.1, 0.0, 0.0))), 40)
    cell = (box[1] - box[0]) / one.shape[1]
    assert ((moved[0] - box[0]) / cell) == pytest.approx(round((moved[0] - box[0]) / cell), abs=1e-6)
    assert other.max() == one.max()


def test_smoothing_keeps_the_sum_and_the_place():
    counts = np.zeros((7, 7), np.float32)
    counts[3, 4] = 8.0
    soft = smooth(counts)
    assert soft.sum() == pytest.approx(8.0)
    assert soft[3, 4] == 2.0
    assert soft[3, 5] == soft[2, 4] == 1.0


def test_levels_ignore_scale_and_what_is_not_finite():
    values = np.array([[0.0, 1.0], [4.0, np.nan]])
    assert (levels(values) == levels(values * 1e6)).all()
    assert levels(values)[0, 0] == 0
    assert levels(values)[1, 1] == 0
    assert levels(values)[1, 0] == 255
    assert (levels(np.zeros((3, 3))) == 0).all()


@pytest.mark.parametrize("style", ["arrows", "streamlines"])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_fields_are_drawn_with_a_legend(render, style, theme):
    field = np.ones((8, 8, 2), np.float32) * [2.0, 0.0]
    data = PaneData(velocity=field.astype(np.float32), score=-field.astype(np.float32), field_box=(-2, 2, -2, 2))
    off = render(scene(BARE, theme=theme), data)
    on = render(scene(replace(BARE, velocity=VectorField(visible=True, style=style)), theme=theme), data)
    both = render(
        scene(replace(BARE, velocity=VectorField(visible=True, style=style), score=VectorField(visible=True, style=style)), theme=theme),
        data,
    )
    assert np.abs(on - off).max() > 40
    assert np.abs(both - on).max() > 40


def test_an_arrow_points_along_the_field(render):
    values = np.zeros((3, 3, 2), np.float32)
    for direction, axis, sign in (((1, 0), 1, 1), ((-1, 0), 1, -1), ((0, 1), 0, -1), ((0, -1), 0, 1)):
        values[:] = direction
        size = (400, 400)
        sc = scene(replace(BARE, velocity=VectorField(visible=True)), extent=2.0)
        picture = np.abs(
            render(sc, PaneData(velocity=values, field_box=(-9, 9, -9, 9)), size=size) - render(sc, PaneData(), size=size)
        ).sum(-1)
        seen = view(sc.camera, layout.Rect(0, 0, *size), layout.plot_area(layout.Rect(0, 0, *size), sc, 0, 1.0), 2)
        place = nodes(seen, (-9, 9, -9, 9), 30.0)
        x, y = min(seen.to_pixels(place), key=lambda p: np.hypot(*(p - 200)))
        around = picture[int(y) - 14 : int(y) + 15, int(x) - 14 : int(x) + 15]
        profile = (around > 60).sum(1 - axis)  # how thick the arrow is along its length
        ahead, behind = (profile[15:], profile[:14]) if sign > 0 else (profile[:14], profile[15:])
        assert ahead.max() > behind.max() + 2, direction


def test_streamlines_follow_a_vortex():
    axis = (np.arange(40) + 0.5) / 40 * 4 - 2
    x, y = np.meshgrid(axis, axis)
    lines, magnitudes = integrate(
        np.stack([-y, x], -1).astype(np.float32), (-2, 2, -2, 2), np.array([[1.0, 0.0], [0.0, 0.5]]), 1.0, 40, 0.02
    )
    assert np.linalg.norm(lines[0], axis=1) == pytest.approx(np.ones(41), abs=1e-4)
    assert lines[0, -1, 1] > 0.5
    assert magnitudes[1] == pytest.approx(np.full(41, 0.5), abs=1e-4)


def test_sample_is_exact_for_a_linear_field_inside():
    axis = (np.arange(10) + 0.5) / 10 * 2 - 1
    x, y = np.meshgrid(axis, axis)
    points = np.random.default_rng(0).uniform(-0.89, 0.89, (50, 2))
    found = sample(np.stack([2 * x - y, 3 * y], -1).astype(np.float32), (-1, 1, -1, 1), points)
    assert found == pytest.approx(np.column_stack([2 * points[:, 0] - points[:, 1], 3 * points[:, 1]]), abs=1e-5)


def test_axes_have_rules_and_words_outside_the_data(render):
    on, off = (render(scene(replace(BARE, axes=Axes(visible=visible))), PaneData(), size=(400, 300)) for visible in (True, False))
    ink = np.abs(on - off).max(-1)
    plot = layout.plot_area(layout.Rect(0, 0, 400, 300), scene(replace(BARE, axes=Axes())), 0, 1.0)
    below = ink[plot.y + plot.height + 6 : 298, plot.x : plot.x + plot.width]
    left = ink[plot.y : plot.y + plot.height, 4 : plot.x - 6]
    assert (below > 80).sum() > 20
    assert (left > 80).sum() > 20
    assert ink[plot.y + 2 : plot.y + plot.height - 2, plot.x + 3 : plot.x + plot.width].max() < 60  # only a faint grid inside


def test_ticks_follow_the_users_units(render):
    sc = scene(replace(BARE, axes=Axes()))
    plain = render(sc, PaneData(), size=(400, 300))
    other = render(
        sc, PaneData(shift=np.array([70.0, 3.4]), scale=np.array([13.0, 1.1]), axis_names=("waiting (min)", "y")), size=(400, 300)
    )
    assert np.abs(plain - other).max() > 80


def test_a_box_is_drawn_in_space(render):
    data = still([(-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)], axis_names=("a", "b", "c"))
    on, off = (render(scene(replace(BARE, axes=Axes(visible=v)), extent=3.0), data, size=(400, 400)) for v in (True, False))
    assert (np.abs(on - off).max(-1) > 25).sum() > 400


def test_points_stand_for_the_target_in_space(render):
    data = PaneData(dimension=3, target_points=np.zeros((50, 3), np.float32))
    sc = scene(replace(BARE, target=TargetLayer(opacity=1.0)))
    light = np.abs(render(sc, data) - render(sc, PaneData(dimension=3))).sum(-1)
    assert centroid(light) == pytest.approx((100, 80), abs=0.6)


def test_captions_are_in_the_header_and_panes_differ_in_nothing_else(render):
    size = (640, 400)
    one = scene(replace(BARE, particles=Particles()), panes=2, captions=True, title="")
    titled = replace(
        one, panes=(replace(one.panes[0], title="ODE · Heun", caption="50 steps", metric="W₂ 0.038 · floor 0.033"), one.panes[1])
    )
    difference = np.abs(render(one, size=size) - render(titled, size=size)).max(-1)
    pane = layout.layout(one, size)[0]
    inside = np.zeros_like(difference, bool)
    inside[pane.y : pane.y + 58, pane.x : pane.x + pane.width] = True
    assert (difference[inside] > 100).sum() > 150
    assert difference[~inside].max() == 0
    third = pane.width // 3
    assert difference[:, pane.x + 2 * third : pane.x + pane.width].max() > 100  # the metric, at the right


def test_time_is_written_and_its_knob_moves(render):
    size = (640, 300)
    a, b = (render(scene(captions=True, t=t), size=size) for t in (0.2, 0.8))
    difference = np.abs(a - b).max(-1)
    assert difference[: 300 - 46].max() == 0
    assert difference[300 - 44 :, :100].max() > 60
    knobs = [np.nonzero((p[270:285, 150:590].min(-1) > 240).any(0))[0].mean() for p in (a, b)]
    assert knobs[1] > knobs[0] + 150


def test_two_panes_share_the_camera(render):
    size, sc = (410, 200), scene(replace(BARE, particles=Particles(size=9.0)), panes=2)
    left, right = layout.layout(sc, size)
    picture = render(sc, still([(0.7, 0.4)]), still([(0.7, 0.4)]), size=size)
    a = picture[left.y + 10 : left.height - 10, left.x + 10 : left.x + left.width - 10]
    b = picture[right.y + 10 : right.height - 10, right.x + 10 : right.x + right.width - 10]
    assert (a == b).all()
    assert a.max() > 60


def test_four_times_the_pixels_is_the_same_picture(render):
    pane = Pane(title="Moons", layers=replace(BARE, particles=Particles(size=8.0), axes=Axes()))
    sc = replace(scene(captions=True), panes=(pane,))
    data = still([(0.7, 0.4), (-0.5, 0.1)])
    small, large = render(sc, data, size=(300, 240)), render(sc, data, size=(1200, 960), ratio=4.0)
    reduced = large.reshape(240, 4, 300, 4, 3).mean((1, 3))
    assert np.abs(small - reduced).mean() < 2.0
