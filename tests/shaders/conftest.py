"""One hidden OpenGL context for all tests of the picture; skipped where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from shaders.offscreen import NoOpenGL, Offscreen
from shaders.scene import Axes, Camera, Layers, Pane, PaneData, Particles, Scene, TargetLayer, Trails

Picture = NDArray[np.uint8]


@pytest.fixture(scope="session")
def offscreen() -> Iterator[Offscreen]:
    try:
        with Offscreen((200, 160)) as off:
            yield off
    except NoOpenGL as reason:
        pytest.skip(str(reason))


@pytest.fixture
def render(offscreen: Offscreen) -> Callable[..., Picture]:
    """render(scene, *data, size=…, ratio=…) as signed integers (h, w, 3), so that differences can be taken."""

    def run(scene: Scene, *data: PaneData, size: tuple[int, int] = (200, 160), ratio: float = 1.0) -> NDArray[np.int64]:
        picture = offscreen.render(scene, data, ratio, size)
        assert picture.shape == (size[1], size[0], 4)
        assert (picture[..., 3] == 255).all()
        return picture[..., :3].astype(np.int64)

    return run


BARE = Layers(target=TargetLayer(visible=False), trails=Trails(visible=False), axes=Axes(visible=False), particles=Particles(visible=False))


def scene(layers: Layers = BARE, *, t: float = 0.0, extent: float = 2.0, panes: int = 1, **rest: object) -> Scene:
    """A scene of equal panes; ``rest`` are fields of Scene."""
    camera = rest.pop("camera", Camera(extent=extent))
    return Scene(panes=(Pane(layers=layers),) * panes, camera=camera, t=t, **rest)


def still(points: list[tuple[float, ...]], **rest: object) -> PaneData:
    """Particles that stand still."""
    array = np.array(points, dtype=np.float32)
    return PaneData(dimension=array.shape[1], times=np.array([0.0, 1.0]), positions=np.stack([array, array]), **rest)


def moving(start: list[tuple[float, ...]], end: list[tuple[float, ...]], frames: int = 11, **rest: object) -> PaneData:
    """Particles on straight ways."""
    a, b = np.array(start, dtype=np.float32), np.array(end, dtype=np.float32)
    s = np.linspace(0.0, 1.0, frames)
    positions = (1 - s)[:, None, None] * a + s[:, None, None] * b
    return PaneData(dimension=a.shape[1], times=s, positions=positions.astype(np.float32), **rest)


def centroid(weight: NDArray[np.float64]) -> tuple[float, float]:
    """(x, y) in pixels, where a pixel's centre is at + 0.5."""
    total = weight.sum()
    assert total > 0
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]] + 0.5
    return float((x * weight).sum() / total), float((y * weight).sum() / total)
