"""The posterior of both ends of x = a x0 + b x1 + gamma eps, x0 and x1 independent, each a Gaussian mixture or a raster, in closed form.

Between two mixtures, x is a mixture of all pairs (i, j): N(a m_i + b n_j, S_ij) with S_ij = a^2 C_i + b^2 D_j + gamma^2 I, and with r_ij
the responsibilities and q_ij = S_ij^-1 (x - a m_i - b n_j)

    -s = sum r q,    E[x0|x] = sum r (m_i + a C_i q),    E[x1|x] = sum r (n_j + b D_j q),    E[eps|x] = -gamma s.

Between a raster and axis-parallel Gaussians, x - b n_j given j is the raster blurred by b^2 tau_j^2 + gamma^2, axis by axis. Nothing is
divided by a, b or gamma. Source: MATHS sections 2 and 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from engine.densities.mixture import GaussianMixture
from engine.fields.cells_posterior import CellsPosterior
from engine.fields.raster_pair import RasterPair
from engine.fields.separable import FAINT, Ends, EndsOnAxes, gaussians_on_axes
from engine.ops import Scalar, sqrt

_CHUNK = 1 << 20


def _constants(values: np.ndarray, device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.as_tensor(np.ascontiguousarray(values), device=device, dtype=dtype)


def _products(one: GaussianMixture, other: GaussianMixture) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices i, j of all pairs of components with mass, and the logarithms of their weights."""
    i, j = (np.flatnonzero(mixture.weights > 0) for mixture in (one, other))
    i, j = np.repeat(i, len(j)), np.tile(j, len(i))
    return i, j, np.log(one.weights[i]) + np.log(other.weights[j])


