"""The posterior of a Gaussian mixture along a Gaussian path: E[z | x_t = x], the score and log p_t, in closed form.

p_t = sum_k w_k N(alpha m_k, S_k) with S_k = alpha^2 C_k + beta^2 I, so with r_k the softmax of log w_k N(x; alpha m_k, S_k)

    D = sum_k r_k (m_k + alpha C_k S_k^-1 (x - alpha m_k)),    -s = sum_k r_k S_k^-1 (x - alpha m_k)

and nothing is divided by a vanishing alpha or (unless C_k = 0) beta. Source: MATHS section 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from engine.densities.mixture import GaussianMixture
from engine.fields.separable import FAINT, OnAxes, gaussians_on_axes
from engine.ops import Scalar, plain

_CHUNK = 1 << 18


class SharedCovariance:
    """All components share one axis-parallel covariance (points, curves, surfaces): matrix products in coordinates scaled by 1/sqrt(S)."""

    def __init__(self, mixture: GaussianMixture, device: torch.device, dtype: torch.dtype) -> None:
        held = mixture.weights > 0
        assert mixture.stds is not None
        self._means = torch.as_tensor(mixture.means[held], device=device, dtype=dtype)
        self._log_weights = torch.as_tensor(np.log(mixture.weights[held]), device=device, dtype=dtype)
        self._variance = torch.as_tensor(mixture.stds[0] ** 2, device=device, dtype=dtype)
        self._reach = float(np.abs(mixture.means[held]).max())
        self._least = float(mixture.stds.min()) ** 2

    def __call__(self, x: Tensor, alpha: Scalar, beta: Scalar) -> tuple[Tensor, Tensor]:
        """(D, -score), (n, d) each."""
        total = alpha * alpha * self._variance + beta * beta
        middle = torch.cat([torch.softmax(logit, dim=1) @ self._means for logit in self._logits(x, alpha, beta, total)])
        data = middle * (beta * beta / total) + x * (alpha * self._variance / total)
        return data, (x - alpha * middle) / total

    def log_prob(self, x: Tensor, alpha: Scalar, beta: Scalar) -> Tensor:
        """log p_t(x), nats, (n,)."""
        total = alpha * alpha * self._variance + beta * beta
        sums = torch.cat([torch.logsumexp(logit, dim=1) for logit in self._logits(x, alpha, beta, total)])
        if self._by_products(alpha, beta, x.dtype):
            sums = sums - 0.5 * (x * x / total).sum(dim=1)
        result: Tensor = sums - 0.5 * (total.log().sum() + x.shape[1] * math.log(2.0 * math.pi))
        return result

    @property
    def separable(self) -> bool:
        """Whether ``on_axes`` can be asked."""
        return True

    def on_axes(self, axes: Sequence[Tensor], alpha: Scalar, beta: Scalar, moments: bool = True) -> OnAxes:
        """p_t (0 where it underflows), D and -score on the grid of the axes, and where they are known."""
        total = alpha * alpha * self._variance + beta * beta
        means = self._means if moments else None
        density, *firsts = gaussians_on_axes(axes, alpha * self._means, total[None], self._log_weights, means)
        known = density > FAINT[density.dtype]
        if not firsts:
            return OnAxes(density, None, None, known)
        middle = torch.stack(firsts, dim=-1) / torch.where(known, density, torch.ones_like(density))[..., None]
        x = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        return OnAxes(density, middle * (beta * beta / total) + x * (alpha * self._variance / total), (x - alpha * middle) / total, known)

    def _by_products(self, alpha: Scalar, beta: Scalar, dtype: torch.dtype) -> bool:
        # |x - m|^2 = |x|^2 - 2 x m + |m|^2 loses eps (|m|^2 + |x|^2): allowed while that is small against the variance
        a, b = plain(alpha), plain(beta)
        least = a * a * self._least + b * b
        return torch.finfo(dtype).eps * (a * self._reach + 1.0) ** 2 < 1e-4 * least

    def _logits(self, x: Tensor, alpha: Scalar, beta: Scalar, total: Tensor) -> Iterator[Tensor]:
        """log w_k - |x - alpha m_k|^2 / 2S, by chunks of rows; without its term |x|^2 / 2S where matrix products serve."""
        products = self._by_products(alpha, beta, x.dtype)
        unit = total.rsqrt() if products else (2.0 * total).rsqrt()
        means = (alpha * unit) * self._means
        offset = self._log_weights - 0.5 * (means * means).sum(dim=1) if products else self._log_weights
        for part in torch.split(x * unit, max(1, _CHUNK // len(means))):
            if products:
                yield torch.addmm(offset, part, means.T)
                continue
            logit = offset
            for axis in range(x.shape[1]):
                away = part[:, axis, None] - means[:, axis]
                logit = torch.addcmul(logit, away, away, value=-1.0)
            yield logit


class FullCovariances:
    """Every component has its own covariance; in its eigenvectors S_k is diagonal."""

    def __init__(self, mixture: GaussianMixture, device: torch.device, dtype: torch.dtype) -> None:
        held = mixture.weights > 0
        covariances = mixture.covariances
        values, vectors = np.linalg.eigh(covariances[held] if len(covariances) > 1 else np.repeat(covariances, held.sum(), axis=0))
        d = mixture.dimension
        self._means = torch.as_tensor(mixture.means[held], device=device, dtype=dtype)
        self._log_weights = torch.as_tensor(np.log(mixture.weights[held]), device=device, dtype=dtype)
        self._variance = torch.as_tensor(np.maximum(values, 0.0), device=device, dtype=dtype)
        # (d, k d): x @ in gives each component's own coordinates; (k d, d) leads back
        self._inward = torch.as_tensor(vectors.transpose(1, 0, 2).reshape(d, -1), device=device, dtype=dtype)
        self._outward = self._inward.T.contiguous()
        self._centres = torch.as_tensor(np.einsum("kd,kde->ke", mixture.means[held], vectors), device=device, dtype=dtype)
        own = np.diagonal(covariances, axis1=1, axis2=2).copy()
        parallel = bool(np.all(covariances == own[:, :, None] * np.eye(d)))
        self._own = torch.as_tensor(own[held] if len(own) > 1 else own, device=device, dtype=dtype) if parallel else None
        """Variances along the axes, where all components are parallel to them."""

    @property
    def separable(self) -> bool:
        """Whether every component lies along the axes, so that ``on_axes`` can be asked."""
        return self._own is not None

    def on_axes(self, axes: Sequence[Tensor], alpha: Scalar, beta: Scalar, moments: bool = True) -> OnAxes:
        """p_t (0 where it underflows), D and -score on the grid of the axes, and where they are known; for components along the axes."""
        assert self._own is not None
        d, total = self._means.shape[1], alpha * alpha * self._own + beta * beta
        total = total.expand(len(self._means), d)
        share = (self._own / total).expand(len(self._means), d)
        values = torch.cat([self._means, share, share * self._means, 1.0 / total, self._means / total], dim=1) if moments else None
        density, *firsts = gaussians_on_axes(axes, alpha * self._means, total, self._log_weights, values)
        known = density > FAINT[density.dtype]
        if not firsts:
            return OnAxes(density, None, None, known)
        mass = torch.where(known, density, torch.ones_like(density))[..., None]
        middle, spread, towards, inverse, pulled = (torch.stack(firsts[k * d : (k + 1) * d], dim=-1) / mass for k in range(5))
        x = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        return OnAxes(density, middle + alpha * (x * spread - alpha * towards), x * inverse - alpha * pulled, known)

    def __call__(self, x: Tensor, alpha: Scalar, beta: Scalar) -> tuple[Tensor, Tensor]:
        """(D, -score), (n, d) each."""
        datas, pulls = [], []
        for logit, pull in self._parts(x, alpha, beta):
            share = torch.softmax(logit, dim=1)
            weighted = share[:, :, None] * pull
            pulls.append(weighted.flatten(1) @ self._outward)
            datas.append(share @ self._means + alpha * ((weighted * self._variance).flatten(1) @ self._outward))
        return torch.cat(datas), torch.cat(pulls)

    def log_prob(self, x: Tensor, alpha: Scalar, beta: Scalar) -> Tensor:
        """log p_t(x), nats, (n,)."""
        return torch.cat([torch.logsumexp(logit, dim=1) for logit, _ in self._parts(x, alpha, beta)])

    def _parts(self, x: Tensor, alpha: Scalar, beta: Scalar) -> Iterator[tuple[Tensor, Tensor]]:
        """By chunks of rows: log w_k N(x; alpha m_k, S_k), (n, k), and S_k^-1 (x - alpha m_k) in its eigenvectors, (n, k, d)."""
        k, d = self._means.shape
        total = alpha * alpha * self._variance + beta * beta
        offset = self._log_weights - 0.5 * (total.log().sum(dim=1) + d * math.log(2.0 * math.pi))
        for part in torch.split(x, max(1, _CHUNK // (k * d))):
            away = (part @ self._inward).view(-1, k, d) - alpha * self._centres
            pull = away / total
            yield offset - 0.5 * (away * pull).sum(dim=2), pull


def mixture_posterior(mixture: GaussianMixture, device: torch.device, dtype: torch.dtype) -> SharedCovariance | FullCovariances:
    """The faster of the two forms that fits ``mixture`` (standardised coordinates)."""
    shared = mixture.stds is not None and len(mixture.stds) == 1
    return SharedCovariance(mixture, device, dtype) if shared else FullCovariances(mixture, device, dtype)
