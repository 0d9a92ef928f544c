"""Pairings computed ahead: the same whatever the threads do, permutations, resumed bit for bit, and gone when training stops."""

from __future__ import annotations

import math
import threading
import time

import msgspec
import numpy as np
import pytest

from engine.couplings import Independent, OptimalTransport, Schrodinger
from engine.epochs import Epochs
from engine.experiment import Experiment, Training
from engine.interpolants import Bridge
from engine.networks import MLP
from engine.objectives import FlowAndScore
from engine.pairing import Pairings, block_steps
from engine.targets import EightGaussians, Mixture, Moons
from engine.training import Trainer, TrainingStopped

SMALL = Experiment(
    target=EightGaussians(),
    coupling=OptimalTransport(batch=32, reuse=1),
    network=MLP(width=16, depth=2),
    training=Training(batch=64, seed=5),
)


def pairing_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("pairing")]


def with_coupling(**changes: object) -> Experiment:
    return msgspec.structs.replace(SMALL, coupling=msgspec.structs.replace(SMALL.coupling, **changes))


def test_pairings_do_not_depend_on_threads_or_order() -> None:
    one, many = Pairings(SMALL, threads=1), Pairings(SMALL, threads=4)
    forward = [one.pairs(k) for k in range(12)]
    for k in (7, 3, 11, 0, 1, 2):
        for a, b in zip(forward[k], many.pairs(k), strict=True):
            assert np.array_equal(a, b)
    assert not np.array_equal(forward[0][0], forward[1][0])
    one.close()
    many.close()


def test_optimal_transport_is_a_permutation_of_what_was_drawn() -> None:
    """Each part of 32 rows: the same points as without a coupling, at no more than the cost of any swap of two."""
    loose = Pairings(msgspec.structs.replace(SMALL, coupling=Independent()))
    x0, x1 = Pairings(SMALL).compute(3)
    drawn0, drawn1 = loose.compute(3)
    assert np.array_equal(x0, drawn0)
    for part in (slice(0, 32), slice(32, 64)):
        assert np.array_equal(np.unique(x1[part], axis=0), np.unique(drawn1[part], axis=0))
        cost = ((x0[part, None].astype(float) - x1[part].astype(float)) ** 2).sum(axis=2)
        swapped = cost + cost.T - np.diag(cost) - np.diag(cost)[:, None]
        assert swapped.min() > -1e-5
    assert ((x0 - x1) ** 2).sum() < 0.5 * ((drawn0 - drawn1) ** 2).sum()


def test_reuse_serves_every_row_that_often_and_mixes_the_steps() -> None:
    pairings = Pairings(with_coupling(reuse=4), threads=2)
    x0, x1 = pairings.block(8, 8)
    rows, counts = np.unique(np.concatenate([x0, x1], axis=1), axis=0, return_counts=True)
    assert (len(rows), set(counts)) == (128, {4})
    expected = np.concatenate([np.concatenate(pairings.compute(k), axis=1) for k in (2, 3)])
    assert np.array_equal(np.unique(expected, axis=0), rows)
    first = {tuple(row) for row in np.concatenate([x0, x1], axis=1)[:64]}
    assert len(first & {tuple(row) for row in expected[:64]}) < 60
    pairings.close()


@pytest.mark.parametrize("coupling", [OptimalTransport(batch=64, reuse=1), OptimalTransport(batch=32, reuse=3)], ids=["1", "3"])
@pytest.mark.parametrize("points", [0, 200])
def test_resuming_with_a_coupling_is_the_same_bit_for_bit(coupling: OptimalTransport, points: int) -> None:
    """40 steps at once against 17, a state, and the rest; with fresh draws and with a fixed set of 200 points."""
    experiment = msgspec.structs.replace(SMALL, coupling=coupling, training=Training(batch=64, seed=5, points=points))
    whole, first = Trainer(experiment), Trainer(experiment)
    for _ in whole.run(until=40):
        pass
    for _ in first.run(until=17):
        pass
    second = Trainer(experiment, state=first.state())
    for _ in second.run(until=40):
        pass
    for name in ("weights", "ema", "first", "second"):
        assert np.array_equal(getattr(whole.state(), name), getattr(second.state(), name)), name


def test_no_thread_outlives_training() -> None:
    trainer = Trainer(msgspec.structs.replace(SMALL, training=Training(batch=256)))
    run = trainer.run()
    next(run)
    assert pairing_threads()
    started = time.perf_counter()
    run.close()
    assert time.perf_counter() - started < 1.0
    assert not pairing_threads()
    for _ in trainer.run(until=trainer.step + 5):  # it opens again
        pass
    assert not pairing_threads()


