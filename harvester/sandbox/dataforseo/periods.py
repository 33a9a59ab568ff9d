"""Reports over time: history and the two timeseries (reference, section 7), by one walk through the life of the links.

Assumed: a domain is new in a period that begins without and ends with a live link of it, and lost the other way round.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from harvester.sandbox.dataforseo.counts import DISTINCT, MAPS, SUMS, Tally, maps
from harvester.sandbox.dataforseo.links import Lens, View
from harvester.sandbox.dataforseo.params import Target, months_before, stamp, start_of
from harvester.sandbox.dataforseo.shelf import Call, Found, Subject
from harvester.sandbox.facts import Dice

_FIRST_HISTORY = date(2019, 1, 1)
_FIRST_SERIES = date(2019, 1, 30)
_FIRST_CHANGES = date(2021, 5, 1)  #: new and lost are 0 before
_GAPS = 0.1
_MOVING = ("referring_domains", "referring_main_domains")
#: A timeseries has these, in this order.
_SERIES = (
    "backlinks",
    "backlinks_nofollow",
    "referring_pages",
    "referring_pages_nofollow",
    "referring_domains",
    "referring_domains_nofollow",
    "referring_main_domains",
    "referring_main_domains_nofollow",
    "referring_ips",
    "referring_subnets",
)
_HISTORY_NUMBERS = ("backlinks", "broken_backlinks", *DISTINCT)


class Walk:
    """The links that live at a moment, from the first day on; moments can only be later ones."""

    def __init__(self, views: Iterable[View], names: Sequence[str] = (*SUMS, *DISTINCT, *MAPS)) -> None:
        born = [(view.link.first_seen, 1, view) for view in views]
        lost = [(view.link.lost_at, -1, view) for _, _, view in born if view.link.lost_at is not None]
        self._events = sorted([*born, *lost], key=lambda event: event[0])
        self._next = 0
        self.tally = Tally(dict.fromkeys((*names, *_MOVING)))

    @property
    def has_begun(self) -> bool:
        """Whether a link had been found by then."""
        return self._next > 0

    def to(self, when: datetime) -> dict[str, int]:
        """Go on to a moment; return what became new and what was lost on the way."""
        found = dict.fromkeys(("new_backlinks", "lost_backlinks"), 0)
        were: dict[str, dict[str, bool]] = {name: {} for name in _MOVING}
        while self._next < len(self._events) and self._events[self._next][0] <= when:
            _, sign, view = self._events[self._next]
            self._next += 1
            found["new_backlinks" if sign > 0 else "lost_backlinks"] += 1
            for name, was in were.items():
                key = DISTINCT[name](view) or ""
                was.setdefault(key, self.tally.has(name, key))
            self.tally.add(view, sign)
        for name, was in were.items():
            found[f"new_{name}"] = sum(not had and self.tally.has(name, key) for key, had in was.items())
            found[f"lost_{name}"] = sum(had and not self.tally.has(name, key) for key, had in was.items())
        return found


def _views(call: Call, target: Target) -> list[View]:
    lens, flag = call.lens, call.params.flag("include_subdomains")
    return [View(link, lens) for link in call.shelf.links(Subject(target, include_subdomains=flag))]


def find_history(call: Call) -> Found:
    """Return the state on the first of each month from the first link on; months can be missing. Raises Blame."""
    target, today = call.params.target(is_page_allowed=False), call.shelf.today
    last = call.params.day("date_to", today, low=_FIRST_HISTORY)
    first = call.params.day("date_from", _FIRST_HISTORY, low=_FIRST_HISTORY, high=min(last, today))
    walk, lens, items = Walk(_views(call, target)), call.lens, []
    walk.to(start_of(months_before(first.replace(day=1), 1 if first.day == 1 else 0)))
    for day in _months(first, min(last, today)):
        changes = walk.to(start_of(day))
        if walk.has_begun and not (call.switches.history_gaps and _is_gap(lens, target, day)):
            items.append(_history_item(walk.tally, target, lens, day, changes))
    return _found(target, first, last, items)


def _months(first: date, last: date) -> Iterator[date]:
    """Yield the first days of months from one day to another, both included."""
    day = first if first.day == 1 else months_before(first.replace(day=1), -1)
    while day <= last:
        yield day
        day = months_before(day, -1)


def _is_gap(lens: Lens, target: Target, day: date) -> bool:
    return Dice(lens.facts.seed, "gap", target.place.host, day).has(0, _GAPS)


def _history_item(tally: Tally, target: Target, lens: Lens, day: date, changes: dict[str, int]) -> dict[str, Any]:
    names = ("new_backlinks", "lost_backlinks", "new_referring_domains", "lost_referring_domains")
    return {
        "type": "backlinks_history",
        "date": stamp(start_of(day)),
        "rank": lens.scaled(lens.host_rank(target.place.host)),
        **{name: tally.number(name) for name in _HISTORY_NUMBERS},
        **maps(tally, 10),
        **{name: changes[name] if day >= _FIRST_CHANGES else 0 for name in names},
        **site_facts(lens, target),
    }


def site_facts(lens: Lens, target: Target) -> dict[str, Any]:
    """Return what summary and history tell of the target's own site."""
    host = target.place.host
    facts = lens.facts.host(host)
    dice = Dice(lens.facts.seed, "site facts", host)
    info = {
        "server": dice.pick(0, ("nginx", "Apache", "cloudflare", None)),
        "cms": dice.pick(1, ("WordPress 6.8", "Drupal 11", None)),
        "platform_type": lens.platform_types(host),
        "ip_address": facts.ip,
        "country": lens.country(host),
        "is_ip": host.rpartition(".")[2].isdigit(),
        "target_spam_score": lens.spam_score(host),
    }
    return {
        "crawled_pages": facts.links_inside,
        "info": info,
        "internal_links_count": facts.links_inside * 7,
        "external_links_count": facts.links_out,
    }


