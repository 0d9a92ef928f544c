"""sigma_t, the diffusion coefficient of the SDE that is simulated: dX = (u + sigma^2 s / 2) dt + sigma dW."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from engine.choice import Choice

Scale = Annotated[float, Meta(ge=0, le=20, description="Factor before the noise, in standardised units.", extra={"symbol": "c", "unit": "std/√time"})]


class ConstantSigma(Choice, frozen=True, kw_only=True, tag="constant"):
    """sigma_t = c."""

    label: ClassVar[str] = "constant"
    summary: ClassVar[str] = "The same noise at all times."
    formula: ClassVar[str] = r"\sigma_t = c"
    source: ClassVar[str] = "Albergo 2303.08797"
    scale: Scale = 1.0


class SqrtSigma(Choice, frozen=True, kw_only=True, tag="sqrt"):
    """sigma_t = c sqrt(1 - t)."""

    label: ClassVar[str] = "∝ √(1−t)"
    summary: ClassVar[str] = "Noise that fades towards the data; the default."
    formula: ClassVar[str] = r"\sigma_t = c\,\sqrt{1-t}"
    source: ClassVar[str] = "Ma 2401.08740"
    scale: Scale = 1.0


class ReversalSigma(Choice, frozen=True, kw_only=True, tag="reversal"):
    """sigma_t = c g_t; c = 1 is the time reversal of the forward diffusion."""

    label: ClassVar[str] = "time reversal g_t"
    summary: ClassVar[str] = "The noise of the forward diffusion run backward."
    formula: ClassVar[str] = r"\sigma_t = c\,g_t,\quad g_t^2 = 2\left(\beta_t^2\,\dot\alpha_t/\alpha_t - \beta_t\dot\beta_t\right)"
    source: ClassVar[str] = "Anderson 1982; Song 2011.13456"
    scale: Scale = 1.0


Sigma = ConstantSigma | SqrtSigma | ReversalSigma
