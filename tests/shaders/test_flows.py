"""Real pixels of the flow map and of the paths through the pointer."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from shaders.flows import whole
from shaders.layout import Rect, plot_area
from shaders.scene import FlowLines, FlowMap, PaneData, Probe, Probed
from shaders.view import view
from tests.shaders.conftest import BARE, scene

SIZE = (400, 320)
FLOW = replace(BARE, flow_map=FlowMap(visible=True, opacity=1.0))
PROBE = replace(BARE, probe=Probe(visible=True))


def pixel_of(sc, *place):
    rect = Rect(0, 0, *SIZE)
    x, y = view(sc.camera, rect, plot_area(rect, sc, 0, 1.0), 2).to_pixels(np.array([place]))[0]
    return int(x), int(y)


def around(picture, sc, *place, reach=2):
    column, row = pixel_of(sc, *place)
    return picture[row - reach : row + reach + 1, column - reach : column + reach + 1].reshape(-1, 3)


def level(y: float, stretch: float, n: int = 9) -> FlowLines:
    x = np.linspace(-1.5, 1.5, n)
    return FlowLines(np.stack([x, np.full(n, y)], -1)[None].astype(np.float32), np.full((1, n), stretch, np.float32), 2.0)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_squeezed_is_blue_and_stretched_is_orange(render, theme):
    sc = scene(FLOW, theme=theme)
    empty = render(scene(BARE, theme=theme), PaneData(), size=SIZE)
    for stretch, sign in ((-2.0, -1), (2.0, 1), (0.0, 0)):
        picture = render(sc, PaneData(flow_lines=level(0.4, stretch)), size=SIZE)
        patch = around(picture, sc, -0.5, 0.4)
        change = np.abs(patch - around(empty, sc, -0.5, 0.4)).sum(-1)
        red, _, blue = patch[change.argmax()]
        assert change.max() > 60
        assert (sign == 0 and abs(red - blue) < 25) or sign * (red - blue) > 60


def test_a_line_is_broken_where_the_flow_is_not_finite(render):
    lines = level(0.4, 2.0, n=31)
    lines.points[0, 12:18] = np.nan
    sc = scene(FLOW)
    picture = render(sc, PaneData(flow_lines=lines), size=SIZE)
    stage = picture[2, 2]
    assert np.abs(around(picture, sc, -1.0, 0.4) - stage).max() > 60
    assert np.abs(around(picture, sc, 0.0, 0.4) - stage).max() == 0
    assert np.abs(around(picture, sc, 1.0, 0.4) - stage).max() > 60
    everything = np.abs(picture[:, :280] - stage).max(-1) > 20
    assert np.ptp(np.nonzero(everything)[0]) < 5  # no spike to a far place


def test_whole_lines_stay_as_they_are_and_broken_ones_stay_near():
    points = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    kept, there = whole(points)
    assert (kept[..., :2] == points).all()
    assert there.all()
    points[0, 0], points[1] = np.nan, np.inf
    kept, there = whole(points)
    assert (kept[0, 0, :2] == points[0, 1]).all()
    assert np.isfinite(kept).all()
    assert there.sum() == 8
    points[2, 2] = np.nan
    assert list(whole(points)[1][2]) == [True, True, False, False, True]


def paths(**rest: object) -> Probed:
    t = np.linspace(0.0, 1.0, 20)[:, None]
    point = np.array([0.2, 0.1])
    backward = np.array([-1.2, 1.0]) * (1 - t) + point * t
    forward = point * (1 - t) + np.array([1.2, 0.6]) * t
    return Probed((0.2, 0.1), backward.astype(np.float32), forward.astype(np.float32), **rest)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_paths_have_two_colours_a_ring_and_marks_at_their_ends(render, theme):
    sc = scene(PROBE, theme=theme)
    picture, empty = render(sc, PaneData(probed=paths()), size=SIZE), render(sc, PaneData(), size=SIZE)
    for place, sign in (((-0.5, 0.55), -1), ((0.7, 0.35), 1)):  # blue from the source, orange to the data
        patch, before = around(picture, sc, *place), around(empty, sc, *place)
        red, _, blue = patch[np.abs(patch - before).sum(-1).argmax()]
        assert sign * (red - blue) > 50
    change = np.abs(picture - empty).max(-1)
    column, row = pixel_of(sc, 0.2, 0.1)
    assert change[row - 7 : row + 8, column - 7 : column + 8].max() > 150
    source, data = (around(picture, sc, *end, reach=1) for end in ((-1.2, 1.0), (1.2, 0.6)))
    assert np.abs(source - empty[2, 2]).mean() < 40  # hollow
    assert np.abs(data - empty[2, 2]).max(-1).min() > 60  # full


def test_the_arrow_points_along_the_velocity_and_is_longer_for_a_larger_one(render):
    sc = scene(PROBE)
    without = render(sc, PaneData(probed=paths()), size=SIZE)
    columns, rows = {}, {}
    x, y = pixel_of(sc, 0.2, 0.1)
    for name, arrow in {"left": (-1.5, 0.0), "far left": (-3.0, 0.0), "down": (0.0, -1.5)}.items():
        change = np.abs(render(sc, PaneData(probed=paths(arrow=arrow)), size=SIZE) - without).max(-1) > 30
        rows[name], columns[name] = np.nonzero(change)
    assert columns["left"].max() < x
    assert columns["far left"].min() < columns["left"].min() - 20
    assert abs(rows["left"].mean() - y) < 1.5
    assert rows["down"].min() > y
    assert abs(columns["down"].mean() - x) < 1.5


def test_conditional_paths_are_clearer_the_more_they_count(render):
    ends = np.array([[0.8, -1.0], [-0.6, -1.0]])
    t = np.linspace(0.0, 1.0, 12)[:, None]
    fan = np.stack([np.array([0.2, 0.1]) * (1 - t) + end * t for end in ends]).astype(np.float32)
    sc = scene(PROBE)
    without = render(sc, PaneData(probed=paths()), size=SIZE)
    picture = render(sc, PaneData(probed=paths(conditional=fan, weights=np.array([0.8, 0.1], np.float32))), size=SIZE)
    change = np.abs(picture - without)
    heavy, light = (around(change, sc, 0.2 + 0.6 * (end[0] - 0.2), 0.1 + 0.6 * (end[1] - 0.1)).max() for end in ends)
    assert heavy > 2 * light > 0
    assert around(change, sc, *ends[0]).max() > heavy - 5  # a dot at the end


def test_paths_that_are_not_finite_or_empty_do_no_harm(render):
    none = np.zeros((0, 2), np.float32)
    bad = np.full((4, 2), np.nan, np.float32)
    for probed in (
        Probed((0.0, 0.0), none, none),
        Probed((0.0, 0.0), bad, bad, bad[None], np.array([np.nan], np.float32), (np.nan, 0.0)),
        Probed((0.0, 0.0), none, none, np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32), (0.0, 0.0)),
    ):
        picture = render(scene(PROBE), PaneData(probed=probed), size=SIZE)
        assert (np.abs(picture - picture[2, 2]).max(-1) > 30).sum() < 250


def test_in_space_neither_is_drawn(render):
    layers = replace(BARE, flow_map=FlowMap(visible=True), probe=Probe(visible=True))
    data = PaneData(dimension=3, flow_lines=level(0.4, 1.0), probed=paths())
    assert (render(scene(layers), data) == render(scene(BARE), data)).all()
