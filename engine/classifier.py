"""A small classifier p(y|x_t) trained on noisy samples, and the field that it guides: s + w grad log p(y|x_t).

The logits are log pi_y + c_t f_y(x, t) with c_t = alpha sqrt(v) / S_t, the correlation of x_t with the data: where x_t knows nothing of the
data the classifier answers with the prior, as it must, and its gradient vanishes like alpha. What guidance adds to a prediction is then
in closed form: of velocity beta^2 alpha_dot - alpha beta beta_dot, of score alpha, of noise -alpha beta, of data beta^2, of v -beta (each
the coefficient of the score, times alpha), times w (sqrt(v) / S_t) grad (f_y - sum_k p_k f_k): no number is divided by a small one.

Needs the Gaussian law of x_t given the data. Sources: Dhariwal & Nichol 2105.05233; Song 2011.13456, section 5; MATHS section 5.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.batches import moments
from engine.choice import Problem
from engine.embedding import Embedding
from engine.flat_mlp import FlatMLP
from engine.guidance import CLASSIFIER_REFUSAL
from engine.networks import MLP
from engine.ops import Scalar
from engine.optimiser import Adam
from engine.paths import GaussianPath, Prediction
from engine.preconditioning import Preconditioning
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.experiment import Experiment

STEPS, BATCH, SLICE = 1_500, 512, 25
RATE = 5e-3
NETWORK = MLP(width=64, depth=2)


def score_share(path: GaussianPath, t: Scalar, prediction: Prediction) -> Scalar:
    """alpha times the coefficient of the score in ``prediction``, finite at both ends."""
    alpha, beta = path.alpha(t), path.beta(t)
    if prediction == "velocity":
        return beta * beta * path.alpha_dot(t) - alpha * path.beta_beta_dot(t)
    if prediction == "score":
        return alpha
    if prediction == "noise":
        return -alpha * beta
    if prediction == "data":
        return beta * beta
    return -beta


class Classifier:
    """p(y|x_t) of a trained network, in standardised coordinates."""

    def __init__(self, experiment: Experiment, network: FlatMLP) -> None:
        classes, path = experiment.target.labelled(), experiment.gaussian_path()
        assert classes is not None
        if path is None:
            raise Problem(CLASSIFIER_REFUSAL)
        mean, covariance = moments(experiment)
        self.path, self.network = path, network
        self._preconditioning = Preconditioning(path, "data", float(np.trace(covariance)) / len(mean))
        centre = torch.from_numpy(mean).to(network.weights)
        self._embedding = Embedding(NETWORK, self._preconditioning, centre)
        self._log_prior = torch.from_numpy(np.log(classes.weights)).to(network.weights)

    def unit(self, t: Scalar) -> Scalar:
        """sqrt(v) / S_t."""
        return math.sqrt(self._preconditioning.variance) / self._preconditioning.spread(t)

    def features(self, x: Tensor, t: Tensor) -> Tensor:
        """f(x, t), (n, K), for t (n,)."""
        return self.network.forward(self._embedding.both(x, t).t())

    def logits(self, x: Tensor, t: Tensor) -> Tensor:
        """log p(y) + c_t f_y(x, t), (n, K), for t (n,)."""
        logits: Tensor = self._log_prior + self.features(x, t) * (self.path.alpha(t) * self.unit(t))[:, None]
        return logits

    def log_prob(self, x: Tensor, t: float | Tensor) -> Tensor:
        """log p(y|x_t = x), nats, (n, K)."""
        return torch.log_softmax(self.logits(x, self._times(x, t)), dim=1)

    def pull(self, x: Tensor, t: float | Tensor, labels: Tensor) -> Tensor:
        """grad log p(y|x_t = x) / alpha_t, (n, d), for labels (n,)."""
        times = self._times(x, t)
        with torch.enable_grad():
            place = x.detach().requires_grad_()
            f = self.features(place, times)
            shares = torch.softmax(self._log_prior + f.detach() * (self.path.alpha(times) * self.unit(times))[:, None], dim=1)
            total = (f.gather(1, labels[:, None])[:, 0] - (shares * f).sum(dim=1)).sum()
            (slope,) = torch.autograd.grad(total, place)
        pull: Tensor = slope * self.unit(times)[:, None]
        return pull

    def _times(self, x: Tensor, t: float | Tensor) -> Tensor:
        if isinstance(t, Tensor) and t.ndim:
            return t.to(x)
        return torch.full((len(x),), float(t), device=x.device, dtype=x.dtype)


@dataclass(frozen=True, eq=False)
class ClassifierStep:
    """How far the training of a classifier is."""

    step: int
    steps: int
    loss: float
    """Cross-entropy of the last step, nats."""
    classifier: Classifier | None = None
    """At the last step."""


def train_classifier(experiment: Experiment, device: torch.device | str = "cpu", steps: int = STEPS) -> Iterator[ClassifierStep]:
    """Train on noisy samples x_t = alpha z + beta eps with their labels, t uniform; the last step holds the classifier.

    A function of the experiment's seed, target, source and path alone. Raises Problem where ``CLASSIFIER_REFUSAL`` or the target's labels
    say so.
    """
    path, reason = experiment.gaussian_path(), experiment.target.label_refusal()
    if reason or path is None:
        raise Problem(reason or CLASSIFIER_REFUSAL)
    target, place = experiment.target, torch.device(device)
    d = target.dimension
    network = FlatMLP((NETWORK.inputs(d), *([NETWORK.width] * NETWORK.depth), target.classes), NETWORK.activation, device=place)
    network.initialise(generator(experiment.training.seed, "classifier"))
    adam = Adam(network.weights, network.gradient)
    classifier = Classifier(experiment, network)
    frame, (low, high) = target.frame(), path.interval("velocity")
    loss = torch.zeros(())
    for step in range(steps):
        rng = generator(experiment.training.seed, "classifier", step)
        z, labels = target.sample_labelled(BATCH, rng)
        t = low + (high - low) * (rng.permutation(BATCH) + rng.random(BATCH)) / BATCH
        noise = rng.standard_normal((BATCH, d))
        inner, eps, times = (torch.from_numpy(values.astype(np.float32)).to(place) for values in (frame.inward(z), noise, t))
        x = path.point(times[:, None], eps, inner)
        # a leaf that shares the weights' memory: the optimiser's steps reach it
        leaf = network.weights.detach().requires_grad_()
        network.layers = network.views(leaf)
        with torch.enable_grad():
            loss = torch.nn.functional.cross_entropy(classifier.logits(x, times), torch.from_numpy(labels).to(place))
            network.gradient.copy_(torch.autograd.grad(loss, leaf)[0])
        adam.step(RATE * 0.01 ** (step / steps), 0.0, 0.99)
        if step % SLICE == SLICE - 1:
            yield ClassifierStep(step + 1, steps, float(loss.detach()))
    network.adopt(adam.ema)
    yield ClassifierStep(steps, steps, float(loss.detach()), classifier)


class ClassifierGuidedField:
    """f(x) + w (what w grad log p(y|x_t) is in f's prediction), a field; ``labels`` is one label from 0, or (n,) for n particles."""

    def __init__(
        self, free: object, classifier: Classifier, scale: float, labels: int | NDArray[np.int64], means: NDArray[np.float64]
    ) -> None:
        from engine.fields.base import Field

        field: Field = free  # type: ignore[assignment]  # the import would be a circle at the top
        self.free, self.classifier, self.scale, self.labels = field, classifier, scale, labels
        if not isinstance(field.path, GaussianPath):
            raise Problem(CLASSIFIER_REFUSAL)
        self.path: GaussianPath = field.path
        self.source, self.prediction, self.dimension = field.source, field.prediction, field.dimension
        self.device, self.dtype, self.interval = field.device, field.dtype, field.interval
        self.means = means
        self.mean, self.covariance = field.mean, field.covariance
        if isinstance(labels, int):
            self.mean = (1.0 - scale) * field.mean + scale * means[labels]
        self.note: str = getattr(field, "note", "")

    def __call__(self, x: Tensor, t: float | Tensor) -> Tensor:
        """The native prediction, (n, d)."""
        value = self.free(x, t)  # type: ignore[arg-type]  # each particle may be at its own time
        if self.scale == 0.0:
            return value
        labels = torch.full((len(x),), self.labels) if isinstance(self.labels, int) else torch.from_numpy(self.labels)
        if len(labels) != len(x):
            raise ValueError(f"{len(x)} points and {len(labels)} labels")
        pull = self.classifier.pull(x, t, labels.to(x.device))
        share = score_share(self.path, t, self.prediction)
        factor = share.to(x)[:, None] if isinstance(share, Tensor) and share.ndim else float(share)
        return value + self.scale * factor * pull

    def at(self, rows: Tensor) -> ClassifierGuidedField:
        """The same field for the particles ``rows`` (m,) alone."""
        if isinstance(self.labels, int):
            return self
        return ClassifierGuidedField(self.free, self.classifier, self.scale, self.labels[rows.cpu().numpy()], self.means)

    @property
    def anywhere(self) -> object:
        """A field for points that are no particles: where each asks for its own label, the one without."""
        return self if isinstance(self.labels, int) else self.free

    def score_refusal(self) -> str | None:
        """Why there is no score, in one sentence; None if there is one."""
        from engine.fields.base import score_refusal

        return score_refusal(self.free)
