"""The evidence lower bound of a noise prediction along a discrete chain, term by term, in nats.

With q the noising chain, p the model's chain from N(0, I) with steps N(mu_theta, variance_k I), mu_theta as in Ho 2006.11239, eq. 11:

    E -log p(x_0) <= L_T + L_{T-1} + ... + L_1 + L_0
    L_T     = E KL(q(x_T | x_0) || N(0, I))
    L_{k-1} = E KL(q(x_{k-1} | x_k, x_0) || p(x_{k-1} | x_k)) = w_k E ||eps - eps_theta(x_k)||^2 + d c_k,   k = T ... 2
    L_0     = E -log p(x_0 | x_1) = d/2 log(2 pi b_1) + w_1 E ||eps - eps_theta(x_1)||^2

w_k = b_k^2 / (2 variance_k (1 - b_k) (1 - abar_k)), and c_k = (rho - 1 - ln rho) / 2 with rho the posterior's variance over the model's.
Sources: Ho 2006.11239; Sohl-Dickstein 1503.03585.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.fields.base import predict
from engine.objectives.ddpm import DDPM, Chain, chain_of
from engine.paths import GaussianPath
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.fields.base import Field
    from engine.targets import TargetBase

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bound:
    """An upper bound of E -log p, nats. The terms are of standardised coordinates, ``total`` is in the user's units."""

    terms: Floats
    """L_0, L_1, ..., L_T, (T + 1,)."""
    log_det: float
    """log |det| of the user's units over the standardised ones: added to the terms' sum."""
    standard_error: float
    """Of ``total``; 0 where it is exact."""

    @property
    def prior(self) -> float:
        """L_T."""
        return float(self.terms[-1])

    @property
    def reconstruction(self) -> float:
        """L_0."""
        return float(self.terms[0])

    @property
    def total(self) -> float:
        """The bound in the user's units."""
        return float(self.terms.sum()) + self.log_det


def terms(chain: Chain, errors: Floats, second_moment: float, dimension: int) -> Floats:
    """L_0 ... L_T, (T + 1,), from E ||eps - eps_theta(x_k)||^2 at each level, (T,), and E ||x_0||^2 of the data."""
    signal = chain.signal[-1]
    prior = 0.5 * (signal * second_moment - dimension * signal - dimension * math.log1p(-signal))
    found = chain.weights * errors + dimension * chain.spare
    found[0] += 0.5 * dimension * math.log(2.0 * math.pi * chain.b[0])
    return np.append(found, prior)


def elbo(field: Field, target: TargetBase, objective: DDPM | None = None, *, n: int = 2_000, seed: int = 0) -> Bound:
    """The bound of any field that tells a noise prediction, over n draws of the target with one eps for each at every level.

    ``objective`` names the chain; by default 1000 even times of the field's path. The field is called T times on n points. Raises Problem
    on a path that is not variance preserving.
    """
    import torch

    path = field.path
    if not isinstance(path, GaussianPath) or not path.variance_preserving:
        raise Problem(f"The bound is of a chain with α² + β² = 1, and {path.label} is not variance preserving.")
    chain = chain_of(objective or DDPM(), path)
    rng = generator(seed, "elbo")
    frame = target.frame()
    x = torch.from_numpy(frame.inward(target.sample(n, rng))).to(field.device, field.dtype)
    errors = np.empty((len(chain), n))
    with torch.no_grad():
        for index, t in enumerate(chain.times):
            signal = chain.signal[index]
            eps = torch.from_numpy(rng.standard_normal(tuple(x.shape))).to(x)
            noised = math.sqrt(signal) * x + math.sqrt(1.0 - signal) * eps
            found = predict(field, noised, float(t), "noise")
            errors[index] = (eps - found).double().square().sum(dim=1).cpu().numpy()
    square = x.double().square().sum(dim=1).cpu().numpy()
    total = chain.weights @ errors + 0.5 * chain.signal[-1] * square
    return Bound(
        terms(chain, errors.mean(axis=1), float(square.mean()), x.shape[1]), frame.log_det, float(total.std(ddof=1) / math.sqrt(n))
    )


def gaussian_elbo(chain: Chain, mean: Floats, covariance: Floats, log_det: float = 0.0) -> Bound:
    """The bound of the exact noise prediction of N(mean, covariance), in closed form: E ||eps - E[eps|x_k]||^2 = tr Cov[eps | x_k]
    = sum_i a c_i / (a c_i + 1 - a), a = abar_k and c_i the eigenvalues of the covariance (standardised coordinates)."""
    spread = np.maximum(np.linalg.eigvalsh(covariance), 0.0)
    signal = chain.signal[:, None]
    errors = (signal * spread / (signal * spread + 1.0 - signal)).sum(axis=1)
    return Bound(terms(chain, errors, float(mean @ mean + spread.sum()), len(mean)), log_det, 0.0)
