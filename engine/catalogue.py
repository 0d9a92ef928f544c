"""Catalogue: what there is to choose from, by the names that ``--set`` takes, read off the structs."""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

import msgspec
from msgspec import Struct

from engine.choice import Choice, Problem
from engine.couplings import Coupling
from engine.experiment import ProbabilityPath
from engine.guidance import Guidance
from engine.introspection import Parameter, alternatives, parameters, tag_of
from engine.labels import Condition
from engine.objectives import Objective
from engine.samplers import Sampler
from engine.sources import Source
from engine.targets import Target

Kind = Literal["targets", "sources", "paths", "couplings", "objectives", "samplers", "conditions", "guidances"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_UNIONS: dict[Kind, Any] = {
    "targets": Target,
    "sources": Source,
    "paths": ProbabilityPath,
    "couplings": Coupling,
    "objectives": Objective,
    "samplers": Sampler,
    "conditions": Condition,
    "guidances": Guidance,
}


def catalogue(kind: str) -> list[dict[str, Any]]:
    """One row for each alternative: name, label, summary, formula (LaTeX), source, parameters. Ready for JSON. Raises Problem."""
    if kind not in KINDS:
        raise Problem(f"there is no list of {kind!r}; there are {', '.join(KINDS)}")
    return rows(_UNIONS[kind])


def rows(union: Any) -> list[dict[str, Any]]:
    """The rows of any union of choices."""
    return [row(cast(type[Choice], kind)) for kind in alternatives(union)]


def row(kind: type[Choice]) -> dict[str, Any]:
    """One choice."""
    return {
        "name": tag_of(kind),
        "label": kind.label,
        "summary": kind.summary,
        "formula": kind.formula,
        "source": kind.source,
        "parameters": [_parameter(parameter) for parameter in parameters(kind).values()],
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    """name, type, default, bounds, unit, description; a choice also lists its alternatives with their own parameters."""
    described: dict[str, Any] = {
        "name": parameter.name,
        "type": parameter.kind,
        "required": parameter.default is msgspec.NODEFAULT,
        "default": _plain(parameter.default),
        "bounds": _bounds(parameter),
        "unit": parameter.unit,
        "symbol": parameter.symbol,
        "description": parameter.description,
    }
    if parameter.options:
        described["options"] = list(parameter.options)
    if parameter.kind == "choice":
        described["options"] = [tag_of(kind) for kind in parameter.alternatives]
        described["alternatives"] = [row(cast(type[Choice], kind)) for kind in parameter.alternatives]
    return described


def _bounds(parameter: Parameter) -> dict[str, float]:
    if parameter.meta is None:
        return {}
    found = {name: getattr(parameter.meta, name) for name in ("gt", "ge", "lt", "le")}
    return {name: bound for name, bound in found.items() if bound is not None}


def _plain(default: Any) -> Any:
    if default is msgspec.NODEFAULT:
        return None
    if isinstance(default, Struct):
        return tag_of(type(default))
    return [_plain(item) for item in default] if isinstance(default, tuple) else default
