"""Real pixels of maps and contours: the palette's colour at a value, lines where an analytic function crosses a level."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from shaders import colours, sheets
from shaders.grids import Scale, filled, refined, scale_of
from shaders.layout import Rect, plot_area
from shaders.maps import PALETTES, palette_of
from shaders.offscreen import Offscreen
from shaders.painter import Painter, grab
from shaders.scene import Camera, Contours, HeatMap, MapData, PaneData
from shaders.sheets import quads, tiles
from shaders.themes import THEMES, rgb
from shaders.view import view
from tests.shaders.conftest import BARE, scene

SIZE = (400, 320)
BOX = (-3.0, 3.0, -2.4, 2.4)


def on_grid(function, cells=(96, 120), box=BOX):
    """Values at the cells' centres, (h, w)."""
    h, w = cells
    x, y = (np.arange(w) + 0.5) / w * (box[1] - box[0]) + box[0], (np.arange(h) + 0.5) / h * (box[3] - box[2]) + box[2]
    return function(*np.meshgrid(x, y)).astype(np.float32)


def bump(x, y):
    return np.exp(-0.5 * (x**2 + y**2))


def pixel_of(sc, place, size=SIZE, ratio=1.0):
    """The pixel (column, row) in which a place of the world is."""
    rect = Rect(0, 0, *size)
    seen = view(sc.camera, rect, plot_area(rect, sc, 0, ratio), 2, ratio)
    x, y = seen.to_pixels(np.array([place]))[0]
    return int(x), int(y)


def expected(place: float, table, theme: str, opacity: float):
    """A colour of the table over the stage, 0 … 255."""
    colour = colours.look_up(table, np.array([place]))[0]
    share = (colour[3] if len(colour) == 4 else 1.0) * opacity
    return 255 * (colour[:3] * share + rgb(THEMES[theme].stage) * (1 - share))


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize(("kind", "diverging"), [("exact", False), ("velocity-error", False), ("log-ratio", True)])
def test_the_colour_at_a_place_is_the_palettes_at_its_value(render, theme, scale, kind, diverging):
    low, high = (-1.0, 1.0) if diverging else (0.002, 0.9)
    values = on_grid(lambda x, y: 0.8 * np.sin(x) * np.cos(y) if diverging else bump(x, y))
    style = HeatMap(visible=True, kind=kind, scale=scale, opacity=0.9)
    data = MapData(values, BOX, low, high, diverging=diverging)
    sc = scene(replace(BARE, map=style), extent=2.4, theme=theme)
    picture = render(sc, PaneData(map=data), size=SIZE)
    for x, y in ((-1.2, 0.4), (0.0, 0.0), (-1.9, -1.1), (0.6, -1.3), (-0.4, 1.6)):
        value = 0.8 * np.sin(x) * np.cos(y) if diverging else bump(x, y)
        if scale == "log" and not diverging:
            place = (np.log(value) - np.log(low)) / (np.log(high) - np.log(low))
        else:
            place = (value - low) / (high - low)
        column, row = pixel_of(sc, (x, y))
        near = [expected(place + d, PALETTES[palette_of(style, data)](theme == "dark"), theme, 0.9) for d in (-0.012, 0.0, 0.012)]
        slack = 1.5 + np.ptp(near, axis=0)  # half a pixel aside the value is a little different
        assert np.all(np.abs(picture[row, column] - near[1]) <= slack), (x, y)


def test_what_is_outside_the_scale_has_the_colours_of_its_ends(render):
    values = on_grid(lambda x, y: np.where(x < 0, -5.0, 7.0) + 0 * y)
    sc = scene(replace(BARE, map=HeatMap(visible=True, opacity=1.0)), extent=2.4)
    picture = render(sc, PaneData(map=MapData(values, BOX, 0.0, 1.0)), size=SIZE)
    for x, place in ((-1.5, 0.0), (0.8, 1.0)):
        column, row = pixel_of(sc, (x, -1.0))
        assert picture[row, column] == pytest.approx(expected(place, colours.density_map(True), "dark", 1.0), abs=1.5)


