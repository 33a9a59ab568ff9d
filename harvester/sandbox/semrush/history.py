"""The points of `backlinks_historical` (reference, section 4.15).

"The official example steps are exactly 604,800 s (weekly), each at 00:00 UTC on a Monday", while its text says monthly.
A link counts from when it was found until it was lost, whatever the lists show of lost ones.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from harvester.sandbox.facts import Dice
from harvester.sandbox.hosts import root_of
from harvester.sandbox.semrush.scene import Scene

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)
GAINS = ("backlinks_new_num", "backlinks_lost_num", "domains_new_num", "domains_lost_num")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One line: what stood at `date`, and what came and went since the point before."""

    date: datetime
    backlinks_num: int
    domains_num: int
    score: int
    backlinks_new_num: int
    backlinks_lost_num: int
    domains_new_num: int
    domains_lost_num: int


def dates_back(now: datetime, since: datetime, *, is_monthly: bool) -> list[datetime]:
    """Return the dates of the points from `now` back to `since`, newest first."""
    date = datetime.combine(now.date(), time(), UTC)
    date -= (date.day - 1) * _DAY if is_monthly else date.weekday() * _DAY
    dates = []
    while date >= since:
        dates.append(date)
        date = (date - _DAY).replace(day=1) if is_monthly else date - _WEEK
    return dates


def points_of(scene: Scene, *, is_monthly: bool) -> list[Point]:
    """Return the points since the first link was found, newest first."""
    if not scene.history:
        return []
    since = min(link.first_seen for link in scene.history)
    dates = dates_back(scene.now, since, is_monthly=is_monthly)[::-1]
    return list(_swept(scene, dates))[::-1]


def _swept(scene: Scene, dates: Sequence[datetime]) -> Iterator[Point]:
    """Yield the points, oldest first, in one pass over all that came and went."""
    changes = sorted(
        (moment, step, root_of(link.source_host))
        for link in scene.history
        for moment, step in ((link.first_seen, 1), (link.lost_at, -1))
        if moment is not None
    )
    at = 0
    standing: Counter[str] = Counter()
    for date in dates:
        before = frozenset(standing)
        steps: Counter[int] = Counter()
        while at < len(changes) and changes[at][0] <= date:
            _, step, root = changes[at]
            steps[step] += 1
            standing[root] += step
            if not standing[root]:
                del standing[root]
            at += 1
        yield Point(
            date=date,
            backlinks_num=standing.total(),
            domains_num=len(standing),
            score=_score(scene, date),
            backlinks_new_num=steps[1],
            backlinks_lost_num=steps[-1],
            domains_new_num=len(standing.keys() - before),
            domains_lost_num=len(before - standing.keys()),
        )


def _score(scene: Scene, date: datetime) -> int:
    drift = Dice(scene.facts.seed, "score", scene.place.host, date.isoformat()).number(0, -2, 2)
    return min(100, max(0, scene.ascore + drift))
