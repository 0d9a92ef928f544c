"""The source's outline behind the particles, on one grid with the target."""

from __future__ import annotations

import numpy as np

from engine.sources import StandardGaussian
from engine.targets import EightGaussians, Moons
from gui.backdrop import outlined
from gui.runs import target_data


def test_target_and_outline_share_one_box() -> None:
    target = np.ones((10, 10), dtype=np.float32)
    source = np.pad(np.ones((20, 20), dtype=np.float32), 10)
    raster, box = outlined(target, (0.0, 1.0, 0.0, 1.0), source, (2.0, 4.0, 0.0, 2.0))
    assert box == (0.0, 4.0, 0.0, 2.0)
    h, w = raster.shape
    assert w == 2 * h
    assert raster[h // 4, w // 8] == 1.0  # the middle of the target
    assert raster[h // 2, 3 * w // 4] < 0.01  # the middle of the source: an outline is hollow
    row = raster[h // 2, w // 2 :]
    assert 0.4 < row.max() < 0.8
    edges = 2.0 + (np.flatnonzero(row > 0.4) + 0.5) / w * 4.0
    assert abs(edges.min() - 2.5) < 0.05
    assert abs(edges.max() - 3.5) < 0.05


def test_a_gaussian_source_leaves_the_target_alone() -> None:
    plain, same = target_data(EightGaussians()), target_data(EightGaussians(), StandardGaussian())
    assert plain.target is not None
    np.testing.assert_array_equal(plain.target, same.target)
    other = target_data(EightGaussians(), Moons())
    assert other.target is not None
    assert other.target_box is not None
    assert plain.target_box is not None
    assert other.target_box[0] <= plain.target_box[0]
