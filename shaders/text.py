"""Text in the picture: every string is drawn once into an atlas; a list of labels is one draw call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from vispy import gloo

from shaders import blending
from shaders.fonts import Ink, Weight, ink, width
from shaders.layout import Rect
from shaders.programs import Program

Rgba = tuple[float, float, float, float]
Across = Literal["left", "center", "right"]
MOST_LISTS = 16


@dataclass(frozen=True)
class Label:
    """A string at (x, y): physical pixels, y down. ``across`` says what x is of it, ``down`` what y is."""

    text: str
    x: float
    y: float
    colour: Rgba
    size: float = 12.0
    """Physical pixels an em."""
    weight: Weight = "regular"
    across: Across = "left"
    down: Literal["baseline", "middle"] = "baseline"

    @property
    def pixels(self) -> int:
        return max(1, round(self.size))

    def origin(self) -> tuple[int, int]:
        """Pixel of the start of the baseline."""
        length = width(self.text, self.weight, self.pixels)
        x = self.x - length * {"left": 0.0, "center": 0.5, "right": 1.0}[self.across]
        y = self.y + (0.36 * self.size if self.down == "middle" else 0.0)
        return round(x), round(y)


class TextVisual:
    """Draws labels from an atlas that grows, and starts anew when it is full. Lists that come again are on the card already."""

    def __init__(self, side: int = 512) -> None:
        self._program = Program("text")
        self._start(side)

    def draw(self, pane: Rect, labels: list[Label]) -> None:
        """``pane`` is the rectangle that the viewport covers."""
        labels = self.prepare(labels)
        if not labels:
            return
        key = tuple(labels)
        if key not in self._buffers:
            while len(self._buffers) >= MOST_LISTS:
                del self._buffers[next(iter(self._buffers))]
            quads = np.concatenate([self._quad(label) for label in labels if self._key(label) in self._places])
            self._buffers[key] = gloo.VertexBuffer(quads)
        self._program.bind(self._buffers[key])
        self._program["u_atlas"] = self._texture
        self._program["u_pane"] = (pane.x, pane.y, pane.width, pane.height)
        blending.over()
        self._program.draw("triangles")

    def prepare(self, labels: list[Label]) -> list[Label]:
        """Make sure that all the words are in the atlas; those that are not blank are returned."""
        labels = [label for label in labels if label.text.strip()]
        while not all(self._place(label) for label in labels):
            self._start(min(2 * self._side, 4096))
            if self._side == 4096 and not all(self._place(label) for label in labels):
                break
        return labels

    def _start(self, side: int) -> None:
        self._side = side
        self._texture = gloo.Texture2D(np.zeros((side, side), np.uint8), interpolation="nearest", wrapping="clamp_to_edge")
        self._places: dict[tuple[str, Weight, int], tuple[int, int, Ink]] = {}
        self._quads: dict[Label, np.ndarray[Any, Any]] = {}
        self._buffers: dict[tuple[Label, ...], Any] = {}
        self._pen, self._shelf, self._shelf_height = 0, 0, 0

    @staticmethod
    def _key(label: Label) -> tuple[str, Weight, int]:
        return label.text, label.weight, label.pixels

    def _place(self, label: Label) -> bool:
        """Make sure that the string is in the atlas; False if there is no room."""
        if self._key(label) in self._places:
            return True
        drawn = ink(*self._key(label))
        h, w = drawn.mask.shape
        if self._pen + w > self._side:
            self._pen, self._shelf, self._shelf_height = 0, self._shelf + self._shelf_height + 1, 0
        if self._shelf + h > self._side or w > self._side:
            return False
        self._texture.set_data(np.ascontiguousarray(drawn.mask), offset=(self._shelf, self._pen))
        self._places[self._key(label)] = (self._pen, self._shelf, drawn)
        self._pen, self._shelf_height = self._pen + w + 1, max(self._shelf_height, h)
        return True

    def _quad(self, label: Label) -> np.ndarray[Any, Any]:
        found = self._quads.get(label)
        if found is None:
            if len(self._quads) > 4096:
                self._quads.clear()
            found = self._quads[label] = self._cut(label)
        return found

    def _cut(self, label: Label) -> np.ndarray[Any, Any]:
        u, v, drawn = self._places[self._key(label)]
        h, w = drawn.mask.shape
        x, y = label.origin()
        x, y = x - 1, y - drawn.ascent
        corners = np.array([[0, 0], [w, 0], [0, h], [0, h], [w, 0], [w, h]], dtype=np.float32)
        out = np.zeros(6, dtype=LAYOUT)
        out["a_pixel"] = corners + np.array([x, y])
        out["a_place"] = (corners + np.array([u, v])) / self._side
        out["a_colour"] = label.colour
        return out


LAYOUT = np.dtype([("a_pixel", np.float32, 2), ("a_place", np.float32, 2), ("a_colour", np.float32, 4)])
