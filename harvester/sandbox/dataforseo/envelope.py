"""The envelope around every answer (reference, section 2), and money in it without a float on the way."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harvester import codec
from harvester.errors import ConfigError
from harvester.sandbox.contract import JSON_TYPE, Answer
from harvester.sandbox.dataforseo.terms import MESSAGES

_VERSION = "0.1.20260717"
_MICRO = 1_000_000
_USD = re.compile(r"(\d{1,9})(?:\.(\d{1,6}))?")


@dataclass(frozen=True, slots=True)
class Usd:
    """An amount in whole micro-dollars that is written as a decimal number of dollars."""

    micro: int

    def __str__(self) -> str:
        whole, rest = divmod(abs(self.micro), _MICRO)
        sign = "-" if self.micro < 0 else ""
        return f"{sign}{whole}.{rest:06d}".rstrip("0").rstrip(".")


class Dumped(bytes):
    """A value that is JSON text already."""


def micro_usd(text: str, *, what: str) -> int:
    """Return the micro-dollars that a decimal number of dollars stands for. Raises ConfigError naming `what`."""
    match = _USD.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"switch dataforseo.{what} = {text!r}: expected dollars with up to six decimals, such as 0.024"
        )
    return int(match[1]) * _MICRO + int((match[2] or "").ljust(6, "0"))


def written(value: object) -> bytes:
    """Return a value as JSON text; amounts come out exactly."""
    if isinstance(value, Usd):
        return str(value).encode()
    if isinstance(value, Dumped):
        return bytes(value)
    if isinstance(value, Mapping):
        return b"{%b}" % b",".join(b"%b:%b" % (codec.dump(name), written(part)) for name, part in value.items())
    if isinstance(value, list | tuple):
        return b"[%b]" % b",".join(map(written, value))
    return codec.dump(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one task."""

    code: int = 20000
    message: str = MESSAGES[20000]
    cost_micro: int = 0
    result: Any = None  #: JSON text or anything `written` takes
    result_count: int = 0
    rows: int = 0

    @property
    def is_error(self) -> bool:
        return self.code != 20000


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task as it is told to the client."""

    id: str
    path: Sequence[str]
    data: Dumped  #: what was sent, as JSON text
    outcome: Outcome
    time_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the element of `tasks`."""
        outcome = self.outcome
        return {
            "id": self.id,
            "status_code": outcome.code,
            "status_message": outcome.message,
            "time": _time(0.0 if outcome.is_error else self.time_s),
            "cost": Usd(outcome.cost_micro),
            "result_count": outcome.result_count,
            "path": [*self.path],
            "data": self.data,
            "result": outcome.result,
        }


def envelope(tasks: Sequence[Task], headers: Mapping[str, str]) -> Answer:
    """Return the answer to a request whose tasks were looked at; HTTP 200 whatever became of them."""
    body = {
        **_head(20000, MESSAGES[20000], sum(task.time_s for task in tasks) + 0.0592),
        "cost": Usd(sum(task.outcome.cost_micro for task in tasks)),
        "tasks_count": len(tasks),
        "tasks_error": sum(task.outcome.is_error for task in tasks),
        "tasks": [task.as_json() for task in tasks],
    }
    rows = sum(task.outcome.rows for task in tasks)
    return Answer(status=200, body=written(body), headers={"Content-Type": JSON_TYPE, **headers}, rows=rows)


def refused(status: int, code: int, message: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """Return the answer to a request that was refused before any task: `tasks` is null."""
    head = _head(code, message or MESSAGES[code], 0.0)
    body = {**head, "cost": Usd(0), "tasks_count": 0, "tasks_error": 0, "tasks": None}
    return Answer(status=status, body=written(body), headers={"Content-Type": JSON_TYPE, **(headers or {})})


def _head(code: int, message: str, time_s: float) -> dict[str, Any]:
    return {"version": _VERSION, "status_code": code, "status_message": message, "time": _time(time_s)}


def _time(time_s: float) -> str:
    return f"{time_s:.4f} sec." if time_s else "0 sec."
