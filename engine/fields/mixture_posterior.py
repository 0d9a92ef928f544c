"""The posterior of a Gaussian mixture along a Gaussian path: E[z | x_t = x], the score and log p_t, in closed form.

p_t = sum_k w_k N(alpha m_k, S_k) with S_k = alpha^2 C_k + beta^2 I, so with r_k the softmax of log w_k N(x; alpha m_k, S_k)

    D = sum_k r_k (m_k + alpha C_k S_k^-1 (x - alpha m_k)),    -s = sum_k r_k S_k^-1 (x - alpha m_k)

and nothing is divided by a vanishing alpha or (unless C_k = 0) beta. Source: MATHS section 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from engine.densities.mixture import GaussianMixture
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
