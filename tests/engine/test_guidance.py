"""Guidance: exact guided scores against autograd, the two ends of the scale, a classifier's gradient, and a network told labels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from engine import session
from engine.arrays import Array
from engine.choice import Problem
from engine.classifier import Classifier, ClassifierGuidedField, score_share, train_classifier
from engine.cli import sample
from engine.couplings import OptimalTransport
from engine.experiment import Experiment, Training
from engine.fields import base
from engine.fields.base import rows_of
from engine.fields.exact import exact_field_of
from engine.fields.guided import ExactGuidedField, GuidedField
from engine.guidance import ClassifierFree, ClassifierGuidance, Guidance, NoGuidance, guide
from engine.introspection import alternatives, tag_of
from engine.labels import LabelCondition
from engine.networks import MLP
from engine.overrides import apply, sampler_from
from engine.predictions import coefficients
from engine.randomness import generator
from engine.samplers import Heun, Sampler
from engine.schedules import CondOT, Schedule, VPCosine
from engine.simulation import simulate
from engine.targets import Mixture, Moons, Painting, Points, SwissRoll
from engine.targets.raster import from_raster
from engine.training import Trainer


def two_blobs() -> Painting:
    """Blue at the left with three times the ink of orange at the right; they are eight widths apart."""
    ink = np.zeros((2, 64, 64), dtype=np.float32)
    ink[0, 24:40, 8:20] = 0.75
    ink[1, 24:40, 44:56] = 0.25
    return from_raster(ink)


def few_points() -> Points:
    rng = generator(5, "points")
    labels = np.arange(60) % 3
    values = rng.standard_normal((60, 2)) + 3.0 * np.stack([labels, labels**2], axis=1)
    return Points(values=Array(values), bandwidth=0.2, labels=Array(labels), names=("a", "b", "c"))


TARGETS = [Mixture(), Moons(), few_points(), two_blobs()]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_the_exact_guided_score_is_the_gradient_it_says(target: Painting, t: float) -> None:
    """s_w = autograd of log p_t(x) + w log p(y|x_t = x), with p(y|x) by Bayes' rule, to 1e-9 relative; float64, n = 40."""
    experiment = Experiment(target=target)
    free = exact_field_of(experiment, dtype=torch.float64)
    scale, k = 3.0, 1
    guided = guide(free, experiment, ClassifierFree(scale=scale, y=k + 1), n=40, seed=0)
    assert isinstance(guided, ExactGuidedField)
    classes = target.labelled()
    assert classes is not None
    x = torch.from_numpy(generator(1, "x").standard_normal((40, 2))).requires_grad_()
    joint = [math.log(weight) + field.log_prob(x, t) for weight, field in zip(classes.weights, guided.given, strict=True)]
    posterior = joint[k] - torch.logsumexp(torch.stack(joint), dim=0)
    total = free.log_prob(x, t) + scale * posterior
    (gradient,) = torch.autograd.grad(total.sum(), x)
    found = guided.score(x.detach(), t)
    assert torch.allclose(found, gradient, rtol=1e-9, atol=1e-9 * float(gradient.abs().max()))
    # the same from the velocity, by the path's conversions
    assert torch.allclose(base.score(guided, x.detach(), t), gradient, rtol=1e-7, atol=1e-7 * float(gradient.abs().max()))
    # and of its own log density
    (own,) = torch.autograd.grad(guided.log_prob(x, t).sum(), x)
    assert torch.allclose(own, gradient, rtol=1e-9, atol=1e-9 * float(gradient.abs().max()))


def test_the_ends_of_the_scale_are_with_and_without_the_label() -> None:
    experiment = Experiment(target=Mixture())
    free = exact_field_of(experiment, dtype=torch.float64)
    x = torch.from_numpy(generator(2, "x").standard_normal((50, 2)))
    with_label = guide(free, experiment, ClassifierFree(scale=1.0, y=2), n=50, seed=0)
    without = guide(free, experiment, ClassifierFree(scale=0.0, y=2), n=50, seed=0)
    assert isinstance(with_label, GuidedField)
    assert isinstance(without, GuidedField)
    assert torch.equal(with_label(x, 0.4), with_label.given[1](x, 0.4))
    assert torch.equal(without(x, 0.4), free(x, 0.4))
    assert guide(free, experiment, NoGuidance(), n=50, seed=0) is free
    # the mean and covariance of the start are those of the label's part
    assert with_label.mean == pytest.approx(with_label.given[1].mean)
    assert without.covariance == pytest.approx(free.covariance)


