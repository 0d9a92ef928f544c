"""Predictor-corrector sampling of Song et al.: a step of the time reversal, then Langevin steps at the new time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from engine.samplers.base import Record, SamplerBase
from engine.samplers.langevin import langevin_step
from engine.samplers.needs import Need, gaussian, gaussian_path
from engine.samplers.noise import Increments, driven, normals
from engine.samplers.sde import ancestral_step, sde_step
from engine.samplers.sigma import ReversalSigma

if TYPE_CHECKING:
    from torch import Tensor

    from engine.brownian import BrownianPath
    from engine.fields.base import Field

REVERSAL = ReversalSigma()


class PredictorCorrector(SamplerBase, tag="predictor-corrector", frozen=True, kw_only=True):
    """Predictor: reverse diffusion (Euler-Maruyama with sigma = g) or the ancestral step. Corrector: Langevin steps with
    eta = 2 (snr |xi| / |s|)^2.

    Their |xi| and |s| are means over the batch; here they are replaced by their values for noise, sqrt d and sqrt d / beta, so that
    eta = 2 snr^2 beta^2 and no particle depends on the others.
    """

    label: ClassVar[str] = "Predictor–corrector"
    summary: ClassVar[str] = "A step of the reverse SDE, then Langevin steps that mend p_t at the new time."
    formula: ClassVar[str] = (
        r"x \leftarrow \mathrm{predict}(x),\quad x \leftarrow x + \eta\,s_{t_{k+1}}(x) + \sqrt{2\eta}\,\xi,\quad "
        r"\eta = 2\,(\mathrm{snr}\cdot\beta_{t_{k+1}})^2"
    )
    source: ClassVar[str] = "Song 2011.13456, algorithms 1–5"
    group: ClassVar[str] = "Diffusion"
    stochastic: ClassVar[bool] = True
    needs: ClassVar[tuple[Need, ...]] = (gaussian,)

    steps: Annotated[int, Meta(ge=1, le=10_000, description="Steps from noise to data.", extra={"symbol": "N", "log": True})] = 100
    predictor: Annotated[
        Literal["reverse-diffusion", "ancestral"], Meta(description="Euler–Maruyama on the reverse SDE, or DDPM's step.")
    ] = "reverse-diffusion"
    snr: Annotated[
        float, Meta(gt=0, lt=1, description="Signal-to-noise ratio of a corrector step: its size in units of β.", extra={"symbol": "r"})
    ] = 0.16
    corrector_steps: Annotated[int, Meta(ge=0, le=100, description="Langevin steps after each predictor step.", extra={"symbol": "M"})] = 1

    def solve(
        self, field: Field, x0: Tensor, times: Sequence[float], brownian: BrownianPath | None = None, record: Record | None = None
    ) -> Iterator[Tensor]:
        import torch

        x, path, noise = x0, gaussian_path(field), Increments(brownian, self.label)
        for index, (t, end) in enumerate(pairwise(times)):
            with torch.no_grad():
                if self.predictor == "ancestral":
                    a, b, c = ancestral_step(path, field.prediction, REVERSAL, t, end)
                    x = x.mul(a).add_(field(x, t), alpha=b)
                else:
                    x, c = sde_step(field, REVERSAL, x, t, end)
                x.add_(noise.between(t, end, x), alpha=c)
                for k in range(self.corrector_steps):
                    xi = normals(driven(brownian, self.label), "corrector", index * self.corrector_steps + k, x)
                    x = langevin_step(field, path, x, end, 2.0 * self.snr**2, xi)
            yield x

    @property
    def evaluations(self) -> int:
        return self.steps * (1 + self.corrector_steps)

    @property
    def words(self) -> str:
        return f"snr {self.snr:.3g}, {self.corrector_steps} corrector step{'' if self.corrector_steps == 1 else 's'}"
