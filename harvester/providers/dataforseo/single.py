"""Reports that come in one answer: of one target, of its months, or of a batch of targets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from harvester.errors import HarvestRefused
from harvester.model import Compiling, Harvest
from harvester.providers import choices
from harvester.providers.dataforseo import options, rows
from harvester.providers.dataforseo.call import BATCH, ONE, Live
from harvester.providers.dataforseo.filters import joined
from harvester.providers.dataforseo.tariffs import tariff
from harvester.providers.dataforseo.verdicts import judge
from harvester.providers.listing import Listing
from harvester.providers.mapping import Shape
from harvester.providers.paging import Paging

HISTORY_DAYS = 365
MOST_BULK_TARGETS = 1000
MOST_BULK_DOMAINS = 100  #: "the targets may belong to at most 100 different domains"

_HISTORY_BEGINS = date(2019, 1, 1)
_SERIES_BEGIN = date(2019, 1, 30)

_NO_ORDER = {"order_by": "none, this report is not sorted"}
_NO_PAGES = {**_NO_ORDER, "page_size": "none, this report comes in one request"}
_NO_DAYS = dict.fromkeys(("since", "until"), "none, this report knows the present only; see history")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bulk:
    """One way of asking about many targets."""

    targets: int  #: in one request
    has_scope: bool = False  #: whether subdomains can be left out: "for a bare domain the numbers cover all of them"
    has_rank: bool = False


_BULKS: Mapping[str, _Bulk] = {
    "pages_summary": _Bulk(targets=MOST_BULK_DOMAINS, has_scope=True, has_rank=True),
    "ranks": _Bulk(targets=MOST_BULK_TARGETS, has_rank=True),
    "backlinks": _Bulk(targets=MOST_BULK_TARGETS),
    "referring_domains": _Bulk(targets=MOST_BULK_TARGETS),
    "spam_score": _Bulk(targets=MOST_BULK_TARGETS),
}
_USUAL_BULK = "pages_summary"


def compile_summary(harvest: Harvest, compiling: Compiling) -> Listing:
    """Return the harvest of summaries. Raises HarvestRefused."""
    choices.refuse(harvest, {**_NO_PAGES, **_NO_DAYS})
    allowed = ("include_indirect_links", "exclude_internal_backlinks", "internal_list_limit", "backlinks_filters")
    sent = {"rank_scale": options.USUAL_RANK_SCALE, **options.checked(harvest, (*allowed, "rank_scale"))}
    of_links = options.link_conditions(harvest, sent["rank_scale"])
    own = joined([*of_links, sent.pop("backlinks_filters", None)], "options.backlinks_filters")
    pinned = {
        "include_subdomains": harvest.scope != "host",
        "exclude_internal_backlinks": True,
        "backlinks_status_type": "live",
    }
    parameters = {**pinned, **sent, **({} if own is None else {"backlinks_filters": own})}
    call = Live(
        function="summary",
        form=ONE,
        scope=harvest.scope,
        parameters=parameters,
        has_items=False,
        has_limit=False,
    )
    return _single(harvest, call, rows.scaled(rows.SUMMARY, sent["rank_scale"]), most_rows=1)


def compile_history(harvest: Harvest, compiling: Compiling) -> Listing:
    """Return the harvest of monthly counts. Raises HarvestRefused."""
    choices.refuse(harvest, _NO_PAGES)
    if harvest.scope != "subdomains":
        raise HarvestRefused("scope", harvest.scope, "subdomains, this report knows whole domains only")
    sent = {"rank_scale": options.USUAL_RANK_SCALE, **options.checked(harvest, ("rank_scale",))}
    first, last = _days(harvest, compiling, _HISTORY_BEGINS)
    parameters = {"date_from": first.isoformat(), "date_to": last.isoformat(), **sent}
    call = Live(function="history", form=ONE, scope=harvest.scope, parameters=parameters, has_limit=False)
    listing = _single(harvest, call, rows.scaled(rows.HISTORY, sent["rank_scale"]), most_rows=_months(first, last))
    return replace(listing, given={"granularity": "month"})


def compile_series(harvest: Harvest, compiling: Compiling) -> Listing:
    """Return the harvest of what was found and lost in each period. Raises HarvestRefused."""
    choices.refuse(harvest, _NO_PAGES)
    if harvest.scope == "url":
        raise HarvestRefused("scope", harvest.scope, "subdomains or host, this report knows domains only")
    group_range = options.checked(harvest, ("group_range",)).get("group_range", "month")
    first, last = _days(harvest, compiling, _SERIES_BEGIN)
    parameters = {
        "date_from": first.isoformat(),
        "date_to": last.isoformat(),
        "group_range": group_range,
        "include_subdomains": harvest.scope != "host",
    }
    call = Live(
        function="timeseries_new_lost_summary",
        form=ONE,
        scope=harvest.scope,
        parameters=parameters,
        has_limit=False,
    )
    listing = _single(harvest, call, rows.series(group_range), most_rows=_PERIODS[group_range](first, last))
    return replace(listing, given={"granularity": group_range})


def compile_comparison(harvest: Harvest, compiling: Compiling) -> Listing:
    """Return the harvest of batches. Raises HarvestRefused."""
    choices.refuse(harvest, {**_NO_ORDER, **_NO_DAYS})
    name = harvest.options.get("bulk", _USUAL_BULK)
    bulk = _BULKS.get(name if isinstance(name, str) else "", _BULKS[_USUAL_BULK])
    sent = options.checked(harvest, ("bulk", "rank_scale") if bulk.has_rank else ("bulk",))
    if harvest.scope == "host" and not bulk.has_scope:
        raise HarvestRefused("scope", harvest.scope, f"subdomains or url with options.bulk = {name!r}")
    targets = choices.page_rows(harvest, bulk.targets, bulk.targets)
    _check_sets(harvest, targets)
    function, rank_scale = f"bulk_{sent.pop('bulk', _USUAL_BULK)}", sent.get("rank_scale", options.USUAL_RANK_SCALE)
    parameters = {
        **({"include_subdomains": harvest.scope != "host"} if bulk.has_scope else {}),
        **({"rank_scale": rank_scale} if bulk.has_rank else {}),
    }
    call = Live(
        function=function,
        form=BATCH,
        scope=harvest.scope,
        parameters=parameters,
        has_limit=False,
    )
    listing = _single(harvest, call, rows.scaled(rows.SUMMARY, rank_scale), most_rows=1)
    return replace(listing, targets_per_task=targets)


def _single(harvest: Harvest, call: Live, shape: Shape, most_rows: int) -> Listing:
    options.refuse_fields(harvest)
    return Listing(
        call=call,
        judge_reply=judge,
        shape=shape,
        paging=Paging(page_rows=most_rows, is_single=True),
        tariff=tariff(call.function),
        max_rows=harvest.max_rows,
    )


def _check_sets(harvest: Harvest, most: int) -> None:
    """Raise HarvestRefused if a set that the config names has more targets than one request takes."""
    for targets in harvest.sets if isinstance(harvest.sets, tuple) else ():
        if len(targets) > most:
            raise HarvestRefused("sets", len(targets), f"at most {most:,} targets in a set, those of one request")


def _days(harvest: Harvest, compiling: Compiling, earliest: date) -> tuple[date, date]:
    """Return the first and the last day that are asked about. Raises HarvestRefused."""
    since, until = choices.window(harvest, compiling)
    last = until or compiling.today
    if last > compiling.today:
        raise HarvestRefused("until", last.isoformat(), f"{compiling.today} at the latest, the job's first day")
    first = since or max(last - timedelta(days=HISTORY_DAYS), earliest)
    if not earliest <= first <= last:
        raise HarvestRefused("since", first.isoformat(), f"{earliest} at the earliest, and no day after {last}")
    return first, last


def _months(first: date, last: date) -> int:
    return 12 * (last.year - first.year) + last.month - first.month + 1


#: How many periods two days touch, at most: weeks, months and years "correspond to full" ones.
_PERIODS: Mapping[str, Callable[[date, date], int]] = {
    "day": lambda first, last: (last - first).days + 1,
    "week": lambda first, last: (last - first).days // 7 + 2,
    "month": _months,
    "year": lambda first, last: last.year - first.year + 1,
}
