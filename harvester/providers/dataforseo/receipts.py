"""The free question after what a lost reply was billed: POST /backlinks/id_list, searched for the request's own tag.

"Give every attempt a unique tag; search the window with metadata for that tag; found with cost > 0 = billed although
the answer was lost; not found = safe to repeat. Delay until a task shows up: unconfirmed", so it is asked late.

A request that goes on by token must be the one before it but for the token, so it has that one's tag and none of its
own: what it cost if its answer is lost cannot be found, and stays in doubt.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from harvester.errors import UnknownReply
from harvester.model import ReceiptCall, Reply, Request
from harvester.providers.dataforseo.envelope import OK, micro_dollars, told

_MOST_ROWS = 1000
#: How far this clock may be ahead of the provider's. The window ends now: "maximum value: current datetime".
_MARGIN = timedelta(minutes=5)
_SECOND = timedelta(seconds=1)


def _mark(request: Request, text: str) -> Request:
    """Return the request with the text in the one task of its POST, unless it buys nothing or goes on by token."""
    if not request.path.endswith("/live"):
        return request
    (task,) = request.json
    return request if "search_after_token" in task else replace(request, json=[{**task, "tag": text}])


def _ask(left_at: datetime, now: datetime) -> Request:
    window = {"datetime_from": _written(left_at - _MARGIN), "datetime_to": _written(now + _SECOND)}
    task = {**window, "limit": _MOST_ROWS, "offset": 0, "sort": "desc", "include_metadata": True}
    return Request(method="POST", path="/backlinks/id_list", json=[task])


def _read(reply: Reply, mark: str) -> int | None:
    """Return what the requests with that mark were billed. Raises UnknownReply if the list cannot tell."""
    said = told(reply)
    if said.code != OK and not said.is_empty:
        raise UnknownReply(said.why)
    tags = [_tags(row) for row in said.result]
    found = [row for row, known in zip(said.result, tags, strict=True) if known and mark in known]
    units = [units for row in found if (units := _billed(row)) is not None]
    if len(units) < len(found):
        raise UnknownReply(f"a task in the list that is not done, or whose cost cannot be read: {found!r:.200}")
    if not units and None in tags:
        raise UnknownReply("a task in the list does not show what was posted")
    if not units and len(tags) >= _MOST_ROWS:
        raise UnknownReply(f"the list ends after {_MOST_ROWS:,} tasks and may go on")
    return sum(units) if units else None


def _billed(row: Mapping[str, Any]) -> int | None:
    """Return what a listed task was billed; a cost of 0 counts only when it is done."""
    units = micro_dollars(row.get("cost"))
    return None if units == 0 and not row.get("datetime_done") else units


def _tags(row: Any) -> list[Any] | None:
    """Return the tag of a listed task; None if the row does not show what was posted."""
    metadata = row.get("metadata") if isinstance(row, dict) else None
    tasks: list[Any] = metadata if isinstance(metadata, list) else [metadata]
    return [task.get("tag") for task in tasks] if all(isinstance(task, dict) for task in tasks) else None


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} +00:00"


RECEIPTS = ReceiptCall(mark=_mark, ask=_ask, read=_read)
