"""CSV to entries: which delimiter, which column, header or not, decided on a bounded sample while streaming.

Quoting is RFC 4180, read strictly: a quote that is never closed would swallow the rest of the list. What such a
record took in is read again, line by line, so that only its first line is lost, and that one is named.
"""

import csv
import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from harvester.errors import ConfigError
from harvester.targets.entries import DELIMITERS, is_target
from harvester.targets.lines import Entry, Line

RECORD_CHARS = 65_536
_SAMPLE_ROWS = 100
_SAMPLE_CHARS = 4 * RECORD_CHARS

_QUOTED = re.compile(r'"[^"]*"')
#: Ends of column names in exports of nested data; neither is a top-level domain.
_ENDS_OF_NO_NAME = (".url", ".domain")
_EXCEL_HINT = re.compile(r'"?sep=([,;\t])"?', re.IGNORECASE)
_BAD_QUOTES = f"quotes are not closed, or not where a cell begins and ends (within {RECORD_CHARS:,} characters)"


class Row(NamedTuple):
    """One record."""

    line: int
    cells: list[str]
    text: str
    fault: str = ""


class Columns(NamedTuple):
    """How to read the rows of one table."""

    target: int  #: index of the column of targets
    names: list[str]  #: unique
    has_header: bool


def table_entries(lines: Iterator[Line], column: str | None, name: str) -> Iterator[Entry]:
    """Yield one entry for each record of a CSV that holds anything.

    Raises ConfigError if `column` is missing, or if it is None and not exactly one column looks like targets.
    """
    head, delimiter = _head(lines, name)
    if head is None:
        return
    rest = rows(chain([head], lines), delimiter)
    sample = _sample(rest)
    columns = _columns(sample, column, name)
    for row in chain(sample[1:] if columns.has_header else sample, rest):
        entry = _entry(row, columns)
        if entry is not None:
            yield entry


def rows(lines: Iterator[Line], delimiter: str) -> Iterator[Row]:
    """Yield the records of a CSV; each is on one line unless a quoted cell holds a line end."""
    for line in lines:
        if line.fault or '"' not in line.text:
            yield Row(line.number, line.text.split(delimiter), line.text, line.fault)
            continue
        taken = [line]
        try:
            cells = next(csv.reader(_as_long_as_needed(taken, lines), delimiter=delimiter, strict=True))
        except csv.Error:
            yield from _line_by_line(taken, delimiter)
        else:
            yield Row(line.number, cells, line.text)


def _as_long_as_needed(taken: list[Line], lines: Iterator[Line]) -> Iterator[str]:
    """Yield the line in `taken`, then as many as the reader asks for; they are added to `taken`."""
    size_chars = len(taken[0].text)
    yield taken[0].text + "\n"
    for line in lines:
        taken.append(line)
        size_chars += len(line.text) + 1
        if line.fault or size_chars > RECORD_CHARS:
            raise csv.Error(_BAD_QUOTES)
        yield line.text + "\n"


def _line_by_line(taken: list[Line], delimiter: str) -> Iterator[Row]:
    """Yield the lines of a broken record, the first as rejected.

    Each of the others has to stand alone: another attempt over many lines for each would take quadratic time.
    """
    yield Row(taken[0].number, [], taken[0].text, _BAD_QUOTES)
    for line in taken[1:]:
        try:
            cells = next(csv.reader([line.text], delimiter=delimiter, strict=True), [""])
        except csv.Error:
            yield Row(line.number, [], line.text, line.fault or _BAD_QUOTES)
        else:
            yield Row(line.number, cells, line.text, line.fault)


def _head(lines: Iterator[Line], name: str) -> tuple[Line | None, str]:
    """Return the first line with content and the delimiter; None if there is no such line."""
    hint = None
    for line in lines:
        text = line.text.strip("\ufeff")
        if line.fault:
            raise ConfigError(f"{name}: line {line.number}, the header: {line.fault}")
        if match := _EXCEL_HINT.fullmatch(text.strip()):
            hint = match[1]
        elif text.strip() and not _is_comment(text):
            return Line(line.number, text), hint or _delimiter(text)
    return None, ","


def _is_comment(text: str) -> bool:
    """Say whether a line before the header is a comment; `#` and `#rank` are also names of columns."""
    return text.startswith("#") and (text[1:2] in (" ", "#", "") or not any(sign in text for sign in DELIMITERS))


def _delimiter(header: str) -> str:
    unquoted = _QUOTED.sub("", header)
    return max(DELIMITERS, key=unquoted.count)  # the first of the greatest: a comma if there is none at all


