"""Langevin dynamics: along the noise levels (annealed), and on the data's own density p_1 (ULA, and MALA that corrects it)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from engine.fields.base import predict, score
from engine.paths import GaussianPath
from engine.predictions import domain
from engine.samplers.base import Record, SamplerBase
from engine.samplers.grids import time_at_level
from engine.samplers.needs import Need, density, gaussian, gaussian_path
from engine.samplers.needs import score as needs_score
from engine.samplers.noise import driven, normals, uniforms

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath
    from engine.fields.base import Field


class AnnealedLangevin(SamplerBase, tag="annealed-langevin", frozen=True, kw_only=True):
    """At each time of the grid but the first, L steps x <- x + eta s + sqrt(2 eta) xi with eta = c beta_t^2, on p_t itself.

    eta s = -c beta E is taken in closed form, so nothing is divided by beta. When the level changes, x grows or shrinks with
    S_t = sqrt(alpha^2 + beta^2), the standard deviation of x_t for data of unit variance (nothing on VP paths, and near the data on VE).
    The particles lag behind p_t where it changes faster than L steps follow: a bias that falls with the number of levels.
    """

    label: ClassVar[str] = "Annealed Langevin"
    summary: ClassVar[str] = "Langevin steps at one noise level after another, smaller with the noise."
    formula: ClassVar[str] = r"x \leftarrow x + \eta_k\,s_{t_k}(x) + \sqrt{2\eta_k}\,\xi,\quad \eta_k = c\,\beta_{t_k}^2"
    source: ClassVar[str] = "Song & Ermon 1907.05600, algorithm 1"
    group: ClassVar[str] = "Langevin"
    stochastic: ClassVar[bool] = True
    order: ClassVar[float] = 0.0
    needs: ClassVar[tuple[Need, ...]] = (gaussian,)
    remedy: ClassVar[str] = "take more levels, or smaller steps (scale)"

    steps: Annotated[int, Meta(ge=1, le=10_000, description="Noise levels.", extra={"symbol": "N", "log": True})] = 100
    per_level: Annotated[int, Meta(ge=1, le=1_000, description="Langevin steps at each level.", extra={"symbol": "L", "log": True})] = 10
    scale: Annotated[float, Meta(gt=0, lt=2, description="Step size in units of the level's variance.", extra={"symbol": "c"})] = 0.1

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        import torch

        x, path, noise = x0, gaussian_path(field), driven(brownian, self.label)
        for level, (before, t) in enumerate(pairwise(times)):
            with torch.no_grad():
                x = x.mul(_spread(path, t) / _spread(path, before))
                for k in range(self.per_level):
                    x = langevin_step(field, path, x, t, self.scale, normals(noise, "annealed", level * self.per_level + k, x))
            yield x

    @property
    def evaluations(self) -> int:
        return self.steps * self.per_level

    @property
    def words(self) -> str:
        return f"{self.per_level} a level, c = {self.scale:.3g}"


def _spread(path: GaussianPath, t: float) -> float:
    return math.hypot(float(path.alpha(t)), float(path.beta(t)))


def langevin_step(field: Field, path: GaussianPath, x: Tensor, t: float, scale: float, xi: Tensor) -> Tensor:
    """x + eta s + sqrt(2 eta) xi with eta = scale beta_t^2, (n, d): unbiased in the limit of small scale, stable below 2."""
    beta = float(path.beta(t))
    return x.add(predict(field, x, t, "noise"), alpha=-scale * beta).add_(xi, alpha=math.sqrt(2.0 * scale) * beta)


StepSize = Annotated[
    float, Meta(gt=0, le=1, description="Length of a step, in standardised units.", extra={"symbol": "h", "unit": "std²", "log": True})
]


class LangevinAtData(SamplerBase, frozen=True, kw_only=True):
    """What ULA and MALA share: p at the data end of the field's interval, from the same start as every other sampler.

    The time that the steps are filed under runs from t_min to t_max and means progress only.
    """

    group: ClassVar[str] = "Langevin"
    stochastic: ClassVar[bool] = True
    order: ClassVar[float] = 0.0
    remedy: ClassVar[str] = "take smaller steps (step_size)"

    steps: Annotated[int, Meta(ge=1, le=10_000, description="Langevin steps.", extra={"symbol": "N", "log": True})] = 500
    step_size: StepSize = 1e-3

    @property
    def words(self) -> str:
        return f"h = {self.step_size:.3g}"


class ULA(LangevinAtData, tag="ula", frozen=True, kw_only=True):
    """x <- x + h grad log p(x) + sqrt(2 h) xi on p = p_1: on N(m, v) its stationary variance is v / (1 - h / (2 v)), not v."""

    label: ClassVar[str] = "ULA"
    summary: ClassVar[str] = "Unadjusted Langevin on the data's density: uphill with noise, biased by its step size."
    formula: ClassVar[str] = r"x \leftarrow x + h\,\nabla\log p_1(x) + \sqrt{2h}\,\xi"
    source: ClassVar[str] = "Roberts & Tweedie 1996"
    needs: ClassVar[tuple[Need, ...]] = (needs_score,)

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        import torch

        x, noise, t = x0, driven(brownian, self.label), _data_end(field)
        for k in range(len(times) - 1):
            with torch.no_grad():
                x = x.add(score(field, x, t), alpha=self.step_size).add_(normals(noise, "ula", k, x), alpha=math.sqrt(2.0 * self.step_size))
            yield x


class MALA(LangevinAtData, tag="mala", frozen=True, kw_only=True):
    """ULA's step y as a proposal, accepted with probability min(1, p(y) q(x|y) / (p(x) q(y|x))): p is stationary exactly.

    q(y|x) = N(x + h grad log p(x), 2 h I). One evaluation is the score and log p at one point.
    """

    label: ClassVar[str] = "MALA"
    summary: ClassVar[str] = "Langevin steps that are accepted or refused by Metropolis: no bias."
    formula: ClassVar[str] = (
        r"y = x + h\,\nabla\log p_1(x) + \sqrt{2h}\,\xi,\quad "
        r"\Pr(x \leftarrow y) = \min\left(1, \frac{p_1(y)\,q(x|y)}{p_1(x)\,q(y|x)}\right)"
    )
    source: ClassVar[str] = "Roberts & Tweedie 1996; Besag 1994"
    needs: ClassVar[tuple[Need, ...]] = (density, needs_score)

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        import torch

        exact: Any = field
        h, t, noise = self.step_size, _data_end(field), driven(brownian, self.label)
        with torch.no_grad():
            x, uphill, log_p = x0, score(field, x0, t), exact.log_prob(x0, t).double()
        accepted = 0.0
        for k in range(len(times) - 1):
            with torch.no_grad():
                xi = normals(noise, "mala", k, x)
                y = x.add(uphill, alpha=h).add_(xi, alpha=math.sqrt(2.0 * h))
                uphill_y, log_p_y = score(field, y, t), exact.log_prob(y, t).double()
                back = x.sub(y).sub_(uphill_y, alpha=h)
                log_ratio = log_p_y - log_p + 0.5 * xi.double().square().sum(1) - back.double().square().sum(1) / (4.0 * h)
                taken = uniforms(noise, "mala-accept", k, x).log() < log_ratio
                x, uphill = torch.where(taken[:, None], y, x), torch.where(taken[:, None], uphill_y, uphill)
                log_p = torch.where(taken, log_p_y, log_p)
                accepted += float(taken.double().mean())
            if record is not None and k == len(times) - 2:
                record.remark = f"{100.0 * accepted / (k + 1):.0f} % accepted"
            yield x

    @property
    def evaluations(self) -> int:
        """One a step and one at the start."""
        return self.steps + 1


def _data_end(field: Field) -> float:
    """The last time at which the score is known.

    From a data prediction s = -(x - alpha D)/beta^2, which rounding leaves nothing of where beta^2 is near the precision: there it is
    the last time with beta/alpha >= 10 sqrt(eps), 0.0035 in single precision.
    """
    import torch

    path, high = field.path, field.interval[1]
    if not isinstance(path, GaussianPath):
        return high
    high = min(domain(path, field.prediction, "score")[1], high)
    if field.prediction == "data":
        high = time_at_level(path, 10.0 * math.sqrt(torch.finfo(field.dtype).eps), field.interval[0], high)
    return high
