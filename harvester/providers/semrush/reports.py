"""The table of all Semrush reports by their neutral names (reference, section 4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from harvester.errors import HarvestRefused
from harvester.model import Compiling, Harvest, Report, SetSize
from harvester.providers import choices
from harvester.providers.listing import Listing
from harvester.providers.mapping import Shape
from harvester.providers.paging import Paging
from harvester.providers.semrush import columns, options, rows
from harvester.providers.semrush.account import LINE_UNITS, proof
from harvester.providers.semrush.call import Arrange, Question, as_they_come, by_name
from harvester.providers.semrush.lists import (
    HISTORY,
    LISTS,
    MATRIX_TARGETS,
    NO_DAYS,
    NO_ORDER,
    OVERLAP,
    PAGE_ROWS,
    PER_LINE,
    List,
    compile_history,
    compile_list,
)
from harvester.providers.semrush.table import Column
from harvester.providers.semrush.verdicts import judge
from harvester.providers.tariff import Tariff

#: Targets of one request of `backlinks_comparison`: "at most 200", which need about 14 kB of URL.
COMPARED_TARGETS = 50
MOST_COMPARED_TARGETS = 200

_NO_PAGES = {"page_size": "none, this report comes in one request"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """One report that a request about one target answers whole."""

    name: str
    type: str
    about: str
    shape: Shape
    columns: tuple[Column, ...]
    units: int  #: for a request
    most_rows: int
    needed: tuple[str, ...]  #: columns without which a row is nothing
    host_type: str = "domain"  #: the `target_type` of the scope "host"
    has_columns: bool = True  #: takes `export_columns`
    given: Mapping[str, Any] = field(default_factory=dict)
    arrange: Arrange = as_they_come


def _compile_single(report: Single, harvest: Harvest, compiling: Compiling) -> Listing:
    choices.refuse(harvest, {**NO_DAYS, **NO_ORDER, **_NO_PAGES})
    if not report.has_columns:
        choices.refuse(harvest, {"fields": "none, this report always brings all its columns"})
    names = [column.name for column in report.columns]
    types = {**options.TARGET_TYPES, "host": report.host_type}
    tariff = Tariff(request_units=report.units)
    question = Question(
        type=report.type,
        target_type=types[harvest.scope],
        columns=columns.asked(harvest, report.columns, names, report.needed),
        arrange=report.arrange,
        tariff=tariff,
        parameters=options.chosen(harvest, (), {}, None),
        is_fixed=not report.has_columns,
    )
    return Listing(
        call=question,
        judge_reply=judge,
        shape=report.shape,
        paging=Paging(page_rows=report.most_rows, is_single=True),
        tariff=tariff,
        given=report.given,
    )


def _compile_comparison(harvest: Harvest, compiling: Compiling) -> Listing:
    choices.refuse(harvest, {**NO_DAYS, **NO_ORDER})
    if harvest.sets is not None:
        choices.refuse(harvest, {"page_size": "none, a set is one request"})
    batch_targets = harvest.page_size or (COMPARED_TARGETS if harvest.sets is None else MOST_COMPARED_TARGETS)
    if batch_targets > MOST_COMPARED_TARGETS:
        raise HarvestRefused("page_size", batch_targets, f"at most {MOST_COMPARED_TARGETS}, the targets of one request")
    target_type = options.TARGET_TYPES[harvest.scope]
    names = [column.name for column in columns.COMPARISON]
    question = Question(
        type="backlinks_comparison",
        target_type=target_type,
        columns=columns.asked(harvest, columns.COMPARISON, names, ("target",)),
        arrange=by_name(target_type),
        tariff=PER_LINE,
        parameters=options.chosen(harvest, (), {}, None),
        has_many=True,
    )
    return Listing(
        call=question,
        judge_reply=judge,
        shape=rows.COMPARISON,
        paging=Paging(page_rows=1, is_single=True),
        tariff=PER_LINE,
        targets_per_task=batch_targets,
        asks_again=True,
        proof=proof(compiling.section),
    )


_SINGLES = (
    Single(
        name="summary",
        type="backlinks_overview",
        about="counts and Authority Score of the target as of now",
        shape=rows.OVERVIEW,
        columns=columns.OVERVIEW,
        units=40,
        most_rows=1,
        needed=("ascore",),
    ),
    Single(
        name="authority",
        type="backlinks_ascore_profile",
        about="referring domains by Authority Score",
        shape=rows.AUTHORITY,
        columns=columns.AUTHORITY,
        units=100,
        most_rows=101,  # "score 0 to 100, zeros included"
        needed=(),
        has_columns=False,
        given={"dimension": "authority", "metric": "semrush_as"},
    ),
    Single(
        name="categories",
        type="backlinks_categories",
        about="topics of the target and how sure Semrush is of them",
        shape=rows.CATEGORY,
        columns=columns.CATEGORIES,
        units=50,
        most_rows=1_000,  # nothing says how many there can be; the price does not depend on it
        needed=("category_name", "rating"),
        host_type="subdomain",  # "root_domain, subdomain, url: for this report only"
    ),
)


def _single(report: Single) -> Report:
    return Report(
        name=report.name,
        aliases=(report.type,),
        record=report.shape.record,
        about=report.about,
        compile=partial(_compile_single, report),
        price=f"{report.units} units a request",
        paging="one target a request, all rows in it",
    )


def _list(
    report: List, compile_report: Callable[[List, Harvest, Compiling], Listing], sets: SetSize | None = None
) -> Report:
    return Report(
        name=report.name,
        aliases=() if report.type == "backlinks" else (report.type,),  # the neutral name of one of its three reports
        record=report.shape.record,
        about=report.about,
        compile=partial(compile_report, report),
        filters=report.neutral,
        sets=sets,
        price=f"{LINE_UNITS} units a line",
        paging=f"by position, {PAGE_ROWS:,} lines a request",
    )


_ALL = (
    *map(_single, _SINGLES),
    *(_list(report, compile_list) for report in LISTS),
    _list(OVERLAP, compile_list, SetSize(*MATRIX_TARGETS)),
    Report(
        name="comparison",
        aliases=("backlinks_comparison",),
        record="summary",
        about="counts and Authority Score of many targets, or of each set, as of now",
        compile=_compile_comparison,
        targets_per_task=MOST_COMPARED_TARGETS,
        sets=SetSize(1, MOST_COMPARED_TARGETS, is_needed=False),
        price=f"{LINE_UNITS} units a target that Semrush knows",
        paging=f"{COMPARED_TARGETS} targets a request, {MOST_COMPARED_TARGETS} at most",
    ),
    _list(HISTORY, compile_history),
)

REPORTS: Mapping[str, Report] = {report.name: report for report in _ALL}