class SharedPair:
    """Two mixtures, each with one axis-parallel covariance for all its components: products of matrices."""

    def __init__(self, source: GaussianMixture, target: GaussianMixture, device: torch.device, dtype: torch.dtype) -> None:
        assert source.stds is not None
        assert target.stds is not None
        i, j, log_weights = _products(source, target)
        self._first, self._second = _constants(source.means[i], device, dtype), _constants(target.means[j], device, dtype)
        self._both = torch.cat([self._first, self._second], dim=1)
        self._log_weights = _constants(log_weights, device, dtype)
        self._variances = _constants(source.stds[0] ** 2, device, dtype), _constants(target.stds[0] ** 2, device, dtype)

    def __call__(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Ends:
        """(E[x0|x], E[x1|x], -score) at x (n, d)."""
        d = x.shape[1]
        total = self._total(a, b, latent)
        middle = torch.cat([torch.softmax(logit, dim=1) @ self._both for logit in self._logits(x, a, b, total)])
        pull = (x - a * middle[:, :d] - b * middle[:, d:]) / total
        return middle[:, :d] + a * self._variances[0] * pull, middle[:, d:] + b * self._variances[1] * pull, pull

    def log_prob(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        """log p(x), nats, (n,)."""
        total = self._total(a, b, latent)
        sums = torch.cat([torch.logsumexp(logit, dim=1) for logit in self._logits(x, a, b, total)])
        result: Tensor = sums - 0.5 * (total.log().sum() + x.shape[1] * math.log(2.0 * math.pi))
        return result

    def on_axes(self, axes: Sequence[Tensor], a: Scalar, b: Scalar, latent: Scalar, moments: bool = True) -> EndsOnAxes:
        """p, E[x0|x], E[x1|x] and -score on the grid of the axes, and where they are known."""
        d, total = len(axes), self._total(a, b, latent)
        means = a * self._first + b * self._second
        density, *firsts = gaussians_on_axes(axes, means, total[None], self._log_weights, self._both if moments else None)
        known = density > FAINT[density.dtype]
        if not firsts:
            return EndsOnAxes(density, None, known)
        middle = torch.stack(firsts, dim=-1) / torch.where(known, density, torch.ones_like(density))[..., None]
        x = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        pull = (x - a * middle[..., :d] - b * middle[..., d:]) / total
        first, second = middle[..., :d] + a * self._variances[0] * pull, middle[..., d:] + b * self._variances[1] * pull
        return EndsOnAxes(density, (first, second, pull), known)

    def _total(self, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        total: Tensor = a * a * self._variances[0] + b * b * self._variances[1] + latent * latent
        return total

    def _logits(self, x: Tensor, a: Scalar, b: Scalar, total: Tensor) -> Iterator[Tensor]:
        """log w_ij - |x - a m_i - b n_j|^2 / 2S, by chunks of rows."""
        unit = (2.0 * total).rsqrt()
        means = (a * self._first + b * self._second) * unit
        # |x - m|^2 = |x|^2 - 2 x m + |m|^2 loses eps (|m|^2 + |x|^2): allowed while that is small
        reach = float(means.detach().abs().max()) + 1.0
        by_products = torch.finfo(x.dtype).eps * reach * reach < 1e-4 and not (x.requires_grad or means.requires_grad)
        offset = self._log_weights - (means * means).sum(dim=1) if by_products else self._log_weights
        for part in torch.split(x * unit, max(1, _CHUNK // len(means))):
            if by_products:
                yield torch.addmm(offset, part, means.T, alpha=2.0).sub_((part * part).sum(dim=1, keepdim=True))
                continue
            logit = offset
            for axis in range(x.shape[1]):
                away = part[:, axis, None] - means[:, axis]
                logit = torch.addcmul(logit, away, away, value=-1.0)
            yield logit


class FullPair:
    """Two mixtures of any covariances, in float64: with P = S^-1, everything is linear in (1, x, x x^T), so products of matrices do."""

    def __init__(self, source: GaussianMixture, target: GaussianMixture, device: torch.device, dtype: torch.dtype) -> None:
        i, j, log_weights = _products(source, target)
        first, second = (np.broadcast_to(m.covariances, (m.count, m.dimension, m.dimension)) for m in (source, target))
        self._first, self._second = (_constants(means, device, torch.float64) for means in (source.means[i], target.means[j]))
        self._log_weights = _constants(log_weights, device, torch.float64)
        self._covariances = _constants(first[i], device, torch.float64), _constants(second[j], device, torch.float64)
        self._eye = torch.eye(source.dimension, device=device, dtype=torch.float64)

    def __call__(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Ends:
        """(E[x0|x], E[x1|x], -score) at x (n, d)."""
        d, (precision, means, offset) = x.shape[1], self._constants_at(a, b, latent)
        # each of the three is sum_k r_k (c_k + A_k x): one product with [c, A] of all three side by side
        linear = [precision, a * self._covariances[0] @ precision, b * self._covariances[1] @ precision]
        constant = [torch.zeros_like(means), self._first, self._second]
        sides = [torch.cat([c - torch.einsum("kij,kj->ki", A, means), A.flatten(1)], 1) for c, A in zip(constant, linear, strict=True)]
        both, parts = torch.cat(sides, dim=1), []
        for part in torch.split(x.double(), max(1, _CHUNK // len(means))):
            share = torch.softmax(self._logits(part, precision, means, offset), dim=1)
            found = (share @ both).view(len(part), 3, d + d * d)
            parts.append(found[:, :, :d] + torch.einsum("nsij,nj->nsi", found[:, :, d:].reshape(len(part), 3, d, d), part))
        pull, first, second = torch.cat(parts).to(x.dtype).unbind(1)
        return first, second, pull

    def log_prob(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        """log p(x), nats, (n,)."""
        constants = self._constants_at(a, b, latent)
        parts = torch.split(x.double(), max(1, _CHUNK // len(self._first)))
        return torch.cat([torch.logsumexp(self._logits(part, *constants), dim=1) for part in parts]).to(x.dtype)

    def _constants_at(self, a: Scalar, b: Scalar, latent: Scalar) -> tuple[Tensor, Tensor, Tensor]:
        """S^-1 (k, d, d), a m + b n (k, d), and log w - log det S / 2 - d log(2 pi) / 2 (k,)."""
        total = a * a * self._covariances[0] + b * b * self._covariances[1] + latent * latent * self._eye
        lower = torch.linalg.cholesky(total)
        log_root = lower.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        offset = self._log_weights - log_root - 0.5 * total.shape[1] * math.log(2.0 * math.pi)
        return torch.cholesky_inverse(lower), a * self._first + b * self._second, offset

    def _logits(self, x: Tensor, precision: Tensor, means: Tensor, offset: Tensor) -> Tensor:
        """log w N(x; a m + b n, S), (n, k)."""
        towards = torch.einsum("kij,kj->ki", precision, means)
        constant = offset - 0.5 * (towards * means).sum(dim=1)
        squares = (x[:, :, None] * x[:, None, :]).flatten(1)
        return torch.addmm(constant, torch.cat([x, squares], 1), torch.cat([towards, -0.5 * precision.flatten(1)], 1).T)


class CellsPair:
    """A raster at one end, a mixture of axis-parallel Gaussians at the other."""

    def __init__(
        self, cells: CellsPosterior, mixture: GaussianMixture, cells_at_data: bool, device: torch.device, dtype: torch.dtype
    ) -> None:
        assert mixture.stds is not None
        held = mixture.weights > 0
        variances = np.broadcast_to(mixture.stds**2, mixture.means.shape)[held]
        order = np.lexsort(variances.T)
        self._cells, self._cells_at_data = cells, cells_at_data
        self._means = _constants(mixture.means[held][order], device, dtype)
        self._log_weights = _constants(np.log(mixture.weights[held][order]), device, dtype)
        self._variances = _constants(variances[order], device, dtype)
        last = np.flatnonzero(np.append((variances[order][1:] != variances[order][:-1]).any(axis=1), True))
        counts = np.diff(last, prepend=-1)
        self._groups = list(zip(variances[order][last].tolist(), counts.tolist(), strict=True))

    def __call__(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Ends:
        """(E[x0|x], E[x1|x], -score) at x (n, d)."""
        there = a if self._cells_at_data else b
        parts = []
        for logit, inside, pull in self._parts(x, a, b, latent):
            share = torch.softmax(logit, dim=1)
            mixture = share @ self._means + there * (share[:, :, None] * self._variances * pull).sum(dim=1)
            raster, pulls = (share[:, :, None] * inside).sum(dim=1), (share[:, :, None] * pull).sum(dim=1)
            parts.append((mixture, raster, pulls) if self._cells_at_data else (raster, mixture, pulls))
        first, second, pulls = (torch.cat(column) for column in zip(*parts, strict=True))
        return first, second, pulls

    def log_prob(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        """log p(x), nats, (n,)."""
        return torch.cat([torch.logsumexp(logit, dim=1) for logit, _, _ in self._parts(x, a, b, latent)])

    def on_axes(self, axes: Sequence[Tensor], a: Scalar, b: Scalar, latent: Scalar, moments: bool = True) -> EndsOnAxes:
        """p, E[x0|x], E[x1|x] and -score on the grid of the axes, and where they are known: one raster for each Gaussian."""
        here, there = (b, a) if self._cells_at_data else (a, b)
        shape, d = [len(axis) for axis in axes], len(axes)
        density = axes[0].new_zeros(shape)
        sums = axes[0].new_zeros(3, *shape, d)
        for mean, log_weight, variance in zip(self._means, self._log_weights, self._variances, strict=True):
            moved = [axis - there * mean[k] for k, axis in enumerate(axes)]
            found = self._cells.on_axes_of(moved, here, self._blurs(variance.tolist(), there, latent), moments)
            weighted = log_weight.exp() * found.density
            density += weighted
            if found.data is not None and found.pull is not None:
                pull = torch.where(found.known[..., None], found.pull, 0.0)
                for total, part in zip(
                    sums, (mean + there * variance * pull, torch.where(found.known[..., None], found.data, 0.0), pull), strict=True
                ):
                    total += weighted[..., None] * part
        known = density > FAINT[density.dtype]
        if not moments:
            return EndsOnAxes(density, None, known)
        mixture, raster, pull = sums / torch.where(known, density, torch.ones_like(density))[..., None]
        ends = (mixture, raster, pull) if self._cells_at_data else (raster, mixture, pull)
        return EndsOnAxes(density, ends, known)

    def _parts(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Iterator[Ends]:
        """By chunks of rows: log w p(x|k), (n, k); the raster end's mean and -score given k, (n, k, d)."""
        here, there = (b, a) if self._cells_at_data else (a, b)
        count = len(self._means)
        for part in torch.split(x, max(1, _CHUNK // (4 * count))):
            found = self._part(part, here, there, latent, far=False)
            # where all terms are faint they are done again in log space
            lost = (found[0].detach().amax(dim=1) < self._floor(there, latent)).nonzero()[:, 0]
            if len(lost):
                again = self._part(part[lost], here, there, latent, far=True)
                found = tuple(whole.index_copy(0, lost, piece) for whole, piece in zip(found, again, strict=True))  # type: ignore[assignment]  # as many as before
            yield found

    def _floor(self, there: Scalar, latent: Scalar) -> float:
        return max(self._cells.floor(self._blurs(variances, there, latent)[0]) for variances, _ in self._groups)

    @staticmethod
    def _blurs(variances: list[float], there: Scalar, latent: Scalar) -> list[Scalar]:
        """What blurs the raster along each axis, (d,)."""
        return [sqrt(there * there * variance + latent * latent) for variance in variances]

    def _part(self, x: Tensor, here: Scalar, there: Scalar, latent: Scalar, far: bool) -> Ends:
        d = x.shape[1]
        logits, insides, pulls, begin = [], [], [], 0
        for variances, size in self._groups:
            away = x[:, None, :] - there * self._means[begin : begin + size]
            blurs = self._blurs(variances, there, latent)
            log_prob, inside, pull = self._cells.moments_of_axes(away.reshape(-1, d), here, blurs, far)
            logits.append(log_prob.view(-1, size) + self._log_weights[begin : begin + size])
            insides.append(inside.view(-1, size, d))
            pulls.append(pull.view(-1, size, d))
            begin += size
        return torch.cat(logits, 1), torch.cat(insides, 1), torch.cat(pulls, 1)


class GaussianPair:
    """Two Gaussians with a joint Gaussian law: the means, covariances C0 and C1, and Cov(x0, x1) = C01, coupled in any way."""

    def __init__(
        self,
        means: tuple[np.ndarray, np.ndarray],
        covariances: tuple[np.ndarray, np.ndarray],
        cross: np.ndarray,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._means = _constants(means[0], device, dtype), _constants(means[1], device, dtype)
        self._first, self._second = _constants(covariances[0], device, dtype), _constants(covariances[1], device, dtype)
        self._cross = _constants(cross, device, dtype)
        self._eye = torch.eye(len(means[0]), device=device, dtype=dtype)

    def moments(self, a: Scalar, b: Scalar, latent: Scalar) -> tuple[Tensor, Tensor]:
        """Mean (d,) and covariance (d, d) of x."""
        both = self._cross + self._cross.T
        total = a * a * self._first + b * b * self._second + a * b * both + latent * latent * self._eye
        return a * self._means[0] + b * self._means[1], total

    def __call__(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Ends:
        """(E[x0|x], E[x1|x], -score) at x (n, d)."""
        mean, total = self.moments(a, b, latent)
        pull = torch.linalg.solve(total, (x - mean).T).T
        first = self._means[0] + pull @ (a * self._first + b * self._cross.T)
        second = self._means[1] + pull @ (a * self._cross + b * self._second)
        return first, second, pull

    def log_prob(self, x: Tensor, a: Scalar, b: Scalar, latent: Scalar) -> Tensor:
        """log p(x), nats, (n,)."""
        mean, total = self.moments(a, b, latent)
        pull = torch.linalg.solve(total, (x - mean).T).T
        square = ((x - mean) * pull).sum(dim=1)
        result: Tensor = -0.5 * (square + torch.logdet(total) + x.shape[1] * math.log(2.0 * math.pi))
        return result


def root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric square root of a positive semi-definite (d, d)."""
    values, vectors = np.linalg.eigh(matrix)
    result: np.ndarray = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return result


def schrodinger_cross(first: np.ndarray, second: np.ndarray, sigma: float) -> np.ndarray:
    """Cov(x0, x1) of the Schrödinger coupling of N(., first) and N(., second) by Brownian motion of noise sigma, (d, d).

    (C0^(1/2) (4 C0^(1/2) C1 C0^(1/2) + sigma^4 I)^(1/2) C0^(-1/2) - sigma^2 I) / 2; sigma = 0 is optimal transport. Source: Bunne
    2202.05722, theorem 1.
    """
    half = root(first)
    inner = root(4.0 * half @ second @ half + sigma**4 * np.eye(len(first)))
    cross: np.ndarray = 0.5 * (half @ inner @ np.linalg.inv(half) - sigma**2 * np.eye(len(first)))
    return cross


PairPosterior = SharedPair | FullPair | CellsPair | RasterPair | GaussianPair


def mixture_pair(source: GaussianMixture, target: GaussianMixture, device: torch.device, dtype: torch.dtype) -> SharedPair | FullPair:
    """The faster of the two forms that fits both mixtures (standardised coordinates)."""
    shared = all(mixture.stds is not None and len(mixture.stds) == 1 for mixture in (source, target))
    return SharedPair(source, target, device, dtype) if shared else FullPair(source, target, device, dtype)
