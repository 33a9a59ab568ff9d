"""Serpstat's backlink methods as a table: parameters, sort keys, filter fields, prices.

From the provider's own OpenAPI description of v4. Where its enumerations and its examples disagree, both spellings are
taken: `noFollow` (getAnchors) and `domain_to` (getOutDomains) stand in the examples only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from harvester.model import Scope
from harvester.providers.choices import Option, any_text, one_of
from harvester.providers.paging import Paging
from harvester.providers.tariff import Tariff

MOST_ROWS = 1000  #: "size 1..1000"
END = 60_000  #: "at most 60 000 rows per method and query"

LINK_TYPES = ("text", "redirect", "iframe", "form", "canonical", "rss", "alternate", "image")
ATTRIBUTES = ("follow", "nofollow", "ugc", "sponsored")

PER_ROW = Tariff(row_units=1, least_units=1)  # "1 credit per returned row"; "an answer with no data costs 1 credit"
PER_REQUEST = Tariff(request_units=1)
PER_SUMMARY = Tariff(request_units=1, row_units=4)  # 5 for a target with data, 1 for one without

LIST = Paging(page_rows=MOST_ROWS, is_aligned=True, end=END, tells_total=True)


class Kind(Enum):
    """What a filter field is compared with."""

    NUMBER = auto()
    TEXT = auto()
    DAY = auto()  #: DD.MM.YYYY
    ISO_DAY = auto()  #: YYYY-MM-DD
    LINK_TYPE = auto()
    ATTRIBUTE = auto()
    PLATFORM = auto()
    THREAT = auto()


SITE_SCOPES: tuple[Scope, ...] = ("host", "subdomains")
ALL_SCOPES: tuple[Scope, ...] = ("url", "prefix", *SITE_SCOPES)

#: `searchType`. Lower case: older pages print "URL", the provider's own client sends "url". The enumerations of some
#: methods lack the last two, the descriptions beside them have them.
SEARCH_TYPES: Mapping[Scope, str] = {
    "host": "domain",
    "subdomains": "domain_with_subdomains",
    "url": "url",
    "prefix": "part_url",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method."""

    name: str
    scopes: tuple[Scope, ...] = SITE_SCOPES  #: empty = it has no `searchType`
    sorts: tuple[str, ...] = ()  #: empty = its rows cannot be sorted
    usual: str = ""  #: as in a config; not the provider's default where that one moves while it is paged
    filters: Mapping[str, Kind] = field(default_factory=dict)
    quick: tuple[str, ...] = ()  #: the quick filters
    has_link_per_domain: bool = False
    options: Mapping[str, Option] = field(default_factory=dict)  #: parameters of its own
    defaults: Mapping[str, str] = field(default_factory=dict)  #: what those are, if the user does not say
    paging: Paging = LIST
    tariff: Tariff = PER_ROW

    @property
    def full_name(self) -> str:
        """The name as it is sent."""
        return f"SerpstatBacklinksProcedure.{self.name}"


def _single(name: str, rows: int, tariff: Tariff = PER_REQUEST) -> Method:
    """Return a method without pages; `rows`: about how many it answers at most, which costs nothing."""
    return Method(name=name, paging=Paging(page_rows=rows, is_single=True), tariff=tariff)


