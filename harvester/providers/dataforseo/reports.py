"""The table of all DataForSEO reports by their neutral names."""

from collections.abc import Mapping
from functools import partial

from harvester.model import Report, SetSize
from harvester.providers.dataforseo.lists import LISTS, MOST_OFFSET, List, compile_list
from harvester.providers.dataforseo.single import (
    HISTORY_DAYS,
    MOST_BULK_DOMAINS,
    MOST_BULK_TARGETS,
    compile_comparison,
    compile_history,
    compile_series,
    compile_summary,
)

_PRICE = "0.024 USD a request and 0.000036 USD a row"
_BY_OFFSET = f"1,000 rows a request, {MOST_OFFSET + 1000:,} rows at most"
_BY_TOKEN = f"1,000 rows a request, to the end; beyond {MOST_OFFSET:,} rows by token"


def _listed(item: List) -> Report:
    return Report(
        name=item.name,
        aliases=item.aliases,
        record=item.shape.record,
        about=item.about,
        compile=partial(compile_list, item),
        filters=item.filters,
        sets=SetSize(2, 20) if item.is_overlap else None,
        price=_PRICE,
        paging=_BY_TOKEN if item.has_token else _BY_OFFSET,
    )


_ALL = (
    Report(
        name="summary",
        aliases=("summary/live",),
        record="summary",
        about="counts of one target as of now",
        compile=compile_summary,
        filters=("is_followed", "min_domain_score"),
        price="0.024036 USD a target; comparison is up to 400 times cheaper",
        paging="one target a request",
    ),
    *map(_listed, LISTS),
    Report(
        name="history",
        aliases=("history/live",),
        record="history",
        about=f"counts by month, the last {HISTORY_DAYS} days if `since` is absent; 2019-01-01 at the earliest",
        compile=compile_history,
        price="0.024 USD a target and 0.000036 USD a month",
        paging="one target a request, all months in it",
    ),
    Report(
        name="new-lost-history",
        aliases=("timeseries_new_lost_summary", "timeseries_new_lost_summary/live"),
        record="history",
        about=f"links found and lost by month (options: day, week, year), the last {HISTORY_DAYS} days if no `since`",
        compile=compile_series,
        price="0.024 USD a target and 0.000036 USD a point",
        paging="one target a request, all points in it",
    ),
    Report(
        name="comparison",
        aliases=("bulk_pages_summary", "bulk_pages_summary/live"),
        record="summary",
        about="counts of many targets at once; option `bulk`: pages_summary, or one number that is still cheaper",
        compile=compile_comparison,
        targets_per_task=MOST_BULK_TARGETS,
        sets=SetSize(1, MOST_BULK_TARGETS, is_needed=False),
        price="0.024 USD a request and 0.000036 USD a target",
        paging=f"{MOST_BULK_DOMAINS} targets a request, {MOST_BULK_TARGETS:,} where only one number is asked for",
    ),
)

REPORTS: Mapping[str, Report] = {report.name: report for report in _ALL}
