"""Darkroom: where the pictures of all panes are made, in one hidden OpenGL context by one painter; they leave it as plain pixels.

So the window is an ordinary one that Qt paints by itself: it is there before OpenGL is, and nothing is composed on a graphics card only
to be put on the screen once more. What is on the card is there once for all panes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage, QOffscreenSurface, QOpenGLContext

from shaders.scene import PaneData, Scene

if TYPE_CHECKING:
    from shaders.painter import Page, Painter

GL_BGRA, GL_UNSIGNED_BYTE = 0x80E1, 0x1401
"""The order of bytes that Qt paints with."""
SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swrast", "software", "basic render")


class Darkroom:
    """Opens at the first picture. Raises RuntimeError where there is no OpenGL."""

    def __init__(self) -> None:
        self._context: QOpenGLContext | None = None
        self._surface: QOffscreenSurface | None = None
        self._canvas: Any = None
        self._painter: Painter | None = None
        self._page: Page | None = None
        self._shown: dict[object, PaneData] = {}
        self.renderer = ""
        """What draws, as OpenGL names it; empty before the first picture."""

    @property
    def in_software(self) -> bool:
        """Whether the processor draws, which is assumed until it is known."""
        return not self.renderer or any(word in self.renderer.lower() for word in SOFTWARE_RENDERERS)

    def frame(self, scene: Scene, data: PaneData, size: tuple[int, int], pixel_ratio: float, of: object) -> QImage:
        """A scene of one pane at a size in physical pixels.

        ``of``: whose frame it is; arrays on the card stay there while they are in the latest frame of anyone, until ``forget``.
        """
        from vispy import gloo

        painter = self._enter()
        self._shown[of] = data
        paper, (width, height) = self._paper(size), size
        paper.target.activate()
        try:
            painter.draw(scene, [data], size, pixel_ratio, list(self._shown.values()))
            gloo.finish()  # other threads may run meanwhile, which they may not while pixels are read
            pixels = np.empty((height, width, 4), dtype=np.uint8)
            self._context.functions().glReadPixels(0, 0, width, height, GL_BGRA, GL_UNSIGNED_BYTE, pixels)  # type: ignore[union-attr]
        finally:
            paper.target.deactivate()
        image = QImage(width, height, QImage.Format.Format_RGB32)
        np.frombuffer(image.bits(), dtype=np.uint8).reshape(pixels.shape)[:] = pixels[::-1]
        image.setDevicePixelRatio(pixel_ratio)
        return image

    def picture(self, scene: Scene, data: Sequence[PaneData], size: tuple[int, int], pixel_ratio: float) -> NDArray[np.uint8]:
        """Any scene at any size in physical pixels, (h, w, 4), row 0 at the top."""
        from shaders.painter import grab

        return grab(self._enter(), scene, data, size, pixel_ratio, beside=list(self._shown.values()))

    def forget(self, of: object) -> None:
        """They show nothing any more."""
        self._shown.pop(of, None)

    def close(self) -> None:
        """Frees what is on the card. The next picture would open it again."""
        if self._context is not None and self._surface is not None:
            self._context.makeCurrent(self._surface)
            self._leave()
            self._context.doneCurrent()
            self._context = self._surface = None
        self._shown.clear()

    def _enter(self) -> Painter:
        """Its context is the current one afterwards."""
        from vispy.gloo.context import set_current_canvas

        if self._painter is None or self._context is None or not self._context.makeCurrent(self._surface):
            return self._open()
        set_current_canvas(self._canvas)
        return self._painter

    def _open(self) -> Painter:
        """For the first time, or again where a driver has lost the context."""
        from vispy.gloo import gl
        from vispy.gloo.context import FakeCanvas

        from shaders.painter import Painter

        self._leave()
        self._surface, self._context = QOffscreenSurface(), QOpenGLContext()
        self._surface.create()
        if not (self._context.create() and self._context.makeCurrent(self._surface)):
            self._context = self._surface = None
            raise RuntimeError("this computer offers no OpenGL")
        self._canvas = FakeCanvas()
        self._canvas.flush()
        self.renderer = str(gl.glGetParameter(gl.GL_RENDERER))
        self._painter = Painter()
        return self._painter

    def _leave(self) -> None:
        from vispy.gloo.context import forget_canvas

        self._page = self._painter = None
        if self._canvas is not None:
            forget_canvas(self._canvas)
            self._canvas = None

    def _paper(self, size: tuple[int, int]) -> Page:
        """At least as large as the picture; panes share it, since each picture leaves at once."""
        from shaders.painter import Page

        if self._page is None or self._page.size[0] < size[0] or self._page.size[1] < size[1]:
            before = self._page.size if self._page is not None else (0, 0)
            if self._page is not None:
                self._page.delete()
            self._page = Page((max(size[0], before[0]), max(size[1], before[1])))
        return self._page
