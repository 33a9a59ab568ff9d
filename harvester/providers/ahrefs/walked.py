"""The reports of many rows as a table, and how a harvest is compiled against each of them.

Ahrefs v3 has no endpoint for new or lost links: both are all-backlinks with `history` and a filter. The endpoints' own
defaults, `aggregation` = similar_links and `history` = all_time (lost links included and billed), are never relied on:
both are always sent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from harvester.errors import HarvestRefused
from harvester.model import Compiling, Harvest
from harvester.providers import choices
from harvester.providers.ahrefs import fields, options, rows, where
from harvester.providers.ahrefs.exchange import DEFAULT_ROWS, RowReport
from harvester.providers.ahrefs.fields import Endpoint
from harvester.providers.keyset import Key
from harvester.providers.mapping import Shape

FILTERS = ("is_followed", "min_domain_score", "one_per_domain")

#: How far back new links go if `since` is absent.
NEW_DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Which part of the index a harvest asks for."""

    history: str | None  #: None = the endpoint has no such parameter
    conditions: list[where.Condition]
    given: Mapping[str, Any] = field(default_factory=dict)  #: record fields that are thereby known


#: What is the same for all links of a domain. A filter on it takes or leaves whole domains, so it can page answers of
#: one row per domain; a filter on anything else would change which link stands for the domain.
DOMAIN_CHAIN = ("ahrefs_rank_source", "domain_rating_source", "linked_domains_source_domain")
DOMAIN_FIELDS = frozenset({*DOMAIN_CHAIN, "refdomains_source_domain", "traffic_domain", "root_name_source"})

Slicing = Callable[[str, date | None, date | None, date], Slice]  #: column, since, until, today


def live(column: str, since: date | None, until: date | None, today: date) -> Slice:
    """Ask for what is live, found from `since` to `until`."""
    return Slice(history="live", conditions=where.within(column, since, until))


def new(column: str, since: date | None, until: date | None, today: date) -> Slice:
    """Ask for live links found lately: "is_new" would mean the last crawl of the page, whenever that was."""
    return live(column, since or (until or today) - timedelta(days=NEW_DAYS), until, today)


def lost(column: str, since: date | None, until: date | None, today: date) -> Slice:
    """Ask for links found to be gone: "history=since:D adds those lost from D on" (all-backlinks)."""
    history = f"since:{since.isoformat()}" if since else "all_time"
    conditions = [where.condition("is_lost", "eq", True), *where.within(column, since, until)]
    return Slice(history=history, conditions=conditions, given={"is_lost": True})


