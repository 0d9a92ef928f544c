"""Painter: draws a Scene with its arrays into whatever framebuffer is bound. The window and the film both use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vispy import gloo
from vispy.gloo import gl

from shaders import axes, box, captions, colours
from shaders.fields import ArrowsVisual, StreamlinesVisual, reference
from shaders.fonts import width
from shaders.ink import rgba, rgba_of
from shaders.layout import Rect, layout, plot_area
from shaders.numbers import short
from shaders.particles import ParticlesVisual
from shaders.programs import Keep
from shaders.rasters import RasterVisual
from shaders.ribbons import RibbonsVisual
from shaders.scene import Camera, Layers, PaneData, Scene
from shaders.shapes import Shape, ShapesVisual
from shaders.text import Label, TextVisual
from shaders.themes import THEMES, Theme, rgb
from shaders.trails import TrailsVisual
from shaders.truths import Truths
from shaders.view import View, frame_camera, view

__all__ = ["Painter", "frame_camera", "grab"]


class Painter:
    """One per OpenGL context. ``reserve``: logical pixels at top and bottom of each pane that the window needs for its own words."""

    def __init__(self, reserve: tuple[float, float] = (0.0, 0.0)) -> None:
        self.reserve = reserve
        self._keep = Keep()
        self._shapes = ShapesVisual()
        self._text = TextVisual()
        self._ribbons = RibbonsVisual()
        self._rasters = RasterVisual(self._keep)
        self._arrows = ArrowsVisual()
        self._streamlines = StreamlinesVisual(self._ribbons)
        self._trails = TrailsVisual(self._ribbons, self._keep)
        self._particles = ParticlesVisual(self._keep)
        self._truths = Truths(self._ribbons, self._shapes, self._arrows, self._keep)

    def layout(self, scene: Scene, size_px: tuple[int, int], pixel_ratio: float = 1.0) -> list[Rect]:
        """Rectangles of the panes, physical pixels, y down."""
        return layout(scene, size_px, pixel_ratio)

    def views(self, scene: Scene, data: Sequence[PaneData], size_px: tuple[int, int], pixel_ratio: float = 1.0) -> list[View]:
        """What each pane sees."""
        views = []
        for i, rect in enumerate(layout(scene, size_px, pixel_ratio)):
            dimension = data[i].dimension if i < len(data) else 2
            plot = plot_area(rect, scene, i, pixel_ratio, self.reserve, dimension == 2)
            views.append(view(scene.camera, rect, plot, dimension, pixel_ratio))
        return views

    def to_world(
        self, scene: Scene, size_px: tuple[int, int], pane: int, px: tuple[float, float], pixel_ratio: float = 1.0, dimension: int = 2
    ) -> NDArray[np.float64]:
        """A pixel of the picture (physical, y down) in pane ``pane`` to the world, (d,)."""
        rect = layout(scene, size_px, pixel_ratio)[pane]
        plot = plot_area(rect, scene, pane, pixel_ratio, self.reserve, dimension == 2)
        return view(scene.camera, rect, plot, dimension, pixel_ratio).to_world(*px)

    @staticmethod
    def frame_camera(data: Sequence[PaneData], aspect: float = 1.0, camera: Camera | None = None) -> Camera:
        """A camera that sees source and data of all panes."""
        return frame_camera(data, aspect, camera)

    def draw(
        self,
        scene: Scene,
        data: Sequence[PaneData],
        size_px: tuple[int, int],
        pixel_ratio: float = 1.0,
        beside: Sequence[PaneData] = (),
    ) -> None:
        """Draw all panes of the scene side by side. Leaves viewport, scissor and tests as they were.

        Afterwards nothing is kept of arrays that are neither in ``data`` nor in ``beside``, which other pictures show.
        """
        theme = THEMES[scene.theme]
        width, height = size_px
        whole = Rect(0, 0, width, height)
        before = _state()
        views = self.views(scene, data, size_px, pixel_ratio)
        shapes, labels = self._surround(scene, size_px, views, theme, pixel_ratio)
        gloo.set_state(scissor_test=True, depth_test=False, cull_face=False, blend=True)
        _window(whole, height)
        _aim(whole, height)
        if not (len(views) == 1 and views[0].pane == whole):
            gloo.clear(color=(*rgb(theme.background), 1.0), depth=False)
        for i, seen in enumerate(views):
            self._pane(scene, i, data[i] if i < len(data) else PaneData(), seen, theme, height)
        _window(whole, height)
        _aim(whole, height)
        self._shapes.draw(whole, shapes)
        self._text.draw(whole, labels)
        _restore(before)
        alive = [array for pane in (*data, *beside) for array in vars(pane).values()]
        self._keep.sweep(alive)
        self._truths.sweep(alive)

    def _surround(
        self, scene: Scene, size_px: tuple[int, int], views: list[View], theme: Theme, pixel_ratio: float
    ) -> tuple[list[Shape], list[Label]]:
        """What goes over the panes at the end. New words reach the card now, while it has nothing to wait for."""
        shapes: list[Shape] = []
        labels: list[Label] = []
        if scene.captions or len(views) > 1:
            shapes = [shape for seen in views for shape in captions.frame(seen.pane, theme, pixel_ratio)]
        if scene.captions:
            around, labels = captions.surround(scene, size_px, theme, pixel_ratio)
            shapes += around
            for pane, seen in zip(scene.panes, views, strict=True):
                labels += captions.header(seen.pane, pane, theme, pixel_ratio)
            self._text.prepare(labels)
        return shapes, labels

    def _pane(self, scene: Scene, index: int, data: PaneData, seen: View, theme: Theme, height: int) -> None:
        _window(seen.pane, height)
        _aim(seen.pane, height)
        gloo.clear(color=(*rgb(theme.stage), 1.0), depth=False)
        draw = self._flat if data.dimension == 2 else self._deep
        draw(scene, scene.panes[index].layers, data, seen, theme, height)

    def _flat(self, scene: Scene, layers: Layers, data: PaneData, seen: View, theme: Theme, height: int) -> None:
        if layers.axes.visible:
            self._shapes.draw(seen.pane, axes.grid(seen, data, theme))
            _window(axes.inner_area(seen), height)
        if layers.target.visible:
            self._rasters.draw_target(seen, layers.target, theme, data)
        if layers.histogram.visible:
            self._rasters.draw_histogram(seen, layers.histogram, theme, data, scene.t)
        self._truths.draw_maps(seen, layers, theme, data)
        legends = self._fields(layers, data, seen, theme)
        if layers.axes.visible:
            _window(axes.data_area(seen), height)
        self._moving(layers, data, seen, theme, scene.t)
        self._truths.draw_probe(seen, layers, theme, data)
        _window(seen.pane, height)
        shapes, labels = self._truths.draw_legends(seen, layers, theme, data, legends)
        labels += legends
        if layers.axes.visible:
            rules, words = axes.rules(seen, data, theme)
            shapes += rules
            labels += words
        self._shapes.draw(seen.pane, shapes)
        self._text.draw(seen.pane, labels)

    def _deep(self, scene: Scene, layers: Layers, data: PaneData, seen: View, theme: Theme, height: int) -> None:
        bounds: tuple[NDArray[np.float64], NDArray[np.float64]] | None = self._keep.get(
            (data.positions, data.target_points, data.shift), ("box",), lambda: box.box_of(data)
        )
        if layers.axes.visible and bounds is not None:
            lines, shades = box.walls(seen, bounds[0], bounds[1], data, theme)
            self._ribbons.draw(seen, theme, lines, np.ones(1, dtype=np.float32), shades)
        if layers.target.visible and data.target_points is not None:
            self._particles.draw_cloud(seen, theme, data.target_points, 3.0, 0.8 * layers.target.opacity)
        self._moving(layers, data, seen, theme, scene.t)
        if layers.axes.visible and bounds is not None:
            self._text.draw(seen.pane, box.labels(seen, bounds[0], bounds[1], data, theme))

    def _moving(self, layers: Layers, data: PaneData, seen: View, theme: Theme, t: float) -> None:
        if layers.trails.visible:
            self._trails.draw(seen, layers.trails, theme, data, t, layers.particles.colour)
        if layers.particles.visible:
            self._particles.draw(seen, layers.particles, theme, data, t)

    def _fields(self, layers: Layers, data: PaneData, seen: View, theme: Theme) -> list[Label]:
        """Draws velocity and score; returns the words of their legends, one row each, at the bottom right."""
        labels: list[Label] = []
        if data.field_box is None:
            return labels
        ratio = seen.pixel_ratio
        rows = (
            ("velocity", layers.velocity, data.velocity, colours.velocity_map(theme.dark), theme.alpha),
            ("score", layers.score, data.score, colours.score_map(theme.dark), theme.beta),
        )
        for name, style, values, table, colour in rows:
            if not style.visible or values is None or not values.size:
                continue
            x, y = seen.plot.x + seen.plot.width - 6 * ratio, seen.plot.y + seen.plot.height - (14 + 18 * len(labels)) * ratio
            top = reference(values)
            text = f"{name} {short(top)}"
            space = width(text, "regular", round(11 * ratio)) + 44 * ratio
            backdrop = Shape(x + 18 * ratio - space, y - 9 * ratio, space, 18 * ratio, rgba(theme.stage, 0.85), radius=4 * ratio)
            if style.style == "arrows":
                self._arrows.draw(seen, style, values, data.field_box, table)
                self._shapes.draw(seen.pane, [backdrop])
                self._arrows.draw_one(seen, seen.to_world(x, y), table)
            else:
                self._streamlines.draw(seen, style, theme, values, data.field_box, table)
                ends = (rgba_of(table[0], 0.2), rgba_of(table[-1]))
                bar = Shape(x - 14 * ratio, y - 1.5 * ratio, 26 * ratio, 3 * ratio, *ends, radius=1.5 * ratio)
                self._shapes.draw(seen.pane, [backdrop, bar])
            labels.append(Label(text, x - 20 * ratio, y, rgba(colour), 11 * ratio, across="right", down="middle"))
        return labels


def _aim(rect: Rect, height: int) -> None:
    """The viewport is this rectangle."""
    gloo.set_viewport(rect.x, height - rect.y - rect.height, rect.width, rect.height)


def _window(rect: Rect, height: int) -> None:
    """Nothing is drawn outside this rectangle."""
    gloo.set_scissor(rect.x, height - rect.y - rect.height, rect.width, rect.height)


class Page:
    """A framebuffer of a size, to draw into instead of the window."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        self.size = size_px
        self._texture = gloo.Texture2D((size_px[1], size_px[0], 4), format="rgba")
        self.target = gloo.FrameBuffer(color=self._texture)

    def delete(self) -> None:
        """Give its memory back."""
        self.target.delete()
        self._texture.delete()


