"""Rows to lines: the envelope, the record or the raw row, the task's own line. Pure."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harvester.codec import dump_line
from harvester.engine.ports import Lines, State, Work
from harvester.errors import UnreadableRow
from harvester.model import Exchange, Page, Reply

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

    def most_rows(self, work: Work) -> int | None:
        """Return how many rows are wanted of a task."""
        return None if self.max_rows is None else self.max_rows * len(work.task.targets)

    def page_lines(self, work: Work, page: Page, reply: Reply) -> tuple[Lines, ...]:
        """Return the lines of a page that follows on what `work` has: records and rejected rows."""
        records: list[bytes] = []
        rejects: list[bytes] = []
        fetched_at = rfc3339(reply.arrived_at)
        for number, row in enumerate(page.rows, start=work.rows + 1):
            place = {"task": work.task.id, "page": work.pages + 1, "row": number, "fetched_at": fetched_at}
            envelope: dict[str, Any] = {
                "record": self.exchange.record,
                "provider": self.provider,
                "report": self.report,
                "target": row.target,
                "scope": self.scope,
                **place,
            }
            try:
                fields = {"raw": row.data} if self.is_raw else self.exchange.record_of(row, reply.arrived_at)
                records.append(dump_line(envelope | fields))
            except UnreadableRow as exc:
                rejects.append(_reject_line({"harvest": self.name, **place, "reason": str(exc)}, row.data))
        return (*_lines(self.output, records), *_lines(REJECTS, rejects), *self.captured_lines(work, reply))

    def captured_lines(self, work: Work, reply: Reply) -> tuple[Lines, ...]:
        """Return the line of a reply as it came, if such are kept."""
        return () if self.captured is None else (Lines(self.captured, self._reply_line(work, reply), 1),)

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
            "reason": work.reason or work.note,
            "pages": work.pages,
            "rows": work.rows,
            "units": work.units,
            "at": rfc3339(at),
        }
        return Lines(TASKS, dump_line(line), 1)

    def _reply_line(self, work: Work, reply: Reply) -> bytes:
        try:
            body = {"body": reply.body.decode()}
        except UnicodeDecodeError:
            body = {"body_base64": b64encode(reply.body).decode()}
        return dump_line(
            {
                "task": work.task.id,
                "page": work.pages + 1,
                "cursor": work.cursor,
                "at": rfc3339(reply.arrived_at),
                "status": reply.status,
                "headers": reply.headers,
                **body,
            }
        )


def rfc3339(at: datetime) -> str:
    """Return a time as the records write it: UTC, whole seconds, `Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _lines(output: str, lines: list[bytes]) -> tuple[Lines, ...]:
    return (Lines(output, b"".join(lines), len(lines)),) if lines else ()


def _reject_line(about: dict[str, Any], raw: object) -> bytes:
    try:
        return dump_line({**about, "raw": raw})
    except UnreadableRow:
        return dump_line({**about, "raw": None})
