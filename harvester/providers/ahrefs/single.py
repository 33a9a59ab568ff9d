"""The reports that one request answers: Batch Analysis, the totals of one target, and the histories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from harvester.model import Reply, Request, Row
from harvester.providers.ahrefs import verdicts
from harvester.providers.ahrefs.fields import Endpoint
from harvester.providers.ahrefs.replies import FLOOR_UNITS, billed, charged, rows_of
from harvester.providers.listing import Answer, Listing
from harvester.providers.mapping import Shape
from harvester.providers.paging import Paging, Window
from harvester.providers.tariff import Tariff

#: "targets: array, 1..100 items" (batch-analysis).
BATCH_TARGETS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One row for each of up to 100 targets: the cheapest way to size a list of domains."""

    endpoint: Endpoint
    select: tuple[str, ...]
    mode: str
    protocol: str = "both"
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def row_units(self) -> int:
        """The price of a row, in units."""
        return sum(self.endpoint.units(name) for name in self.select)

    def request(self, targets: Sequence[str], window: Window) -> Request:
        """Return the request about all of them."""
        body = {
            "targets": [{"url": target, "mode": self.mode, "protocol": self.protocol} for target in targets],
            "select": list(self.select),
            **self.parameters,
        }
        return Request(method="POST", path=self.endpoint.path, json=body)

    def answer(self, targets: Sequence[str], request: Request, reply: Reply) -> Answer:
        """Return the rows, each with its target: targets can be missing, so `index` tells. Raises UnknownReply."""
        if reply.status == 404:
            return _no_data(reply)
        rows = [Row(_target_of(data, targets), data) for data in rows_of(reply, self.endpoint.rows_key)]
        there = {row.target for row in rows}
        missing = tuple(target for target in targets if target not in there)
        return Answer(rows=rows, units=billed(reply, self.row_units, len(rows)), missing=missing)


def _target_of(data: Any, targets: Sequence[str]) -> str:
    """Return the target of a row, by its 0-based `index`: `url` comes back changed. Empty if there is none."""
    index = data.get("index") if isinstance(data, dict) else None
    if not isinstance(index, int) or isinstance(index, bool):
        return ""
    return targets[index] if 0 <= index < len(targets) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One target, one request, a number of rows that is known beforehand."""

    endpoint: Endpoint
    query: Sequence[tuple[str, str]]  #: what follows the target

    @property
    def row_units(self) -> int:
        """The price of a row, in units."""
        # "For endpoints without select, all answer fields count" (limits-consumption).
        return sum(each.units for each in self.endpoint.fields.values())

    def request(self, targets: Sequence[str], window: Window) -> Request:
        """Return the request about one of them."""
        return Request(path=self.endpoint.path, query=(("target", targets[0]), *self.query))

    def answer(self, targets: Sequence[str], request: Request, reply: Reply) -> Answer:
        """Return the rows. Raises UnknownReply."""
        if reply.status == 404:
            return _no_data(reply)
        rows = [Row(targets[0], data) for data in rows_of(reply, self.endpoint.rows_key)]
        return Answer(rows=rows, units=billed(reply, self.row_units, len(rows)))


def _no_data(reply: Reply) -> Answer:
    """Return what a 404 says: the target is not in the index, or has no data for that date."""
    return Answer(rows=(), units=charged(reply) or 0, note="no data")


def single(call: Batch | Lookup, shape: Shape, *, most_rows: int, **more: Any) -> Listing:
    """Return the exchange of a report that comes in one request, with at most so many rows of one target."""
    return Listing(
        call=call,
        judge_reply=verdicts.judge,
        shape=shape,
        paging=Paging(page_rows=most_rows, is_single=True),
        tariff=Tariff(row_units=call.row_units, least_units=FLOOR_UNITS),
        **more,
    )


#: How far back a history goes if `since` is absent.
HISTORY_DAYS = 365

#: `history_grouping` -> the record's `granularity`.
GRANULARITIES: Mapping[str, str] = {"daily": "day", "weekly": "week", "monthly": "month"}


def most_points(first: date, last: date, grouping: str) -> int:
    """Return how many points a history can have at most: one for each period that the days touch.

    Points are every day, Mondays, or firsts of the month (seen live on free targets, 2026-09-16); a period counts even
    if its point lies before the first day, because nothing published promises that it is left out.
    """
    days = (last - first).days
    if grouping == "daily":
        return days + 1
    if grouping == "weekly":
        return (days + first.weekday()) // 7 + 1
    return (last.year - first.year) * 12 + last.month - first.month + 1


def history_days(since: date | None, until: date | None, today: date) -> tuple[date, date]:
    """Return the first and the last day of a history."""
    last = until or today
    return since or last - timedelta(days=HISTORY_DAYS), last
