"""Two rasters: their sums by knots and by waves against the plain sum, what is pooled, and what is said where p does not reach."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engine.densities.cells import Cells
from engine.experiment import Experiment
from engine.fields.exact import exact_field_of
from engine.fields.jacobian import drift_and_divergence
from engine.fields.raster_pair import MOST_PAIRS, RasterPair
from engine.fields.waves import MOST_WAVES, waves_needed
from engine.interpolants import Interpolant, ProductLatent
from engine.randomness import generator
from engine.samplers import Heun
from engine.simulation import simulate
from engine.targets.raster import from_raster

DOUBLE, CPU = torch.float64, torch.device("cpu")


def ring(n: int) -> np.ndarray:
    y, x = np.mgrid[0:n, 0:n] / n
    return (np.abs(np.hypot(x - 0.5, y - 0.5) - 0.35) < 0.1) + 0.3 * ((x + y) % 0.3 < 0.1)


FIRST = Cells(ring(40)[:30], (-1.8, -1.8), (1.8, 1.5))
SECOND = Cells(ring(25).T ** 2, (-1.6, -1.9), (1.8, 1.8))


def draws(a: float, b: float, latent: float, n: int, first: Cells = FIRST, second: Cells = SECOND) -> torch.Tensor:
    rng = generator(4)
    return torch.as_tensor(a * first.sample(n, rng) + b * second.sample(n, rng) + latent * rng.standard_normal((n, 2)))


def plainly(a: float, b: float, latent: float, x: torch.Tensor) -> torch.Tensor:
    """log p, E[x0|x], E[x1|x], -score by the sum over all pairs of cells in double precision, (n, 7)."""
    pair = RasterPair(FIRST, SECOND, CPU, DOUBLE)
    whole = pair._pooled(1, 1, DOUBLE)
    return torch.cat([whole.moments(part.double(), a, b, latent, [None, None]) for part in torch.split(x, 64)])


@pytest.mark.parametrize(("dtype", "near"), [(DOUBLE, 1e-11), (torch.float32, 3e-4)])
@pytest.mark.parametrize(
    ("a", "b", "latent"),
    [
        *[(0.999, 0.001, 0.0), (0.97, 0.03, 0.0), (0.6, 0.4, 0.0), (0.5, 0.5, 0.0), (0.2, 0.8, 0.0), (0.001, 0.999, 0.0)],
        *[(0.9, 0.1, 0.09), (0.5, 0.5, 0.25), (0.03, 0.97, 0.03), (1.0, 0.0, 0.3), (0.0, 0.7, 0.4), (0.0, 0.0, 1.0)],
    ],
)
def test_many_points_are_told_what_the_sum_tells(a: float, b: float, latent: float, dtype: torch.dtype, near: float) -> None:
    """By knots and by waves, at 300 draws of p_t: log p and both ends; the score where p is smooth."""
    x = draws(a, b, latent, 300).to(dtype)
    pair = RasterPair(FIRST, SECOND, CPU, dtype)
    assert latent == 0.0 or waves_needed(FIRST, SECOND, a, b, latent, dtype) <= MOST_WAVES
    if latent:
        good, found = pair._by_waves(x, a, b, latent)
        assert good.double().mean() > 0.97
        x = x[good]
        found = found[good].double()
    else:
        found = pair._pooled(1, 1, dtype).by_knots(x, a, b).double()
    exact = plainly(a, b, latent, x)
    assert (found[:, :5] - exact[:, :5]).abs().max() < near
    if latent:
        assert ((found[:, 5:] - exact[:, 5:]).abs() / (1.0 + exact[:, 5:].abs())).max() < 10.0 * near
    else:
        # a jump at every knot: in single precision a point may fall on its other side
        assert ((found[:, 5:] - exact[:, 5:]).abs() > 1e-4 * (1.0 + exact[:, 5:].abs())).float().mean() < (
            1e-9 if dtype == DOUBLE else 0.25
        )


def test_the_sum_is_the_law_of_both_ends() -> None:
    """Mass 1 on a grid to 1e-4; p and both means in windows 0.04 wide of 2 million draws
    of both ends (seed 9), within 5 and 4.5 standard errors and 2 % and 0.002 for the window."""
    rng = generator(9)
    first, second = (torch.as_tensor(cells.sample(2_000_000, rng)) for cells in (FIRST, SECOND))
    a, b = 0.4, 0.6
    x = a * first + b * second
    pair = RasterPair(FIRST, SECOND, CPU, DOUBLE)
    axis = torch.linspace(-2.0, 2.0, 401, dtype=DOUBLE)
    grid = pair.on_axes([axis, axis], a, b, 0.0)
    assert grid.density.sum().item() * 1e-4 == pytest.approx(1.0, abs=1e-4)
    places = draws(a, b, 0.0, 40)
    for place in places[pair.log_prob(places, a, b, 0.0).argsort(descending=True)[::5][:5]]:
        near = (x - place).abs().amax(dim=1) < 0.02
        count = int(near.sum())
        assert count > 100
        told = pair(place + 0.04 * (torch.rand(500, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(1)) - 0.5), a, b, 0.0)
        density = pair.log_prob(place[None], a, b, 0.0).exp().item()
        assert count / 2e6 / 16e-4 == pytest.approx(density, abs=5.0 * math.sqrt(count) / 2e6 / 16e-4 + 0.02 * density)
        for exact, ends in ((told[0], first[near]), (told[1], second[near])):
            error = ends.std(dim=0) / math.sqrt(count)
            assert ((ends.mean(dim=0) - exact.mean(dim=0)).abs() < 4.5 * error + 2e-3).all()


def test_derivatives_go_through_knots_and_waves() -> None:
    """div u of many points at once against that of the plain sum, 1e-7 of its size."""
    for path, t in ((None, 0.3), (Interpolant(gamma=ProductLatent()), 0.4)):
        experiment = Experiment(source=from_raster(ring(12)), target=from_raster(ring(15)))
        experiment = experiment if path is None else Experiment(source=experiment.source, target=experiment.target, path=path)
        field = exact_field_of(experiment, dtype=DOUBLE)
        rng = generator(2)
        ends = [experiment.target.frame().inward(law.sample(100, rng)) for law in (experiment.source, experiment.target)]
        x = torch.as_tensor((1 - t) * ends[0] + t * ends[1] + (0.0 if path is None else path.latent(t)) * rng.standard_normal((100, 2)))
        u, divergence = drift_and_divergence(field, x, t)
        parts = [drift_and_divergence(field, part, t) for part in torch.split(x, 50)]
        assert (u - torch.cat([value for value, _ in parts])).abs().max() < 1e-9
        other = torch.cat([value for _, value in parts])
        assert ((divergence - other).abs() / (1.0 + other.abs())).max() < 1e-7


def test_only_large_rasters_are_pooled_and_finely_where_they_weigh_much() -> None:
    assert not RasterPair(Cells(ring(24), (-1, -1), (1, 1)), Cells(ring(32), (-1, -1), (1, 1)), CPU, DOUBLE).pools
    large = RasterPair(Cells(ring(200), (-2, -2), (2, 2)), Cells(ring(128), (-2, -2), (2, 2)), CPU, DOUBLE)
    assert large.pools
    counts = []
    for t in (0.001, 0.1, 0.5, 0.9, 0.999):
        first, second = large.factors(1 - t, t)
        counts.append((-(-200 // first), -(-128 // second)))
        assert counts[-1][0] * counts[-1][1] <= MOST_PAIRS
    assert [first for first, _ in counts] == sorted((first for first, _ in counts), reverse=True)
    assert [second for _, second in counts] == sorted(second for _, second in counts)
    assert counts[-1][1] == 128
    field = exact_field_of(Experiment(source=from_raster(ring(60)), target=from_raster(ring(64))))
    assert "pools" in field.note


def test_where_p_does_not_reach() -> None:
    """Without noise log p is -inf beyond all pairs, and the velocity still finite; with it log p falls as -r^2 / 2 gamma^2."""
    for dtype in (torch.float32, DOUBLE):
        pair = RasterPair(FIRST, SECOND, CPU, dtype)
        x = torch.tensor([[3.0, 0.0], [50.0, -80.0], [1e6, 0.0], [math.nan, 0.0]], dtype=dtype).repeat(40, 1)
        for few in (x[:4], x):
            assert (pair.log_prob(few[:3], 0.5, 0.5, 0.0) == -math.inf).all()
            ends = torch.cat(pair(few, 0.5, 0.5, 0.0), dim=1)
            assert torch.isfinite(ends.view(-1, 4, 6)[:, :3]).all()
            assert torch.isnan(ends.view(-1, 4, 6)[:, 3]).all()
        high = torch.as_tensor(0.5 * (FIRST.high + SECOND.high)).to(dtype)
        far = high + torch.tensor([[30.0, 0.0], [31.0, 0.0]], dtype=dtype)
        fall = pair.log_prob(far, 0.5, 0.5, 0.25)
        assert torch.isfinite(fall).all()
        assert (fall[0] - fall[1]).item() == pytest.approx(30.5 / 0.25**2, rel=0.1)


def test_a_painting_flows_into_another() -> None:
    """200 x 200 cells to 200 x 200, 1,000 particles, 30 Heun steps, seed 0: under 2 % end off the ink, and the mean is the data's
    to 4 standard errors."""
    letter = np.zeros((200, 200))
    letter[20:180, 40:80] = letter[20:60, 40:160] = letter[80:110, 40:140] = 1.0
    experiment = Experiment(source=from_raster(ring(200)), target=from_raster(letter))
    field = exact_field_of(experiment)
    *_, last = simulate(field, Heun(steps=30), n=1000, seed=0)
    frame = experiment.target.frame()
    x = last.x.double().numpy()
    assert np.isinf(experiment.target.density().moved(frame.shift, frame.scale).log_prob(x)).mean() < 0.02
    assert (np.abs(x.mean(axis=0) - field.mean) < 4.0 * np.sqrt(np.diag(field.covariance) / 1000)).all()
