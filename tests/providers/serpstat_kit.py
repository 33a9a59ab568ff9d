"""What the tests of the Serpstat provider share."""

from functools import partial
from typing import Any

from provider_kit import NOON, TODAY, asked, compiled_by, page_of, records_of, reply_of, step_of, stored_json, told

from harvester.model import Request
from harvester.providers.serpstat import SERPSTAT

__all__ = [
    "NOON",
    "TODAY",
    "asked",
    "compiled",
    "error",
    "listed",
    "page_of",
    "params",
    "records_of",
    "reply_of",
    "step_of",
    "stored",
    "told",
]


compiled = partial(compiled_by, SERPSTAT)
stored = partial(stored_json, "serpstat")


def listed(data: object, **summary: object) -> dict[str, Any]:
    """Return the answer of a list method."""
    return {"id": "harvester", "result": {"data": data, "summary_info": {"left_lines": 972850, **summary}}}


def error(code: object, message: object) -> dict[str, Any]:
    return {"id": "harvester", "error": {"code": code, "message": message}}


def params(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = request.json["params"]
    return found
