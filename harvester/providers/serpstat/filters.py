"""Serpstat's filter language: the parameter `complexFilter`, an array of groups of conditions.

Groups are documented as alternatives and the conditions of a group as demands, yet the provider's own example totals
say that quick filters apply to all groups. With one group both readings agree: so there is never more than one, and
whoever wants alternatives asks for two harvests.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from math import ceil
from typing import Any, NamedTuple

from harvester.codec import parse
from harvester.errors import HarvestRefused, UnknownReply
from harvester.model import Harvest
from harvester.providers.serpstat.methods import ATTRIBUTES, LINK_TYPES, Kind, Method
from harvester.providers.spelling import nearest

Condition = Mapping[str, Any]

_KEY = "options.complexFilter"
_MOST_RANK = 100  #: of SDR, the Serpstat Domain Rank

_DIGITS = re.compile(r"[0-9]{1,18}")
_DAY = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


def _is_number(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and _DIGITS.fullmatch(value) is not None)


def _is_day(value: object) -> bool:
    match = _DAY.fullmatch(value) if isinstance(value, str) else None
    return match is not None and _exists(match[3], match[2], match[1])


def _is_iso_day(value: object) -> bool:
    match = _ISO_DAY.fullmatch(value) if isinstance(value, str) else None
    return match is not None and _exists(*match.groups())


def _exists(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


class _Sort(NamedTuple):
    """What may be done with fields of one kind."""

    comparisons: tuple[str, ...]
    is_value: Callable[[object], bool]
    values: str  #: for a user


def _one_of(*words: str) -> _Sort:
    return _Sort(("contains", "notContains", "eq", "neq"), lambda value: str(value) in words, ", ".join(words))


#: "numbers gt, lt, gte, lte, between; numbers or text eq, neq; text contains, notContains, startsWith, endsWith"
_RANGES = ("gt", "lt", "gte", "lte", "between", "eq", "neq")
SORTS: Mapping[Kind, _Sort] = {
    Kind.NUMBER: _Sort(_RANGES, _is_number, "whole numbers"),
    Kind.DAY: _Sort(_RANGES, _is_day, "days as DD.MM.YYYY"),
    Kind.ISO_DAY: _Sort(_RANGES, _is_iso_day, "days as YYYY-MM-DD"),
    Kind.TEXT: _Sort(("contains", "notContains", "startsWith", "endsWith", "eq", "neq"), _is_text, "texts"),
    Kind.LINK_TYPE: _one_of(*LINK_TYPES),
    Kind.ATTRIBUTE: _one_of(*ATTRIBUTES),
    Kind.PLATFORM: _one_of(*"12345678"),
    Kind.THREAT: _one_of(*"1234", "9"),  # 9, "unspecified", is in the examples only
}
_VALUES = {"between": 2, "gt": 1, "lt": 1, "gte": 1, "lte": 1}  #: how many a comparison takes; any other: at least one


def condition(field: str, comparison: str, *values: object) -> Condition:
    """Return one condition."""
    return {"field": field, "compareType": comparison, "value": list(values)}


def within(field: str, since: date | None, until: date | None) -> list[Condition]:
    """Return the conditions for a day from `since` to `until`, both included.

    "Less than the next day" and not "up to the day": right whether the provider compares days or moments.
    """
    first = [condition(field, "gte", _written(since))] if since else []
    return first + ([condition(field, "lt", _written(until + timedelta(days=1)))] if until else [])


def _written(day: date) -> str:
    return f"{day:%d.%m}.{day.year:04}"


def neutral(harvest: Harvest) -> list[Condition]:
    """Return the conditions for the neutral filters that are conditions here. Raises HarvestRefused."""
    found = []
    is_followed, least = harvest.filter.get("is_followed"), harvest.filter.get("min_domain_score")
    if is_followed is not None:
        words = ATTRIBUTES[:1] if is_followed else ATTRIBUTES[1:]
        found.append(condition("link_nofollow", "contains", *words))  # several values are alternatives
    if least is not None:
        if least > _MOST_RANK:
            raise HarvestRefused("filter.min_domain_score", least, f"at most {_MOST_RANK}, where SDR ends")
        found.append(condition("domain_rank", "gte", ceil(least)))
    return found


def asked_for(value: object, method: Method) -> list[Condition]:
    """Return the conditions of the one group that a user wrote as JSON text. Raises HarvestRefused."""
    try:
        groups = parse(value) if isinstance(value, str) else None
    except UnknownReply:
        groups = None
    if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
        raise HarvestRefused(_KEY, value, 'JSON text as in [[{"field": ..., "compareType": ..., "value": [...]}]]')
    if len(groups) != 1 or not groups[0]:
        raise HarvestRefused(_KEY, value, "one group of conditions: alternatives are harvests of their own")
    for each in groups[0]:
        _check(each, method)
    return list(groups[0])


def _check(found: object, method: Method) -> None:
    """Raise HarvestRefused if that is no condition of the method."""
    if isinstance(found, dict) and found.keys() == {"additional_filters"}:
        _check_word(found["additional_filters"], method.quick, "quick filters of this report")
    elif isinstance(found, dict) and found.keys() == {"field", "compareType", "value"}:
        _check_word(found["field"], tuple(method.filters), "fields of this report")
        sort = SORTS[method.filters[found["field"]]]
        _check_word(found["compareType"], sort.comparisons, f"comparisons of {found['field']}")
        _check_values(found["compareType"], found["value"], sort)
    else:
        expected = "conditions of field, compareType and value, or of additional_filters"
        raise HarvestRefused(_KEY, found, expected)


def _check_word(word: object, known: tuple[str, ...], what: str) -> None:
    if word not in known:
        hint = nearest(word, known) if isinstance(word, str) else ""
        raise HarvestRefused(_KEY, word, f"{what}{hint}: {', '.join(known) or 'none'}")


def _check_values(comparison: str, values: object, sort: _Sort) -> None:
    if not isinstance(values, list) or not values or not all(_is_fit(value, sort) for value in values):
        raise HarvestRefused(_KEY, values, f"a list of values: {sort.values}")
    if len(values) != _VALUES.get(comparison, len(values)):
        raise HarvestRefused(_KEY, values, f"as many values as {comparison} takes: {_VALUES[comparison]}")


def _is_fit(value: object, sort: _Sort) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool) and sort.is_value(value)
