"""Guidance: what a pane or a run of ``sample`` asks of its particles' labels. Structs; torch comes when a field is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.choice import Choice, Problem
from engine.paths import GaussianPath
from engine.randomness import generator

if TYPE_CHECKING:
    import torch

    from engine.classifier import Classifier as TrainedClassifier
    from engine.experiment import Experiment
    from engine.fields.base import Field

CLASSIFIER_REFUSAL = (
    "Guidance by a classifier needs the Gaussian law of x_t given the data: a Gaussian source and the independent coupling, "
    "on a path that has one."
)
Scale = Annotated[
    float,
    Meta(ge=0, le=20, description="0: no guidance; 1: the label as learned; more: further into the label.", extra={"symbol": "w"}),
]
Label = Annotated[
    int,
    Meta(
        ge=0,
        le=8,
        description="Which label, counted from 1; 0: as in the data, each particle its own.",
        extra={"symbol": "y", "title": "Label"},
    ),
]


class GuidanceBase(Choice, frozen=True, kw_only=True):
    """How the field is steered towards a label."""

    needs_classifier: ClassVar[bool] = False
    """Whether a learned field needs a classifier trained beside it."""

    def refusal(self, experiment: Experiment, *, exact: bool) -> str | None:
        """Why this model of the experiment cannot be guided so, in one sentence; None if it can."""
        return None

    def labels(self, experiment: Experiment, n: int, seed: int) -> int | NDArray[np.int64] | None:
        """The label of all particles, from 0, or that of each, (n,); None without guidance. Raises Problem for one that is not there."""
        return None

    @property
    def words(self) -> str:
        """What a pane's caption says; empty for nothing."""
        return ""


class NoGuidance(GuidanceBase, tag="none", frozen=True, kw_only=True):
    """The field as it is; of a network that knows labels, the one without."""

    label: ClassVar[str] = "None"
    summary: ClassVar[str] = "Samples of all the data, whatever their label."
    formula: ClassVar[str] = r"s_t(x)"
    source: ClassVar[str] = "Song 2011.13456"


class _Guided(GuidanceBase, frozen=True, kw_only=True):
    """Guidance with a scale and a label."""

    scale: Scale = 2.0
    y: Label = 0

    def refusal(self, experiment: Experiment, *, exact: bool) -> str | None:
        reason = experiment.target.label_refusal()
        if reason is None and self.y > experiment.target.classes:
            reason = f"There is no label {self.y}: the data has {experiment.target.classes}."
        return reason

    def labels(self, experiment: Experiment, n: int, seed: int) -> int | NDArray[np.int64] | None:
        classes = experiment.target.labelled()
        if classes is None or self.y > len(classes.parts):
            raise Problem(str(self.refusal(experiment, exact=True)))
        return self.y - 1 if self.y else classes.draw(n, generator(seed, "labels"))

    def _which(self) -> str:
        return f" · label {self.y}" if self.y else ""


class ClassifierFree(_Guided, tag="classifier-free", frozen=True, kw_only=True):
    """(1 - w) f(x) + w f(x|y)."""

    label: ClassVar[str] = "Classifier-free"
    summary: ClassVar[str] = "Between, and beyond, what the model says without and with the label."
    formula: ClassVar[str] = r"(1-w)\,s_t(x) + w\,s_t(x \mid y)"
    source: ClassVar[str] = "Ho & Salimans 2207.12598"

    def refusal(self, experiment: Experiment, *, exact: bool) -> str | None:
        reason = super().refusal(experiment, exact=exact)
        if reason is None and not exact and not experiment.condition.conditional:
            return "The network was not told any labels: train it by label, or guide it by a classifier."
        return reason

    @property
    def words(self) -> str:
        return f"classifier-free w = {self.scale:g}{self._which()}"


class ClassifierGuidance(_Guided, tag="classifier", frozen=True, kw_only=True):
    """s(x) + w grad log p(y|x_t)."""

    label: ClassVar[str] = "Classifier"
    summary: ClassVar[str] = "A small network that tells labels of noisy points pulls the particles; in closed form for the exact field."
    formula: ClassVar[str] = r"s_t(x) + w\,\nabla \log p_t(y \mid x)"
    source: ClassVar[str] = "Dhariwal & Nichol 2105.05233; Song 2011.13456"
    needs_classifier: ClassVar[bool] = True

    def refusal(self, experiment: Experiment, *, exact: bool) -> str | None:
        reason = super().refusal(experiment, exact=exact)
        if reason is None and not exact and not isinstance(experiment.field_path(), GaussianPath):
            return CLASSIFIER_REFUSAL
        return reason

    @property
    def words(self) -> str:
        return f"classifier w = {self.scale:g}{self._which()}"


Guidance = NoGuidance | ClassifierFree | ClassifierGuidance


def conditional_fields(field: Field, experiment: Experiment, device: torch.device | str, dtype: Any) -> list[Field]:
    """f(x|y) for every label: the network's, or in closed form. Raises Problem."""
    from engine.fields.learned import LearnedField

    if isinstance(field, LearnedField):
        return [field.with_label(k) for k in range(experiment.target.classes)]
    from engine.fields.exact import exact_field_of
    from engine.targets.one_class import OneClass

    made: list[Field] = []
    for k in range(experiment.target.classes):
        part: Any = OneClass(whole=experiment.target, index=k, standardise=experiment.target.standardise)
        made.append(exact_field_of(replace(experiment, target=part), device, dtype))
    return made


def guide(
    field: Field,
    experiment: Experiment,
    guidance: Guidance,
    *,
    n: int,
    seed: int,
    conditional: Callable[[], Sequence[Field]] | None = None,
    classifier: Callable[[], TrainedClassifier] | None = None,
    told: Callable[[str], None] | None = None,
) -> Field:
    """``field`` (learned or exact, of ``experiment``) guided for n particles; itself where there is no guidance.

    ``conditional`` and ``classifier`` give what was made before, so that it need not be made again. Of an exact field the class posterior
    is known, grad log p(y|x_t) = s(x|y) - s(x), so that both kinds of guidance are the same field. ``told`` hears of
    the training of a classifier. Raises Problem where it is refused.
    """
    if isinstance(guidance, NoGuidance):
        return field
    from engine.fields.learned import LearnedField

    learned = isinstance(field, LearnedField)
    reason = guidance.refusal(experiment, exact=not learned)
    if reason:
        raise Problem(reason)
    labels = guidance.labels(experiment, n, seed)
    assert labels is not None
    if learned and guidance.needs_classifier:
        from engine.classifier import ClassifierGuidedField, train_classifier

        found = classifier() if classifier is not None else None
        if found is None:
            for step in train_classifier(experiment, field.device):
                found = step.classifier
                if told is not None:
                    told(f"classifier: step {step.step} of {step.steps}")
        assert found is not None
        return ClassifierGuidedField(field, found, guidance.scale, labels, class_means(experiment))
    from engine.fields.guided import guided_field

    given = conditional() if conditional is not None else conditional_fields(field, experiment, field.device, field.dtype)
    return guided_field(field, given, guidance.scale, labels)


def class_means(experiment: Experiment) -> NDArray[np.float64]:
    """E[x|y] of each label, standardised coordinates, (K, d)."""
    classes, frame = experiment.target.labelled(), experiment.target.frame()
    assert classes is not None
    return frame.inward(np.stack([part.mean() for part in classes.parts]))
