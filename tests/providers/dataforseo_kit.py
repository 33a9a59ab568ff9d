"""What the tests of the DataForSEO provider share."""

from functools import partial
from typing import Any

from provider_kit import NOON, TODAY, asked, compiled_by, page_of, records_of, reply_of, step_of, stored_json, told

from harvester.model import Exchange, Step
from harvester.providers.dataforseo import DATAFORSEO

__all__ = [
    "NOON",
    "TODAY",
    "asked",
    "compiled",
    "envelope",
    "known",
    "listed",
    "page_of",
    "read",
    "records_of",
    "reply_of",
    "step_of",
    "stored",
    "task_of",
    "told",
]


compiled = partial(compiled_by, DATAFORSEO, settings={"login": "me"})
stored = partial(stored_json, "dataforseo")
read = page_of
known = told


def task_of(exchange: Exchange, step: Step | None = None) -> dict[str, Any]:
    """Return the one task of a request."""
    request = asked(exchange, step)
    assert request.method == "POST"
    (task,) = request.json
    assert None not in task.values(), "what is not sent is left out"
    assert isinstance(task, dict)
    return task


def envelope(*result: Any, code: int = 20000, message: str = "Ok.", cost: Any = 0.024036) -> dict[str, Any]:
    """Return an answer whose task says that code; without a result it is null, as for a target without data."""
    task = {"status_code": code, "status_message": message, "cost": cost, "result": list(result) or None}
    return {"status_code": 20000, "status_message": "Ok.", "cost": cost, "tasks_error": 0, "tasks": [task]}


def listed(count: int, *, total: int | None = None, token: str | None = None) -> dict[str, Any]:
    """Return an answer with so many rows of a list."""
    items = [{"url_from": f"https://a.example/{n}", "url_to": "https://example.com/"} for n in range(count)]
    return envelope({"total_count": total, "items_count": count, "items": items, "search_after_token": token})
