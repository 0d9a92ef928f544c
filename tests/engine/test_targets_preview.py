"""Previews are the density, the right way up, in the user's units."""

from __future__ import annotations

import numpy as np
import pytest

from engine.arrays import Array
from engine.targets import SHAPES, Image, Mixture, Points, TargetBase
from engine.targets.preview import preview, preview_points
from engine.targets.raster import from_raster


@pytest.mark.parametrize("shape", [*SHAPES, Mixture])
def test_preview_is_proportional_to_the_density(shape: type[TargetBase]) -> None:
    target = shape()
    raster, (x_low, x_high, y_low, y_high) = preview(target, 64)
    h, w = raster.shape
    assert max(h, w) == 64
    assert raster.dtype == np.float32
    assert raster.max() == pytest.approx(1.0)
    if target.dimension > 2:
        return
    x = x_low + (x_high - x_low) * (np.arange(w) + 0.5) / w
    y = y_low + (y_high - y_low) * (np.arange(h) + 0.5) / h
    exact = np.exp(target.log_prob(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))).reshape(h, w)
    # a curve thinner than a pixel is drawn a little wider
    assert np.corrcoef(raster.ravel(), exact.ravel())[0, 1] > 0.95


def test_rasters_keep_their_rectangle_and_their_mass() -> None:
    ink = np.random.default_rng(0).random((10, 40))
    raster, box = preview(from_raster(ink, (-3.0, 5.0, 1.0, 3.0)), 20)
    assert box == pytest.approx((-3.0, 5.0, 1.0, 3.0))
    assert raster.shape == (5, 20)
    blocks = ink[::-1].reshape(5, 2, 20, 2).sum(axis=(1, 3))
    assert np.allclose(raster, blocks / blocks.max(), atol=1e-6)
    pixels = np.zeros((2, 4, 1), dtype=np.uint8)
    pixels[0, 0] = 9
    raster, box = preview(Image(pixels=Array(pixels)), 4)
    assert box == pytest.approx((-1.0, 1.0, -0.5, 0.5))
    assert np.argwhere(raster > 0).tolist() == [[1, 0]]


@pytest.mark.parametrize("n", [3, 30_000, 150_000])
def test_points_show_where_they_are(n: int) -> None:
    values = np.random.default_rng(1).standard_normal((n, 2)) * [1.0, 50.0] + [3.0, 400.0]
    raster, box = preview(Points(values=Array(values)))
    low, high = values.min(axis=0), values.max(axis=0)
    assert box[0] == pytest.approx(low[0], abs=0.05 * (high - low)[0])
    assert box[3] == pytest.approx(high[1], abs=0.05 * (high - low)[1])
    assert raster.max() == pytest.approx(1.0)


def test_preview_points_are_always_the_same() -> None:
    points = preview_points(Mixture(), 50)
    assert points.shape == (50, 2)
    assert np.array_equal(points, preview_points(Mixture(), 50))
