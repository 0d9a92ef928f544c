"""Real pixels: where particles land, how their light adds up, how ink covers."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from shaders import layout
from shaders.colours import labels
from shaders.layout import plot_area
from shaders.particles import exposure, speed_colours
from shaders.scene import Axes, Camera, PaneData, Particles
from shaders.themes import THEMES
from shaders.view import view
from tests.shaders.conftest import BARE, centroid, moving, scene, still

SPOT = replace(BARE, particles=Particles(size=9.0, colour="plain", opacity=0.5))


def pixel_of(sc, point, size=(200, 160), dimension=2):
    pane = layout.layout(sc, size)[0]
    return view(sc.camera, pane, plot_area(pane, sc, 0, 1.0, flat=dimension == 2), dimension).to_pixels(np.array([point]))[0]


@pytest.mark.parametrize("point", [(0.0, 0.0), (1.2, -0.7), (-1.55, 1.31)])
@pytest.mark.parametrize("axes", [True, False])
def test_particle_lands_on_its_pixel(render, point, axes):
    sc = scene(replace(SPOT, axes=Axes(visible=axes)))
    lit = np.abs(render(sc, still([point])) - render(sc, PaneData())).sum(-1)
    assert centroid(lit) == pytest.approx(tuple(pixel_of(sc, point)), abs=0.2)


def test_particle_in_space_lands_on_its_pixel_and_the_nearer_one_is_larger(render):
    camera = Camera(extent=2.0, azimuth=0.0, elevation=0.0)  # the eye is on the first axis, far out
    sc = scene(SPOT, camera=camera)
    empty = render(sc, PaneData(dimension=3))
    near, far = (np.abs(render(sc, still([(x, 0.6, 0.5)])) - empty).sum(-1) for x in (1.5, -1.5))
    assert centroid(near) == pytest.approx(tuple(pixel_of(sc, (1.5, 0.6, 0.5), dimension=3)), abs=0.3)
    assert (near > 0).sum() > (far > 0).sum()
    assert near.sum() > 1.2 * far.sum()


def test_half_way_between_two_stored_frames(render):
    data = moving([(-1.0, 0.0)], [(1.0, 0.5)], frames=2)
    sc = scene(SPOT, t=0.25)
    lit = np.abs(render(sc, data) - render(sc, PaneData())).sum(-1)
    assert centroid(lit) == pytest.approx(tuple(pixel_of(sc, (-0.5, 0.125))), abs=0.2)


@pytest.mark.parametrize("dark", [True, False])
def test_particles_wear_the_colour_of_their_label(render, dark):
    sc = replace(scene(replace(SPOT, particles=Particles(size=20.0, colour="label", opacity=1.0))), theme="dark" if dark else "light")
    points = [(-1.0, 0.0), (1.0, 0.0)]
    shown = render(sc, still(points, labels=np.array([4, 6], dtype=np.int32)))
    empty = render(sc, PaneData())
    table = labels(THEMES[sc.theme])
    for point, k in zip(points, (4, 6), strict=True):
        x, y = np.rint(pixel_of(sc, point)).astype(int)
        seen = (shown[y, x].astype(float) - empty[y, x])[:3]
        wanted = table[k] * 255 - empty[y, x][:3]
        assert seen @ wanted > 0.9 * np.linalg.norm(seen) * np.linalg.norm(wanted)
    # without labels all are alike
    plain = render(
        replace(sc, panes=(replace(sc.panes[0], layers=replace(SPOT, particles=Particles(size=20.0, colour="plain", opacity=1.0))),)),
        still(points),
    )
    assert np.array_equal(render(sc, still(points)), plain)


def test_light_adds_up_in_any_order(render):
    rng = np.random.default_rng(0)
    points = [tuple(p) for p in rng.normal(scale=0.25, size=(40, 2))]
    region = rng.integers(0, 8, 40).astype(np.int32)
    order = rng.permutation(40)
    sc = scene(replace(SPOT, particles=Particles(size=12.0, colour="region", opacity=0.3)))
    one = render(sc, still(points, region=region))
    other = render(sc, still([points[i] for i in order], region=region[order]))
    assert np.abs(one - other).max() <= 4  # rounding to 8 bits at each of at most 40 sums
    assert (one.max(-1) > 100).any()


def test_two_particles_are_brighter_than_one(render):
    one, two = (render(scene(SPOT), still([(0.0, 0.0)] * k)).sum() for k in (1, 2))
    assert two > one


def test_ink_on_light_darkens(render):
    sc = scene(SPOT, theme="light")
    difference = render(sc, still([(0.0, 0.0)])) - render(sc, PaneData())
    assert difference.min() < -40
    assert difference.max() <= 0


def test_same_scene_twice_is_the_same_to_the_last_bit(render, offscreen):
    rng = np.random.default_rng(1)
    data = moving(list(rng.normal(size=(500, 2))), list(rng.normal(size=(500, 2))))
    layers = replace(BARE, particles=Particles(), trails=replace(BARE.trails, visible=True), axes=Axes())
    first = offscreen.render(scene(layers, t=0.61, captions=True), [data])
    render(scene(layers, t=0.2), still([(0.0, 0.0)]))
    copy = PaneData(times=data.times.copy(), positions=data.positions.copy())
    assert (offscreen.render(scene(layers, t=0.61, captions=True), [copy]) == first).all()


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_there_is_drawn_as_nothing(render, d, theme):
    layers = replace(
        BARE, particles=Particles(), trails=replace(BARE.trails, visible=True), histogram=replace(BARE.histogram, visible=True)
    )
    empty = render(scene(layers, theme=theme), PaneData(dimension=d))
    none = PaneData(dimension=d, times=np.array([0.0]), positions=np.zeros((1, 0, d), np.float32), target=np.zeros((0, 0), np.float32))
    assert (render(scene(layers, theme=theme), none) == empty).all()
    assert len(np.unique(empty.reshape(-1, 3), axis=0)) == 1


def test_particles_that_are_not_numbers_are_not_drawn(render):
    sc = scene(replace(SPOT, trails=replace(BARE.trails, visible=True)))
    good, bad = [(0.5, 0.5)], [(0.5, 0.5), (np.nan, 0.0), (np.inf, 1.0)]
    lit = np.abs(render(sc, still(bad)) - render(sc, PaneData())).sum(-1)
    assert centroid(lit) == pytest.approx(tuple(pixel_of(sc, good[0])), abs=0.3)


def test_exposure_falls_with_the_number_and_not_with_the_size_of_the_picture():
    sc = scene(SPOT)
    small, large = (view(sc.camera, layout.Rect(0, 0, s, s), layout.Rect(0, 0, s, s), 2, r) for s, r in ((400, 1.0), (1600, 4.0)))
    assert exposure(small, 4.0, 10) > 0.99
    assert exposure(small, 4.0, 100_000) < 0.5 * exposure(small, 4.0, 1000)
    assert exposure(small, 4.0, 5000) == pytest.approx(exposure(large, 4.0, 5000))


def test_faster_is_another_colour_and_standing_still_is_the_slowest():
    data = moving([(0.0, 0.0), (0.0, 0.0), (0.0, 0.0)], [(0.0, 0.0), (0.5, 0.0), (2.0, 0.0)])
    slow, middle, fast = (tuple(c) for c in speed_colours(data, 3, THEMES["dark"]))
    assert len({slow, middle, fast}) == 3
    assert sum(slow) < sum(fast)
