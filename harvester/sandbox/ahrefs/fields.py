"""The columns of Ahrefs' row reports: type, whether null, price in units per row (1 unless `*price` is written).

Source: the published OpenAPI documents (Ahrefs reference, sections 13 and 14, [O5]); a test compares them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r"(\w+)(\??)(?:\*(\d+))?")


@dataclass(frozen=True, slots=True)
class Field:
    """One column."""

    type: str  #: string, strings, integer, integers, number, boolean, time, date
    is_nullable: bool
    units: int


@dataclass(frozen=True, slots=True)
class Columns:
    """What one report can return, filter by and sort by, and which parameters it knows that others do not."""

    select: Mapping[str, Field]
    filters: Mapping[str, Field]  #: all of `select` and more
    unsortable: frozenset[str] = frozenset()
    has_aggregation: bool = False
    has_history: bool = True

    def price(self, names: Iterable[str]) -> int:
        """Return the units per row of these columns, each counted once."""
        return sum(self.filters[name].units for name in set(names))


def _fields(text: str) -> dict[str, Field]:
    """Read `type: name name? name*5`, as many types as there are."""
    found: dict[str, Field] = {}
    kind = ""
    for word in text.split():
        if word.endswith(":"):
            kind = word[:-1]
        elif match := _TOKEN.fullmatch(word):
            found[match[1]] = Field(kind, bool(match[2]), int(match[3] or 1))
    return found


_LINK = _fields("""
    integer: ahrefs_rank_source ahrefs_rank_target class_c*5 http_code link_group_count linked_domains_source_domain
        linked_domains_source_page linked_domains_target_domain links_external links_internal page_size port_source
        port_target positions redirect_code? refdomains_source*5 refdomains_source_domain*5 refdomains_target_domain*5
        traffic*10 traffic_domain*10
    string: alt? anchor broken_redirect_new_target? broken_redirect_reason? broken_redirect_source? discovered_status?
        drop_reason? encoding ip_source? link_type lost_reason? name_source name_target page_category_source?
        page_type_source? root_name_source root_name_target snippet_left snippet_right source_page_author? title
        tld_class_source tld_class_target url_from url_from_plain url_to url_to_plain
    number: domain_rating_source domain_rating_target url_rating_source
    time: first_seen first_seen_link last_seen? last_visited
    boolean: http_crawl is_alternate is_canonical is_content is_dofollow is_form is_frame is_image is_lost is_new
        is_nofollow is_redirect is_redirect_lost is_root_source is_root_target is_rss is_spam is_sponsored is_text
        is_ugc js_crawl noindex
    strings: languages powered_by url_redirect url_redirect_with_target
    integers: redirect_kind
    date: source_page_publish_date?
""")
_LINK_FILTERS = _fields("""
    boolean: is_homepage_link is_non_html
    integer: len_url_redirect positions_source_domain
""")
_LIFE = (
    "broken_redirect_new_target broken_redirect_reason broken_redirect_source discovered_status drop_reason is_lost"
    " is_new is_redirect_lost lost_reason noindex source_page_publish_date"
)
_BROKEN = {name: field for name, field in _LINK.items() if name not in _LIFE.split()} | _fields("""
    integer: http_code_target?
    time: last_visited_target?
""")
_REFDOMAIN = _fields("""
    integer: dofollow_linked_domains dofollow_links dofollow_refdomains*5 links_to_target lost_links new_links
        positions_source_domain traffic_domain*10
    string: domain ip_source?
    number: domain_rating
    time: first_seen last_seen?
    boolean: is_root_domain is_spam
""")
_REFDOMAIN_FILTERS = _fields("""
    string: anchor discovered_status? drop_reason? link_type lost_reason? root_domain_name snippet_left snippet_right
        source_page_author? title url_from url_to
    boolean: is_content is_dofollow is_homepage_link is_nofollow is_non_html is_sponsored is_ugc noindex
    strings: languages powered_by url_redirect url_redirect_with_target
    integer: len_url_redirect linked_domains links_external port_source port_target positions refdomains*5
        traffic_page*10
