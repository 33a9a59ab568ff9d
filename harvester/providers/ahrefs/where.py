"""Ahrefs' filter language: one JSON document in the parameter `where`.

Grammar: the official SDK, docs/filter-syntax.md. "bool := {and: [...]} | {or: [...]} | {not: bool} | expr" and
"expr := {field, is, list_is, modifier}". Every field that is named is billed for each row that comes back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from harvester.codec import dump, parse
from harvester.errors import HarvestRefused, UnknownReply
from harvester.providers.ahrefs.fields import Endpoint
from harvester.providers.keyset import DAY, Bound, as_time
from harvester.providers.spelling import nearest

Condition = Mapping[str, Any]

_EXPRESSION_KEYS = {"field", "is", "list_is", "modifier"}


def condition(field: str, operator: str, value: object) -> Condition:
    """Return one comparison."""
    return {"field": field, "is": [operator, value]}


def within(field: str, since: date | None, until: date | None) -> list[Condition]:
    """Return the conditions for a time from the first moment of `since` to the last of `until`."""
    first = [condition(field, "gte", since.isoformat())] if since else []
    return first + ([condition(field, "lt", (until + timedelta(days=1)).isoformat())] if until else [])


def bounded(bound: Bound) -> Condition:
    """Return the condition for a bound of the walk: whole days as YYYY-MM-DD, others with the time of day."""
    if not bound.key.step:
        return condition(bound.key.field, bound.operator, bound.value)
    step = bound.key.step if bound.value % DAY else DAY
    return condition(bound.key.field, bound.operator, as_time(bound.value, step))


def text(conditions: Sequence[Condition]) -> str:
    """Return the value of `where` that demands all conditions, of which there is at least one."""
    return dump(conditions[0] if len(conditions) == 1 else {"and": list(conditions)}).decode()


def names(conditions: Iterable[Condition]) -> frozenset[str]:
    """Return the fields that the conditions name. Raises ValueError if one is not of the grammar."""
    return frozenset(name for each in conditions for name in _named(each))


def _named(expression: Any) -> Iterator[str]:
    if not isinstance(expression, dict):
        raise ValueError(f"an object where {expression!r} stands")
    if "field" in expression:
        field = expression["field"]
        if (
            not isinstance(field, str)
            or expression.keys() - _EXPRESSION_KEYS
            or not expression.keys() & {"is", "list_is"}
        ):
            raise ValueError(f'{{"field": name, "is": [operator, value]}} where {expression!r} stands')
        yield field
        return
    yield from _combined(expression)


def _combined(expression: Mapping[str, Any]) -> Iterator[str]:
    kind = next(iter(expression), None)
    parts = expression.get(kind) if kind in ("and", "or") else [expression.get("not")]
    if len(expression) != 1 or kind not in ("and", "or", "not") or not isinstance(parts, list) or not parts:
        raise ValueError(f'"field", or one of "and", "or", "not" where {dict(expression)!r} stands')
    for part in parts:
        yield from _named(part)


def asked_for(value: object, endpoint: Endpoint) -> Condition:
    """Return the condition that a user wrote as JSON text. Raises HarvestRefused."""
    key = "options.where"
    try:
        if not isinstance(value, str):
            raise ValueError(f"JSON text where {value!r} stands")
        stated: Condition = parse(value)
        named = names([stated])
    except (UnknownReply, ValueError) as exc:
        raise HarvestRefused(key, value, f"a filter in Ahrefs' grammar: {exc}") from None
    known = {**endpoint.fields, **endpoint.where_only}
    for name in sorted(named - known.keys()):
        raise HarvestRefused(key, name, f"fields of {endpoint.path} only{nearest(name, known)}")
    return stated
