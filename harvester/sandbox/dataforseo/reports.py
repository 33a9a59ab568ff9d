"""Every report under `/backlinks/<name>/live`: what it can be told, and what answers it (reference, section 7)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from harvester.sandbox.dataforseo.bulk import find_bulk, find_summary
from harvester.sandbox.dataforseo.groups import (
    ANCHORS,
    DOMAIN_PAGES,
    DOMAIN_PAGES_SUMMARY,
    REFERRING_DOMAINS,
    REFERRING_NETWORKS,
)
from harvester.sandbox.dataforseo.lists import Listing, list_found
from harvester.sandbox.dataforseo.periods import find_changes, find_history, find_series
from harvester.sandbox.dataforseo.rows import BACKLINKS, find_backlinks
from harvester.sandbox.dataforseo.shelf import Call, Found
from harvester.sandbox.dataforseo.targets import COMPETITORS, DOMAIN_INTERSECTION, PAGE_INTERSECTION


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_LINKS = "include_subdomains exclude_internal_backlinks backlinks_status_type rank_scale tag"
_PAGED = "filters order_by limit offset"
_GROUPED = f"target {_LINKS} {_PAGED} internal_list_limit backlinks_filters"
_CROSSED = f"targets exclude_targets intersection_mode {_LINKS} {_PAGED} internal_list_limit include_indirect_links"
_SERIES = "target date_from date_to group_range include_subdomains tag"
_BULK = "targets tag"


@dataclass(frozen=True, slots=True)
class Report:
    """One report."""

    names: Sequence[str]  #: of the parameters that it knows
    find: Callable[[Call, datetime], Found]


def _report(names: str, find: Callable[[Call], Found]) -> Report:
    return Report(_words(names), lambda call, _now: find(call))


def _list(names: str, listing: Listing[Any]) -> Report:
    return _report(names, partial(list_found, listing=listing))


REPORTS: Mapping[str, Report] = {
    "summary": _report(f"target {_LINKS} include_indirect_links internal_list_limit backlinks_filters", find_summary),
    "history": _report("target date_from date_to rank_scale tag", find_history),
    "backlinks": Report(
        _words(f"target mode custom_mode {_LINKS} {_PAGED} include_indirect_links search_after_token"), find_backlinks
    ),
    "anchors": _list(f"{_GROUPED} include_indirect_links", ANCHORS),
    "domain_pages": _list(_GROUPED, DOMAIN_PAGES),
    "domain_pages_summary": _list(f"{_GROUPED} include_indirect_links", DOMAIN_PAGES_SUMMARY),
    "referring_domains": _list(f"{_GROUPED} include_indirect_links", REFERRING_DOMAINS),
    "referring_networks": _list(f"{_GROUPED} include_indirect_links network_address_type", REFERRING_NETWORKS),
    "competitors": _list(
        f"target {_PAGED} exclude_internal_backlinks rank_scale tag main_domain exclude_large_domains", COMPETITORS
    ),
    "domain_intersection": _list(f"{_CROSSED} backlinks_filters", DOMAIN_INTERSECTION),
    "page_intersection": _list(_CROSSED, PAGE_INTERSECTION),
    "timeseries_summary": _report(f"{_SERIES} rank_scale", find_series),
    "timeseries_new_lost_summary": _report(_SERIES, find_changes),
    "bulk_ranks": _report(f"{_BULK} rank_scale", find_bulk),
    "bulk_backlinks": _report(_BULK, find_bulk),
    "bulk_spam_score": _report(_BULK, find_bulk),
    "bulk_referring_domains": _report(_BULK, find_bulk),
    "bulk_new_lost_backlinks": _report(f"{_BULK} date_from", find_bulk),
    "bulk_new_lost_referring_domains": _report(f"{_BULK} date_from", find_bulk),
    "bulk_pages_summary": _report(f"{_BULK} include_subdomains rank_scale", find_bulk),
}

#: Lists with filters, in the order that `available_filters` has them.
LISTINGS: Mapping[str, Listing[Any]] = {
    "backlinks": BACKLINKS,
    "domain_pages": DOMAIN_PAGES,
    "anchors": ANCHORS,
    "referring_domains": REFERRING_DOMAINS,
    "domain_intersection": DOMAIN_INTERSECTION,
    "page_intersection": PAGE_INTERSECTION,
    "referring_networks": REFERRING_NETWORKS,
    "domain_pages_summary": DOMAIN_PAGES_SUMMARY,
    "competitors": COMPETITORS,
}
