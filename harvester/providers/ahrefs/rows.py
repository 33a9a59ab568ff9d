"""Ahrefs rows to records: one table for each kind of row (data-model.md, sections 3.1, 4 to 7 and 8.4).

Three names mean something else than they say (Ahrefs reference, all-backlinks): `last_seen` is the day a link was
found to be GONE, `last_visited` the last time it was live, and `first_seen` the discovery of the linking page, not of
the link, which is `first_seen_link`.
"""

from collections.abc import Mapping
from typing import Any

from harvester.providers.mapping import (
    Record,
    Shape,
    Take,
    address,
    count,
    dates_of,
    first,
    flag,
    last,
    note_precision,
    rank,
    score,
    status,
    words,
)
from harvester.records import day, timestamp

_LINK_TYPES = frozenset({"text", "image", "redirect", "canonical", "alternate", "frame", "form", "rss"})
_LOST_REASONS = {
    "removedfromhtml": "link_removed",
    "notfound": "page_not_found",
    "pageerror": "page_error",
    "pageredirected": "page_redirected",
    "noindex": "page_noindex",
    "notcanonical": "page_not_canonical",
    "lostredirect": "redirect_broken",
}


def _finish_backlink(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    note_precision(fields, data, ("first_seen_link", "last_visited", "last_seen"))
    if isinstance(word := data.get("link_type"), str):
        fields["link_type"] = word if word in _LINK_TYPES else "other"
        fields["link_type_raw"] = word
    if word is None or isinstance(word, str):
        extra.pop("link_type", None)
    for name in ("languages", "url_redirect"):
        if isinstance(values := data.get(name), list) and len(values) > 1:
            extra[name] = values
    _read_loss(fields, data, extra)


def _read_loss(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    """Read why the link is gone: the page's side of it first, the index's own housekeeping second."""
    lost, dropped = data.get("lost_reason"), data.get("drop_reason")
    if lost is None or isinstance(lost, str):
        extra.pop("lost_reason", None)
    if isinstance(lost, str):
        reason, word = _LOST_REASONS.get(lost, "unknown"), lost
    elif isinstance(dropped, str):
        reason, word = "dropped_from_index", dropped
    else:
        if fields.get("is_lost") and "lost_reason" in data:
            fields["lost_reason"] = "unknown"
        return
    fields.update(lost_reason=reason, lost_reason_raw=word, lost_reason_from="provider")


_ANY_BACKLINK = {
    "url_from": Take("url_from", address),
    "url_to": Take("url_to", address),
    "root_name_source": Take("domain_from_raw", words, str),
    "title": Take("title_from", words),
    "http_code": Take("status_from", status),
    "languages": Take("lang_from", first),
    "ip_source": Take("ip_from", words, str),
    "links_external": Take("links_external_from", count),
    "links_internal": Take("links_internal_from", count),
    "url_redirect": Take("url_to_final", last),
    "anchor": Take("anchor", words),
    "alt": Take("image_alt", words),
    "snippet_left": Take("context_before", words),
    "snippet_right": Take("context_after", words),
    "is_dofollow": Take("is_followed", flag, bool),
    "is_nofollow": Take("rel_nofollow", flag, bool),
    "is_ugc": Take("rel_ugc", flag, bool),
    "is_sponsored": Take("rel_sponsored", flag, bool),
    "is_redirect": Take("is_indirect", flag, bool),
    "first_seen_link": Take("first_seen_at", timestamp),
    "last_visited": Take("last_seen_at", timestamp),
    "last_seen": Take("lost_at", timestamp),
    "domain_rating_source": Take("domain_from_score", score),
    "url_rating_source": Take("page_from_score", score),
    "link_group_count": Take("links_in_row", count),
}
_BACKLINK_METRICS = {
    "domain_from_score": ("domain_from_metric", "ahrefs_dr"),
    "page_from_score": ("page_from_metric", "ahrefs_ur"),
}

BACKLINK = Shape(
    record="backlink",
    takes={**_ANY_BACKLINK, "is_new": Take("is_new", flag, bool), "is_lost": Take("is_lost", flag, bool)},
    metrics=_BACKLINK_METRICS,
    also=("link_type", "lost_reason", "drop_reason", "discovered_status"),
    finish=_finish_backlink,
)
BROKEN_BACKLINK = Shape(
    record="backlink",
    takes={**_ANY_BACKLINK, "http_code_target": Take("status_to", status)},
    metrics=_BACKLINK_METRICS,
    also=("link_type",),
    finish=_finish_backlink,
)
REFDOMAIN = Shape(
    record="refdomain",
    takes={
        "domain": Take("domain", address),
        "links_to_target": Take("links", count),
        "dofollow_links": Take("links_followed", count),
        "new_links": Take("links_new", count),
        "lost_links": Take("links_lost", count),
        "first_seen": Take("first_seen_at", timestamp),
        "last_seen": Take("lost_at", timestamp),
        "domain_rating": Take("domain_score", score),
        "ip_source": Take("ip", words, str),
    },
    metrics={"domain_score": ("domain_metric", "ahrefs_dr")},
    finish=dates_of("first_seen", "last_seen"),
)
ANCHOR = Shape(
    record="anchor",
    takes={
        "anchor": Take("anchor", words),
        "links_to_target": Take("links", count),
        "refpages": Take("pages", count),
        "refdomains": Take("refdomains", count),
        "dofollow_links": Take("links_followed", count),
        "new_links": Take("links_new", count),
        "lost_links": Take("links_lost", count),
        "first_seen": Take("first_seen_at", timestamp),
        "last_seen": Take("lost_at", timestamp),
    },
    finish=dates_of("first_seen", "last_seen"),
)
PAGE = Shape(
    record="page",
    takes={
        "url_to": Take("url", address),
        "title_target": Take("title", words),
        "http_code_target": Take("status", status),
        "links_to_target": Take("links", count),
        "refdomains_target": Take("refdomains", count),
        "first_seen_link": Take("first_seen_at", timestamp),
        "last_visited_source": Take("last_seen_at", timestamp),
        "url_rating_target": Take("page_score", score),
    },
    metrics={"page_score": ("page_metric", "ahrefs_ur")},
    finish=dates_of("first_seen_link", "last_visited_source"),
)
SUMMARY = Shape(
    record="summary",
    takes={
        "domain_rating": Take("domain_score", score),
        "ahrefs_rank": Take("rank_position", rank),
        "backlinks": Take("links", count),
        "backlinks_dofollow": Take("links_followed", count),
        "backlinks_nofollow": Take("links_nofollow", count),
        "backlinks_redirect": Take("links_redirect", count),
        "refdomains": Take("refdomains", count),
        "refips": Take("refips", count),
        "refips_subnets": Take("refsubnets", count),
    },
    metrics={"domain_score": ("domain_metric", "ahrefs_dr")},
    also=("index",),
    unsaid=frozenset({"index"}),
)
TOTALS = Shape(
    record="summary",
    takes={
        "live": Take("links", count),
        "all_time": Take("links_all_time", count),
        "live_refdomains": Take("refdomains", count),
    },
    also=("all_time_refdomains",),
)
HISTORY = Shape(
    record="history",
    takes={
        "date": Take("date", day),
        "refdomains": Take("refdomains", count),
        "domain_rating": Take("domain_score", score),
    },
    metrics={"domain_score": ("domain_metric", "ahrefs_dr")},
)
