"""DataForSEO rows to records: one table for each kind of row (data-model.md, sections 3.1, 4 to 7 and 8.4).

`rank` means what its row is about: of a backlink, an anchor, a referring domain or network it is the rank that is
passed on to the target, which no record field takes; of a page, a competitor or the target itself it is its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from harvester.providers.mapping import (
    DAY_CHARS,
    Record,
    Shape,
    Take,
    address,
    count,
    country,
    dates_of,
    flag,
    note_precision,
    score,
    status,
    words,
)
from harvester.records import day, timestamp

#: The metric of each value of `rank_scale` (data-model.md, section 8.5).
METRICS = {"one_thousand": "dataforseo_rank_1000", "one_hundred": "dataforseo_rank_100"}
_USUAL_METRIC = METRICS["one_thousand"]
_SPAM = ("spam_metric", "dataforseo_spam")

_LINK_TYPES = {
    "anchor": "text",
    "image": "image",
    "redirect": "redirect",
    "canonical": "canonical",
    "alternate": "alternate",
    "meta": "meta",
    "link": "meta",
}
_RELS = ("nofollow", "ugc", "sponsored")
#: "0 before May 2021" (reference, history): not counted yet, which is not 0.
_COUNTED_FROM = "2021-05-01"
_WORLD = "WW"  #: occurs as a country and is none


def scaled(shape: Shape, rank_scale: str) -> Shape:
    """Return the shape of rows whose ranks are on that scale."""
    metrics = {
        field: (metric, METRICS[rank_scale] if name == _USUAL_METRIC else name)
        for field, (metric, name) in shape.metrics.items()
    }
    return replace(shape, metrics=metrics)


def _land(value: Any, arrived_at: datetime) -> str | None:
    return None if value == _WORLD else country(value, arrived_at)


def _language(value: Any, _: datetime) -> str | None:
    is_code = isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha()
    return value.lower() if is_code else None


def _spam(value: Any, arrived_at: datetime) -> float | None:
    found = score(value, arrived_at)
    return found if found is not None and found <= 100 else None


def _finish_backlink(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    note_precision(fields, data, ("first_seen", "prev_seen", "last_seen"))
    if isinstance(word := data.get("item_type"), str):
        fields.update(link_type=_LINK_TYPES.get(word, "other"), link_type_raw=word)
        extra.pop("item_type", None)
    _read_rel(fields, data.get("attributes"), extra)
    _read_group(fields, extra)
    if fields.get("is_lost"):
        _read_loss(fields)
        return
    fields["last_seen_at"] = fields.get("last_crawled_at")
    if "prev_seen" in data:
        extra["prev_seen"] = data["prev_seen"]


def _read_rel(fields: Record, attributes: Any, extra: Record) -> None:
    """Read the values of rel; "attributes" are null where the provider delivers none."""
    if not isinstance(attributes, list) or not all(isinstance(word, str) for word in attributes):
        return
    found = {word.lower() for word in attributes}
    fields.update({f"rel_{rel}": rel in found for rel in _RELS})
    if found <= set(_RELS):
        extra.pop("attributes", None)


def _read_group(fields: Record, extra: Record) -> None:
    """Read how many links the row stands for: group_count is "0 with as_is, links of the group otherwise"."""
    for name in ("group_count", "links_count"):
        value = extra.get(name)
        if type(value) is int and value > 0:
            fields["links_in_row"] = extra.pop(name)
            return


def _read_loss(fields: Record) -> None:
    """Derive why a lost link is gone from what its page answered; the provider does not say (data-model.md, 8.4)."""
    answered = fields.get("status_from")
    fields["lost_reason"] = "unknown" if answered is None else _reason(answered)
    if fields["lost_reason"] != "unknown":
        fields["lost_reason_from"] = "derived"


def _reason(answered: int) -> str:
    """Return why a link is gone whose source page answers with that status."""
    if answered in (404, 410):
        return "page_not_found"
    return {2: "link_removed", 3: "page_redirected", 4: "page_error", 5: "page_error"}.get(answered // 100, "unknown")


def _finish_anchor(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    """Read the links without a text, "image, redirect, canonical links", whose anchor is null: no text at all."""
    note_precision(fields, data, ("first_seen", "lost_date"))
    if "anchor" in data and data["anchor"] is None:
        fields["anchor"] = ""
        extra["anchor"] = None


#: Entries of the maps in a summary that have a field of their own. A map holds its greatest entries only: what it
#: does not hold is not 0.
_MAPPED = {
    "referring_links_attributes": {
        "nofollow": "links_nofollow",
        "ugc": "links_ugc",
        "sponsored": "links_sponsored",
    },
    "referring_links_types": {
        "anchor": "links_text",
        "image": "links_image",
        "redirect": "links_redirect",
    },
}


def _finish_summary(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    note_precision(fields, data, ("first_seen", "lost_date"))
    for name, known in _MAPPED.items():
        entries = data.get(name)
        for entry, links in entries.items() if isinstance(entries, dict) else ():
            if entry in known and type(links) is int and links >= 0:
                fields[known[entry]] = links


def _finish_history(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    """Date a point by the first day of its period, and leave out what was not counted yet."""
    said = data.get("date")
    if not isinstance(said, str):
        return
    if said[:DAY_CHARS] < _COUNTED_FROM:
        for name, take in _NEW_AND_LOST.items():
            if fields.pop(take.field, None) is not None:
                extra[name] = data[name]


def _finish_series(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    _finish_history(fields, data, extra)
    if "date" in data:
        extra["date"] = data["date"]


def _first_day(group_range: str) -> Callable[[Any, datetime], str | None]:
    """Return the reader of a point's date.

    "each item will indicate the last day of the week/month/year", which a record has by its first; and the last day of
    the running period lies ahead, where no date is believed.
    """
    first_of = _FIRST_DAYS[group_range]

    def read(value: Any, arrived_at: datetime) -> str | None:
        try:
            first = first_of(date.fromisoformat(str(value)[:DAY_CHARS]))
        except (ValueError, OverflowError):
            return None
        return day(first.isoformat(), arrived_at)

    return read


_FIRST_DAYS: Mapping[str, Callable[[date], date]] = {
    "day": lambda last: last,
    "week": lambda last: last - timedelta(days=6),
    "month": lambda last: last.replace(day=1),
    "year": lambda last: last.replace(month=1, day=1),
}
GROUP_RANGES = tuple(_FIRST_DAYS)

BACKLINK = Shape(
    record="backlink",
    takes={
        "url_from": Take("url_from", address),
        "url_to": Take("url_to", address),
        "domain_from": Take("domain_from_raw", words, str),
        "page_from_title": Take("title_from", words),
        "page_from_status_code": Take("status_from", status),
        "page_from_language": Take("lang_from", _language),
        "domain_from_country": Take("country_from", _land),
        "domain_from_ip": Take("ip_from", words, str),
        "page_from_external_links": Take("links_external_from", count),
        "page_from_internal_links": Take("links_internal_from", count),
        "url_to_status_code": Take("status_to", status),
        "url_to_redirect_target": Take("url_to_final", address),
        "anchor": Take("anchor", words),
        "alt": Take("image_alt", words),
        "text_pre": Take("context_before", words),
        "text_post": Take("context_after", words),
        "dofollow": Take("is_followed", flag, bool),
        "is_new": Take("is_new", flag, bool),
        "is_lost": Take("is_lost", flag, bool),
        "is_broken": Take("is_broken", flag, bool),
        "is_indirect_link": Take("is_indirect", flag, bool),
        "first_seen": Take("first_seen_at", timestamp),
        "prev_seen": Take("last_seen_at", timestamp),
        "last_seen": Take("last_crawled_at", timestamp),
        "domain_from_rank": Take("domain_from_score", score),
        "page_from_rank": Take("page_from_score", score),
        "backlink_spam_score": Take("spam_score", _spam),
    },
    metrics={
        "domain_from_score": ("domain_from_metric", _USUAL_METRIC),
        "page_from_score": ("page_from_metric", _USUAL_METRIC),
        "spam_score": _SPAM,
    },
    unsaid=frozenset({"type"}),
    finish=_finish_backlink,
)
REFDOMAIN = Shape(
    record="refdomain",
    takes={
        "domain": Take("domain", address),
        "backlinks": Take("links", count),
        "referring_pages": Take("pages", count),
        "referring_pages_nofollow": Take("pages_nofollow", count),
        "broken_backlinks": Take("links_broken", count),
        "first_seen": Take("first_seen_at", timestamp),
        "lost_date": Take("lost_at", timestamp),
        "backlinks_spam_score": Take("spam_score", _spam),
    },
    metrics={"spam_score": _SPAM},
    unsaid=frozenset({"type"}),
    finish=dates_of("first_seen", "lost_date"),
)
ANCHOR = Shape(
    record="anchor",
    takes={
        "anchor": Take("anchor", words),
        "backlinks": Take("links", count),
        "referring_pages": Take("pages", count),
        "referring_domains": Take("refdomains", count),
        "referring_main_domains": Take("refdomains_root", count),
        "first_seen": Take("first_seen_at", timestamp),
        "lost_date": Take("lost_at", timestamp),
    },
    unsaid=frozenset({"type"}),
    finish=_finish_anchor,
)
PAGE = Shape(
    record="page",
    takes={
        "url": Take("url", address),
        "backlinks": Take("links", count),
        "referring_domains": Take("refdomains", count),
        "first_seen": Take("first_seen_at", timestamp),
        "rank": Take("page_score", score),
    },
    metrics={"page_score": ("page_metric", _USUAL_METRIC)},
    unsaid=frozenset({"type"}),
    finish=dates_of("first_seen"),
)
REFIP = Shape(
    record="refip",
    takes={
        "network_address": Take("ip", address),
        "backlinks": Take("links", count),
        "referring_domains": Take("refdomains", count),
        "first_seen": Take("first_seen_at", timestamp),
    },
    unsaid=frozenset({"type"}),
    finish=dates_of("first_seen"),
)
COMPETITOR = Shape(
    record="competitor",
    takes={
        "target": Take("competitor", address),
        "intersections": Take("common_links", count),
        "rank": Take("domain_score", score),
    },
    metrics={"domain_score": ("domain_metric", _USUAL_METRIC)},
    unsaid=frozenset({"type"}),
)
SUMMARY = Shape(
    record="summary",
    takes={
        "backlinks": Take("links", count),
        "referring_pages": Take("refpages", count),
        "referring_domains": Take("refdomains", count),
        "referring_main_domains": Take("refdomains_root", count),
        "referring_ips": Take("refips", count),
        "referring_subnets": Take("refsubnets", count),
        "broken_backlinks": Take("links_broken", count),
        "broken_pages": Take("pages_broken", count),
        "first_seen": Take("first_seen_at", timestamp),
        "lost_date": Take("lost_at", timestamp),
        "rank": Take("domain_score", score),
    },
    metrics={"domain_score": ("domain_metric", _USUAL_METRIC)},
    unsaid=frozenset({"type", "target", "url"}),
    finish=_finish_summary,
)
_NEW_AND_LOST = {
    "new_backlinks": Take("links_new", count),
    "lost_backlinks": Take("links_lost", count),
    "new_referring_domains": Take("refdomains_new", count),
    "lost_referring_domains": Take("refdomains_lost", count),
}
HISTORY = Shape(
    record="history",
    takes={
        "date": Take("date", day),
        "backlinks": Take("links", count),
        "referring_domains": Take("refdomains", count),
        "referring_main_domains": Take("refdomains_root", count),
        **_NEW_AND_LOST,
        "rank": Take("domain_score", score),
    },
    metrics={"domain_score": ("domain_metric", _USUAL_METRIC)},
    unsaid=frozenset({"type"}),
    finish=_finish_history,
)


def series(group_range: str) -> Shape:
    """Return the shape of the points of a time series in such steps."""
    takes = {"date": Take("date", _first_day(group_range)), **_NEW_AND_LOST}
    return Shape(record="history", takes=takes, unsaid=frozenset({"type"}), finish=_finish_series)


def _finish_overlap(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    """Lay out the entry of the row's own target, but for what the row has said of it."""
    entries, summary = extra.pop("domain_intersection", None), extra.pop("summary", None)
    for entry in (*(entries.values() if isinstance(entries, dict) else ()), summary):
        extra.update(entry if isinstance(entry, dict) else {})
    for name in ("type", "target", "backlinks"):
        extra.pop(name, None)


OVERLAP = Shape(record="overlap", takes={}, finish=_finish_overlap)
