"""The record types as tables: every field in its order, with type, nullability and meaning (data-model.md, 2 to 7).

Types are written as in the data model: `str`, `int`, `num`, `bool`, `ts` (UTC, to the second, `Z`), `date`, `object`; a
`?` after it means nullable. A line of the output is the envelope and then the fields of its record, always all of them.
Every record ends with `extra`: nothing paid for is dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, cast

from harvester.model import SCOPES

FieldType = Literal["str", "int", "num", "bool", "ts", "date", "object"]
Bounds = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field of a record."""

    name: str
    type: FieldType
    nullable: bool
    about: str  #: one line
    values: tuple[str, ...] = ()  #: all that a `str` can be; empty = any text
    bounds: Bounds = (None, None)  #: least and greatest `int` or `num`, both inclusive
    computed: bool = False  #: filled in by `complete`, by the same code for every provider


def _field(name: str, kind: str, about: str, values: tuple[str, ...] = (), bounds: Bounds = (None, None)) -> FieldSpec:
    """Return one row of a table; `kind` is a type of the data model with or without `?`."""
    bare = kind.removesuffix("?")
    nullable = kind != bare
    return FieldSpec(
        name=name, type=cast(FieldType, bare), nullable=nullable, about=about, values=values, bounds=bounds
    )


def _count(name: str, about: str, kind: str = "int?") -> FieldSpec:
    return _field(name, kind, about, bounds=(0, None))


def _computed(name: str, kind: str, about: str) -> FieldSpec:
    return replace(_field(name, kind, about), computed=True)


def _score(subject: str, about: str) -> tuple[FieldSpec, FieldSpec]:
    """Return a score and the name of its metric: a score never travels alone."""
    return (
        _field(f"{subject}_score", "num?", f"score of {about}, on the scale of its metric", bounds=(0, None)),
        _field(f"{subject}_metric", "str?", "name of that score", METRICS),
    )


#: Names of scores, data-model.md section 8.5.
METRICS = (
    *("ahrefs_dr", "ahrefs_ur", "semrush_as", "serpstat_sdr", "dataforseo_rank_1000", "dataforseo_rank_100"),
    *("moz_da", "moz_pa", "majestic_tf", "majestic_cf", "cc_harmonic"),
)
LINK_TYPES = (
    *("text", "image", "redirect", "canonical", "alternate", "frame", "form", "rss", "meta", "mention", "other"),
)
LOST_REASONS = (
    *("link_removed", "page_not_found", "page_error", "page_redirected", "page_noindex", "page_not_canonical"),
    *("redirect_broken", "dropped_from_index", "unknown"),
)

_STATUS: Bounds = (100, 599)
_SPAM = (
    _field("spam_score", "num?", "likelihood of spam, 0 to 100", bounds=(0, 100)),
    _field("spam_metric", "str?", "name of that score", ("dataforseo_spam", "moz_spam")),
)
_SEEN = (
    _field("first_seen_at", "ts?", "first time it was found"),
    _field("last_seen_at", "ts?", "last time it was verified live"),
)
_LOST_AT = _field("lost_at", "ts?", "when the loss was noticed")
_PRECISION = _field(
    "dates_precision", "str", "the coarsest among the row's dates; second if it has none", ("second", "day")
)
_EXTRA = _field("extra", "object?", "what no other field takes, under the provider's own names")

ENVELOPE: tuple[FieldSpec, ...] = (
    _field("record", "str", "type of the record"),
    _field("provider", "str", "who delivered the row"),
    _field("report", "str", "the report asked for, by its neutral name"),
    _field("target", "str", "the domain or URL asked about, normalised, host in ASCII"),
    _field("scope", "str", "how much of the target was asked about", SCOPES),
    _field("task", "str", "identity of the task that fetched the row, the same on every run"),
    _field("page", "int", "page within the task, from 1", bounds=(1, None)),
    _field("row", "int", "row within the task, from 1, in the provider's order", bounds=(1, None)),
    _field("fetched_at", "ts", "when the reply arrived"),
)

