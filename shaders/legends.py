"""Legends of maps, contours and the flow map: slim upright bars at the right edge of the plot, with numbers, a name and a unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shaders.fonts import elide, width
from shaders.grids import Scale
from shaders.ink import Rgba, rgba
from shaders.numbers import step, ticks, written
from shaders.shapes import Shape
from shaders.text import Label
from shaders.themes import Theme
from shaders.view import View

TALLEST, SHORTEST = (168.0, 132.0, 104.0), 34.0
"""Logical pixels of a bar where there are one, two or three."""
WIDEST, WIDEST_LOW = 92.0, 130.0
"""Logical pixels of a name, which has more rows if it is longer; in a low pane it has one row."""
LOW = 96.0
"""Logical pixels above other legends that are too few for a bar with its name and unit."""
ROW = 14.0
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Mark:
    """A line across the bar: a contour's level."""

    place: float
    colour: Rgba


@dataclass(frozen=True)
class Entry:
    """What one bar says."""

    scale: Scale
    name: str
    unit: str = ""
    palette: str = ""
    """Empty: no colours, only marks."""
    opacity: float = 1.0
    marks: tuple[Mark, ...] = ()
    numbered_marks: bool = False
    """Whether the numbers stand at the marks instead of at round values."""
    above: str = ""
    below: str = ""
    """What the ends mean, in a word."""


@dataclass(frozen=True)
class Bar:
    """Where a palette goes: left, right, bottom, top in physical pixels, y down."""

    box: tuple[float, float, float, float]
    palette: str
    opacity: float


@dataclass(frozen=True)
class Legends:
    """What is drawn: first ``behind``, then the bars, then ``over`` and the words."""

    behind: tuple[Shape, ...] = ()
    bars: tuple[Bar, ...] = ()
    over: tuple[Shape, ...] = ()
    labels: tuple[Label, ...] = ()
    columns: int = 0


def legends(view: View, theme: Theme, entries: Sequence[Entry], others: Sequence[Label] = ()) -> Legends:
    """The bars side by side from the right. ``others``: rows of other legends at the bottom right, which stay free.

    The bars end above those rows; in a low pane they stand beside them, where that shows more.
    """
    ratio = view.pixel_ratio
    plot = view.plot
    top, bottom = plot.y + 6 * ratio, plot.y + plot.height - 8 * ratio
    left, right = plot.x + 4 * ratio, plot.x + plot.width + 8 * ratio
    if not others:
        return _side_by_side(entries, theme, ratio, (left, right, top, bottom))
    over = min(label.y for label in others) - 16 * ratio
    above = _side_by_side(entries, theme, ratio, (left, right, top, over))
    if over - top >= LOW * ratio:
        return above
    right = min(label.x - width(label.text, label.weight, label.pixels) for label in others) - 8 * ratio
    beside = _side_by_side(entries, theme, ratio, (left, right, top, bottom))
    return max(above, beside, key=lambda found: (found.columns, len(found.labels)))


def _side_by_side(entries: Sequence[Entry], theme: Theme, ratio: float, room: tuple[float, float, float, float]) -> Legends:
    """As many bars as there is room for between left, right, top and bottom."""
    left, right, top, bottom = room
    columns = 0
    behind: list[Shape] = []
    bars: list[Bar] = []
    over: list[Shape] = []
    labels: list[Label] = []
    share = min(WIDEST_LOW * ratio, (right - left) / max(1, len(entries)) - 18 * ratio)
    tallest = TALLEST[min(len(entries), len(TALLEST)) - 1] * ratio
    for entry in entries:
        column = _column(entry, theme, ratio, (left, right, top, bottom), tallest, share)
        if column is None or column[1] < left:
            continue
        found, right = column
        right -= 4 * ratio
        columns += 1
        behind += found.behind
        bars += found.bars
        over += found.over
        labels += found.labels
    return Legends(tuple(behind), tuple(bars), tuple(over), tuple(labels), columns)


