"""Rows to lines: the envelope, the record or the raw row, the task's own line. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harvester.codec import dump, dump_each, dump_line
from harvester.engine.ports import Feed, Lines, State, Work
from harvester.errors import UnreadableRow
from harvester.model import Exchange, Page, Reply, Row

TASKS = "tasks.jsonl"
REJECTS = "rejects.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """One harvest as the engine sees it: whom to ask, and how its lines look."""

    name: str
    provider: str
    report: str
    scope: str
    exchange: Exchange
    output: str  #: file name
    is_raw: bool = False
    captured: str | None = None  #: file name for the replies as they came; None = not kept
    max_rows: int | None = None  #: for each target
    by_sets: bool = False  #: a task is one set of targets, asked about together and in order
    feeds: tuple[Feed, ...] = ()  #: harvests that take their targets from these rows

    def most_rows(self, work: Work) -> int | None:
        """Return how many rows are wanted of a task."""
        return None if self.max_rows is None else self.max_rows * len(work.task.targets)

    def page_lines(self, work: Work, page: Page, reply: Reply) -> tuple[Lines, ...]:
        """Return the lines of a page that follows on what `work` has: records and rejected rows."""
        records: list[bytes] = []
        rejects: list[bytes] = []
        fetched_at = rfc3339(reply.arrived_at)
        place = {"task": work.task.id, "page": work.pages + 1}
        envelopes: dict[str, bytes] = {}  # up to the row's number: it is all that differs between rows of a target
        opening, end = (b'"raw":', b"}\n") if self.is_raw else (b"", b"\n")
        behind = b',"fetched_at":"%b",%b' % (fetched_at.encode(), opening)
        written = zip(page.rows, self._written(page.rows, reply.arrived_at), strict=True)
        for number, (row, fields) in enumerate(written, start=work.rows + 1):
            if isinstance(fields, UnreadableRow):
                place_of_row = {**place, "row": number, "fetched_at": fetched_at}
                rejects.append(_reject_line({"harvest": self.name, **place_of_row, "reason": str(fields)}, row.data))
                continue
            if (envelope := envelopes.get(row.target)) is None:
                envelope = envelopes[row.target] = self._envelope(row.target, place)
            records.append(b"%b%d%b%b%b" % (envelope, number, behind, fields, end))
        return (*_lines(self.output, records), *_lines(REJECTS, rejects))

    def task_line(self, work: Work, at: datetime) -> Lines:
        """Return the line of a finished task."""
        targets = work.task.targets
        is_batch = self.by_sets or self.exchange.targets_per_task > 1
        line = {
            "task": work.task.id,
            "harvest": self.name,
            "provider": self.provider,
            "report": self.report,
            "scope": self.scope,
            "target": None if is_batch else targets[0],
            "targets": [{"target": name, "labels": work.labels.get(name)} for name in targets] if is_batch else None,
            "labels": None if is_batch else work.labels.get(targets[0]),
            "complete": work.state is State.COMPLETE,
            "state": work.state.value,
            "reason": self._reason(work),
            "pages": work.pages,
            "rows": work.rows,
            "units": work.units,
            "at": rfc3339(at),
        }
        return Lines(TASKS, dump_line(line), 1)

    def _reason(self, work: Work) -> str | None:
        """Return why rows are missing, and what else is missing then; or a remark."""
        reason = work.reason or work.note
        if work.state is State.COMPLETE or not self.feeds:
            return reason
        return f"{reason}; so {', '.join(feed.harvest for feed in self.feeds)} may lack targets"

    def _envelope(self, target: str, place: dict[str, Any]) -> bytes:
        """Return what all records of a page about one target begin with."""
        envelope = {
            "record": self.exchange.record,
            "provider": self.provider,
            "report": self.report,
            "target": target,
            "scope": self.scope,
            **place,
        }
        return dump(envelope).removesuffix(b"}") + b',"row":'

    def _written(self, rows: Sequence[Row], arrived_at: datetime) -> Iterable[bytes | UnreadableRow]:
        """Return each row as it came, or its record behind the opening brace, or why it cannot be written."""
        if self.is_raw:
            try:
                return dump_each(row.data for row in rows)
            except UnreadableRow:  # one of them, and it does not say which
                pass
        return (self._fields(row, arrived_at) for row in rows)

    def _fields(self, row: Row, arrived_at: datetime) -> bytes | UnreadableRow:
        try:
            return dump(row.data) if self.is_raw else dump(self.exchange.record_of(row, arrived_at))[1:]
        except UnreadableRow as exc:
            return exc


def rfc3339(at: datetime) -> str:
    """Return a time as the records write it: UTC, whole seconds, `Z`."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def _lines(output: str, lines: list[bytes]) -> tuple[Lines, ...]:
    return (Lines(output, b"".join(lines), len(lines)),) if lines else ()


def _reject_line(about: dict[str, Any], raw: object) -> bytes:
    try:
        return dump_line({**about, "raw": raw})
    except UnreadableRow:
        return dump_line({**about, "raw": None})
