"""Steps for any Ito SDE dX = a(X, t) dt + b(X, t) dW with diagonal noise: Euler-Maruyama, Milstein and stochastic Heun.

The samplers of this lab have noise that depends on t alone (b' = 0), where Milstein's step is Euler-Maruyama's and Ito and Stratonovich
are the same. Geometric Brownian motion, where they are not, is here to tell them apart: strong order 1/2, 1 and 1. Sources: Kloeden and
Platen 1992, 10.2 and 10.3; MATHS section 8 for the exact solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class ItoSDE(Protocol):
    """a, b and db/dx, each (n, d) at x (n, d) and time t."""

    def drift(self, x: Tensor, t: float) -> Tensor:
        """a(x, t)."""
        ...

    def diffusion(self, x: Tensor, t: float) -> Tensor:
        """b(x, t), elementwise."""
        ...

    def diffusion_slope(self, x: Tensor, t: float) -> Tensor:
        """d b / d x, elementwise."""
        ...


@dataclass(frozen=True)
class GeometricBrownianMotion:
    """dX = mu X dt + sigma X dW, with X_t = X_0 exp((mu - sigma^2 / 2) t + sigma W_t)."""

    mu: float
    sigma: float

    def drift(self, x: Tensor, t: float) -> Tensor:
        """mu x."""
        return self.mu * x

    def diffusion(self, x: Tensor, t: float) -> Tensor:
        """sigma x."""
        return self.sigma * x

    def diffusion_slope(self, x: Tensor, t: float) -> Tensor:
        """sigma."""
        return x.new_full(x.shape, self.sigma)

    def exact(self, x0: Tensor, t: float, w: Tensor) -> Tensor:
        """X_t from X_0 and W_t."""
        return x0 * ((self.mu - 0.5 * self.sigma**2) * t + self.sigma * w).exp()


def euler_maruyama(sde: ItoSDE, x: Tensor, t: float, h: float, dw: Tensor) -> Tensor:
    """x + a h + b dW: strong order 1/2, and 1 where b does not depend on x."""
    return x + h * sde.drift(x, t) + sde.diffusion(x, t) * dw


def milstein(sde: ItoSDE, x: Tensor, t: float, h: float, dw: Tensor) -> Tensor:
    """x + a h + b dW + b b' (dW^2 - h) / 2: strong order 1."""
    b = sde.diffusion(x, t)
    return x + h * sde.drift(x, t) + b * dw + 0.5 * b * sde.diffusion_slope(x, t) * (dw * dw - h)


def stochastic_heun(sde: ItoSDE, x: Tensor, t: float, h: float, dw: Tensor) -> Tensor:
    """The trapezoidal rule on the Stratonovich form, whose drift is a - b b' / 2: strong order 1."""
    first, b = _stratonovich(sde, x, t), sde.diffusion(x, t)
    ahead = x + h * first + b * dw
    return x + 0.5 * h * (first + _stratonovich(sde, ahead, t + h)) + 0.5 * (b + sde.diffusion(ahead, t + h)) * dw


def _stratonovich(sde: ItoSDE, x: Tensor, t: float) -> Tensor:
    return sde.drift(x, t) - 0.5 * sde.diffusion(x, t) * sde.diffusion_slope(x, t)
