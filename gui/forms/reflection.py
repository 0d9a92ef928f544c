"""What a form needs to know of a struct's fields, read once from the declaration that also makes the file format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import inspect

from engine.choice import Choice

Kind = str
"""``"float"``, ``"int"``, ``"bool"``, ``"literal"``, ``"text"``, ``"struct"`` (one or several alternatives), ``"curve"`` or ``"other"``."""

INITIALS = {"ema", "snr"}


@dataclass(frozen=True)
class FieldSpec:
    """One field: its kind, bounds and words."""

    name: str
    kind: Kind
    default: Any
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    """Whether ``low`` itself is excluded."""
    high_open: bool = False
    multiple: int = 1
    """Whole numbers must be multiples of this."""
    options: tuple[Any, ...] = ()
    """The values of a literal, or the structs of a union."""
    description: str = ""
    unit: str = ""
    symbol: str = ""
    log: bool = False
    trend: str = ""
    """Of a curve: ``"rising"``, ``"falling"`` or ``"non-negative"``."""
    plot: str = ""
    """Curves of one name are edited in one plot."""
    role: str = ""
    """The colour of a curve."""
    words: str = ""
    """What it is called, where its name is a letter of a formula."""
    annotation: Any = field(default=None, compare=False)
    """The type with its bounds, for validation."""

    @property
    def title(self) -> str:
        """The name in words: ``learning_rate`` becomes "Learning rate"; a letter of a formula stays as it is, ``b_min`` "b min"."""
        if self.words:
            return self.words
        words = self.name.replace("_", " ")
        if len(words.split()[0]) == 1:
            return words
        return words.upper() if words in INITIALS else words[:1].upper() + words[1:]

    @property
    def tooltip(self) -> str:
        """Help, bounds and unit."""
        lines = [self.description or self.title]
        if self.symbol:
            lines[0] = f"{self.symbol}: {lines[0]}"
        if bounds := self.bounds:
            lines.append(bounds)
        return "\n".join(lines)

    @property
    def bounds(self) -> str:
        """The allowed range in words; empty where there is none."""
        unit = f" {self.unit}" if self.unit else ""
        if self.low is None and self.high is None:
            return f"Unit:{unit}" if unit else ""
        low = "" if self.low is None else f"{self.low:.6g} {'<' if self.low_open else '≤'} "
        high = "" if self.high is None else f" {'<' if self.high_open else '≤'} {self.high:.6g}"
        steps = f", a multiple of {self.multiple}" if self.multiple > 1 else ""
        return f"{low}value{high}{unit}{steps}"

    def convert(self, value: Any) -> Any:
        """The value checked against type and bounds; raises ``msgspec.ValidationError``."""
        return msgspec.convert(value, self.annotation, strict=True)


def alternatives(annotation: Any) -> tuple[type[msgspec.Struct], ...]:
    """The structs of a union, or the one struct itself; empty for anything else."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return (annotation,)
    args = get_args(annotation)
    if get_origin(annotation) is not None and args and all(isinstance(a, type) and issubclass(a, msgspec.Struct) for a in args):
        return tuple(args)
    return ()


def _unwrapped(node: inspect.Type) -> tuple[inspect.Type, dict[str, Any], str]:
    """The bare type beneath Metadata, its extra and its description."""
    extra: dict[str, Any] = {}
    description = ""
    while isinstance(node, inspect.Metadata):
        extra = {**(node.extra or {}), **extra}
        description = description or str((node.extra_json_schema or {}).get("description", ""))
        node = node.type
    return node, extra, description


def _number(node: inspect.IntType | inspect.FloatType) -> dict[str, Any]:
    low_open = node.gt is not None
    high_open = node.lt is not None
    return {
        "low": node.gt if low_open else node.ge,
        "high": node.lt if high_open else node.le,
        "low_open": low_open,
        "high_open": high_open,
        "multiple": int(node.multiple_of or 1) if isinstance(node, inspect.IntType) else 1,
    }


@lru_cache(maxsize=256)
def fields_of(struct: type[msgspec.Struct]) -> tuple[FieldSpec, ...]:
    """Every field of a struct in its order of declaration."""
    hints = msgspec_hints(struct)
    defaults = {f.name: f for f in msgspec.structs.fields(struct)}
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    specs = []
    for item in info.fields:
        node, extra, description = _unwrapped(item.type)
        found = defaults[item.name]
        default = found.default_factory() if found.default_factory is not msgspec.NODEFAULT else found.default
        annotation = hints[item.name]
        common: dict[str, Any] = {
            "name": item.name,
            "default": None if default is msgspec.NODEFAULT else default,
            "description": description or _described(annotation),
            "unit": str(extra.get("unit", "")),
            "symbol": str(extra.get("symbol", "")),
            "log": bool(extra.get("log", False)),
            "trend": str(extra.get("curve", "")),
            "plot": str(extra.get("plot", "")),
            "role": str(extra.get("colour", "")),
            "words": str(extra.get("title", "")),
            "annotation": annotation,
        }
        match node:
            case inspect.BoolType():
                spec = FieldSpec(kind="bool", **common)
            case inspect.IntType():
                spec = FieldSpec(kind="int", **_number(node), **common)
            case inspect.FloatType():
                spec = FieldSpec(kind="float", **_number(node), **common)
            case inspect.LiteralType():
                spec = FieldSpec(kind="literal", options=_literals(annotation) or tuple(node.values), **common)
            case inspect.StrType():
                spec = FieldSpec(kind="text", **common)
            case inspect.StructType():
                spec = FieldSpec(kind="struct", options=(node.cls,), **common)
            case inspect.UnionType() if all(isinstance(part, inspect.StructType) for part in node.types):
                spec = FieldSpec(
                    kind="struct", options=tuple(part.cls for part in node.types if isinstance(part, inspect.StructType)), **common
                )
            case _:
                spec = FieldSpec(kind="curve" if common["trend"] else "other", **common)
        specs.append(spec)
    return tuple(specs)


def _literals(annotation: Any) -> tuple[Any, ...]:
    """The values of a Literal in the order in which they were written."""
    inner = annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation
    return get_args(inner) if get_origin(inner) is Literal else ()


def msgspec_hints(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Annotations with their Meta, resolved."""
    return {f.name: f.type for f in msgspec.structs.fields(struct)}


def _described(annotation: Any) -> str:
    for part in getattr(annotation, "__metadata__", ()):
        if isinstance(part, msgspec.Meta) and part.description:
            return part.description
    return ""


def label_of(option: Any) -> str:
    """What the window calls a struct, its instance or a literal."""
    text = getattr(option, "label", "")
    if text:
        return str(text)
    if isinstance(option, type):
        return option.__name__
    return str(option).replace("-", " ")


def grouped(options: Iterable[type]) -> list[tuple[str, list[type]]]:
    """Alternatives by their ``group``, in the order in which the groups first come; one group "" where none is named."""
    found: dict[str, list[type]] = {}
    for option in options:
        found.setdefault(str(getattr(option, "group", "")), []).append(option)
    return list(found.items())


def help_of(option: type | Choice) -> str:
    """One sentence, then the source: the tooltip of a choice."""
    summary, source = getattr(option, "summary", ""), getattr(option, "source", "")
    lines = [text for text in (summary, f"Source: {source}" if source else "") if text]
    return "\n".join(lines)