@pytest.mark.parametrize("ratio", [1.0, 2.0])
@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("under", [False, True])
def test_contours_pass_where_the_function_crosses_the_levels(render, ratio, scale, under):
    """Along a ray to the lower left the line's colour is at the radii where exp(-r^2 / 2) is a level."""
    low, high, lines = 0.05 if scale == "log" else 0.0, 1.0, 3
    size = (round(SIZE[0] * ratio), round(SIZE[1] * ratio))
    data = MapData(on_grid(bump), BOX, low, high)
    layers = replace(BARE, contours=Contours(visible=True, scale=scale, lines=lines, opacity=1.0))
    if under:
        layers = replace(layers, map=HeatMap(visible=True, scale=scale, opacity=1.0))
    sc = scene(layers, extent=2.4)
    picture = render(sc, PaneData(map=data, contours=data), size=size, ratio=ratio)
    table = 255 * colours.contour_map(True)
    levels = [np.exp(np.log(low) * (1 - k / 4)) if scale == "log" else k / 4 for k in (1, 2, 3)]
    wanted = {k: float(np.sqrt(-2 * np.log(level))) for k, level in zip((1, 2, 3), levels, strict=True)}
    pixel = 4.8 / plot_area(Rect(0, 0, *size), sc, 0, ratio).height
    for k, r in wanted.items():
        radius = np.linspace(r - 4 * pixel * ratio, r + 4 * pixel * ratio, 400)
        along = np.array([picture[row, column] for column, row in (pixel_of(sc, (-0.6 * q, -0.8 * q), size, ratio) for q in radius)])
        away = np.abs(along - colours.look_up(table, np.array([k / 4]))[0]).max(1)
        assert away.min() < 90, k
        assert abs(radius[away <= away.min() + 8].mean() - r) < 0.9 * pixel, k
        assert away[[0, -1]].min() > 0 if under else (along[[0, -1]] == picture[0, 0]).all(), k


def test_values_are_not_cut_into_256_steps(render):
    """All within a fiftieth of such a step, about one of its middles (1/3 = 85/255): the line is still where the level is crossed."""
    step = 1 / 256
    values = on_grid(lambda x, y: 1 / 3 + 0.02 * step * (x + 0.7) + 0 * y)
    sc = scene(replace(BARE, contours=Contours(visible=True, lines=2, opacity=1.0)), extent=2.4)
    picture = render(sc, PaneData(contours=MapData(values, BOX, 0.0, 1.0)), size=SIZE)
    column, row = pixel_of(sc, (-0.7, -1.0))
    light = np.abs(picture[row] - picture[row, 5]).sum(-1)[:200]
    assert abs(int(light.argmax()) - column) <= 1
    assert (light > 20).sum() <= 5


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_where_nothing_is_known_there_is_the_stage(render, theme):
    values = on_grid(lambda x, y: np.where((x < -0.5) & (y > 0.3), np.nan, 0.8))
    layers = replace(BARE, map=HeatMap(visible=True, opacity=1.0), contours=Contours(visible=True, lines=4))
    sc = scene(layers, extent=2.4, theme=theme)
    data = MapData(values, BOX, 0.0, 1.0)
    picture = render(sc, PaneData(map=data, contours=data), size=SIZE)
    stage = np.round(255 * rgb(THEMES[theme].stage))
    for place in ((-1.5, 1.2), (-0.6, 0.45), (-2.5, 2.0)):
        column, row = pixel_of(sc, place)
        assert (picture[row, column] == stage).all()
    for place in ((-1.5, 0.1), (-0.35, 1.2)):
        column, row = pixel_of(sc, place)
        assert picture[row, column] == pytest.approx(expected(0.8, colours.density_map(theme == "dark"), theme, 1.0), abs=1.5)


def test_a_map_of_nothing_known_draws_nothing(render):
    data = MapData(np.full((20, 20), np.nan, np.float32), BOX, 0.0, 1.0)
    sc = scene(replace(BARE, map=HeatMap(visible=True)), extent=2.4)
    picture = render(sc, PaneData(map=data), size=SIZE)
    assert (picture[:, :280] == np.round(255 * rgb(THEMES["dark"].stage))).all()


def test_no_density_is_the_stage(render):
    sc = scene(replace(BARE, map=HeatMap(visible=True, opacity=1.0)), extent=2.4)
    picture = render(sc, PaneData(map=MapData(np.zeros((96, 120), np.float32), BOX, 0.0, 1.0)), size=SIZE)
    assert (picture[:, :280] == np.round(255 * rgb(THEMES["dark"].stage))).all()


def test_only_parts_with_something_in_them_are_drawn_and_none_is_missed(render, monkeypatch):
    """The picture is the same as with everything drawn, also where lines are near the edge of a part."""
    rng = np.random.default_rng(5)
    waves = rng.normal(size=(12, 3))
    data = MapData(on_grid(lambda x, y: sum(np.sin(2 * a * x + 2 * b * y + 6 * c) for a, b, c in waves) / 12), BOX, 0.1, 0.5)
    layers = replace(BARE, map=HeatMap(visible=True), contours=Contours(visible=True, lines=6))
    for camera in (Camera(extent=2.4), Camera(extent=0.4), Camera(extent=40.0)):
        sc = scene(layers, camera=camera)
        parts = render(sc, PaneData(map=data, contours=data), size=SIZE)
        with monkeypatch.context() as patch:
            patch.setattr("shaders.maps.TILE", 0)
            whole = render(sc, PaneData(map=data, contours=data), size=SIZE)
        assert np.abs(parts - whole).max() <= 1  # the last bit of a place within a triangle
        only = replace(layers, map=HeatMap())
        lines = render(scene(only, camera=camera), PaneData(contours=data), size=SIZE)
        with monkeypatch.context() as patch:
            patch.setattr("shaders.maps.TILE", 0)
            assert np.abs(lines - render(scene(only, camera=camera), PaneData(contours=data), size=SIZE)).max() <= 1


