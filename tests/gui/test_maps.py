"""Maps: on a mixture all densities agree; errors of a network against its own definition; reasons where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from engine.arrays import Array
from engine.densities.kernel import kernel_estimate
from engine.densities.mixture import GaussianMixture
from engine.experiment import Experiment
from engine.fields.base import score, velocity
from engine.fields.exact import exact_field_of
from engine.fields.learned import LearnedField
from engine.networks import MLP
from engine.samplers import DDPM, Euler, EulerMaruyama, Heun
from engine.schedules import VE
from engine.targets import EightGaussians, Mixture, Points
from gui.evolution import TIMES, Evolution, evolve
from gui.map_kinds import GUIDED, KINDS, NO_NETWORK, diffusion_of, refusal, rounded_up, unit_of_density
from gui.map_work import draw
from gui.maps import MapRequest, MapValues, NoMap, Truths, axes_in
from gui.runs import Fields, Run, RunRequest, Snapshot, law_of, run
from shaders.scene import MapKind

torch.set_num_threads(1)
N, SEED = 20_000, 3
BOX, SIZE = (-4.0, 4.0, -4.0, 4.0), (80, 64)


def request_of(sampler: Any, snapshot: Snapshot | None = None, **changes: Any) -> RunRequest:
    return replace(RunRequest(law_of(Experiment(target=Mixture())), sampler, snapshot, N, SEED, "cpu"), **changes)


def drawn(kind: MapKind, request: RunRequest, t: float, data: Any = None, box: Any = BOX, size: Any = SIZE) -> Any:
    *_, last = draw(MapRequest.of(request, kind, t, box, size), Fields(), Truths(), data)
    return last


@pytest.fixture(scope="module")
def network() -> Snapshot:
    """Random weights, large enough to be wrong."""
    return random_network()


def random_network(**settings: Any) -> Snapshot:
    experiment = Experiment(target=Mixture(), network=MLP(width=16, depth=2, **settings))
    made = experiment.build()
    made.initialise(np.random.default_rng(0))
    made.layers[-1][0].copy_(0.3 * torch.randn(made.layers[-1][0].shape, generator=torch.Generator().manual_seed(1)))
    return Snapshot(1, 1, LearnedField(experiment, made.weights))


@pytest.mark.parametrize("sampler", [Heun(steps=60), EulerMaruyama(steps=200)], ids=["ODE", "SDE"])
def test_on_a_mixture_all_densities_agree(sampler: Any) -> None:
    """Total variation to the exact p_t at t = 1/4, 1/2, 3/4, 1, with the exact field as the model.

    Model by 50 Heun steps: below 1e-3, the error of the steps. Grid of 128 x 128 cells: below 0.015, the error of cells 0.08 wide where the
    narrowest Gaussian has a standard deviation of 0.17. Kernel estimate of n = 20,000 particles, seed 3: its expectation is p_t smoothed by
    the known h, so it is held against that; below 1.5 times what its standard errors sqrt(p / (4 pi h_x h_y n)) make on average (0.02).
    """
    asked, fields, truths = request_of(sampler), Fields(), Truths()
    *_, path = (value for value in run(asked, fields) if isinstance(value, Run))
    *_, grid = (value for value in evolve(MapRequest.of(asked, "grid", 0.0, BOX, SIZE), fields) if isinstance(value, Evolution))
    assert (grid.whole, grid.known, grid.densities.shape) == (True, TIMES, (TIMES, 128, 128))
    assert grid.wall < 1e-5
    scale, size = float(np.exp(asked.law.target.frame().log_det)), (64, 64)
    fine, cell = (128, 128), (BOX[1] - BOX[0]) * (BOX[3] - BOX[2]) / 64**2
    exact = exact_field_of(asked.law, dtype=torch.float64)

    def apart(one: np.ndarray, other: np.ndarray, area: float) -> float:
        return 0.5 * float(np.abs(one.astype(np.float64) - other).sum()) * scale * area

    for t in (0.25, 0.5, 0.75, 1.0):
        *_, truth = draw(MapRequest.of(asked, "exact", t, grid.box, fine), fields, truths)
        area, moved = (
            (grid.box[1] - grid.box[0]) * (grid.box[3] - grid.box[2]) / 128**2,
            grid.at(t, MapRequest.of(asked, "grid", t, BOX, SIZE)),
        )
        assert moved is not None
        assert abs(float(truth.values.sum()) * scale * area - 1.0) < 1e-4
        assert apart(moved.values, truth.values, area) < 0.015
        *_, kernels = draw(MapRequest.of(asked, "particles", t, BOX, size), fields, truths, path.data)
        smoothed, noise = smoothed_density(exact, path, t, *axes_in(BOX, size))
        assert 0.5 * noise * cell < apart(kernels.values, smoothed / scale, cell) < 1.5 * noise * cell
        assert {m.unit for m in (truth, kernels, moved)} == {"per unit²"}
        if not sampler.noisy:  # the same work for both
            *_, truth = draw(MapRequest.of(asked, "exact", t, BOX, size), fields, truths)
            *_, model = draw(MapRequest.of(asked, "model", t, BOX, size), fields, truths)
            assert apart(model.values, truth.values, cell) < 1e-3


def smoothed_density(exact: Any, path: Run, t: float, xs: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, float]:
    """p_t of the mixture with the kernel's variance added, (h, w), and the mean total variation of a kernel estimate to it, per cell."""
    from shaders.trajectory import positions_at

    points = positions_at(path.data, t)
    _, widths = kernel_estimate(points, BOX, (8, 8))
    frame = path.request.law.target.frame()
    own = path.request.law.target.density().moved(frame.shift, frame.scale)
    alpha, beta = float(exact.path.alpha(t)), float(exact.path.beta(t))
    covariances = alpha**2 * own.covariances + beta**2 * np.eye(2) + np.diag(widths**2)
    wide = GaussianMixture(alpha * own.means, covariances=covariances, weights=own.weights)
    grid = np.stack([part.ravel() for part in np.meshgrid(xs, ys)], axis=1)
    density = np.exp(wide.log_prob(grid)).reshape(len(ys), len(xs))
    deviation = np.sqrt(density / (4.0 * np.pi * widths.prod() * len(points)))
    return density, 0.5 * float(np.sqrt(2.0 / np.pi) * deviation.sum())


