"""What the tests of the Semrush provider share: its answers are text."""

from typing import Any

import provider_kit
from provider_kit import NOON, REPLIES, TODAY, asked, parameters, step_of, told

from harvester.model import Compiling, Exchange, Harvest, Page, Reply, Section, Step
from harvester.providers.semrush import SEMRUSH

__all__ = [
    "NOON",
    "NOTHING",
    "TODAY",
    "asked",
    "compiled",
    "page_of",
    "parameters",
    "records_of",
    "reply_of",
    "step_of",
    "stored",
    "table",
    "told",
]


NOTHING = "ERROR 50 :: NOTHING FOUND"


def compiled(report: str, *, section: Section | None = None, **harvest: Any) -> Exchange:
    """Return the exchange of a harvest of that report."""
    found = SEMRUSH.report(report)
    assert found is not None
    whole = Harvest(name="it", provider="semrush", report=report, **harvest)
    return found.compile(whole, Compiling(today=TODAY, section=section or Section()))


def reply_of(body: str | bytes, status: int = 200, **headers: str) -> Reply:
    """Return a reply; header names are written with _ for -."""
    return provider_kit.reply_of(body.encode() if isinstance(body, str) else body, status, **headers)


def stored(name: str) -> str:
    """Return a reply of the documented shape."""
    return (REPLIES / "semrush" / f"{name}.csv").read_text(encoding="utf-8")


def page_of(exchange: Exchange, body: str, step: Step | None = None) -> Page:
    """Return the page that an answer to that step is."""
    return provider_kit.page_of(exchange, body.encode(), step)


def records_of(exchange: Exchange, body: str, *targets: str) -> list[dict[str, Any]]:
    """Return the records of a first page, without the keys that hold nothing."""
    return provider_kit.records_of(exchange, body.encode(), *targets)


def table(header: str, *rows: str) -> str:
    """Return an answer of those lines."""
    return "\n".join((header, *rows)) + "\n"
