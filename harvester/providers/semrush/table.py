"""Semrush's CSV: rows out of text that is not quoted.

"Values are unquoted in all official examples", and a `;` or a line break inside a title, an anchor or a URL comes as
it is. So columns are asked for in an order in which typed columns (numbers, times, booleans) stand between the free
texts. A line break ends a row only between the last typed columns of one row and the first ones of another; a row with
too many `;` is read if there is just one way to put its typed columns where their values fit. What can be read in more
than one way is not read at all: its text becomes a row that no record comes of, and nothing is shifted or dropped.

What remains is a text that holds the end of a row, a line break and the beginning of a row: no reader can tell it from
two rows. Everything here takes time in proportion to the text.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from harvester.errors import UnknownReply

_HEADER_CHARS = 200
_KINDS_KEPT = 64
_QUOTED = r'"([^"]*+(?:""[^"]*+)*+)"'  # possessive: such a text has one reading and is read once

Fits = Callable[[str], Any]
Line = dict[str, str | None] | str


class Column(NamedTuple):
    """One column of a report."""

    name: str
    pattern: str | None  #: what all its values look like; None = free text
    is_echoed: bool = True  #: the header repeats its name, and nothing else


class Table(NamedTuple):
    """The rows of one answer."""

    lines: list[Line]  #: {column: text}, None for an empty value; or the text of a row that cannot be read
    is_counted: bool  #: whether it is certain how many rows those are


class Layout(NamedTuple):
    """Columns, prepared for reading."""

    names: tuple[str, ...]
    whole: re.Pattern[str]  #: a row without a `;` or a line break in its texts
    quoted: re.Pattern[str]  #: a row with all its values in quotes, its end included
    runs: tuple[tuple[Fits, ...], ...]  #: typed columns that stand together; free texts stand between the runs

    def record(self, values: Sequence[str]) -> Line:
        """Return a row; an empty value is none."""
        return {name: value or None for name, value in zip(self.names, values, strict=True)}

    def readings(self, text: str) -> list[Line]:
        """Return the ways to read a text as one row: none, the only one, or two of several."""
        fields = text.split(";")
        first = _leftmost(fields, self.runs)
        if first is None:
            return []
        mirrored = _leftmost(fields[::-1], [run[::-1] for run in self.runs[::-1]])
        assert mirrored is not None  # whatever can be read from the left can be read from the right
        last = [len(fields) - at - len(run) for at, run in zip(mirrored[::-1], self.runs, strict=True)]
        # Every reading has each run between its leftmost and its rightmost place, and both of these are readings.
        places = [first] if first == last else [first, last]
        return [self.record(_values(fields, self.runs, starts)) for starts in places]

    def plain(self, line: str) -> Line:
        """Return the row of a line with as many values as columns, whatever they are; else the line."""
        fields = line.split(";")
        return self.record(fields) if len(fields) == len(self.names) else line

    def is_end(self, line: str, following: str) -> bool:
        """Return whether a row ends with `line` and another begins with `following`."""
        head, tail = self.runs[0], self.runs[-1]
        if len(self.runs) == 1:
            return True  # there is no free text that could hold a line break
        begin, end = following.split(";", len(head)), line.rsplit(";", len(tail))
        return len(begin) > len(head) and len(end) > len(tail) and _fit(begin, 0, head) and _fit(end, 1, tail)


def read(body: bytes, columns: Sequence[Column]) -> Table:
    """Return the rows of an answer. Raises UnknownReply if its header is not the one that was asked for."""
    text = body.decode(errors="replace").removeprefix("\ufeff")
    header, _, rest = text.partition("\n")
    if not _is_header(header, columns):
        expected = ";".join(column.name for column in columns)
        raise UnknownReply(f"the first line is {header[:_HEADER_CHARS]!r}, not {expected[:_HEADER_CHARS]!r}")
    layout = _layout(tuple(columns))
    if rest.startswith('"'):
        return _read_quoted(rest, layout)
    is_crlf = header.endswith("\r") and ("\r\n" in rest or "\n" not in rest)
    line_end = "\r\n" if is_crlf else "\n"
    lines = rest.removesuffix(line_end).split(line_end) if rest else []
    found = [layout.whole.fullmatch(line) for line in lines]
    if all(found):
        return Table([layout.record(match.groups()) for match in found if match], is_counted=True)
    tables = [_read_chunk(chunk, layout, line_end) for chunk in _chunks(lines, layout)]
    return Table([line for table in tables for line in table.lines], all(table.is_counted for table in tables))


def _is_header(line: str, columns: Sequence[Column]) -> bool:
    """Return whether a first line names those columns: as many of them, their names compared loosely."""
    names = [name.strip().strip('"').casefold() for name in line.split(";")]
    expected = [column.name.casefold() for column in columns]
    if ";".join(names) == ";".join(expected):
        return True
    return len(names) == len(expected) and all(
        name == column.name.casefold() or not (column.is_echoed or name in expected)
        for name, column in zip(names, columns, strict=True)
    )


@lru_cache(maxsize=_KINDS_KEPT)
def _layout(columns: tuple[Column, ...]) -> Layout:
    whole = ";".join("([^;]*)" if column.pattern is None else f"({column.pattern})" for column in columns)
    runs: list[list[Fits]] = [[]]
    for column in columns:
        if column.pattern is None:
            runs.append([])
        else:
            runs[-1].append(re.compile(column.pattern).fullmatch)
    return Layout(
        names=tuple(column.name for column in columns),
        whole=re.compile(whole),
        quoted=re.compile(";".join([_QUOTED] * len(columns)) + r"(?:\r?\n|\Z)"),
        runs=tuple(map(tuple, runs)),
    )


def _chunks(lines: Sequence[str], layout: Layout) -> Iterator[list[str]]:
    """Yield the lines that are rows together."""
    chunk: list[str] = []
    for line in lines:
        if chunk and layout.is_end(chunk[-1], line):
            yield chunk
            chunk = []
        chunk.append(line)
    yield chunk


def _read_chunk(chunk: Sequence[str], layout: Layout, line_end: str) -> Table:
    """Read the lines from one end of a row to the next."""
    whole = line_end.join(chunk)
    readings = layout.readings(whole)
    if (
        not readings
    ):  # values of a form that is not documented: where the count of columns is right, they are kept apart
        lines = [layout.plain(line) for line in chunk if line]
        return Table(lines, is_counted=len(lines) <= 1 or _are_read(lines))
    if len(chunk) > 1 and any(layout.readings(line) for line in chunk):  # one row of several lines, or several rows
        return Table([line for line in chunk if line], is_counted=False)
    return Table(readings if len(readings) == 1 else [whole], is_counted=True)


def _read_quoted(text: str, layout: Layout) -> Table:
    """Read rows in quotes (RFC 4180 with `;`); a line at which none begins cannot be read."""
    lines: list[Line] = []
    begin = 0
    while begin < len(text):
        if match := layout.quoted.match(text, begin):
            lines.append(layout.record([value.replace('""', '"') for value in match.groups()]))
            begin = match.end()
            continue
        end = text.find("\n", begin) + 1 or len(text)
        if line := text[begin:end].rstrip("\r\n"):
            lines.append(line)
        begin = end
    return Table(lines, is_counted=_are_read(lines))


def _are_read(lines: Sequence[Line]) -> bool:
    return not any(isinstance(line, str) for line in lines)


def _leftmost(fields: Sequence[str], runs: Sequence[Sequence[Fits]]) -> list[int] | None:
    """Return where the runs stand, each as far to the left as it can; None = they cannot.

    The first stands at the beginning, the last at the end, and at least one field of free text between two of them.
    """
    last = len(fields) - len(runs[-1])
    if not (_fit(fields, 0, runs[0]) and _fit(fields, last, runs[-1])):
        return None
    if len(runs) == 1:
        return [0] if last == 0 else None
    starts, end = [0], len(runs[0])
    for run in runs[1:-1]:
        start = next((at for at in range(end + 1, last) if _fit(fields, at, run)), last)
        starts.append(start)
        end = start + len(run)
    return [*starts, last] if end < last else None


def _fit(fields: Sequence[str], at: int, run: Sequence[Fits]) -> bool:
    return 0 <= at <= len(fields) - len(run) and all(fits(fields[at + index]) for index, fits in enumerate(run))


def _values(fields: Sequence[str], runs: Sequence[Sequence[Fits]], starts: Sequence[int]) -> list[str]:
    """Return the values of a row whose typed columns stand there; what lies between them is text."""
    values: list[str] = []
    end = 0
    for run, start in zip(runs, starts, strict=True):
        if start > end:
            values.append(";".join(fields[end:start]))
        end = start + len(run)
        values += fields[start:end]
    return values
