"""The exchange of every report that is asked by position, in one request, or about a batch or set of targets.

The loop is here once; a provider gives it tables and a `Call`: how a request of its is written, and what is in an
answer. What is asked for, what it may cost and where the next page begins follows from `Paging` and `Tariff`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from harvester.errors import UnreadableRow
from harvester.model import Action, Forecast, Outlook, Page, Reply, Request, Row, Step, Verdict
from harvester.providers.mapping import Record, Shape
from harvester.providers.paging import Came, Paging, Window
from harvester.providers.proof import End, Proof
from harvester.providers.tariff import Tariff
from harvester.records import set_id

#: Named in the reason why a batch is incomplete; more are only counted.
_NAMED_TARGETS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a provider's code finds in one reply."""

    rows: Sequence[Row]
    units: int | None  #: the bill; None = the reply does not say and nothing else proves it
    length: int | None = None  #: rows as the provider counts them, where `rows` are more or fewer
    total: int | None = None  #: rows of the whole list, where the provider tells
    token: str | None = None  #: how the list goes on, where the provider says it so
    is_end: bool = False  #: the provider says in words that no row follows: no proof is needed
    missing: tuple[str, ...] = ()  #: targets of a batch that no row is about
    incomplete: str | None = None
    note: str | None = None


class Call(Protocol):
    """How one report of one provider is asked and answered. Pure."""

    def request(self, targets: Sequence[str], window: Window) -> Request:
        """Return the request for that window; its bill is filled in by the listing."""

    def answer(self, targets: Sequence[str], request: Request, reply: Reply) -> Answer:
        """Return what a reply judged KEEP holds. Raises UnknownReply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One harvest of one report."""

    call: Call
    judge_reply: Callable[[Reply], Verdict]
    shape: Shape
    paging: Paging
    tariff: Tariff
    given: Mapping[str, Any] = field(default_factory=dict)  #: record fields that the report itself knows
    max_rows: int | None = None
    targets_per_task: int = 1
    is_spread: bool = False  #: each row of the provider becomes one for each target of the set
    asks_again: bool = False  #: targets of a batch without a row are asked about once more, each alone
    proof: Proof | None = None
    is_meant: Callable[[Any], bool] | None = None  #: whether a row of the provider is what its filter asks for

    @property
    def record(self) -> str:
        """Name of the record its rows become."""
        return self.shape.record

    def ask(self, step: Step) -> Request | None:
        """Return the next request; None if the units do not cover anything useful."""
        if self.proof is not None and step.cursor.get("is_short"):
            return self.proof.request
        targets, tariff = _targets(step), self.tariff.known(step.allowance.facts)
        within = tariff.rows_within(step.allowance.units)
        window = self.paging.window(step.cursor, len(targets), wanted=self._wanted(step), within=within)
        if window is None:
            return None
        request = self.call.request(targets, window)
        return replace(request, most_units=tariff.units(window.limit), most_rows=window.limit)

    def judge(self, step: Step, request: Request, reply: Reply) -> Verdict:
        """Say what the reply means."""
        verdict = self.judge_reply(reply)
        if self.proof is not None and step.cursor.get("is_short"):
            return self.proof.judge(reply, verdict, self.tariff.units(1))
        if step.cursor.get("again") and verdict.action is Action.SET_ASIDE:
            return Verdict(action=Action.KEEP)  # it blames one target, and others of the batch are still to be asked
        return verdict

    def read(self, step: Step, request: Request, reply: Reply) -> Page:
        """Return the rows, and where the next page begins. Raises UnknownReply."""
        if self.proof is not None and step.cursor.get("is_short"):
            return self._proven(self.proof, step, reply)
        targets = _targets(step)
        if step.cursor.get("again") and (verdict := self.judge_reply(reply)).action is Action.SET_ASIDE:
            refused = f"{targets[0]}: {verdict.why}"
            return _after_one(Page(rows=(), next=None, units=verdict.units, incomplete=refused), step)
        answer = self.call.answer(targets, request, reply)
        window = Window(step.cursor.get("begin", 0), request.most_rows or 0, step.cursor.get("token"))
        length = len(answer.rows) if answer.length is None else answer.length
        page = Page(
            rows=answer.rows[: step.allowance.rows],
            next=None,
            units=answer.units,
            incomplete=answer.incomplete or self._strays(answer.rows),
            note=answer.note or (None if length or window.begin else "no data"),
        )
        if len(page.rows) < len(answer.rows):
            page = replace(page, note="max_rows")
        if self.proof is not None and self._is_doubtful(step, answer, length < window.limit):
            twice = {"is_twice": True} if step.cursor.get("is_again") and not length else {}
            return replace(page, next={**self._place(step, window.begin + length), "is_short": True, **twice})
        if self._is_batch(step):
            return self._after_batch(page, step, answer)
        following = self.paging.following(step.cursor, window, Came(length, answer.total, answer.token))
        wanted = self._wanted(step)
        if following.incomplete and wanted is not None and length >= wanted:
            return replace(page, note="max_rows")  # what cannot be reached is not wanted either
        return replace(page, next=following.next, incomplete=page.incomplete or following.incomplete)

    def record_of(self, row: Row, arrived_at: datetime) -> Record:
        """Return the record's own fields. Raises UnreadableRow."""
        if not row.target:
            raise UnreadableRow("the row does not say which target it is about")
        known = {**self.given, **row.known} if row.known else self.given
        if self.shape.record == "summary":  # counts stand for a day: the one asked for, else that of the answer
            known = {"as_of": arrived_at.astimezone(UTC).date().isoformat(), **known}
        return self.shape.record_of(row.data, arrived_at, known)

    def forecast(self, outlook: Outlook | None = None) -> Forecast:
        """Return what one task costs: at most all of its rows, where their number or `max_rows` bounds them."""
        outlook = outlook or Outlook()
        tariff = self.tariff.known(outlook.facts)
        if self.paging.is_single:
            return self._forecast_single(tariff, self.targets_per_task if outlook.targets is None else outlook.targets)
        bounds = [bound for bound in (outlook.rows, self.max_rows, self.paging.reach) if bound is not None]
        if not bounds:
            return Forecast(least_requests=1, most_requests=None, least_units=tariff.units(0), most_units=None)
        if outlook.is_exact and outlook.rows is not None:
            cost = self._cost(tariff, outlook.rows)
            return Forecast(
                least_requests=cost.requests, most_requests=cost.requests, least_units=cost.units, most_units=cost.units
            )
        # The dearest list is the longest, or one that needs a question for its end: just short of that, or full pages.
        most = min(bounds)
        full = (most - 1) // self.paging.page_rows * self.paging.page_rows
        costs = [self._cost(tariff, max(0, rows)) for rows in (most, most - 1, full)]
        return Forecast(
            least_requests=1,
            most_requests=max(cost.requests for cost in costs),
            least_units=tariff.units(0),
            most_units=max(cost.units for cost in costs),
        )

    def _forecast_single(self, tariff: Tariff, targets: int) -> Forecast:
        most = tariff.units(self.paging.page_rows * targets)
        again = targets if self.asks_again and targets > 1 else 0
        least = tariff.units(0) if tariff.row_units else most
        return Forecast(least_requests=1, most_requests=1 + again, least_units=least, most_units=most)

    def _cost(self, tariff: Tariff, rows: int) -> "_Cost":
        """Return what a list of so many rows costs: the walk of `ask` and `read` along it, its full pages at once."""
        page_rows, wanted, reach = self.paging.page_rows, self.max_rows, self.paging.reach
        within = min(bound for bound in (rows, wanted, reach) if bound is not None)
        full = max(0, within // page_rows - 1)
        begin, requests, units = full * page_rows, full, full * tariff.units(page_rows)
        while True:
            left = None if wanted is None else wanted - begin
            window = self.paging.window({"begin": begin}, 1, wanted=left, within=None)
            assert window is not None  # it has returned where nothing is left to ask for
            came = max(0, min(window.limit, rows - begin))
            requests, units, begin = requests + 1, units + tariff.units(came), begin + came
            if came < window.limit:
                has_doubt = self.proof is not None and came > 0
                return _Cost(requests + has_doubt, units)
            if begin in (wanted, reach) or (self.paging.tells_total and begin >= rows):
                return _Cost(requests, units)

    def _wanted(self, step: Step) -> int | None:
        """Return how many rows of the provider are still wanted."""
        rows = step.allowance.rows
        return rows if rows is None or not self.is_spread else -(-rows // len(step.task.targets))

    def _after_batch(self, page: Page, step: Step, answer: Answer) -> Page:
        """Return the page of a batch: what no row came for is asked again, or said."""
        if step.cursor:
            return _after_one(page, step)
        if answer.missing and not self.asks_again:
            return replace(page, incomplete=page.incomplete or f"no row came for {_named(answer.missing)}")
        is_again = answer.missing and len(step.task.targets) > 1
        return replace(page, next={"again": list(answer.missing)} if is_again else None)

    def _is_doubtful(self, step: Step, answer: Answer, is_short: bool) -> bool:
        """Return whether rows may be missing because the money ended; of a batch, they are asked for again first."""
        return is_short and not answer.is_end and not (self._is_batch(step) and len(_targets(step)) > 1)

    def _is_batch(self, step: Step) -> bool:
        """Return whether a task is a batch: by its own targets too, for it may have been drawn with another size."""
        return self.paging.is_single and (self.targets_per_task > 1 or len(step.task.targets) > 1)

    def _strays(self, rows: Sequence[Row]) -> str | None:
        """Return what to say of rows that the report is not about, and should not have brought."""
        is_meant = self.is_meant
        strays = 0 if is_meant is None else sum(not is_meant(row.data) for row in rows)
        known = "are not what the report is about: the provider did not honour the filter, and others may be missing"
        return f"{strays:,} rows {known}" if strays else None

    def _place(self, step: Step, begin: int) -> dict[str, Any]:
        """Return the part of the cursor that says where the task stands."""
        if not self._is_batch(step):
            return {"begin": begin}
        return {"bare": step.cursor.get("bare", []), "again": list(step.cursor.get("again", step.task.targets))}

    def _proven(self, proof: Proof, step: Step, reply: Reply) -> Page:
        """Return the page of a proof: no rows, and the list has ended or is asked for once more."""
        rows = min(self.paging.page_rows, self.max_rows or self.paging.page_rows)
        end, begin = proof.end(step, reply, self.tariff.units(rows)), step.cursor.get("begin", 0)
        if end is End.AGAIN:
            return Page(rows=(), next={**self._place(step, begin), "is_again": True}, units=0)
        incomplete = end.value if end is End.UNTOLD else None
        page = Page(rows=(), next=None, units=0, incomplete=incomplete, note=None if begin else "no data")
        return _after_one(page, step) if self._is_batch(step) else page


class _Cost(NamedTuple):
    """What a whole list costs."""

    requests: int
    units: int


def unless_denied(field: str) -> Callable[[Any], bool]:
    """Return what tells a row that is what its filter asks for: that field, where it is there, does not say no."""
    return lambda row: not isinstance(row, dict) or row.get(field) not in (False, "false", "0")


def overlap_rows(
    targets: Sequence[str], objects: Iterable[Any], links_of: Callable[[Any], Sequence[int] | None]
) -> list[Row]:
    """Return one row for each of the provider's objects and each target of the set.

    `links_of` counts an object's links to each target, in the order of the set; None = it cannot be read.
    """
    whole, rows = set_id(targets), list[Row]()
    for data in objects:
        links = links_of(data)
        if links is None or len(links) != len(targets):
            rows.append(Row("", data))
            continue
        matches = sum(count > 0 for count in links)
        for target, count in zip(targets, links, strict=True):
            rows.append(Row(target, data, {"links": count, "matches": matches, "set_id": whole}))
    return rows


def _targets(step: Step) -> tuple[str, ...]:
    """Return whom the step asks about: the task's targets, or the first of those that are asked about again."""
    again = step.cursor.get("again")
    return (again[0],) if again else step.task.targets


def _after_one(page: Page, step: Step) -> Page:
    """Return the page that is the last about one of the targets of a batch: the next one's turn has come."""
    targets = tuple(step.cursor.get("again", step.task.targets))
    bare = [*step.cursor.get("bare", ()), *(() if page.rows else targets[:1])]
    if targets[1:]:
        return replace(page, next={"bare": bare, "again": list(targets[1:])})
    is_batch = len(step.task.targets) > 1
    return replace(page, next=None, note=f"no data for {_named(bare)}" if bare and is_batch else page.note)


def _named(targets: Sequence[str]) -> str:
    more = f" and {len(targets) - _NAMED_TARGETS} more" if len(targets) > _NAMED_TARGETS else ""
    return f"{', '.join(targets[:_NAMED_TARGETS])}{more}"
