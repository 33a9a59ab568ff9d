"""Reports that are lists: asked page by page, in an order that is always sent.

"offset: documented max 20000 on backlinks/live; no maximum documented elsewhere", so the same is kept elsewhere, where
no token leads on: such a list is incomplete behind it, and says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from harvester.errors import HarvestRefused
from harvester.model import Compiling, Harvest, Scope
from harvester.providers import choices
from harvester.providers.dataforseo import options, rows
from harvester.providers.dataforseo.call import ONE, SET, Live
from harvester.providers.dataforseo.filters import Filter, joined
from harvester.providers.dataforseo.tariffs import tariff
from harvester.providers.dataforseo.verdicts import judge
from harvester.providers.listing import Listing, unless_denied
from harvester.providers.mapping import Shape
from harvester.providers.paging import Paging

MOST_LIMIT = 1000
MOST_OFFSET = 20_000
_NEW_DAYS = 30
_MOST_SET = 20

_NO_DAYS = dict.fromkeys(("since", "until"), "none for this report; see new-backlinks, lost-backlinks and history")
_LINK_FILTERS = ("is_followed", "min_domain_score")

#: What can be filtered by, and so sorted by, of a backlink: numbers, times, and the texts that name it.
_LINK_SORTABLE = (
    *("rank", "domain_from_rank", "page_from_rank", "backlink_spam_score", "url_to_spam_score", "links_count"),
    *("group_count", "page_from_external_links", "page_from_internal_links", "page_from_size"),
    *("page_from_status_code", "url_to_status_code", "first_seen", "prev_seen", "last_seen"),
    *("url_from", "url_to", "domain_from", "domain_to", "anchor"),
)
_COUNTS = (
    *("rank", "backlinks", "broken_backlinks", "broken_pages", "referring_domains", "referring_domains_nofollow"),
    *("referring_main_domains", "referring_main_domains_nofollow", "referring_ips", "referring_subnets"),
    *("referring_pages", "referring_pages_nofollow", "first_seen", "lost_date"),
)
_SET_COUNTS = ("backlinks", "rank", "referring_pages", "first_seen")


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """One list, described."""

    name: str
    function: str
    shape: Shape
    about: str
    order: str  #: as in a config
    ties: tuple[str, ...]  #: names a row, nearly or wholly, so that the order is certain
    sortable: tuple[str, ...]
    parameters: Mapping[str, Any]  #: always sent; an option may say otherwise
    allowed: tuple[str, ...]  #: options
    filters: tuple[str, ...] = _LINK_FILTERS
    aliases: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = options.SCOPES
    links_by: str = "backlinks_filters"  #: the parameter that takes conditions on links
    own: tuple[Filter, ...] = ()  #: conditions that make the report
    dated_by: str | None = None  #: the time that `since` and `until` are about
    usual_days: int | None = None  #: how far back it goes if `since` is absent; None = to the beginning
    given: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    has_token: bool = False
    is_overlap: bool = False
    flag: str | None = None  #: the field that shows whether a row is what the report is about


def compile_list(item: List, harvest: Harvest, compiling: Compiling) -> Listing:
    """Return the harvest of a list. Raises HarvestRefused."""
    options.refuse_fields(harvest)
    if item.dated_by is None:
        choices.refuse(harvest, _NO_DAYS)
    if harvest.scope not in item.scopes:
        raise HarvestRefused("scope", harvest.scope, f"{' or '.join(item.scopes)} for this report")
    sent = options.checked(harvest, item.allowed)
    rank_scale = sent.setdefault("rank_scale", options.USUAL_RANK_SCALE)
    parameters = {**_scope(item, harvest), **item.parameters, **sent, **_grouping(harvest)}
    parameters |= _filters(item, harvest, compiling, sent)
    if "custom_mode" in sent:
        del parameters["mode"]  # "if you use custom_mode, then mode will be ignored"
    parameters["order_by"] = options.order_by(harvest, item.sortable, item.order, item.ties)
    return Listing(
        call=Live(
            function=item.function,
            form=SET if item.is_overlap else ONE,
            scope=harvest.scope,
            parameters=parameters,
        ),
        judge_reply=judge,
        shape=rows.scaled(item.shape, rank_scale),
        paging=Paging(
            page_rows=choices.page_rows(harvest, MOST_LIMIT, MOST_LIMIT),
            last_begin=MOST_OFFSET,
            has_token=item.has_token,
            tells_total=True,
        ),
        tariff=tariff(item.function),
        given=item.given,
        max_rows=harvest.max_rows,
        is_spread=item.is_overlap,
        is_meant=None if item.flag is None else unless_denied(item.flag),
    )


def _scope(item: List, harvest: Harvest) -> Mapping[str, Any]:
    return {"include_subdomains": harvest.scope != "host"} if "host" in item.scopes else {}


def _grouping(harvest: Harvest) -> Mapping[str, Any]:
    if "one_per_domain" not in harvest.filter:
        return {}
    return {"mode": "one_per_domain" if harvest.filter["one_per_domain"] else "as_is"}


def _filters(item: List, harvest: Harvest, compiling: Compiling, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return both kinds of filters, a user's own ones last. Raises HarvestRefused."""
    of_links = options.link_conditions(harvest, sent["rank_scale"])
    dated = options.date_conditions(harvest, compiling, item.dated_by, item.usual_days) if item.dated_by else []
    found: dict[str, Any] = {}
    for name in ("filters", "backlinks_filters"):
        ours = [*item.own, *dated] if name == "filters" else []
        whole = joined([*ours, *(of_links if name == item.links_by else ()), sent.get(name)], f"options.{name}")
        if whole is not None:
            found[name] = whole
    return found


