"""Values of DuckDB as JSON, as cells of CSV, and the texts that a spreadsheet would take for a formula."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any

from harvester.codec import dump, dump_line, parse
from harvester.errors import UnknownReply
from harvester.insight.answer import Answer

#: What a formula begins with (data-model.md, section 8.7), and the ends of lines, which some programs skip.
FORMULA_STARTS = "=+-@\t\r\n"
_MOST_INT, _LEAST_INT = 2**64 - 1, -(2**63)  #: what JSON numbers can be here


def as_json(value: Any) -> Any:
    """Return a value in the terms of JSON; what JSON has no number for is text, or null."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if _LEAST_INT <= value <= _MOST_INT else str(value)
    if isinstance(value, float | Decimal):
        return float(value) if isfinite(value) else None
    if isinstance(value, Mapping):
        return {as_text(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return as_text(value)


def as_text(value: Any) -> str:
    """Return a value that is not null as a text: times as the records write them, nested values as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return utc.isoformat() + ("Z" if value.tzinfo else "")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping | list | tuple):
        return dump(as_json(value)).decode()
    return str(value)


def is_unicode(text: str) -> bool:
    """Say whether a text has no half characters, as names on a disk may have."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def harmless(text: str) -> str:
    """Return a text as no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(tuple(FORMULA_STARTS)) else text


def harmless_sql(column: str) -> str:
    """Return the SQL of the same for a column, written as SQL."""
    starts = "".join(f"chr({ord(start)}), " for start in FORMULA_STARTS).removesuffix(", ")
    return f"CASE WHEN {column}[1] IN ({starts}) THEN '''' || {column} ELSE {column} END"


def json_lines(answer: Answer) -> Iterator[bytes]:
    """Yield a JSON object for each row, each on its line."""
    is_json = [kind == "JSON" for kind in answer.types]
    for row in answer.rows:
        values = (_parsed(item) if own else as_json(item) for item, own in zip(row, is_json, strict=True))
        yield dump_line(dict(zip(answer.columns, values, strict=True)))


def json_list(answer: Answer) -> Iterator[bytes]:
    """Yield one JSON list of all rows, in pieces."""
    before = b"[\n"
    for line in json_lines(answer):
        yield before + line.rstrip(b"\n")
        before = b",\n"
    yield b"[]\n" if before == b"[\n" else b"\n]\n"


def csv_lines(answer: Answer) -> Iterator[bytes]:
    """Yield lines of CSV with a head; texts that look like formulas are made harmless."""
    yield _csv_line([harmless(name) for name in answer.columns])
    for row in answer.rows:
        yield _csv_line([_csv_cell(value) for value in row])


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float | Decimal):
        return as_text(value)
    return harmless(as_text(value))


def _csv_line(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def _parsed(value: Any) -> Any:
    """Return what a text of the type JSON holds; as it is, if it is more than our reader takes."""
    try:
        return None if value is None else parse(value)
    except UnknownReply:
        return value