def _sample(rest: Iterator[Row]) -> list[Row]:
    sample: list[Row] = []
    size_chars = 0
    while len(sample) < _SAMPLE_ROWS and size_chars < _SAMPLE_CHARS and (row := next(rest, None)):
        sample.append(row)
        size_chars += sum(map(len, row.cells)) + len(row.cells)
    return sample


def _columns(sample: list[Row], column: str | None, name: str) -> Columns:
    head = sample[0]
    if head.fault:
        raise ConfigError(f"{name}: line {head.line}, the header: {head.fault}")
    target = _only_column_of_targets(sample, name) if column is None else _named(column, head.cells, name)
    has_header = not _is_data(head, target)
    width = max(len(head.cells), target + 1)
    return Columns(target, _unique(head.cells if has_header else [], width), has_header)


def _named(column: str, head: list[str], name: str) -> int:
    """Return the index of a column by its name, or by its number as in "column 2" if the table has no header."""
    found = [cell.strip() for cell in head]
    for names in (found, [cell.casefold() for cell in found], _unique([], len(head))):
        wanted = column.casefold() if names is not found else column
        if (hits := names.count(wanted)) > 1:
            raise ConfigError(f'{name}: {hits} columns are called "{column}"; give each a name of its own')
        if hits:
            return names.index(wanted)
    raise ConfigError(f'{name}: no column "{column}"; columns found: {_listed(found)}')


def _only_column_of_targets(sample: list[Row], name: str) -> int:
    good = [row for row in sample if not row.fault]
    width = max(len(row.cells) for row in good)
    at = [index for index in range(width) if _looks_like_targets(good, index, alone=width == 1)]
    if len(at) == 1:
        return at[0]
    names = _unique([] if any(_is_data(good[0], index) for index in at) else good[0].cells, width)
    if at:
        problem = f"{len(at)} columns look like domains: {_listed([names[index] for index in at])}"
    else:
        problem = f"no column looks like domains in the first {len(sample)} rows; columns found: {_listed(names)}"
    example = names[at[0] if at else 0]
    raise ConfigError(f'{name}: {problem}; say which one to use, as in {{ path = "...", column = "{example}" }}')


def _looks_like_targets(good: list[Row], index: int, *, alone: bool) -> bool:
    """Say whether at least half of a column's cells are targets, or any if the table has no other column."""
    cells = [row.cells[index] for row in good[1:] if index < len(row.cells) and row.cells[index].strip()]
    hits = sum(map(is_target, cells))
    if alone or not cells:  # else the first row does not count: it may be a header
        hits += _is_data(good[0], index)
    return hits > 0 and (alone or 2 * hits >= len(cells))


def _is_data(first: Row, index: int) -> bool:
    """Say whether a cell of the first row is a target; `link.url` is the name of a column."""
    cell = first.cells[index].strip() if index < len(first.cells) else ""
    return is_target(cell) and not cell.lower().endswith(_ENDS_OF_NO_NAME)


def _unique(cells: list[str], width: int = 0) -> list[str]:
    """Return a name for each column: what the header says, or its number, and no name twice."""
    names: dict[str, None] = {}
    for number, cell in enumerate(cells + [""] * (width - len(cells)), 1):
        name = cell.strip()
        while not name or name in names:
            name = f"column {number}" if not name else f"{name} (column {number})"
        names[name] = None
    return list(names)


def _listed(names: list[str]) -> str:
    shown = ", ".join(f'"{name[:60]}"' for name in names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown


def _entry(row: Row, columns: Columns) -> Entry | None:
    """Return what a row says; None if it is blank or a comment."""
    cells = row.cells
    if row.fault:
        return Entry(row.line, row.text, None, row.fault)
    target = cells[columns.target].strip() if columns.target < len(cells) else ""
    if target.startswith("#") and columns.target == 0:
        return None
    if target:
        return Entry(row.line, target, _labels(cells, columns))
    if row.text.startswith("#") or not any(map(str.strip, cells)):
        return None
    return Entry(row.line, row.text, None, f'no value in column "{columns.names[columns.target]}"')


def _labels(cells: list[str], columns: Columns) -> dict[str, str] | None:
    labels = dict(zip(columns.names, cells, strict=False))
    for number, cell in enumerate(cells[len(columns.names) :], len(columns.names) + 1):
        if cell:
            labels.setdefault(f"column {number}", cell)
    labels.pop(columns.names[columns.target], None)
    return labels or None
