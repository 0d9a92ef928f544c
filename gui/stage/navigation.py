"""How the pointer moves the camera: pan, zoom about a point, orbit. Pure functions of a frozen Camera; pixels are logical, y down."""

from __future__ import annotations

import msgspec

from shaders.scene import Camera

SMALLEST, LARGEST = 1e-4, 1e4
ORBIT_DEGREES_PER_PIXEL = 0.35


def to_world(camera: Camera, size: tuple[float, float], x: float, y: float) -> tuple[float, float]:
    """The standardised coordinates under pixel (x, y) of a 2-D pane of ``size`` (width, height); axes are equal."""
    width, height = size
    unit = 2.0 * camera.extent / max(height, 1.0)
    return camera.center[0] + (x - width / 2) * unit, camera.center[1] - (y - height / 2) * unit


def panned(camera: Camera, size: tuple[float, float], dx: float, dy: float) -> Camera:
    """What is seen follows a drag by (dx, dy) pixels."""
    unit = 2.0 * camera.extent / max(size[1], 1.0)
    x, y, z = camera.center
    return msgspec.structs.replace(camera, center=(x - dx * unit, y + dy * unit, z))


def zoomed(camera: Camera, size: tuple[float, float], factor: float, x: float, y: float, *, about_pointer: bool = True) -> Camera:
    """Magnified by ``factor``; the point under pixel (x, y) stays there (2-D), or the centre does (3-D)."""
    extent = min(LARGEST, max(SMALLEST, camera.extent / factor))
    closer = msgspec.structs.replace(camera, extent=extent)
    if not about_pointer:
        return closer
    before, after = to_world(camera, size, x, y), to_world(closer, size, x, y)
    cx, cy, cz = camera.center
    return msgspec.structs.replace(closer, center=(cx + before[0] - after[0], cy + before[1] - after[1], cz))


def orbited(camera: Camera, dx: float, dy: float) -> Camera:
    """Turned by a drag of (dx, dy) pixels, as if one held the object."""
    azimuth = (camera.azimuth - dx * ORBIT_DEGREES_PER_PIXEL + 180.0) % 360.0 - 180.0
    elevation = min(89.0, max(-89.0, camera.elevation + dy * ORBIT_DEGREES_PER_PIXEL))
    return msgspec.structs.replace(camera, azimuth=azimuth, elevation=elevation)


def wheel_factor(degrees: float) -> float:
    """Magnification of a wheel turned by ``degrees`` (15 a notch): a tenth more for each notch."""
    return float(1.1 ** (degrees / 15.0))
