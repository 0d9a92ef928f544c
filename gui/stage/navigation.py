"""How the pointer moves the camera: pan, zoom about a point, orbit. Pure functions of a frozen Camera; pixels are logical, y down."""

from __future__ import annotations

from msgspec.structs import replace

from shaders.scene import Camera
from shaders.view import axes_of

SMALLEST, LARGEST = 1e-4, 1e4
ORBIT_DEGREES_PER_PIXEL = 0.35


def panned(camera: Camera, unit: float, dx: float, dy: float, dimension: int) -> Camera:
    """What is seen follows a drag by (dx, dy) pixels, each ``unit`` wide in the world."""
    x, y, z = camera.center
    if dimension == 2:
        return replace(camera, center=(x - dx * unit, y + dy * unit, z))
    right, up, _ = axes_of(camera)
    moved = [c - dx * unit * float(r) + dy * unit * float(u) for c, r, u in zip(camera.center, right, up, strict=True)]
    return replace(camera, center=(moved[0], moved[1], moved[2]))


def zoomed(camera: Camera, factor: float, anchor: tuple[float, float] | None = None) -> Camera:
    """Magnified by ``factor``; the ``anchor`` of the world stays where it is on the screen (None: the centre does)."""
    extent = min(LARGEST, max(SMALLEST, camera.extent / factor))
    x, y, z = camera.center
    if anchor is not None:
        share = extent / camera.extent
        x, y = anchor[0] + (x - anchor[0]) * share, anchor[1] + (y - anchor[1]) * share
    return replace(camera, center=(x, y, z), extent=extent)


def orbited(camera: Camera, dx: float, dy: float) -> Camera:
    """Turned by a drag of (dx, dy) pixels, as if one held the object."""
    azimuth = (camera.azimuth - dx * ORBIT_DEGREES_PER_PIXEL + 180.0) % 360.0 - 180.0
    elevation = min(89.0, max(-89.0, camera.elevation + dy * ORBIT_DEGREES_PER_PIXEL))
    return replace(camera, azimuth=azimuth, elevation=elevation)


def between(start: Camera, end: Camera, share: float) -> Camera:
    """The camera a ``share`` of the way from ``start`` to ``end``: magnification by equal factors, angles the short way round."""
    if share >= 1.0:
        return end
    x, y, z = (a + (b - a) * share for a, b in zip(start.center, end.center, strict=True))
    turn = (end.azimuth - start.azimuth + 180.0) % 360.0 - 180.0
    return replace(
        start,
        center=(x, y, z),
        extent=start.extent * (end.extent / start.extent) ** share,
        azimuth=(start.azimuth + turn * share + 180.0) % 360.0 - 180.0,
        elevation=start.elevation + (end.elevation - start.elevation) * share,
    )


def wheel_factor(degrees: float) -> float:
    """Magnification of a wheel turned by ``degrees`` (15 a notch): a tenth more for each notch."""
    return float(1.1 ** (degrees / 15.0))
