"""What the tests of the DataForSEO provider share: harvests, steps and replies in one line each."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from harvester.codec import dump, parse
from harvester.model import Allowance, Compiling, Cursor, Exchange, Harvest, Page, Reply, Request, Row, Step, Task
from harvester.providers.dataforseo import DATAFORSEO

TODAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
REPLIES = Path(__file__).parent / "replies" / "dataforseo"


def compiled(report: str, **harvest: Any) -> Exchange:
    """Return the exchange of a harvest of that report."""
    found = DATAFORSEO.report(report)
    assert found is not None
    return found.compile(Harvest(name="it", provider="dataforseo", report=report, **harvest), Compiling(today=TODAY))


def step_of(*targets: str, cursor: Cursor | None = None, **allowance: Any) -> Step:
    task = Task(id="t1", harvest="it", targets=targets or ("example.com",))
    return Step(task=task, cursor=cursor or {}, allowance=Allowance(**allowance))


def asked(exchange: Exchange, step: Step | None = None) -> Request:
    request = exchange.ask(step or step_of())
    assert request is not None
    return request


def task_of(exchange: Exchange, step: Step | None = None) -> dict[str, Any]:
    """Return the one task of a request."""
    request = asked(exchange, step)
    assert request.method == "POST"
    (task,) = request.json
    assert None not in task.values(), "what is not sent is left out"
    assert isinstance(task, dict)
    return task


def reply_of(body: object, status: int = 200, at: datetime = NOON) -> Reply:
    content = body if isinstance(body, bytes) else dump(body)
    return Reply(status=status, headers={}, body=content, arrived_at=at)


def envelope(*result: Any, code: int = 20000, message: str = "Ok.", cost: Any = 0.024036) -> dict[str, Any]:
    """Return an answer whose task says that code; without a result it is null, as for a target without data."""
    task = {"status_code": code, "status_message": message, "cost": cost, "result": list(result) or None}
    return {"status_code": 20000, "status_message": "Ok.", "cost": cost, "tasks_error": 0, "tasks": [task]}


def listed(count: int, *, total: int | None = None, token: str | None = None) -> dict[str, Any]:
    """Return an answer with so many rows of a list."""
    items = [{"url_from": f"https://a.example/{n}", "url_to": "https://example.com/"} for n in range(count)]
    return envelope({"total_count": total, "items_count": count, "items": items, "search_after_token": token})


def stored(name: str) -> Any:
    """Return a reply of the shape that was recorded or documented."""
    return parse((REPLIES / f"{name}.json").read_bytes())


def read(exchange: Exchange, body: object, step: Step | None = None) -> Page:
    """Return the page of an answer to a step."""
    step = step or step_of()
    return exchange.read(step, asked(exchange, step), reply_of(body))


def records_of(exchange: Exchange, body: object, *targets: str) -> list[dict[str, Any]]:
    """Return the records of a first page, without the keys that hold nothing."""
    rows: Sequence[Row] = read(exchange, body, step_of(*targets)).rows
    return [known(exchange.record_of(row, NOON)) for row in rows]


def known(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}
