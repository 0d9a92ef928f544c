"""What ``evaluate`` tells besides distances when asked: a certificate, and where the error comes from."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeVar

from engine.choice import Problem
from engine.cli.common import Progress
from engine.error_words import conclusion, ends_words, mass_words, plus_minus, solver_advice, words_of

if TYPE_CHECKING:
    from engine.certificate import Certificate
    from engine.error_parts import Sources
    from engine.fields.base import Field
    from engine.means import Mean
    from engine.samplers import SamplerBase
    from engine.session import Session

Value = TypeVar("Value")
Told = tuple[dict[str, Any] | None, str | None, list[str]]
"""The entry, or the reason why there is none; and lines for people."""
MOST_PARTICLES = 2_000
"""Of exact W2."""


def certificate_of(loaded: Session, model: Field, sampler: SamplerBase, learned: bool, delta: float, seed: int) -> Told:
    """The certificate of the network's SDE with the sampler's sigma_t."""
    from engine.certify import certify, no_sigma, sigma_of

    try:
        if not learned:
            raise Problem("a certificate is of a network, and this model is the exact field.")
        sigma = sigma_of(sampler)
        if sigma is None:
            raise Problem(f"{no_sigma(sampler)} Take an SDE sampler, such as euler-maruyama.")
        found = _done(certify(model, loaded.experiment, sigma, delta=delta, seed=seed), "certificate")
    except Problem as problem:
        return None, str(problem), [f"certificate: {problem}"]
    entry: dict[str, Any] = {
        "tv": found.tv,
        "tv_error": found.tv_error,
        "kl": found.kl,
        "kl_error": found.kl_error,
        "sqrt_half_kl": found.pinsker,
        "sqrt_half_kl_error": found.pinsker_error,
        "path_kl": found.path_kl,
        "path_kl_error": found.path_kl_error,
        "sqrt_half_path_kl": found.path_bound,
        "sqrt_half_path_kl_error": found.path_bound_error,
        "path_kl_of_last_decade": found.per_decade,
        "holds": found.holds,
        "t_min": float(found.times[0]),
        "t": found.t,
        "delta": delta,
        "sigma": sigma.words,
        "unit": "nats",
        "note": found.note,
    }
    return entry, None, _certificate_lines(found, sigma.words)


def _certificate_lines(found: Certificate, sigma: str) -> list[str]:
    lines = [
        f"Certificate of the SDE with {sigma}, t from {found.times[0]:.3g} to 1 − δ = {found.t:.6g}",
        f"  TV(p, p′)      {plus_minus(found.tv, found.tv_error)}",
        f"  √(KL/2)        {plus_minus(found.pinsker, found.pinsker_error)}   KL {plus_minus(found.kl, found.kl_error)} nats",
        f"  √(KL_path/2)   {plus_minus(found.path_bound, found.path_bound_error)}   "
        f"KL_path {plus_minus(found.path_kl, found.path_kl_error)} nats",
    ]
    return [*lines, *([f"  {found.note}"] if found.note else [])]


def sources_of(loaded: Session, model: Field, sampler: SamplerBase, learned: bool, n: int, repeats: int, seed: int) -> Told:
    """What of the distance is the network's and what the solver's."""
    from engine.error_sources import error_sources

    n, progress, found = min(n, MOST_PARTICLES), Progress(), None
    try:
        for found in error_sources(model, sampler, loaded.experiment, learned=learned, n=n, repeats=repeats, seed=seed):
            progress.show(f"sources {100 * found.fraction:.0f} % · {found.doing}" if found.doing else "sources 100 %")
    except Problem as problem:
        return None, str(problem), [f"sources: {problem}"]
    assert found is not None
    progress.show("sources 100 %", last=True)
    return _sources_entry(found), None, _sources_lines(found)


def _sources_entry(found: Sources) -> dict[str, Any]:
    modes = found.modes
    entry: dict[str, Any] = {
        "w2": {name: _mean(mean) for name, mean in found.w2.items()},
        "added": {name: _mean(part) for name in ("network", "solver", "pane") if (part := found.part(name)) is not None},
        "absent": found.absent,
        "fine_solver": found.fine,
        "fine_solver_change": _finite(found.fine_change),
        "steps": [
            {"steps": rung.steps, "evaluations": rung.evaluations, "added": _mean(rung.part), "rms_off": _finite(rung.off)}
            for rung in found.ladder
        ],
        "modes": None,
        "modes_reason": found.modes_reason or None,
        "n": found.n,
        "repeats": found.repeats,
        "conclusion": conclusion(found),
    }
    if modes is not None:
        entry["modes"] = {
            "names": list(modes.names),
            "weights": modes.weights.tolist(),
            "shares": {name: modes.mean(name).tolist() for name in modes.shares},
            "errors": {name: modes.error(name).tolist() for name in modes.shares},
        }
    return entry


def _sources_lines(found: Sources) -> list[str]:
    from engine.error_parts import NAMES

    lines = [f"Where the error comes from: exact W₂, n = {found.n:,}, mean of {found.repeats}; fine solver {found.fine}"]
    for name, words in NAMES.items():
        if name in found.w2:
            part = found.part(name) if name not in ("floor", "ideal") else None
            lines.append(f"  {words:<36} {words_of(found.w2[name])}" + (f"   adds {words_of(part)}" if part is not None else ""))
        elif name in found.absent:
            lines.append(f"  {words:<36} {found.absent[name]}")
    return [*lines, *(f"  {said}" for said in (conclusion(found), mass_words(found), ends_words(found), solver_advice(found)) if said)]


def _mean(mean: Mean) -> dict[str, float | None]:
    return {"value": mean.mean, "error": _finite(mean.error)}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _done(slices: Generator[float, None, Value], name: str) -> Value:
    progress = Progress()
    try:
        while True:
            try:
                progress.show(f"{name} {100 * next(slices):.0f} %")
            except StopIteration as stop:
                progress.show(f"{name} 100 %", last=True)
                value: Value = stop.value
                return value
    finally:
        slices.close()
