"""Data of published protocols against what their papers' code draws: moments, grids, entropies, floors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine.metrics import w2
from engine.randomness import generator
from engine.targets import EightGaussiansA, EightGaussiansB, MoonsA, MoonsB, SCurveA, WideEightGaussiansA, WideMoonsA


def moons_of_scikit_learn(n: int, noise: float, rng: np.random.Generator) -> np.ndarray:
    """sklearn.datasets.make_moons, written out from its documentation."""
    outer, inner = np.linspace(0, np.pi, n // 2), np.linspace(0, np.pi, n - n // 2)
    x = np.concatenate([np.stack([np.cos(outer), np.sin(outer)], 1), np.stack([1 - np.cos(inner), 1 - np.sin(inner) - 0.5], 1)])
    return x + noise * rng.standard_normal(x.shape)


def test_moons_are_scikit_learns() -> None:
    """W2 between 1,000 points of each: 0.06 to 0.08, as between two draws of scikit-learn's (independent draws: 0.17 +- 0.04)."""
    own = MoonsA().sample(1000, generator(0))
    assert w2(own, 2 * moons_of_scikit_learn(1000, 0.05, np.random.default_rng(1)) - 1) < 0.09
    other = w2(MoonsA().density().moved(np.zeros(2), np.ones(2)).sample(1000, generator(3)), own)
    assert other < 0.09


def test_wide_moons_are_scaled_by_all_their_numbers_together() -> None:
    x = moons_of_scikit_learn(200_000, 0.1, np.random.default_rng(0))
    x = 7 * (x - x.mean()) / x.std()
    own = WideMoonsA().sample(200_000, generator(0))
    assert own.mean() == pytest.approx(0.0, abs=0.01)
    assert own.std() == pytest.approx(7.0, abs=0.01)
    assert np.abs(own.mean(axis=0) - x.mean(axis=0)).max() < 0.02
    assert np.abs(np.cov(own.T) - np.cov(x.T)).max() < 0.3


def test_the_shift_of_torchdyns_moons_is_shared_by_both_coordinates() -> None:
    """Back in its own units a point minus its shift lies on one of the two arcs: the shift is on a line along (1, 1)."""
    x = (MoonsB().sample(2000, generator(0)) + 1.0) / 3.0
    u = np.linspace(0, np.pi, 1000)
    arcs = np.concatenate([np.stack([np.cos(u), np.sin(u)], 1), np.stack([1 - np.cos(u), 0.5 - np.sin(u)], 1)])
    sorted_ = np.array(sorted(arcs.tolist()))
    for point in x[:200]:
        gap = point - sorted_
        on_line = np.abs(gap[:, 0] - gap[:, 1]) < 4e-3
        assert ((gap[on_line].mean(axis=1) > -4e-3) & (gap[on_line].mean(axis=1) < 0.204)).any()
    assert np.abs(x.mean(axis=0) - (arcs.mean(axis=0) + 0.1)).max() < 0.01


def test_entropies() -> None:
    """Nats. B's 8gaussians 3.765; A's: ln 8 + ln(2 pi e) less the overlap of neighbours; n = 100,000, seed 2, s.e. 0.003."""
    narrow = EightGaussiansB()
    assert narrow.density().stds[0, 0] == pytest.approx(0.562341, abs=1e-6)
    assert -narrow.log_prob(narrow.sample(100_000, generator(2))).mean() == pytest.approx(3.765, abs=0.012)
    for target, std in ((EightGaussiansA(), 1.0), (WideEightGaussiansA(), 1.5)):
        bound = math.log(8) + math.log(2 * math.pi * math.e * std**2)
        assert bound - 0.2 < -target.log_prob(target.sample(100_000, generator(2))).mean() < bound


def test_floors_are_those_of_the_literature() -> None:
    """W2 of two draws of 1,000: S-curve 0.24 +- 0.08, 8 Gaussians (A) 0.54 +- 0.10 and (B) 0.63 +- 0.15; means of 4, seeds 0 to 3."""
    for target, mean, spread in ((SCurveA(), 0.24, 0.08), (EightGaussiansA(), 0.54, 0.10), (EightGaussiansB(), 0.63, 0.15)):
        found = [w2(target.sample(1000, generator(k, "one")), target.sample(1000, generator(k, "other"))) for k in range(4)]
        assert np.mean(found) == pytest.approx(mean, abs=2.0 * spread)
