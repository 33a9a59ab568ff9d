"""The reports of many rows: one target, page after page by keyset (providers/keyset.py).

Ahrefs has no offset and no cursor, and cuts answers silently at the plan's rows per request. So a page with fewer rows
than asked for is the last one only if it is certain that the plan has not cut it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from harvester.codec import dump
from harvester.model import Action, Forecast, Outlook, Page, Reply, Request, Row, Step, Verdict
from harvester.providers.ahrefs import verdicts, where
from harvester.providers.ahrefs.fields import Endpoint, Kind
from harvester.providers.ahrefs.replies import FLOOR_UNITS, billed, charged, no_data, price, rows_of
from harvester.providers.keyset import Extent, Key, Lines, Taken, Value, Walk
from harvester.providers.mapping import Shape

#: "limit: The number of results to return, default 1000" (all-backlinks).
DEFAULT_ROWS = 1000

#: Plans cut answers at 100, 250 or 500 rows (https://ahrefs.com/pricing), free targets at 100, the default at 1000. A
#: page of exactly so many rows may have been cut, whatever `row_cap` says.
CAP_ROWS = frozenset({100, 250, 500, 1000})

#: No plan is known to cut at fewer. As many rows as no answer has passed yet may be cut by one that is not known.
LEAST_CAP_ROWS = 50

#: `Allowance.facts`: the most rows that ever came in one reply to this key. Fewer than that were not cut.
MOST_ROWS_SEEN = "rows_per_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReport:
    """One harvest of one of the reports of many rows."""

    endpoint: Endpoint
    shape: Shape
    query: Sequence[tuple[str, str]]  #: what is the same in every request
    select: tuple[str, ...]
    conditions: Sequence[where.Condition]
    keys: tuple[Key, ...]  #: the chain of columns to page by
    identity: tuple[str, ...]  #: selected fields that tell rows of one value apart
    page_rows: int
    cap_rows: int | None  #: rows per request of the plan, where configured
    max_rows: int | None = None
    regroups: bool = False  #: a filter on the key changes which links a grouped row stands for
    given: Mapping[str, Any] = field(default_factory=dict)  #: record fields that the report itself knows
    targets_per_task: int = 1

    @property
    def record(self) -> str:
        """Name of the record its rows become."""
        return self.shape.record

    def ask(self, step: Step) -> Request | None:
        """Return the next request; None if the units do not cover even one new row."""
        walk = Walk.at(step.cursor, self.keys)
        row_units = self.row_units(walk)
        limit = self._limit(walk, step, row_units)
        if limit is None:
            return None
        conditions = [*self.conditions, *map(where.bounded, walk.bounds)]
        query = [
            ("target", step.task.targets[0]),
            *self.query,
            ("select", ",".join(self._select(walk))),
            *([("where", where.text(conditions))] if conditions else []),
            ("order_by", f"{walk.key.field}:{'desc' if walk.key.descending else 'asc'}"),
            ("limit", str(limit)),
        ]
        units = price(row_units, limit)
        return Request(path=self.endpoint.path, query=tuple(query), most_units=units, most_rows=limit)

    def judge(self, step: Step, request: Request, reply: Reply) -> Verdict:
        """Say what the reply means; a 400 may only mean that a filter must not name a time of day."""
        if reply.status == 400 and Walk.at(step.cursor, self.keys).by_day() is not None:
            return Verdict(action=Action.KEEP, units=charged(reply) or 0)
        return verdicts.judge(reply)

    def read(self, step: Step, request: Request, reply: Reply) -> Page:
        """Return the rows that no earlier page brought, and where the next page begins. Raises UnknownReply."""
        walk = Walk.at(step.cursor, self.keys)
        if reply.status == 400 and (coarse := walk.by_day()) is not None:
            return Page(rows=(), next=coarse.cursor(), units=charged(reply) or 0)
        if reply.status == 404:
            return no_data(reply, is_first=not step.cursor)
        rows = rows_of(reply, self.endpoint.rows_key)
        limit = request.most_rows or len(rows)
        extent = self._extent(len(rows), limit, step)
        may_grow = len(rows) >= limit and (self.cap_rows is None or limit < self.cap_rows)
        taken = walk.take(self._lines(walk, rows), extent, may_grow=may_grow)
        page = Page(
            rows=[Row(step.task.targets[0], rows[n]) for n in taken.new],
            next=None if taken.next is None else taken.next.cursor(),
            units=billed(reply, self.row_units(walk), len(rows)),
            incomplete=taken.incomplete or self._regrouped(step, taken),
            learnt={MOST_ROWS_SEEN: len(rows)},
        )
        return self._within_max_rows(page, taken, step.allowance.rows)

    def record_of(self, row: Row, arrived_at: datetime) -> dict[str, Any]:
        """Return the record's own fields. Raises UnreadableRow."""
        return self.shape.record_of(row.data, arrived_at, self.given)

    def forecast(self, outlook: Outlook | None = None) -> Forecast:
        """Return what one task costs.

        Least: one request, at Ahrefs' floor; or all of its rows, where the harvest leaves none of them out. Most is
        known with their number or `max_rows`, and then for a plan of 100 rows per request if none is configured. It
        assumes that each further page repeats one row of the one before, and is rough, because rows that share one
        time in masses take more.
        """
        rows = None if outlook is None else outlook.rows
        bounds = [bound for bound in (rows, self.max_rows) if bound is not None]
        if not bounds:
            return Forecast(least_requests=1, most_requests=None, least_units=FLOOR_UNITS, most_units=None)
        requests, units, ends_short = self._cost(min(bounds))
        is_sure = rows is not None and not self.conditions and not self.regroups
        # One more request proves the end, unless no more is wanted, or the last page is certainly shorter than any
        # that was cut. Whether there is one is known only if it is known where answers are cut.
        is_wanted = rows is not None and self.max_rows is not None and self.max_rows <= rows
        proofs = 0 if is_sure and (is_wanted or (ends_short and self.cap_rows is not None)) else 1
        sure = proofs if self.cap_rows is not None else 0
        return Forecast(
            least_requests=requests + sure if is_sure else 1,
            most_requests=requests + proofs,
            least_units=units + sure * FLOOR_UNITS if is_sure else FLOOR_UNITS,
            most_units=units + proofs * FLOOR_UNITS,
            is_rough=requests > 1,
        )

    def _cost(self, rows: int) -> tuple[int, int, bool]:
        """Return the requests and units that so many rows of one target take, and whether the last page is short."""
        row_units = self.row_units(Walk(keys=self.keys))
        full = max(2, min(self.page_rows, self.cap_rows or min(CAP_ROWS)))
        if rows < full:
            return 1, price(row_units, rows), True
        further, left = divmod(rows - full, full - 1)
        requests, units = 1 + further, (1 + further) * price(row_units, full)
        return (requests + 1, units + price(row_units, left + 1), True) if left else (requests, units, False)

    def row_units(self, walk: Walk) -> int:
        """Return the price of one row: each field in select, where or order_by counts once."""
        used = set(self._select(walk)) | where.names(self.conditions)
        return sum(self.endpoint.units(name) for name in used)

    def _select(self, walk: Walk) -> tuple[str, ...]:
        """Return the fields to ask for; those that are sorted by are needed, and are billed in any case."""
        return tuple(dict.fromkeys((*self.select, *(key.field for key in walk.keys[: walk.depth]))))

    def _limit(self, walk: Walk, step: Step, row_units: int) -> int | None:
        """Return how many rows to ask for: a page, at least one row that is new, and no more than is allowed."""
        again, allowance = walk.level.again_rows, step.allowance
        limit = max(self.page_rows, again + max(1, self.page_rows // 2))
        if self.cap_rows is not None:
            limit = min(limit, self.cap_rows)
        if allowance.rows is not None:
            limit = min(limit, allowance.rows + again)
        if allowance.units is not None:
            limit = min(limit, allowance.units // row_units if allowance.units >= FLOOR_UNITS else 0)
        return limit if limit > again else None

    def _extent(self, rows: int, limit: int, step: Step) -> Extent:
        """Return what the number of rows proves."""
        if rows == 0:
            return Extent.LAST
        if rows >= limit or rows in CAP_ROWS or (self.cap_rows is not None and rows >= self.cap_rows):
            return Extent.FULL
        if self.cap_rows is not None or rows < step.allowance.facts.get(MOST_ROWS_SEEN, 0):
            return Extent.LAST
        return Extent.FULL if rows >= LEAST_CAP_ROWS else Extent.SHORT

    def _lines(self, walk: Walk, rows: Sequence[Any]) -> Lines:
        columns = [self._values(key.field, rows) for key in walk.keys[: walk.depth]]
        return Lines(list(zip(*columns, strict=True)), lambda n: self._identity(rows[n]))

    def _values(self, name: str, rows: Sequence[Any]) -> list[Value | None]:
        """Return a column as the walk compares it: times as whole seconds since 1970."""
        read = _seconds if self.endpoint.fields[name].kind in (Kind.TIME, Kind.DATE) else _number
        return [read(row.get(name)) if isinstance(row, dict) else None for row in rows]

    def _identity(self, row: Any) -> str:
        told = [row.get(name) for name in self.identity] if isinstance(row, dict) else row
        return blake2b(dump(told), digest_size=8).hexdigest()

    def _regrouped(self, step: Step, taken: Taken) -> str | None:
        """Return what a further page of grouped rows may have spoilt."""
        if not self.regroups or not step.cursor or not taken.new:
            return None
        return "each page groups its links anew, so rows may be missing or stand for the same links"

    def _within_max_rows(self, page: Page, taken: Taken, wanted_rows: int | None) -> Page:
        """Return the page cut to the rows still wanted; nothing is incomplete about rows that are not wanted."""
        if wanted_rows is None or len(page.rows) < wanted_rows:
            return page
        has_more = taken.next is not None or len(page.rows) > wanted_rows
        note = "max_rows" if has_more else None
        return replace(page, rows=page.rows[:wanted_rows], next=None, note=note, incomplete=None)


def _number(value: Any) -> Value | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _seconds(value: Any) -> Value | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    if not 1 < moment.year < 9999:  # no link is that old or that new, and no day can be added to the last
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() // 1)
