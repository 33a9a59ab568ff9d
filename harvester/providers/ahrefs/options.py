"""Which keys of a harvest a report can honour; every other one is refused before it costs anything.

"Unknown query parameters are ignored without an error" (met by several public clients): a misspelt or unfitting option
would be paid for and change nothing.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from harvester.errors import HarvestRefused
from harvester.model import Compiling, Harvest
from harvester.providers.ahrefs.fields import Field, Fields, Kind
from harvester.providers.ahrefs.spelling import nearest
from harvester.providers.paging import DAY, NUMBER, SECOND, Key

#: Parameters that have a key of their own, or none because they are always set.
OWN_KEYS: Mapping[str, str] = {
    "target": "targets",
    "targets": "targets",
    "url": "targets",
    "select": "fields",
    "mode": "scope",
    "limit": "page_size or max_rows",
    "offset": "nothing: Ahrefs has no offset, the next page is found by a filter",
    "order_by": "order_by",
    "date": "until",
    "date_from": "since",
    "date_to": "until",
    "output": "nothing: answers are always asked for as JSON",
}

MODES: Mapping[str, str] = {"url": "exact", "prefix": "prefix", "host": "domain", "subdomains": "subdomains"}

_STEPS = {Kind.INTEGER: NUMBER, Kind.NUMBER: NUMBER, Kind.TIME: SECOND, Kind.DATE: DAY}

Check = Callable[[object], str | None]  #: the text to send; None = not allowed


def one_of(*words: str) -> tuple[Check, str]:
    """Return the check for a word of a list, and what it expects."""
    return (lambda value: value if isinstance(value, str) and value in words else None), f"one of {', '.join(words)}"


def _seconds(value: object) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _country(value: object) -> str | None:
    return value if isinstance(value, str) and re.fullmatch("[a-z]{2}", value) else None


def _history(value: object) -> str | None:
    if value in ("live", "all_time"):
        return str(value)
    head, _, day = str(value).partition(":")
    try:
        return str(value) if head == "since" and date.fromisoformat(day).isoformat() == day else None
    except ValueError:
        return None


#: Every option of every report: what may be sent, and that in words.
CHECKS: Mapping[str, tuple[Check, str]] = {
    "protocol": one_of("both", "http", "https"),
    "timeout": (_seconds, "whole seconds"),
    "aggregation": one_of("all", "similar_links", "1_per_domain"),
    "history": (_history, "live, all_time or since:YYYY-MM-DD"),
    "history_grouping": one_of("daily", "weekly", "monthly"),
    "country": (_country, "a two-letter country code in lower case"),
    "volume_mode": one_of("monthly", "average"),
}


def checked(options: Mapping[str, Any], allowed: Collection[str]) -> dict[str, str]:
    """Return the options as they are sent. Raises HarvestRefused for one that the report does not take."""
    sent = {}
    for name, value in options.items():
        if name not in allowed:
            raise HarvestRefused(f"options.{name}", value, _instead(name, allowed))
        if name not in CHECKS:
            continue  # `where`, which has a module of its own
        check, expected = CHECKS[name]
        text = check(value)
        if text is None:
            raise HarvestRefused(f"options.{name}", value, expected)
        sent[name] = text
    return sent


def _instead(name: str, allowed: Collection[str]) -> str:
    if name in OWN_KEYS:
        return f"no such option, it is set by {OWN_KEYS[name]}"
    options = f"options of this report only: {', '.join(sorted(allowed))}" if allowed else "no options for this report"
    return options + nearest(name, allowed)


def refuse(harvest: Harvest, keys: Mapping[str, str]) -> None:
    """Raise HarvestRefused for the first of `keys` that the harvest sets; each comes with what to do instead."""
    for key, expected in {"sets": "none, no Ahrefs report compares several targets", **keys}.items():
        if getattr(harvest, key) is not None:
            raise HarvestRefused(key, getattr(harvest, key), expected)


def window(harvest: Harvest, compiling: Compiling) -> tuple[date | None, date | None]:
    """Return the first and the last day that the harvest asks for. Raises HarvestRefused if they are reversed."""
    since, until = compiling.day(harvest.since), compiling.day(harvest.until)
    if since and until and since > until:
        raise HarvestRefused("until", until.isoformat(), f"a day not before since, {since.isoformat()}")
    return since, until


def row_cap(compiling: Compiling) -> int | None:
    """Return the configured rows per request of the plan. Raises HarvestRefused."""
    cap = compiling.settings.get("row_cap")
    if cap is None or (isinstance(cap, int) and not isinstance(cap, bool) and cap > 0):
        return cap
    raise HarvestRefused("row_cap", cap, "rows per request of the plan: 100, 250 or 500")


def selected(harvest: Harvest, known: Fields, default: Collection[str], needed: Collection[str]) -> tuple[str, ...]:
    """Return the fields to pay for, those without which a row is nothing included. Raises HarvestRefused."""
    if harvest.fields is None:
        return tuple(default)
    for name in harvest.fields:
        if name not in known:
            raise HarvestRefused("fields", name, f"fields of this report{nearest(name, known)}: {', '.join(known)}")
    return tuple(dict.fromkeys((*needed, *harvest.fields)))


def sort_key(order_by: str, known: Fields, unsortable: Collection[str]) -> Key:
    """Return the column that `order_by` names. Raises HarvestRefused.

    Only numbers and times: the next page is found by a filter, and filters on the order of texts are not documented.
    """
    name, _, direction = order_by.partition(":")
    if direction not in ("asc", "desc"):
        raise HarvestRefused("order_by", order_by, "field:asc or field:desc, one field only")
    sortable = [each for each, field in known.items() if each not in unsortable and field.kind in _STEPS]
    if name not in sortable:
        raise HarvestRefused("order_by", name, f"a number or time{nearest(name, sortable)}: {', '.join(sortable)}")
    return replace(key(name, known[name]), descending=direction == "desc")


def key(name: str, field: Field) -> Key:
    """Return a column to page by, ascending."""
    return Key(field=name, step=_STEPS[field.kind], nullable=field.nullable)
