"""How a method is asked, and what is in its answer."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from harvester.codec import Json, parse_body
from harvester.errors import UnknownReply
from harvester.model import Reply, Request, Row, Section
from harvester.providers.listing import Answer, overlap_rows
from harvester.providers.mapping import granularity, number
from harvester.providers.paging import Window
from harvester.providers.serpstat.methods import Method
from harvester.providers.serpstat.replies import Fault, fault_of, request_of, result_of
from harvester.providers.serpstat.verdicts import DEPTH, NO_DATA, rule_of
from harvester.records import day

#: The rows of the objects in `result.data`, about these targets.
Reader = Callable[[Sequence[str], Sequence[Any], Reply], list[Row]]


TOTAL = "total"  #: the field with the count of a list

#: Days are the provider's own, and its time zone is not known.
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """The days that a filter was to keep to, and the field of a row that shows whether it has."""

    field: str
    since: date | None
    until: date | None

    def stray(self, data: Sequence[Any], arrived_at: datetime) -> str | None:
        """Say if rows are of other days: then the filter is about another date, or was ignored."""
        shown = [day(_of(each, self.field), arrived_at) for each in data]
        others = sum(text is not None and not self._have(date.fromisoformat(text)) for text in shown)
        known = f"rows have another {self.field} than was asked for: the filter did not pick them by it"
        return f"{others:,} {known}, and may have left out others" if others else None

    def _have(self, found: date) -> bool:
        is_late_enough = self.since is None or found >= self.since - _A_DAY
        return is_late_enough and (self.until is None or found <= self.until + _A_DAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodCall:
    """One method with the parameters of one harvest."""

    method: Method
    params: Mapping[str, Any]  #: all but the targets and the page
    section: Section
    rows_of: Reader
    days: Days | None = None

    def request(self, targets: Sequence[str], window: Window) -> Request:
        """Return the request for that window."""
        params: dict[str, Any] = {"query": _query(targets[0]), **self.params}
        if len(targets) > 1:
            params["intersect"] = list(targets[1:])
        if not self.method.paging.is_single:
            params |= {"page": window.number, "size": window.limit}
        return request_of(self.method.full_name, params, self.section)

    def answer(self, targets: Sequence[str], request: Request, reply: Reply) -> Answer:
        """Return what a reply judged KEEP holds. Raises UnknownReply.

        The bill is what the price list says of the rows that came: `left_lines` also sinks by what other users of the
        account do.
        """
        body = parse_body(reply.body)
        begin = _begin(request)
        if (fault := fault_of(body)) is not None:
            return _ended(fault, reply.status, begin)
        result = result_of(body)
        data = _objects(result.get("data"))
        total = _total(result, body, reply)
        return Answer(
            rows=self.rows_of(targets, data, reply),
            units=self.method.tariff.units(len(data)),
            length=len(data),
            total=total,
            incomplete=_lacking(begin, request.most_rows or 0, len(data), total) or self._stray(data, reply),
        )

    def _stray(self, data: Sequence[Any], reply: Reply) -> str | None:
        return None if self.days is None else self.days.stray(data, reply.arrived_at)


def _query(target: str) -> str:
    """Return a target as it is asked about: "site.com/path/", without a scheme."""
    return target.partition("://")[2] or target


def _begin(request: Request) -> int:
    params = request.json["params"]
    return (int(params.get("page", 1)) - 1) * int(params.get("size", 0))


def _ended(fault: Fault, status: int, begin: int) -> Answer:
    """Return the answer of an error that ends a list: nothing is there, or nothing more is given.

    "No data" for a later page is the normal end of a list only if no total has promised that page.
    """
    rule = rule_of(fault, status)
    if rule not in (NO_DATA, DEPTH):
        raise UnknownReply(f"an error: {fault}")
    where = f"from row {begin + 1:,} on: {fault}"
    return Answer(
        rows=(),
        units=rule.units,
        total=None if rule is NO_DATA and begin else begin,
        incomplete=f"the provider gives no rows {where}" if rule is DEPTH else None,
        note=f"the provider has no rows {where}" if rule is NO_DATA and begin else None,
    )


def _objects(data: Any) -> Sequence[Any]:
    """Return the objects of an answer; the summary is one, and empty for a target without links."""
    if isinstance(data, dict):
        return [data] if data else []
    if not isinstance(data, list):
        raise UnknownReply(f"data is {type(data).__name__}")
    return data


def _total(result: Mapping[str, Any], body: Json, reply: Reply) -> int | None:
    """Return how many rows the whole list has; getDistributionTLD has its summary beside the result."""
    summary = result.get("summary_info") or body.get("summary_info")
    return number(_of(summary, "total"), reply.arrived_at)


def _lacking(begin: int, asked: int, came: int, total: int | None) -> str | None:
    """Say if a page that is not empty has fewer rows than it must have by the total it comes with."""
    due = 0 if total is None else min(asked, total - begin)
    return f"{came:,} rows came where {due:,} were due, from row {begin + 1:,} on" if 0 < came < due else None


def plain(targets: Sequence[str], data: Sequence[Any], reply: Reply) -> list[Row]:
    """Return a row for each object."""
    return [Row(targets[0], each) for each in data]


def counted(targets: Sequence[str], data: Sequence[Any], reply: Reply) -> list[Row]:
    """Return one row that says how many rows the whole list has, or none. Raises UnknownReply if it is not told."""
    if not data:
        return []
    body = parse_body(reply.body)
    total = _total(result_of(body), body, reply)
    if total is None:
        raise UnknownReply("it does not say how many rows there are")
    return [Row(targets[0], {TOTAL: total})]


def series(targets: Sequence[str], data: Sequence[Any], reply: Reply) -> list[Row]:
    """Return the points of a history with the distance between them: it is not documented, so it is measured."""
    days = (day(_of(each, "date"), reply.arrived_at) for each in data)
    known = {"granularity": granularity(date.fromisoformat(text) for text in days if text is not None)}
    return [Row(targets[0], each, known) for each in data]


def shared(targets: Sequence[str], data: Sequence[Any], reply: Reply) -> list[Row]:
    """Return a row for each object and target."""
    return overlap_rows(targets, data, lambda each: _links(each, reply))


#: "Links count for domain #2 klubok.com": 1 is `query`, the others are `intersect` in its order.
LINKS_KEY = re.compile(r"Links count for domain #([1-9]) ")


def _links(data: Any, reply: Reply) -> list[int] | None:
    """Return an object's links to each target by the numbers of its keys; None if one is missing."""
    named = data.items() if isinstance(data, dict) else ()
    found = {int(key[1]): number(value, reply.arrived_at) for name, value in named if (key := LINKS_KEY.match(name))}
    counts = [found.get(place) for place in range(1, len(found) + 1)]
    return [count for count in counts if count is not None] if None not in counts else None


def _of(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, dict) else None
