"""What each list shows, sorts by and filters by (reference, sections 5.2 to 5.12 and 8)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from harvester.sandbox.groups import is_followed
from harvester.sandbox.serpstat.filter import Kind
from harvester.sandbox.serpstat.listing import Column
from harvester.sandbox.serpstat.query import Query
from harvester.sandbox.serpstat.rows import (
    PLATFORMS,
    THREATS,
    Entry,
    Row,
    attribute_words,
    attributes,
    day_shown,
    from_domain,
    kind_shown,
    kind_words,
    moment_shown,
    path_shown,
    platforms_of,
    threats_of,
    visited,
)
from harvester.sandbox.world import Link

Values = Mapping[str, Callable[[Entry], Any]]
Columns = Mapping[str, Column]

# ---- links

LINK_COLUMNS: Columns = {
    "url_from": Column(Kind.TEXT, lambda entry: entry.link.source_url),
    "url_to": Column(Kind.TEXT, lambda entry: entry.link.target_url),
    "anchor": Column(Kind.TEXT, lambda entry: entry.link.anchor),
    "link_nofollow": Column(
        Kind.WORDS, lambda entry: attribute_words(entry.link), lambda entry: attributes(entry.link)
    ),
    "links_external": Column(Kind.NUMBER, lambda entry: entry.facts.page(entry.link.source_url).links_external),
    "link_type": Column(Kind.WORDS, lambda entry: kind_words(entry.link), lambda entry: kind_shown(entry.link)),
    "check": Column(Kind.DATE, lambda entry: visited(entry.link)),
    "lastupdate": Column(Kind.DATE, lambda entry: visited(entry.link)),
    "add": Column(Kind.DATE, lambda entry: entry.link.first_seen),
    "domain_rank": Column(Kind.NUMBER, lambda entry: entry.rank),
}
FIRST_DETECTION = Column(Kind.DATE, lambda entry: entry.link.first_seen)
SEVEN = ("url_from", "anchor", "link_nofollow", "links_external", "link_type", "url_to", "check")
_LINK: Values = {
    "url_from": lambda entry: entry.link.source_url,
    "url_to": lambda entry: entry.link.target_url,
    "nofollow": lambda entry: attributes(entry.link),
    "link_type": lambda entry: kind_shown(entry.link),
    "links_ext": lambda entry: entry.facts.page(entry.link.source_url).links_external,
    "link_text": lambda entry: entry.link.anchor,
    "first_seen": lambda entry: day_shown(entry.link.first_seen),
    "last_visited": lambda entry: moment_shown(visited(entry.link)),
}
ACTIVE_LINK: Values = {**_LINK, "domain_rank": lambda entry: entry.rank}
_DELETED: Values = {"date_del": lambda entry: None if entry.link.lost_at is None else moment_shown(entry.link.lost_at)}
LOST_LINK: Values = {**ACTIVE_LINK, **_DELETED}
OUTLINK: Values = {**_LINK, **_DELETED}
#: The example of getLostOutlinks answers by the names of the filter, the schema by those of the other methods.
OLD_NAMES = {"nofollow": "link_nofollow", "links_ext": "links_external"}
LOST_OUTLINK: Values = {OLD_NAMES.get(name, name): value for name, value in OUTLINK.items()}

# ---- links counted

REF_DOMAIN_COLUMNS: Columns = {
    "domain_links": Column(Kind.NUMBER, lambda entry: len(entry.group.pages)),
    "domain_from": Column(Kind.TEXT, lambda entry: entry.key),
    "domain_rank": Column(Kind.NUMBER, lambda entry: entry.rank),
    "check": Column(Kind.DATE, lambda entry: entry.group.last_seen),
}
REF_DOMAIN: Values = {
    "domain_from": lambda entry: entry.key,
    "ref_pages": lambda entry: len(entry.group.pages),
    "domainRank": lambda entry: entry.rank,
}


def domains_in(links: Iterable[Link]) -> int:
    """Return how many domains give these links."""
    return len({from_domain(link) for link in links})


def _unfollowed(entry: Entry) -> int:
    return entry.group.count(lambda link: not is_followed(link))


ANCHOR_COLUMNS: Columns = {
    "total": Column(Kind.NUMBER, lambda entry: len(entry.links)),
    "refDomains": Column(Kind.NUMBER, lambda entry: domains_in(entry.links)),
    "nofollow": Column(Kind.NUMBER, _unfollowed),
    "noFollow": Column(Kind.NUMBER, _unfollowed),  # so in the example's filter
    "anchor": Column(Kind.TEXT, lambda entry: entry.key),
    "lastupdate": Column(Kind.DATE, lambda entry: entry.group.last_seen),
}
ANCHOR: Values = {
    "anchor": lambda entry: entry.key,
    "refDomains": lambda entry: domains_in(entry.links),
    "total": lambda entry: len(entry.links),
    "noFollow": _unfollowed,
}
PAGE_COLUMNS: Columns = {
    "ips": Column(Kind.NUMBER, lambda entry: len(entry.group.addresses(entry.facts))),
    "count": Column(Kind.NUMBER, lambda entry: len(entry.group.pages)),
    "domains": Column(Kind.NUMBER, lambda entry: domains_in(entry.links)),
    "url_to": Column(Kind.TEXT, lambda entry: entry.key),
    "lastupdate": Column(Kind.DATE, lambda entry: entry.group.last_seen),
}
PAGE: Values = {
    "url": lambda entry: path_shown(entry.key),
    "ref_pages": lambda entry: len(entry.group.pages),
    "ref_domains": lambda entry: domains_in(entry.links),
    "ips": lambda entry: len(entry.group.addresses(entry.facts)),
    "urlTo": lambda entry: entry.key,
}
OUT_DOMAIN_COLUMNS: Columns = {
    "domain_links": Column(Kind.NUMBER, lambda entry: len(entry.links)),
    "domain_to": Column(Kind.TEXT, lambda entry: entry.key),
    "domain_from": Column(Kind.TEXT, lambda entry: entry.key),  # so in the enum of the filter
    "domain_rank": Column(Kind.NUMBER, lambda entry: entry.rank),
}
OUT_DOMAIN: Values = {
    "domain_to": lambda entry: entry.key,
    "domain_links": lambda entry: len(entry.links),
    "domain_rank": lambda entry: entry.rank,
}
REDIRECTED_COLUMNS: Columns = {
    "domain": Column(Kind.TEXT, lambda entry: entry.key),
    "domain_rank": Column(Kind.NUMBER, lambda entry: entry.rank),
}
REDIRECTED: Values = {"Domain": lambda entry: entry.key, "Domain Rank": lambda entry: entry.rank}


# ---- intersection

COUNTS = ("links_count1", "links_count2", "links_count3")
INTERSECT_COLUMNS: Columns = {
    "domain_rank": Column(Kind.NUMBER, lambda entry: entry.rank),
    "links_count1": Column(Kind.NUMBER, lambda entry: entry.counts[0]),
    "links_count2": Column(Kind.NUMBER, lambda entry: entry.counts[1]),
    "links_count3": Column(Kind.NUMBER, lambda entry: entry.counts[2]),
}


def write_intersect(entry: Entry, query: Query) -> Row:
    """Return a row with "keys built from the request"."""
    counts = {
        f"Links count for domain #{number} {target.text}": count
        for number, (target, count) in enumerate(zip(query.targets, entry.counts, strict=False), start=1)
    }
    return {"Domain": entry.key, "SDR": entry.rank, **counts}


# ---- threats


def _codes(names: Iterable[str], codes: Mapping[str, str]) -> frozenset[str]:
    return frozenset(codes[name] for name in names)


def _home(url: str) -> str:
    """Return scheme and host of a URL."""
    return url.removesuffix(path_shown(url))


def threat_columns(far_url: Callable[[Link], str]) -> Columns:
    """Return the columns of a threat method; `far_url` is the malicious end of a link."""
    return {
        "lastupdate": Column(Kind.ISO_DATE, lambda entry: entry.group.last_seen),
        "domain_link": Column(Kind.TEXT, lambda entry: _home(far_url(entry.link))),
        "links_count": Column(Kind.NUMBER, lambda entry: len(entry.links)),
        "url_from": Column(Kind.TEXT, lambda entry: entry.link.source_url),
        "url_to": Column(Kind.TEXT, lambda entry: entry.link.target_url),
        "platform_type": Column(
            Kind.WORDS,
            lambda entry: _codes(platforms_of(entry.facts, entry.key), PLATFORMS),
            lambda entry: platforms_of(entry.facts, entry.key),
        ),
        "threat_type": Column(
            Kind.WORDS,
            lambda entry: _codes(threats_of(entry.facts, entry.key), THREATS),
            lambda entry: threats_of(entry.facts, entry.key),
        ),
    }


_THREAT: Values = {
    "platform_type": lambda entry: platforms_of(entry.facts, entry.key),
    "threat_type": lambda entry: threats_of(entry.facts, entry.key),
    "lastupdate": lambda entry: day_shown(entry.group.last_seen),
}
THREAT_LINK: Values = {
    "domain": lambda entry: entry.key,
    "link_from": lambda entry: entry.link.source_url,
    "link_to": lambda entry: entry.link.target_url,
    **_THREAT,
}


def threat_domain(far_url: Callable[[Link], str]) -> Values:
    """Return the values of a malicious domain; `far_url` is the malicious end of a link."""
    return {
        "domain": lambda entry: entry.key,
        "domain_link": lambda entry: _home(far_url(entry.link)),
        "links_count": lambda entry: len(entry.links),
        **_THREAT,
    }
