"""What the tests of the Serpstat provider share: harvests, steps and replies in one line each."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from harvester.codec import dump, parse
from harvester.config import ProviderConfig
from harvester.job import Account, compile_harvest
from harvester.model import Allowance, Cursor, Exchange, Harvest, Page, Reply, Request, Row, Step, Task
from harvester.providers.serpstat import SERPSTAT

TODAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
REPLIES = Path(__file__).parent / "replies" / "serpstat"


def compiled(report: str, *, settings: Mapping[str, Any] | None = None, **harvest: Any) -> Exchange:
    """Return the exchange of a harvest of that report."""
    whole = Harvest(name="it", provider="serpstat", report=report, **harvest)
    section = ProviderConfig(name="serpstat", keys=("env:KEY",), settings=settings or {})
    return compile_harvest(whole, Account(provider=SERPSTAT, config=section), TODAY).exchange


def step_of(*targets: str, cursor: Cursor | None = None, **allowance: Any) -> Step:
    task = Task(id="t1", harvest="it", targets=targets or ("example.com",))
    return Step(task=task, cursor=cursor or {}, allowance=Allowance(**allowance))


def reply_of(body: object, status: int = 200, **headers: str) -> Reply:
    """Return a reply; header names are written with _ for -."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else dump(body)
    return Reply(status=status, headers=names, body=content, arrived_at=NOON)


def stored(name: str) -> Any:
    """Return a reply of the documented shape."""
    return parse((REPLIES / f"{name}.json").read_bytes())


def listed(data: object, **summary: object) -> dict[str, Any]:
    """Return the answer of a list method."""
    return {"id": "harvester", "result": {"data": data, "summary_info": {"left_lines": 972850, **summary}}}


def error(code: object, message: object) -> dict[str, Any]:
    return {"id": "harvester", "error": {"code": code, "message": message}}


def asked(exchange: Exchange, step: Step | None = None) -> Request:
    request = exchange.ask(step or step_of())
    assert request is not None
    return request


def params(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = request.json["params"]
    return found


def page_of(exchange: Exchange, body: object, step: Step | None = None) -> Page:
    step = step or step_of()
    return exchange.read(step, asked(exchange, step), reply_of(body))


def records_of(exchange: Exchange, body: object, *targets: str) -> list[dict[str, Any]]:
    """Return the records of a first page, without the keys that hold nothing."""
    rows: Sequence[Row] = page_of(exchange, body, step_of(*targets)).rows
    return [told(exchange.record_of(row, NOON)) for row in rows]


def told(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}
