"""Guided fields: fields whose particles each ask for a label.

Classifier-free guidance is (1 - w) f(x) + w f(x|y) on whatever the fields predict natively. Every prediction is affine in every other
with the same coefficients for f(x) and f(x|y), and the shares 1 - w and w add up to 1, so that guiding the velocity, the score, the noise
or the data is one and the same: s + w grad log p(y|x) for the score. Source: Ho & Salimans 2207.12598; MATHS section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.fields import base
from engine.fields.base import Field, Scored

if TYPE_CHECKING:
    from engine.paths import GaussianPath, Path, Prediction
    from engine.sources import SourceLaw

Labels = NDArray[np.int64]


class GuidedField:
    """(1 - w) ``free`` + w ``given[y]``, a field; ``labels`` is one label from 0 for all points, or (n,) for n particles."""

    def __init__(self, free: Field, given: Sequence[Field], scale: float, labels: int | Labels) -> None:
        self.free, self.given, self.scale, self.labels = free, given, scale, labels
        used = [given[labels]] if isinstance(labels, int) else list(given)
        self.path: Path = free.path
        self.source: SourceLaw = free.source
        self.prediction: Prediction = free.prediction
        self.dimension = free.dimension
        self.device, self.dtype = free.device, free.dtype
        self.interval: tuple[float, float] = (
            max(field.interval[0] for field in (free, *used)),
            min(field.interval[1] for field in (free, *used)),
        )
        self.mean, self.covariance = free.mean, free.covariance
        if isinstance(labels, int):
            # for equal covariances p^(1-w) p(.|y)^w has this mean
            share = min(max(scale, 0.0), 1.0)
            self.mean = (1.0 - scale) * free.mean + scale * used[0].mean
            self.covariance = (1.0 - share) * free.covariance + share * used[0].covariance
        self.note = " ".join(dict.fromkeys(note for field in (free, *used) if (note := getattr(field, "note", ""))))

    def __call__(self, x: Tensor, t: float | Tensor) -> Tensor:
        """The native prediction, (n, d); with a label for each particle x must hold all of them in order (``at`` takes a part)."""
        return self.combined(lambda field, rows, times: field(rows, times), x, t)

    def at(self, rows: Tensor) -> GuidedField:
        """The same field for the particles ``rows`` (m,) alone."""
        if isinstance(self.labels, int):
            return self
        return self._with(self.labels[rows.cpu().numpy()])

    def _with(self, labels: Labels) -> GuidedField:
        return type(self)(self.free, self.given, self.scale, labels)

    @property
    def anywhere(self) -> Field:
        """A field for points that are no particles, such as the nodes of a picture: where each asks for its own label, the one without."""
        return self if isinstance(self.labels, int) else self.free

    def score_refusal(self) -> str | None:
        """Why there is no score, in one sentence; None if there is one."""
        return base.score_refusal(self.free)

    def gaussian_beside(self) -> GaussianPath | None:
        """The Gaussian path that the velocity of two heads belongs to besides, if there is one."""
        own = getattr(self.free, "gaussian_beside", None)
        found: GaussianPath | None = None if own is None else own()
        return found

    def combined(self, evaluate: Callable[[Any, Tensor, Any], Tensor], x: Tensor, t: float | Tensor) -> Tensor:
        """(1 - w) evaluate(free) + w evaluate(given[y]), row by row."""
        if isinstance(self.labels, int):
            given = evaluate(self.given[self.labels], x, t) if self.scale != 0.0 else None
        else:
            given = self._by_label(evaluate, x, t) if self.scale != 0.0 else None
        if given is None:
            return evaluate(self.free, x, t)
        if self.scale == 1.0:
            return given
        return evaluate(self.free, x, t).mul(1.0 - self.scale).add(given, alpha=self.scale)

    def _by_label(self, evaluate: Callable[[Any, Tensor, Any], Tensor], x: Tensor, t: float | Tensor) -> Tensor:
        assert not isinstance(self.labels, int)
        if len(self.labels) != len(x):
            raise ValueError(f"{len(x)} points and {len(self.labels)} labels")
        out: Tensor | None = None
        for k in np.unique(self.labels):
            rows = torch.from_numpy(np.flatnonzero(self.labels == k)).to(x.device)
            part = evaluate(self.given[int(k)], x[rows], t[rows] if isinstance(t, Tensor) and t.ndim else t)
            out = part.new_empty(len(x), *part.shape[1:]) if out is None else out
            out = out.index_copy(0, rows, part)
        return evaluate(self.free, x, t) if out is None else out


class ExactGuidedField(GuidedField):
    """The same of fields in closed form: also velocity, score and denoiser by themselves, and log p^(1-w) p(.|y)^w."""

    def velocity(self, x: Tensor, t: float | Tensor) -> Tensor:
        """(1 - w) u_t(x) + w u_t(x|y), (n, d)."""
        return self.combined(lambda field, rows, times: field.velocity(rows, times), x, t)

    def score(self, x: Tensor, t: float | Tensor) -> Tensor:
        """grad log p_t(x) + w grad log p(y|x_t = x), (n, d)."""
        return self.combined(lambda field, rows, times: field.score(rows, times), x, t)

    def data(self, x: Tensor, t: float | Tensor) -> Tensor:
        """(1 - w) D_t(x) + w D_t(x|y), (n, d)."""
        return self.combined(lambda field, rows, times: field.data(rows, times), x, t)

    def velocity_and_score(self, x: Tensor, t: float | Tensor) -> tuple[Tensor, Tensor]:
        """Both, (n, d) each."""
        both = self.combined(lambda field, rows, times: torch.cat(field.velocity_and_score(rows, times), dim=1), x, t)
        return both[:, : self.dimension], both[:, self.dimension :]

    def log_prob(self, x: Tensor, t: float | Tensor) -> Tensor:
        """(1 - w) log p_t(x) + w log p_t(x|y), nats, (n,): the log of a density up to a number that depends on t, w and y alone."""
        return self.combined(lambda field, rows, times: field.log_prob(rows, times), x, t)


def guided_field(free: Field, given: Sequence[Field], scale: float, labels: int | Labels) -> GuidedField:
    """The guided field of one without labels and one for each label."""
    closed = all(isinstance(field, Scored) for field in (free, *given))
    return (ExactGuidedField if closed else GuidedField)(free, given, scale, labels)