def test_map_and_contours_at_once_look_as_one_after_the_other(render):
    data = MapData(on_grid(bump), BOX, 0.0, 1.0)
    twin = MapData(data.values, BOX, 0.0, 1.0)
    sc = scene(replace(BARE, map=HeatMap(visible=True, opacity=0.8), contours=Contours(visible=True, opacity=0.7)), extent=2.4)
    once, twice = render(sc, PaneData(map=data, contours=data), size=SIZE), render(sc, PaneData(map=data, contours=twin), size=SIZE)
    assert np.abs(once - twice).max() <= 2


def test_without_float_textures_the_colours_are_the_same(offscreen, monkeypatch):
    data = MapData(on_grid(bump), BOX, 0.002, 0.9)
    sc = scene(replace(BARE, map=HeatMap(visible=True, scale="log"), contours=Contours(visible=True, lines=2)), extent=2.4)
    pane = [PaneData(map=data, contours=data)]
    one = offscreen.render(sc, pane, 1.0, SIZE).astype(int)
    monkeypatch.setattr(sheets, "float_textures", lambda: False)
    other = grab(Painter(), sc, pane, SIZE).astype(int)
    assert np.abs(one - other).mean() < 1.0
    assert np.quantile(np.abs(one - other), 0.99) < 8


def test_200_changing_maps_leave_no_textures_behind(offscreen):
    """What vispy holds on the card is counted: neither textures nor buffers grow once a few maps have been shown."""
    layers = replace(BARE, map=HeatMap(visible=True), contours=Contours(visible=True, scale="log"))
    sc = scene(layers, panes=2, extent=2.4)
    counts, kept = [], []
    base = on_grid(bump)
    hole = base.copy()
    hole[:20, :20] = np.nan
    for k in range(200):
        maps = [MapData(values, BOX, 1e-3 * (1 + k), 1.0 + 0.01 * k, name=f"p_{k}") for values in (base, hole)]
        offscreen.render(sc, [PaneData(map=data, contours=data) for data in maps], 1.0, SIZE)
        counts.append(len(offscreen._canvas.context.shared.parser._objects))
        kept.append(offscreen.painter._truths.textures)
    assert max(kept[20:]) <= max(kept[:20])
    assert max(counts[40:]) <= max(counts[:40])
    offscreen.render(sc, [PaneData(), PaneData()], 1.0, SIZE)
    assert offscreen.painter._truths.textures <= sheets.SPARE


def test_a_map_that_stands_still_is_written_once(offscreen, monkeypatch):
    calls = []
    true = sheets.tiles
    monkeypatch.setattr(sheets, "tiles", lambda places: (calls.append(1), true(places))[1])
    sc = scene(replace(BARE, map=HeatMap(visible=True)), extent=2.4)
    pane = [PaneData(map=MapData(on_grid(bump), BOX, 0.0, 1.0))]
    for t in (0.0, 0.3, 0.6):
        offscreen.render(replace(sc, t=t), pane, 1.0, SIZE)
    assert len(calls) == 1


def test_in_space_none_of_it_is_drawn(render):
    data = MapData(on_grid(bump), BOX, 0.0, 1.0)
    layers = replace(BARE, map=HeatMap(visible=True), contours=Contours(visible=True))
    flat = PaneData(dimension=3)
    assert (render(scene(layers), replace_data(flat, map=data, contours=data)) == render(scene(BARE), flat)).all()


def replace_data(data: PaneData, **changes: object) -> PaneData:
    from dataclasses import replace as changed

    return changed(data, **changes)


def test_the_same_map_gives_the_same_bytes():
    data = MapData(on_grid(bump), BOX, 1e-6, 1.0, "p_t, exact", "per unit²")
    sc = scene(replace(BARE, map=HeatMap(visible=True, scale="log"), contours=Contours(visible=True)), extent=2.4)
    pictures = []
    for _ in range(2):
        with Offscreen(SIZE) as off:
            pictures.append(off.render(sc, [PaneData(map=data, contours=data)]).tobytes())
    assert pictures[0] == pictures[1]


