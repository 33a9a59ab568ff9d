"""The reports that are paged and paid by the line."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from harvester.errors import HarvestRefused
from harvester.model import Compiling, Harvest
from harvester.providers import choices
from harvester.providers.choices import Option
from harvester.providers.listing import Listing, unless_denied
from harvester.providers.mapping import Shape
from harvester.providers.paging import Paging
from harvester.providers.semrush import columns, options, rows
from harvester.providers.semrush.account import LINE_UNITS, proof
from harvester.providers.semrush.call import Arrange, Question, as_they_come, by_date, by_target
from harvester.providers.semrush.table import Column
from harvester.providers.semrush.verdicts import judge
from harvester.providers.tariff import Tariff

#: Rows of a usual page; a lost reply of this size leaves 40,000 units in doubt.
PAGE_ROWS = 1_000
#: Rows of the largest page: as many as a request brings that names no limit.
MOST_PAGE_ROWS = 10_000
#: "display_limit: 0 to 1,000,000" of backlinks; the other reports give no maximum.
LAST_ROW = 1_000_000
#: "2 to 6 targets."
MATRIX_TARGETS = (2, 6)
#: How far back a history goes if neither `since` nor `max_rows` says so.
HISTORY_DAYS = 365

PER_LINE = Tariff(row_units=LINE_UNITS)
NO_DAYS = dict.fromkeys(("since", "until"), "none, Semrush cannot select by date")
NO_ORDER = {"order_by": "none, this report has no order to choose"}

_WEEK = timedelta(days=7)
_BY_SIZE = ("domains_num", "backlinks_num")
_BY_SIZE_AND_TIME = (*_BY_SIZE, "first_seen", "last_seen")


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """One such report."""

    name: str
    type: str
    about: str
    shape: Shape
    columns: tuple[Column, ...]
    needed: tuple[str, ...]  #: columns without which a row is nothing
    unsure: tuple[str, ...] = ()  #: columns that are asked for only by name: one page lists them, another does not
    sorts: tuple[str, ...] = ()  #: what `display_sort` knows
    usual_sort: str = ""
    filtered: tuple[str, ...] = ()  #: fields that `display_filter` knows
    fixed_filter: str | None = None
    neutral: tuple[str, ...] = ()  #: neutral filters
    options: Mapping[str, Option] = field(default_factory=dict)  #: of this report alone
    given: Mapping[str, Any] = field(default_factory=dict)
    arrange: Arrange = as_they_come
    is_matrix: bool = False
    flag: str | None = None  #: the column that shows whether the fixed filter was honoured


def compile_list(report: List, harvest: Harvest, compiling: Compiling) -> Listing:
    """Return the listing of a harvest of that report. Raises HarvestRefused."""
    choices.refuse(harvest, NO_DAYS)
    return _listing(report, harvest, compiling)


def compile_history(report: List, harvest: Harvest, compiling: Compiling) -> Listing:
    """Return the listing of a history, bounded because every point is paid. Raises HarvestRefused."""
    choices.refuse(harvest, {"until": "none, a history begins with its newest point"})
    if harvest.scope != "subdomains":
        raise HarvestRefused("scope", harvest.scope, "subdomains: this report knows root domains only")
    points = _points(harvest, compiling)
    listing = _listing(report, replace(harvest, max_rows=points), compiling)
    return replace(listing, paging=replace(listing.paging, enough=points))


def _points(harvest: Harvest, compiling: Compiling) -> int:
    """Return how many points are wanted: as many as weeks since `since`, or `max_rows` if that is less."""
    first = compiling.day(harvest.since) or compiling.today - timedelta(days=HISTORY_DAYS)
    if first > compiling.today:
        raise HarvestRefused("since", first.isoformat(), f"a day not after {compiling.today.isoformat()}")
    weeks = (compiling.today - first) // _WEEK + 1
    return weeks if harvest.max_rows is None else min(weeks, harvest.max_rows)


def _listing(report: List, harvest: Harvest, compiling: Compiling) -> Listing:
    if not report.sorts:
        choices.refuse(harvest, NO_ORDER)
    default = [column.name for column in report.columns if column.name not in report.unsure]
    question = Question(
        type=report.type,
        target_type=options.TARGET_TYPES[harvest.scope],
        columns=columns.asked(harvest, report.columns, default, report.needed),
        arrange=report.arrange,
        tariff=PER_LINE,
        parameters=(
            *(options.sorting(harvest, report.sorts, report.usual_sort) if report.sorts else ()),
            *options.chosen(harvest, report.filtered, report.options, report.fixed_filter),
        ),
        has_many=report.is_matrix,
        is_expanded=report.is_matrix,
        is_paged=True,
    )
    return Listing(
        call=question,
        judge_reply=judge,
        shape=report.shape,
        paging=Paging(page_rows=choices.page_rows(harvest, PAGE_ROWS, MOST_PAGE_ROWS), end=LAST_ROW),
        tariff=PER_LINE,
        given=report.given,
        max_rows=harvest.max_rows,
        is_spread=report.is_matrix,
        proof=proof(compiling.section),
        is_meant=None if report.flag is None else unless_denied(report.flag),
    )


_BACKLINKS = List(
    name="backlinks",
    type="backlinks",
    about="links to the target as of now",
    shape=rows.BACKLINK,
    columns=columns.BACKLINKS,
    needed=("source_url", "target_url"),
    sorts=("page_ascore", "last_seen", "first_seen"),
    usual_sort="page_ascore:desc",
    filtered=options.BACKLINK_FILTERS,
    neutral=("is_followed",),
)

LISTS = (
    _BACKLINKS,
    replace(
        _BACKLINKS,
        name="new-backlinks",
        about="links that Semrush calls new",
        needed=("source_url", "target_url", "newlink"),
        fixed_filter="+|type||newlink",
        flag="newlink",
    ),
    replace(
        _BACKLINKS,
        name="lost-backlinks",
        about="links that Semrush calls lost",
        needed=("source_url", "target_url", "lostlink"),
        fixed_filter="+|type||lostlink",
        flag="lostlink",
    ),
    List(
        name="refdomains",
        type="backlinks_refdomains",
        about="domains with links to the target",
        shape=rows.REFDOMAIN,
        columns=columns.REFDOMAINS,
        needed=("domain",),
        sorts=("domain_ascore", "backlinks_num", "last_seen", "first_seen"),
        usual_sort="backlinks_num:desc",
        filtered=options.REFDOMAIN_FILTERS,
    ),
    List(
        name="refips",
        type="backlinks_refips",
        about="IP addresses with links to the target",
        shape=rows.REFIP,
        columns=columns.REFIPS,
        needed=("ip",),
        sorts=_BY_SIZE_AND_TIME,
        usual_sort="domains_num:desc",
    ),
    List(
        name="tld",
        type="backlinks_tld",
        about="links and referring domains by top-level domain",
        shape=rows.TLD,
        columns=columns.TLD,
        needed=("zone",),
        sorts=_BY_SIZE,
        usual_sort="domains_num:desc",
        given={"dimension": "tld"},
    ),
    List(
        name="countries",
        type="backlinks_geo",
        about="links and referring domains by country",
        shape=rows.GEO,
        columns=columns.GEO,
        needed=("country",),
        sorts=_BY_SIZE,
        usual_sort="domains_num:desc",
        given={"dimension": "country"},
    ),
    List(
        name="anchors",
        type="backlinks_anchors",
        about="texts of the links to the target",
        shape=rows.ANCHOR,
        columns=columns.ANCHORS,
        needed=("anchor",),
        sorts=_BY_SIZE_AND_TIME,
        usual_sort="backlinks_num:desc",
    ),
    List(
        name="pages",
        type="backlinks_pages",
        about="pages of the target with links to them",
        shape=rows.PAGE,
        columns=columns.PAGES,
        needed=("source_url",),
        sorts=(*_BY_SIZE, "last_seen"),
        usual_sort="backlinks_num:desc",
    ),
    List(
        name="competitors",
        type="backlinks_competitors",
        about="domains with links from the same places",
        shape=rows.COMPETITOR,
        columns=columns.COMPETITORS,
        needed=("neighbour",),
    ),
    List(
        name="topics",
        type="backlinks_categories_profile",
        about="referring domains by category, of the first 10,000 referring domains",
        shape=rows.TOPICS,
        columns=columns.CATEGORIES,
        needed=("category_name",),
        given={"dimension": "category"},
    ),
)

OVERLAP = List(
    name="overlap",
    type="backlinks_matrix",
    about="domains with links to some targets of a set, and how many to each",
    shape=rows.OVERLAP,
    columns=columns.MATRIX,
    needed=("domain", "matches_num", "backlinks_num"),
    # The text of 2021 has domain_ascore, that of 2026 domain_score, which is its default too.
    sorts=("domain_score", "domain_ascore", "matchesnum", *options.MATRIX_FILTERS),
    usual_sort="domain_score:desc",
    filtered=options.MATRIX_FILTERS,
    arrange=by_target,
    is_matrix=True,
)
HISTORY = List(
    name="history",
    type="backlinks_historical",
    about="links, referring domains and Authority Score over time, newest first, one year back if `since` is absent",
    shape=rows.HISTORY,
    columns=columns.HISTORY,
    needed=("date",),
    unsure=("backlinks_new_num", "backlinks_lost_num", "domains_new_num", "domains_lost_num"),
    options={"timespan": options.TIMESPAN},
    arrange=by_date,
)
