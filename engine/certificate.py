"""Certificate: how far a learned SDE can be from the exact one, each number measured, with its error.

On [t_min, 1 - delta], with one sigma and one start, P with drift b and P' with drift b' (MATHS section 7):

    TV(p, p') <= sqrt(KL(p || p') / 2) <= sqrt(KL(P || P') / 2),    KL(P || P') = E_P int ||b - b'||^2 / (2 sigma^2) dt

The path KL is a mean over Euler-Maruyama paths of P (exact for the two chains so discretised), the marginals at 1 - delta are the grid's.
Sources: Girsanov 1960; Pinsker; Chen 2209.11215.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.choice import Problem
from engine.fokker_planck import Box, drift_of, evolve, exact_on_grid
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.fields.base import Field
    from engine.samplers.sigma import Sigma

Floats = NDArray[np.float64]
Drift = Callable[[Floats, float], Floats]
VANISHED = 1e-12
"""sigma^2 below this is none at all: what is left of sin(pi) by rounding."""


@dataclass(frozen=True, eq=False)
class PathStep:
    """What is known after some time steps of the paths of P."""

    t: float
    x: Floats
    """(n, d)."""
    kl: float
    """KL of the path measures on [t_min, t], nats."""
    kl_error: float
    """Its standard error."""
    weight: float
    """Mean over P of dP'/dP, 1 but for chance."""
    weight_error: float
    effective: float
    """(sum w)^2 / sum w^2 of those weights."""
    share: float


def path_kl(
    start: Floats, drift: Drift, other: Drift, variance: Callable[[float], float], times: Floats, *, seed: int = 0
) -> Iterator[PathStep]:
    """KL(P || P') along paths of P from ``start`` (n, d): one step for each of ``times``. ``variance`` is sigma_t^2.

    Raises Problem where sigma is 0, or not finite, and the drifts differ: the path measures are then singular and their KL infinite.
    """
    x, rng, n = np.array(start, dtype=np.float64), generator(seed, "certificate"), len(start)
    kl, log_weight = np.zeros(n), np.zeros(n)
    for k in range(len(times) - 1):
        yield _told(float(times[k]), x, kl, log_weight, k / (len(times) - 1))
        t, h = float(times[k]), float(times[k + 1] - times[k])
        s2 = float(variance(t))
        if not math.isfinite(s2):
            raise Problem(f"σ is infinite at t = {t:.3g}: begin later, or take another σ.")
        b = drift(x, t)
        gap = other(x, t) - b
        square = (gap * gap).sum(axis=1)
        if s2 < VANISHED and float(square.max()) > 0.0:
            raise Problem(f"σ is {math.sqrt(s2):g} at t = {t:.3g} and the drifts differ, so the path KL is infinite: take another σ.")
        dw = rng.standard_normal(x.shape) * math.sqrt(h)
        if s2 >= VANISHED:
            kl = kl + 0.5 * h * square / s2
            log_weight = log_weight + (gap * dw).sum(axis=1) / math.sqrt(s2) - 0.5 * h * square / s2
        x = x + h * b + math.sqrt(s2) * dw
        if not np.isfinite(x).all():
            raise Problem(f"The paths run away at t = {float(times[k + 1]):.3g}: take more steps, or less noise.")
    yield _told(float(times[-1]), x, kl, log_weight, 1.0)


def _told(t: float, x: Floats, kl: Floats, log_weight: Floats, share: float) -> PathStep:
    root, weights = math.sqrt(len(kl)), np.exp(log_weight - log_weight.max())
    scale, total = float(np.exp(log_weight.max())), float(weights.sum())
    spread = [float(values.std(ddof=1)) / root if len(kl) > 1 else math.nan for values in (kl, weights)]
    effective = total * total / float((weights * weights).sum())
    return PathStep(t, x, float(kl.mean()), spread[0], scale * total / len(kl), scale * spread[1], effective, share)


