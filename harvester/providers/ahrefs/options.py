"""Which keys of a harvest a report can honour; every other one is refused before it costs anything.

"Unknown query parameters are ignored without an error" (met by several public clients): a misspelt or unfitting option
would be paid for and change nothing.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from harvester.errors import HarvestRefused
from harvester.model import Compiling
from harvester.providers import choices
from harvester.providers.ahrefs.fields import Field, Fields, Kind
from harvester.providers.choices import Option, one_of
from harvester.providers.keyset import DAY, NUMBER, SECOND, Key
from harvester.providers.spelling import nearest

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


#: Every option of every report.
OPTIONS: Mapping[str, Option] = {
    "protocol": one_of("both", "http", "https"),
    "timeout": Option(_seconds, "whole seconds"),
    "aggregation": one_of("all", "similar_links", "1_per_domain"),
    "history": Option(_history, "live, all_time or since:YYYY-MM-DD"),
    "history_grouping": one_of("daily", "weekly", "monthly"),
    "country": Option(_country, "a two-letter country code in lower case"),
    "volume_mode": one_of("monthly", "average"),
    "where": Option(lambda value: value, "a filter in Ahrefs' grammar"),
}


def checked(options: Mapping[str, Any], allowed: Collection[str]) -> dict[str, str]:
    """Return the options as they are sent, but for `where`, which is not sent alone. Raises HarvestRefused."""
    sent = choices.checked(options, {name: OPTIONS[name] for name in allowed}, OWN_KEYS)
    sent.pop("where", None)
    return sent


def row_cap(compiling: Compiling) -> int | None:
    """Return the configured rows per request of the plan. Raises HarvestRefused."""
    cap = compiling.section.settings.get("row_cap")
    if cap is None or (isinstance(cap, int) and not isinstance(cap, bool) and cap > 0):
        return cap
    raise HarvestRefused("row_cap", cap, "rows per request of the plan: 100, 250 or 500")


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
