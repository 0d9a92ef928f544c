"""Panes in a real window: pictures come from one hidden OpenGL context, with the right colours, way up and size, and only when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QImage, QOpenGLContext
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from gui.stage.canvas import PaneCanvas
from gui.stage.darkroom import Darkroom
from shaders.scene import Axes, Camera, Layers, Pane, PaneData, Particles, Scene, TargetLayer, Trails
from shaders.themes import THEMES

Window = Callable[..., QWidget]
PLAIN = Layers(target=TargetLayer(visible=False), trails=Trails(visible=False), axes=Axes(visible=False), particles=Particles(size=20.0))


@pytest.fixture
def darkroom() -> Iterator[Darkroom]:
    made = Darkroom()
    yield made
    made.close()


def scene(**rest: object) -> Scene:
    return Scene(panes=(Pane(layers=PLAIN),), camera=Camera(extent=2.0), **rest)  # type: ignore[arg-type]


def cloud(x: float, y: float) -> PaneData:
    """Particles that stand still at one place."""
    points = np.full((400, 2), (x, y), dtype=np.float32)
    return PaneData(times=np.array([0.0, 1.0]), positions=np.stack([points, points]))


@pytest.fixture
def window(qtbot: QtBot) -> Callable[..., QWidget]:
    """window(canvas, …): they are side by side on the screen."""
    shown = QWidget()
    shown.setLayout(QHBoxLayout())
    qtbot.addWidget(shown)

    def show(*canvases: PaneCanvas) -> QWidget:
        for canvas in canvases:
            shown.layout().addWidget(canvas)
        shown.resize(300 * len(canvases), 260)
        with qtbot.waitExposed(shown):
            shown.show()
        return shown

    return show


def pixels(image: QImage) -> np.ndarray:
    """(h, w, 3), red first."""
    image = image.convertToFormat(QImage.Format.Format_RGBX8888)
    flat = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return flat[:, : image.width(), :3].astype(int)


def test_the_first_paint_waits_for_no_opengl(darkroom: Darkroom, qtbot: QtBot, window: Window) -> None:
    canvas = PaneCanvas(darkroom)
    canvas.show_scene(scene(), PaneData())
    with qtbot.waitSignal(canvas.drawn):
        window(canvas)
    assert darkroom.renderer == ""
    assert darkroom.in_software
    stage = pixels(canvas.grab().toImage())
    assert (stage == [int(THEMES["dark"].stage[i : i + 2], 16) for i in (1, 3, 5)]).all()


def test_a_frame_is_the_picture_that_a_film_has(darkroom: Darkroom, qtbot: QtBot, window: Window) -> None:
    canvas, data = PaneCanvas(darkroom), cloud(0.5, 1.0)
    window(canvas)
    with qtbot.waitSignal(canvas.drawn):
        canvas.show_scene(scene(), data)
    assert darkroom.renderer
    size = (canvas.width(), canvas.height())
    film = darkroom.picture(scene(), [data], size, 1.0)[..., :3].astype(int)
    on_screen = pixels(canvas.grab().toImage())
    assert (on_screen == film).all()
    assert np.ptp(film, axis=2).max() > 40  # not grey, else the order of the colours would not matter
    brightest = np.unravel_index(film.sum(2).argmax(), film.shape[:2])
    np.testing.assert_allclose(canvas.world_at(brightest[1] + 0.5, brightest[0] + 0.5), (0.5, 1.0), atol=0.12)


def test_a_frame_has_the_screen_s_pixels(darkroom: Darkroom, qtbot: QtBot, window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PaneCanvas, "devicePixelRatioF", lambda _self: 1.5)
    canvas = PaneCanvas(darkroom)
    canvas.show_scene(scene(), cloud(0.0, 0.0))
    with qtbot.waitSignal(canvas.drawn):
        window(canvas)
    width, height = canvas.width(), canvas.height()
    assert canvas.physical_size == (-(-3 * width // 2), -(-3 * height // 2))
    picture = canvas._picture
    assert picture is not None
    assert (picture.width(), picture.height()) == canvas.physical_size
    assert picture.devicePixelRatio() == 1.5
    np.testing.assert_allclose(canvas.world_at(width / 2, height / 2), (0.0, 0.0), atol=0.02)


def test_what_has_not_changed_is_not_drawn_again(darkroom: Darkroom, qtbot: QtBot, window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    canvas, data = PaneCanvas(darkroom), cloud(0.0, 0.0)
    canvas.show_scene(scene(), data)
    with qtbot.waitSignal(canvas.drawn):
        shown = window(canvas)
    made: list[object] = []
    develop = darkroom.frame
    monkeypatch.setattr(darkroom, "frame", lambda *rest: made.append(rest) or develop(*rest))
    canvas.show_scene(scene(), data)
    canvas.repaint()  # as when a word above it changes
    assert not made
    canvas.show_scene(scene(t=0.5), data)
    canvas.repaint()
    assert len(made) == 1
    shown.resize(shown.width() + 40, shown.height())
    qtbot.waitUntil(lambda: len(made) == 2)


def test_panes_share_the_card_and_leave_it(darkroom: Darkroom, window: Window) -> None:
    first, second = PaneCanvas(darkroom), PaneCanvas(darkroom)
    data = [cloud(0.0, 0.0), cloud(1.0, 1.0)]
    window(first, second)
    for t in (0.2, 0.4):
        for canvas, shown in zip((first, second), data, strict=True):
            canvas.show_scene(scene(t=t), shown)
            canvas.repaint()
    painter = darkroom._painter
    assert painter is not None

    def kept(shown: PaneData) -> bool:
        return any(owner is shown.positions for owners, *_ in painter._keep._made.values() for owner in owners)

    assert kept(data[0])
    assert kept(data[1])
    second.leave()
    first.show_scene(scene(t=0.6), data[0])
    first.repaint()
    assert kept(data[0])
    assert not kept(data[1])


def test_a_context_that_is_lost_is_made_again(darkroom: Darkroom, monkeypatch: pytest.MonkeyPatch) -> None:
    data, size = cloud(0.3, 0.3), (120, 90)
    first = darkroom.picture(scene(), [data], size, 1.0)
    lost = darkroom._context
    assert lost is not None
    monkeypatch.setattr(lost, "makeCurrent", lambda _surface: False)
    assert (darkroom.picture(scene(), [data], size, 1.0) == first).all()
    assert darkroom._context is not lost
    darkroom.close()
    darkroom.close()
    assert (darkroom.picture(scene(), [data], size, 1.0) == first).all()


def test_without_opengl_a_pane_says_so_once(darkroom: Darkroom, window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QOpenGLContext, "create", lambda _self: False)
    canvas, said = PaneCanvas(darkroom), []
    canvas.failed.connect(said.append)
    window(canvas)
    for t in (0.1, 0.2, 0.3):
        canvas.show_scene(scene(t=t), cloud(0.0, 0.0))
        canvas.repaint()
    assert said == ["This pane cannot be drawn: this computer offers no OpenGL"]


def test_the_pointer_drags_frames_and_leaves(darkroom: Darkroom, qtbot: QtBot, window: Window) -> None:
    canvas = PaneCanvas(darkroom)
    canvas.show_scene(scene(), PaneData())
    shown = window(canvas)
    dragged: list[tuple[float, float, bool]] = []
    canvas.dragged.connect(lambda dx, dy, turn: dragged.append((dx, dy, turn)))
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    assert shown.focusWidget() is canvas
    qtbot.mouseMove(canvas, QPoint(60, 45))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(60, 45))
    qtbot.waitUntil(lambda: bool(dragged))
    assert dragged[-1][2]
    assert np.sum([step[:2] for step in dragged], axis=0) == pytest.approx((10.0, -5.0))
    with qtbot.waitSignal(canvas.hovered):
        qtbot.mouseMove(canvas, QPoint(80, 80))
    with qtbot.waitSignal(canvas.frame_asked):
        qtbot.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(60, 60))
    with qtbot.waitSignal(canvas.left):
        QApplication.sendEvent(canvas, QEvent(QEvent.Type.Leave))
