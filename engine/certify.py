"""Certify: the certificate of a network beside the exact field of its experiment, with a box and a beginning chosen for it."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from engine.aside import beside
from engine.certificate import Certificate, certificate
from engine.certificate_box import certificate_begin, certificate_box
from engine.choice import Problem
from engine.fields.base import score_refusal
from engine.marginals import marginal
from engine.randomness import generator

if TYPE_CHECKING:
    from engine.experiment import Experiment
    from engine.fields.base import Field
    from engine.samplers import SamplerBase
    from engine.samplers.sigma import Sigma

SMALLEST, LARGEST = 1e-4, 0.2
"""Of delta."""
DELTA = 0.05
CLOSE = 0.01
"""A delta below this needs the exact field in double precision."""
PATHS = 2_000
NO_SIGMA = "{} follows no SDE with a σ_t: two flows that differ share no paths, so the KL of their path measures is infinite."


def sigma_of(sampler: SamplerBase) -> Sigma | None:
    """sigma_t of the SDE that a sampler follows; None where it follows none with a sigma_t."""
    from engine.samplers.sde import SDESampler

    return sampler.diffusion() if isinstance(sampler, SDESampler) else None


def no_sigma(sampler: SamplerBase) -> str:
    """Why this sampler has no certificate of its own, in one sentence."""
    return NO_SIGMA.format(sampler.label)


def certify(
    learned: Field, experiment: Experiment, sigma: Sigma, *, delta: float = DELTA, n: int = PATHS, seed: int = 0, cells: int | None = None
) -> Generator[float, None, Certificate]:
    """The chain of ``engine.certificate`` for a network; yields the share done. On a processor the slices are a thread's of its own.

    Raises Problem: no exact field, no score, a sigma that does not fit or vanishes, a delta out of range.
    """
    import torch

    from engine.error_maps import truth_of
    from engine.fields.exact import exact_field_of

    if not (math.isfinite(delta) and SMALLEST <= delta <= LARGEST):
        raise Problem(f"δ is {delta:g}: must be at least {SMALLEST:g} and at most {LARGEST:g}.")
    reason = score_refusal(learned) or sigma.refusal(learned.path)
    if reason:
        raise Problem(reason)
    # single precision is three times as fast, and enough where 1 - t is not small
    exact = truth_of(experiment, learned) if delta < CLOSE else exact_field_of(experiment, learned.device, learned.dtype)
    begin = max(certificate_begin(exact, sigma), learned.interval[0])
    end = min(1.0 - delta, exact.interval[1], learned.interval[1])
    if begin >= end:
        raise Problem(f"Nothing is left between t = {begin:.3g}, where it can begin, and 1 − δ = {end:.3g}: take a smaller δ.")
    box = certificate_box(experiment, begin, end, cells)
    kinds: dict[str, Any] = {"delta": delta, "n": n, "seed": seed}
    if begin > exact.interval[0]:
        kinds |= {"begin": begin, "draws": marginal(experiment, begin, n, generator(seed, "certificate", "start"))}
    slices = certificate(exact, learned, sigma, box, **kinds)
    if torch.device(learned.device).type != "cpu":
        found: Certificate = yield from slices
        return found
    waiting, done = beside(slices, "certificate"), 0.0
    try:
        while True:
            try:
                done = next(waiting) or done
            except StopIteration as stop:
                result: Certificate = stop.value
                return result
            yield done
    finally:
        waiting.close()
