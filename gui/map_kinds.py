"""What maps of a pane there are, in words: names, formulas, units, and why one cannot be. No Qt and no torch here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from engine.guidance import NoGuidance
from engine.samplers.ancestral import DDPM
from engine.samplers.sde import SDESampler
from engine.samplers.sigma import ReversalSigma
from shaders.scene import DensityKind, MapKind

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.guidance import Guidance
    from engine.samplers import Sampler
    from engine.samplers.sigma import Sigma


@dataclass(frozen=True)
class Kind:
    """One map: what a menu calls it, what the legend says, and what it is."""

    words: str
    legend: str
    tip: str


KINDS: dict[MapKind, Kind] = {
    "exact": Kind(
        "exact p_t",
        "exact p_t",
        "The density of the exact path at t in closed form: the truth.\n"
        "p_t(x) = ∫ p_t(x | z) p_data(z) dz. Source: Lipman 2210.02747; Song 2011.13456",
    ),
    "model": Kind(
        "the model's own density",
        "p_t of the model",
        "The density that the model's ODE gives at t, by the instantaneous change of variables with the exact divergence:\n"
        "log p_t(x) = log p_0(x_0) − ∫ ∇·u_θ ds along the path back from x. It is the ODE's also where the pane runs an SDE.\n"
        "Source: Chen 1806.07366; Grathwohl 1810.01367",
    ),
    "particles": Kind(
        "kernel estimate of the particles",
        "p_t of the particles",
        "A Gaussian on every particle, of width h = c n^(−1/6) standard deviations along each axis, c ≤ 1 by least-squares\n"
        "cross-validation; smooths away what is finer than h. Source: Scott 1992; Rudemo 1982; Bowman 1984",
    ),
    "grid": Kind(
        "Fokker–Planck on a grid",
        "p_t on the grid",
        "What the start becomes under the pane's drift and σ_t, by conservative finite volumes; σ = 0 for an ODE.\n"
        "∂_t p = −∇·(p b) + ½ σ² Δp with b = u + ½ σ² s. Source: LeVeque, Finite Volume Methods, 2002",
    ),
    "velocity-error": Kind(
        "velocity error ‖u_θ − u‖",
        "‖u_θ − u‖",
        "How far the network's velocity is from the exact one at t, standardised units.\nShown where p_t is above 10⁻⁹ of its peak.",
    ),
    "score-error": Kind(
        "score error ‖s_θ − s‖",
        "‖s_θ − s‖",
        "How far the network's score is from the exact ∇log p_t at t, standardised units.\nShown where p_t is above 10⁻⁹ of its peak.",
    ),
    "angle": Kind(
        "angle between u_θ and u",
        "∠(u_θ, u)",
        "By how many degrees the network's velocity points elsewhere than the exact one.\nShown where p_t is above 10⁻⁹ of its peak.",
    ),
    "log-ratio": Kind(
        "log p_θ − log p",
        "log p_θ − log p",
        "Where the model's own density is above or below the exact one, nats. Shown where either is above 10⁻⁶ of its peak.",
    ),
    "residual": Kind(
        "residual of Fokker–Planck",
        "∂_t p + ∇·(p b) − ½ σ² Δp",
        "What is left over when the exact p_t is put into the Fokker–Planck equation with the network's drift b = u_θ + ½ σ² s_θ and the\n"
        "pane's σ_t: above zero where the network takes too much away, below where it brings too much. Zero for a perfect network.",
    ),
}
"""In the order of the menu."""
DENSITIES: tuple[MapKind, ...] = get_args(DensityKind)
NEEDS_NETWORK: frozenset[MapKind] = frozenset({"velocity-error", "score-error", "angle", "log-ratio", "residual"})
NEEDS_TRUTH: frozenset[MapKind] = frozenset({"exact", *NEEDS_NETWORK})
NO_NETWORK = "The exact field has no error: choose the learned network in this pane."
GUIDED = "Guidance leads away from the exact field on purpose: there is no error to show. Set the pane's guidance to none."


def refusal(kind: MapKind, *, exact: bool, guidance: Guidance, law: Experiment, sampler: Sampler) -> str | None:
    """Why this map cannot be, in one sentence, as far as that is known without torch; None if it can."""
    from engine.fields.exact import exact_refusal

    if kind in NEEDS_NETWORK and exact:
        return NO_NETWORK
    if kind in NEEDS_NETWORK and not isinstance(guidance, NoGuidance):
        return GUIDED
    if kind in ("grid", "residual"):
        return diffusion_of(sampler)[1] or (exact_refusal(law) if kind == "residual" else None)
    return exact_refusal(law) if kind in NEEDS_TRUTH else None


def diffusion_of(sampler: Sampler) -> tuple[Sigma | None, str | None]:
    """sigma_t of the SDE that a sampler follows, None for an ODE; and why it follows neither, in one sentence."""
    if isinstance(sampler, SDESampler):
        return sampler.diffusion(), None
    if isinstance(sampler, DDPM):
        return ReversalSigma(), None
    if not sampler.noisy and sampler.group != "Langevin":
        return None, None
    return None, f"{sampler.label} is neither an ODE nor an SDE with a σ_t: choose one of those in this pane."


def unit_of_density(axis_names: Sequence[str]) -> str:
    """``"per unit²"``, or with the units that the axes name: ``"per km²"`` of "x (km)" and "y (km)"."""
    units = [_unit(name) for name in axis_names]
    if not all(units):
        return "per unit²" if len(units) == 2 else "per unit³"
    if len(set(units)) == 1:
        return f"per {units[0]}{'²' if len(units) == 2 else '³'}"
    return f"per {'·'.join(units)}"


def _unit(name: str) -> str:
    found = re.search(r"[(\[]([^()\[\]]{1,12})[)\]]\s*$", name)
    return found[1].strip() if found else ""


def rounded_up(value: float, digits: int = 2) -> float:
    """Up to so many significant digits: a colour scale that stands still for a while."""
    if not (np.isfinite(value) and value > 0):
        return 0.0
    size = 10.0 ** (np.floor(np.log10(value)) - digits + 1)
    return float(np.ceil(value / size - 1e-9) * size)