def grab(
    painter: Painter,
    scene: Scene,
    data: Sequence[PaneData],
    size_px: tuple[int, int],
    pixel_ratio: float = 1.0,
    page: Page | None = None,
    beside: Sequence[PaneData] = (),
) -> NDArray[np.uint8]:
    """The scene at any size as (h, w, 4) uint8, row 0 at the top, from inside the current context; what was bound is bound again.

    ``page``, at least of that size, is drawn into if it is given, else one that lives as long as this call.
    """
    before = _state()
    paper = page or Page(size_px)
    paper.target.activate()
    try:
        painter.draw(scene, data, size_px, pixel_ratio, beside)
        picture = gloo.read_pixels((0, 0, *size_px))
    finally:
        paper.target.deactivate()
        _restore(before)
        if paper is not page:
            paper.delete()
    return np.ascontiguousarray(picture, dtype=np.uint8)


def _state() -> dict[str, Any]:
    _flush()
    return {
        "viewport": tuple(int(v) for v in gl.glGetParameter(gl.GL_VIEWPORT)),
        "scissor": tuple(int(v) for v in gl.glGetParameter(gl.GL_SCISSOR_BOX)),
        "scissor_test": bool(gl.glIsEnabled(gl.GL_SCISSOR_TEST)),
        "blend": bool(gl.glIsEnabled(gl.GL_BLEND)),
        "depth_test": bool(gl.glIsEnabled(gl.GL_DEPTH_TEST)),
    }


def _restore(before: dict[str, Any]) -> None:
    gloo.set_viewport(*before["viewport"])
    gloo.set_scissor(*before["scissor"])
    gloo.set_state(scissor_test=before["scissor_test"], blend=before["blend"], depth_test=before["depth_test"])
    _flush()


def _flush() -> None:
    canvas = gloo.get_current_canvas()
    if canvas is not None:
        canvas.context.flush_commands()
