"""What every Ahrefs answer has in common: its bill, its error text, its rows."""

from collections.abc import Mapping
from typing import Any

from harvester.codec import parse_body
from harvester.errors import UnknownReply
from harvester.model import Page, Reply

#: "units = max(50, per-row cost x rows)" (https://docs.ahrefs.com/api/docs/limits-consumption).
FLOOR_UNITS = 50

_ERROR_CHARS = 200
_MOST_DIGITS = 15


def price(row_units: int, rows: int) -> int:
    """Return what `rows` rows at `row_units` each cost, in units."""
    return max(FLOOR_UNITS, row_units * rows)


def billed(reply: Reply, row_units: int, rows: int) -> int:
    """Return what an answer with `rows` rows cost, in units, by the best evidence it holds.

    "x-api-units-cost-total-actual: what was charged"; `-total` is "what it should cost", and an answer from the
    cache costs 0 (limits-consumption, as above). Without any header the price formula stands.
    """
    actual = charged(reply)
    if actual is not None:
        return actual
    if reply.headers.get("x-api-cache", "").strip().lower() == "hit":
        return 0
    total = _integer(reply.headers, "x-api-units-cost-total")
    return price(row_units, rows) if total is None else total


def charged(reply: Reply) -> int | None:
    """Return what the answer says it was charged with, in units. None = it does not say, which is not 0."""
    return _integer(reply.headers, "x-api-units-cost-total-actual")


def _integer(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "").strip()
    return int(value) if value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS else None


def error_text(reply: Reply) -> str:
    """Return what the answer says went wrong, as the official SDK reads it: `message`, `error`, or the raw text."""
    stated = _error_of(reply)
    if stated is not None:
        return stated
    return reply.body[: 4 * _ERROR_CHARS].decode(errors="replace")[:_ERROR_CHARS].strip()


def is_from_the_api(reply: Reply) -> bool:
    """Return whether an error has the API's own form, {"error": ...}, and not that of another server."""
    return _error_of(reply) is not None


def _error_of(reply: Reply) -> str | None:
    try:
        answer = parse_body(reply.body)
    except UnknownReply:
        return None
    if not isinstance(answer, dict):
        return None
    return next((text for key in ("message", "error") if isinstance(text := answer.get(key), str) and text), None)


def rows_of(reply: Reply, key: str) -> list[Any]:
    """Return the rows of an answer; an answer of one object has one row. Raises UnknownReply."""
    answer = parse_body(reply.body)
    found = answer.get(key) if isinstance(answer, dict) else None
    if isinstance(found, dict):
        return [found]
    if not isinstance(found, list):
        raise UnknownReply(f"no {key!r} in the answer: {error_text(reply)}")
    return found


def no_data(reply: Reply, *, is_first: bool) -> Page:
    """Return the page of a 404: the target is not in the index, or has no data for that date."""
    units = charged(reply) or 0
    if is_first:
        return Page(rows=(), next=None, units=units, note="no data")
    return Page(rows=(), next=None, units=units, incomplete=f"a later page was not found: {error_text(reply)}")
