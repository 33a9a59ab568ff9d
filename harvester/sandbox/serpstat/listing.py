"""How every list is made: links picked by quick filters, rows made of them, filtered, sorted, cut to pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from harvester.sandbox.hosts import root_of
from harvester.sandbox.serpstat.filter import Clause, Kind
from harvester.sandbox.serpstat.query import Form, Query
from harvester.sandbox.serpstat.rows import Entry, Keep, Row, Shelf, from_domain, is_from_main_page
from harvester.sandbox.world import Link

_WEEK = timedelta(days=7)


class Column(NamedTuple):
    """Something that rows are sorted or filtered by."""

    kind: Kind
    value: Callable[[Entry], Any]
    sort: Callable[[Entry], Any] | None = None  #: where rows are not sorted by the value that conditions compare


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One method that lists rows, page by page."""

    form: Form
    gather: Callable[[Shelf, Query, Keep], list[Entry]]
    columns: Mapping[str, Column]
    write: Callable[[Entry, Query], Row]
    far: Callable[[Link], str] = from_domain  #: the domain at the other end of a link
    is_order_lower: bool = False  #: `order` is echoed in lower case
    sort_echo: Mapping[str, str] | None = None  #: where the sort key answered is not the one asked for
    schema_names: Mapping[str, str] | None = None  #: name in the example -> name in the schema
    schema_texts: tuple[str, ...] = ()  #: numbers that the schema calls strings


def listed(listing: Listing, shelf: Shelf, query: Query) -> list[Entry]:
    """Return all rows of a query in their order, which is total: asked again it is the same."""
    quick = {name: _quick(name, listing, shelf, query) for clause in query.clauses for name in clause.quick}
    is_whole = shelf.switches.quick_filters == "whole_query"
    binding = list(quick.values()) if is_whole else []
    entries = listing.gather(shelf, query, lambda link: all(test(link) for test in binding))
    clauses = [clause for clause in query.clauses if clause.conditions or not is_whole]
    if clauses:
        own = {} if is_whole else quick
        entries = [entry for entry in entries if any(_holds(clause, entry, listing, own) for clause in clauses)]
    entries.sort(key=_identity)
    column = listing.columns[query.sort]
    entries.sort(key=column.sort or column.value, reverse=query.order == "desc")
    return _collapsed(entries, listing, query, shelf)


def _holds(clause: Clause, entry: Entry, listing: Listing, quick: Mapping[str, Keep]) -> bool:
    """Return True if a row meets all of a group; a quick filter of its own if one of the row's links meets it."""
    for condition in clause.conditions:
        if not condition.is_met(_comparable(listing.columns[condition.field], entry)):
            return False
    return all(any(map(quick[name], entry.links)) for name in clause.quick if name in quick)


def _comparable(column: Column, entry: Entry) -> Any:
    """Return what conditions compare: dates count by their day."""
    value = column.value(entry)
    return value.date() if isinstance(value, datetime) else value


def _identity(entry: Entry) -> tuple[str, ...]:
    """Return what decides between rows with the same value."""
    link = entry.link
    return (entry.key, link.source_url, link.target_url, link.kind, link.anchor, link.first_seen.isoformat())


def _collapsed(entries: list[Entry], listing: Listing, query: Query, shelf: Shelf) -> list[Entry]:
    """Return one row per domain or page where that is asked for: the first in the order of the answer."""
    if not listing.form.has_link_per_domain:
        return entries
    if query.is_one_per_domain:
        return _firsts(entries, lambda entry: listing.far(entry.link))
    if shelf.switches.zero_link_per_domain == "one_per_page":
        return _firsts(entries, lambda entry: entry.link.source_url)
    return entries


def _firsts(entries: Sequence[Entry], key: Callable[[Entry], str]) -> list[Entry]:
    found: dict[str, Entry] = {}
    for entry in entries:
        found.setdefault(key(entry), entry)
    return list(found.values())


def _quick(name: str, listing: Listing, shelf: Shelf, query: Query) -> Keep:
    """Return the quick filter of that name (reference, sections 5.2, 5.4 and 5.11)."""
    below, since, far = f".{query.target.place.host}", shelf.world.now - _WEEK, listing.far
    tests: Mapping[str, Keep] = {
        "no_subdomains": lambda link: not link.source_host.endswith(below),
        "only_main_page": is_from_main_page,
        "last_week": lambda link: (link.lost_at or link.first_seen) >= since,
        "only_hosts": lambda link: root_of(far(link)) == far(link),
        "only_subdomains": lambda link: root_of(far(link)) != far(link),
    }
    return tests[name]
