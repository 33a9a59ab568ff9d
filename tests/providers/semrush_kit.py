"""What the tests of the Semrush provider share: harvests, steps and replies in one line each."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from harvester.model import Allowance, Compiling, Cursor, Exchange, Harvest, Page, Reply, Request, Section, Step, Task
from harvester.providers.semrush import SEMRUSH

TODAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
REPLIES = Path(__file__).parent / "replies" / "semrush"
NOTHING = "ERROR 50 :: NOTHING FOUND"


def compiled(report: str, *, section: Section | None = None, **harvest: Any) -> Exchange:
    """Return the exchange of a harvest of that report."""
    found = SEMRUSH.report(report)
    assert found is not None
    whole = Harvest(name="it", provider="semrush", report=report, **harvest)
    return found.compile(whole, Compiling(today=TODAY, section=section or Section()))


def step_of(*targets: str, cursor: Cursor | None = None, **allowance: Any) -> Step:
    task = Task(id="t1", harvest="it", targets=targets or ("example.com",))
    return Step(task=task, cursor=cursor or {}, allowance=Allowance(**allowance))


def reply_of(body: str | bytes, status: int = 200, **headers: str) -> Reply:
    """Return a reply; header names are written with _ for -."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body.encode() if isinstance(body, str) else body
    return Reply(status=status, headers=names, body=content, arrived_at=NOON)


def stored(name: str) -> str:
    """Return a reply of the documented shape."""
    return (REPLIES / f"{name}.csv").read_text(encoding="utf-8")


def asked(exchange: Exchange, step: Step | None = None) -> Request:
    request = exchange.ask(step or step_of())
    assert request is not None
    return request


def parameters(request: Request) -> dict[str, str]:
    assert len(dict(request.query)) == len(request.query)
    return dict(request.query)


def page_of(exchange: Exchange, body: str, step: Step | None = None) -> Page:
    """Return the page that an answer to that step is."""
    step = step or step_of()
    return exchange.read(step, asked(exchange, step), reply_of(body))


def records_of(exchange: Exchange, body: str, *targets: str) -> list[dict[str, Any]]:
    """Return the records of a first page, without the keys that hold nothing."""
    rows = page_of(exchange, body, step_of(*targets)).rows
    return [told(exchange.record_of(row, NOON)) for row in rows]


def told(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}


def table(header: str, *rows: str) -> str:
    """Return an answer of those lines."""
    return "\n".join((header, *rows)) + "\n"
