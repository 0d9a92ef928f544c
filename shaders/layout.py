"""Where the panes are: rectangles in physical pixels, origin at the top left."""

from __future__ import annotations

from typing import NamedTuple

from shaders.scene import Scene

MARGIN = 12.0
GAP = 10.0
HEADER = 58.0
BAR = 46.0
FOOTER = 44.0
RADIUS = 8.0


class Rect(NamedTuple):
    """A rectangle of pixels, y down."""

    x: int
    y: int
    width: int
    height: int

    @property
    def center(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    def contains(self, x: float, y: float) -> bool:
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height

    def inset(self, left: float, top: float, right: float, bottom: float) -> Rect:
        """Smaller by so many pixels a side; never empty."""
        width, height = max(1, round(self.width - left - right)), max(1, round(self.height - top - bottom))
        return Rect(round(self.x + left), round(self.y + top), width, height)


def grid(count: int, width: float, height: float) -> tuple[int, int]:
    """(columns, rows) for so many panes: 1×1, 2×1 (1×2 when taller than wide), 3×1 (1×3), 2×2."""
    if count <= 1:
        return 1, 1
    if count == 4:
        return 2, 2
    return (count, 1) if width >= height else (1, count)


def layout(scene: Scene, size: tuple[int, int], pixel_ratio: float = 1.0) -> list[Rect]:
    """One rectangle a pane, all of the same size. A single pane without captions fills everything."""
    width, height = size
    count = len(scene.panes)
    if not count:
        return []
    edge, gap = (MARGIN if scene.captions else 0.0) * pixel_ratio, GAP * pixel_ratio
    top = edge + (BAR * pixel_ratio - edge if scene.captions and scene.title else 0.0)
    bottom = FOOTER * pixel_ratio if scene.captions else 0.0
    columns, rows = grid(count, width - 2 * edge, height - top - bottom)
    w = max(1, int((width - 2 * edge - gap * (columns - 1)) / columns))
    h = max(1, int((height - top - bottom - gap * (rows - 1)) / rows))
    return [Rect(round(edge + (w + gap) * (i % columns)), round(top + (h + gap) * (i // columns)), w, h) for i in range(count)]


def plot_area(
    pane: Rect, scene: Scene, index: int, pixel_ratio: float, reserve: tuple[float, float] = (0.0, 0.0), flat: bool = True
) -> Rect:
    """The part of a pane that the camera fills: less header, margins of the axes and what the window keeps at top and bottom."""
    axes = scene.panes[index].layers.axes.visible
    top = reserve[0] + (HEADER if scene.captions else 10.0)
    bottom = reserve[1] + (34.0 if axes else 10.0)
    left = min(46.0 if axes else 10.0, 0.2 * pane.width / pixel_ratio)
    right = 0.4 * left if axes and flat else left
    most = 0.3 * pane.height / pixel_ratio
    return pane.inset(left * pixel_ratio, min(top, most) * pixel_ratio, right * pixel_ratio, min(bottom, most) * pixel_ratio)
