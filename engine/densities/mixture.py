"""GaussianMixture: p(x) = sum_k w_k N(x; m_k, C_k), bare points (C = 0) included."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.choice import Problem
from engine.densities.categorical import Categorical

Floats = NDArray[np.float64]
_CHUNK = 1 << 20


class GaussianMixture:
    """k Gaussians in d dimensions, either axis-parallel (``stds``) or with full ``covariances``.

    Parameters: ``means`` (k, d); ``stds`` a number, (d,), or (k, d) with zeros for bare points; or ``covariances`` (k, d, d); ``weights``
    (k,) positive, not necessarily normalised, equal if None. ``stds`` is kept as (1, d) when all components share it.
    """

    def __init__(
        self,
        means: ArrayLike,
        *,
        stds: ArrayLike | None = None,
        covariances: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        note: str = "",
        groups: ArrayLike | None = None,
    ) -> None:
        self.means: Floats = np.atleast_2d(np.asarray(means, dtype=np.float64))
        k, d = self.means.shape
        if (stds is None) == (covariances is None):
            raise TypeError("give either stds or covariances")
        self.stds: Floats | None = None
        self._covariances: Floats | None = None
        if stds is not None:
            spread = np.asarray(stds, dtype=np.float64)
            if spread.ndim < 2:
                spread = np.broadcast_to(spread, (1, d)).copy()
            self.stds = spread[:1] if bool(np.all(spread == spread[:1])) else spread
        else:
            self._covariances = np.asarray(covariances, dtype=np.float64).reshape(k, d, d)
        weight = np.ones(k) if weights is None else np.asarray(weights, dtype=np.float64)
        self.weights: Floats = weight / weight.sum()
        self.note = note
        self.groups: NDArray[np.int64] | None = None if groups is None else np.asarray(groups, dtype=np.int64)
        """(k,) which part of a shape (an arm, a ring) each component belongs to; None where there are no parts."""

    @property
    def dimension(self) -> int:
        """d."""
        return int(self.means.shape[1])

    @property
    def count(self) -> int:
        """k."""
        return len(self.means)

    @property
    def covariances(self) -> Floats:
        """(k, d, d), or (1, d, d) when all components share one."""
        if self._covariances is not None:
            return self._covariances
        assert self.stds is not None
        full: Floats = self.stds[:, :, None] ** 2 * np.eye(self.dimension)
        return full

    @property
    def smooth(self) -> bool:
        """Whether there is a density at all: no component is a bare point."""
        return self.stds is None or bool(np.all(self.stds > 0))

    @cached_property
    def _component(self) -> Categorical:
        return Categorical(self.weights)

    @cached_property
    def _cholesky(self) -> Floats:
        lower: Floats = np.asarray(np.linalg.cholesky(self.covariances), dtype=np.float64)
        return lower

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """n independent draws, (n, d): a component, then a point of it."""
        index = self._component.draw(n, rng)
        x: Floats = self.means[index]
        if self.stds is None:
            z = rng.standard_normal(x.shape)
            lower = self._cholesky[index]
            for column in range(self.dimension):
                x += lower[:, :, column] * z[:, column, None]
        elif self.stds.any():
            x += rng.standard_normal(x.shape) * (self.stds if len(self.stds) == 1 else self.stds[index])
        return x

    def log_prob(self, x: Floats) -> Floats:
        """log p(x), nats, (n,). Raises Problem where bare points have no density."""
        if not self.smooth:
            raise Problem("bare points have no density: give them a bandwidth above 0")
        x = np.atleast_2d(np.asarray(x, dtype=np.float64))
        rows = max(1, _CHUNK // self.count)
        parts = [self._log_prob(x[start : start + rows]) for start in range(0, len(x), rows)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _log_prob(self, x: Floats) -> Floats:
        d = self.dimension
        with np.errstate(divide="ignore"):
            logit = np.log(self.weights) - 0.5 * d * np.log(2.0 * np.pi)
        if self.stds is not None:
            logit = np.broadcast_to(logit - np.log(self.stds).sum(axis=1), (len(x), self.count)).copy()
            for axis in range(d):
                logit -= 0.5 * ((x[:, None, axis] - self.means[:, axis]) / self.stds[:, axis]) ** 2
        else:
            inverse, log_det = self._whitening
            logit = np.broadcast_to(logit + log_det, (len(x), self.count)).copy()
            apart = [x[:, None, axis] - self.means[:, axis] for axis in range(d)]
            for i in range(d):
                whitened = inverse[i, 0] * apart[0]
                for j in range(1, i + 1):
                    whitened += inverse[i, j] * apart[j]
                logit -= 0.5 * np.square(whitened, out=whitened)
        top = logit.max(axis=1)
        logit -= top[:, None]
        np.maximum(logit, -100.0, out=logit)  # what underflows takes exp four times as long, and adds nothing either way
        result: Floats = top + np.log(np.exp(logit, out=logit).sum(axis=1))
        return result

    @cached_property
    def _whitening(self) -> tuple[Floats, Floats]:
        """L^-1 of every covariance L L^T, (d, d, K) for products along its last axis, and log det L^-1, (K,)."""
        inverse = np.ascontiguousarray(np.linalg.inv(self._cholesky).transpose(1, 2, 0))
        return inverse, np.log(np.diagonal(inverse)).sum(axis=1)

    @cached_property
    def _moments(self) -> tuple[Floats, Floats]:
        mean = self.weights @ self.means
        centred = self.means - mean
        within = self.covariances
        inner = within[0] if len(within) == 1 else np.einsum("k,kij->ij", self.weights, within)
        return mean, (centred * self.weights[:, None]).T @ centred + inner

    def mean(self) -> Floats:
        """E[x], (d,)."""
        return self._moments[0].copy()

    def covariance(self) -> Floats:
        """Cov[x], (d, d): between the components plus within them."""
        return self._moments[1].copy()

    def bounds(self) -> tuple[Floats, Floats]:
        """Four standard deviations around every component with mass."""
        held = self.weights > 0
        spread = np.sqrt(np.diagonal(self.covariances, axis1=1, axis2=2))
        if len(spread) > 1:
            spread = spread[held]
        return (self.means[held] - 4.0 * spread).min(axis=0), (self.means[held] + 4.0 * spread).max(axis=0)

    def moved(self, shift: Floats, scale: Floats) -> GaussianMixture:
        """The density of (x - shift) / scale, per axis."""
        means = (self.means - shift) / scale
        if self.stds is not None:
            return GaussianMixture(means, stds=np.atleast_2d(self.stds / scale), weights=self.weights, note=self.note)
        return GaussianMixture(means, covariances=self.covariances / np.outer(scale, scale), weights=self.weights, note=self.note)

    def chosen(self, index: NDArray[np.integer]) -> GaussianMixture:
        """The components ``index`` (m,) alone, weights normalised."""
        if self.stds is not None:
            stds = self.stds if len(self.stds) == 1 else self.stds[index]
            return GaussianMixture(self.means[index], stds=stds, weights=self.weights[index], note=self.note)
        return GaussianMixture(self.means[index], covariances=self.covariances[index], weights=self.weights[index], note=self.note)

    def thinned(self, most: int, rng: np.random.Generator) -> GaussianMixture:
        """At most ``most`` components, drawn without replacement (in proportion to their weights, then equal); itself if it has no more."""
        if self.count <= most:
            return self
        # exponential clocks: the first ``most`` to ring are a weighted draw without replacement (Efraimidis & Spirakis 2006)
        with np.errstate(divide="ignore"):
            ring = rng.standard_exponential(self.count) / self.weights
        chosen = np.sort(np.argpartition(ring, most)[:most])
        note = f"{most:,} of {self.count:,} points"
        if self.stds is not None:
            return GaussianMixture(self.means[chosen], stds=self.stds if len(self.stds) == 1 else self.stds[chosen], note=note)
        return GaussianMixture(self.means[chosen], covariances=self.covariances[chosen], note=note)
