"""A reply as it came, in one line with all that it takes to read it again. Pure.

Records are rebuilt from these lines long after the run, perhaps by another version of this program: so a line holds
what was asked and what was known then, and not what today's code would ask.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harvester.codec import dump_line, parse
from harvester.engine.ports import Lines, Question, Work
from harvester.errors import UnknownReply
from harvester.model import Allowance, Reply, Request, Step, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A reply that was kept."""

    question: Question
    rows: int | None  #: that it was read as when it came; None = it could not be read, and no page was stored


def captured_lines(output: str | None, question: Question, rows: int | None) -> tuple[Lines, ...]:
    """Return the line of a reply for `output`, if such are kept; `rows` as of `Kept`."""
    return () if output is None else (Lines(output, dump_line(_told(question, rows)), 1),)


def kept_reply(line: bytes, harvest: str) -> Kept:
    """Return what a line holds. Raises UnknownReply if it is not such a line, or one of an earlier version."""
    told = parse(line)
    try:
        if "body" in told and "request" not in told:
            raise UnknownReply("it was kept by an earlier version of harvester, which did not keep what was asked")
        return Kept(question=_question(told, harvest), rows=told["rows"])
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise UnknownReply(f"not a kept reply: {type(exc).__name__}: {exc}") from None


def _told(question: Question, rows: int | None) -> dict[str, Any]:
    work, step, request, reply = question.work, question.step, question.request, question.reply
    try:
        body = {"body": reply.body.decode()}
    except UnicodeDecodeError:
        body = {"body_base64": b64encode(reply.body).decode()}
    return {
        "task": work.task.id,
        "targets": work.task.targets,
        "page": work.pages + 1,
        "first_row": work.rows + 1,
        "rows": rows,
        "cursor": step.cursor,
        "is_continued": step.is_continued,
        "wanted_rows": step.allowance.rows,
        "facts": step.allowance.facts,
        "request": {
            "method": request.method,
            "base_url": request.base_url,
            "path": request.path,
            "query": request.query,
            "json": request.json,
            "most_rows": request.most_rows,
        },
        "at": f"{reply.arrived_at.astimezone(UTC).replace(tzinfo=None).isoformat()}Z",
        "status": reply.status,
        "headers": reply.headers,
        "is_delimited": reply.is_delimited,
        **body,
    }


def _question(told: Mapping[str, Any], harvest: str) -> Question:
    task = Task(id=told["task"], harvest=harvest, targets=tuple(told["targets"]))
    asked = told["request"]
    return Question(
        work=Work(task=task, cursor=told["cursor"], pages=told["page"] - 1, rows=told["first_row"] - 1),
        step=Step(
            task=task,
            cursor=told["cursor"],
            allowance=Allowance(rows=told["wanted_rows"], facts=told["facts"]),
            is_continued=told["is_continued"],
        ),
        request=Request(
            method=asked["method"],
            base_url=asked["base_url"],
            path=asked["path"],
            query=tuple((name, value) for name, value in asked["query"]),
            json=asked["json"],
            most_rows=asked["most_rows"],
        ),
        reply=Reply(
            status=told["status"],
            headers=told["headers"],
            body=told["body"].encode() if "body" in told else b64decode(told["body_base64"]),
            arrived_at=datetime.fromisoformat(told["at"]),
            is_delimited=told["is_delimited"],
        ),
    )
