"""Whose the error is: the solver's, the network's, nobody's. Statistics: n, repeats and seed are in each test."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
import torch

from engine.arrays import Array
from engine.aside import aside, beside
from engine.choice import Problem
from engine.error_parts import Sources
from engine.error_sources import error_sources
from engine.error_words import conclusion, mass_words, plus_minus, solver_advice
from engine.experiment import Experiment
from engine.fields.exact import ExactField, exact_field_of
from engine.means import Mean
from engine.mode_masses import mode_masses
from engine.randomness import generator
from engine.samplers import MALA, DormandPrince, Euler, EulerMaruyama, Heun, OneStep
from engine.targets import Mixture, Painting, SwissRoll

torch.set_num_threads(1)
TARGET = Mixture()
EXPERIMENT = Experiment(target=TARGET)


class Blown(ExactField):
    """The exact field with a velocity that is ``share`` too large: an error of the field, whatever the solver."""

    share = 0.15

    def velocity(self, x, t):
        return (1.0 + self.share) * super().velocity(x, t)


def blown() -> Blown:
    found = exact_field_of(EXPERIMENT)
    found.__class__ = Blown
    return found


def last(steps) -> Sources:
    fractions = []
    for found in steps:
        fractions.append(found.fraction)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    return found


def measured(model, sampler, **settings) -> Sources:
    return last(error_sources(model, sampler, EXPERIMENT, n=200, repeats=5, seed=3, **settings))


def test_the_exact_field_as_a_network_adds_nothing() -> None:
    """n = 200, 5 repeats, seed 3: paired, so exactly 0; the solver's part is Heun's of 50 steps, below a hundredth of the floor."""
    found = measured(exact_field_of(EXPERIMENT), Heun(steps=50))
    assert found.part("network").mean == 0.0
    assert abs(found.part("solver").mean) < 0.01 * found.w2["floor"].mean
    assert not found.ends.certain
    assert "cannot be told from a perfect network" in conclusion(found)
    assert found.fine == "RK4, 64 steps"
    assert found.fine_change < 0.01 * found.w2["floor"].error


def test_one_step_of_euler_is_the_solvers_fault() -> None:
    """n = 200, 5 repeats, seed 3: one step of Euler jumps to the mean of the data, whose W2 is its standard deviation, about 1.4."""
    found = measured(exact_field_of(EXPERIMENT), Euler(steps=1))
    assert found.part("network").mean == 0.0
    spread = math.sqrt(np.trace(exact_field_of(EXPERIMENT).covariance))
    assert found.w2["solver"].mean == pytest.approx(spread, rel=0.1)
    assert found.part("solver").certain
    assert conclusion(found).startswith("Nearly all of the excess")
    assert "comes from the solver" in conclusion(found)
    assert [rung.steps for rung in found.ladder] == [1, 2]
    assert found.ladder[1].part.mean < 0.6 * found.ladder[0].part.mean
    assert "With twice the steps, 2, the solver's part would be" in solver_advice(found)


@pytest.mark.parametrize("sampler", [Heun(steps=40), EulerMaruyama(steps=64)])
def test_a_wrong_field_is_the_networks_fault(sampler) -> None:
    """n = 200, 5 repeats, seed 3: a velocity 15 % too large."""
    found = measured(blown(), sampler)
    network, solver = found.part("network"), found.part("solver")
    assert network.certain
    assert network.mean > 5.0 * abs(solver.mean)
    assert "comes from the network" in conclusion(found)
    assert found.w2["pane"].mean == pytest.approx(found.w2["network"].mean, rel=0.05)


def test_both_at_fault_are_both_named() -> None:
    found = measured(blown(), Euler(steps=6))
    assert found.part("network").certain
    assert found.part("solver").certain
    words = conclusion(found)
    assert "the network adds" in words
    assert "the solver" in words


def test_masses_of_modes_stand_beside_the_truth() -> None:
    """n = 200, 5 repeats: shares within 5 standard errors (of 1,000 draws) of the weights, less what is outside of 3 std (1.1 %)."""
    found = measured(exact_field_of(EXPERIMENT), Heun(steps=30))
    modes = found.modes
    assert len(modes.names) == 3
    for name in ("floor", "pane"):
        due = modes.weights * (1.0 - math.exp(-4.5))
        assert np.all(np.abs(modes.mean(name) - due) < 5.0 * np.sqrt(due * (1.0 - due) / 1_000)), name
    assert modes.shares["pane"].shape == (5, 3)


def test_mass_that_the_network_moves_is_named() -> None:
    """Paired, so exactly 0 for the exact field; a score tilted to the right by 0.6 moves mass there: n = 200, 5 repeats, seed 3."""
    same = measured(exact_field_of(EXPERIMENT), Heun(steps=30))
    assert all(shift.mean == 0.0 for shift in same.modes.shift("network", "ideal"))
    assert "network" not in mass_words(same)

    class Tilted(ExactField):
        def velocity(self, x, t):
            return super().velocity(x, t) + torch.tensor([0.6, 0.0], dtype=x.dtype)

    field = exact_field_of(EXPERIMENT)
    field.__class__ = Tilted
    found = measured(field, Heun(steps=30))
    assert any(shift.certain for shift in found.modes.shift("network", "ideal"))
    assert mass_words(found).startswith("The network ")


def blobs(one: float, other: float) -> Painting:
    """Two squares on a 32 x 32 canvas, row 0 at the top: 8 x 8 cells at the upper left, 4 x 4 at the lower right."""
    ink = np.zeros((32, 32), dtype=np.float32)
    ink[3:11, 4:12] = one
    ink[24:28, 22:26] = other
    return Painting(raster=Array(ink))


def test_blobs_of_a_painting_are_modes() -> None:
    found = mode_masses(blobs(0.5, 1.0), {"floor": [np.zeros((4, 2)), np.zeros((4, 2))]})
    np.testing.assert_allclose(found.weights, [2.0 / 3.0, 1.0 / 3.0])
    assert found.names == ("blob at (−0.5, 0.56)", "blob at (0.5, −0.63)")
    target = blobs(1.0, 1.0)
    frame = target.frame()
    draws = [frame.inward(target.sample(4_000, generator(4, "blobs", k))) for k in range(2)]
    found = mode_masses(target, {"floor": draws})
    assert abs(found.mean("floor")[0] - 0.8) < 5.0 * math.sqrt(0.16 / 8_000)  # n = 8,000, seed 4
    np.testing.assert_allclose(found.shares["floor"].sum(axis=1), 1.0)
    with pytest.raises(Problem, match="one piece"):
        mode_masses(blobs(1.0, 0.0), {"floor": draws})


def test_what_cannot_be_told_says_why() -> None:
    exact = exact_field_of(EXPERIMENT)
    with pytest.raises(Problem, match="no fine solver"):
        list(error_sources(exact, MALA(), EXPERIMENT))
    found = measured(exact, OneStep())
    assert set(found.absent) == {"solver", "pane"}
    assert "average velocity" in conclusion(found)
    found = measured(exact, DormandPrince(), learned=False)
    assert set(found.w2) == {"floor", "ideal", "solver"}
    assert "tolerances" in solver_advice(found)
    assert "This pane shows the exact field" in conclusion(found)
    roll = Experiment(target=SwissRoll())
    plain = last(error_sources(exact_field_of(roll), Euler(steps=4), roll, learned=False, n=60, repeats=3))
    assert plain.modes is None
    assert "no modes" in plain.modes_reason


def test_words_say_no_more_than_the_errors() -> None:
    assert plus_minus(0.0312, 0.0041) == "0.0312 ± 0.0041"
    assert plus_minus(33.04, 1.17) == "33.0 ± 1.2"
    assert plus_minus(-0.5, 0.25) == "−0.50 ± 0.25"
    sure, unsure = Mean((1.0, 1.1, 0.9, 1.0)), Mean((0.1, -0.1, 0.2, -0.1))
    assert sure.certain
    assert not unsure.certain
    assert sure.minus(unsure).values == pytest.approx((0.9, 1.2, 0.7, 1.1))


def test_what_runs_aside_ends_with_the_loop() -> None:
    entered = threading.Event()

    def slow():
        try:
            for k in range(10_000):
                entered.set()
                threading.Event().wait(0.001)
                yield k
        finally:
            closed.append(threading.current_thread().name)

    closed: list[str] = []
    slices = beside(slow(), "slow")
    next(slices)
    assert entered.wait(5.0)
    slices.close()
    assert closed == ["slow"]
    assert "slow" not in {thread.name for thread in threading.enumerate()}

    def fails() -> None:
        raise Problem("no")

    with pytest.raises(Problem, match="no"):
        list(aside(fails))
