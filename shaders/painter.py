"""Painter: draws a Scene with its arrays into whatever framebuffer is bound. The window and the film both use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vispy import gloo
from vispy.gloo import gl

from shaders.layout import Rect, layout, plot_area
from shaders.particles import ParticlesVisual
from shaders.programs import Keep
from shaders.scene import Camera, PaneData, Scene
from shaders.themes import THEMES, Theme, rgb
from shaders.view import View, frame_camera, view

__all__ = ["Painter", "frame_camera", "grab"]


class Painter:
    """One per OpenGL context. ``reserve``: logical pixels at top and bottom of each pane that the window needs for its own words."""

    def __init__(self, reserve: tuple[float, float] = (0.0, 0.0)) -> None:
        self.reserve = reserve
        self._keep = Keep()
        self._particles = ParticlesVisual(self._keep)

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

    def draw(self, scene: Scene, data: Sequence[PaneData], size_px: tuple[int, int], pixel_ratio: float = 1.0) -> None:
        """Draw all panes of the scene side by side. Leaves viewport, scissor and blending as they were."""
        theme = THEMES[scene.theme]
        before = _state()
        gloo.set_viewport(0, 0, *size_px)
        gloo.set_state(scissor_test=False, depth_test=False)
        gloo.clear(color=(*rgb(theme.background), 1.0), depth=False)
        gloo.set_state(scissor_test=True)
        for i, seen in enumerate(self.views(scene, data, size_px, pixel_ratio)):
            self._pane(scene, i, data[i] if i < len(data) else PaneData(), seen, theme, size_px[1])
        _restore(before)
        self._keep.sweep(array for pane in data for array in vars(pane).values())

    def _pane(self, scene: Scene, index: int, data: PaneData, seen: View, theme: Theme, height: int) -> None:
        rect = seen.pane
        box = (rect.x, height - rect.y - rect.height, rect.width, rect.height)
        gloo.set_viewport(*box)
        gloo.set_scissor(*box)
        gloo.clear(color=(*rgb(theme.stage), 1.0), depth=False)
        layers = scene.panes[index].layers
        if layers.particles.visible:
            self._particles.draw(seen, layers.particles, theme, data, scene.t)


def grab(painter: Painter, scene: Scene, data: Sequence[PaneData], size_px: tuple[int, int], pixel_ratio: float = 1.0) -> NDArray[np.uint8]:
    """The scene at any size as (h, w, 4) uint8, row 0 at the top, from inside the current context; what was bound is bound again."""
    width, height = size_px
    before = _state()
    texture = gloo.Texture2D((height, width, 4), format="rgba")
    target = gloo.FrameBuffer(color=texture)
    target.activate()
    try:
        painter.draw(scene, data, size_px, pixel_ratio)
        picture = gloo.read_pixels((0, 0, width, height))
    finally:
        target.deactivate()
        _restore(before)
        target.delete()
        texture.delete()
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
