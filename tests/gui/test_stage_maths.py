"""The stage's arithmetic: clock, camera, glide, regions. No window."""

from __future__ import annotations

import numpy as np
import pytest

from gui.stage import clock, glide, navigation, regions
from shaders.layout import Rect
from shaders.scene import Camera, PaneData
from shaders.view import View, view


def test_play_takes_four_seconds_at_speed_one() -> None:
    c = clock.Clock()
    c.play()
    for _ in range(40):
        c.advance(0.1)
    assert c.t == pytest.approx(1.0)


def test_once_stops_at_the_end_and_plays_again_from_the_start() -> None:
    c = clock.Clock(t=0.99, loop="once", playing=True)
    c.advance(1.0)
    c.advance(0.1)
    assert (c.t, c.playing) == (1.0, False)
    c.play()
    assert (c.t, c.playing) == (0.0, True)


def test_loop_rests_then_starts_over() -> None:
    c = clock.Clock(t=1.0, playing=True)
    assert not c.advance(clock.HOLD_SECONDS / 2)
    assert c.advance(clock.HOLD_SECONDS)
    assert c.t == 0.0


def test_ping_pong_turns_round() -> None:
    c = clock.Clock(t=1.0, playing=True, loop="ping-pong")
    c.advance(clock.HOLD_SECONDS + 0.01)
    c.advance(0.4)
    assert c.direction == -1
    assert c.t == pytest.approx(0.9)


def test_backward_runs_to_zero() -> None:
    c = clock.Clock(t=0.1, playing=True, direction=-1, loop="once")
    c.advance(3.0)
    assert c.t == 0.0


def test_a_paused_clock_stands_still() -> None:
    assert not clock.Clock(t=0.3).advance(1.0)


def seen(camera: Camera, dimension: int = 2) -> View:
    pane = Rect(0, 0, 640, 480)
    return view(camera, pane, pane.inset(46, 10, 18, 34), dimension)


def test_zoom_keeps_the_point_under_the_pointer() -> None:
    camera = Camera(center=(0.3, -0.2, 0.0), extent=2.0)
    before = seen(camera).to_world(100, 77)
    after = seen(navigation.zoomed(camera, 1.7, (before[0], before[1]))).to_world(100, 77)
    assert after == pytest.approx(before)


@pytest.mark.parametrize("dimension", [2, 3])
def test_pan_carries_the_point_under_the_pointer(dimension: int) -> None:
    camera = Camera(extent=2.0)
    before = seen(camera, dimension)
    after = seen(navigation.panned(camera, 1 / before.scale, 40, -13, dimension), dimension)
    assert after.to_world(140, 64) == pytest.approx(before.to_world(100, 77))


def test_orbit_stays_off_the_poles() -> None:
    assert navigation.orbited(Camera(), 0, 10_000).elevation == 89.0


def run(times: np.ndarray, speed: float) -> PaneData:
    start = np.arange(6, dtype=np.float32).reshape(3, 2)
    return PaneData(times=times, positions=(start[None] + speed * times[:, None, None]).astype(np.float32))


def test_glide_ends_at_the_new_and_starts_at_the_old_result() -> None:
    old, new = run(np.linspace(0, 1, 11), 1.0), run(np.linspace(0, 1, 41), 3.0)
    t = 0.625
    for fraction, speed in ((0.0, 1.0), (1.0, 3.0), (0.5, 2.0)):
        mixed = glide.blended(old, new, glide.eased(fraction), t, trail=0.2)
        assert mixed.times is not None
        assert mixed.positions is not None
        here = glide.at_times(mixed.times, mixed.positions, np.array([t]))[0]
        np.testing.assert_allclose(here[0], [speed * t, 1 + speed * t], rtol=1e-5)
        assert mixed.times[0] <= t - 0.2
        assert mixed.times[-1] >= t


@pytest.mark.parametrize("t", [0.0, 1.0])
def test_glide_at_the_ends(t: float) -> None:
    mixed = glide.blended(run(np.linspace(0, 1, 5), 1.0), run(np.linspace(0, 1, 5), 2.0), 1.0, t, trail=0.1)
    assert mixed.times is not None
    assert mixed.times[0] <= t <= mixed.times[-1]


def test_other_particles_cannot_glide() -> None:
    a, b = PaneData(positions=np.zeros((2, 3, 2), np.float32)), PaneData(positions=np.zeros((2, 4, 2), np.float32))
    assert not glide.can_glide(a, b)
    assert not glide.can_glide(PaneData(), b)


def test_regions_find_eight_clusters() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    angle = 2 * np.pi * np.arange(8) / 8
    modes = 5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.repeat(modes, 50, axis=0) + 0.3 * rng.standard_normal((400, 2))
    found = regions.centres(points)
    distance = np.linalg.norm(found[:, None] - modes[None], axis=2)
    assert distance.min(axis=1).max() < 0.3
    assert len(set(regions.assigned(modes, found))) == 8


def test_regions_of_few_distinct_points_do_not_fail() -> None:
    found = regions.centres(np.array([[0.0, 0.0], [1.0, 1.0]] * 5))
    assert np.isfinite(found).all()


def test_the_camera_goes_to_its_goal_by_equal_factors_and_the_short_way_round() -> None:
    start, end = Camera(extent=1.0, azimuth=170.0), Camera(center=(2.0, 0.0, 0.0), extent=4.0, azimuth=-170.0, elevation=40.0)
    half = navigation.between(start, end, 0.5)
    assert half.extent == pytest.approx(2.0)
    assert half.center == pytest.approx((1.0, 0.0, 0.0))
    assert abs(half.azimuth) == pytest.approx(180.0)
    assert half.elevation == pytest.approx(30.0)
    assert navigation.between(start, end, 1.0) == end
