"""`complexFilter`: groups of conditions, outer OR, inner AND, and quick filters among them (reference, section 7)."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import partial
from typing import Any

from harvester.sandbox.serpstat.terms import Blame, Refused

Compare = Callable[[Any, Any], bool]


class Kind(Enum):
    """What a field holds, and so how it is compared."""

    TEXT = "text"
    NUMBER = "whole number"
    DATE = "moment, compared by its day, written DD.MM.YYYY"
    ISO_DATE = "moment, compared by its day, written YYYY-MM-DD"
    WORDS = "set of words out of a fixed vocabulary"


@dataclass(frozen=True, slots=True)
class Condition:
    """One field compared; several values are alternatives."""

    field: str
    is_met: Callable[[Any], bool]  #: by the value of the field


@dataclass(frozen=True, slots=True)
class Clause:
    """One group: all of it must hold."""

    conditions: tuple[Condition, ...] = ()
    quick: tuple[str, ...] = ()


_ORDERED: Mapping[str, Compare] = {
    "gt": operator.gt,
    "lt": operator.lt,
    "gte": operator.ge,
    "lte": operator.le,
    "eq": operator.eq,
}
_TEXTUAL: Mapping[str, Compare] = {
    "eq": operator.eq,
    "contains": operator.contains,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}
_COMPARE: Mapping[Kind, Mapping[str, Compare]] = {
    Kind.TEXT: _TEXTUAL,
    Kind.NUMBER: _ORDERED,
    Kind.DATE: _ORDERED,
    Kind.ISO_DATE: _ORDERED,
    Kind.WORDS: {"eq": operator.contains, "contains": operator.contains},
}
_OPPOSITE = {"neq": "eq", "notContains": "contains"}
_DAYS = {
    Kind.DATE: re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})"),
    Kind.ISO_DATE: re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"),
}


def read_clauses(raw: object, kinds: Mapping[str, Kind], quick: Sequence[str]) -> tuple[Clause, ...]:
    """Return the groups of a `complexFilter`; `kinds` are the fields it may use. Raises Refused."""
    if not isinstance(raw, list):
        raise _not_allowed()
    return tuple(_clause(group, kinds, quick) for group in raw)


def _clause(raw: object, kinds: Mapping[str, Kind], quick: Sequence[str]) -> Clause:
    if not isinstance(raw, list):
        raise _not_allowed()
    conditions: list[Condition] = []
    names: list[str] = []
    for part in raw:
        if not isinstance(part, dict):
            raise _not_allowed()
        if "additional_filters" in part:
            names.append(_quick(part, quick))
        else:
            conditions.append(_condition(part, kinds))
    return Clause(tuple(conditions), tuple(names))


def _quick(part: Mapping[str, object], quick: Sequence[str]) -> str:
    name = part["additional_filters"]
    if len(part) > 1 or not isinstance(name, str) or name not in quick:
        raise _not_allowed()
    return name


def _condition(part: Mapping[str, Any], kinds: Mapping[str, Kind]) -> Condition:
    field, compare, values = part.get("field"), part.get("compareType"), part.get("value")
    if not isinstance(field, str) or not part.keys() <= {"field", "compareType", "value"}:
        raise _not_allowed()  # `name`/`operator`/`value`, too, "contradicts the specification and every example"
    if field not in kinds:
        raise Refused(Blame.FILTER, f"Not allowed field: {field}")
    if not isinstance(compare, str) or not compare:
        raise Refused(Blame.FILTER, "Field compareType is required")
    if values is None or values == []:
        raise Refused(Blame.FILTER, "Field value is required")
    if not isinstance(values, list):
        raise _not_allowed()
    return Condition(field, _test(field, kinds[field], compare, values))


def _test(field: str, kind: Kind, compare: str, values: list[object]) -> Callable[[Any], bool]:
    """Return whether a value of the field meets the comparison."""
    known = _COMPARE[kind]
    if compare == "between" and "lte" in known:
        if len(values) != 2:
            raise Refused(Blame.FILTER, "Not allowed values for between method")
        low, high = (_read(kind, value) for value in values)
        return partial(_is_between, low, high)
    positive = _OPPOSITE.get(compare, compare)
    if positive not in known:
        raise Refused(Blame.FILTER, f"Not allowed method {compare} for field {field}")
    wanted = [_read(kind, value) for value in values]
    return partial(_is_any, known[positive], wanted, compare not in _OPPOSITE)


def _is_between(low: Any, high: Any, have: Any) -> bool:
    return bool(low <= have <= high)


def _is_any(compare: Compare, wanted: Sequence[Any], is_positive: bool, have: Any) -> bool:
    return any(compare(have, value) for value in wanted) is is_positive


def _read(kind: Kind, value: object) -> Any:
    """Return a value as something that the field can be compared with; text and integers are allowed everywhere."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise _not_allowed()
    if kind in _DAYS:
        return _read_day(kind, str(value))
    if kind is not Kind.NUMBER:
        return str(value)
    try:
        return int(value)
    except ValueError:
        raise _not_allowed() from None


def _read_day(kind: Kind, text: str) -> date:
    match = _DAYS[kind].fullmatch(text)
    try:
        return date(*(int(match[name]) for name in ("year", "month", "day"))) if match else _no_day()
    except ValueError:
        return _no_day()


def _no_day() -> date:
    raise Refused(Blame.FILTER_DATE, "Invalid crawl date")


def _not_allowed() -> Refused:
    return Refused(Blame.FILTER, "Not allowed params for filter")
