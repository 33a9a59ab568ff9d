"""The row reports of Ahrefs: from a query to its rows (reference, sections 6, 7 and 13.1 to 13.7).

A table holds the links of one subject inside one window of history. Tables used last are kept, so that reading a target
page by page does not make its links again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from random import Random
from typing import Any, Literal

from harvester.sandbox.ahrefs.fields import ANCHORS, BACKLINKS, BROKEN, PAGES, REFDOMAINS, Columns
from harvester.sandbox.ahrefs.groups import (
    ANCHOR_ALIASES,
    ANCHOR_VALUES,
    PAGE_ALIASES,
    PAGE_VALUES,
    REFDOMAIN_ALIASES,
    REFDOMAIN_VALUES,
    Group,
    GroupValues,
)
from harvester.sandbox.ahrefs.links import LINK_VALUES, View
from harvester.sandbox.ahrefs.query import ALL_TIME, History, RowQuery, Subject
from harvester.sandbox.ahrefs.table import Table
from harvester.sandbox.ahrefs.terms import AhrefsSwitches
from harvester.sandbox.recent import Recent
from harvester.sandbox.world import World, links_to

_ROWS_KEPT = 50_000
_COUNT = "link_group_count"

Row = dict[str, Any]
Links = Table[View]


@dataclass(frozen=True, slots=True)
class Grouped:
    """The groups of a table of links, and which one each link belongs to."""

    groups: Table[Group]
    group_of: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """One report that counts links."""

    key: Callable[[View], str]
    values: GroupValues
    aliases: Mapping[str, str]  #: filter name -> column of the link


class Shelf:
    """The tables of one world that were used last."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._links: Recent[tuple[Subject, History], Links] = Recent(_ROWS_KEPT, weigh=lambda t: 1 + len(t))
        self._broken: Recent[Subject, Links] = Recent(_ROWS_KEPT, weigh=lambda t: 1 + len(t))
        self._groups: Recent[tuple[Subject, History, str], Grouped] = Recent(
            _ROWS_KEPT, weigh=lambda grouped: 1 + len(grouped.group_of)
        )

    def links(self, subject: Subject, history: History = ALL_TIME) -> Links:
        """Return the links to a subject, the lost ones as far as the window reaches, in an order that says nothing."""
        return self._links.get((subject, history), partial(self._make_links, subject, history))

    def broken(self, subject: Subject) -> Links:
        """Return the live links to pages that answer with an error."""
        return self._broken.get(subject, partial(self._make_broken, subject))

    def grouped(self, subject: Subject, history: History, name: str) -> Grouped:
        """Return the links to a subject grouped for the report of that name."""
        return self._groups.get((subject, history, name), partial(self._make_groups, subject, history, name))

    def _make_links(self, subject: Subject, history: History) -> Links:
        since, facts = history.since, self.world.facts
        views = [
            View(link, facts)
            for link in links_to(self.world, subject.place, subject.scope)
            if link.lost_at is None or (since is not None and link.lost_at >= since)
            if subject.protocol == "both" or link.target_url.startswith(f"{subject.protocol}:")
        ]
        Random(f"{facts.seed}:order:{subject}").shuffle(views)
        return Table(views, LINK_VALUES)

    def _make_broken(self, subject: Subject) -> Links:
        live = self.links(subject, History(None))
        return Table([view for view in live.rows if view.page_to.status >= 400], LINK_VALUES)

    def _make_groups(self, subject: Subject, history: History, name: str) -> Grouped:
        grouping = GROUPINGS[name]
        numbers: dict[str, int] = {}
        members: list[list[View]] = []
        group_of: list[int] = []
        for view in self.links(subject, history).rows:
            number = numbers.setdefault(grouping.key(view), len(numbers))
            if number == len(members):
                members.append([])
            members[number].append(view)
            group_of.append(number)
        groups = [Group(key, members[number], history.since) for key, number in numbers.items()]
        return Grouped(Table(groups, grouping.values), group_of)


GROUPINGS: Mapping[str, Grouping] = {
    "refdomains": Grouping(key=lambda view: view.root, values=REFDOMAIN_VALUES, aliases=REFDOMAIN_ALIASES),
    "anchors": Grouping(key=lambda view: view.link.anchor, values=ANCHOR_VALUES, aliases=ANCHOR_ALIASES),
    "pages-by-backlinks": Grouping(key=lambda view: view.link.target_url, values=PAGE_VALUES, aliases=PAGE_ALIASES),
}
_FOLDS: Mapping[str, Callable[[Links], Sequence[Any]]] = {
    "similar_links": lambda table: list(
        zip(table.column("root_name_source"), table.column("anchor"), table.column("url_to"), strict=True)
    ),
    "1_per_domain": lambda table: table.column("root_name_source"),
}


