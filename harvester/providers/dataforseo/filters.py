"""Conditions in DataForSEO's own grammar (https://docs.dataforseo.com/v3/backlinks/filters/).

    filter    := condition | "[" filter ("," logic "," filter)* "]"
    condition := [field, operator, value]
    logic     := "and" | "or"

"At most 8 conditions", written by a user and by harvester together. A single condition is sent flat.
"""

from collections.abc import Sequence
from typing import Any

from harvester.codec import parse
from harvester.errors import HarvestRefused, UnknownReply
from harvester.providers.choices import Option

Filter = list[Any]

MOST_CONDITIONS = 8
_DEEPEST = MOST_CONDITIONS  #: more brackets than conditions have nothing to hold
_LOGIC = ("and", "or")
_ORDERED = ("=", "<>", "<", "<=", ">", ">=")
_TEXTUAL = ("like", "not_like", "ilike", "not_ilike", "match", "not_match", "regex", "not_regex")
_OF_LISTS = ("has", "has_not")
_AMONG = ("in", "not_in")


def _read(value: object) -> Filter | None:
    """Return a filter that was written as JSON text, or as a list where it is a single condition."""
    if isinstance(value, str):
        try:
            value = parse(value)
        except UnknownReply:
            return None
    return _filter(value, _DEEPEST)


FILTER = Option(
    _read,
    'JSON text such as \'["dofollow","=",true]\' or \'[["dofollow","=",true],"and",["rank",">",80]]\', at most '
    f'{MOST_CONDITIONS} conditions, and no "and" beside an "or" without brackets',
)


def joined(parts: Sequence[Filter | None], key: str) -> Filter | None:
    """Return the filter that all parts must pass; None if there are none. Raises HarvestRefused, blaming `key`."""
    known = [part for part in parts if part is not None]
    if sum(map(_conditions, known)) > MOST_CONDITIONS:
        raise HarvestRefused(key, known, f"at most {MOST_CONDITIONS} conditions, those of the report itself included")
    if len(known) < 2:
        return known[0] if known else None
    whole: Filter = [known[0]]
    for part in known[1:]:
        whole += ["and", part]
    return whole


def _filter(value: object, depth: int) -> Filter | None:
    """Return a filter with its needless brackets taken off; None if it is not one."""
    if not isinstance(value, list) or depth == 0:
        return None
    if _is_condition(value):
        return value
    inner, logic = [_filter(part, depth - 1) for part in value[::2]], value[1::2]
    if len(value) % 2 == 0 or None in inner:
        return None
    if not logic:
        return inner[0]
    if logic[0] not in _LOGIC or any(word != logic[0] for word in logic):
        return None  # "precedence of mixed and/or at one level is not stated": brackets say it
    whole = list(value)
    whole[::2] = inner
    return whole


def _is_condition(value: list[Any]) -> bool:
    if len(value) != 3 or not isinstance(value[0], str) or not value[0]:
        return False
    _, operator, wanted = value
    if operator in _AMONG:
        return isinstance(wanted, list) and bool(wanted) and all(map(_is_plain, wanted))
    return operator in (*_ORDERED, *_TEXTUAL, *_OF_LISTS) and _is_plain(wanted)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def _conditions(part: Filter) -> int:
    return 1 if _is_condition(part) else sum(map(_conditions, part[::2]))
