"""Plain tables, numbers and plurals for a terminal."""

from collections.abc import Sequence
from pathlib import Path

from harvester.display import digits, place_shown, shown

Rejected = tuple[str, int, str, str]  #: source, line, text, reason

CELL_CHARS = 80  #: a longer cell is cut


class Figure(str):
    """Digits that are not an `int`, to the right in a table like one."""

    __slots__ = ()


def from_here(path: Path) -> str:
    """Return a path as one would type it: from the working directory, if it lies below that."""
    try:
        here = Path.cwd()
    except OSError:  # somebody has removed it
        return str(path)
    return str(path.relative_to(here)) if path != here and path.is_relative_to(here) else str(path)


def figure(units: int | None, unit: str | None) -> Figure | None:
    """Return an amount for a table; `unit_shown` says what it is of."""
    return None if units is None else Figure(digits(units, unit))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return an aligned table: numbers to the right, everything else to the left."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    is_number = [all(isinstance(row[at], int | float | Figure | None) for row in rows) for at in range(len(head))]
    return "\n".join(_line(row, widths, is_number) for row in (head, *cells))


def duration(seconds: float) -> str:
    """Return a length of time as a person says it."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{seconds / 86400:,.1f} days"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 target", "2,000 targets"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def rejected_text(first: Sequence[Rejected], count: int) -> list[str]:
    """Return one line for each of the first lines of a list that are no target; `count` is how many there are."""
    lines = [
        f'rejected: {place_shown(source)} line {line}: "{shown(text, 60)}": {shown(reason, 200)}'
        for source, line, text, reason in first
    ]
    return lines if count <= len(first) else [*lines, f"and {counted(count - len(first), 'more line')} like that"]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return shown(str(value), CELL_CHARS)
    return f"{value:,}"


def _line(cells: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> str:
    parts = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, is_number, strict=True)
    ]
    return "  ".join(parts).rstrip()
