"""OneClass: the part of a target that carries one label, in the frame of the whole; for the exact fields of p(x|y)."""

from __future__ import annotations

from engine.densities.closed import ClosedDensity
from engine.targets.base import Frame, TargetBase


class OneClass(TargetBase, tag="one-class", frozen=True, kw_only=True):
    """p(x|k) of ``whole``. Not to be chosen by a user: it is made where a conditional field is asked for."""

    whole: TargetBase
    index: int

    @property
    def axis_names(self) -> tuple[str, ...]:
        return self.whole.axis_names

    def build(self) -> ClosedDensity:
        return self.whole.of_class(self.index)

    def frame(self) -> Frame:
        """That of the whole: the same standardised coordinates."""
        return self.whole.frame()