def test_each_particle_has_its_own_label() -> None:
    experiment = Experiment(target=Mixture())
    free = exact_field_of(experiment, dtype=torch.float64)
    guided = guide(free, experiment, ClassifierGuidance(scale=2.5), n=200, seed=4)
    assert isinstance(guided, ExactGuidedField)
    labels = guided.labels
    assert isinstance(labels, np.ndarray)
    assert set(labels.tolist()) == {0, 1, 2}
    x = torch.from_numpy(generator(2, "x").standard_normal((200, 2)))
    whole = guided(x, 0.4)
    for k in range(3):
        alone = guide(free, experiment, ClassifierFree(scale=2.5, y=k + 1), n=200, seed=4)
        rows = torch.from_numpy(np.flatnonzero(labels == k))
        assert torch.allclose(whole[rows], alone(x[rows], 0.4), rtol=1e-12, atol=1e-12)
        assert torch.allclose(rows_of(guided, rows)(x[rows], 0.4), whole[rows], rtol=1e-12, atol=1e-12)
    assert guided.anywhere is free
    with pytest.raises(ValueError, match="200 labels"):
        guided(x[:10], 0.4)
    # more particles keep the labels of the first ones
    more = guide(free, experiment, ClassifierFree(), n=500, seed=4)
    assert isinstance(more, GuidedField)
    assert np.array_equal(np.asarray(more.labels)[:200], labels)


@pytest.mark.parametrize("path", [CondOT(), VPCosine()], ids=lambda path: path.name)
@pytest.mark.parametrize("prediction", ["velocity", "score", "noise", "data", "v"])
def test_the_share_of_the_score_is_the_path_s_own_coefficient(path: Schedule, prediction: str) -> None:
    """alpha b of prediction = a x + b s, to 1e-10, on t in [1e-3, 1 - 1e-3]; and finite at the very ends."""
    if prediction == "v" and not path.variance_preserving:
        pytest.skip("v needs a variance-preserving path")
    for t in np.linspace(1e-3, 1 - 1e-3, 23).tolist():
        _, b = coefficients(path, t, "score", prediction)  # type: ignore[arg-type]
        assert float(score_share(path, t, prediction)) == pytest.approx(float(path.alpha(t)) * float(b), rel=1e-8, abs=1e-10)  # type: ignore[arg-type]
    assert all(math.isfinite(float(score_share(path, t, prediction))) for t in (0.0, 1.0))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return trained(Experiment(target=two_blobs()), 400)


def trained(experiment: Experiment, steps: int) -> Classifier:
    *_, last = train_classifier(experiment, steps=steps)
    assert last.steps == steps
    assert last.classifier is not None
    return last.classifier