_BACKLINK = (
    _field("url_from", "str", "page that carries the link, as the provider spells it"),
    _computed("key_from", "str?", "normalised join key of url_from; null if it is not parseable"),
    _computed("host_from", "str?", "host of url_from, ASCII, lower case"),
    _computed("domain_from", "str?", "registrable domain of url_from (ICANN part of the Public Suffix List)"),
    _computed("site_from", "str?", "the same with the list's private part: the unit to count as one site"),
    _field("domain_from_raw", "str?", "the provider's own idea of the referring domain"),
    _field("title_from", "str?", "title of the source page"),
    _field("status_from", "int?", "HTTP status of the source page", bounds=_STATUS),
    _field("lang_from", "str?", "language of the source page, ISO 639-1"),
    _field("country_from", "str?", "country of the referring host, ISO 3166-1 alpha-2, upper case"),
    _field("ip_from", "str?", "IP address of the referring host"),
    _count("links_external_from", "external links on the source page"),
    _count("links_internal_from", "internal links on the source page"),
    _field("url_to", "str", "where the link points, as the provider spells it"),
    _computed("key_to", "str?", "normalised join key of url_to; null if it is not parseable"),
    _computed("host_to", "str?", "host of url_to, ASCII, lower case"),
    _computed("domain_to", "str?", "registrable domain of url_to (ICANN part of the Public Suffix List)"),
    _computed("site_to", "str?", "the same with the list's private part"),
    _field("status_to", "int?", "HTTP status of the target page", bounds=_STATUS),
    _field("url_to_final", "str?", "end of the redirect chain, where known"),
    _field("anchor", "str?", "visible text; empty = a link without text, null = not delivered"),
    _field("image_alt", "str?", "alt text of an image link"),
    _field("context_before", "str?", "text before the link"),
    _field("context_after", "str?", "text after the link"),
    _field("link_type", "str?", "kind of link", LINK_TYPES),
    _field("link_type_raw", "str?", "the provider's word or words for it"),
    _field("is_followed", "bool?", "the provider's verdict: passes as followed"),
    _field("rel_nofollow", "bool?", "rel has nofollow; null if the provider does not distinguish it"),
    _field("rel_ugc", "bool?", "rel has ugc; null if the provider does not distinguish it"),
    _field("rel_sponsored", "bool?", "rel has sponsored; null if the provider does not distinguish it"),
    _field("is_new", "bool?", "the provider's verdict, by its own definition"),
    _field("is_lost", "bool?", "the provider's verdict, by its own definition"),
    _field("is_broken", "bool?", "the target answers 4xx or 5xx"),
    _field("is_indirect", "bool?", "reaches the target through a redirect or canonical"),
    _field("is_sitewide", "bool?", "repeated across the source site"),
    _count("links_in_row", "how many links this row stands for (grouped reports)"),
    _field("first_seen_at", "ts?", "first time the link was found"),
    _field("last_seen_at", "ts?", "last time the link was verified live"),
    _field("last_crawled_at", "ts?", "last time the provider looked, whatever it found"),
    _LOST_AT,
    _field("lost_reason", "str?", "why the link is gone", LOST_REASONS),
    _field("lost_reason_raw", "str?", "the provider's word for it"),
    _field("lost_reason_from", "str?", "who says why", ("provider", "derived")),
    _PRECISION,
    *_score("domain_from", "the referring domain"),
    *_score("page_from", "the referring page"),
    *_SPAM,
    _computed("link_id", "str", "provider-neutral identity of the link: BLAKE2b-128 of both join keys"),
    _EXTRA,
)

_REFDOMAIN = (
    _field("domain", "str", "referring domain, by the provider's own rule"),
    _computed("host", "str?", "the same as a host, ASCII, lower case"),
    _computed("registrable", "str?", "its registrable domain (ICANN part of the Public Suffix List)"),
    _computed("site", "str?", "the same with the list's private part: the unit to count as one site"),
    _count("links", "links from the domain to the target"),
    _count("pages", "pages of the domain that link to the target"),
    _count("links_followed", "followed links"),
    _count("pages_nofollow", "pages that link with nofollow"),
    _count("links_new", "links found recently, by the provider's definition"),
    _count("links_lost", "links lost recently, by the provider's definition"),
    _count("links_broken", "links to broken pages of the target"),
    *_SEEN,
    _LOST_AT,
    *_score("domain", "the referring domain"),
    _field("ip", "str?", "IP address of the domain"),
    _field("country", "str?", "ISO 3166-1 alpha-2, upper case"),
    *_SPAM,
    _PRECISION,
    _EXTRA,
)

_REFIP = (
    _field("ip", "str", "referring IP address or network"),
    _field("country", "str?", "ISO 3166-1 alpha-2, upper case"),
    _count("refdomains", "referring domains on it"),
    _count("links", "links from it"),
    *_SEEN,
    _PRECISION,
    _EXTRA,
)

_ANCHOR = (
    _field("anchor", "str", "visible text of the links; never a number"),
    _computed("anchor_key", "str", "the same for comparing: NFKC, case-folded, no format characters"),
    _count("links", "links with this text"),
    _count("pages", "pages with such a link"),
    _count("refdomains", "referring domains with such a link, by the provider's own rule"),
    _count("refdomains_root", "registrable referring domains with such a link"),
    _count("links_followed", "followed links"),
    _count("links_nofollow", "nofollow links"),
    _count("links_new", "links found recently, by the provider's definition"),
    _count("links_lost", "links lost recently, by the provider's definition"),
    *_SEEN,
    _LOST_AT,
    _PRECISION,
    _EXTRA,
)

