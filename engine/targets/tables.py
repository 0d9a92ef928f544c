"""Tables to points: CSV and TSV as people have them, and NPY.

Every refusal names the file, and where there is one the row and the column.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from tokenize import TokenError

import numpy as np
from numpy.typing import NDArray

from engine.arrays import Array
from engine.choice import Problem
from engine.densities.classes import MOST_LABELS
from engine.targets.points import Points

Floats = NDArray[np.float64]
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf|infinity)", re.IGNORECASE)
_COMMA_NUMBER = re.compile(r"[+-]?(?:\d+,\d+|,\d+)(?:[eE][+-]?\d+)?")
_SAMPLE = 200
LABEL_HEADERS = frozenset({"label", "labels", "class"})
"""A column of this name holds labels without being asked for, where the others are two or three."""


@dataclass(frozen=True)
class _Layout:
    """How a text table is written: the delimiter (None for runs of blanks), decimal comma or point, names, and an empty last cell."""

    delimiter: str | None
    comma: bool
    header: tuple[str, ...] | None
    width: int
    trailing: bool

    def split(self, line: str) -> list[str]:
        """The cells of one line, with decimal points."""
        cells = _split(line, self.delimiter)
        return [cell.replace(",", ".") if _COMMA_NUMBER.fullmatch(cell) else cell for cell in cells] if self.comma else cells

    def name(self, column: int) -> str:
        """What a message calls a column: its name, or its number from 1."""
        return self.header[column] if self.header and column < len(self.header) else str(column + 1)


@dataclass(frozen=True)
class _Labels:
    """Labels from 0, (n,), and what each is called."""

    index: NDArray[np.int64]
    names: tuple[str, ...]


def load_text(data: bytes, filename: str, columns: Sequence[str] | None = None, label: str | None = None) -> Points:
    """A text table. The delimiter is found among tab, semicolon, comma and blanks; lines that are empty or begin with # are left out.

    A row is counted as a text editor does, from 1, header and all. ``label`` names the column of labels, words or numbers.
    """
    lines = _decode(data, filename).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = [i for i, line in enumerate(lines) if line and not line.isspace() and not line.startswith("#")]
    if not kept:
        raise Problem(f"{filename} has no rows")
    layout = _layout([lines[i] for i in kept[:_SAMPLE]])
    if layout.header is not None:
        kept = kept[1:]
    if not kept:
        raise Problem(f"{filename} has a header but no rows")
    names = layout.header or tuple(str(k + 1) for k in range(layout.width))
    rows = lines if len(kept) == len(lines) else [lines[i] for i in kept]
    labels, at = None, None if label is None else _find(label.strip(), names, filename)
    if at is not None:
        labels = _labels(_cells(rows, kept, layout, at, filename), kept, layout.name(at), filename)
    elif columns is None and layout.header is not None and len(names) in (3, 4):
        at, labels = _found_labels(rows, kept, layout, filename)
    chosen = _choose(names, columns, filename, layout.header is not None, at)
    values = _parse(rows, kept, layout, chosen, filename)
    if not np.isfinite(values).all():
        row, column = (int(k) for k in np.argwhere(~np.isfinite(values))[0])
        cell = layout.split(rows[row])[chosen[column]].strip()
        raise Problem(f"{filename}, row {kept[row] + 1}, column {layout.name(chosen[column])}: {cell} is not a finite number")
    return _points(values, tuple(names[k] for k in chosen) if layout.header else _plain_names(chosen, columns), filename, labels)


def load_npy(data: bytes, filename: str, columns: Sequence[str] | None = None, label: str | None = None) -> Points:
    """An array (n, c) of real numbers; columns are named by number from 1, that of the labels too."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read(stream)
        if kind.hasobject:
            raise Problem(f"{filename} holds Python objects; save an array of numbers")
        if kind.kind not in "fiu":
            raise Problem(f"{filename} holds {kind}; save an array of real numbers")
        if int(np.prod(shape, dtype=object)) * kind.itemsize > len(data) - stream.tell():
            raise Problem(f"{filename} is cut short: its header promises shape {shape}")
        stream.seek(0)
        array = np.load(stream, allow_pickle=False)
    except Problem:
        raise
    except (ValueError, EOFError, OSError, SyntaxError, TokenError, TypeError, KeyError, OverflowError) as error:
        raise Problem(f"{filename} is broken: {' '.join(str(error).split())}") from None
    if array.ndim == 1:
        raise Problem(f"{filename} has one column; a target needs two or three")
    if array.ndim != 2:
        raise Problem(f"{filename} has shape {array.shape}; a table of points has two axes, rows and columns")
    numbers = tuple(str(k + 1) for k in range(array.shape[1]))
    at = None if label is None else _find(label.strip(), numbers, filename)
    chosen = _choose(numbers, columns, filename, False, at)
    values = np.asarray(array[:, chosen], dtype=np.float64)
    if not np.isfinite(values).all():
        row, column = (int(k) for k in np.argwhere(~np.isfinite(values))[0])
        raise Problem(f"{filename}, row {row + 1}, column {chosen[column] + 1}: {values[row, column]} is not a finite number")
    labels = None
    if at is not None:
        labels = _labels((repr(value) for value in array[:, at].tolist()), range(len(array)), numbers[at], filename)
    return _points(values, _plain_names(chosen, columns), filename, labels)