def test_the_classifier_s_gradient_is_its_finite_difference(classifier: Classifier) -> None:
    """Central differences of log p(y|x) with h = 1e-5 in float64, to 1e-6 relative."""
    double = Classifier(Experiment(target=two_blobs()), _doubled(classifier))
    x = torch.from_numpy(generator(3, "x").standard_normal((30, 2)))
    labels = torch.from_numpy(generator(3, "y").integers(2, size=30))
    for t in (0.05, 0.4, 0.95):
        alpha = float(CondOT().alpha(t))
        found, h = alpha * double.pull(x, t, labels), 1e-5
        for axis in range(2):
            step = torch.zeros(2, dtype=torch.float64)
            step[axis] = h
            ahead, behind = (double.log_prob(x + sign * step, t).gather(1, labels[:, None])[:, 0] for sign in (1, -1))
            assert torch.allclose(found[:, axis], (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-7)


def _doubled(classifier: Classifier) -> object:
    from engine.flat_mlp import FlatMLP

    own = classifier.network
    made = FlatMLP(own.sizes, own.activation, dtype=torch.float64)
    made.adopt(own.weights.double())
    return made


def test_the_classifier_knows_the_posterior(classifier: Classifier) -> None:
    """Against Bayes' rule with the exact log p_t(x|y): mean |p - p*| below 0.03 on n = 2,000 noisy points, seed 6; the prior at t = 0."""
    experiment = Experiment(target=two_blobs())
    classes = experiment.target.labelled()
    assert classes is not None
    guided = guide(exact_field_of(experiment), experiment, ClassifierFree(), n=10, seed=0)
    assert isinstance(guided, GuidedField)
    rng = generator(6, "noisy")
    for t in (0.2, 0.5, 0.8):
        z = experiment.target.frame().inward(experiment.target.sample(2000, rng))
        x = torch.from_numpy((t * z + (1 - t) * rng.standard_normal(z.shape)).astype(np.float32))
        logs = [math.log(weight) + field.log_prob(x, t) for weight, field in zip(classes.weights, guided.given, strict=True)]
        exact = torch.softmax(torch.stack(logs, dim=1), dim=1)
        assert float((classifier.log_prob(x, t).exp() - exact).abs().mean()) < 0.03
    at_noise = classifier.log_prob(torch.randn(20, 2, generator=torch.Generator().manual_seed(0)), 0.0).detach().exp()
    assert at_noise.numpy() == pytest.approx(np.tile(classes.weights, (20, 1)), abs=1e-6)


def test_a_classifier_is_the_same_again() -> None:
    experiment = Experiment(target=Moons())
    one, two = trained(experiment, 50), trained(experiment, 50)
    assert torch.equal(one.network.weights, two.network.weights)
    other = trained(replace(experiment, training=Training(seed=1)), 50)
    assert not torch.equal(one.network.weights, other.network.weights)


SMALL = Experiment(
    target=two_blobs(),
    condition=LabelCondition(dropout=0.2),
    network=MLP(width=48, depth=2, space_features=4, time_features=4),
    training=Training(batch=256, learning_rate=5e-3),
)


def ended(field: object, n: int, seed: int) -> np.ndarray:
    """Where n particles end after 30 Heun steps, in the user's units."""
    *_, last = simulate(field, Heun(steps=30), n=n, seed=seed)  # type: ignore[arg-type]
    return SMALL.target.frame().outward(last.x.double().numpy())


@pytest.fixture(scope="module")
def told() -> Trainer:
    trainer = Trainer(SMALL)
    for _ in trainer.run(until=1200):
        pass
    return trainer


def test_a_network_told_labels_goes_where_it_is_told(told: Trainer) -> None:
    """n = 2,000, seed 7: at least 97 % of label k in its half of the canvas (s.e. 0.4 %); without, the painting's shares (s.e. 1 %)."""
    field = told.field()
    n = 2000
    for k, side in ((1, -1.0), (2, 1.0)):
        for guidance in (ClassifierFree(scale=1.0, y=k), ClassifierFree(scale=2.0, y=k)):
            x = ended(guide(field, SMALL, guidance, n=n, seed=7), n, 7)
            assert np.mean(side * x[:, 0] > 0) >= 0.97
    free = ended(guide(field, SMALL, NoGuidance(), n=n, seed=7), n, 7)
    assert np.mean(free[:, 0] < 0) == pytest.approx(0.75, abs=0.05)
    mixed = guide(field, SMALL, ClassifierFree(scale=1.5), n=n, seed=7)
    assert isinstance(mixed, GuidedField)
    x = ended(mixed, n, 7)
    assert np.mean((x[:, 0] > 0) == (np.asarray(mixed.labels) == 1)) >= 0.97


def test_a_classifier_guides_a_network_that_knows_no_labels(classifier: Classifier) -> None:
    """n = 2,000, seed 8, w = 1.5: at least 95 % of label k in its half, from a network trained without labels."""
    experiment = replace(SMALL, condition=Experiment().condition)
    trainer = Trainer(experiment)
    for _ in trainer.run(until=1200):
        pass
    field = trainer.field()
    for k, side in ((1, -1.0), (2, 1.0)):
        guided = guide(field, experiment, ClassifierGuidance(scale=1.5, y=k), n=2000, seed=8, classifier=lambda: classifier)
        assert isinstance(guided, ClassifierGuidedField)
        assert np.mean(side * ended(guided, 2000, 8)[:, 0] > 0) >= 0.95
    x = torch.randn(9, 2, generator=torch.Generator().manual_seed(1))
    none = guide(field, experiment, ClassifierGuidance(scale=0.0, y=1), n=9, seed=0, classifier=lambda: classifier)
    assert torch.equal(none(x, 0.3), field(x, 0.3))
    one = guide(field, experiment, ClassifierGuidance(scale=2.0, y=1), n=9, seed=0, classifier=lambda: classifier)
    pull = classifier.log_prob(x.requires_grad_(), 0.3)[:, 0].sum()
    (gradient,) = torch.autograd.grad(pull, x)
    x = x.detach()
    assert torch.allclose(base.score(one, x, 0.3), base.score(field, x, 0.3) + 2.0 * gradient, atol=1e-4)


@pytest.mark.parametrize("name", [tag_of(kind) for kind in alternatives(Sampler)])
def test_every_sampler_runs_a_guided_field_or_refuses_it(name: str) -> None:
    """Two Gaussians, their exact field, n = 300, seed 9, each particle its own label: at least 97 % end on the side asked for."""
    spread = ((0.3, 0.0), (0.0, 0.3))
    experiment = Experiment(target=Mixture(means=((-2.0, 0.0), (2.0, 0.0)), covariances=(spread, spread), weights=(2.0, 1.0)))
    sampler = sampler_from(name)
    field = guide(exact_field_of(experiment), experiment, ClassifierFree(scale=1.0), n=300, seed=9)
    assert isinstance(field, GuidedField)
    reason = sampler.refusal(field)
    if reason is not None:
        assert reason.endswith(".")
        assert name == "one-step"
        return
    *_, last = simulate(field, sampler, n=300, seed=9)
    ends = experiment.target.frame().outward(last.x.double().numpy())
    assert np.mean((ends[:, 0] > 0) == (np.asarray(field.labels) == 1)) >= 0.97


@pytest.mark.parametrize(
    ("guidance", "experiment", "exact", "says"),
    [
        (ClassifierFree(y=1), Experiment(target=SwissRoll()), True, "carries no labels"),
        (ClassifierFree(y=3), SMALL, True, "There is no label 3: the data has 2."),
        (ClassifierFree(y=1), Experiment(target=two_blobs()), False, "not told any labels"),
        (ClassifierGuidance(y=1), replace(SMALL, coupling=OptimalTransport()), False, "Gaussian law"),
        (ClassifierGuidance(y=1), Experiment(target=SwissRoll()), False, "carries no labels"),
        (ClassifierGuidance(y=1), apply(SMALL, ["condition=unconditional", "objective=likelihood"]), False, "Gaussian law"),
        (ClassifierGuidance(y=1), apply(SMALL, ["objective=interpolant", "path=interpolant"]), False, "Gaussian law"),
    ],
)
def test_guidance_refused(guidance: Guidance, experiment: Experiment, exact: bool, says: str) -> None:
    reason = guidance.refusal(experiment, exact=exact)
    assert reason is not None
    assert says in reason
    assert reason.endswith(".")
    if exact:
        free = exact_field_of(Experiment())
        with pytest.raises(Problem, match=says):
            guide(free, experiment, guidance, n=3, seed=0)


@pytest.mark.parametrize(
    ("words", "share"),
    [
        (["--guidance", "classifier-free", "--set", "guidance.y=1", "guidance.scale=1"], 1.0),
        (["--guidance", "classifier-free", "--set", "guidance.y=2"], 0.0),
        (["--guidance", "classifier", "--set", "guidance.y=2", "sigma=sqrt", "--sampler", "euler-maruyama"], 0.0),
        (["--guidance", "classifier", "--set", "guidance.y=1", "--model", "exact"], 1.0),
        ([], 0.75),
    ],
)
def test_sample_takes_guidance(told: Trainer, tmp_path: Path, words: list[str], share: float) -> None:
    """Share of 400 samples in the left half, seed 3: within 0.03 where it is told, within 4 s.e. (0.09) where it is not."""
    path, out = tmp_path / "s.pushforward", tmp_path / "x.npy"
    session.save(session.Session(experiment=SMALL, state=told.state()), path)
    assert sample.main([str(path), "--count", "400", "--seed", "3", "--steps", "30", "--out", str(out), *words]) == 0
    assert np.mean(np.load(out)[:, 0] < 0) == pytest.approx(share, abs=0.09 if not words else 0.03)


def test_sample_refuses_guidance_in_a_line(told: Trainer, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "s.pushforward", tmp_path / "x.npy"
    session.save(session.Session(experiment=SMALL, state=told.state()), path)
    for words, says in (
        (["--guidance", "clasifier"], "--guidance clasifier: there is no guidance 'clasifier'"),
        (["--guidance", "classifier-free", "--set", "guidance.y=3"], "There is no label 3: the data has 2."),
        (["--set", "guidance.scale=2"], "there is no 'scale' in guidance none"),
    ):
        assert sample.main([str(path), "--count", "4", "--out", str(out), *words]) == 2
        error = capfd.readouterr().err
        assert says in error
        assert error.count("\n") == 1