def test_errors_are_those_of_the_network(network: Snapshot) -> None:
    """Against both fields asked at one cell; the angle in degrees; the ratio is the difference of the two logarithms."""
    asked = request_of(Heun(), network)
    exact = exact_field_of(asked.law, dtype=torch.float64)
    found = {
        kind: drawn(kind, asked, 0.6, size=(24, 20)) for kind in ("velocity-error", "score-error", "angle", "log-ratio", "model", "exact")
    }
    xs, ys = axes_in(BOX, (24, 20))
    for row, column in ((10, 12), (3, 17)):
        x = torch.tensor([[xs[column], ys[row]]])
        u, v = velocity(network.field, x.float(), 0.6)[0].double(), velocity(exact, x, 0.6)[0]
        s, right = score(network.field, x.float(), 0.6)[0].double(), score(exact, x, 0.6)[0]
        assert found["velocity-error"].values[row, column] == pytest.approx(float((u - v).norm()), rel=1e-4)
        assert found["score-error"].values[row, column] == pytest.approx(float((s - right).norm()), rel=1e-4)
        angle = float(torch.rad2deg(torch.arccos((u @ v) / (u.norm() * v.norm()))))
        assert found["angle"].values[row, column] == pytest.approx(angle, abs=1e-2)
        ratio = np.log(found["model"].values[row, column] / found["exact"].values[row, column])
        assert found["log-ratio"].values[row, column] == pytest.approx(float(ratio), abs=1e-4)
    assert found["log-ratio"].beside is not None
    np.testing.assert_array_equal(found["log-ratio"].beside.values, found["model"].values)
    assert found["log-ratio"].data(2.0, True).low == -2.0


def test_the_residual_vanishes_for_no_network_but_a_perfect_one(network: Snapshot) -> None:
    """A random network leaves some over, of both signs, and none in all: what goes somewhere has come from elsewhere."""
    asked = request_of(EulerMaruyama(), network)
    found = drawn("residual", asked, 0.6, box=(-6.0, 6.0, -6.0, 6.0), size=(96, 96))
    assert isinstance(found, MapValues)
    assert found.values.min() < -0.01
    assert found.values.max() > 0.01
    assert abs(float(found.values.sum())) < 0.01 * float(np.abs(found.values).sum())
    assert found.unit == "per unit² per t"


def test_the_grid_moves_what_a_network_moves() -> None:
    """The same density as by the change of variables, whatever the network is worth: total variation below 0.02 at t = 1."""
    asked, fields = request_of(Heun(), random_network(space_features=0)), Fields()
    *_, grid = (value for value in evolve(MapRequest.of(asked, "grid", 0.0, BOX, SIZE), fields) if isinstance(value, Evolution))
    cell = (grid.box[1] - grid.box[0]) * (grid.box[3] - grid.box[2]) / 128**2
    model = drawn("model", asked, 1.0, box=grid.box, size=(128, 128))
    moved = grid.at(1.0, MapRequest.of(asked, "grid", 1.0, BOX, SIZE))
    assert moved is not None
    scale = float(np.exp(asked.law.target.frame().log_det))
    assert 0.5 * float(np.abs(moved.values - model.values).sum()) * cell * scale < 0.02


def test_densities_are_in_the_units_of_the_user() -> None:
    """A table in other units: the map integrates to one over the user's plane, and the axes' units are named."""
    values = np.random.default_rng(0).standard_normal((300, 2)) * [1.0, 30.0] + [5.0, 70.0]
    law = law_of(
        Experiment(target=Points(values=Array(values), columns=("eruption (min)", "waiting (min)"), bandwidth=0.3, standardise="per-axis"))
    )
    found = drawn("exact", replace(request_of(Heun()), law=law), 1.0, box=(-6.0, 6.0, -6.0, 6.0), size=(120, 120))
    cell = 0.01 * float(np.prod(law.target.frame().scale))
    assert float(found.values.sum()) * cell == pytest.approx(1.0, abs=1e-3)
    assert found.unit == "per min²"
    assert unit_of_density(("a (km)", "b (s)")) == "per km·s"
    assert unit_of_density(("x", "y")) == "per unit²"