_OF_LINKS = {"mode": "as_is", "backlinks_status_type": "live", "exclude_internal_backlinks": True}
_OF_COUNTS = {"backlinks_status_type": "live", "exclude_internal_backlinks": True}
_LINK_OPTIONS = ("mode", "custom_mode", "include_indirect_links", "exclude_internal_backlinks", "rank_scale", "filters")
_COUNT_OPTIONS = (
    *("include_indirect_links", "exclude_internal_backlinks", "internal_list_limit", "rank_scale"),
    *("filters", "backlinks_filters"),
)


def _links(name: str, about: str, order: str, **more: Any) -> List:
    """Return one of the four reports of single links, all of the endpoint backlinks/live."""
    described: dict[str, Any] = {
        "function": "backlinks",
        "shape": rows.BACKLINK,
        "ties": ("url_from",),  # "rows are unique per referring page"
        "sortable": _LINK_SORTABLE,
        "parameters": _OF_LINKS,
        "allowed": _LINK_OPTIONS,
        "filters": (*_LINK_FILTERS, "one_per_domain"),
        "links_by": "filters",
        "has_token": True,
    }
    return List(name=name, about=about, order=order, **{**described, **more})


def _counts(name: str, function: str, shape: Shape, key: str, about: str) -> List:
    """Return a report of links counted by something, whose rows `key` names."""
    return List(
        name=name,
        aliases=(f"{function}/live",) if function == name else (function, f"{function}/live"),
        function=function,
        shape=shape,
        about=about,
        order="backlinks:desc",
        ties=(key,),
        sortable=(*_COUNTS, key),
        parameters=_OF_COUNTS,
        allowed=_COUNT_OPTIONS,
    )


LISTS = (
    _links(
        "backlinks",
        "live links, one row for each linking page (options: all or lost ones too)",
        "rank:desc",
        aliases=("backlinks/live",),
        allowed=(*_LINK_OPTIONS, "backlinks_status_type"),
    ),
    _links(
        "new-backlinks",
        f"live links first seen since `since`, {_NEW_DAYS} days ago if it is absent",
        "first_seen:desc",
        dated_by="first_seen",
        usual_days=_NEW_DAYS,
    ),
    _links(
        "lost-backlinks",
        "lost links; with `since` and `until`, those whose loss was noticed then",
        "last_seen:desc",
        parameters={**_OF_LINKS, "backlinks_status_type": "lost"},
        dated_by="last_seen",
        given={"is_lost": True},
        flag="is_lost",
    ),
    _links(
        "broken-backlinks",
        "live links to pages of the target that answer 4xx or 5xx",
        "domain_from_rank:desc",
        own=(["is_broken", "=", True],),
        given={"is_broken": True},
        flag="is_broken",
    ),
    _counts("refdomains", "referring_domains", rows.REFDOMAIN, "domain", "domains that link to the target"),
    _counts("anchors", "anchors", rows.ANCHOR, "anchor", "texts of the links to the target"),
    _counts("pages", "domain_pages_summary", rows.PAGE, "url", "pages of the target, by the links to them"),
    List(
        name="refips",
        aliases=("referring_networks", "referring_networks/live"),
        function="referring_networks",
        shape=rows.REFIP,
        about="IP addresses that link to the target (options: subnets)",
        order="backlinks:desc",
        ties=("network_address",),
        sortable=(*_COUNTS, "network_address"),
        parameters={"network_address_type": "ip", **_OF_COUNTS},
        allowed=(*_COUNT_OPTIONS, "network_address_type"),
    ),
    List(
        name="competitors",
        aliases=("competitors/live",),
        function="competitors",
        shape=rows.COMPETITOR,
        about="domains with links from the same places",
        order="intersections:desc",
        ties=("target",),
        sortable=("intersections", "rank", "target"),
        parameters={"main_domain": True, "exclude_large_domains": True, "exclude_internal_backlinks": True},
        allowed=("main_domain", "exclude_large_domains", "exclude_internal_backlinks", "rank_scale", "filters"),
        filters=(),
        scopes=("subdomains", "url"),
    ),
    List(
        name="overlap",
        aliases=("domain_intersection", "domain_intersection/live"),
        function="domain_intersection",
        shape=rows.OVERLAP,
        about="domains that link to the targets of a set, and to which of them",
        order="1.backlinks:desc",
        ties=("1.target", "2.target"),
        sortable=(
            "intersections_count",
            *(f"{number}.{count}" for number in range(1, _MOST_SET + 1) for count in _SET_COUNTS),
        ),
        parameters={"intersection_mode": "partial", **_OF_COUNTS},
        allowed=(*_COUNT_OPTIONS, "intersection_mode", "exclude_targets"),
        is_overlap=True,
    ),
)
