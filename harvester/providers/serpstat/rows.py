"""Serpstat rows to records: one table for each kind of row (data-model.md, sections 3.1, 4 to 7 and 8).

Names differ between methods (`domain_rank`, `domainRank`, "Domain Rank"; `nofollow`, `link_nofollow`), between the
documents and their own examples, and numbers are sometimes promised as texts: every spelling is taken. Times come
without a zone and are taken as UTC.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from harvester.providers.mapping import Record, Shape, Take, address, measure, note_precision, number, words
from harvester.providers.serpstat.call import LINKS_KEY
from harvester.providers.serpstat.methods import ATTRIBUTES
from harvester.records import day, timestamp

_SDR = "serpstat_sdr"
_DOMAIN_SDR = {"domain_score": ("domain_metric", _SDR)}

#: The words of answers; those of filters differ (`text`, `iframe`) and are taken too.
_LINK_TYPES = {
    "href": "text",
    "text": "text",
    "frame": "frame",
    "iframe": "frame",
    **{word: word for word in ("image", "redirect", "canonical", "alternate", "form", "rss")},
}
_MOST_CHARS = 100  #: of a list of attributes, which has at most four short words
_DATES = ("first_seen", "last_visited", "date_del")


def _finish_backlink(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    note_precision(fields, data, _DATES)
    if isinstance(word := data.get("link_type"), str) and word:
        fields["link_type"], fields["link_type_raw"] = _LINK_TYPES.get(word, "other"), word
        if word in _LINK_TYPES:
            fields["is_indirect"] = word == "redirect"
    if word is None or isinstance(word, str):
        extra.pop("link_type", None)
    for name in ("nofollow", "link_nofollow"):
        _read_attributes(fields, name, extra)
    if "lost_at" in fields:
        fields["is_lost"] = True
    if fields.get("is_lost"):
        fields["lost_reason"] = "unknown"  # no reason is given, data-model.md section 8.4
    elif "last_crawled_at" in fields:
        fields["last_seen_at"] = fields["last_crawled_at"]


def _read_attributes(fields: Record, name: str, extra: Record) -> None:
    """Read `follow`, or a list such as `nofollow, UGC`; what has an unknown word stays as it came."""
    value = extra.get(name)
    if value is None or value == "":
        extra.pop(name, None)
    elif isinstance(value, str) and len(value) <= _MOST_CHARS and (known := _attributes(value)) is not None:
        fields.update(known)
        del extra[name]


@lru_cache(maxsize=256)  # a handful of texts in all rows
def _attributes(value: str) -> Mapping[str, bool] | None:
    """Return what a list of attributes says; None if it has an unknown word."""
    found = {word.strip().lower() for word in value.split(",")} - {""}
    if not found or not found <= set(ATTRIBUTES):
        return None
    return {"is_followed": found == {"follow"}, **{f"rel_{word}": word in found for word in ATTRIBUTES[1:]}}


def _finish_overlap(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
    for name in filter(LINKS_KEY.match, data):  # each target has its own count in `links`
        extra.pop(name)


def _zone(value: Any, _: datetime) -> str | None:
    """Read a zone without its dot, as other providers write it."""
    return value.removeprefix(".").lower() or None if isinstance(value, str) else None


def _range(value: Any, _: datetime) -> str | None:
    """Read a range of ranks: `10 - 19` is `10-19`."""
    return value.replace(" ", "") or None if isinstance(value, str) else None


BACKLINK = Shape(
    record="backlink",
    takes={
        "url_from": Take("url_from", address),
        "url_to": Take("url_to", address),
        "link_text": Take("anchor", words),
        "links_ext": Take("links_external_from", number),
        "links_external": Take("links_external_from", number),
        "first_seen": Take("first_seen_at", timestamp),
        "last_visited": Take("last_crawled_at", timestamp),
        "date_del": Take("lost_at", timestamp),
        "domain_rank": Take("domain_from_score", measure),
    },
    metrics={"domain_from_score": ("domain_from_metric", _SDR)},
    finish=_finish_backlink,
)
#: The date of a threat stays in `extra`: by its name it is the last update, by its description the first detection.
THREAT_LINK = Shape(
    record="backlink",
    takes={
        "link_from": Take("url_from", address),
        "link_to": Take("url_to", address),
        "domain": Take("domain_from_raw", words, str),
    },
)
OUT_THREAT_LINK = Shape(  # here `domain` is the one that is linked to
    record="backlink",
    takes={"link_from": Take("url_from", address), "link_to": Take("url_to", address)},
)
REFDOMAIN = Shape(
    record="refdomain",
    takes={
        "domain_from": Take("domain", address),
        "ref_pages": Take("pages", number),
        "domainRank": Take("domain_score", measure),
    },
    metrics=_DOMAIN_SDR,
)
OUT_DOMAIN = Shape(
    record="refdomain",
    takes={
        "domain_to": Take("domain", address),
        "domains_to": Take("domain", address),
        "domain_links": Take("links", number),
        "domain_rank": Take("domain_score", measure),
    },
    metrics=_DOMAIN_SDR,
)
REDIRECTED_DOMAIN = Shape(
    record="refdomain",
    takes={"Domain": Take("domain", address), "Domain Rank": Take("domain_score", measure)},
    metrics=_DOMAIN_SDR,
)
THREAT = Shape(
    record="refdomain",
    takes={"domain": Take("domain", address), "links_count": Take("links", number)},
)
ANCHOR = Shape(
    record="anchor",
    takes={
        "anchor": Take("anchor", words),
        "total": Take("links", number),
        "refDomains": Take("refdomains", number),
        "noFollow": Take("links_nofollow", number),
        "nofollow": Take("links_nofollow", number),
    },
)
TOP_ANCHOR = Shape(
    record="anchor",
    takes={
        "anchor": Take("anchor", words),
        "backlinks_count": Take("links", number),
        "domains_count": Take("refdomains", number),
    },
)
PAGE = Shape(  # `url` is the path only, and `ref_pages` counts pages, not links
    record="page",
    takes={"urlTo": Take("url", address), "ref_domains": Take("refdomains", number)},
)
SUMMARY = Shape(
    record="summary",
    takes={
        "sersptat_domain_rank": Take("domain_score", measure),  # the provider's spelling
        "serpstat_domain_rank": Take("domain_score", measure),
        "backlinks": Take("links", number),
        "dofollow_backlinks": Take("links_followed", number),
        "nofollow_backlinks": Take("links_nofollow", number),
        "text_backlinks": Take("links_text", number),
        "image_backlinks": Take("links_image", number),
        "form_backlinks": Take("links_form", number),
        "frame_backlinks": Take("links_frame", number),
        "redirect_backlinks": Take("links_redirect", number),
        "referring_domains": Take("refdomains", number),
        "referring_ip_addresses": Take("refips", number),
        "referring_subnets": Take("refsubnets", number),
    },
    metrics=_DOMAIN_SDR,
)
SIZE = Shape(record="summary", takes={})  #: its one field, the total of a list, stays in `extra`
HISTORY = Shape(
    record="history",
    takes={
        "date": Take("date", day),
        "new_links": Take("links_new", number),
        "lost_links": Take("links_lost", number),
    },
)
ZONE = Shape(record="distribution", takes={"tld": Take("value", _zone), "domains": Take("refdomains", number)})
AUTHORITY = Shape(
    record="distribution", takes={"sdr_range": Take("value", _range), "domains": Take("refdomains", number)}
)
OVERLAP = Shape(
    record="overlap",
    takes={"Domain": Take("domain", address), "SDR": Take("domain_score", measure)},
    metrics=_DOMAIN_SDR,
    finish=_finish_overlap,
)

LOST = {"is_lost": True}
LIVE = {"is_lost": False}  # "active links"; of outgoing ones, "date_del: null for live links"
BY_ZONE = {"dimension": "tld"}
BY_AUTHORITY = {"dimension": "authority", "metric": _SDR}