def find_series(call: Call) -> Found:
    """Return the state at the end of each period. Raises Blame."""
    target, first, last = _span(call)
    lens, group_range = call.lens, _group_range(call)
    walk = Walk(_views(call, target), _SERIES)
    items = []
    for _, end in periods(first, last, group_range):
        walk.to(_end_of(end))
        rank = lens.scaled(lens.host_rank(target.place.host)) if walk.has_begun else 0
        numbers = {name: walk.tally.number(name) for name in _SERIES}
        items.append({"type": "backlinks_timeseries_summary", "date": stamp(start_of(end)), "rank": rank, **numbers})
    return _found(target, first, last, items, group_range)


def find_changes(call: Call) -> Found:
    """Return what became new and what was lost in each period. Raises Blame."""
    target, first, last = _span(call)
    group_range = _group_range(call)
    walk = Walk(_views(call, target), ())
    items: list[dict[str, Any]] = []
    for begin, end in periods(first, last, group_range):
        if not items:
            walk.to(start_of(begin) - timedelta(seconds=1))
        kind = "backlinks_timeseries_new_lost_summary"
        items.append({"type": kind, "date": stamp(start_of(end)), **walk.to(_end_of(end))})
    return _found(target, first, last, items, group_range)


def _span(call: Call) -> tuple[Target, date, date]:
    """Return target and dates; where none is sent the first day that is allowed. Raises Blame."""
    target = call.params.target(is_page_allowed=False)
    last = call.params.day("date_to", call.shelf.today, low=_FIRST_SERIES, high=call.shelf.today)
    first = call.params.day("date_from", _FIRST_SERIES, low=_FIRST_SERIES, high=last)
    return target, first, last


def _group_range(call: Call) -> str:
    return call.params.choice("group_range", ("month", "day", "week", "year"))


def _end_of(day: date) -> datetime:
    return start_of(day) + timedelta(days=1, seconds=-1)


def periods(first: date, last: date, group_range: str) -> Iterator[tuple[date, date]]:
    """Yield first and last day of each whole period that two days and those between them touch."""
    begin = {
        "day": first,
        "week": first - timedelta(days=first.weekday()),
        "month": first.replace(day=1),
        "year": first.replace(month=1, day=1),
    }[group_range]
    while begin <= last:
        following = {
            "day": begin + timedelta(days=1),
            "week": begin + timedelta(days=7),
            "month": months_before(begin, -1),
            "year": months_before(begin, -12),
        }[group_range]
        yield begin, following - timedelta(days=1)
        begin = following


def _found(target: Target, first: date, last: date, items: Sequence[Any], group_range: str | None = None) -> Found:
    head = {"target": target.text, "date_from": first.isoformat(), "date_to": last.isoformat()}
    grouping = {} if group_range is None else {"group_range": group_range}
    return Found({**head, **grouping, "items_count": len(items), "items": items}, len(items))
