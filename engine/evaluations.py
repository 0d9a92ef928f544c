"""Budgets: a sampler with as many function evaluations as another, so that samplers are compared by what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from engine.introspection import parameters

if TYPE_CHECKING:
    from engine.samplers import SamplerBase

AnySampler = TypeVar("AnySampler", bound="SamplerBase")


def with_evaluations(sampler: AnySampler, budget: int) -> AnySampler | None:
    """The sampler with the number of steps at which its evaluations are nearest to ``budget``; of two equally near, the cheaper.

    None where the number of evaluations does not follow from the number of steps (an adaptive method, a single jump).
    """
    if "steps" not in sampler.__struct_fields__:
        return None
    meta = parameters(type(sampler))["steps"].meta
    low = int(meta.ge) if meta is not None and meta.ge is not None else 1
    high = int(meta.le) if meta is not None and meta.le is not None else 10_000
    if evaluations_at(sampler, low) is None or evaluations_at(sampler, low) == evaluations_at(sampler, high):
        return None
    while low < high:  # the fewest steps that cost at least the budget, or the most that are allowed
        middle = (low + high) // 2
        if (evaluations_at(sampler, middle) or 0) >= budget:
            high = middle
        else:
            low = middle + 1
    best = min((low - 1, low), key=lambda steps: (_off(sampler, steps, budget), steps))
    return replace(sampler, steps=best)


def evaluations_at(sampler: SamplerBase, steps: int) -> int | None:
    """Evaluations of one run with that many steps; None where only the run can tell."""
    return replace(sampler, steps=steps).evaluations


def _off(sampler: SamplerBase, steps: int, budget: int) -> float:
    if steps < 1:
        return float("inf")
    return abs((evaluations_at(sampler, steps) or 0) - budget)
