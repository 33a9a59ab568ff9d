"""Ahrefs rows to records: one table for each kind of row (data-model.md, sections 3.1, 4 to 7 and 8.4).

Three names mean something else than they say (Ahrefs reference, all-backlinks): `last_seen` is the day a link was
found to be GONE, `last_visited` the last time it was live, and `first_seen` the discovery of the linking page, not of
the link, which is `first_seen_link`.

A value of another type than the documents promise becomes null and stays, as it came, in `extra`; so does every field
that no record field takes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from harvester.errors import UnreadableRow
from harvester.records import complete, day, text, timestamp

Record = dict[str, Any]
Reader = Callable[[Any, datetime], Any]  #: a value that is not null, and when the reply came; None = not readable

_INT64_MOST = 2**63 - 1
_DAY_CHARS = len("2026-03-01")


def _url(value: Any, _: datetime) -> str | None:
    return value if isinstance(value, str) and value else None


def _text(value: Any, _: datetime) -> str | None:
    return text(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _flag(value: Any, _: datetime) -> bool | None:
    return value if isinstance(value, bool) else None


def _between(value: Any, least: int, most: int) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most else None


def _count(value: Any, _: datetime) -> int | None:
    return _between(value, 0, _INT64_MOST)


def _rank(value: Any, _: datetime) -> int | None:
    return _between(value, 1, _INT64_MOST)


def _status(value: Any, _: datetime) -> int | None:
    return _between(value, 100, 599)


def _score(value: Any, _: datetime) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _first(value: Any, _: datetime) -> str | None:
    return value[0] if isinstance(value, list) and value and isinstance(value[0], str) else None


def _last(value: Any, _: datetime) -> str | None:
    return value[-1] if isinstance(value, list) and value and isinstance(value[-1], str) else None


class Take(NamedTuple):
    """What becomes of one provider field."""

    field: str
    read: Reader
    plain: type | None = None  #: a value of exactly this type is taken as it is, without being read


Finish = Callable[[Record, Mapping[str, Any], Record], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How one kind of row becomes a record."""

    record: str
    takes: Mapping[str, Take]
    metrics: Mapping[str, tuple[str, str]] = field(default_factory=dict)  #: score field -> its metric field and name
    also: tuple[str, ...] = ()  #: fields that the record needs besides, read by `finish` or kept in `extra`
    unsaid: frozenset[str] = frozenset()  #: fields that are not kept in `extra` either
    finish: Finish | None = None  #: reads what takes more than one field; gets record fields, row and `extra`

    @property
    def fields(self) -> tuple[str, ...]:
        """The provider fields that the record needs."""
        return (*self.takes, *self.also)

    def record_of(self, data: Any, arrived_at: datetime, given: Mapping[str, Any]) -> Record:
        """Return the record of a row; `given` is what the report itself says of it. Raises UnreadableRow."""
        if not isinstance(data, dict):
            raise UnreadableRow(f"a row is {type(data).__name__}, not an object")
        fields, extra, take_of = dict(given), {}, self.takes.get
        for name, value in data.items():
            take = take_of(name)
            if take is None:
                extra[name] = value
            elif value is not None:
                field_name, read, plain = take
                known = value if type(value) is plain else read(value, arrived_at)
                if known is not None:
                    fields[field_name] = known
                elif value != []:
                    extra[name] = value
        self._finish(fields, data, extra)
        return complete(self.record, fields)

    def _finish(self, fields: Record, data: Mapping[str, Any], extra: Record) -> None:
        for score, (metric, name) in self.metrics.items():
            if score in fields:
                fields[metric] = name
        for name in self.unsaid:
            extra.pop(name, None)
        if self.finish is not None:
            self.finish(fields, data, extra)
        fields["extra"] = extra or None


