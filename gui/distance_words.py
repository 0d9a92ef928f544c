"""How each distance is named, written and explained, in the table, its window and the chart over training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.distances import Estimate


@dataclass(frozen=True)
class Kind:
    """One distance as people read it."""

    name: str
    """As in ``engine.distance_table.QUANTITIES``."""
    short: str
    long: str
    unit: str
    tip: str
    logarithmic: bool = True
    """Whether a chart's axis is: not where a number may be 0 or below."""
    share: bool = False
    """Written in per cent."""
    floor_words: str = "floor: fresh draws of the target"
    best: str = "lower is better"


KINDS = (
    Kind(
        "w2", "W₂", "W₂", "standardised units",
        "Exact 2-Wasserstein distance between the pane's particles and as many fresh draws of the target: √ of the least mean squared way "
        "on which the one can be carried to the other. Above 0 for a perfect model too: its floor is what two draws of the target have",
    ),
    Kind(
        "sliced_w2", "sliced", "sliced W₂", "standardised units",
        "The same along 128 directions, averaged: √ of the mean of the squared one-dimensional distances",
    ),
    Kind(
        "kl", "KL", "KL", "nats",
        "KL(samples ‖ truth) between a histogram of the particles and the exact masses of its cells; the floor is the histogram's own bias",
    ),
    Kind(
        "nll", "NLL", "NLL", "nats, standardised",
        "Negative log-likelihood of fresh data under the model's flow, whatever the pane's sampler, in standardised coordinates; "
        "the floor is the truth's entropy, and what is above it is about KL(truth ‖ model)",
        logarithmic=False, floor_words="floor: entropy of the target",
    ),
    Kind(
        "modes", "modes", "modes reached", "share of the modes",
        "Share of the target's modes that get a tenth of their due or more", logarithmic=False, share=True,
        floor_words="fresh draws of the target", best="higher is better",
    ),
    Kind(
        "straightness", "straight", "straightness", "standardised units squared",
        "S = ∫ E‖(x₁ − x₀) − v‖² dt along an ODE's particles: 0 if every one moves straight at constant speed (Liu 2209.03003)",
    ),
    Kind(
        "tv", "TV", "total variation", "0 to 1",
        "Half of Σ |p − q| between a histogram of the particles and the exact masses of its cells: 0 to 1",
    ),
    Kind("js", "JS", "Jensen–Shannon", "nats", "Half of KL to the mean of both, from each side, on the same grid: 0 to ln 2 = 0.693 nats"),
    Kind(
        "energy", "energy", "energy distance", "standardised units",
        "2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖, unbiased: 0 on average between draws of one law, so that it may be below 0",
        logarithmic=False,
    ),
    Kind(
        "mmd", "MMD²", "MMD²", "no unit",
        "Squared maximum mean discrepancy with a Gaussian kernel of the truth's median distance, unbiased: "
        "0 on average between draws of one law, so that it may be below 0",
        logarithmic=False,
    ),
    Kind(
        "near", "near", "near a mode", "share of the particles",
        "Share of the particles within 3 standard deviations of a mode", logarithmic=False, share=True,
        floor_words="fresh draws of the target", best="higher is better",
    ),
    Kind(
        "excess", "NLL − floor", "NLL above the entropy", "nats",
        "What the likelihood lacks: the mean of log p − log p_θ over the same fresh data, an estimate of KL(truth ‖ model)",
        logarithmic=False, floor_words="floor: a perfect model",
    ),
    Kind(
        "nll_user", "NLL, user", "NLL", "nats, your units",
        "The same likelihood for the data in your own units: it differs by the logarithm of the volume that a standardised unit has",
        logarithmic=False, floor_words="floor: entropy of the target",
    ),
)  # fmt: skip
"""In the order of importance: a narrow table shows the first few."""
KIND = {kind.name: kind for kind in KINDS}
WORST_DIGITS = 5
"""Numbers that need more decimals than this are written with a power of ten."""


def plus_minus(value: float, error: float | None) -> tuple[str, str]:
    """A number and its standard error, as many digits as the error lets stand: ("0.038", "0.002"); ("0.0383", "") without one."""
    if error is None or not math.isfinite(error) or error <= 0.0:
        return f"{value:.3g}", ""
    power = math.floor(math.log10(error))
    leading = error / 10.0**power
    digits = -power + (1 if leading < 1.95 else 0)
    if digits > WORST_DIGITS:
        return _small(value, digits), f"{error:.1g}"
    digits = max(0, digits)
    words = f"{value:.{digits}f}"
    return (words.replace("-", "−") if float(words) else f"{0:.{digits}f}"), f"{error:.{digits}f}"


def in_words(kind: Kind, value: float, error: float | None, sign: str = " ± ") -> str:
    """``"0.038 ± 0.002"``; shares in per cent, ``"98.6 ± 0.2 %"``."""
    times = 100.0 if kind.share else 1.0
    parts = plus_minus(times * value, None if error is None else times * error)
    return sign.join(part for part in parts if part) + (" %" if kind.share else "")


def over_floor(one: Estimate) -> tuple[float, float | None] | None:
    """value / floor and its standard error, by linear propagation (as if both erred apart); None where there is no floor above 0."""
    if one.value is None or one.floor is None or one.floor <= 0.0:
        return None
    ratio = one.value / one.floor
    if one.error is None or one.floor_error is None:
        return ratio, None
    return ratio, math.hypot(one.error / one.floor, ratio * one.floor_error / one.floor)


def tip_of(kind: Kind, one: Estimate) -> str:
    """Everything about one number: what it is, unit, n, repeats, floor, what it is biased by."""
    if one.value is None:
        return f"No {kind.long}: {one.reason}"
    lines = [f"{kind.long}: {in_words(kind, one.value, one.error)} ({kind.unit})"]
    if one.floor is not None:
        lines.append(f"{kind.floor_words}: {in_words(kind, one.floor, one.floor_error)}")
    if one.n:
        repeats = f", mean of {one.repeats} repeats" if one.repeats > 1 else ""
        points = f"{one.n:,}".replace(",", "\u202f")
        lines.append(f"n = {points} points{repeats}; ± is the standard error")
    if one.note:
        lines.append(one.note[:1].upper() + one.note[1:] + ".")
    return "\n".join(lines)


def _small(value: float, digits: int) -> str:
    """With a power of ten, to the last digit that stands."""
    if value == 0.0:
        return "0"
    kept = max(1, digits + math.floor(math.log10(abs(value))) + 1)
    return f"{value:.{min(kept, 6)}g}".replace("-", "−")