def test_a_kernel_estimate_is_the_sum_of_its_kernels() -> None:
    """Against the plain sum over 500 points, 2 % of the peak: binning moves a point by an eighth of h; far points do not widen it."""
    points = np.random.default_rng(1).standard_normal((500, 2)) * [1.0, 0.2]
    density, widths = kernel_estimate(np.concatenate([points, [[1e5, 0.0], [np.nan, 0.0]]]), BOX, (41, 31))
    shares = widths / (points.std(axis=0, ddof=1) * 500 ** (-1 / 6))
    assert shares[0] == pytest.approx(shares[1])
    assert 0.5 <= shares[0] <= 1.0  # of one Gaussian Scott's rule is nearly the best
    xs, ys = axes_in(BOX, (41, 31))
    kernels = [np.exp(-0.5 * ((axis[:, None] - points[:, k]) / widths[k]) ** 2) / widths[k] for k, axis in enumerate((xs, ys))]
    plain = kernels[1] @ kernels[0].T / (2.0 * np.pi * 501)
    np.testing.assert_allclose(density, plain, atol=0.02 * plain.max())


def test_kernels_are_narrow_where_the_particles_are_in_clumps() -> None:
    """Eight Gaussians, n = 6,000, seed 0: the width chosen has less than a third of the integrated squared error of Scott's."""
    target = EightGaussians()
    frame = target.frame()
    points = frame.inward(target.sample(6_000, np.random.default_rng(0)))
    scott = points.std(axis=0, ddof=1) * 6_000 ** (-1 / 6)
    box, size = (-2.5, 2.5, -2.5, 2.5), (100, 100)
    xs, ys = axes_in(box, size)
    grid = np.stack([part.ravel() for part in np.meshgrid(xs, ys)], axis=1)
    truth = np.exp(target.density().moved(frame.shift, frame.scale).log_prob(grid)).reshape(100, 100)
    density, widths = kernel_estimate(points, box, size)
    kernels = [np.exp(-0.5 * ((axis[:, None] - points[:, k]) / scott[k]) ** 2) / scott[k] for k, axis in enumerate((xs, ys))]
    wide = kernels[1] @ kernels[0].T / (2.0 * np.pi * 6_000)
    assert (widths < 0.6 * scott).all()
    assert ((density - truth) ** 2).sum() < ((wide - truth) ** 2).sum() / 3.0


def test_what_cannot_be_says_why() -> None:
    exact = request_of(Heun())
    for kind in ("velocity-error", "score-error", "angle", "log-ratio", "residual"):
        found = drawn(kind, exact, 0.5)
        assert isinstance(found, NoMap)
        assert found.reason == NO_NETWORK == refusal(kind, exact=True, guidance=exact.guidance, law=exact.law, sampler=exact.sampler)
    wide = replace(exact, law=msgspec.structs.replace(exact.law, path=VE(sigma_max=50.0)))
    *_, found = evolve(MapRequest.of(wide, "grid", 0.0, BOX, SIZE), Fields())
    assert isinstance(found, NoMap)
    assert "too coarse" in found.reason
    assert diffusion_of(DDPM())[0] is not None
    assert diffusion_of(Euler()) == (None, None)
    from engine.guidance import ClassifierFree

    assert refusal("angle", exact=False, guidance=ClassifierFree(y=1), law=exact.law, sampler=exact.sampler) == GUIDED
    assert isinstance(drawn("particles", exact, 0.5), NoMap)


def test_panes_that_show_the_same_ask_the_same(network: Snapshot) -> None:
    """Sampler, particles and network do not matter to p_t; the sampler's noise matters to the grid."""
    one, other = request_of(Heun(), network), request_of(EulerMaruyama(), None, particles=7, seed=9)
    assert MapRequest.of(one, "exact", 0.5, BOX, SIZE) == MapRequest.of(other, "exact", 0.5, BOX, SIZE)
    assert MapRequest.of(one, "model", 0.5, BOX, SIZE) != MapRequest.of(other, "model", 0.5, BOX, SIZE)
    assert MapRequest.of(request_of(Heun()), "grid", 0.5, BOX, SIZE) != MapRequest.of(request_of(EulerMaruyama()), "grid", 0.5, BOX, SIZE)


def test_scales_end_at_round_numbers() -> None:
    assert rounded_up(0.01234) == pytest.approx(0.013)
    assert rounded_up(0.013) == pytest.approx(0.013)
    assert rounded_up(99.1) == pytest.approx(100.0)
    assert rounded_up(float("nan")) == rounded_up(0.0) == 0.0
    assert set(KINDS) == set(MapKind.__args__)  # type: ignore[attr-defined]  # of a Literal
