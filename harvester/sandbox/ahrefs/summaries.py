"""Numbers about one target: the reports of one object and the `*-history` reports (reference, sections 13.9 to 13.13).

What can be counted is counted in the links of the world. What cannot (organic and paid search, ratings) is invented.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from harvester.sandbox.ahrefs.links import View
from harvester.sandbox.ahrefs.query import Subject
from harvester.sandbox.ahrefs.reports import Row, Shelf
from harvester.sandbox.ahrefs.time import end_of
from harvester.sandbox.facts import Dice, HostFacts
from harvester.sandbox.hosts import root_of

_DAY = timedelta(days=1)


def host_of(shelf: Shelf, subject: Subject) -> HostFacts:
    """Return the facts of the target's registrable domain, to which ratings belong."""
    return shelf.world.facts.host(root_of(subject.place.host))


def domain_rating(shelf: Shelf, subject: Subject, day: date) -> Row:
    """Return the object of domain-rating."""
    site = host_of(shelf, subject)
    return {"domain_rating": _rating_on(shelf, subject, day, site.authority), "ahrefs_rank": site.rank}


def backlinks_stats(shelf: Shelf, subject: Subject, day: date) -> Row:
    """Return the object of backlinks-stats, as of the end of that day."""
    end = end_of(day)
    found = [view for view in shelf.links(subject).rows if view.link.first_seen <= end]
    live = [view for view in found if view.link.is_live_at(end)]
    return {
        "live": len(live),
        "all_time": len(found),
        "live_refdomains": len({view.root for view in live}),
        "all_time_refdomains": len({view.root for view in found}),
    }


def metrics(shelf: Shelf, subject: Subject, _day: date) -> Row:
    """Return the object of metrics."""
    site = host_of(shelf, subject)
    return {
        "org_keywords": site.keywords,
        "paid_keywords": site.ads,
        "org_keywords_1_3": site.keywords // 10,
        "org_traffic": site.visits,
        "org_cost": site.visits * 37 or None,
        "paid_traffic": site.ads * 11,
        "paid_cost": site.ads * 950 or None,
        "paid_pages": (site.ads + 2) // 3,
    }


OBJECT_REPORTS: Mapping[str, tuple[str, Callable[[Shelf, Subject, date], Row]]] = {
    "domain-rating": ("domain_rating", domain_rating),
    "backlinks-stats": ("metrics", backlinks_stats),
    "metrics": ("metrics", metrics),
}


def buckets(first: date, last: date, grouping: str) -> list[date]:
    """Return the days that stand for the buckets inside a range, both ends included: each day, Monday or first.

    "01-31..02-01 monthly gives one row, 02-01" (reference, section 13.13).
    """
    days = (first + _DAY * number for number in range((last - first).days + 1))
    if grouping == "daily":
        return list(days)
    if grouping == "weekly":
        return [day for day in days if day.weekday() == 0]
    return [day for day in days if day.day == 1]


def domain_rating_history(shelf: Shelf, subject: Subject, days: Sequence[date]) -> list[Row]:
    """Return the rows of domain-rating-history."""
    final = host_of(shelf, subject).authority
    return [{"date": day.isoformat(), "domain_rating": _rating_on(shelf, subject, day, final)} for day in days]


def url_rating_history(shelf: Shelf, subject: Subject, days: Sequence[date]) -> list[Row]:
    """Return the rows of url-rating-history."""
    final = page_rating(shelf, subject)
    return [{"date": day.isoformat(), "url_rating": _rating_on(shelf, subject, day, final)} for day in days]


def refdomains_history(shelf: Shelf, subject: Subject, days: Sequence[date]) -> list[Row]:
    """Return the rows of refdomains-history: domains with a live link at the end of each day."""
    counts = _live_domains(shelf.links(subject).rows, days)
    return [{"date": day.isoformat(), "refdomains": count} for day, count in zip(days, counts, strict=True)]


def pages_history(shelf: Shelf, subject: Subject, days: Sequence[date]) -> list[Row]:
    """Return the rows of pages-history."""
    pages = host_of(shelf, subject).links_inside
    today = shelf.world.now.date()
    return [{"date": day.isoformat(), "pages": max(1, pages - (today - day).days * pages // 4000)} for day in days]


HISTORY_REPORTS: Mapping[str, tuple[str, Callable[[Shelf, Subject, Sequence[date]], list[Row]]]] = {
    "domain-rating-history": ("domain_ratings", domain_rating_history),
    "url-rating-history": ("url_ratings", url_rating_history),
    "refdomains-history": ("refdomains", refdomains_history),
    "pages-history": ("pages", pages_history),
}


def _rating_on(shelf: Shelf, subject: Subject, day: date, final: float) -> float:
    """Return a rating that grew by up to 4 points a year, with a little unrest, and is `final` today."""
    age_days = (shelf.world.now.date() - day).days
    if age_days <= 0:
        return final
    dice = Dice(shelf.world.facts.seed, "rating", subject.place, day.year, day.month)
    grown = final - age_days / 365 * 4 * Dice(shelf.world.facts.seed, "growth", subject.place).unit(0)
    return round(min(100.0, max(0.0, grown + dice.unit(0) - 0.5)), 1)


def page_rating(shelf: Shelf, subject: Subject) -> float:
    """Return the rating of the target's page, the home page where a host is asked about."""
    return shelf.world.facts.page(f"https://{subject.place.host}{subject.place.path}").authority


def _live_domains(views: Sequence[View], days: Sequence[date]) -> Iterator[int]:
    """Yield how many domains have a live link at the end of each day; days ascend."""
    events = sorted(_events(views), key=lambda event: event[0])
    live: Counter[str] = Counter()
    domains = at = 0
    for day in days:
        end = end_of(day)
        while at < len(events) and events[at][0] <= end:
            _, step, root = events[at]
            live[root] += step
            if step > 0 and live[root] == 1:
                domains += 1
            elif step < 0 and live[root] == 0:
                domains -= 1
            at += 1
        yield domains


def _events(views: Sequence[View]) -> Iterator[tuple[datetime, int, str]]:
    for view in views:
        yield view.link.first_seen, 1, view.root
        if view.link.lost_at is not None:
            yield view.link.lost_at, -1, view.root
