"""Targets: what is to be learned. ``Target`` is the union of all that can be chosen."""

from __future__ import annotations

from engine.targets.base import Frame, Standardise, TargetBase
from engine.targets.mixture import Mixture
from engine.targets.planar import Checkerboard, EightGaussians, Moons, Pinwheel, Rings, SCurve, Spiral, SwissRoll
from engine.targets.points import Points
from engine.targets.protocol import (
    PROTOCOLS,
    EightGaussiansA,
    EightGaussiansB,
    MoonsA,
    MoonsB,
    SCurveA,
    WideEightGaussiansA,
    WideMoonsA,
)
from engine.targets.raster import Image, Painting
from engine.targets.spatial import Helix, SphereShell, SwissRoll3D, TorusKnot

Target = (
    EightGaussians
    | Moons
    | Checkerboard
    | Pinwheel
    | SwissRoll
    | Rings
    | SCurve
    | Spiral
    | Helix
    | TorusKnot
    | SphereShell
    | SwissRoll3D
    | Painting
    | Image
    | Points
    | Mixture
    | EightGaussiansA
    | WideEightGaussiansA
    | MoonsA
    | WideMoonsA
    | SCurveA
    | EightGaussiansB
    | MoonsB
)

SHAPES: tuple[type[TargetBase], ...] = (
    EightGaussians,
    Moons,
    Checkerboard,
    Pinwheel,
    SwissRoll,
    Rings,
    SCurve,
    Spiral,
    Helix,
    TorusKnot,
    SphereShell,
    SwissRoll3D,
    *PROTOCOLS,
)
"""The named shapes: every one can be built without arguments."""

__all__ = [
    "SHAPES",
    "Checkerboard",
    "EightGaussians",
    "EightGaussiansA",
    "EightGaussiansB",
    "Frame",
    "Helix",
    "Image",
    "Mixture",
    "Moons",
    "MoonsA",
    "MoonsB",
    "Painting",
    "Pinwheel",
    "Points",
    "Rings",
    "SCurve",
    "SCurveA",
    "SphereShell",
    "Spiral",
    "Standardise",
    "SwissRoll",
    "SwissRoll3D",
    "Target",
    "TargetBase",
    "TorusKnot",
    "WideEightGaussiansA",
    "WideMoonsA",
]
