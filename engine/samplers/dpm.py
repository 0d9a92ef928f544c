"""DPM-Solver++(2M): exponential integration of the probability flow in half log-SNR, with the data predicted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from engine.fields.base import denoiser
from engine.samplers.base import Record, SamplerBase
from engine.samplers.needs import Need, gaussian, gaussian_path

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath
    from engine.fields.base import Field
    from engine.paths import GaussianPath


def half_log_snr(path: GaussianPath, t: float) -> float:
    """lambda = log(alpha/beta); infinite where one of them vanishes."""
    alpha, beta = float(path.alpha(t)), float(path.beta(t))
    return math.log(alpha / beta) if alpha > 0.0 and beta > 0.0 else math.copysign(math.inf, alpha - beta)


class DPMSolver(SamplerBase, tag="dpm-solver", frozen=True, kw_only=True):
    """x' = (beta'/beta) x + (alpha' - alpha beta'/beta) D*, with D* = D + (h/(2 h_before)) (D - D_before), h = lambda' - lambda.

    One evaluation a step. The first step and the last are of order 1 (D* = D, which is DDIM): nothing comes before the one, and across
    the other lambda grows without bound.
    """

    label: ClassVar[str] = "DPM-Solver++"
    summary: ClassVar[str] = "Two-step method in log-SNR for the predicted data: few steps suffice."
    formula: ClassVar[str] = (
        r"x' = \frac{\beta'}{\beta}x - \alpha'\left(e^{-h} - 1\right)"
        r"\left[\left(1 + \tfrac{h}{2h_{-}}\right)D - \tfrac{h}{2h_{-}}D_{-}\right],"
        r"\quad h = \lambda' - \lambda,\ \lambda = \ln\frac{\alpha}{\beta}"
    )
    source: ClassVar[str] = "Lu 2211.01095, algorithm 2 (2M)"
    group: ClassVar[str] = "Diffusion"
    order: ClassVar[float] = 2.0
    needs: ClassVar[tuple[Need, ...]] = (gaussian,)
    remedy: ClassVar[str] = "take more steps, or solver_order = 1"

    steps: Annotated[int, Meta(ge=1, le=10_000, description="Steps from noise to data.", extra={"symbol": "N", "log": True})] = 20
    solver_order: Annotated[int, Meta(ge=1, le=2, description="1: DDIM; 2: with the prediction of the step before.")] = 2

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        import torch

        x, path = x0, gaussian_path(field)
        data_before, h_before = None, math.inf
        for t, end in pairwise(times):
            alpha, beta, alpha_, beta_ = (float(f(s)) for s in (t, end) for f in (path.alpha, path.beta))
            h = half_log_snr(path, end) - half_log_snr(path, t)
            with torch.no_grad():
                data = denoiser(field, x, t)
                ahead = data
                if self.solver_order == 2 and data_before is not None and end != times[-1]:
                    ahead = data.add(data - data_before, alpha=0.5 * h / h_before)
                x = x.mul(beta_ / beta).add_(ahead, alpha=alpha_ - alpha * beta_ / beta)
            data_before, h_before = data, h
            yield x

    @property
    def words(self) -> str:
        return f"order {self.solver_order}"
