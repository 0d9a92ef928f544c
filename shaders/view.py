"""From world to pixels and back: one camera, flat or in perspective, for one pane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shaders.layout import Rect
from shaders.scene import Camera, PaneData

HALF_ANGLE = np.radians(13.0)
"""Half the vertical angle of view in 3-D."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class View:
    """What one pane sees. ``matrix`` maps (x, y, z, 1) to clip coordinates of the pane's rectangle."""

    matrix: Floats
    pane: Rect
    plot: Rect
    scale: float
    """Physical pixels to one unit, at the centre."""
    pixel_ratio: float
    dimension: int
    camera: Camera
    focus: float = 1.0
    """Distance from the eye to the centre (1 in 2-D): w there."""

    @property
    def uniform(self) -> NDArray[np.float32]:
        """The matrix as GLSL wants it."""
        return np.ascontiguousarray(self.matrix.T, dtype=np.float32)

    def to_pixels(self, points: NDArray[np.floating]) -> Floats:
        """World points (n, 2 or 3) to physical pixels of the whole picture, (n, 2), y down."""
        padded = np.zeros((len(points), 4))
        padded[:, : points.shape[1]] = points
        padded[:, 3] = 1.0
        clip = padded @ self.matrix.T
        ndc = clip[:, :2] / clip[:, 3:]
        x = self.pane.x + (ndc[:, 0] + 1) / 2 * self.pane.width
        y = self.pane.y + (1 - ndc[:, 1]) / 2 * self.pane.height
        return np.column_stack([x, y])

    def to_world(self, x: float, y: float) -> Floats:
        """A pixel to the world, (d,); in 3-D the point on the plane through the centre that faces the eye."""
        cx, cy = self.plot.center
        right, up = (x - cx) / self.scale, (cy - y) / self.scale
        center: Floats = np.asarray(self.camera.center, dtype=np.float64)
        if self.dimension == 2:
            return np.asarray(center[:2] + np.array([right, up]))
        across, upward, _ = axes_of(self.camera)
        return np.asarray(center + right * across + up * upward, dtype=np.float64)

    def visible(self) -> tuple[float, float, float, float]:
        """(x_low, x_high, y_low, y_high) of the whole pane in the world, 2-D."""
        x0, y1 = self.to_world(self.pane.x, self.pane.y)[:2]
        x1, y0 = self.to_world(self.pane.x + self.pane.width, self.pane.y + self.pane.height)[:2]
        return float(x0), float(x1), float(y0), float(y1)


def axes_of(camera: Camera) -> tuple[Floats, Floats, Floats]:
    """Unit vectors of the orbit camera: to the right, up, and from the centre to the eye. The third axis of the world is vertical."""
    az, el = np.radians(camera.azimuth), np.radians(camera.elevation)
    to_eye = np.array([np.cos(el) * np.cos(az), np.cos(el) * np.sin(az), np.sin(el)])
    right = np.array([-np.sin(az), np.cos(az), 0.0])
    return right, np.cross(to_eye, right), to_eye


def view(camera: Camera, pane: Rect, plot: Rect, dimension: int, pixel_ratio: float = 1.0) -> View:
    """The view of a camera in a pane: the height of ``plot`` shows 2 · extent, around ``plot``'s centre."""
    scale = plot.height / (2.0 * camera.extent)
    offset_x = (plot.center[0] - pane.center[0]) / (pane.width / 2)
    offset_y = -(plot.center[1] - pane.center[1]) / (pane.height / 2)
    kx, ky = scale / (pane.width / 2), scale / (pane.height / 2)
    center = np.asarray(camera.center)
    if dimension == 2:
        matrix = np.diag([kx, ky, 0.0, 1.0])
        matrix[0, 3], matrix[1, 3] = offset_x - kx * center[0], offset_y - ky * center[1]
        return View(matrix, pane, plot, scale, pixel_ratio, 2, camera)
    right, up, to_eye = axes_of(camera)
    distance = camera.extent / np.tan(HALF_ANGLE)
    rotation = np.eye(4)
    rotation[:3, :3] = np.stack([right, up, to_eye])
    rotation[:3, 3] = -rotation[:3, :3] @ center
    rotation[2, 3] -= distance
    near, far = 0.05 * distance, 20.0 * distance
    perspective = np.zeros((4, 4))
    perspective[0, 0], perspective[1, 1] = kx * distance, ky * distance
    perspective[0, 2], perspective[1, 2] = -offset_x, -offset_y
    perspective[2, 2], perspective[2, 3] = -(far + near) / (far - near), -2 * far * near / (far - near)
    perspective[3, 2] = -1.0
    return View(perspective @ rotation, pane, plot, scale, pixel_ratio, 3, camera, float(distance))


def frame_camera(data: Sequence[PaneData], aspect: float = 1.0, camera: Camera | None = None) -> Camera:
    """A camera that sees source and data of all panes with a little air. ``aspect`` is a pane's width over its height.

    Bounds are those of 99 % of the start (88 % in 3-D) and of the end positions, and of the target's box or points.
    In 3-D the orbit angles of ``camera`` are kept.
    """
    old = camera or Camera()
    boxes = [box for pane in data for box in bounds_of(pane)]
    boxes = [(low, high) for low, high in boxes if np.isfinite(low).all() and np.isfinite(high).all()]
    if not boxes:
        return Camera(azimuth=old.azimuth, elevation=old.elevation)
    low, high = np.min([b[0] for b in boxes], axis=0), np.max([b[1] for b in boxes], axis=0)
    center, half = (low + high) / 2, (high - low) / 2
    flat = all(pane.dimension == 2 for pane in data)
    if flat:
        extent = max(float(half[1]), float(half[0]) / aspect, 1e-3) * 1.06
    else:
        extent = max(float(np.linalg.norm(half)) * 1.03 / min(1.0, aspect), 1e-3)
    x, y, z = (float(c) for c in center)
    return Camera(center=(x, y, z), extent=extent, azimuth=old.azimuth, elevation=old.elevation)


def bounds_of(pane: PaneData) -> list[tuple[Floats, Floats]]:
    """Boxes (low (3,), high (3,)) of what a pane shows: start, end, target."""
    boxes: list[tuple[Floats, Floats]] = []
    if pane.positions is not None and pane.positions.size:
        # The box of a cloud in space looks empty in its corners: there the noise may spill over.
        boxes += [_spread(pane.positions[0], 0.005 if pane.dimension == 2 else 0.06), _spread(pane.positions[-1])]
    if pane.target_box is not None:
        x0, x1, y0, y1 = pane.target_box
        boxes.append((np.array([x0, y0, 0.0]), np.array([x1, y1, 0.0])))
    if pane.target_points is not None and len(pane.target_points):
        boxes.append(_spread(pane.target_points))
    return boxes


def _spread(points: NDArray[np.floating], tail: float = 0.005) -> tuple[Floats, Floats]:
    step = max(1, len(points) // 20_000)
    low, high = np.zeros(3), np.zeros(3)
    d = points.shape[1]
    low[:d], high[:d] = np.quantile(points[::step].astype(np.float64), [tail, 1.0 - tail], axis=0)
    return low, high