_PAGE = (
    _field("url", "str", "page of the target, as the provider spells it"),
    _computed("key", "str?", "normalised join key of url; null if it is not parseable"),
    _field("title", "str?", "title of the page"),
    _field("status", "int?", "HTTP status of the page", bounds=_STATUS),
    _count("links", "links to the page"),
    _count("refdomains", "referring domains of the page"),
    _count("links_external", "external links on the page"),
    _count("links_internal", "internal links on the page"),
    *_SEEN,
    *_score("page", "the page"),
    _PRECISION,
    _EXTRA,
)

_SUMMARY = (
    _field("as_of", "date?", "day the counts stand for"),
    _count("links", "links to the target"),
    _count("links_all_time", "links ever seen, lost ones included"),
    _count("links_followed", "followed links"),
    _count("links_nofollow", "nofollow links"),
    _count("links_ugc", "links with rel=ugc"),
    _count("links_sponsored", "links with rel=sponsored"),
    _count("links_text", "text links"),
    _count("links_image", "image links"),
    _count("links_form", "links from forms"),
    _count("links_frame", "links from frames"),
    _count("links_redirect", "redirects"),
    _count("refpages", "referring pages"),
    _count("refdomains", "referring domains, by the provider's own rule"),
    _count("refdomains_root", "registrable referring domains"),
    _count("refips", "referring IP addresses"),
    _count("refsubnets", "referring subnets"),
    _count("links_broken", "links to broken pages"),
    _count("pages_broken", "broken pages of the target"),
    _field("first_seen_at", "ts?", "first time a link was found"),
    _field("lost_at", "ts?", "when the last link was noticed to be gone"),
    *_score("domain", "the target"),
    _field("rank_position", "int?", "position among all domains, 1 = best", bounds=(1, None)),
    _PRECISION,
    _EXTRA,
)

_HISTORY = (
    _field("date", "date", "day, or first day of the period, that the numbers stand for"),
    _field("granularity", "str?", "distance to the next point", ("day", "week", "month", "year")),
    _count("links", "links to the target"),
    _count("refdomains", "referring domains, by the provider's own rule"),
    _count("refdomains_root", "registrable referring domains"),
    _count("links_new", "links found in the period"),
    _count("links_lost", "links lost in the period"),
    _count("refdomains_new", "referring domains found in the period"),
    _count("refdomains_lost", "referring domains lost in the period"),
    *_score("domain", "the target"),
    _EXTRA,
)

_COMPETITOR = (
    _field("competitor", "str", "domain with links from the same places"),
    _count("common_refdomains", "referring domains in common with the target"),
    _count("common_links", "links in common with the target"),
    _field("similarity", "num?", "likeness of the link profiles, percent", bounds=(0, 100)),
    _count("refdomains", "referring domains of the competitor"),
    _count("links", "links to the competitor"),
    *_score("domain", "the competitor"),
    _EXTRA,
)

_OVERLAP = (
    _field("domain", "str", "referring domain, by the provider's own rule"),
    _computed("site", "str?", "its site by the Public Suffix List, private part included"),
    _count("links", "links from the domain to the target; 0 = none", "int"),
    _count("matches", "how many targets of the comparison the domain links to", "int"),
    _field("set_id", "str", "identity of the whole comparison"),
    *_score("domain", "the referring domain"),
    _EXTRA,
)

_DISTRIBUTION = (
    _field("dimension", "str", "what the links are counted by", ("tld", "country", "authority", "category")),
    _field("value", "str", "value of that dimension; countries in ISO 3166-1 alpha-2"),
    _count("refdomains", "referring domains"),
    _count("links", "links"),
    _field("metric", "str?", "name of the score that `authority` counts by", METRICS),
    _EXTRA,
)

_CATEGORY = (
    _field("category", "str", "topic of the target, in the provider's words"),
    _field("confidence", "num", "how sure the provider is, 0 to 1", bounds=(0, 1)),
    _EXTRA,
)

#: The fields that hold a host or address which can be asked about.
TARGET_FIELDS = frozenset(
    {
        *("competitor", "domain", "host", "registrable", "site", "url"),
        *(f"{name}_{end}" for name in ("url", "host", "domain", "site") for end in ("from", "to")),
        *("domain_from_raw", "url_to_final"),
    }
)

#: The fields of each record, without the envelope.
RECORDS: Mapping[str, tuple[FieldSpec, ...]] = MappingProxyType(
    {
        "backlink": _BACKLINK,
        "refdomain": _REFDOMAIN,
        "refip": _REFIP,
        "anchor": _ANCHOR,
        "page": _PAGE,
        "summary": _SUMMARY,
        "history": _HISTORY,
        "competitor": _COMPETITOR,
        "overlap": _OVERLAP,
        "distribution": _DISTRIBUTION,
        "category": _CATEGORY,
    }
)
