"""Semrush rows to records: one table for each kind of row (data-model.md, sections 3.1, 4 to 8).

All values are text: "the CSV's cells". An empty one is None by now and becomes null, but for an anchor: the column was
delivered, so an empty anchor is a link without text.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from harvester.providers.mapping import Record, Shape, Take, address, country, measure, number, status, words
from harvester.providers.semrush import columns
from harvester.providers.semrush.countries import code_of
from harvester.providers.semrush.table import Column
from harvester.records import timestamp

_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_LATEST_S = 253_402_300_799  # the last second of the year 9999
_HUNDRED = 100.0
#: Flags that say of what kind a link is, in the order in which one of several is named.
_KINDS = ("form", "frame", "image")


def moment(value: Any, arrived_at: datetime) -> str | None:
    """Read Unix seconds."""
    seconds = number(value, arrived_at)
    if seconds is None or seconds > _LATEST_S:
        return None
    return timestamp(datetime.fromtimestamp(seconds, UTC).isoformat(), arrived_at)


def day(value: Any, arrived_at: datetime) -> str | None:
    """Read Unix seconds as the day that they are in."""
    read = moment(value, arrived_at)
    return read and read[:10]


def truth(value: Any, _: datetime) -> bool | None:
    """Read a boolean: "true/false as documented, accept 1/0 too"."""
    return _TRUTHS.get(value.lower()) if isinstance(value, str) else None


def http_status(value: Any, arrived_at: datetime) -> int | None:
    """Read an HTTP status."""
    return status(number(value, arrived_at), arrived_at)


def hundred(value: Any, arrived_at: datetime) -> float | None:
    """Read an Authority Score, or another number from 0 to 100."""
    read = measure(value, arrived_at)
    return read if read is not None and read <= _HUNDRED else None


def confidence(value: Any, arrived_at: datetime) -> float | None:
    """Read "a confidence 0 to 1"."""
    read = measure(value, arrived_at)
    return read if read is not None and read <= 1 else None


def country_named(value: Any, _: datetime) -> str | None:
    """Read a country by its English name; a name that is none of ISO 3166 stays as it is."""
    return (code_of(value) or value) if isinstance(value, str) and value else None


def _finish_backlink(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    _finish_anchor(fields, data, extra)
    if "rel_nofollow" in fields:
        fields["is_followed"] = not fields["rel_nofollow"]
    if "redirect_url" in data:
        fields["is_indirect"] = "url_to_final" in fields
    if fields.get("is_lost"):
        fields["lost_reason"] = "unknown"  # "Serpstat, Semrush and Moz give no reason"
    flags = {name: truth(data.get(name), _EPOCH) for name in _KINDS}
    if None in flags.values():
        return
    kinds = [name for name, is_set in flags.items() if is_set]
    fields["link_type"] = kinds[0] if kinds else "text"
    fields["link_type_raw"] = ",".join(kinds) or None
    for name in _KINDS:
        del extra[name]


def _finish_anchor(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    if "anchor" in data and data["anchor"] is None:
        fields["anchor"] = ""


def _finish_overlap(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    """Leave out the columns of the targets, each of which is in the `links` of a row of its own."""
    for name in set(extra) - {"domain_ascore", "matches_num"}:
        del extra[name]
    if number(extra.get("matches_num"), _EPOCH) == fields.get("matches"):
        extra.pop("matches_num", None)


def _finish_country(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    extra["country"] = data.get("country")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEEN = {"first_seen": Take("first_seen_at", moment), "last_seen": Take("last_seen_at", moment)}
_LINKS = Take("links", number)
_REFDOMAINS = Take("refdomains", number)
_DOMAIN_METRIC = {"domain_score": ("domain_metric", "semrush_as")}


def _shape(record: str, known: tuple[Column, ...], takes: Mapping[str, Take], **more: Any) -> Shape:
    """Return a shape whose columns that no field takes are kept in `extra`."""
    also = tuple(column.name for column in known if column.name not in takes)
    return Shape(record=record, takes=takes, also=also, **more)


BACKLINK = _shape(
    "backlink",
    columns.BACKLINKS,
    {
        **_SEEN,
        "source_url": Take("url_from", address),
        "source_title": Take("title_from", words),
        "response_code": Take("status_from", http_status),
        "external_num": Take("links_external_from", number),
        "internal_num": Take("links_internal_from", number),
        "target_url": Take("url_to", address),
        "redirect_url": Take("url_to_final", address),
        "anchor": Take("anchor", words),
        "image_alt": Take("image_alt", words),
        "nofollow": Take("rel_nofollow", truth),
        "newlink": Take("is_new", truth),
        "lostlink": Take("is_lost", truth),
        "sitewide": Take("is_sitewide", truth),
        "page_ascore": Take("page_from_score", hundred),
    },
    metrics={"page_from_score": ("page_from_metric", "semrush_as")},
    finish=_finish_backlink,
)
REFDOMAIN = _shape(
    "refdomain",
    columns.REFDOMAINS,
    {
        **_SEEN,
        "domain_ascore": Take("domain_score", hundred),
        "domain": Take("domain", address),
        "backlinks_num": _LINKS,
        "ip": Take("ip", address),
        "country": Take("country", country),
    },
    metrics=_DOMAIN_METRIC,
)
REFIP = _shape(
    "refip",
    columns.REFIPS,
    {
        **_SEEN,
        "ip": Take("ip", address),
        "country": Take("country", country),
        "domains_num": _REFDOMAINS,
        "backlinks_num": _LINKS,
    },
)
TLD = _shape(
    "distribution",
    columns.TLD,
    {"zone": Take("value", address), "domains_num": _REFDOMAINS, "backlinks_num": _LINKS},
)
GEO = _shape(
    "distribution",
    columns.GEO,
    {"country": Take("value", country_named), "domains_num": _REFDOMAINS, "backlinks_num": _LINKS},
    finish=_finish_country,
)
AUTHORITY = _shape("distribution", columns.AUTHORITY, {"ascore": Take("value", words), "domains_num": _REFDOMAINS})
#: Here "`rating` is the number of referring domains in the category".
TOPICS = _shape("distribution", columns.CATEGORIES, {"category_name": Take("value", words), "rating": _REFDOMAINS})
CATEGORY = _shape(
    "category",
    columns.CATEGORIES,
    {"category_name": Take("category", words), "rating": Take("confidence", confidence)},
)
ANCHOR = _shape(
    "anchor",
    columns.ANCHORS,
    {**_SEEN, "anchor": Take("anchor", words), "domains_num": _REFDOMAINS, "backlinks_num": _LINKS},
    finish=_finish_anchor,
)
#: Here "`source_url` is a page of the target".
PAGE = _shape(
    "page",
    columns.PAGES,
    {
        "source_url": Take("url", address),
        "source_title": Take("title", words),
        "response_code": Take("status", http_status),
        "backlinks_num": _LINKS,
        "domains_num": _REFDOMAINS,
        "external_num": Take("links_external", number),
        "internal_num": Take("links_internal", number),
        "last_seen": Take("last_seen_at", moment),
    },
)
COMPETITOR = _shape(
    "competitor",
    columns.COMPETITORS,
    {
        "ascore": Take("domain_score", hundred),
        "neighbour": Take("competitor", address),
        "similarity": Take("similarity", hundred),
        "common_refdomains": Take("common_refdomains", number),
        "domains_num": _REFDOMAINS,
        "backlinks_num": _LINKS,
    },
    metrics=_DOMAIN_METRIC,
)
OVERLAP = Shape(
    record="overlap",
    takes={"domain": Take("domain", address), "domain_ascore": Take("domain_score", hundred)},
    metrics=_DOMAIN_METRIC,
    also=("matches_num", "backlinks_num"),
    finish=_finish_overlap,
)
_COUNTS = {
    "ascore": Take("domain_score", hundred),
    "domains_num": _REFDOMAINS,
    "ips_num": Take("refips", number),
    "follows_num": Take("links_followed", number),
    "nofollows_num": Take("links_nofollow", number),
    "texts_num": Take("links_text", number),
    "images_num": Take("links_image", number),
    "forms_num": Take("links_form", number),
    "frames_num": Take("links_frame", number),
}
OVERVIEW = _shape(
    "summary",
    columns.OVERVIEW,
    {
        **_COUNTS,
        "total": _LINKS,
        "urls_num": Take("refpages", number),
        "ipclassc_num": Take("refsubnets", number),
        "sponsored_num": Take("links_sponsored", number),
        "ugc_num": Take("links_ugc", number),
    },
    metrics=_DOMAIN_METRIC,
)
COMPARISON = _shape(
    "summary",
    columns.COMPARISON,
    {**_COUNTS, "backlinks_num": _LINKS},
    metrics=_DOMAIN_METRIC,
    unsaid=frozenset({"target", "target_type"}),
)
HISTORY = _shape(
    "history",
    columns.HISTORY,
    {
        "date": Take("date", day),
        "backlinks_num": _LINKS,
        "domains_num": _REFDOMAINS,
        "score": Take("domain_score", hundred),
        "backlinks_new_num": Take("links_new", number),
        "backlinks_lost_num": Take("links_lost", number),
        "domains_new_num": Take("refdomains_new", number),
        "domains_lost_num": Take("refdomains_lost", number),
    },
    metrics=_DOMAIN_METRIC,
)
