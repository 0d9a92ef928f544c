"""The solver study: known orders on targets of the lab, what it costs, how it stops, its table (MATHS section 9, item 5)."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from engine.choice import Problem
from engine.evaluations import with_evaluations
from engine.experiment import Experiment
from engine.fields.exact import exact_field
from engine.reference import flow_reference
from engine.samplers import RK4, Euler, EulerMaruyama, Heun
from engine.samplers.sigma import ConstantSigma, SqrtSigma
from engine.schedules import CondOT, Trigonometric
from engine.study import Study, StudySettings, ladder, study
from engine.study_table import COLUMNS, rows, text, write_csv
from engine.targets import Mixture

SMALL = StudySettings(particles=60, fewest=64, most=256)


def last(slices) -> Study:
    *_, known = slices
    return known


def gaussian(**changes) -> Experiment:
    """N(m, C) with C far from round; the units are those of the lab."""
    return Experiment(target=one_gaussian(), **changes)


def one_gaussian() -> Mixture:
    return Mixture(means=((0.5, -1.0),), covariances=(((0.5, 0.3), (0.3, 0.3)),), weights=(1.0,), standardise="none")


@pytest.mark.parametrize("path", [CondOT(), Trigonometric()], ids=repr)
def test_slopes_are_the_orders(path):
    # RK4 comes to its 4 from above (4.13 on CondOT here), and with more steps it meets the roundings
    found = last(study(gaussian(path=path), [Euler(), Heun(), RK4()], replace(SMALL, fewest=256, most=1024)))
    assert [found.slope(curve) for curve in range(3)] == [pytest.approx(order, abs=0.15) for order in (1, 2, 4)]
    assert found.reference_error < 1e-9


def test_slopes_on_a_mixture_of_eight():
    found = last(study(Experiment(), [Euler(), Heun(), RK4()], replace(SMALL, fewest=256, most=1024)))
    assert [found.slope(curve) for curve in range(3)] == [pytest.approx(order, abs=0.25) for order in (1, 2, 4)]


@pytest.mark.parametrize("sigma", [ConstantSigma(scale=1.0), SqrtSigma(scale=1.5)], ids=repr)
def test_strong_order_on_a_shared_path(sigma):
    # additive noise: Euler-Maruyama is of strong order 1. n = 300, seed 0; the reference has 16 times the steps of the finest run
    found = last(study(gaussian(), [EulerMaruyama(sigma=sigma)], replace(SMALL, particles=300)))
    assert found.slope(0) == pytest.approx(1.0, abs=0.15)


def test_the_reference_is_the_flow_of_a_gaussian():
    field = exact_field(one_gaussian(), CondOT(), dtype=torch.float64)
    x0 = torch.randn(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    slices = flow_reference(field, x0)
    while True:
        try:
            next(slices)
        except StopIteration as stop:
            reference = stop.value
            break
    values, axes = np.linalg.eigh(field.covariance)
    exact = field.mean + x0.numpy() @ (axes * np.sqrt(values)) @ axes.T  # the flow from N(0, I) to N(m, C)
    np.testing.assert_allclose(reference.ends, exact, atol=1e-8)
    assert reference.error < 1e-9


def test_w2_and_its_floor():
    found = last(study(gaussian(), [Heun(), Euler()], StudySettings(particles=200, fewest=2, most=64)))
    coarse, fine = found.of(0)[0], found.of(0)[-1]
    assert fine.w2 == pytest.approx(found.w2_floor, rel=0.35)
    assert coarse.w2 > fine.w2
    assert [point.evaluations for point in found.of(1)] == [2, 4, 8, 16, 32, 64]
    assert [point.evaluations for point in found.of(0)] == [2, 4, 8, 16, 32, 64]
    assert [point.sampler.steps for point in found.of(0)] == [1, 2, 4, 8, 16, 32]


def test_what_is_known_grows_and_the_share_never_falls():
    shares, counts = [], []
    for known in study(gaussian(), [Heun(), EulerMaruyama()], StudySettings(particles=50, fewest=8, most=16)):
        shares.append(known.fraction)
        counts.append(len(known.points))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert counts == sorted(counts)
    assert counts[-1] == 4


def test_the_same_seed_gives_the_same_numbers():
    settings = StudySettings(particles=50, fewest=8, most=16, seed=3)
    one, other = (last(study(gaussian(), [Euler(), EulerMaruyama()], settings)) for _ in range(2))
    assert [(p.error, p.w2) for p in one.points] == [(p.error, p.w2) for p in other.points]


def test_what_cannot_be_run_is_said():
    with pytest.raises(Problem, match="at least one sampler"):
        last(study(Experiment(), [], SMALL))
    with pytest.raises(Problem, match="more than the most"):
        StudySettings(fewest=64, most=8).budgets()


@pytest.mark.parametrize(
    ("sampler", "budget", "steps"), [(Euler(), 7, 7), (Heun(), 7, 3), (RK4(), 100, 25), (RK4(), 1, 1), (Euler(), 10**6, 10_000)]
)
def test_a_sampler_at_a_budget(sampler, budget, steps):
    assert with_evaluations(sampler, budget).steps == steps


def test_the_ladder_names_each_number_of_steps_once():
    assert [run.steps for run in ladder(RK4(), [1, 2, 4, 8, 16])] == [1, 2, 4]


def test_the_table(tmp_path: Path):
    found = last(
        study(gaussian(), [Euler(), EulerMaruyama(), EulerMaruyama(sigma=ConstantSigma())], StudySettings(particles=50, fewest=4, most=16))
    )
    write_csv(found, tmp_path / "study.csv")
    with (tmp_path / "study.csv").open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert lines == rows(found)
    assert len(lines) == 9
    assert {line[0] for line in lines} == {"Euler", "Euler–Maruyama, ∝ √(1−t)", "Euler–Maruyama, constant"}
    assert float(lines[0][3]) == pytest.approx(found.of(0)[0].error, rel=1e-8)
    assert float(lines[0][6]) == pytest.approx(found.w2_floor, rel=1e-8)
    assert text(found).count("\t") == 10 * (len(COLUMNS) - 1)
    with pytest.raises(Problem, match="no result"):
        write_csv(Study((Euler(),)), tmp_path / "empty.csv")
    assert math.isnan(Study(()).w2_floor)
