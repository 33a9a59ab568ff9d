"""JSON in and out. The only file that imports orjson.

Numbers: an integer beyond 64 bits, NaN or Infinity is refused by orjson, which is what we want of data that
becomes typed records.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from harvester.errors import UnknownReply, UnreadableRow

#: What JSON text can hold. Narrow it with `isinstance` before use: it comes from outside.
Json = Any


def parse(body: bytes | str) -> Json:
    """Return the value that JSON text stands for.

    Raises UnknownReply if it is not JSON (too deep, not UTF-8 and half-written included).
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise UnknownReply(f"not JSON: {exc}") from None


def parse_body(body: bytes) -> Json:
    """Return the value of an answer's body as `parse` does: the same object for whoever asks next, so do not change it.

    An answer is judged and then read, and parsing a large one twice would take longer than all the rest of that.
    """
    global _latest  # a cache of one
    if body is not _latest[0]:
        _latest = (None, None)  # not only when the next is there: a large one parsed is ten times its size
        _latest = (body, parse(body))
    return _latest[1]


_latest: tuple[bytes | None, Json] = (None, None)  #: never b"", which an answer may be


def dump(value: object) -> bytes:
    """Return `value` as compact JSON, keys in their own order. Raises UnreadableRow if it is nested too deep."""
    return _dumped(value, 0)


def dump_each(values: Iterable[object]) -> list[bytes]:
    """Return each of the values as compact JSON. Raises UnreadableRow if one of them is nested too deep."""
    try:
        return [orjson.dumps(value) for value in values]
    except TypeError as exc:
        raise _unreadable(exc) from None


def dump_line(value: object) -> bytes:
    """Return `value` as one line of JSON Lines, newline included. Raises UnreadableRow if it is nested too deep."""
    return _dumped(value, orjson.OPT_APPEND_NEWLINE)


def dump_pretty(value: object) -> bytes:
    """Return `value` as indented JSON with a final newline, for files that people read."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _dumped(value: object, option: int) -> bytes:
    try:
        return orjson.dumps(value, option=option)
    except TypeError as exc:
        raise _unreadable(exc) from None


def _unreadable(exc: TypeError) -> UnreadableRow:
    return UnreadableRow(f"not to be written as JSON: {exc}")  # orjson reads what is nested 1024 deep and writes 254
