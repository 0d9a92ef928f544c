"""What the structs say about themselves: the alternatives of a union, the fields of a choice, and what each field may be, in words.

``--set``, TOML, ``list`` and the window's forms all read this one description.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import msgspec
from msgspec import Meta, Struct

from engine.arrays import Array

Kind = Literal["float", "int", "bool", "one of", "text", "choice", "table", "array", "list"]


@dataclass(frozen=True)
class Parameter:
    """One field of a struct."""

    name: str
    kind: Kind
    annotation: Any
    default: Any
    """``msgspec.NODEFAULT`` where there is none."""
    meta: Meta | None = None
    options: tuple[str, ...] = ()
    """The words of a ``one of``."""
    alternatives: tuple[type[Struct], ...] = ()
    """The structs of a ``choice``; the struct of a ``table``."""

    @property
    def description(self) -> str:
        return (self.meta.description or "") if self.meta else ""

    @property
    def unit(self) -> str:
        return str(self._extra.get("unit", ""))

    @property
    def symbol(self) -> str:
        return str(self._extra.get("symbol", ""))

    @property
    def is_curve(self) -> bool:
        """Whether it is a list of control points (``engine.curves``)."""
        return self.kind == "list" and "curve" in self._extra

    @property
    def _extra(self) -> dict[str, Any]:
        return dict(self.meta.extra or {}) if self.meta else {}

    @property
    def requirement(self) -> str:
        """``"a whole number of at least 1 and at most 1,000,000"``."""
        match self.kind:
            case "bool":
                return "true or false"
            case "one of":
                return f"one of {', '.join(self.options)}"
            case "choice":
                return f"one of {', '.join(tag_of(kind) for kind in self.alternatives)}"
            case "float" | "int":
                noun = "a whole number" if self.kind == "int" else "a number"
                return f"{noun}, {self.bounds}" if self.bounds else noun
            case "text":
                return "a text"
            case "list":
                return "a list of numbers"
            case "table":
                return "a table"
            case "array":
                return "an array, which comes from a file"

    @property
    def bounds(self) -> str:
        """``"above 0 and at most 1"``; empty where there are none."""
        if self.meta is None:
            return ""
        words = {"above": self.meta.gt, "at least": self.meta.ge, "below": self.meta.lt, "at most": self.meta.le}
        return " and ".join(f"{word} {_number(bound)}" for word, bound in words.items() if bound is not None)


@cache
def parameters(struct: type[Struct]) -> dict[str, Parameter]:
    """The fields of a struct by name, in order."""
    hints = typing.get_type_hints(struct, include_extras=True)
    return {field.name: _parameter(field, hints[field.name]) for field in msgspec.structs.fields(struct)}


def alternatives(union: Any) -> tuple[type[Struct], ...]:
    """The structs of a union of structs (or of one struct); empty for anything else."""
    members = typing.get_args(union) if isinstance(union, types.UnionType) or typing.get_origin(union) is typing.Union else (union,)
    structs = tuple(member for member in members if isinstance(member, type) and issubclass(member, Struct))
    return structs if len(structs) == len(members) else ()


def tag_of(struct: type[Struct]) -> str:
    """The name in files and in ``--set``; empty for a plain table."""
    return str(struct.__struct_config__.tag or "")


def _parameter(field: msgspec.structs.FieldInfo, annotation: Any) -> Parameter:
    bare, meta = annotation, None
    for layer in _layers(annotation):
        bare = layer[0]
        meta = next((item for item in layer[1] if isinstance(item, Meta)), meta) if meta is None else meta
    default = field.default
    if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    structs = alternatives(bare)
    options: tuple[str, ...] = ()
    kind: Kind
    if structs:
        kind = "choice" if tag_of(structs[0]) else "table"
    elif typing.get_origin(bare) is Literal:
        kind, options = "one of", tuple(str(option) for option in typing.get_args(bare))
    elif bare in (float, int, bool):
        kind = {float: "float", int: "int", bool: "bool"}[bare]  # type: ignore[assignment]  # literals, by their names
    elif bare is str or bare == str | None:
        kind = "text"
    elif bare is Array or Array in typing.get_args(bare):
        kind = "array"
    else:
        kind = "list"
    return Parameter(field.name, kind, annotation, default, meta, options, structs)


def _layers(annotation: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Each ``Annotated`` layer from the outside in: what it wraps, and with what."""
    yield annotation, ()
    while typing.get_origin(annotation) is typing.Annotated:
        inner = annotation.__origin__
        yield inner, annotation.__metadata__
        annotation = inner


def _number(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) and abs(bound) < 10**12 else f"{bound:g}"
