"""TrainingState: what training goes on from, bit for bit. Plain numpy, so that files and the window read it without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Flat = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TrainingState:
    """P parameters in one flat vector each, in the order of the network's own flat layout."""

    step: int
    """Optimiser steps done."""
    weights: Flat
    """(P,)."""
    ema: Flat
    """(P,), the averaged weights that are shown."""
    first: Flat
    """(P,), Adam's first moment m."""
    second: Flat
    """(P,), Adam's second moment v."""