def _words(value: object) -> str | None:
    """Read a number of words, which is sent as a text."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) else None


_LINK_FILTERS = {
    "url_from": Kind.TEXT,
    "anchor": Kind.TEXT,
    "link_nofollow": Kind.ATTRIBUTE,
    "links_external": Kind.NUMBER,
    "link_type": Kind.LINK_TYPE,
    "url_to": Kind.TEXT,
    "check": Kind.DAY,
}
_LINK_QUICK = ("no_subdomains", "only_main_page", "last_week")
_LINK_SORTS = tuple(_LINK_FILTERS)

NEW_BACKLINKS = Method(  # "the list of active links, not a delta"
    name="getNewBacklinks",
    scopes=ALL_SCOPES,
    sorts=(*_LINK_SORTS, "add", "domain_rank"),
    usual="url_from:asc",
    filters={**_LINK_FILTERS, "add": Kind.DAY},
    quick=_LINK_QUICK,
    has_link_per_domain=True,
)
LOST_BACKLINKS = Method(
    name="getLostBacklinks",
    scopes=ALL_SCOPES,
    sorts=_LINK_SORTS,
    usual="url_from:asc",
    filters=_LINK_FILTERS,
    quick=_LINK_QUICK,
    has_link_per_domain=True,
)
OUTLINKS = Method(
    name="getOutlinks",
    scopes=ALL_SCOPES,
    sorts=_LINK_SORTS,
    usual="url_from:asc",
    filters=_LINK_FILTERS,
    has_link_per_domain=True,
)
LOST_OUTLINKS = Method(
    name="getLostOutlinks",
    scopes=ALL_SCOPES,
    sorts=(*_LINK_SORTS[:-1], "lastupdate"),
    usual="url_from:asc",
    filters=_LINK_FILTERS,
    has_link_per_domain=True,
)
REF_DOMAINS = Method(
    name="getRefDomains",
    sorts=("domain_links", "domain_from", "domain_rank", "check"),
    usual="domain_from:asc",
    filters={"domain_links": Kind.NUMBER, "domain_from": Kind.TEXT, "domain_rank": Kind.NUMBER},
    quick=("no_subdomains", "only_subdomains", "only_hosts", "last_week"),
)
OUT_DOMAINS = Method(
    name="getOutDomains",
    scopes=ALL_SCOPES,
    sorts=("domain_links", "domain_to", "domain_rank"),
    usual="domain_to:asc",
    filters={
        "domain_links": Kind.NUMBER,
        "domain_from": Kind.TEXT,
        "domain_to": Kind.TEXT,
        "domain_rank": Kind.NUMBER,
    },
    quick=("only_subdomains", "only_hosts", "last_week"),
)
REDIRECTED_DOMAINS = Method(
    name="getRedirectedDomains",
    scopes=(),
    sorts=("domain", "domain_rank"),
    usual="domain:asc",
    filters={"domain": Kind.TEXT, "domain_rank": Kind.NUMBER},
)
ANCHORS = Method(
    name="getAnchors",
    scopes=ALL_SCOPES,
    sorts=("total", "refDomains", "nofollow", "anchor", "lastupdate"),
    usual="anchor:asc",
    filters={
        "total": Kind.NUMBER,
        "refDomains": Kind.NUMBER,
        "nofollow": Kind.NUMBER,
        "noFollow": Kind.NUMBER,
        "anchor": Kind.TEXT,
        "lastupdate": Kind.DAY,
    },
    quick=("no_subdomains",),
    options={
        "anchor": any_text("a text that anchors are searched for"),
        "count": Option(_words, "how many words the anchors have"),
    },
)
TOP_PAGES = Method(
    name="getTopPages",
    sorts=("ips", "count", "domains", "url_to", "lastupdate"),
    usual="url_to:asc",
    filters={
        "lastupdate": Kind.DAY,
        "ips": Kind.NUMBER,
        "count": Kind.NUMBER,
        "domains": Kind.NUMBER,
        "url_to": Kind.TEXT,
    },
    quick=("no_subdomains",),
)
_INTERSECT = ("domain_rank", "links_count1", "links_count2", "links_count3")
INTERSECT = Method(
    name="getIntersect",
    scopes=(),
    sorts=_INTERSECT,  # the domain is none of them: rows of one rank may change places between pages
    usual="domain_rank:desc",
    filters=dict.fromkeys(_INTERSECT, Kind.NUMBER),
)
_THREAT_KINDS = {"platform_type": Kind.PLATFORM, "threat_type": Kind.THREAT}
_THREAT_FILTERS = {
    "lastupdate": Kind.ISO_DAY,
    "domain_link": Kind.TEXT,  # described as a number of links; in the example, and in answers, it is an address
    "links_count": Kind.NUMBER,
    **_THREAT_KINDS,
}
_THREAT_LINK_FILTERS = {"lastupdate": Kind.ISO_DAY, "url_from": Kind.TEXT, "url_to": Kind.TEXT, **_THREAT_KINDS}


def _threats(name: str, filters: Mapping[str, Kind], usual: str) -> Method:
    return Method(name=name, sorts=tuple(filters), usual=usual, filters=filters, has_link_per_domain=True)


THREATS = _threats("getThreats", _THREAT_FILTERS, "domain_link:asc")
OUT_THREATS = _threats("getOutThreats", _THREAT_FILTERS, "domain_link:asc")
THREATS_LINKS = _threats("getThreatsLinks", _THREAT_LINK_FILTERS, "url_from:asc")
OUT_THREATS_LINKS = _threats("getOutThreatsLinks", _THREAT_LINK_FILTERS, "url_from:asc")

SUMMARY = _single("getSummaryV2", 1, PER_SUMMARY)
TOP_ANCHORS = _single("getTopAnchors", 10)
HISTORY = _single("getBacklinksChangesHistory", 1000)
AUTHORITY = _single("getDistributionSDR", 11)
ZONES = replace(
    _single("getDistributionTLD", 1000),
    options={"lang": one_of("en", "ru", "uk", "de", "se")},  # of the names of countries, which stay in `extra`
    defaults={"lang": "en"},
)
