"""The table of all Ahrefs reports by their neutral names."""

from collections.abc import Mapping
from functools import partial

from harvester.errors import HarvestRefused
from harvester.model import Compiling, Harvest, Report
from harvester.providers import choices
from harvester.providers.ahrefs import fields, options, rows
from harvester.providers.ahrefs.fields import Endpoint
from harvester.providers.ahrefs.replies import FLOOR_UNITS
from harvester.providers.ahrefs.single import (
    BATCH_TARGETS,
    GRANULARITIES,
    HISTORY_DAYS,
    Batch,
    Lookup,
    history_days,
    most_points,
    single,
)
from harvester.providers.ahrefs.walked import WALKED, Walked, compile_walked
from harvester.providers.listing import Listing

_NO_ORDER = {"order_by": "none, this report is not sorted"}
_NO_PAGES = {**_NO_ORDER, "page_size": "none, this report comes in one request"}
_NO_FIELDS = {"fields": "none, this report always brings all its fields"}
_NO_DAYS = dict.fromkeys(("since", "until"), "none, this report knows the present only; see totals and history")

_SUMMARY_FIELDS = rows.SUMMARY.fields


def _compile_summary(harvest: Harvest, compiling: Compiling) -> Listing:
    choices.refuse(harvest, {**_NO_ORDER, **_NO_DAYS})
    sent = options.checked(harvest.options, {"protocol", "country", "volume_mode"})
    batch_targets = choices.page_rows(harvest, usual=BATCH_TARGETS, most=BATCH_TARGETS)
    call = Batch(
        endpoint=fields.BATCH,
        select=choices.selected(harvest, fields.BATCH.fields, _SUMMARY_FIELDS, ("index",)),
        mode=options.MODES[harvest.scope],
        protocol=sent.pop("protocol", "both"),
        parameters=sent,
    )
    return single(call, rows.SUMMARY, most_rows=1, targets_per_task=batch_targets)


def _compile_totals(harvest: Harvest, compiling: Compiling) -> Listing:
    choices.refuse(harvest, {**_NO_PAGES, **_NO_FIELDS, "since": "none, the day of the totals is `until`"})
    sent = options.checked(harvest.options, {"protocol"})
    day = (compiling.day(harvest.until) or compiling.today).isoformat()
    query = (("mode", options.MODES[harvest.scope]), ("date", day), *sent.items())
    return single(Lookup(endpoint=fields.BACKLINKS_STATS, query=query), rows.TOTALS, most_rows=1, given={"as_of": day})


def _compile_history(endpoint: Endpoint, harvest: Harvest, compiling: Compiling) -> Listing:
    choices.refuse(harvest, {**_NO_PAGES, **_NO_FIELDS})
    has_mode = endpoint is not fields.RATING_HISTORY  # "Not on domain-rating-history: mode, protocol" (reference)
    if not has_mode and harvest.scope not in ("subdomains", "host"):
        raise HarvestRefused("scope", harvest.scope, "subdomains or host, since only a domain has a Domain Rating")
    sent = options.checked(harvest.options, {"history_grouping", "protocol"} if has_mode else {"history_grouping"})
    grouping = sent.pop("history_grouping", "monthly")
    first, last = history_days(*choices.window(harvest, compiling), compiling.today)
    days = (("date_from", first.isoformat()), ("date_to", last.isoformat()), ("history_grouping", grouping))
    mode = (("mode", options.MODES[harvest.scope]),) if has_mode else ()
    return single(
        Lookup(endpoint=endpoint, query=(*mode, *days, *sent.items())),
        rows.HISTORY,
        most_rows=most_points(first, last, grouping),
        given={"granularity": GRANULARITIES[grouping]},
    )


def _row_price(endpoint: Endpoint, names: tuple[str, ...], noun: str) -> str:
    units = sum(endpoint.units(name) for name in names)
    return f"{units} units a {noun} (default fields), at least {FLOOR_UNITS} a request"


def _walked(walked: Walked) -> Report:
    return Report(
        name=walked.name,
        aliases=walked.aliases,
        record=walked.shape.record,
        about=walked.about,
        compile=partial(compile_walked, walked),
        filters=walked.filters,
        price=_row_price(walked.endpoint, walked.default, "row"),
        paging="by filter; 100, 250, 500 rows or more a request, by plan",
    )


_ALL = (
    Report(
        name="summary",
        aliases=("overview", "batch-analysis"),
        record="summary",
        about="counts and ratings of each target as of now",
        compile=_compile_summary,
        targets_per_task=BATCH_TARGETS,
        price=_row_price(fields.BATCH, _SUMMARY_FIELDS, "target"),
        paging=f"{BATCH_TARGETS} targets a request",
    ),
    *map(_walked, WALKED),
    Report(
        name="totals",
        aliases=("backlinks-stats",),
        record="summary",
        about="links and referring domains as of a day (`until`), and links ever seen",
        compile=_compile_totals,
        price=f"{FLOOR_UNITS} units a target",
        paging="one target a request",
    ),
    Report(
        name="history",
        aliases=("refdomains-history",),
        record="history",
        about=f"referring domains by month (options: week, day), the last {HISTORY_DAYS} days if `since` is absent",
        compile=partial(_compile_history, fields.REFDOMAINS_HISTORY),
        price=_row_price(fields.REFDOMAINS_HISTORY, ("date", "refdomains"), "point"),
        paging="one target a request, all points in it",
    ),
    Report(
        name="rating-history",
        aliases=("domain-rating-history",),
        record="history",
        about=f"Domain Rating by month (options: week, day), the last {HISTORY_DAYS} days if `since` is absent",
        compile=partial(_compile_history, fields.RATING_HISTORY),
        price=_row_price(fields.RATING_HISTORY, ("date", "domain_rating"), "point"),
        paging="one target a request, all points in it",
    ),
)

REPORTS: Mapping[str, Report] = {report.name: report for report in _ALL}
