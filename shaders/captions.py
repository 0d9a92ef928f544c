"""The words of a film or a talk: the scene's title, a header in each pane, and the time line."""

from __future__ import annotations

from shaders.fonts import elide, width
from shaders.ink import rgba
from shaders.layout import BAR, FOOTER, MARGIN, RADIUS, Rect
from shaders.scene import Pane, Scene
from shaders.shapes import Shape
from shaders.text import Label
from shaders.themes import Theme

PAD = 14.0


def frame(pane: Rect, theme: Theme, ratio: float) -> list[Shape]:
    """Rounds a pane's corners and draws its border, over whatever was drawn in it."""
    r, thick = RADIUS * ratio, max(1.0, round(ratio))
    mask = Shape(
        pane.x - r, pane.y - r, pane.width + 2 * r, pane.height + 2 * r, radius=2 * r, border=r, stroke=rgba(theme.background), hollow=2 * r
    )
    border = Shape(pane.x, pane.y, pane.width, pane.height, radius=r, border=thick, stroke=rgba(theme.line), hollow=r + thick)
    return [mask, border]


def header(pane: Rect, words: Pane, theme: Theme, ratio: float) -> list[Label]:
    """Title and caption at the left; at the right the metric: its first part strong, what follows a middle dot below it."""
    left, right = pane.x + PAD * ratio, pane.x + pane.width - PAD * ratio
    first, second = pane.y + 25 * ratio, pane.y + 44 * ratio
    big, small = 15 * ratio, 12.5 * ratio
    metric, _, rest = (part.strip() for part in words.metric.partition("·"))
    room = right - left - 16 * ratio
    title = elide(words.title, "bold", round(big), room - width(metric, "bold", round(big)))
    caption = elide(words.caption, "regular", round(small), room - width(rest, "regular", round(small)))
    return [
        Label(title, left, first, rgba(theme.strong), big, "bold"),
        Label(caption, left, second, rgba(theme.dim), small),
        Label(metric, right, first, rgba(theme.strong), big, "bold", across="right"),
        Label(rest, right, second, rgba(theme.dim), small, across="right"),
    ]


def surround(scene: Scene, size: tuple[int, int], theme: Theme, ratio: float) -> tuple[list[Shape], list[Label]]:
    """The title above the panes, and the time below them: a line from noise to data with a knob at t, or along the training."""
    w, h = size
    edge = (MARGIN + 4) * ratio
    labels = []
    if scene.title:
        text = elide(scene.title, "bold", round(18 * ratio), w - 2 * edge)
        labels.append(Label(text, edge, 0.5 * BAR * ratio, rgba(theme.strong), 18 * ratio, "bold", down="middle"))
    y = h - 0.5 * FOOTER * ratio
    along = scene.step is not None
    time, first, last = (f"t = {scene.t:.2f}", scene.start, "data") if scene.step is None else (_step(scene.step), "untrained", "latest")
    at = scene.share if along else scene.t
    labels.append(Label(time, edge, y, rgba(theme.strong), 14 * ratio, down="middle"))
    start, end = edge + (190 if along else 122) * ratio, w - edge - (56 if along else 46) * ratio
    if end - start < 60 * ratio:
        return [], labels
    labels.append(Label(first, start - 10 * ratio, y, rgba(theme.dim), 12 * ratio, across="right", down="middle"))
    labels.append(Label(last, end + 10 * ratio, y, rgba(theme.dim), 12 * ratio, down="middle"))
    thick, knob, now = 3 * ratio, 6.5 * ratio, start + at * (end - start)
    cold, warm = (rgba(theme.accent), rgba(theme.beta)) if not along else (rgba(theme.sigma), rgba(theme.sigma))
    mixed = tuple(a + at * (b - a) for a, b in zip(cold, warm, strict=True))
    shapes = [
        Shape(start, y - thick / 2, end - start, thick, rgba(theme.line), radius=thick / 2),
        Shape(start, y - thick / 2, now - start, thick, cold, (mixed[0], mixed[1], mixed[2], 1.0), radius=thick / 2),
        Shape(now - knob, y - knob, 2 * knob, 2 * knob, rgba(theme.strong), radius=knob),
    ]
    return shapes, labels


def _step(step: int) -> str:
    """``"step 12 480"``."""
    return "step " + f"{step:,}".replace(",", "\u202f")
