"""Reflow: pairs of a model, straighter each time, kept in the session, refused where they do not belong."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine import session
from engine.arrays import Array
from engine.batches import batches_of
from engine.choice import Problem
from engine.cli import train
from engine.couplings import OptimalTransport
from engine.experiment import Experiment, Training
from engine.fields.exact import exact_field_of
from engine.labels import LabelCondition
from engine.metrics import path_energy, straightness
from engine.networks import MLP
from engine.objectives import FlowMatching, Score
from engine.reflow import Reflow, placeholder, reflow_pairs, reflowed
from engine.samplers import Euler, EulerMaruyama, Heun
from engine.schedules import VE
from engine.session import Session
from engine.simulation import refusal, simulate, trajectory
from engine.targets import EightGaussians, Mixture, Moons
from engine.training import Trainer

GAUSSIAN = Mixture(means=((0.5, -1.0),), covariances=(((0.25, 0.0), (0.0, 0.09)),), weights=(1.0,), standardise="none")
NET = MLP(width=32, depth=2, space_features=0)


def finished(making) -> Array:
    """What a generator of pairs returns."""
    shares = []
    while True:
        try:
            shares.append(next(making))
        except StopIteration as made:
            assert shares == sorted(shares)
            assert shares[-1] == 1.0
            return made.value


def test_pairs_of_an_exact_gaussian_field_are_its_linear_map() -> None:
    """From N(0, I) to N(m, S^2) CondOT carries x0 to m + S x0: Heun with 400 steps is within 1e-3 of it."""
    pairs = finished(reflow_pairs(exact_field_of(Experiment(target=GAUSSIAN)), Heun(steps=400), 500, seed=3)).values
    assert (pairs.shape, pairs.dtype) == ((500, 2, 2), np.float32)
    assert np.abs(pairs[:, 1] - ([0.5, -1.0] + pairs[:, 0] * [0.5, 0.3])).max() < 5e-3


def test_batches_are_epochs_of_the_stored_pairs() -> None:
    pairs = Array(np.random.default_rng(0).standard_normal((96, 2, 2)).astype(np.float32))
    experiment = msgspec.structs.replace(reflowed(Experiment(), pairs), training=Training(batch=48))
    x0, x1, _ = batches_of(experiment, __import__("torch").device("cpu")).pairs(0, np.random.default_rng(0))
    drawn = np.stack([x0, x1], axis=1)[:96]
    assert np.array_equal(np.unique(drawn, axis=0), np.unique(pairs.values, axis=0))


def test_two_rounds_straighten_a_flow() -> None:
    """8 Gaussians, 600 steps a round, 4,000 pairs, seed 0: S falls from about 0.7 to less than a third of it, and again no higher."""
    experiment = Experiment(target=EightGaussians(), network=MLP(width=64, depth=2), training=Training(batch=256))
    found = []
    for _ in range(3):
        trainer = Trainer(experiment)
        for _ in trainer.run(until=600):
            pass
        field = trainer.field()
        run = trajectory(simulate(field, Euler(steps=50), n=2000, seed=1))
        found.append((straightness(run), path_energy(run)))
        experiment = reflowed(experiment, finished(reflow_pairs(field, Heun(steps=50), 4000, seed=0)))
    assert found[1][0] < found[0][0] / 3.0
    assert found[2][0] < found[0][0] / 3.0
    assert found[1][1] < found[0][1]


def test_a_session_keeps_the_pairs(tmp_path: Path) -> None:
    pairs = Array(np.random.default_rng(0).standard_normal((20, 2, 2)).astype(np.float32))
    experiment = reflowed(Experiment(target=Moons(), network=NET), pairs)
    trainer = Trainer(experiment)
    for _ in trainer.run(until=3):
        pass
    session.save(Session(experiment=experiment, state=trainer.state()), tmp_path / "a.pushforward")
    assert session.load(tmp_path / "a.pushforward").experiment == experiment


def test_what_does_not_go_together_is_refused() -> None:
    pairs = Array(np.zeros((8, 2, 2), dtype=np.float32) + np.arange(8)[:, None, None])
    good = reflowed(Experiment(), pairs)
    assert good.refusal() is None
    assert "needs pairs" in str(Experiment(path=Reflow()).refusal())
    assert "velocity only" in str(msgspec.structs.replace(good, objective=Score()).refusal())
    assert "its own pairs" in str(msgspec.structs.replace(good, coupling=OptimalTransport()).refusal())
    assert "other data" in str(msgspec.structs.replace(good, target=Moons()).refusal())
    assert "SDE" in str(refusal(good, EulerMaruyama()))
    solid = Reflow(pairs=Array(np.zeros((4, 2, 3), np.float32)), ends=good.path.ends)
    assert msgspec.structs.replace(good, path=solid).refusal() == (
        "The pairs of Reflow have 3 axes and the data 2: make them anew from a model of these."
    )
    for values in (np.zeros((4, 3, 2)), np.zeros((1, 2, 2)), np.full((4, 2, 2), np.nan), np.full((4, 2, 2), 1e30)):
        with pytest.raises(Problem, match="reflow"):
            Reflow(pairs=Array(values))


def test_models_that_cannot_make_pairs_are_refused() -> None:
    exact = exact_field_of(Experiment(target=GAUSSIAN))
    with pytest.raises(Problem, match="random"):
        next(reflow_pairs(exact, EulerMaruyama(), 10, 0))
    with pytest.raises(Problem, match="not at the source"):
        next(reflow_pairs(exact_field_of(Experiment(target=GAUSSIAN, path=VE())), Heun(), 10, 0))

    score = Trainer(Experiment(target=GAUSSIAN, objective=Score(), network=NET)).field()
    with pytest.raises(Problem, match=r"flow on CondOT begins .* since score prediction tells no velocity before t = 0\.02"):
        next(reflow_pairs(score, Heun(), 10, 0))


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("objective=noise", "paired points tell a velocity only."),
        ("coupling=optimal-transport", "take the independent coupling, not Optimal transport."),
        ("source=helix", "The source has 3 axes and the data 2"),
        ("path=ot", "--set path=ot: --reflow keeps its own path."),
        ("network.bogus=1", "there is no 'bogus' in network"),
    ],
)
def test_what_reflow_cannot_be_is_said_before_the_pairs_are_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, wish: str, said: str
) -> None:
    first = str(tmp_path / "a.pushforward")
    assert train.main(["--target", "moons", "--set", "network.width=8", "training.batch=16", "--steps", "3", "--out", first]) == 0
    monkeypatch.setattr("engine.reflow.reflow_pairs", lambda *_: pytest.fail("pairs were made"))
    capsys.readouterr()
    assert train.main(["--reflow", first, "--steps", "3", "--set", wish, "--out", str(tmp_path / "b.pushforward")]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "b.pushforward").exists()


def test_the_command_line_reflows_a_session(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = (str(tmp_path / f"{name}.pushforward") for name in "abc")
    plain = ["--set", "network.width=16", "--set", "training.batch=64", "--device", "cpu", "--steps", "20"]
    assert train.main(["--target", "moons", "--set", "source=8gaussians", *plain, "--out", first]) == 0
    assert train.main(["--reflow", first, "--pairs", "300", "--steps", "10", "--out", second]) == 0
    assert train.main(["--reflow", second, "--pairs", "200", "--steps", "10", "--set", "training.batch=32", "--out", third]) == 0
    loaded = session.load(Path(third))
    assert isinstance(loaded.experiment.path, Reflow)
    assert isinstance(loaded.experiment.objective, FlowMatching)
    assert loaded.experiment.path.pairs.values.shape == (200, 2, 2)
    assert loaded.experiment.source == EightGaussians()
    capsys.readouterr()
    for words in (["--pairs", "5"], ["--reflow", first, "--target", "moons"], ["--reflow", first, "--pairs", "1"]):
        assert train.main([*words, "--target", "moons", "--out", third] if words[0] == "--pairs" else [*words, "--out", third]) != 0
        assert "pairs" in capsys.readouterr().err or words[-1] == "moons"


def test_the_pairs_carry_no_labels() -> None:
    """A model that was told labels is reflowed without them: pairs have none."""
    told = Experiment(target=Moons(), condition=LabelCondition())
    assert told.refusal() is None
    assert reflowed(told, placeholder(2)).refusal() is None