def find_links(shelf: Shelf, query: RowQuery, switches: AhrefsSwitches, chance: Random) -> list[Row]:
    """Return the rows of all-backlinks."""
    return _link_rows(shelf.links(query.subject, query.history), query, switches, chance)


def find_broken(shelf: Shelf, query: RowQuery, switches: AhrefsSwitches, chance: Random) -> list[Row]:
    """Return the rows of broken-backlinks: live links to pages that answer with an error."""
    return _link_rows(shelf.broken(query.subject), query, switches, chance)


def _link_rows(table: Links, query: RowQuery, switches: AhrefsSwitches, chance: Random) -> list[Row]:
    if query.aggregation == "all":
        test = query.where.bind(table.column)
        rows = islice(filter(test, _ordered(table, query, switches, chance)), query.limit_rows)
        return [table.pick(row, query.select) for row in rows]
    everyone = _folded(table, range(len(table)), query.aggregation)
    sizes = {row: len(rows) for rows in everyone.values() for row in rows}
    table.add(_COUNT, [sizes[row] for row in range(len(table))])
    test = query.where.bind(table.column)
    if switches.grouping == "before_where":
        folded = [rows for rows in everyone.values() if test(_best(table, rows))]
    else:
        folded = list(_folded(table, filter(test, range(len(table))), query.aggregation).values())
    counts = {_best(table, rows): len(rows) for rows in folded}
    ordered = (row for row in _ordered(table, query, switches, chance) if row in counts)
    return [_counted(table.pick(row, query.select), counts[row]) for row in islice(ordered, query.limit_rows)]


def _folded(table: Links, rows: Iterator[int] | range, aggregation: str) -> dict[Any, list[int]]:
    """Return the links that `aggregation` shows as one row each, by what they have in common."""
    keys = _FOLDS[aggregation](table)
    folded: defaultdict[Any, list[int]] = defaultdict(list)
    for row in rows:
        folded[keys[row]].append(row)
    return folded


def _best(table: Links, rows: Sequence[int]) -> int:
    """Return the link that stands for the others: a live one if there is, on the strongest page."""
    is_lost, rating = table.column("is_lost"), table.column("url_rating_source")
    return max(rows, key=lambda row: (not is_lost[row], rating[row], -row))


def _counted(row: Row, count: int) -> Row:
    if _COUNT in row:
        row[_COUNT] = count
    return row


def _find_groups(
    name: Literal["refdomains", "anchors", "pages-by-backlinks"],
    shelf: Shelf,
    query: RowQuery,
    switches: AhrefsSwitches,
    chance: Random,
) -> list[Row]:
    """Return the groups that have a link for which the whole filter holds; their own columns count for all of it.

    "filters on link properties (is_dofollow, anchor, url_to, lost_reason, ...) select domains by their links"
    (reference, section 13.3). Counts stay those of all links of the window.
    """
    grouped = shelf.grouped(query.subject, query.history, name)
    groups, grouping = grouped.groups, GROUPINGS[name]
    if query.where.names <= grouping.values.keys():
        test = query.where.bind(groups.column)
    else:
        links = shelf.links(query.subject, query.history)

        def column(field: str) -> Sequence[Any]:
            if field in grouping.values:
                own = groups.column(field)
                return [own[group] for group in grouped.group_of]
            return links.column(grouping.aliases.get(field, field))

        holds = query.where.bind(column)
        chosen = {group for link, group in enumerate(grouped.group_of) if holds(link)}
        test = chosen.__contains__
    rows = islice(filter(test, _ordered(groups, query, switches, chance)), query.limit_rows)
    return [groups.pick(row, query.select) for row in rows]


def _ordered(table: Table[Any], query: RowQuery, switches: AhrefsSwitches, chance: Random) -> Sequence[int]:
    """Return the numbers of all rows as `order_by` wants them."""
    if switches.unordered_order == "stable":
        return table.order(query.order)
    rows = list(range(len(table)))
    chance.shuffle(rows)
    return table.sorted(rows, query.order)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReport:
    """One report of rows."""

    key: str  #: top-level key of its answer
    columns: Columns
    find: Callable[[Shelf, RowQuery, AhrefsSwitches, Random], list[Row]]


ROW_REPORTS: Mapping[str, RowReport] = {
    "all-backlinks": RowReport(key="backlinks", columns=BACKLINKS, find=find_links),
    "broken-backlinks": RowReport(key="backlinks", columns=BROKEN, find=find_broken),
    "refdomains": RowReport(key="refdomains", columns=REFDOMAINS, find=partial(_find_groups, "refdomains")),
    "anchors": RowReport(key="anchors", columns=ANCHORS, find=partial(_find_groups, "anchors")),
    "pages-by-backlinks": RowReport(key="pages", columns=PAGES, find=partial(_find_groups, "pages-by-backlinks")),
}