def test_a_finer_grid_keeps_the_centres_and_straight_slopes():
    values = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    assert (refined(values)[1::3, 1::3] == values).all()
    slope = np.add.outer(np.arange(12.0), 2 * np.arange(9.0)).astype(np.float32)
    fine = refined(slope)
    assert np.diff(fine, axis=0)[7:-8] == pytest.approx(1 / 3, abs=1e-5)
    assert np.diff(fine, axis=1)[:, 7:-8] == pytest.approx(2 / 3, abs=1e-5)
    large = np.zeros((301, 4), np.float32)
    assert refined(large) is large


def test_holes_take_their_neighbours_so_that_nothing_spreads():
    places = np.full((9, 9), 0.7, np.float32)
    places[3:6, 3:6] = np.nan
    assert filled(places) == pytest.approx(np.full((9, 9), 0.7), abs=1e-6)
    assert (filled(np.full((9, 9), np.nan, np.float32)) == 0).all()


def test_places_on_a_scale():
    assert Scale(1.0, 5.0).place(np.array([1.0, 3.0, 5.0, 1e9, np.nan])) == pytest.approx([0, 0.5, 1, 2, np.nan], nan_ok=True)
    logs = Scale(1e-4, 1.0, True)
    assert logs.place(np.array([1e-4, 1e-2, 1.0, 0.0, -3.0])) == pytest.approx([0, 0.5, 1, -1, np.nan], nan_ok=True)
    assert logs.value(0.25) == pytest.approx(1e-3)


def test_a_log_scale_needs_ends_above_zero_and_no_sign():
    data = MapData(np.zeros((3, 3), np.float32), BOX, 0.0, 1.0)
    assert not scale_of(data, "log").logarithmic
    assert scale_of(MapData(data.values, BOX, 1e-3, 1.0), "log").logarithmic
    assert not scale_of(MapData(data.values, BOX, -1.0, 1.0, diverging=True), "log").logarithmic
    for low, high in ((0.0, 0.0), (2.0, 2.0), (np.nan, 1.0), (0.0, np.inf), (3.0, -1.0)):
        scale = scale_of(MapData(data.values, BOX, low, high), "linear")
        assert scale.high > scale.low


def test_tiles_hold_all_that_is_near():
    places = np.zeros((51, 70), np.float32)
    places[20, 33] = 1.0
    lowest, highest = tiles(places)
    assert highest.shape == (26, 35)
    rows, columns = np.nonzero(highest)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (9, 11, 15, 17)
    assert (lowest <= 0).all()
    corners = quads(highest > 0, (51, 70))
    assert len(corners) == 3 * 6
    assert corners.min(0) == pytest.approx([30 / 70, 18 / 51])
    assert corners.max(0) == pytest.approx([36 / 70, 24 / 51])
    assert quads(np.ones((26, 35), bool), (51, 70)).max() == 1.0


def test_nothing_between_the_cells_of_a_tile_is_outside_its_bounds():
    places = np.random.default_rng(3).uniform(-1, 2, size=(40, 40)).astype(np.float32)
    lowest, highest = tiles(places)
    fine = refined(places).reshape(40 // sheets.TILE, 3 * sheets.TILE, 40 // sheets.TILE, -1)
    assert (fine.min((1, 3)) >= lowest).all()
    assert (fine.max((1, 3)) <= highest).all()


@pytest.mark.parametrize("dark", [True, False])
@pytest.mark.parametrize("name", ["density", "error"])
def test_maps_of_what_grows_have_even_steps_of_lightness(name, dark):
    table = PALETTES[name](dark)[:, :3].astype(np.float64)
    light = lightness(table)
    steps = np.diff(light[::16])
    assert (np.sign(steps) == (1 if dark else -1)).all()
    assert np.abs(steps).max() < 1.15 * np.abs(steps).mean()


@pytest.mark.parametrize("dark", [True, False])
def test_a_diverging_map_is_neutral_in_the_middle_and_even_on_both_sides(dark):
    table = PALETTES["diverging"](dark)[:, :3].astype(np.float64)
    light = lightness(table)
    assert light == pytest.approx(light[::-1], abs=0.02)
    middle = table[len(table) // 2]
    assert np.ptp(middle) < 0.05
    assert np.ptp(table[0]) > 0.3
    assert np.ptp(table[-1]) > 0.3
    half = light[len(light) // 2 :]
    assert (np.sign(np.diff(half[::16])) == (1 if dark else -1)).all()


def lightness(table):
    """L of OKLab."""
    linear = np.where(table <= 0.04045, table / 12.92, ((table + 0.055) / 1.055) ** 2.4)
    cones = np.array(
        [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]
    )
    return np.cbrt(linear @ cones.T) @ np.array([0.2104542553, 0.7936177850, -0.0040720468])
