"""Every field of the Ahrefs endpoints in use: type, and price in units a row.

Source: the official OpenAPI documents (https://docs.ahrefs.com/reference/site-explorer.json and batch-analysis.json,
2026-08-12), where a price stands in a field's description: "(5 units) ". A field without one costs 1 unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """Type of a field's values."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "true or false"
    TIME = "date and time"
    DATE = "date"
    LIST = "list"


class Field(NamedTuple):
    """One field of an endpoint."""

    kind: Kind
    units: int = 1  #: a row
    nullable: bool = False


Fields = Mapping[str, Field]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint: where it is, what it answers and what may be asked of it."""

    path: str
    rows_key: str  #: top-level key of the answer
    fields: Fields  #: can be selected, filtered by, sorted by
    where_only: Fields  #: can only be filtered by, and cost as much there
    unsortable: frozenset[str] = frozenset()
    has_history: bool = False  #: takes `history` (live, since:<date>, all_time)
    has_aggregation: bool = False  #: takes `aggregation` (similar_links, 1_per_domain, all)

    def units(self, name: str) -> int:
        """Return the price of a field, in units a row."""
        return (self.fields.get(name) or self.where_only[name]).units


def _of(kind: Kind, names: str, units: int = 1, *, nullable: bool = False) -> dict[str, Field]:
    return dict.fromkeys(names.split(), Field(kind, units, nullable))


_BROKEN_LINK: Fields = {
    **_of(
        Kind.TEXT,
        "anchor encoding link_type name_source name_target root_name_source root_name_target snippet_left"
        " snippet_right title tld_class_source tld_class_target url_from url_from_plain url_to url_to_plain",
    ),
    **_of(Kind.TEXT, "alt ip_source page_category_source page_type_source source_page_author", nullable=True),
    **_of(
        Kind.INTEGER,
        "ahrefs_rank_source ahrefs_rank_target http_code link_group_count linked_domains_source_domain"
        " linked_domains_source_page linked_domains_target_domain links_external links_internal page_size port_source"
        " port_target positions",
    ),
    **_of(Kind.INTEGER, "redirect_code", nullable=True),
    **_of(Kind.INTEGER, "class_c refdomains_source refdomains_source_domain refdomains_target_domain", 5),
    **_of(Kind.INTEGER, "traffic traffic_domain", 10),
    **_of(Kind.NUMBER, "domain_rating_source domain_rating_target url_rating_source"),
    **_of(
        Kind.FLAG,
        "http_crawl is_alternate is_canonical is_content is_dofollow is_form is_frame is_image is_nofollow is_redirect"
        " is_root_source is_root_target is_rss is_spam is_sponsored is_text is_ugc js_crawl",
    ),
    **_of(Kind.TIME, "first_seen first_seen_link last_visited"),
    **_of(Kind.TIME, "last_seen", nullable=True),
    **_of(Kind.LIST, "languages powered_by redirect_kind url_redirect url_redirect_with_target"),
}

_LINK_WHERE: Fields = {
    **_of(Kind.FLAG, "is_homepage_link is_non_html"),
    **_of(Kind.INTEGER, "len_url_redirect positions_source_domain"),
}

#: What refdomains, anchors and pages-by-backlinks can filter links by.
_ANY_LINK_WHERE: Fields = {
    **_of(Kind.FLAG, "is_content is_dofollow is_homepage_link is_nofollow is_non_html is_sponsored is_ugc"),
    **_of(Kind.INTEGER, "len_url_redirect"),
    **_of(Kind.TEXT, "link_type snippet_left snippet_right"),
    **_of(Kind.TEXT, "source_page_author", nullable=True),
    **_of(Kind.LIST, "url_redirect url_redirect_with_target"),
}

#: What refdomains and anchors can filter by besides.
_GROUPED_WHERE: Fields = {
    **_ANY_LINK_WHERE,
    **_of(Kind.TEXT, "root_domain_name title url_from url_to"),
    **_of(Kind.TEXT, "discovered_status drop_reason lost_reason", nullable=True),
    **_of(Kind.INTEGER, "linked_domains links_external positions"),
    **_of(Kind.INTEGER, "traffic_page", 10),
    **_of(Kind.FLAG, "noindex"),
    **_of(Kind.LIST, "languages powered_by"),
}

ALL_BACKLINKS = Endpoint(
    path="/site-explorer/all-backlinks",
    rows_key="backlinks",
    fields={
        **_BROKEN_LINK,
        **_of(
            Kind.TEXT,
            "broken_redirect_new_target broken_redirect_reason broken_redirect_source discovered_status drop_reason"
            " lost_reason",
            nullable=True,
        ),
        **_of(Kind.FLAG, "is_lost is_new is_redirect_lost noindex"),
        **_of(Kind.DATE, "source_page_publish_date", nullable=True),
    },
    where_only=_LINK_WHERE,
    unsortable=frozenset({"link_group_count"}),
    has_history=True,
    has_aggregation=True,
)

BROKEN_BACKLINKS = Endpoint(
    path="/site-explorer/broken-backlinks",
    rows_key="backlinks",
    fields={
        **_BROKEN_LINK,
        **_of(Kind.INTEGER, "http_code_target", nullable=True),
        **_of(Kind.TIME, "last_visited_target", nullable=True),
    },
    where_only=_LINK_WHERE,
    unsortable=frozenset({"http_code_target", "last_visited_target", "link_group_count"}),
    has_aggregation=True,
)

REFDOMAINS = Endpoint(
    path="/site-explorer/refdomains",
    rows_key="refdomains",
    fields={
        **_of(Kind.TEXT, "domain"),
        **_of(Kind.TEXT, "ip_source", nullable=True),
        **_of(
            Kind.INTEGER,
            "dofollow_linked_domains dofollow_links links_to_target lost_links new_links positions_source_domain",
        ),
        **_of(Kind.INTEGER, "dofollow_refdomains", 5),
        **_of(Kind.INTEGER, "traffic_domain", 10),
        **_of(Kind.NUMBER, "domain_rating"),
        **_of(Kind.FLAG, "is_root_domain is_spam"),
        **_of(Kind.TIME, "first_seen"),
        **_of(Kind.TIME, "last_seen", nullable=True),
    },
    where_only={
        **_GROUPED_WHERE,
        **_of(Kind.TEXT, "anchor"),
        **_of(Kind.INTEGER, "port_source port_target"),
        **_of(Kind.INTEGER, "refdomains", 5),
    },
    has_history=True,
)

ANCHORS = Endpoint(
    path="/site-explorer/anchors",
    rows_key="anchors",
    fields={
        **_of(Kind.TEXT, "anchor"),
        **_of(Kind.INTEGER, "dofollow_links links_to_target lost_links new_links refpages"),
        **_of(Kind.INTEGER, "refdomains", 5),
        **_of(Kind.NUMBER, "top_domain_rating"),
        **_of(Kind.FLAG, "is_spam"),
        **_of(Kind.TIME, "first_seen"),
        **_of(Kind.TIME, "last_seen", nullable=True),
    },
    where_only={
        **_GROUPED_WHERE,
        **_of(Kind.NUMBER, "domain_rating"),
        **_of(Kind.FLAG, "is_root_domain"),
        **_of(Kind.INTEGER, "positions_source_domain"),
        **_of(Kind.INTEGER, "refdomains_source", 5),
        **_of(Kind.INTEGER, "traffic_domain", 10),
    },
    has_history=True,
)

PAGES = Endpoint(
    path="/site-explorer/pages-by-backlinks",
    rows_key="pages",
    fields={
        **_of(Kind.TEXT, "url_to url_to_plain"),
        **_of(Kind.TEXT, "target_redirect title_target", nullable=True),
        **_of(
            Kind.INTEGER,
            "dofollow_to_target links_to_target lost_links_to_target new_links_to_target nofollow_to_target"
            " redirects_to_target",
        ),
        **_of(Kind.INTEGER, "http_code_target", nullable=True),
        **_of(Kind.INTEGER, "refdomains_target", 5),
        **_of(Kind.NUMBER, "top_domain_rating_source"),
        **_of(Kind.NUMBER, "url_rating_target", nullable=True),
        **_of(Kind.FLAG, "is_spam"),
        **_of(Kind.TIME, "first_seen_link last_visited_source"),
        **_of(Kind.TIME, "last_seen last_visited_target", nullable=True),
        **_of(Kind.LIST, "languages_target powered_by_target"),
    },
    where_only={
        **_ANY_LINK_WHERE,
        **_of(Kind.TEXT, "anchor root_name_source title_source url_from_plain"),
        **_of(
            Kind.INTEGER,
            "http_code_source linked_domains_source links_external_source positions_source positions_source_domain",
        ),
        **_of(Kind.INTEGER, "refdomains_source", 5),
        **_of(Kind.INTEGER, "traffic_domain_source traffic_source", 10),
        **_of(Kind.NUMBER, "domain_rating_source url_rating_source"),
        **_of(Kind.FLAG, "is_lost is_new is_root_source"),
        **_of(Kind.LIST, "languages_source powered_by_source"),
    },
    unsortable=frozenset(
        {
            *("http_code_target", "languages_target", "last_visited_target", "powered_by_target", "target_redirect"),
            *("title_target", "url_rating_target"),
        }
    ),
    has_history=True,
)

BATCH = Endpoint(
    path="/batch-analysis/batch-analysis",
    rows_key="targets",
    fields={
        **_of(Kind.TEXT, "mode protocol url"),
        **_of(Kind.TEXT, "ip", nullable=True),
        **_of(
            Kind.INTEGER,
            "ahrefs_rank backlinks backlinks_dofollow backlinks_internal backlinks_nofollow backlinks_redirect index"
            " linked_domains linked_domains_dofollow org_keywords org_keywords_11_20 org_keywords_1_3"
            " org_keywords_21_50 org_keywords_4_10 org_keywords_51_plus outgoing_links outgoing_links_dofollow paid_ads"
            " paid_keywords refips refips_subnets",
        ),
        **_of(Kind.INTEGER, "refdomains refdomains_dofollow refdomains_nofollow", 5),
        **_of(Kind.INTEGER, "org_cost org_traffic paid_cost paid_traffic", 10),
        **_of(Kind.NUMBER, "domain_rating url_rating"),
        **_of(Kind.LIST, "org_traffic_top_by_country", 10),
    },
    where_only={},
)

BACKLINKS_STATS = Endpoint(
    path="/site-explorer/backlinks-stats",
    rows_key="metrics",
    fields={**_of(Kind.INTEGER, "all_time live"), **_of(Kind.INTEGER, "all_time_refdomains live_refdomains", 5)},
    where_only={},
)

REFDOMAINS_HISTORY = Endpoint(
    path="/site-explorer/refdomains-history",
    rows_key="refdomains",
    fields={**_of(Kind.DATE, "date"), **_of(Kind.INTEGER, "refdomains", 5)},
    where_only={},
)

RATING_HISTORY = Endpoint(
    path="/site-explorer/domain-rating-history",
    rows_key="domain_ratings",
    fields={**_of(Kind.DATE, "date"), **_of(Kind.NUMBER, "domain_rating")},
    where_only={},
)