def _date_precision(fields: Record, data: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Note if one of the row's dates came without its time of day."""
    for name in names:
        value = data.get(name)
        if type(value) is str and len(value) == _DAY_CHARS:
            fields["dates_precision"] = "day"


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
    _date_precision(fields, data, ("first_seen_link", "last_visited", "last_seen"))
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


def _dates_of(*names: str) -> Finish:
    def finish(fields: Record, data: Mapping[str, Any], extra: Record) -> None:
        _date_precision(fields, data, names)

    return finish


_ANY_BACKLINK = {
    "url_from": Take("url_from", _url),
    "url_to": Take("url_to", _url),
    "root_name_source": Take("domain_from_raw", _text, str),
    "title": Take("title_from", _text),
    "http_code": Take("status_from", _status),
    "languages": Take("lang_from", _first),
    "ip_source": Take("ip_from", _text, str),
    "links_external": Take("links_external_from", _count),
    "links_internal": Take("links_internal_from", _count),
    "url_redirect": Take("url_to_final", _last),
    "anchor": Take("anchor", _text),
    "alt": Take("image_alt", _text),
    "snippet_left": Take("context_before", _text),
    "snippet_right": Take("context_after", _text),
    "is_dofollow": Take("is_followed", _flag, bool),
    "is_nofollow": Take("rel_nofollow", _flag, bool),
    "is_ugc": Take("rel_ugc", _flag, bool),
    "is_sponsored": Take("rel_sponsored", _flag, bool),
    "is_redirect": Take("is_indirect", _flag, bool),
    "first_seen_link": Take("first_seen_at", timestamp),
    "last_visited": Take("last_seen_at", timestamp),
    "last_seen": Take("lost_at", timestamp),
    "domain_rating_source": Take("domain_from_score", _score),
    "url_rating_source": Take("page_from_score", _score),
    "link_group_count": Take("links_in_row", _count),
}
_BACKLINK_METRICS = {
    "domain_from_score": ("domain_from_metric", "ahrefs_dr"),
    "page_from_score": ("page_from_metric", "ahrefs_ur"),
}

BACKLINK = Shape(
    record="backlink",
    takes={**_ANY_BACKLINK, "is_new": Take("is_new", _flag, bool), "is_lost": Take("is_lost", _flag, bool)},
    metrics=_BACKLINK_METRICS,
    also=("link_type", "lost_reason", "drop_reason", "discovered_status"),
    finish=_finish_backlink,
)
BROKEN_BACKLINK = Shape(
    record="backlink",
    takes={**_ANY_BACKLINK, "http_code_target": Take("status_to", _status)},
    metrics=_BACKLINK_METRICS,
    also=("link_type",),
    finish=_finish_backlink,
)
REFDOMAIN = Shape(
    record="refdomain",
    takes={
        "domain": Take("domain", _url),
        "links_to_target": Take("links", _count),
        "dofollow_links": Take("links_followed", _count),
        "new_links": Take("links_new", _count),
        "lost_links": Take("links_lost", _count),
        "first_seen": Take("first_seen_at", timestamp),
        "last_seen": Take("lost_at", timestamp),
        "domain_rating": Take("domain_score", _score),
        "ip_source": Take("ip", _text, str),
    },
    metrics={"domain_score": ("domain_metric", "ahrefs_dr")},
    finish=_dates_of("first_seen", "last_seen"),
)
ANCHOR = Shape(
    record="anchor",
    takes={
        "anchor": Take("anchor", _text),
        "links_to_target": Take("links", _count),
        "refpages": Take("pages", _count),
        "refdomains": Take("refdomains", _count),
        "dofollow_links": Take("links_followed", _count),
        "new_links": Take("links_new", _count),
        "lost_links": Take("links_lost", _count),
        "first_seen": Take("first_seen_at", timestamp),
        "last_seen": Take("lost_at", timestamp),
    },
    finish=_dates_of("first_seen", "last_seen"),
)
PAGE = Shape(
    record="page",
    takes={
        "url_to": Take("url", _url),
        "title_target": Take("title", _text),
        "http_code_target": Take("status", _status),
        "links_to_target": Take("links", _count),
        "refdomains_target": Take("refdomains", _count),
        "first_seen_link": Take("first_seen_at", timestamp),
        "last_visited_source": Take("last_seen_at", timestamp),
        "url_rating_target": Take("page_score", _score),
    },
    metrics={"page_score": ("page_metric", "ahrefs_ur")},
    finish=_dates_of("first_seen_link", "last_visited_source"),
)
SUMMARY = Shape(
    record="summary",
    takes={
        "domain_rating": Take("domain_score", _score),
        "ahrefs_rank": Take("rank_position", _rank),
        "backlinks": Take("links", _count),
        "backlinks_dofollow": Take("links_followed", _count),
        "backlinks_nofollow": Take("links_nofollow", _count),
        "backlinks_redirect": Take("links_redirect", _count),
        "refdomains": Take("refdomains", _count),
        "refips": Take("refips", _count),
        "refips_subnets": Take("refsubnets", _count),
    },
    metrics={"domain_score": ("domain_metric", "ahrefs_dr")},
    also=("index",),
    unsaid=frozenset({"index"}),
)
TOTALS = Shape(
    record="summary",
    takes={
        "live": Take("links", _count),
        "all_time": Take("links_all_time", _count),
        "live_refdomains": Take("refdomains", _count),
    },
    also=("all_time_refdomains",),
)
HISTORY = Shape(
    record="history",
    takes={
        "date": Take("date", day),
        "refdomains": Take("refdomains", _count),
        "domain_rating": Take("domain_score", _score),
    },
    metrics={"domain_score": ("domain_metric", "ahrefs_dr")},
)
