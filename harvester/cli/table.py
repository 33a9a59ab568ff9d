"""Plain tables and numbers for a terminal."""

from collections.abc import Sequence

from harvester.display import shown


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return an aligned table: numbers to the right, everything else to the left."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(column) for column in columns) for columns in zip(head, *cells, strict=True)]
    is_number = [all(isinstance(row[at], int | float | None) for row in rows) for at in range(len(head))]
    lines = [_line(head, widths, is_number), *(_line(row, widths, is_number) for row in cells)]
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Return a length of time as a person says it."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole / 86400:,.1f} days"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return shown(str(value), 60)
    return f"{value:,}"


def _line(cells: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> str:
    parts = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, is_number, strict=True)
    ]
    return "  ".join(parts).rstrip()
