"""Legends of maps: where they are, what numbers they have, and that nothing of them is cut off."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from msgspec.structs import replace

from shaders import layout
from shaders.fonts import width
from shaders.grids import Scale
from shaders.legends import Entry, legends, linear_ticks, log_ticks, power, significant
from shaders.scene import Axes, Contours, FlowLines, FlowMap, HeatMap, Layers, MapData, Pane, PaneData, Scene
from shaders.text import Label
from shaders.themes import THEMES
from shaders.truths import entries, level_marks
from shaders.view import view
from tests.shaders.conftest import BARE, scene

DARK = THEMES["dark"]
MARKS = level_marks(7, DARK)
LONG = "p_t, model (change of variables)"
ENTRIES = (
    Entry(Scale(0.0, 0.437), "p_t, exact", "per unit²", "density", marks=MARKS),
    Entry(Scale(1e-9, 1.3e-2, True), LONG, "per (min · cm)", marks=MARKS, numbered_marks=True),
    Entry(Scale(-3.0, 3.0), "log det J", "nats", "stretch", above="stretched", below="squeezed"),
)


def seen(width_px, height_px, ratio=1.0):
    sc = Scene(panes=(Pane(layers=replace(BARE, axes=Axes())),))
    rect = layout.Rect(0, 0, width_px, height_px)
    return view(sc.camera, rect, layout.plot_area(rect, sc, 0, ratio), 2, ratio)


def rows_of(pane, count):
    """The words of legends of fields, as the painter places them."""
    ratio = pane.pixel_ratio
    x, y = pane.plot.x + pane.plot.width - 26 * ratio, pane.plot.y + pane.plot.height - 14 * ratio
    return [
        Label(f"velocity {k}.5", x, y - 18 * k * ratio, (1.0, 1.0, 1.0, 1.0), 11 * ratio, across="right", down="middle")
        for k in range(count)
    ]


@pytest.mark.parametrize("size", [(640, 500), (475, 130), (330, 180), (410, 240), (250, 400), (1900, 1000), (160, 110), (60, 40)])
@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_nothing_of_a_legend_leaves_its_pane_nor_covers_the_others(size, ratio, rows, count):
    pane = seen(round(size[0] * ratio), round(size[1] * ratio), ratio)
    others = rows_of(pane, rows)
    found = legends(pane, DARK, ENTRIES[:count], others)
    bottom = pane.plot.y + pane.plot.height
    for box in found.behind:
        assert pane.plot.x <= box.x
        assert box.x + box.width <= pane.pane.x + pane.pane.width
        assert pane.plot.y <= box.y
        assert box.y + box.height <= bottom
        for label in others:
            left = label.x - width(label.text, label.weight, label.pixels) - 6 * ratio
            assert box.x + box.width <= left or box.y + box.height <= label.y - 9 * ratio
    for one, other in itertools.combinations(found.behind, 2):
        apart = other.x + other.width <= one.x or one.x + one.width <= other.x
        assert apart or other.y + other.height <= one.y + 1e-6 or one.y + one.height <= other.y + 1e-6
    for label in found.labels:
        x = label.x - width(label.text, label.weight, label.pixels)
        assert any(
            box.x <= x and label.x <= box.x + box.width and box.y <= label.y - 5 <= label.y + 5 <= box.y + box.height
            for box in found.behind
        )
    for bar in found.bars:
        assert bar.box[2] - bar.box[3] >= 15 * ratio
    if size[0] > 300:
        assert found.columns == count
        assert size[1] < 300 or all("…" not in label.text for label in found.labels)
        assert all("…" not in label.text or label.text[0].isalpha() for label in found.labels)


def test_numbers_do_not_touch_each_other():
    for size in ((640, 500), (410, 240), (330, 180)):
        found = legends(seen(*size), DARK, ENTRIES, rows_of(seen(*size), 2))
        by_column: dict[float, list[float]] = {}
        for label in found.labels:
            by_column.setdefault(round(label.x), []).append(label.y)
        for rows in by_column.values():
            assert np.diff(np.sort(rows)).min(initial=99) > 10


def test_in_a_narrow_pane_a_bar_is_shorter_and_has_fewer_numbers():
    large, small = (legends(seen(*size), DARK, ENTRIES[:1]) for size in ((640, 500), (300, 130)))
    assert large.bars[0].box[2] - large.bars[0].box[3] > 1.3 * (small.bars[0].box[2] - small.bars[0].box[3])
    assert len(large.labels) > len(small.labels) >= 3


def test_the_numbers_are_where_their_values_are():
    for scale in (Scale(0.0, 0.437), Scale(-2.0, 2.0), Scale(13.0, 14.1)):
        for text, place in linear_ticks(scale, 6):
            assert scale.value(place) == pytest.approx(float(text.replace("−", "-")), abs=1e-9)
    for text, place in log_ticks(Scale(0.003, 0.7, True), 12):
        assert Scale(0.003, 0.7, True).value(place) == pytest.approx(float(text), rel=0.01)


def test_log_ticks_are_powers_of_ten_with_2_and_5_where_there_is_room():
    assert [text for text, _ in log_ticks(Scale(1e-6, 0.8, True), 6)] == ["10⁻⁶", "10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1"]
    assert [text for text, _ in log_ticks(Scale(1e-30, 1.0, True), 5)] == ["10⁻²⁸", "10⁻²¹", "10⁻¹⁴", "10⁻⁷", "1"]
    assert [text for text, _ in log_ticks(Scale(0.04, 3.0, True), 9)] == ["0.050", "0.1", "0.20", "0.50", "1", "2.0"]
    assert all(0 <= place <= 1 for _, place in log_ticks(Scale(0.04, 3.0, True), 9))


@pytest.mark.parametrize("scale", [Scale(0.31, 0.33, True), Scale(2.0, 2.002), Scale(3.1, 3.9, True), Scale(0.0, 1e-9), Scale(-1e7, 2e7)])
def test_there_are_always_two_numbers_at_least(scale):
    found = legends(seen(640, 500), DARK, (Entry(scale, "", palette="density"),))
    assert len(found.labels) >= 2


def test_numbers_in_words():
    assert [power(k) for k in (-7, -3, 0, 3, 12)] == ["10⁻⁷", "0.001", "1", "1000", "10¹²"]
    assert [significant(v) for v in (0.0, 0.0123, 3.456, 120.0, 2.5e-7, -0.5, 99999.0)] == [
        "0",
        "0.012",
        "3.5",
        "120",
        "2.5·10⁻⁷",
        "−0.50",
        "1.0·10⁵",
    ]


def test_contours_on_the_maps_scale_are_marks_on_its_bar_and_others_have_a_bar_of_their_own():
    values = np.zeros((4, 4), np.float32)
    box = (-1.0, 1.0, -1.0, 1.0)
    exact, twin = (MapData(values, box, 0.0, 1.0, "p_t, exact", "per unit²") for _ in range(2))
    other = MapData(values, box, 0.0, 2.0, "p_t, model", "per unit²")
    layers = Layers(map=HeatMap(visible=True), contours=Contours(visible=True, lines=3))
    same = entries(layers, PaneData(map=exact, contours=twin), DARK)
    assert [len(entry.marks) for entry in same] == [3]
    assert [mark.place for mark in same[0].marks] == [0.25, 0.5, 0.75]
    apart = entries(layers, PaneData(map=exact, contours=other), DARK)
    assert [(entry.name, len(entry.marks), entry.palette) for entry in apart] == [("p_t, exact", 0, "density"), ("p_t, model", 3, "")]
    assert [label.text for label in legends(seen(640, 500), DARK, apart[1:]).labels][2:] == ["0.50", "1.0", "1.5"]
    alone = entries(replace(layers, map=HeatMap()), PaneData(map=exact, contours=other), DARK)
    assert [entry.name for entry in alone] == ["p_t, model"]
    assert entries(Layers(), PaneData(map=exact, contours=other), DARK) == ()


def test_the_flow_map_says_what_its_ends_are():
    lines = FlowLines(np.zeros((3, 4, 2), np.float32), np.zeros((3, 4), np.float32), 2.0)
    said = entries(Layers(flow_map=FlowMap(visible=True)), PaneData(flow_lines=lines), DARK)
    words = {label.text: label.y for label in legends(seen(640, 500), DARK, said).labels}
    assert {"log det J", "nats", "stretched", "squeezed", "2.0", "−2.0", "0"} <= set(words)
    assert words["stretched"] < words["2.0"] < words["0"] < words["−2.0"] < words["squeezed"]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_legend_is_drawn_inside_its_pane_only(render, theme):
    size = (1280, 800)
    values = np.full((8, 8), np.nan, np.float32)
    data = PaneData(map=MapData(values, (-1.0, 1.0, -1.0, 1.0), 0.0, 0.43, "p_t, exact", "per unit²"))
    bare = scene(BARE, panes=4, theme=theme)
    shown = replace(bare, panes=(replace(bare.panes[0], layers=replace(BARE, map=HeatMap(visible=True))), *bare.panes[1:]))
    change = np.abs(render(shown, *[data] * 4, size=size) - render(bare, *[data] * 4, size=size)).max(-1)
    pane = layout.layout(bare, size)[0]
    rows, columns = np.nonzero(change)
    assert columns.min() > pane.x + 0.7 * pane.width
    assert columns.max() < pane.x + pane.width - 2
    assert rows.min() > pane.y + 2
    assert rows.max() < pane.y + pane.height - 2
    assert (change > 100).sum() > 500
