"""EvenCurves: noisy curves whose points lie on an even grid of the curve's parameter, as scikit-learn's make_moons draws them.

The law of one point is that of the Gaussian mixture by quadrature; n points together are a stratified draw of it: every curve gets its
share of them, evenly spaced, so that two draws are nearer to each other than independent ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.densities.mixture import GaussianMixture
from engine.targets.quadrature import Curve, noisy_curves

Floats = NDArray[np.float64]


class EvenCurves(GaussianMixture):
    """Equal shares on each curve, blurred by N(0, noise^2 I), then x <- scale x + shift (numbers, or one for each axis)."""

    def __init__(self, curves: Sequence[Curve], noise: float, scale: Floats, shift: Floats) -> None:
        mixture = noisy_curves(curves, noise)
        assert mixture.stds is not None
        super().__init__(mixture.means * scale + shift, stds=np.broadcast_to(mixture.stds[0] * scale, (2,)).copy(), weights=mixture.weights)
        self._curves, self._noise, self._scale, self._shift = curves, noise, scale, shift

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """n points, (n, d), in a random order: those on a curve at u = 0, 1/(m-1), ... 1, where m is the curve's share of n."""
        counts = [(n * (k + 1)) // len(self._curves) - (n * k) // len(self._curves) for k in range(len(self._curves))]
        grid = [curve(np.linspace(0.0, 1.0, count)) for curve, count in zip(self._curves, counts, strict=True)]
        x = rng.permutation(np.concatenate(grid)) + self._noise * rng.standard_normal((n, 2))
        moved: Floats = x * self._scale + self._shift
        return moved

    def moved(self, shift: Floats, scale: Floats) -> EvenCurves:
        """The density of (x - shift) / scale, per axis; still drawn on the grid."""
        return EvenCurves(self._curves, self._noise, self._scale / scale, (self._shift - shift) / scale)