def test_a_pool_that_is_dropped_ends_too() -> None:
    pairings = Pairings(SMALL, threads=2)
    pairings.pairs(0)
    del pairings
    end = time.monotonic() + 5.0
    while pairing_threads() and time.monotonic() < end:
        time.sleep(0.01)
    assert not pairing_threads()


def test_a_coupling_that_cannot_be_computed_stops_training_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine import transport

    plan = transport.entropic_plan
    monkeypatch.setattr(transport, "entropic_plan", lambda x, y, epsilon, **_: plan(x, y, epsilon, 1e-12, most=3))
    experiment = msgspec.structs.replace(SMALL, coupling=Schrodinger(sigma=0.1), path=Bridge(sigma=0.1), objective=FlowAndScore())
    with pytest.raises(TrainingStopped, match="σ is too small"):
        next(Trainer(experiment).run())
    assert not pairing_threads()


def test_a_block_is_short_where_pairing_is_slow() -> None:
    assert block_steps(with_coupling(batch=256, reuse=1)) > 32
    slow = msgspec.structs.replace(SMALL, coupling=OptimalTransport(batch=2048, reuse=1), training=Training(batch=2048))
    assert block_steps(slow) == 1
    assert block_steps(msgspec.structs.replace(slow, coupling=Independent())) > 1000


def test_a_schrodinger_coupling_needs_the_bridge_of_its_sigma() -> None:
    for path in (SMALL.path, Bridge(sigma=0.3)):
        reason = msgspec.structs.replace(SMALL, coupling=Schrodinger(sigma=0.5), path=path).refusal()
        assert "σ = 0.5" in str(reason)
    assert (
        msgspec.structs.replace(SMALL, coupling=Schrodinger(sigma=0.3), path=Bridge(sigma=0.3), objective=FlowAndScore()).refusal() is None
    )


def test_schrodinger_pairs_on_the_bridge_have_the_gaussian_bridges_moments() -> None:
    """Between N(-+a, I): p_t = N((2t - 1) a, (t(1-t) sqrt(4 + sigma^4) + (1-t)^2 + t^2) I) (MATHS 9.8).

    sigma = 1, batches of 1,024, 12 pairings, seed 5, d = 2: n = 12,288 points and 24,576 coordinates. The standard error of a variance v
    is v sqrt(2 / 24,576); batches of 1,024 leave a bias below it.
    """
    gaussian = Mixture(means=((0.2, 0.2),), covariances=(((1.0, 0.0), (0.0, 1.0)),), weights=(1.0,), standardise="none")
    experiment = Experiment(
        target=gaussian, coupling=Schrodinger(sigma=1.0, batch=1024), path=Bridge(sigma=1.0), training=Training(batch=1024)
    )
    pairings, rng = Pairings(experiment), np.random.default_rng(0)
    drawn = [pairings.compute(k) for k in range(12)]
    x0, x1 = (np.concatenate([pair[side] for pair in drawn]).astype(float) for side in (0, 1))
    n = x0.size
    for t in (0.25, 0.5, 0.8):
        x = experiment.path.point(t, x0, x1, rng.standard_normal(x0.shape))
        variance = t * (1 - t) * math.sqrt(5.0) + (1 - t) ** 2 + t**2
        assert abs(x.mean() - 0.2 * t) < 4.0 * math.sqrt(variance / n)
        assert abs(x.var() - variance) < 4.0 * variance * math.sqrt(2.0 / n)


def test_epochs_are_permutations_and_do_not_depend_on_what_was_asked_before() -> None:
    epochs = Epochs(10, 3, "data")
    whole = epochs.indices(0, 45)
    assert all(np.array_equal(np.sort(whole[10 * k : 10 * k + 10]), np.arange(10)) for k in range(4))
    assert not np.array_equal(whole[:10], whole[10:20])
    assert np.array_equal(Epochs(10, 3, "data").indices(17, 20), whole[17:37])
    assert not np.array_equal(Epochs(10, 4, "data").indices(0, 45), whole)


def test_a_fixed_set_is_all_that_is_seen() -> None:
    from engine.batches import batches_of

    for coupling in (Independent(), OptimalTransport(batch=32)):
        experiment = Experiment(
            target=Moons(), source=EightGaussians(), coupling=coupling, training=Training(batch=64, points=100), network=MLP(width=16)
        )
        batches = batches_of(experiment, __import__("torch").device("cpu"))
        x0, x1, _ = batches.pairs(0, np.random.default_rng(0))
        assert len(np.unique(x1, axis=0)) == len(np.unique(x0, axis=0)) == 100
        batches.close()
