"""Targets: draws, densities, moments and frames agree with each other; every shape is what its parameters say."""

from __future__ import annotations

import math
import sys
from subprocess import run

import msgspec
import numpy as np
import pytest

from engine.arrays import Array, arrays_of, decoder_of_arrays, encode_array
from engine.choice import Problem
from engine.targets import (
    SHAPES,
    Checkerboard,
    EightGaussians,
    Image,
    Mixture,
    Moons,
    Painting,
    Points,
    Rings,
    SphereShell,
    SwissRoll3D,
    Target,
    TargetBase,
)
from engine.targets.quadrature import fibonacci_sphere
from engine.targets.raster import from_raster

ALL: tuple[type[TargetBase], ...] = (*SHAPES, Mixture)


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed))


def painting() -> Painting:
    ink = generator(3).random((12, 20)) * (generator(4).random((12, 20)) > 0.6)
    return from_raster(ink, (-2.0, 3.0, 1.0, 2.5))


@pytest.mark.parametrize("shape", ALL)
def test_moments_are_those_of_the_draws(shape: type[TargetBase]) -> None:
    """n = 40,000, seed 0: the mean within 4.5 standard errors, the covariance within 4 % of its trace."""
    target, n = shape(), 40_000
    x = target.sample(n, generator(0))
    density = target.density()
    error = np.sqrt(np.diagonal(density.covariance()) / n)
    assert x.shape == (n, target.dimension)
    assert x.dtype == np.float64
    assert np.all(np.abs(x.mean(axis=0) - density.mean()) < 4.5 * error)
    assert np.abs(np.cov(x.T) - density.covariance()).max() < 0.04 * np.trace(density.covariance())


@pytest.mark.parametrize("shape", ALL)
def test_bounds_hold_the_draws_and_the_frame_standardises(shape: type[TargetBase]) -> None:
    target = msgspec.structs.replace(shape(), standardise="isotropic")
    x = target.sample(20_000, generator(1))
    low, high = target.density().bounds()
    assert np.mean(np.all((x >= low) & (x <= high), axis=1)) > 0.999
    frame = target.frame()
    assert np.allclose(frame.outward(frame.inward(x)), x, rtol=1e-12, atol=1e-12)
    inner = target.density().moved(frame.shift, frame.scale)
    assert np.allclose(inner.mean(), 0.0, atol=1e-12)
    assert np.trace(inner.covariance()) == pytest.approx(target.dimension)
    assert inner.log_prob(frame.inward(x[:50])) == pytest.approx(target.log_prob(x[:50]) + frame.log_det, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("shape", ALL)
def test_standardise_per_axis_and_none(shape: type[TargetBase]) -> None:
    each = msgspec.structs.replace(shape(), standardise="per-axis")
    frame = each.frame()
    assert np.allclose(np.diagonal(each.density().moved(frame.shift, frame.scale).covariance()), 1.0)
    none = msgspec.structs.replace(shape(), standardise="none").frame()
    assert np.all(none.shift == 0.0)
    assert np.all(none.scale == 1.0)


@pytest.mark.parametrize("shape", [s for s in ALL if s().dimension == 2])
def test_density_integrates_to_one(shape: type[TargetBase]) -> None:
    """Midpoint rule on 300 x 300 cells over the bounds."""
    target = shape()
    low, high = target.density().bounds()
    axes = [a + (b - a) * (np.arange(300) + 0.5) / 300 for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    assert np.exp(target.log_prob(grid)).sum() * np.prod((high - low) / 300) == pytest.approx(1.0, abs=2e-3)


def test_draws_depend_on_the_seed_alone() -> None:
    for target in (painting(), Moons(), Mixture()):
        assert np.array_equal(target.sample(100, generator(5)), target.sample(100, generator(5)))
        assert not np.array_equal(target.sample(100, generator(5)), target.sample(100, generator(6)))


def test_entropies_of_the_literature() -> None:
    """Nats: 8gaussians (radius 5, std 0.562) 3.765, n = 100,000, seed 2, s.e. 0.003; the checkerboard ln 32, exactly."""
    rings = EightGaussians()
    assert -rings.log_prob(rings.sample(100_000, generator(2))).mean() == pytest.approx(3.765, abs=0.012)
    board = Checkerboard()
    assert np.allclose(-board.log_prob(board.sample(1000, generator(2))), math.log(32.0))


def test_nodes_are_at_most_half_a_noise_std_apart() -> None:
    for target in (Moons(), Rings(), SphereShell(), SwissRoll3D()):
        density = target.density()
        assert target.note == ""
        means = density.means  # type: ignore[attr-defined]  # these shapes are mixtures
        apart = np.sort(np.linalg.norm(means[:200, None] - means, axis=2), axis=1)[:, 1]
        assert apart.max() <= 0.5 * target.noise + 1e-9  # type: ignore[attr-defined]
    sphere = fibonacci_sphere(3000)
    assert np.allclose(np.linalg.norm(sphere, axis=1), 1.0)


def test_a_curve_too_long_for_its_noise_says_so() -> None:
    assert "beads" in Rings(rings=8, radius=10.0, noise=0.02).note


def test_three_dimensional_shapes_have_three_axes() -> None:
    assert {shape().dimension for shape in SHAPES} == {2, 3}
    assert SphereShell().axis_names == ("x", "y", "z")


def test_json_round_trip_of_every_target() -> None:
    values = Array(generator(0).standard_normal((5, 2)))
    pixels = Array(np.full((2, 3, 3), 7, dtype=np.uint8))
    for target in [shape() for shape in ALL] + [painting(), Points(values=values), Image(pixels=pixels)]:
        text = msgspec.json.encode(target, enc_hook=encode_array)
        back = msgspec.json.decode(text, type=Target, dec_hook=decoder_of_arrays(arrays_of(target)))
        assert back == target
        assert hash(back) == hash(target)


def test_every_shape_explains_itself() -> None:
    for shape in (*ALL, Painting, Image, Points):
        assert shape.label
        assert shape.summary.endswith(".")
        assert shape.formula
        assert shape.source


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"weights": (1.0, 1.0)}, "2 weights"),
        ({"weights": (0.0, 0.0, 0.0)}, "at least one weight"),
        ({"weights": (1.0, -1.0, 1.0)}, "Gaussian 2"),
        ({"means": ((0.0, 0.0, 0.0), (0.0, 0.0), (0.0, 0.0))}, "Gaussian 1"),
        ({"means": ((0.0, float("nan")), (0.0, 0.0), (0.0, 0.0))}, "NaN"),
        ({"covariances": (((1.0, 2.0), (2.0, 1.0)),) * 3}, "positive definite"),
        ({"covariances": (((1.0, 0.5), (0.1, 1.0)),) * 3}, "symmetric"),
        ({"means": ((0.0,),) * 3}, "two or three"),
    ],
)
def test_mixture_refuses(change: dict[str, object], says: str) -> None:
    with pytest.raises(Problem, match=says):
        msgspec.structs.replace(Mixture(), **change)


