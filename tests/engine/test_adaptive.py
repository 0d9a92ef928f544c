"""Dormand-Prince: every particle chooses its own steps; what is stored has no influence; stiffness is said."""

from __future__ import annotations

import pytest
import torch

from engine.fields.exact import exact_field
from engine.samplers import RK4, DormandPrince
from engine.samplers.adaptive import DENSE, ERROR, NODES, STAGES
from engine.samplers.base import Record
from engine.schedules import OT, CondOT, VPCosine
from engine.simulation import simulate
from engine.targets import Checkerboard, EightGaussians
from tests.engine.gaussian_field import GaussianField


class Counting(GaussianField):
    """Counts rows as well as calls."""

    rows = 0

    def __call__(self, x, t):
        self.rows += len(x)
        return super().__call__(x, t)


def run(sampler, field, x0, times):
    record = Record()
    return list(sampler.solve(field, x0, times, None, record)), record


def test_tableau_is_consistent():
    for node, row in zip(NODES, STAGES, strict=True):
        assert sum(row) == pytest.approx(node, abs=1e-14)
    assert sum(ERROR) == pytest.approx(0.0, abs=1e-15)
    # the interpolant's free coefficients vanish at both ends, and for constant slopes
    assert sum(DENSE) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("path", [CondOT(), VPCosine(), OT()], ids=lambda path: path.name)
def test_error_follows_the_tolerance(path):
    field = exact_field(EightGaussians(), path, dtype=torch.float64)
    *_, reference = simulate(field, RK4(steps=400), n=60, seed=1)
    errors, costs = [], []
    for tolerance in (1e-4, 1e-6, 1e-8):
        *_, last = simulate(field, DormandPrince(rtol=tolerance, atol=tolerance), n=60, seed=1)
        errors.append(float((last.x - reference.x).abs().median()))
        costs.append(last.evaluations)
        assert last.note is None
    assert errors[0] < 1e-3
    assert errors[2] < 1e-7
    assert errors[0] > 10.0 * errors[1] > 100.0 * errors[2]
    assert costs[0] < costs[1] < costs[2] < 500


def test_particles_take_their_own_steps_whatever_the_company():
    field = exact_field(EightGaussians(), CondOT(), dtype=torch.float64)
    x0 = torch.randn(60, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    together, record = run(DormandPrince(), field, x0, [0.0, 1.0])
    assert "at most" in (record.remark or "")
    alone = [run(DormandPrince(), field, x0[k : k + 1], [0.0, 1.0]) for k in range(0, 60, 7)]
    for k, (states, _) in zip(range(0, 60, 7), alone, strict=True):
        torch.testing.assert_close(states[-1], together[-1][k : k + 1], atol=1e-12, rtol=0.0)
    assert len({own.evaluations for _, own in alone}) > 1


def test_stored_times_have_no_influence_and_the_interpolant_is_of_fourth_order():
    field = GaussianField(CondOT(), mean=(0.5, -1.0), std=0.3)
    x0 = torch.randn(40, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    few, one = run(DormandPrince(), field, x0, [0.0, 1.0])
    times = [k / 97 for k in range(97)] + [1.0]
    many, other = run(DormandPrince(), field, x0, times)
    assert torch.equal(few[-1], many[-1])
    assert one.evaluations == other.evaluations
    mean = torch.from_numpy(field.mean)
    for t, x in zip(times[1:], many, strict=True):
        exact = t * mean + x0 * (t * t * 0.09 + (1.0 - t) ** 2) ** 0.5
        assert float((x - exact).abs().max()) < 3e-4
    assert len({x.data_ptr() for x in many}) == len(many)


def test_evaluations_are_those_counted():
    field = Counting(VPCosine(), "noise", std=0.3)
    field.calls.clear()
    x0 = torch.randn(30, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    _, record = run(DormandPrince(), field, x0, [0.02, 0.5, 0.999])
    assert record.evaluations == round(field.rows / 30)
    assert len(field.calls) < field.rows / 3  # those with the same step are evaluated together
    assert DormandPrince().evaluations is None


def test_float32_stops_at_its_own_rounding():
    field = exact_field(EightGaussians(), CondOT(), dtype=torch.float32)
    *_, last = simulate(field, DormandPrince(rtol=1e-12, atol=1e-12), n=100, seed=0)
    assert last.note is None
    assert last.evaluations < 500


def test_stiffness_is_said():
    # a checkerboard has edges: close to t = 1 the velocity changes within 1 - t
    field = exact_field(Checkerboard(), CondOT(), dtype=torch.float64)
    *_, last = simulate(field, DormandPrince(rtol=1e-9, atol=1e-9, most_steps=20), n=100, seed=0)
    assert last.note is not None
    assert last.note.startswith("stiff: ")
    assert "after 20 steps" in last.note
    assert torch.isfinite(last.x).all()


class Broken(GaussianField):
    """Not a number beyond t = 1/2."""

    def __call__(self, x, t):
        return super().__call__(x, t) * (float("nan") if t > 0.5 else 1.0)


def test_a_field_that_breaks_ends_with_a_note_and_not_in_a_loop():
    *_, last = simulate(Broken(CondOT()), DormandPrince(), n=5, seed=0)
    assert "stiff: 100 %" in (last.note or "")
    assert torch.isfinite(last.x).all()
