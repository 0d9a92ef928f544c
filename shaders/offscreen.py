"""Offscreen: the same picture without a window, at any size, and without a display."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shaders.painter import Page, Painter, grab
from shaders.scene import PaneData, Scene

BACKENDS = ("egl", "osmesa", "glfw", "pyside6", "pyglet", "sdl2")
"""vispy's backends in the order they are tried: the first two need no display."""


class NoOpenGL(RuntimeError):
    """No backend gives an OpenGL context. The text is one line."""


class Offscreen:
    """A hidden OpenGL context and a framebuffer of exactly ``size`` (width, height in physical pixels).

    ``backend`` is one of vispy's names; None tries EGL first (on Linux without a display through its surfaceless platform), then
    what else is there. It has a vispy application of its own, so it can live beside a Qt window in one process. The same scene
    and arrays give the same bytes on one machine. A film looks like the window when ``pixel_ratio`` is about height / 720.

    >>> with Offscreen((1280, 720)) as off:
    ...     picture = off.render(scene, data)
    """

    def __init__(self, size: tuple[int, int], backend: str | None = None) -> None:
        self.size = (int(size[0]), int(size[1]))
        self._backend = backend
        self._canvas: Any = None
        self._painter: Painter | None = None
        self._page: Page | None = None

    def __enter__(self) -> Offscreen:
        self._canvas = hidden_canvas(self._backend)
        self._canvas.set_current()
        self._painter = Painter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def painter(self) -> Painter:
        """The painter of this context."""
        if self._painter is None:
            raise NoOpenGL("Offscreen is used outside its with-block")
        return self._painter

    def render(
        self, scene: Scene, data: Sequence[PaneData], pixel_ratio: float = 1.0, size: tuple[int, int] | None = None
    ) -> NDArray[np.uint8]:
        """One picture, (h, w, 4) uint8, row 0 at the top, opaque. ``pixel_ratio`` scales points, lines and text, not the picture."""
        painter = self.painter
        self._canvas.set_current()
        size = size or self.size
        if self._page is None or self._page.size != size:
            if self._page is not None:
                self._page.delete()
            self._page = Page(size)
        return grab(painter, scene, data, size, pixel_ratio, self._page)

    def close(self) -> None:
        """Give the context back."""
        if self._canvas is not None:
            self._painter, self._page = None, None
            self._canvas.close()
            self._canvas = None


def hidden_canvas(backend: str | None = None, size: tuple[int, int] = (16, 16)) -> Any:
    """A canvas that is never shown, with its own vispy application; raises NoOpenGL with the reason of each attempt."""
    from vispy import app

    reasons = []
    for name in (backend,) if backend else BACKENDS:
        for prepare in (_surfaceless, _default) if name == "egl" else (lambda: True,):
            if not prepare():
                continue
            try:
                return app.Canvas(app=app.Application(name), size=size, show=False)
            except (RuntimeError, ImportError, OSError, AttributeError, ValueError) as error:
                reasons.append(f"{name}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    raise NoOpenGL("no OpenGL context without a window: " + "; ".join(reasons))


def _surfaceless() -> bool:
    """Without a display EGL must be told so before vispy loads it (Mesa). True: worth a try."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("EGL_PLATFORM", "surfaceless")
    return True


def _default() -> bool:
    """A driver that knows no surfaceless platform gets a second chance without the hint. True: worth a try."""
    if os.environ.get("EGL_PLATFORM") != "surfaceless":
        return False
    del os.environ["EGL_PLATFORM"]
    loaded = sys.modules.get("vispy.app.backends._egl")
    if loaded is not None:
        importlib.reload(loaded)
    return True