def _column(
    entry: Entry, theme: Theme, ratio: float, room: tuple[float, float, float, float], tallest: float, widest_low: float
) -> tuple[Legends, float] | None:
    """One bar at the right of the room, and the pixel where it begins; None where there is no room at all."""
    left_most, right, top, bottom = room
    size, pad, thick = 11 * ratio, 7 * ratio, 9 * ratio
    inside = right - left_most - 2 * pad
    ends = int(bool(entry.above)) + int(bool(entry.below))
    space, end_row = bottom - top - 2 * pad, (ROW + 3) * ratio
    words = _head(entry, min(inside, WIDEST * ratio), size)
    rows = int((space - SHORTEST * ratio - ends * end_row) / (ROW * ratio))
    if len(words) > rows:  # low: all in one row, if any
        words = [(_one_row(entry, min(inside, widest_low), size), True)] if rows > 0 else []
    if space - ends * end_row < SHORTEST * ratio:
        ends = 0
    height = min(tallest, space - len(words) * ROW * ratio - ends * end_row)
    if height < 0.5 * SHORTEST * ratio or inside < 24 * ratio:
        return None
    numbers = _numbers(entry, max(2, int(height / (22 * ratio)) + 1), 13 * ratio / height)
    widest = max((width(text, "regular", round(size)) for text, _ in numbers), default=0.0)
    title = max((width(text, "regular", round(size)) for text, _ in words), default=0.0)
    wide = widest + 6 * ratio + thick
    if ends:
        wide = max(wide, *(width(word, "regular", round(size)) for word in (entry.above, entry.below)))
    x1 = right - pad
    y = top + pad
    labels: list[Label] = []
    for text, strong in words:
        labels.append(
            Label(text, x1, y + 0.5 * ROW * ratio, rgba(theme.text if strong else theme.dim), size, across="right", down="middle")
        )
        y += ROW * ratio
    if words:
        y += 5 * ratio
    if ends and entry.above:
        labels.append(Label(entry.above, x1, y + 0.4 * ROW * ratio, rgba(theme.dim), size, across="right", down="middle"))
        y += end_row
    foot = y + height - (5 * ratio if words else 0)
    x0 = x1 - thick
    thin = max(1.0, round(ratio))
    bar = Bar((x0, x1, foot, y), entry.palette, entry.opacity)
    over = [Shape(x0 - thin, y - thin, thick + 2 * thin, foot - y + 2 * thin, border=thin, stroke=rgba(theme.dim, 0.7))]
    for mark in entry.marks:
        at = foot - mark.place * (foot - y)
        over.append(Shape(x0, at - 0.5 * 1.3 * ratio, thick, 1.3 * ratio, mark.colour))
    for text, place in numbers:
        at = foot - place * (foot - y)
        over.append(Shape(x0 - 4 * ratio, round(at - 0.5 * thin), 3 * ratio, thin, rgba(theme.dim)))
        labels.append(Label(text, x0 - 6 * ratio, at, rgba(theme.text), size, across="right", down="middle"))
    end = foot
    if ends and entry.below:
        labels.append(Label(entry.below, x1, foot + end_row - 0.4 * ROW * ratio, rgba(theme.dim), size, across="right", down="middle"))
        end += end_row
    shade, corner, left = rgba(theme.stage, 0.88), 5 * ratio, x1 - max(wide, title) - pad
    behind = [Shape(left, top, right - left, end + pad - top, shade, radius=corner)]
    if title > wide + 16 * ratio:  # a wide title covers no more than its row
        row = (len(words) * ROW + 2) * ratio + pad
        behind = [
            Shape(left, top, right - left, row, shade, radius=corner),
            Shape(x1 - wide - pad, top + row, wide + 2 * pad, end + pad - top - row, shade, radius=corner),
        ]
    return Legends(tuple(behind), (bar,) if entry.palette else (), tuple(over), tuple(labels)), left


def _head(entry: Entry, room: float, size: float) -> list[tuple[str, bool]]:
    """The name in up to three rows and the unit below it, each with whether it is the name."""
    pixels = round(size)
    names: list[str] = []
    left = entry.name
    while left:
        row, rest = left, ""
        while len(names) < 2 and width(row, "regular", pixels) > room and " " in row:
            row, _, last = row.rpartition(" ")
            rest = f"{last} {rest}".strip()
        names.append(row)
        left = rest
    rows = [(elide(row, "regular", pixels, room), True) for row in names]
    return [*rows, (elide(entry.unit, "regular", pixels, room), False)] if entry.unit else rows


def _one_row(entry: Entry, room: float, size: float) -> str:
    """Name and unit side by side where there is room for both; else the name, and no more of it than fits."""
    pixels, both = round(size), ", ".join(filter(None, (entry.name, entry.unit)))
    return both if width(both, "regular", pixels) <= room else elide(entry.name or entry.unit, "regular", pixels, room)


def _numbers(entry: Entry, most: int, apart: float) -> list[tuple[str, float]]:
    """Numbers with their places, at least ``apart`` from each other: round ones, or those of the marks."""
    scale = entry.scale
    if entry.numbered_marks:
        keep = max(1, math.ceil(apart / (entry.marks[1].place - entry.marks[0].place))) if len(entry.marks) > 1 else 1
        middle = (len(entry.marks) - 1) // 2 % keep
        places = [mark.place for mark in entry.marks[middle::keep]]
        return [(significant(scale.value(place)), place) for place in places]
    found = log_ticks(scale, most) if scale.logarithmic else linear_ticks(scale, most)
    return found if len(found) > 1 else [(significant(scale.value(place)), place) for place in (0.0, 1.0)]


def linear_ticks(scale: Scale, most: int) -> list[tuple[str, float]]:
    """Multiples of 1, 2 or 5 · 10^k."""
    size = step(scale.low, scale.high, most)
    values = ticks(scale.low, scale.high, most)
    return [(written(float(value), size), (float(value) - scale.low) / (scale.high - scale.low)) for value in values]


def log_ticks(scale: Scale, most: int) -> list[tuple[str, float]]:
    """Powers of ten, each, every second …; with 2 and 5 between them where there is room."""
    low, high = math.log10(scale.low), math.log10(scale.high)
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    every = max(1, math.ceil((last - first + 1) / most))
    exponents = [k for k in range(first, last + 1) if k % every == 0]
    values = [(power(k), float(k)) for k in exponents]
    decades = high - low
    if every == 1 and decades * 3 <= most:
        more = [(m, k) for k in range(first - 1, last + 1) for m in (2, 5)]
        values += [(significant(m * 10.0**k), k + math.log10(m)) for m, k in more if low - 1e-9 <= k + math.log10(m) <= high + 1e-9]
    return [(text, (exponent - low) / (high - low)) for text, exponent in sorted(values, key=lambda pair: pair[1])]


def power(exponent: int) -> str:
    """``0.001`` … ``1000``, beyond them ``10⁻⁷``."""
    if -3 <= exponent <= 3:
        return f"{10.0**exponent:.{max(0, -exponent)}f}"
    return "10" + str(exponent).translate(SUPERSCRIPTS)


def significant(value: float) -> str:
    """Two significant digits: ``0.012``, ``3.4``, ``120``, ``2.5·10⁻⁷``."""
    if value == 0 or not math.isfinite(value):
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    if -4 < int(exponent) < 5:
        text = f"{float(f'{value:.1e}'):.{max(0, 1 - int(exponent))}f}"
    else:
        text = f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return text.replace("-", "−")
