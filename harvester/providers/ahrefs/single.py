"""The reports that one request answers: Batch Analysis, the totals of one target, and the histories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from harvester.errors import HarvestRefused, UnreadableRow
from harvester.model import Forecast, Page, Reply, Request, Row, Step, Verdict
from harvester.providers.ahrefs import verdicts
from harvester.providers.ahrefs.fields import Endpoint
from harvester.providers.ahrefs.replies import FLOOR_UNITS, billed, no_data, price, rows_of
from harvester.providers.ahrefs.rows import Shape

#: "targets: array, 1..100 items" (batch-analysis).
BATCH_TARGETS = 100

#: Named in the reason why a batch is incomplete; more are only counted.
_NAMED_TARGETS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One row for each of up to 100 targets: the cheapest way to size a list of domains."""

    endpoint: Endpoint
    shape: Shape
    select: tuple[str, ...]
    mode: str
    protocol: str = "both"
    parameters: Mapping[str, str] = field(default_factory=dict)
    targets_per_task: int = BATCH_TARGETS

    @property
    def record(self) -> str:
        """Name of the record its rows become."""
        return self.shape.record

    @property
    def _row_units(self) -> int:
        return sum(self.endpoint.units(name) for name in self.select)

    def ask(self, step: Step) -> Request | None:
        """Return the request; None if the units do not cover it, since a batch is a task of its own."""
        targets = step.task.targets
        units = price(self._row_units, len(targets))
        if step.allowance.units is not None and units > step.allowance.units:
            return None
        body = {
            "targets": [{"url": target, "mode": self.mode, "protocol": self.protocol} for target in targets],
            "select": list(self.select),
            **self.parameters,
        }
        return Request(method="POST", path=self.endpoint.path, json=body, most_units=units, most_rows=len(targets))

    def judge(self, step: Step, request: Request, reply: Reply) -> Verdict:
        """Say what the reply means."""
        return verdicts.judge(reply)

    def read(self, step: Step, request: Request, reply: Reply) -> Page:
        """Return the rows, each with its target: targets can be missing, so `index` tells. Raises UnknownReply."""
        if reply.status == 404:
            return no_data(reply)
        targets = step.task.targets
        rows = [Row(_target_of(data, targets), data) for data in rows_of(reply, self.endpoint.rows_key)]
        there = {row.target for row in rows}
        units = billed(reply, self._row_units, len(rows))
        return Page(rows=rows, next=None, units=units, incomplete=_missing([t for t in targets if t not in there]))

    def record_of(self, row: Row, arrived_at: datetime) -> dict[str, Any]:
        """Return the record's own fields. Raises UnreadableRow."""
        if not row.target:
            raise UnreadableRow("the row's index is not that of a target")
        today = arrived_at.astimezone(UTC).date().isoformat()
        return self.shape.record_of(row.data, arrived_at, {"as_of": today})

    def forecast(self, rows: int | None = None) -> Forecast:
        """Return what one task costs: always one request, at most a full batch of rows."""
        most = price(self._row_units, self.targets_per_task)
        return Forecast(least_requests=1, most_requests=1, least_units=FLOOR_UNITS, most_units=most)


def _target_of(data: Any, targets: Sequence[str]) -> str:
    """Return the target of a row, by its 0-based `index`: `url` comes back changed. Empty if there is none."""
    index = data.get("index") if isinstance(data, dict) else None
    if not isinstance(index, int) or isinstance(index, bool):
        return ""
    return targets[index] if 0 <= index < len(targets) else ""


def _missing(targets: Sequence[str]) -> str | None:
    if not targets:
        return None
    more = f" and {len(targets) - _NAMED_TARGETS} more" if len(targets) > _NAMED_TARGETS else ""
    return f"no row came for {', '.join(targets[:_NAMED_TARGETS])}{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """One target, one request, a number of rows that is known beforehand."""

    endpoint: Endpoint
    shape: Shape
    query: Sequence[tuple[str, str]]  #: what follows the target
    most_rows: int
    given: Mapping[str, Any] = field(default_factory=dict)  #: record fields that the report itself knows
    targets_per_task: int = 1

    @property
    def record(self) -> str:
        """Name of the record its rows become."""
        return self.shape.record

    @property
    def _row_units(self) -> int:
        # "For endpoints without select, all answer fields count" (limits-consumption).
        return sum(each.units for each in self.endpoint.fields.values())

    def ask(self, step: Step) -> Request | None:
        """Return the request; None if the units do not cover it."""
        units = price(self._row_units, self.most_rows)
        if step.allowance.units is not None and units > step.allowance.units:
            return None
        query = (("target", step.task.targets[0]), *self.query)
        return Request(path=self.endpoint.path, query=query, most_units=units, most_rows=self.most_rows)

    def judge(self, step: Step, request: Request, reply: Reply) -> Verdict:
        """Say what the reply means."""
        return verdicts.judge(reply)

    def read(self, step: Step, request: Request, reply: Reply) -> Page:
        """Return the rows. Raises UnknownReply."""
        if reply.status == 404:
            return no_data(reply)
        rows = [Row(step.task.targets[0], data) for data in rows_of(reply, self.endpoint.rows_key)]
        wanted = step.allowance.rows
        note = "max_rows" if wanted is not None and len(rows) > wanted else None
        return Page(rows=rows[:wanted], next=None, units=billed(reply, self._row_units, len(rows)), note=note)

    def record_of(self, row: Row, arrived_at: datetime) -> dict[str, Any]:
        """Return the record's own fields. Raises UnreadableRow."""
        return self.shape.record_of(row.data, arrived_at, self.given)

    def forecast(self, rows: int | None = None) -> Forecast:
        """Return what one task costs: one request, at most a row for each point in time."""
        most = price(self._row_units, self.most_rows)
        return Forecast(least_requests=1, most_requests=1, least_units=FLOOR_UNITS, most_units=most)


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
    """Return the first and the last day of a history. Raises HarvestRefused if it ends before it begins."""
    last = until or today
    first = since or last - timedelta(days=HISTORY_DAYS)
    if first > last:
        raise HarvestRefused("since", first.isoformat(), f"a day not after {last.isoformat()}")
    return first, last
