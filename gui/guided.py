"""GuidedFields: the fields that panes with guidance ask for; what takes long to make is kept. Lives on the worker's thread; no Qt here."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from engine.experiment import Experiment
from engine.guidance import Guidance, NoGuidance, conditional_fields, guide
from engine.randomness import generator
from engine.targets import Target
from engine.targets.one_class import OneClass

if TYPE_CHECKING:
    from engine.classifier import Classifier
    from engine.fields.base import Field

LABEL_SAMPLES = 4_000


class GuidedFields:
    """Classifiers and exact conditional fields of the last few experiments."""

    KEPT = 3

    def __init__(self) -> None:
        self._classifiers: dict[tuple[Experiment, int, str], Classifier] = {}
        self._given: dict[tuple[Experiment, str], list[Field]] = {}
        self._trees: dict[Target, tuple[Any, NDArray[np.int64]]] = {}

    def refusal(self, free: Field, law: Experiment, guidance: Guidance) -> str | None:
        """Why this field cannot be guided so, in one sentence; None if it can."""
        own = getattr(free, "experiment", None)
        return guidance.refusal(law if own is None else own, exact=own is None)

    def prepare(self, free: Field, law: Experiment, guidance: Guidance) -> Generator[float, None, None]:
        """Train the classifier that this asks for, unless it is there: yields the fraction done."""
        if not guidance.needs_classifier or getattr(free, "experiment", None) is None:
            return
        from engine.classifier import train_classifier

        experiment, key = self._key(free, law)
        if key in self._classifiers:
            return
        while len(self._classifiers) >= self.KEPT:
            del self._classifiers[next(iter(self._classifiers))]
        for step in train_classifier(experiment, free.device):
            if step.classifier is not None:
                self._classifiers[key] = step.classifier
            yield step.step / step.steps

    def field(self, free: Field, law: Experiment, guidance: Guidance, n: int, seed: int) -> Field:
        """``free`` guided for n particles. Raises Problem where ``refusal`` says so."""
        own = getattr(free, "experiment", None)
        if isinstance(guidance, NoGuidance):
            return free
        if own is None:
            return guide(free, law, guidance, n=n, seed=seed, conditional=lambda: self._conditional(free, law))
        return guide(free, own, guidance, n=n, seed=seed, classifier=lambda: self._classifiers[self._key(free, law)[1]])

    def _key(self, free: Field, law: Experiment) -> tuple[Experiment, tuple[Experiment, int, str]]:
        """The experiment by whose seed a classifier is trained; the path and the data are those of the law."""
        own: Experiment = free.experiment  # type: ignore[attr-defined]  # of a learned field
        return replace(law, training=own.training), (law, own.training.seed, str(free.device))

    def _conditional(self, free: Field, law: Experiment) -> list[Field]:
        key = (law, str(free.device))
        if key not in self._given:
            while len(self._given) >= self.KEPT:
                del self._given[next(iter(self._given))]
            self._given[key] = conditional_fields(free, law, free.device, free.dtype)
        return self._given[key]

    def label_colours(self, law: Experiment, chosen: Field, ends: NDArray[np.float32]) -> NDArray[np.int32] | None:
        """The label colour of each particle that ends at ``ends`` (n, d): of what it was asked for, else of the nearest labelled point."""
        asked = getattr(chosen, "labels", None)
        # what a network was taught may be older than the target now
        taught = getattr(getattr(chosen, "free", chosen), "experiment", law)
        classes = (law if asked is None else taught).target.labelled()
        if classes is None:
            return None
        palette = np.array(classes.colours, dtype=np.int32)
        if asked is not None:
            return np.full(len(ends), palette[asked]) if isinstance(asked, int) else palette[asked]
        tree, labels = self._labelled(law.target)
        return palette[labels[tree.query(np.asarray(ends, dtype=np.float64))[1]]]

    def _labelled(self, target: Target) -> tuple[Any, NDArray[np.int64]]:
        """Labelled draws in standardised coordinates, to look up the nearest."""
        if target not in self._trees:
            from scipy.spatial import cKDTree

            while len(self._trees) >= self.KEPT:
                del self._trees[next(iter(self._trees))]
            x, labels = target.sample_labelled(LABEL_SAMPLES, generator(0, "label colours"))
            self._trees[target] = cKDTree(target.frame().inward(x)), labels
        return self._trees[target]


def reference(target: Target, guidance: Guidance) -> Any:
    """What the samples of a guided pane are measured against: the part with the label asked for, or all the data."""
    asked = getattr(guidance, "y", 0)
    return OneClass(whole=target, index=asked - 1, standardise=target.standardise) if 0 < asked <= target.classes else target