def _points(values: Floats, names: tuple[str, ...], filename: str, labels: _Labels | None) -> Points:
    if labels is None:
        return Points(values=Array(values), columns=names, filename=filename)
    return Points(values=Array(values), columns=names, filename=filename, labels=Array(labels.index), names=labels.names)


def _labels(cells: Iterable[str], kept: Sequence[int] | range, column: str, filename: str) -> _Labels:
    """Words or numbers to labels 0 … K - 1, in the order of numbers, else of the alphabet; 1, 01 and 1.0 are one label."""
    seen: dict[str, int] = {}
    index = []
    for row, cell in zip(kept, cells, strict=True):
        if not cell:
            raise Problem(f"{filename}, row {row + 1}, column {column}: the label is empty")
        index.append(seen.setdefault(cell, len(seen)))
        if len(seen) > 64 * MOST_LABELS:
            break
    numeric = all(_is_number(cell) and np.isfinite(float(cell)) for cell in seen)
    meant = {cell: f"{float(cell):g}" if numeric else cell for cell in seen}
    names = sorted(set(meant.values()), key=float if numeric else lambda name: (name.casefold(), name))
    if max(len(names), len(seen) // 64) > MOST_LABELS or len(index) < len(kept):
        shown = ", ".join(name[:20] for name in names[:4])
        raise Problem(
            f"{filename}, column {column}: more than {MOST_LABELS} different labels ({shown}, …); at most {MOST_LABELS} are possible"
        )
    if len(names) < 2:
        raise Problem(f"{filename}, column {column}: every row has the label {names[0][:40]!r}; labels need at least two")
    order = np.array([names.index(meant[cell]) for cell in seen], dtype=np.int64)
    return _Labels(order[np.asarray(index, dtype=np.int64)], tuple(name[:40] for name in names))


def _cells(rows: Sequence[str], kept: Sequence[int], layout: _Layout, column: int, filename: str) -> Iterable[str]:
    """The cells of one column."""
    for row, line in zip(kept, rows, strict=True):
        cells = layout.split(line)
        if column >= len(cells):
            count = f"{len(cells)} {'column' if len(cells) == 1 else 'columns'}"
            raise Problem(f"{filename}, row {row + 1}: {count} where the others have {layout.width}")
        yield cells[column].strip()


def _found_labels(rows: Sequence[str], kept: Sequence[int], layout: _Layout, filename: str) -> tuple[int | None, _Labels | None]:
    """The one column whose header says that it holds labels; numbers that cannot be labels stay a coordinate."""
    assert layout.header is not None
    named = [k for k, name in enumerate(layout.header) if name.casefold() in LABEL_HEADERS]
    if len(named) != 1:
        return None, None
    try:
        return named[0], _labels(_cells(rows, kept, layout, named[0], filename), kept, layout.name(named[0]), filename)
    except Problem:
        first = layout.split(rows[0])
        if named[0] < len(first) and _is_number(first[named[0]].strip()):
            return None, None
        raise


def _plain_names(chosen: Sequence[int], columns: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(f"column {k + 1}" for k in chosen) if columns else ("x", "y", "z")[: len(chosen)]


def _decode(data: bytes, filename: str) -> str:
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = data.decode("utf-16")
        else:
            text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if "\x00" in text:
        raise Problem(f"{filename} is not a text table: it holds NUL characters")
    return text


def _split(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    if '"' in line:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    return [cell.strip() for cell in line.split(delimiter)]


def _layout(sample: Sequence[str]) -> _Layout:
    """Find the delimiter that gives most lines the same number (two or more) of mostly numeric cells."""
    body = sample[1:] or sample
    best: tuple[float, str | None, int] = (0.0, ",", 1)
    for delimiter in ("\t", ";", ",", None):
        split = [_split(line, delimiter) for line in body]
        width, lines = Counter(len(cells) for cells in split).most_common(1)[0]
        if width < 2:
            continue
        whole = [cells for cells in split if len(cells) == width]
        numeric = sum(_is_number(cell) or (delimiter != "," and bool(_COMMA_NUMBER.fullmatch(cell))) for cells in whole for cell in cells)
        score = lines / len(split) * (0.01 + numeric / (width * lines))
        if score > best[0]:
            best = (score, delimiter, width)
    _, delimiter, width = best
    first = _split(sample[0], delimiter)
    split = [_split(line, delimiter) for line in body]
    comma = delimiter != "," and any(_COMMA_NUMBER.fullmatch(cell) for cells in split for cell in cells)
    header = None
    if not any(_is_number(cell) or (comma and _COMMA_NUMBER.fullmatch(cell)) for cell in first):
        header = tuple(cell or f"column {k + 1}" for k, cell in enumerate(first))
    trailing = width > 2 and all(cells[-1] == "" for cells in split if len(cells) == width)
    width -= trailing
    if header is not None:
        header = (*header[:width], *(f"column {k + 1}" for k in range(len(header), width)))
    return _Layout(delimiter, comma, header, width, trailing)


def _is_number(cell: str) -> bool:
    return bool(_NUMBER.fullmatch(cell))


def _choose(names: tuple[str, ...], columns: Sequence[str] | None, filename: str, named: bool, label: int | None = None) -> list[int]:
    """Indices of the columns to take: those asked for, or all (but that of the labels) if they are two or three."""
    count = len(names)
    if not columns:
        others = [k for k in range(count) if k != label]
        if len(others) in (2, 3):
            return others
        if len(others) == 1:
            raise Problem(f"{filename} has one column{' beside the labels' if label is not None else ''}; a target needs two or three")
        shown = ", ".join(names[:12]) + (", …" if count > 12 else "")
        raise Problem(f"{filename} has {count} columns{f' ({shown})' if named else ''}: name two or three with columns=…")
    if len(columns) not in (2, 3):
        raise Problem(f"{filename}: columns= needs two or three names, not {len(columns)}")
    chosen = [_find(str(column).strip(), names, filename) for column in columns]
    if len(set(chosen)) < len(chosen):
        raise Problem(f"{filename}: columns= names the same column twice")
    if label in chosen:
        raise Problem(f"{filename}: column {names[label]} is asked for as a coordinate and as the label")
    return chosen


def _find(name: str, names: tuple[str, ...], filename: str) -> int:
    if name in names:
        return names.index(name)
    folded = [other.casefold() for other in names]
    if name.casefold() in folded:
        return folded.index(name.casefold())
    if name.isdecimal() and 1 <= int(name) <= len(names):
        return int(name) - 1
    raise Problem(f"{filename} has no column {name!r}; there are {', '.join(names[:12])}{', …' if len(names) > 12 else ''}")


def _parse(rows: list[str], kept: list[int], layout: _Layout, chosen: list[int], filename: str) -> Floats:
    text = [row.replace(",", ".") for row in rows] if layout.comma else rows
    every = chosen == list(range(layout.width)) and not layout.trailing
    try:
        values = np.loadtxt(
            text,
            delimiter=layout.delimiter,
            comments=None,
            usecols=None if every else chosen,
            quotechar='"',
            ndmin=2,
            dtype=np.float64,
        )
    except (ValueError, IndexError) as error:
        raise _explain(rows, kept, layout, chosen, filename, error) from None
    if values.shape[1] != len(chosen):
        raise _explain(rows, kept, layout, chosen, filename, ValueError(f"{values.shape[1]} columns where {layout.width} were expected"))
    return values


def _explain(rows: list[str], kept: list[int], layout: _Layout, chosen: list[int], filename: str, error: Exception) -> Problem:
    """Find the first row and column at fault."""
    for row, line in zip(kept, rows, strict=True):
        cells = layout.split(line)
        place = f"{filename}, row {row + 1}"
        if len(cells) < layout.width or len([cell for cell in cells[layout.width :] if cell]) > 0:
            return Problem(f"{place}: {len(cells)} {'column' if len(cells) == 1 else 'columns'} where the others have {layout.width}")
        for column in chosen:
            if not cells[column]:
                return Problem(f"{place}, column {layout.name(column)}: the cell is empty")
            if not _is_number(cells[column]):
                return Problem(f"{place}, column {layout.name(column)}: {cells[column][:40]!r} is not a number")
    return Problem(f"{filename}: {' '.join(str(error).split())}")
