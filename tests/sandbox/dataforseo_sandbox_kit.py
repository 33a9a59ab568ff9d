"""DataForSEO's contract without a socket: one key, a clock that stands still until it is moved."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox_kit import GENERATED

from harvester import codec
from harvester.sandbox.account import Account, Rate, Window
from harvester.sandbox.contract import Answer, Asked, Terms
from harvester.sandbox.dataforseo.service import DATAFORSEO, LOGIN, Dataforseo
from harvester.sandbox.switches import parse_switch, switched
from harvester.sandbox.world import World

RATE = Rate(calls=2000, window_s=60.0)
BASE, ROW = Decimal("0.024"), Decimal("0.000036")


def exact(body: bytes) -> Any:
    """Return JSON with its fractions as decimals, as they were written."""
    return json.loads(body, parse_float=Decimal)


def basic(login: str, password: str) -> Mapping[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'{login}:{password}'.encode()).decode()}"}


class Buyer:
    """A client of one key."""

    def __init__(self, world: World = GENERATED, *switches: str, micro_usd: int = 100_000_000) -> None:
        chosen = switched(DATAFORSEO.switches, [parse_switch(f"dataforseo.{text}") for text in switches])
        self.now = datetime(2026, 11, 21, 12, 30, 5, 123456, UTC)
        terms = Terms(rate=RATE, switches=chosen)
        self.service = Dataforseo(world, terms, clock=lambda: self.now)
        self.account = Account(key="secret", limit_units=micro_usd, window=Window(RATE))
        self._number = 0

    def send(self, path: str, body: bytes = b"", method: str = "POST") -> Answer:
        self._number += 1
        headers = basic(LOGIN, "secret")
        asked = Asked(method=method, path=path, headers=headers, body=body, number=self._number)
        return self.service.answer(asked, self.account)

    def get(self, path: str) -> Any:
        """Return the result of a GET that must be answered."""
        (task,) = exact(self.send(path, method="GET").body)["tasks"]
        assert (task["status_code"], task["cost"]) == (20000, 0)
        return task["result"]

    def post(self, name: str, *tasks: object) -> Any:
        """Return the envelope of a POST to a report."""
        answer = self.send(f"/v3/backlinks/{name}/live", codec.dump([*tasks]))
        assert answer.status == 200, answer.body
        return exact(answer.body)

    def task(self, name: str, **params: object) -> Any:
        """Return the one task of a POST, about t.example unless told otherwise."""
        usual = {} if "targets" in params else {"target": "t.example"}
        (task,) = self.post(name, {**usual, **params})["tasks"]
        return task

    def result(self, name: str, **params: object) -> Any:
        """Return the one result of a task that must succeed."""
        task = self.task(name, **params)
        assert task["status_code"] == 20000, task
        (result,) = task["result"]
        return result

    def items(self, name: str, **params: object) -> list[dict[str, Any]]:
        """Return the items of a task that must succeed."""
        items = self.result(name, **params)["items"]
        assert isinstance(items, list)
        return items

    def blame(self, name: str, **params: object) -> tuple[int, str]:
        """Return code and text of a task that must fail at no cost."""
        before = self.account.units_charged
        task = self.task(name, **params)
        assert (task["cost"], task["result"], task["result_count"]) == (0, None, 0)
        assert self.account.units_charged == before
        return task["status_code"], task["status_message"]

    def id_list(self, **params: object) -> list[dict[str, Any]]:
        """Return the tasks of November that are listed."""
        span = {"datetime_from": "2026-11-01 00:00:00 +00:00", "datetime_to": "2026-11-30 00:00:00 +00:00"}
        (task,) = exact(self.send("/v3/backlinks/id_list", codec.dump([{**span, **params}])).body)["tasks"]
        assert task["status_code"] == 20000, task
        assert isinstance(task["result"], list)
        return task["result"]


def invalid(field: str) -> tuple[int, str]:
    return 40501, f"Invalid Field: '{field}'."
