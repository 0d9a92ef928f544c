"""Overrides: ``--set path.sigma_min=0.1`` and TOML files, read against the structs themselves.

An override names a field by its dotted path in the experiment (``training.batch``), or an alternative by its tag (``path=ot``, the same
as ``path.type=ot``). An alternative starts from its defaults; then the parameters that were given apply, in whatever order they were
written. Every mistake is a Problem that repeats what was written and says what there is.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct

from engine.choice import Choice, Problem
from engine.experiment import Experiment
from engine.files import reason
from engine.introspection import Parameter, alternatives, parameters, tag_of
from engine.samplers import Sampler
from engine.targets import SHAPES, Mixture, Target, TargetBase
from engine.targets.raster import Channel

TOML_LIMIT = 64 << 20


@dataclass
class _Node:
    """What was said about one place in the tree: a value, or things about the places below it."""

    origin: str
    """How the user wrote it, for messages: ``--set path.sigma_min=0.1``."""
    value: Any = None
    given: bool = False
    folder: Path = Path()
    """Where a file that is named here is looked for."""
    below: dict[str, _Node] = field(default_factory=dict)


def apply(experiment: Experiment, sets: Iterable[str], *, flag: str = "--set ") -> Experiment:
    """The experiment with every ``key=value`` of ``sets`` applied, all at once. Raises Problem."""
    tree = _Node(flag.strip() or "settings")
    for text in sets:
        _place(tree, text, f"{flag}{text}")
    return cast(Experiment, _rebuilt(type(experiment), experiment, tree, "the experiment"))


def sampler_from(name: str, sets: Iterable[str] = (), steps: int | None = None, *, flag: str = "--set ") -> Sampler:
    """The sampler of that name with ``sigma=sqrt``, ``sigma.scale=0.5``, … applied, and its number of steps. Raises Problem."""
    kinds = {tag_of(kind): kind for kind in alternatives(Sampler)}
    if name not in kinds:
        raise Problem(f"there is no sampler {name!r}; there are {', '.join(kinds)}")
    tree = _Node(name)
    for text in sets:
        _place(tree, text, f"{flag}{text}")
    if steps is not None:
        tree.below["steps"] = _Node(f"--steps {steps}", steps, True)
    return cast(Sampler, _rebuilt(kinds[name], None, tree, f"sampler {name}"))


def from_toml(path: Path, base: Experiment | None = None) -> Experiment:
    """The experiment of a TOML file: the same tree as ``--set``, e.g. ``path = "ot"`` or ``[path]`` with ``type = "ot"``.

    ``target`` and ``source`` are a shape's name, a file (relative to the TOML file) or a table. Raises Problem.
    """
    path = Path(path)
    try:
        if path.stat().st_size > TOML_LIMIT:
            raise Problem(f"{path}: too large for an experiment ({path.stat().st_size:,} bytes)")
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Problem(f"{path}: cannot be read: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise Problem(f"{path}: not a text file in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise Problem(f"{path}: not TOML: {error}") from error
    experiment = Experiment() if base is None else base
    target = document.get("target")
    if isinstance(target, str):
        del document["target"]
        experiment = msgspec.structs.replace(experiment, target=target_from(target, folder=path.parent, flag=f"{path}: target="))
    tree = _Node(str(path))
    _graft(tree, document, f"{path}: ", path.parent)
    return cast(Experiment, _rebuilt(Experiment, experiment, tree, "the experiment"))


def target_from(
    text: str,
    *,
    folder: Path = Path(),
    columns: Sequence[str] | None = None,
    channel: Channel | None = None,
    label: str | None = None,
    flag: str = "--target ",
) -> Target:
    """The shape of that name, or the file of that name in ``folder``. Raises Problem."""
    kinds: tuple[type[TargetBase], ...] = (*SHAPES, Mixture)
    shapes = {tag_of(kind): kind for kind in kinds}
    if text in shapes:
        if columns is not None or channel is not None or label is not None:
            raise Problem(f"{flag}{text}: {'label columns' if label else 'columns and channels'} are for files, and this is a shape")
        return cast(Target, shapes[text]())
    path = folder / text
    if not path.exists():
        near = get_close_matches(text, shapes, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the shapes are {', '.join(shapes)}"
        raise Problem(f"{flag}{text}: there is no such file, and no shape of that name; {hint}")
    from engine.targets.loading import load_target

    return load_target(path, columns=columns, channel=channel, label=label)


def _place(tree: _Node, text: str, origin: str) -> None:
    key, equals, value = text.partition("=")
    keys = key.strip().split(".")
    if not equals or not all(keys):
        raise Problem(f"{origin}: write KEY=VALUE, such as path.sigma_min=0.1")
    node = tree
    for name in keys:
        node = node.below.setdefault(name, _Node(origin))
    node.origin, node.value, node.given = origin, value.strip(), True


def _graft(tree: _Node, document: dict[str, Any], prefix: str, folder: Path, trail: str = "") -> None:
    for name, value in document.items():
        here = f"{trail}.{name}" if trail else name
        if isinstance(value, dict):
            node = tree.below[name] = _Node(f"{prefix}{here}")
            _graft(node, value, prefix, folder, here)
        else:
            tree.below[name] = _Node(f"{prefix}{here}={value}", value, True, folder)


def _rebuilt(struct: type[Struct], current: Struct | None, node: _Node, what: str, others: Sequence[type[Struct]] = ()) -> Struct:
    """``struct`` from ``current`` (or its defaults) with what ``node`` says about its fields; ``others`` could stand in its place."""
    fields = parameters(struct)
    changed: dict[str, Any] = {}
    for name, below in node.below.items():
        if name == "type" and name not in fields:
            continue  # the tag, seen by _chosen
        if name not in fields:
            raise Problem(
                f"{below.origin}: there is no {name!r} in {what}; it has {', '.join(fields) or 'no settings'}{_elsewhere(name, others)}"
            )
        parameter = fields[name]
        now = getattr(current, name) if current is not None else parameter.default
        if parameter.alternatives:
            changed[name] = _chosen(parameter, None if now is msgspec.NODEFAULT else now, below)
        elif below.below:
            first = next(iter(below.below.values()))
            raise Problem(f"{first.origin}: {name!r} is {parameter.requirement}, with nothing below it")
        else:
            changed[name] = _leaf(parameter, below)
    needed = [name for name, parameter in fields.items() if parameter.default is msgspec.NODEFAULT]
    missing = [name for name in needed if current is None and name not in changed]
    if missing:
        raise Problem(f"{node.origin}: {what} needs {', '.join(missing)}{_from_file(fields, missing, what)}")
    try:
        return struct(**changed) if current is None else msgspec.structs.replace(current, **changed)
    except Problem as problem:
        raise Problem(f"{node.origin}: {problem}") from problem


def _elsewhere(name: str, others: Sequence[type[Struct]]) -> str:
    having = [tag_of(kind) for kind in others if name in parameters(kind)]
    return f" ({', '.join(having)} {'has' if len(having) == 1 else 'have'} it)" if having else ""


def _from_file(fields: dict[str, Parameter], missing: list[str], what: str) -> str:
    how = "source=FILE" if what.startswith("source ") else "--target FILE"
    return f", and is made by giving a file: {how}" if any(fields[name].kind == "array" for name in missing) else ""


def _chosen(parameter: Parameter, current: Struct | None, node: _Node) -> Struct:
    """A field that is itself a struct: another alternative by its tag, or the present one with other parameters."""
    tag = node if node.given else node.below.get("type")
    kinds = {tag_of(kind): kind for kind in parameter.alternatives}
    struct: type[Struct]
    if tag is None:
        if current is None:
            raise Problem(f"{node.origin}: say which with type; there are {', '.join(kinds)}")
        struct = type(current)
    elif parameter.kind == "table":
        raise Problem(
            f"{tag.origin}: {parameter.name} has settings, such as {parameter.name}.{next(iter(parameters(parameter.alternatives[0])))}=…"
        )
    elif str(tag.value) in kinds:
        struct, current = kinds[str(tag.value)], None
    elif any(_takes_file(kind) for kind in kinds.values()) and (tag.folder / str(tag.value)).is_file():
        from engine.targets.loading import load_target

        current = load_target(tag.folder / str(tag.value))
        struct = type(current)
    else:
        or_file = "; or the path of a file that is there" if any(_takes_file(kind) for kind in kinds.values()) else ""
        raise Problem(f"{tag.origin}: there is no {parameter.name} {str(tag.value)!r}; there are {', '.join(kinds)}{or_file}")
    return _rebuilt(struct, current, node, f"{parameter.name} {tag_of(struct)}".strip(), parameter.alternatives)


def _takes_file(struct: type[Struct]) -> bool:
    return issubclass(struct, TargetBase) and any(parameter.kind == "array" for parameter in parameters(struct).values())


def _leaf(parameter: Parameter, node: _Node) -> Any:
    value = node.value
    if parameter.kind == "array":
        raise Problem(f"{node.origin}: {parameter.name} is {parameter.requirement}")
    if parameter.kind == "list" and isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise Problem(f"{node.origin}: must be {parameter.requirement}, written like [[0, 0], [1, 1]]") from error
    try:
        found = msgspec.convert(value, parameter.annotation, strict=not isinstance(node.value, str) or parameter.kind == "text")
    except msgspec.ValidationError as error:
        raise Problem(f"{node.origin}: must be {_expected(parameter, value, error)}") from error
    if isinstance(found, float) and not math.isfinite(found):
        raise Problem(f"{node.origin}: must be {parameter.requirement}")
    return found


def _expected(parameter: Parameter, value: Any, error: msgspec.ValidationError) -> str:
    if parameter.kind in ("float", "int") and parameter.bounds and not isinstance(value, bool):
        try:
            number = float(value)
        except (TypeError, ValueError):
            return parameter.requirement
        whole = parameter.kind == "float" or number.is_integer()
        return parameter.bounds if whole and math.isfinite(number) else parameter.requirement
    return f"{parameter.requirement}{' of the right length' if 'length' in str(error) else ''}"


def name_of(choice: Choice) -> str:
    """A choice as ``--pane`` and ``--set`` write it, with the parameters that are not its defaults: ``euler-maruyama:sigma=sqrt``."""
    return choice.name + "".join(f":{','.join(parts)}" for parts in [_differences(choice)] if parts)


def split_settings(text: str) -> list[str]:
    """What ``name_of`` joins by commas after the name, apart again: a comma within brackets belongs to a list."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part]


def _differences(struct: Struct, trail: str = "") -> list[str]:
    parts: list[str] = []
    for name, parameter in parameters(type(struct)).items():
        value = getattr(struct, name)
        if isinstance(value, Choice):
            default = parameter.default
            if not isinstance(default, Choice) or default.name != value.name:
                parts.append(f"{trail}{name}={value.name}")
            parts += _differences(value, f"{trail}{name}.")
        elif value != parameter.default and parameter.is_curve:
            parts.append(f"{trail}{name}={json.dumps(value, separators=(',', ':'))}")
        elif value != parameter.default and parameter.kind in ("float", "int", "bool", "one of", "text"):
            parts.append(f"{trail}{name}={str(value).lower() if isinstance(value, bool) else value}")
    return parts