@pytest.mark.parametrize(
    ("raster", "says"),
    [
        (np.zeros((4, 4)), "empty"),
        (np.full((4, 4), -1.0), "negative"),
        (np.full((4, 4), np.nan), "NaN"),
        (np.ones(4), "two axes"),
        (np.ones((0, 4)), "two axes"),
    ],
)
def test_painting_refuses(raster: np.ndarray, says: str) -> None:
    with pytest.raises(Problem, match=says):
        from_raster(raster)
    with pytest.raises(Problem, match="low below high"):
        from_raster(np.ones((2, 2)), (1.0, -1.0, 0.0, 1.0))


def test_painting_has_its_top_row_on_top() -> None:
    ink = np.zeros((4, 4))
    ink[0, 0] = 1.0
    x = from_raster(ink).sample(100, generator(0))
    assert np.all(x[:, 0] < -0.5)
    assert np.all(x[:, 1] > 0.5)


def test_points_kernel_is_a_share_of_the_spread() -> None:
    values = generator(0).standard_normal((400, 2)) * [1.0, 50.0]
    bare, smooth = Points(values=Array(values)), Points(values=Array(values), bandwidth=0.5)
    assert np.allclose(smooth.density().covariance(), bare.density().covariance() + 0.25 * np.diag(values.var(axis=0)))
    with pytest.raises(Problem, match="bandwidth"):
        bare.log_prob(values[:3])
    assert np.isfinite(smooth.log_prob(values[:3])).all()
    assert set(map(tuple, bare.sample(50, generator(1)))) <= set(map(tuple, values))


def test_structs_import_neither_torch_nor_scipy() -> None:
    code = "import sys, engine.experiment, engine.targets.preview; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_arrays_are_equal_by_content_and_read_only() -> None:
    values = generator(1).standard_normal((3, 2))
    one, same, other = Array(values), Array(values.copy()), Array(values.astype(np.float32))
    assert one == same
    assert one != other
    values[:] = 0.0
    assert one == same
    with pytest.raises(ValueError, match="read-only"):
        one.values[0, 0] = 1.0
    with pytest.raises(Problem, match="Python objects"):
        Array(np.array([{}]))
    text = msgspec.json.encode(painting(), enc_hook=encode_array)
    with pytest.raises((Problem, msgspec.ValidationError), match="is not in the file"):
        msgspec.json.decode(text, type=Target, dec_hook=decoder_of_arrays({}))