def broken(column: str, since: date | None, until: date | None, today: date) -> Slice:
    """Ask for links to broken pages: that endpoint has no history and holds nothing else."""
    return Slice(history=None, conditions=where.within(column, since, until), given={"is_broken": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """A report of many rows."""

    name: str
    about: str
    endpoint: Endpoint
    shape: Shape
    window: str  #: the field that `since` and `until` are about
    chain: tuple[str, ...]  #: columns to page by: numbers or times, never null
    needed: tuple[str, ...]  #: fields without which a row is nothing
    identity: tuple[str, ...]  #: fields that tell rows apart
    score: str  #: the field that `min_domain_score` is about
    aliases: tuple[str, ...] = ()
    slicing: Slicing = live

    @property
    def filters(self) -> tuple[str, ...]:
        """The neutral filters that the endpoint can express."""
        return tuple(name for name in FILTERS if name != "one_per_domain" or self.endpoint.has_aggregation)

    @property
    def default(self) -> tuple[str, ...]:
        """The fields that the record needs, but for the one that exists in grouped answers only."""
        return tuple(name for name in self.shape.fields if name in self.endpoint.fields and name != "link_group_count")

    @property
    def options(self) -> frozenset[str]:
        """The parameters of the endpoint that harvester does not set itself."""
        names = {"protocol", "timeout", "where"}
        if self.endpoint.has_aggregation:
            names.add("aggregation")
        if self.slicing is live:
            names.add("history")
        return frozenset(names)


_BACKLINKS = Walked(
    name="backlinks",
    aliases=("all-backlinks",),
    about="live links, one row each; since and until: by the day they were found",
    endpoint=fields.ALL_BACKLINKS,
    shape=rows.BACKLINK,
    window="first_seen_link",
    chain=("first_seen_link", "url_rating_source", "links_external"),
    needed=("url_from", "url_to"),
    # Two links of one page to one address are common (header and footer): the text around them tells them apart.
    identity=("url_from", "url_to", "anchor", "link_type", "alt", "snippet_left", "snippet_right"),
    score="domain_rating_source",
)

WALKED = (
    _BACKLINKS,
    replace(
        _BACKLINKS,
        name="new-backlinks",
        aliases=(),
        about=f"live links found since a day, {NEW_DAYS} days ago if `since` is absent",
        slicing=new,
    ),
    replace(
        _BACKLINKS,
        name="lost-backlinks",
        aliases=(),
        about="links found to be gone, with the reason; since and until: by the day of that",
        window="last_seen",
        slicing=lost,
    ),
    replace(
        _BACKLINKS,
        name="broken-backlinks",
        aliases=(),
        about="links to pages of the target that do not answer; since and until: by the day they were found",
        endpoint=fields.BROKEN_BACKLINKS,
        shape=rows.BROKEN_BACKLINK,
        slicing=broken,
    ),
    Walked(
        name="refdomains",
        aliases=("referring-domains",),
        about="domains that link to the target; since and until: by the day of their first link",
        endpoint=fields.REFDOMAINS,
        shape=rows.REFDOMAIN,
        window="first_seen",
        chain=("first_seen", "domain_rating", "links_to_target"),
        needed=("domain",),
        identity=("domain",),
        score="domain_rating",
    ),
    Walked(
        name="anchors",
        about="texts of the links; since and until: by the day of the first link with a text",
        endpoint=fields.ANCHORS,
        shape=rows.ANCHOR,
        window="first_seen",
        chain=("first_seen", "refpages", "links_to_target"),
        needed=("anchor",),
        identity=("anchor",),
        score="domain_rating",
    ),
    Walked(
        name="pages",
        aliases=("pages-by-backlinks",),
        about="pages of the target that are linked to; since and until: by the day of their first link",
        endpoint=fields.PAGES,
        shape=rows.PAGE,
        window="first_seen_link",
        chain=("first_seen_link", "links_to_target", "top_domain_rating_source"),
        needed=("url_to",),
        identity=("url_to",),
        score="domain_rating_source",
    ),
)


def compile_walked(walked: Walked, harvest: Harvest, compiling: Compiling) -> RowReport:
    """Return the exchange of one harvest of that report. Raises HarvestRefused."""
    sent = options.checked(harvest.options, walked.options)
    part = walked.slicing(walked.window, *choices.window(harvest, compiling), compiling.today)
    conditions = [*part.conditions, *_filters(walked, harvest)]
    if "where" in harvest.options:
        conditions.append(where.asked_for(harvest.options["where"], walked.endpoint))
    aggregation = _aggregation(walked, harvest, sent.get("aggregation"))
    pinned = {"mode": options.MODES[harvest.scope], "history": part.history, "aggregation": aggregation}
    query = {**{name: value for name, value in pinned.items() if value is not None}, **sent}
    select = _select(walked, harvest, aggregation)
    cap_rows = options.row_cap(compiling)
    page_rows = harvest.page_size or cap_rows or DEFAULT_ROWS
    keys = _keys(walked, harvest, aggregation)
    is_by_domain = aggregation == "1_per_domain" and keys[0].field in DOMAIN_FIELDS
    return RowReport(
        endpoint=walked.endpoint,
        shape=walked.shape,
        query=tuple(query.items()),
        select=select,
        conditions=conditions,
        keys=keys,
        regroups=aggregation not in (None, "all") and not is_by_domain,
        identity=tuple(name for name in walked.identity if name in select),
        page_rows=min(page_rows, cap_rows or page_rows),
        cap_rows=cap_rows,
        max_rows=harvest.max_rows,
        given=part.given,
    )


def _select(walked: Walked, harvest: Harvest, aggregation: str | None) -> tuple[str, ...]:
    is_grouped = aggregation not in (None, "all")
    if not is_grouped and "link_group_count" in (harvest.fields or ()):
        raise HarvestRefused("fields", "link_group_count", "it together with another options.aggregation than all")
    default = (*walked.default, "link_group_count") if is_grouped else walked.default
    return choices.selected(harvest, walked.endpoint.fields, default, walked.needed)


def _aggregation(walked: Walked, harvest: Harvest, stated: str | None) -> str | None:
    """Return how rows are grouped: not at all unless asked for, so that nothing is hidden by default."""
    if not walked.endpoint.has_aggregation:
        return None
    one_per_domain = harvest.filter.get("one_per_domain")
    if one_per_domain is not None and stated is not None and one_per_domain != (stated == "1_per_domain"):
        raise HarvestRefused("options.aggregation", stated, "the same that filter.one_per_domain asks for, or none")
    return "1_per_domain" if one_per_domain else stated or "all"


def _keys(walked: Walked, harvest: Harvest, aggregation: str | None) -> tuple[Key, ...]:
    known = walked.endpoint.fields
    names = DOMAIN_CHAIN if aggregation == "1_per_domain" else walked.chain
    chain = tuple(options.key(name, known[name]) for name in names)
    if harvest.order_by is None:
        return chain
    first = options.sort_key(harvest.order_by, known, walked.endpoint.unsortable)
    return (first, *(key for key in chain if key.field != first.field))


def _filters(walked: Walked, harvest: Harvest) -> list[where.Condition]:
    """Return the neutral filters as conditions; one_per_domain is none. Raises HarvestRefused."""
    conditions = []
    for name, value in harvest.filter.items():
        if name == "min_domain_score":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
                raise HarvestRefused(f"filter.{name}", value, "a Domain Rating, 0 to 100")
            conditions.append(where.condition(walked.score, "gte", value))
        elif not isinstance(value, bool):
            raise HarvestRefused(f"filter.{name}", value, "true or false")
        elif name == "is_followed":
            conditions.append(where.condition("is_dofollow", "eq", value))
    return conditions
