"""Means over repeats, with their standard errors, and whether they can be told from 0."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mean:
    """A mean over repeats with its error."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return float(np.std(self.values, ddof=1)) / math.sqrt(len(self.values)) if len(self.values) > 1 else math.nan

    @property
    def certain(self) -> bool:
        """Whether it can be told from 0: beyond the 95 % interval of Student's t."""
        from scipy.special import stdtrit

        freedom = len(self.values) - 1
        return freedom > 0 and abs(self.mean) > float(stdtrit(freedom, 0.975)) * self.error

    def minus(self, other: Mean) -> Mean:
        """The paired difference."""
        return Mean(tuple(a - b for a, b in zip(self.values, other.values, strict=True)))
