"""How a Semrush report is asked and answered, whatever it is about."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from harvester.model import Reply, Request, Row
from harvester.providers.listing import Answer, overlap_rows
from harvester.providers.mapping import granularity, number
from harvester.providers.paging import Window
from harvester.providers.semrush.columns import links_to
from harvester.providers.semrush.table import Column, Line, read
from harvester.providers.semrush.verdicts import BAD_OFFSET, NOTHING_FOUND, Refusal, refusal_of
from harvester.providers.tariff import Tariff

_EPOCH = date(1970, 1, 1)
_FAR_S = 10**11  #: no point of a history is that late, and no `date` can be much later
_UNCOUNTED = "lines that cannot be read stand for an unknown number of rows"

#: Turns the lines of an answer into rows: about whom, and what follows from the rest of the answer.
Arrange = Callable[[Sequence[str], Sequence[Line], datetime], Sequence[Row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One report with what is chosen of it."""

    type: str
    target_type: str
    columns: Sequence[Column]
    arrange: Arrange
    tariff: Tariff
    parameters: Sequence[tuple[str, str]] = ()  #: filter, order and options
    has_many: bool = False  #: asks about `targets[]`, else about one `target`
    is_paged: bool = False
    is_fixed: bool = False  #: takes no `export_columns`
    is_expanded: bool = False  #: its last column comes once for each target

    def request(self, targets: Sequence[str], window: Window) -> Request:
        """Return the request for that window."""
        query = [("type", self.type), *self._about(targets)]
        if self.is_paged:
            # An end, not a length; absent it means 10,000 lines. An offset of 0 is refused: "it should be skipped".
            query.append(("display_limit", str(window.end)))
            query += [("display_offset", str(window.begin))] if window.begin else []
        query += self.parameters
        if not self.is_fixed:
            query.append(("export_columns", ",".join(column.name for column in self.columns)))
        return Request(path="/", query=tuple(query))

    def answer(self, targets: Sequence[str], request: Request, reply: Reply) -> Answer:
        """Return what a reply judged KEEP holds. Raises UnknownReply."""
        if (refusal := refusal_of(reply)) is not None:
            return self._without_rows(refusal, request)
        lines, is_counted = read(reply.body, self._answered(targets))
        rows = self.arrange(targets, lines, reply.arrived_at)
        asked_rows = request.most_rows or 0
        # Of the pieces of rows that cannot be read, no more are counted than were asked for.
        length = max(min(len(lines), asked_rows), sum(isinstance(line, dict) for line in lines))
        return Answer(
            rows=rows,
            units=self.tariff.units(length),
            length=length,
            missing=self._missing(targets, rows),
            incomplete=None if is_counted or length >= asked_rows else _UNCOUNTED,
        )

    def _about(self, targets: Sequence[str]) -> Iterator[tuple[str, str]]:
        if not self.has_many:
            yield "target", sent(targets[0], self.target_type)
            yield "target_type", self.target_type
            return
        for target in targets:
            yield "targets[]", sent(target, self.target_type)
        for _ in targets:
            yield "target_types[]", self.target_type

    def _answered(self, targets: Sequence[str]) -> Sequence[Column]:
        """Return the columns of the answer."""
        if not self.is_expanded:
            return self.columns
        return (*self.columns[:-1], *(links_to(sent(target, self.target_type)) for target in targets))

    def _without_rows(self, refusal: Refusal, request: Request) -> Answer:
        """Return an answer that says why it has no rows.

        "Book 0 for list errors, but the full request price for a per-request report that answers ERROR 50." An offset
        that is in order and refused nevertheless lies behind the last row: "one client treats an ERROR 605 there as
        clean exhaustion". Here it ends a list as an answer without rows does, with proof.
        """
        if refusal.code == NOTHING_FOUND:
            return Answer(rows=(), units=self.tariff.units(0), is_end=True)
        if refusal.code == BAD_OFFSET and any(name == "display_offset" for name, _ in request.query):
            return Answer(rows=(), units=0)
        return Answer(rows=(), units=0, is_end=True, incomplete=refusal.text)

    def _missing(self, targets: Sequence[str], rows: Sequence[Row]) -> tuple[str, ...]:
        """Return the targets of a batch without a row: one line each is what a comparison brings."""
        if not self.has_many or self.is_paged:
            return ()
        there = {row.target for row in rows}
        return tuple(target for target in targets if target not in there)


def sent(target: str, target_type: str) -> str:
    """Return a target as it is asked about: a `url` is "one exact page, scheme included"."""
    return f"https://{target}" if target_type == "url" and "://" not in target else target


def as_they_come(targets: Sequence[str], lines: Sequence[Line], arrived_at: datetime) -> Sequence[Row]:
    """Return one row for each line."""
    return [Row(targets[0], line) for line in lines]


def by_name(target_type: str) -> Arrange:
    """Return what finds out about which target of a batch each line is.

    "Match lines by target; if it is blank, match by position only when the number of lines equals the number of
    targets, else ask again singly."
    """

    spelt = str if target_type == "url" else str.casefold  # in the path of a page, case counts

    def arrange(targets: Sequence[str], lines: Sequence[Line], arrived_at: datetime) -> Sequence[Row]:
        by_sent = {spelt(sent(target, target_type)): target for target in targets}
        named = [by_sent.get(spelt(_name_of(line)), "") for line in lines]
        has_all = len(lines) == len(targets)
        rows = []
        for place, line in enumerate(lines):
            # A line without a name is about the target of its place, unless another line is by its own name. One line
            # to a question about one target is about that target, whatever it calls it.
            is_by_place = has_all and (len(targets) == 1 or (not _name_of(line) and targets[place] not in named))
            rows.append(Row(targets[place] if is_by_place else named[place], line))
        return rows

    return arrange


def _name_of(line: Line) -> str:
    return (line.get("target") or "") if isinstance(line, dict) else ""


def by_date(targets: Sequence[str], lines: Sequence[Line], arrived_at: datetime) -> Sequence[Row]:
    """Return the points of a history. How far apart they are is measured: the text says monthly, its example weekly."""
    seconds = [number(line.get("date"), arrived_at) for line in lines if isinstance(line, dict)]
    days = (_EPOCH + timedelta(seconds=second) for second in seconds if second is not None and second < _FAR_S)
    known = {"granularity": granularity(days)}
    return [Row(targets[0], line, known) for line in lines]


def by_target(targets: Sequence[str], lines: Sequence[Line], arrived_at: datetime) -> Sequence[Row]:
    """Return one row for each line and each target of a comparison, whose columns are the last, in order."""

    def links_of(line: Line) -> list[int]:
        counts = list(line.values())[-len(targets) :] if isinstance(line, dict) else []
        read = (number(count, arrived_at) for count in counts)
        return [count for count in read if count is not None]

    return overlap_rows(targets, lines, links_of)
