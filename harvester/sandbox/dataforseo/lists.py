"""Reports that are lists of rows: filtered, ordered, paged and shown all in one way (reference, sections 5 and 6).

Assumed of every list but backlinks/live: by default the highest rank comes first, among equals the one with more links.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from harvester import codec
from harvester.sandbox.dataforseo.filters import Lookup, ordered, parse_filter, parse_order
from harvester.sandbox.dataforseo.shelf import MOST_ROWS, Call, Found

R = TypeVar("R")

_DEFAULT_ROWS = 100
MOST_OFFSET = 20_000
#: Parameters that do not change which rows there are, nor their order.
_OF_THE_PAGE = ("limit", "offset", "search_after_token", "tag", "internal_list_limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[R]):
    """One kind of list."""

    head: Callable[[Call], Mapping[str, Any]]  #: what the result begins with
    rows: Callable[[Call], list[R]]  #: in the order that they have by default
    lookup: Lookup[R]
    item: Callable[[R, Call], Mapping[str, Any]]
    names: Sequence[str]  #: of fields that `available_filters` tells
    is_order_known: bool = False  #: a source tells the default order
    fold: Callable[[Call, list[R]], list[R]] | None = None  #: shows several rows as one


def list_found(call: Call, listing: Listing[R]) -> Found:
    """Return the page of a list that `offset` and `limit` ask for. Raises Blame."""
    offset, limit = window_of(call)
    return page_found(call, listing, offset, limit)


def page_found(call: Call, listing: Listing[R], offset: int, limit: int) -> Found:
    """Return a page of a list. Raises Blame."""
    head = listing.head(call)
    rows = listed(call, listing)
    items = [listing.item(row, call) for row in rows[offset : offset + limit]]
    return Found({**head, "total_count": len(rows), "items_count": len(items), "items": items}, len(items))


def window_of(call: Call) -> tuple[int, int]:
    """Return offset and limit. Raises Blame."""
    limit = call.params.number("limit", _DEFAULT_ROWS, low=1, high=MOST_ROWS)
    is_capped = call.name == "backlinks" or call.switches.offset_cap == "everywhere"
    is_refused = is_capped and call.switches.offset_beyond == "40501"
    offset = call.params.number("offset", 0, low=0, high=MOST_OFFSET if is_refused else None)
    return offset, 0 if is_capped and offset > MOST_OFFSET else limit


def listed(call: Call, listing: Listing[R]) -> list[R]:
    """Return all rows of a list, filtered and in order; those asked for last are remembered. Raises Blame."""
    sent = call.params.sent
    order = parse_order(sent.get("order_by"), listing.lookup)
    passes = parse_filter(sent.get("filters"), listing.lookup, call.switches)

    def make() -> list[R]:
        rows, fold = listing.rows(call), listing.fold
        if fold is None:
            rows = [row for row in rows if passes(row)]
        elif call.switches.grouping == "before_filters":
            rows = [row for row in fold(call, rows) if passes(row)]
        else:
            rows = fold(call, [row for row in rows if passes(row)])
        return ordered(rows, order)

    if call.switches.default_order == "shuffled" and not order and not listing.is_order_known:
        rows = make()
        call.chance.shuffle(rows)
        return rows
    kept = {name: value for name, value in sent.items() if name not in _OF_THE_PAGE}
    return call.shelf.lists.get(codec.dump([call.name, kept]), make)


def target_head(call: Call) -> dict[str, Any]:
    """Return what a list about one target begins with. Raises Blame."""
    return {"target": call.params.target().text}
