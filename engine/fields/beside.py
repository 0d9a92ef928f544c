"""What a model of two heads is besides: where its path has the marginals of a Gaussian one, its velocity alone tells D, E and the score.

Velocity and noise are learned between any two laws, along a path without the conversions of a Gaussian one. Where the source is N(0, I) and
drawn apart from the data, x = b x1 + a x0 + gamma eps is alpha x1 + beta E in law, with alpha = b and beta^2 = a^2 + gamma^2: the velocity
that is learned is that of this Gaussian path, and everything that runs on one (DDIM, the time reversal, Karras's noise levels) runs on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from engine.paths import GaussianPath, Prediction

if TYPE_CHECKING:
    from engine.fields.base import Field


class BesideField:
    """The velocity of ``field`` as that of the Gaussian path with the same marginals; a ``Field``."""

    prediction: Prediction = "velocity"

    def __init__(self, field: Field, path: GaussianPath) -> None:
        self.field, self.path = field, path
        self.source, self.dimension = field.source, field.dimension
        self.device, self.dtype = field.device, field.dtype
        self.mean, self.covariance = field.mean, field.covariance
        self.interval = field.interval
        self.note: str = getattr(field, "note", "")

    def __call__(self, x: Tensor, t: Any) -> Tensor:
        """u_t(x), (n, d)."""
        return self.field(x, t)[:, : self.dimension]

    def at(self, rows: Tensor) -> BesideField:
        """The same for the particles ``rows`` (m,) alone."""
        from engine.fields.base import rows_of

        return BesideField(rows_of(self.field, rows), self.path)

    @property
    def anywhere(self) -> BesideField:
        """The same for points that are no particles."""
        return BesideField(getattr(self.field, "anywhere", self.field), self.path)
