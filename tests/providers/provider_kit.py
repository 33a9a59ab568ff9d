"""What the tests of all providers share: harvests, steps and replies in one line each."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from harvester.codec import dump, parse
from harvester.config import ProviderConfig
from harvester.job import Account, compile_harvest
from harvester.model import Allowance, Cursor, Exchange, Harvest, Page, Provider, Reply, Request, Step, Task

TODAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
REPLIES = Path(__file__).parent / "replies"


def compiled_by(provider: Provider, report: str, settings: Mapping[str, Any] | None = None, **harvest: Any) -> Exchange:
    """Return the exchange of a harvest of that report."""
    whole = Harvest(name="it", provider=provider.name, report=report, **harvest)
    section = ProviderConfig(name=provider.name, keys=("env:KEY",), settings=settings or {})
    return compile_harvest(whole, Account(provider=provider, config=section), TODAY).exchange


def step_of(*targets: str, cursor: Cursor | None = None, **allowance: Any) -> Step:
    task = Task(id="t1", harvest="it", targets=targets or ("example.com",))
    return Step(task=task, cursor=cursor or {}, allowance=Allowance(**allowance))


def reply_of(body: object, status: int = 200, **headers: str) -> Reply:
    """Return a reply; header names are written with _ for -."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else dump(body)
    return Reply(status=status, headers=names, body=content, arrived_at=NOON)


def stored_json(provider: str, name: str) -> Any:
    """Return a reply of the shape that was recorded or documented."""
    return parse((REPLIES / provider / f"{name}.json").read_bytes())


def asked(exchange: Exchange, step: Step | None = None) -> Request:
    request = exchange.ask(step or step_of())
    assert request is not None
    return request


def parameters(request: Request) -> dict[str, str]:
    assert len(dict(request.query)) == len(request.query)
    return dict(request.query)


def page_of(exchange: Exchange, body: object, step: Step | None = None) -> Page:
    """Return the page that an answer to that step is."""
    step = step or step_of()
    return exchange.read(step, asked(exchange, step), reply_of(body))


def records_of(exchange: Exchange, body: object, *targets: str) -> list[dict[str, Any]]:
    """Return the records of a first page, without the keys that hold nothing."""
    rows = page_of(exchange, body, step_of(*targets)).rows
    return [told(exchange.record_of(row, NOON)) for row in rows]


def told(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}
