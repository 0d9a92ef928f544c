"""The camera, the layout, numbers and colours: no OpenGL here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shaders import colours, numbers
from shaders.layout import Rect, layout, plot_area
from shaders.scene import Camera, Pane, PaneData, Scene
from shaders.themes import THEMES, contrast
from shaders.trajectory import moment, positions_at
from shaders.view import axes_of, frame_camera, view
from tests.shaders.conftest import moving, still

finite = st.floats(-50, 50)


@given(
    x=st.floats(0, 900),
    y=st.floats(0, 700),
    center=st.tuples(finite, finite, finite),
    extent=st.floats(0.01, 100),
    azimuth=st.floats(-360, 360),
    elevation=st.floats(-89, 89),
    dimension=st.sampled_from([2, 3]),
    ratio=st.sampled_from([1.0, 1.5, 2.0]),
)
def test_to_world_and_back(x, y, center, extent, azimuth, elevation, dimension, ratio):
    camera = Camera(center=center, extent=extent, azimuth=azimuth, elevation=elevation)
    seen = view(camera, Rect(10, 20, 900, 700), Rect(60, 40, 800, 610), dimension, ratio)
    world = seen.to_world(x, y)
    assert world.shape == (dimension,)
    assert seen.to_pixels(world[None])[0] == pytest.approx([x, y], abs=1e-5 * (1 + max(map(abs, center)) / extent))


def test_the_plot_shows_twice_the_extent():
    seen = view(Camera(extent=2.5, center=(1.0, -1.0, 0.0)), Rect(0, 0, 500, 400), Rect(50, 20, 430, 350), 2)
    assert seen.to_world(265, 20)[1] - seen.to_world(265, 370)[1] == pytest.approx(5.0)
    assert seen.to_world(265, 195) == pytest.approx([1.0, -1.0])
    left, right, low, high = seen.visible()
    assert (right - left) / (high - low) == pytest.approx(500 / 400)  # equal axes


def test_the_third_axis_points_up_and_the_eye_orbits():
    for azimuth in (0.0, 77.0, 200.0):
        right, up, to_eye = axes_of(Camera(azimuth=azimuth, elevation=30.0))
        assert up[2] == pytest.approx(np.cos(np.pi / 6))
        assert to_eye[2] == pytest.approx(0.5)
        assert right[2] == 0
        assert np.cross(right, up) == pytest.approx(to_eye)


@pytest.mark.parametrize(
    ("count", "size", "shape"),
    [(1, (800, 600), (1, 1)), (2, (800, 600), (2, 1)), (2, (600, 800), (1, 2)), (3, (900, 400), (3, 1)), (4, (800, 600), (2, 2))],
)
@pytest.mark.parametrize("captions", [True, False])
def test_panes_are_equal_apart_and_inside(count, size, shape, captions):
    scene = Scene(panes=(Pane(),) * count, captions=captions, title="T" if captions else "")
    rects = layout(scene, size)
    assert len(rects) == count
    assert len({(r.width, r.height) for r in rects}) == 1
    assert (len({r.x for r in rects}), len({r.y for r in rects})) == shape
    for i, a in enumerate(rects):
        assert a.x >= 0
        assert a.y >= 0
        assert a.x + a.width <= size[0]
        assert a.y + a.height <= size[1]
        for b in rects[:i]:
            assert a.x >= b.x + b.width or b.x >= a.x + a.width or a.y >= b.y + b.height or b.y >= a.y + a.height


def test_one_pane_fills_the_window():
    assert layout(Scene(panes=(Pane(),)), (640, 480)) == [Rect(0, 0, 640, 480)]
    assert layout(Scene(panes=()), (640, 480)) == []


@given(w=st.integers(1, 400), h=st.integers(1, 400), captions=st.booleans(), panes=st.integers(1, 4))
def test_even_the_smallest_picture_has_a_plot(w, h, captions, panes):
    scene = Scene(panes=(Pane(),) * panes, captions=captions)
    for i, rect in enumerate(layout(scene, (w, h))):
        plot = plot_area(rect, scene, i, 1.0)
        assert plot.width >= 1
        assert plot.height >= 1


@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("d", [2, 3])
def test_frame_camera_sees_source_and_data(aspect, d):
    rng = np.random.default_rng(0)
    data = moving(list(rng.normal(size=(300, d)) * 0.5 + 1), list(rng.normal(size=(300, d)) * 0.2 - 2))
    camera = frame_camera([data], aspect, Camera(azimuth=120.0, elevation=10.0))
    size = (int(600 * aspect), 600)
    seen = view(camera, Rect(0, 0, *size), Rect(0, 0, *size), d)
    pixels = seen.to_pixels(data.positions[[0, -1]].reshape(-1, d))
    inside = (pixels >= 0).all(1) & (pixels < size).all(1)
    assert inside.mean() > 0.95
    assert np.ptp(pixels[:, 1]) > 150 * min(1.0, aspect)
    assert (camera.azimuth, camera.elevation) == (120.0, 10.0)


def test_frame_camera_of_nothing_and_of_one_point():
    assert frame_camera([]).extent == 3.0
    assert frame_camera([PaneData()]).extent == 3.0
    assert frame_camera([still([(2.0, 3.0)])]).center[:2] == (2.0, 3.0)


@given(low=st.floats(-1e5, 1e5), span=st.floats(1e-3, 1e5), most=st.integers(2, 12))
def test_ticks_are_few_round_and_inside(low, span, most):
    high = low + span
    values = numbers.ticks(low, high, most)
    size = numbers.step(low, high, most)
    assert 1 <= len(values) + 1 <= most + 2
    assert (values >= low - 1e-6 * size).all()
    assert (values <= high + 1e-6 * size).all()
    assert values / size == pytest.approx(np.round(values / size))
    texts = [numbers.written(float(v), size) for v in values]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("value", "size", "text"),
    [
        (0.5, 0.5, "0.5"),
        (-1.0, 1.0, "−1"),
        (-1e-18, 0.2, "0"),
        (2.0, 0.5, "2.0"),
        (1500.0, 500.0, "1500"),
        (2e7, 1e7, "2·10⁷"),
        (-3e-6, 1e-6, "−3·10⁻⁶"),
    ],
)
def test_ticks_are_written_as_one_writes_them(value, size, text):
    assert numbers.written(value, size) == text


@pytest.mark.parametrize(("value", "text"), [(5.234, "5.2"), (18.4, "18"), (0.0123, "0.012"), (0.0, "0"), (1234.0, "1200")])
def test_short_numbers(value, text):
    assert numbers.short(value) == text


@pytest.mark.parametrize("name", ["dark", "light"])
def test_text_can_be_read_on_every_ground(name):
    theme = THEMES[name]
    for ground in (theme.background, theme.panel, theme.card, theme.stage, theme.field, theme.hover):
        for text in (theme.text, theme.dim, theme.strong, theme.alpha, theme.beta, theme.sigma, theme.good, theme.warning, theme.danger):
            assert contrast(text, ground) >= 4.5, (text, ground)
    assert contrast(theme.on_accent, theme.accent) >= 4.5
    assert contrast(theme.strong, theme.selected) >= 4.5
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)


@pytest.mark.parametrize("dark", [True, False])
def test_the_wheel_has_one_lightness_and_no_seam(dark):
    wheel = colours.wheel(dark).astype(float)
    linear = np.where(wheel <= 0.04045, wheel / 12.92, ((wheel + 0.055) / 1.055) ** 2.4)
    lms = np.cbrt(
        linear
        @ np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        ).T
    )
    lightness = lms @ np.array([0.2104542553, 0.7936177850, -0.0040720468])
    assert np.ptp(lightness) < 0.01
    steps = np.abs(np.diff(np.vstack([wheel, wheel[:1]]), axis=0)).max(1)
    assert steps.max() < 0.08


def test_angles_go_around_the_mean():
    points = np.array([[11.0, 5.0], [10.0, 6.0], [9.0, 5.0], [10.0, 4.0]])
    wheel = colours.wheel(True)
    assert colours.angle_colours(points, True) == pytest.approx(wheel[[0, 64, 128, 192]])
    assert colours.angle_colours(np.zeros((0, 2)), True).shape == (0, 3)


def test_regions_are_eight_different_colours():
    for theme in THEMES.values():
        assert len({tuple(c) for c in colours.regions(theme)}) == 8


def test_moments():
    times = np.array([0.1, 0.2, 0.6])
    assert moment(times, 0.0) == (0, 0, 0.0)
    assert moment(times, 0.3)[:2] == (1, 2)
    assert moment(times, 0.3).between == pytest.approx(0.25)
    assert moment(times, 0.6) == moment(times, 1.0) == (2, 2, 0.0)
    assert positions_at(moving([(0.0, 0.0)], [(1.0, 2.0)], 3), 0.25) == pytest.approx(np.array([[0.25, 0.5]]))
    assert positions_at(PaneData(), 0.5).shape == (0, 2)
