"""What a harvest may choose of a report; every key that it cannot honour is refused before it costs anything.

Providers ignore parameters that they do not know: a misspelt or unfitting one would be paid for and change nothing.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any, NamedTuple

from harvester.errors import HarvestRefused
from harvester.model import Compiling, Harvest
from harvester.providers.spelling import nearest


class Option(NamedTuple):
    """A parameter that a user may set: what becomes of its value, and what is expected, for the user."""

    read: Callable[[object], Any]  #: the value to send; None = not allowed
    expected: str


def one_of(*words: str) -> Option:
    """Return the option of one word of a list."""
    expected = f"one of {', '.join(words)}"
    return Option(lambda value: value if isinstance(value, str) and value in words else None, expected)


def whole(least: int, most: int) -> Option:
    """Return the option of a whole number between bounds, both included."""

    def read(value: object) -> int | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        return value if least <= value <= most else None

    return Option(read, f"a whole number from {least:,} to {most:,}")


def yes_or_no() -> Option:
    """Return the option of a boolean."""
    return Option(lambda value: value if isinstance(value, bool) else None, "true or false")


def any_text(expected: str) -> Option:
    """Return the option of a text that the provider judges."""
    return Option(lambda value: value if isinstance(value, str) and value else None, expected)


def checked(
    options: Mapping[str, Any], allowed: Mapping[str, Option], own_keys: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the options as they are sent. Raises HarvestRefused for one that the report does not take.

    `own_keys`: parameters that have a key of their own in a harvest, and which.
    """
    sent = {}
    for name, value in options.items():
        if name not in allowed:
            raise HarvestRefused(f"options.{name}", value, _instead(name, allowed, own_keys or {}))
        option = allowed[name]
        read = option.read(value)
        if read is None:
            raise HarvestRefused(f"options.{name}", value, option.expected)
        sent[name] = read
    return sent


def _instead(name: str, allowed: Collection[str], own_keys: Mapping[str, str]) -> str:
    if name in own_keys:
        return f"no such option, it is set by {own_keys[name]}"
    options = f"options of this report only: {', '.join(sorted(allowed))}" if allowed else "no options for this report"
    return options + nearest(name, allowed)


def refuse(harvest: Harvest, keys: Mapping[str, str]) -> None:
    """Raise HarvestRefused for the first of `keys` that the harvest sets; each comes with what to do instead."""
    for key, expected in keys.items():
        if getattr(harvest, key) is not None:
            raise HarvestRefused(key, getattr(harvest, key), expected)


def window(harvest: Harvest, compiling: Compiling) -> tuple[date | None, date | None]:
    """Return the first and the last day that the harvest asks for.

    Raises HarvestRefused if they are reversed, or nothing can have happened yet on the first.
    """
    since, until = compiling.day(harvest.since), compiling.day(harvest.until)
    if since and since > compiling.today:
        raise HarvestRefused("since", since.isoformat(), f"a day not after {compiling.today.isoformat()}")
    if since and until and since > until:
        raise HarvestRefused("until", until.isoformat(), f"a day not before since, {since.isoformat()}")
    return since, until


def page_rows(harvest: Harvest, usual: int, most: int) -> int:
    """Return the rows of one request. Raises HarvestRefused."""
    if harvest.page_size is not None and harvest.page_size > most:
        raise HarvestRefused("page_size", harvest.page_size, f"at most {most:,}")
    return harvest.page_size or usual


def selected(
    harvest: Harvest, known: Collection[str], default: Collection[str], needed: Collection[str]
) -> tuple[str, ...]:
    """Return the fields to pay for, those without which a row is nothing included. Raises HarvestRefused."""
    if harvest.fields is None:
        return tuple(default)
    for name in harvest.fields:
        if name not in known:
            raise HarvestRefused("fields", name, f"fields of this report{nearest(name, known)}: {', '.join(known)}")
    return tuple(dict.fromkeys((*needed, *harvest.fields)))


def order(harvest: Harvest, sortable: Collection[str], usual: str) -> tuple[str, str]:
    """Return the field to sort by and "asc" or "desc"; `usual` is written as in a config. Raises HarvestRefused."""
    name, _, direction = (harvest.order_by or usual).partition(":")
    if direction not in ("asc", "desc"):
        raise HarvestRefused("order_by", harvest.order_by, "field:asc or field:desc, one field only")
    if name not in sortable:
        raise HarvestRefused("order_by", name, f"a field to sort by{nearest(name, sortable)}: {', '.join(sortable)}")
    return name, direction
