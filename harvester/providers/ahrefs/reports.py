"""The table of all Ahrefs reports by their neutral names."""

from collections.abc import Mapping
from functools import partial

from harvester.errors import HarvestRefused
from harvester.model import Compiling, Harvest, Report
from harvester.providers.ahrefs import fields, options, rows
from harvester.providers.ahrefs.fields import Endpoint
from harvester.providers.ahrefs.listings import LISTINGS, Listing, compile_listing, refuse_filters
from harvester.providers.ahrefs.replies import FLOOR_UNITS
from harvester.providers.ahrefs.single import (
    BATCH_TARGETS,
    GRANULARITIES,
    HISTORY_DAYS,
    Batch,
    Lookup,
    history_days,
    most_points,
)

_NO_ORDER = {"order_by": "none, this report is not sorted"}
_NO_PAGES = {**_NO_ORDER, "page_size": "none, this report comes in one request"}
_NO_FIELDS = {"fields": "none, this report always brings all its fields"}
_NO_DAYS = dict.fromkeys(("since", "until"), "none, this report knows the present only; see totals and history")

_SUMMARY_FIELDS = rows.SUMMARY.fields


def _compile_summary(harvest: Harvest, compiling: Compiling) -> Batch:
    options.refuse(harvest, {**_NO_ORDER, **_NO_DAYS})
    refuse_filters(harvest)
    sent = options.checked(harvest.options, {"protocol", "country", "volume_mode"})
    batch_targets = harvest.page_size or BATCH_TARGETS
    if batch_targets > BATCH_TARGETS:
        raise HarvestRefused("page_size", batch_targets, f"at most {BATCH_TARGETS}, the targets of one request")
    return Batch(
        endpoint=fields.BATCH,
        shape=rows.SUMMARY,
        select=options.selected(harvest, fields.BATCH.fields, _SUMMARY_FIELDS, ("index",)),
        mode=options.MODES[harvest.scope],
        protocol=sent.pop("protocol", "both"),
        parameters=sent,
        targets_per_task=batch_targets,
    )


def _compile_totals(harvest: Harvest, compiling: Compiling) -> Lookup:
    options.refuse(harvest, {**_NO_PAGES, **_NO_FIELDS, "since": "none, the day of the totals is `until`"})
    refuse_filters(harvest)
    sent = options.checked(harvest.options, {"protocol"})
    day = (compiling.day(harvest.until) or compiling.today).isoformat()
    return Lookup(
        endpoint=fields.BACKLINKS_STATS,
        shape=rows.TOTALS,
        query=(("mode", options.MODES[harvest.scope]), ("date", day), *sent.items()),
        most_rows=1,
        given={"as_of": day},
    )


def _compile_history(endpoint: Endpoint, harvest: Harvest, compiling: Compiling) -> Lookup:
    options.refuse(harvest, {**_NO_PAGES, **_NO_FIELDS})
    refuse_filters(harvest)
    has_mode = endpoint is not fields.RATING_HISTORY  # "Not on domain-rating-history: mode, protocol" (reference)
    if not has_mode and harvest.scope not in ("subdomains", "host"):
        raise HarvestRefused("scope", harvest.scope, "subdomains or host, since only a domain has a Domain Rating")
    sent = options.checked(harvest.options, {"history_grouping", "protocol"} if has_mode else {"history_grouping"})
    grouping = sent.pop("history_grouping", "monthly")
    first, last = history_days(*options.window(harvest, compiling), compiling.today)
    days = (("date_from", first.isoformat()), ("date_to", last.isoformat()), ("history_grouping", grouping))
    return Lookup(
        endpoint=endpoint,
        shape=rows.HISTORY,
        query=((("mode", options.MODES[harvest.scope]),) if has_mode else ()) + days + tuple(sent.items()),
        most_rows=most_points(first, last, grouping),
        given={"granularity": GRANULARITIES[grouping]},
    )


def _row_price(endpoint: Endpoint, names: tuple[str, ...], noun: str) -> str:
    units = sum(endpoint.units(name) for name in names)
    return f"{units} units a {noun} with the default fields, at least {FLOOR_UNITS} a request"


def _listed(listing: Listing) -> Report:
    return Report(
        name=listing.name,
        aliases=listing.aliases,
        record=listing.shape.record,
        about=listing.about,
        compile=partial(compile_listing, listing),
        price=_row_price(listing.endpoint, listing.default, "row"),
        paging=f"by filter, in the order of {', '.join(listing.chain)}; 100, 250, 500 rows or more a request, by plan",
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
    *map(_listed, LISTINGS),
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