@dataclass(frozen=True, eq=False)
class Certificate:
    """TV <= sqrt(KL/2) <= sqrt(path KL/2) at ``t`` = 1 - delta, nats."""

    t: float
    tv: float
    tv_error: float
    """How far the grid's own solution of the exact drift is from the exact p_t: what the grid, not the network, does."""
    kl: float
    """KL(p || p') of the marginals."""
    kl_error: float
    path_kl: float
    path_kl_error: float
    weight: float
    weight_error: float
    effective: float
    times: Floats
    """(m,), at which the path KL was kept."""
    growth: Floats
    """The path KL up to each of ``times``, (m,)."""
    growth_error: Floats
    """Its standard errors, (m,)."""
    wall: float
    """Mass of p' near the walls of the box."""

    @property
    def pinsker(self) -> float:
        """sqrt(KL(p || p') / 2)."""
        return math.sqrt(max(0.0, self.kl) / 2.0)

    @property
    def pinsker_error(self) -> float:
        """From ``kl_error``."""
        return abs(math.sqrt(max(0.0, self.kl + self.kl_error) / 2.0) - self.pinsker)

    @property
    def path_bound(self) -> float:
        """sqrt(path KL / 2)."""
        return math.sqrt(self.path_kl / 2.0)

    @property
    def path_bound_error(self) -> float:
        """From ``path_kl_error``."""
        return math.sqrt((self.path_kl + self.path_kl_error) / 2.0) - self.path_bound

    @property
    def per_decade(self) -> float | None:
        """How much the path KL grew while 1 - t fell to its last tenth; None where the paths do not span a decade."""
        before = 1.0 - 10.0 * (1.0 - self.t)
        if before < self.times[0] or self.t >= 1.0:
            return None
        return self.path_kl - float(np.interp(before, self.times, self.growth))

    @property
    def holds(self) -> bool:
        """Whether the chain holds within three errors of each number."""
        first = self.tv - 3.0 * self.tv_error <= self.pinsker + 3.0 * self.pinsker_error
        return first and self.pinsker - 3.0 * self.pinsker_error <= self.path_bound + 3.0 * self.path_bound_error

    @property
    def note(self) -> str:
        """What becomes of the path KL as delta goes to 0, in one sentence."""
        grown = self.per_decade
        if grown is None or grown <= 0.1 * self.path_kl:
            return ""
        return f"The path KL grows by {grown:.3g} nats with the last decade of δ: as δ → 0 it diverges unless the error vanishes."


def certificate_times(low: float, delta: float, steps: int) -> Floats:
    """steps + 1 times from low to 1 - delta, even in log(1 - t): each decade of 1 - t has as many."""
    return 1.0 - (1.0 - low) * np.power(delta / (1.0 - low), np.arange(steps + 1) / steps)


def certificate(
    exact: Field,
    learned: Field,
    sigma: Sigma,
    box: Box,
    *,
    delta: float = 0.05,
    n: int = 2_000,
    steps: int = 200,
    seed: int = 0,
    begin: float | None = None,
    draws: Floats | None = None,
) -> Generator[float, None, Certificate]:
    """The chain between the exact SDE and the learned one, both begun at the exact p at t_min; yields the share done.

    Where a grid cannot hold p at t_min, ``begin`` is a later time and ``draws`` (n, d) are draws of p there.
    ``box`` is in standardised coordinates, and should hold p_t for all t. The marginal of the learned SDE, and for the grid's own error
    that of the exact one, are solved on it. Raises Problem for a sigma that does not fit or vanishes on the way, or without a score.
    """
    reason = sigma.refusal(exact.path)
    if reason:
        raise Problem(reason)
    low = max(exact.interval[0], learned.interval[0], begin if begin is not None else 0.0)
    end = min(1.0 - delta, exact.interval[1], learned.interval[1])
    times, drift, other = certificate_times(low, 1.0 - end, steps), drift_of(exact, sigma), drift_of(learned, sigma)
    times[-1] = end

    def variance(t: float) -> float:
        return float(sigma.sigma2(exact.path, t))

    from engine.fields.start import start

    first = draws if draws is not None else np.asarray(start(exact, n, seed).double().cpu().numpy(), dtype=np.float64)
    kept = []
    for step in path_kl(first, drift, other, variance, times, seed=seed):
        kept.append(step)
        yield 0.3 * step.share
    density = exact_on_grid(box, exact, low, normalise=True)
    solved = []
    for part, rate in enumerate((other, drift)):
        for at in evolve(box, density, rate, variance, [low, end]):
            yield 0.3 + 0.35 * (part + at.share)
        solved.append(at)
    truth = exact_on_grid(box, exact, end, normalise=True)
    learned_p, own = solved[0].density, solved[1].density
    kl, kl_own = _kl(truth, learned_p, box.volume), _kl(own, learned_p, box.volume)
    return Certificate(
        end,
        _tv(truth, learned_p, box.volume),
        _tv(truth, own, box.volume),
        kl,
        abs(kl - kl_own) + _kl(truth, own, box.volume),
        kept[-1].kl,
        kept[-1].kl_error,
        kept[-1].weight,
        kept[-1].weight_error,
        kept[-1].effective,
        np.array([step.t for step in kept]),
        np.array([step.kl for step in kept]),
        np.array([step.kl_error for step in kept]),
        solved[0].wall,
    )


def _tv(p: Floats, q: Floats, volume: float) -> float:
    return 0.5 * float(np.abs(p - q).sum()) * volume


def _kl(p: Floats, q: Floats, volume: float) -> float:
    """Sum of p log(p/q) over cells where p is above 1e-15 of its top; below, it adds nothing that a grid could know."""
    held = p > 1e-15 * p.max()
    ratio = np.log(p[held]) - np.log(np.maximum(q[held], 1e-300))
    return float((p[held] * ratio).sum()) * volume
