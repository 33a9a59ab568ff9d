"""How a harvest is compiled against a row of the table of reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from harvester.errors import HarvestRefused
from harvester.model import Compiling, Harvest, SetSize
from harvester.providers import choices
from harvester.providers.choices import Option
from harvester.providers.listing import Listing
from harvester.providers.mapping import Shape
from harvester.providers.paging import Paging
from harvester.providers.serpstat import call, filters, rows
from harvester.providers.serpstat.call import Days, MethodCall, Reader
from harvester.providers.serpstat.methods import MOST_ROWS, SEARCH_TYPES, Method
from harvester.providers.serpstat.verdicts import judge

OF = "of"  #: the option that names the report whose rows are counted

#: Parameters that have a key of their own.
_OWN_KEYS = {
    "query": "targets",
    "intersect": "sets",
    "searchType": "scope",
    "sort": "order_by",
    "order": "order_by",
    "page": "max_rows",
    "size": "page_size",
}
#: Filter fields of days, by the names that rows have for them: "add -> first_seen, check -> last_visited".
_SHOWN_AS = {"add": "first_seen", "check": "last_visited"}
_NO_DAYS = "none, this report has no window of days; see new-backlinks, lost-backlinks and lost-outlinks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One report."""

    name: str
    about: str
    method: Method
    shape: Shape
    read: Reader = call.plain
    given: Mapping[str, Any] = field(default_factory=dict)
    window: str | None = None  #: the filter field that `since` and `until` are about; None = there is none
    days: int | None = None  #: how far back it goes if `since` is absent; None = to the beginning
    sets: SetSize | None = None
    has_aliases: bool = True  #: the method's own names mean this report

    @property
    def filters(self) -> tuple[str, ...]:
        """The neutral filters that the method can express."""
        can = {
            "is_followed": "link_nofollow" in self.method.filters,
            "min_domain_score": "domain_rank" in self.method.filters,
            "one_per_domain": self.method.has_link_per_domain,
        }
        return tuple(name for name, is_there in can.items() if is_there)


def compile_entry(entry: Entry, harvest: Harvest, compiling: Compiling) -> Listing:
    """Return the exchange of a harvest. Raises HarvestRefused for a key that the report cannot honour."""
    method = entry.method
    _refuse_unfit(entry, harvest)
    sent = {**method.defaults, **choices.checked(harvest.options, _options(method), _OWN_KEYS)}
    params = {**_search(method, harvest), **_sorted(method, harvest), **_link_per_domain(method, harvest, sent)}
    days = _days(entry, harvest, compiling)
    conditions = [
        *(filters.asked_for(sent.pop("complexFilter"), method) if "complexFilter" in sent else ()),
        *filters.neutral(harvest),
        *(filters.within(entry.window, days.since, days.until) if entry.window and days else ()),
    ]
    if conditions:
        params["complexFilter"] = [conditions]
    return Listing(
        call=MethodCall(
            method=method, params={**params, **sent}, section=compiling.section, rows_of=entry.read, days=days
        ),
        judge_reply=judge,
        shape=entry.shape,
        paging=_paging(method.paging, harvest),
        tariff=method.tariff,
        given=entry.given,
        max_rows=harvest.max_rows,
        is_spread=entry.sets is not None,
    )


def compile_size(entries: Mapping[str, Entry], harvest: Harvest, compiling: Compiling) -> Listing:
    """Return the exchange that counts the rows of another report by asking for one of them.

    "To price a target first, size 1 gives total for 1 credit; the same filters and linkPerDomain must be used."
    Raises HarvestRefused.
    """
    choices.refuse(harvest, {"page_size": "none, one row is asked for"})
    of = harvest.options.get(OF, next(iter(entries)))
    if not isinstance(of, str) or of not in entries:
        raise HarvestRefused(f"options.{OF}", of, f"a report whose rows can be counted: {', '.join(entries)}")
    for name, value in harvest.filter.items():
        if name not in entries[of].filters:
            known = ", ".join(entries[of].filters) or "none"
            raise HarvestRefused(f"filter.{name}", value, f"filters of {of}: {known}")
    options = {name: value for name, value in harvest.options.items() if name != OF}
    listing = compile_entry(entries[of], replace(harvest, options=options), compiling)
    asked = listing.call
    assert isinstance(asked, MethodCall)  # compile_entry makes no other
    paging = Paging(page_rows=1, is_single=True)
    counting = replace(
        asked,
        method=replace(asked.method, paging=paging),
        params={**asked.params, "page": 1, "size": 1},
        rows_of=call.counted,
    )
    return replace(listing, call=counting, paging=paging, shape=rows.SIZE, given={}, max_rows=None)


def _refuse_unfit(entry: Entry, harvest: Harvest) -> None:
    """Refuse keys that the report does not have. Raises HarvestRefused."""
    method = entry.method
    if harvest.fields:
        raise HarvestRefused("fields", harvest.fields, "none, every report brings all its fields at the same price")
    if entry.window is None:
        choices.refuse(harvest, dict.fromkeys(("since", "until"), _NO_DAYS))
    if method.paging.is_single:
        choices.refuse(harvest, {"page_size": "none, this report comes in one request"})
    if not method.sorts:
        choices.refuse(harvest, {"order_by": "none, this report is not sorted"})


def _options(method: Method) -> dict[str, Option]:
    """Return the parameters that a user may set."""
    options = dict(method.options)
    if method.filters:
        options["complexFilter"] = Option(lambda value: value, "a filter in Serpstat's grammar, as JSON text")
    if method.has_link_per_domain:
        options["linkPerDomain"] = choices.whole(0, 1)
    return options


def _search(method: Method, harvest: Harvest) -> dict[str, str]:
    """Return how much of the target is asked about. Raises HarvestRefused."""
    if harvest.scope not in (method.scopes or ("subdomains",)):
        known = ", ".join(method.scopes) or "subdomains, since this report has no choice of it"
        raise HarvestRefused("scope", harvest.scope, f"a scope of this report: {known}")
    return {"searchType": SEARCH_TYPES[harvest.scope]} if method.scopes else {}


def _sorted(method: Method, harvest: Harvest) -> dict[str, str]:
    if not method.sorts:
        return {}
    sort, order = choices.order(harvest, method.sorts, method.usual)
    return {"sort": sort, "order": order}


def _link_per_domain(method: Method, harvest: Harvest, sent: dict[str, Any]) -> dict[str, int]:
    """Return the grouping, always said: "an omitted value may silently collapse to one link per domain"."""
    if not method.has_link_per_domain:
        return {}
    wish, option = harvest.filter.get("one_per_domain"), sent.pop("linkPerDomain", None)
    if wish is not None and option is not None and option != int(wish):
        raise HarvestRefused("options.linkPerDomain", option, f"{int(wish)}, as filter.one_per_domain says")
    return {"linkPerDomain": int(wish or 0) if option is None else option}


def _days(entry: Entry, harvest: Harvest, compiling: Compiling) -> Days | None:
    if entry.window is None:
        return None
    since, until = choices.window(harvest, compiling)
    if since is None and entry.days is not None:
        since = (until or compiling.today) - timedelta(days=entry.days)
    return Days(_SHOWN_AS[entry.window], since, until) if since or until else None


def _paging(paging: Paging, harvest: Harvest) -> Paging:
    if paging.is_single:
        return paging
    return replace(paging, page_rows=choices.page_rows(harvest, paging.page_rows, MOST_ROWS))