""")
_ANCHOR = _fields("""
    string: anchor
    integer: dofollow_links links_to_target lost_links new_links refdomains*5 refpages
    time: first_seen last_seen?
    boolean: is_spam
    number: top_domain_rating
""")
_ANCHOR_FILTERS = _fields("""
    string: discovered_status? drop_reason? link_type lost_reason? root_domain_name snippet_left snippet_right
        source_page_author? title url_from url_to
    number: domain_rating
    boolean: is_content is_dofollow is_homepage_link is_nofollow is_non_html is_root_domain is_sponsored is_ugc noindex
    strings: languages powered_by url_redirect url_redirect_with_target
    integer: len_url_redirect linked_domains links_external positions positions_source_domain refdomains_source*5
        traffic_domain*10 traffic_page*10
""")
_PAGE = _fields("""
    integer: dofollow_to_target http_code_target? links_to_target lost_links_to_target new_links_to_target
        nofollow_to_target redirects_to_target refdomains_target*5
    time: first_seen_link last_seen? last_visited_source last_visited_target?
    boolean: is_spam
    strings: languages_target powered_by_target
    string: target_redirect? title_target? url_to url_to_plain
    number: top_domain_rating_source url_rating_target?
""")
_PAGE_FILTERS = _fields("""
    string: anchor link_type root_name_source snippet_left snippet_right source_page_author? title_source url_from_plain
    number: domain_rating_source url_rating_source
    integer: http_code_source len_url_redirect linked_domains_source links_external_source positions_source
        positions_source_domain refdomains_source*5 traffic_domain_source*10 traffic_source*10
    boolean: is_content is_dofollow is_homepage_link is_lost is_new is_nofollow is_non_html is_root_source is_sponsored
        is_ugc
    strings: languages_source powered_by_source url_redirect url_redirect_with_target
""")
_BATCH = _fields("""
    integer: ahrefs_rank backlinks backlinks_dofollow backlinks_internal backlinks_nofollow backlinks_redirect index
        linked_domains linked_domains_dofollow org_cost*10 org_keywords org_keywords_11_20 org_keywords_1_3
        org_keywords_21_50 org_keywords_4_10 org_keywords_51_plus org_traffic*10 outgoing_links outgoing_links_dofollow
        paid_ads paid_cost*10 paid_keywords paid_traffic*10 refdomains*5 refdomains_dofollow*5 refdomains_nofollow*5
        refips refips_subnets
    number: domain_rating url_rating
    string: ip? mode protocol url
    pairs: org_traffic_top_by_country*10
""")
_UNSORTABLE_PAGE = (
    "http_code_target languages_target last_visited_target powered_by_target target_redirect title_target"
)

BACKLINKS = Columns(_LINK, _LINK | _LINK_FILTERS, frozenset({"link_group_count"}), has_aggregation=True)
BROKEN = Columns(
    _BROKEN,
    _BROKEN | _LINK_FILTERS,
    frozenset({"http_code_target", "last_visited_target", "link_group_count"}),
    has_aggregation=True,
    has_history=False,
)
REFDOMAINS = Columns(_REFDOMAIN, _REFDOMAIN | _REFDOMAIN_FILTERS)
ANCHORS = Columns(_ANCHOR, _ANCHOR | _ANCHOR_FILTERS)
PAGES = Columns(_PAGE, _PAGE | _PAGE_FILTERS, frozenset({*_UNSORTABLE_PAGE.split(), "url_rating_target"}))
BATCH = Columns(_BATCH, _BATCH, has_history=False)

#: Units of the reports without `select`: all their fields count.
OBJECT_UNITS: Mapping[str, int] = {
    "domain-rating": 2,
    "backlinks-stats": 12,
    "metrics": 44,
    "domain-rating-history": 2,
    "url-rating-history": 2,
    "refdomains-history": 6,
    "pages-history": 2,
}
